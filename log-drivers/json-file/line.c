/* SPDX-License-Identifier: Apache-2.0 */
/* One line of a log file, read. */
#include "line.h"

#include <errno.h>

#include "berth/log.h"
#include "common/attrs.h"
#include "common/bytes.h"
#include "common/util.h"

#define NESTING_MAX 32

struct cursor {
    const char *p, *end;
};

/* The inside of a string as it stands in the file. */
struct raw {
    const char *p;
    size_t n;
    const char *escape; /* the first backslash; NULL: none */
};

void line_fini(struct line *line)
{
    buf_fini(&line->buf);
    buf_fini(&line->attributes);
}

static void skip_space(struct cursor *c)
{
    while (c->p < c->end && (*c->p == ' ' || *c->p == '\t' || *c->p == '\r'))
        c->p++;
}

static bool take(struct cursor *c, char what)
{
    skip_space(c);
    if (c->p == c->end || *c->p != what)
        return false;
    c->p++;
    return true;
}

static int hex4(struct cursor *c, unsigned *out)
{
    if (c->end - c->p < 4)
        return -EBADMSG;
    *out = 0;
    for (int i = 0; i < 4; i++) {
        char d = *c->p++;
        unsigned v = d >= '0' && d <= '9'   ? (unsigned)(d - '0')
                     : d >= 'a' && d <= 'f' ? (unsigned)(d - 'a' + 10)
                     : d >= 'A' && d <= 'F' ? (unsigned)(d - 'A' + 10)
                                            : 16;
        if (v > 15)
            return -EBADMSG;
        *out = *out * 16 + v;
    }
    return 0;
}

static void add_utf8(struct buf *out, unsigned r)
{
    unsigned char u[4];
    size_t n = r < 0x80 ? 1 : r < 0x800 ? 2 : r < 0x10000 ? 3 : 4;
    static const unsigned char lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = n; i-- > 1; r >>= 6)
        u[i] = (unsigned char)(0x80 | (r & 0x3f));
    u[0] = (unsigned char)(lead[n] | r);
    buf_add(out, u, n);
}

/* After "\u"; half of a surrogate pair alone is U+FFFD. */
static int take_rune(struct cursor *c, struct buf *out)
{
    unsigned r, low;
    if (hex4(c, &r) < 0)
        return -EBADMSG;
    if (r >= 0xd800 && r < 0xe000) {
        struct cursor ahead = *c;
        bool pair =
            r < 0xdc00 && ahead.end - ahead.p >= 6 && ahead.p[0] == '\\' && ahead.p[1] == 'u';
        ahead.p += pair ? 2 : 0;
        if (pair && hex4(&ahead, &low) == 0 && low >= 0xdc00 && low < 0xe000) {
            *c = ahead;
            r = 0x10000 + ((r - 0xd800) << 10) + (low - 0xdc00);
        } else {
            r = 0xfffd;
        }
    }
    add_utf8(out, r);
    return 0;
}

/* After the backslash. */
static int take_escape(struct cursor *c, struct buf *out)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    if (c->p == c->end)
        return -EBADMSG;
    char e = *c->p++;
    if (e == 'u')
        return take_rune(c, out);
    const char *at = e ? strchr(from, e) : NULL;
    if (!at)
        return -EBADMSG;
    buf_add(out, &to[at - from], 1);
    return 0;
}

/* A byte that ends a run of plain ones in a string: a quote, a backslash, a control character. */
static bool is_stop(uint64_t w)
{
    return (BYTES_HAVE(w, '"') | BYTES_HAVE(w, '\\') | BYTES_BELOW(w, 0x20)) != 0;
}

static const char *plain_end(const char *p, const char *end)
{
    for (; end - p >= 8; p += 8) {
        uint64_t w;
        memcpy(&w, p, 8);
        if (is_stop(w))
            break;
    }
    while (p < end && *p != '"' && *p != '\\' && (unsigned char)*p >= 0x20)
        p++;
    return p;
}

static int take_raw(struct cursor *c, struct raw *out)
{
    if (!take(c, '"'))
        return -EBADMSG;
    *out = (struct raw){.p = c->p};
    for (;;) {
        c->p = plain_end(c->p, c->end);
        if (c->p == c->end || (unsigned char)*c->p < 0x20)
            return -EBADMSG;
        if (*c->p == '"')
            break;
        if (!out->escape)
            out->escape = c->p;
        c->p += 2;
        if (c->p > c->end)
            return -EBADMSG;
    }
    out->n = (size_t)(c->p++ - out->p);
    return 0;
}

/* Appends what the string means. */
static int unescape(const struct raw *raw, struct buf *out)
{
    struct cursor c = {raw->p, raw->p + raw->n};
    while (c.p < c.end) {
        const char *from = c.p;
        c.p = memchr(from, '\\', (size_t)(c.end - from));
        if (!c.p)
            c.p = c.end;
        buf_add(out, from, (size_t)(c.p - from));
        if (c.p == c.end)
            break;
        c.p++;
        int r = take_escape(&c, out);
        if (r < 0)
            return r;
    }
    return out->failed ? -ENOMEM : 0;
}

/* A string, appended to *out (NULL: passed over). */
static int take_string(struct cursor *c, struct buf *out)
{
    _cleanup_(buf_fini) struct buf unused = {0};
    struct raw raw;
    if (take_raw(c, &raw) < 0)
        return -EBADMSG;
    return unescape(&raw, out ? out : &unused);
}

static bool is_scalar(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '-' || c == '+' || c == '.' ||
           c == 'E';
}

static int skip_value(struct cursor *c, int depth)
{
    skip_space(c);
    if (c->p == c->end || depth > NESTING_MAX)
        return -EBADMSG;
    if (*c->p == '"')
        return take_string(c, NULL);
    if (*c->p != '{' && *c->p != '[') {
        const char *from = c->p;
        while (c->p < c->end && is_scalar(*c->p))
            c->p++;
        return c->p > from ? 0 : -EBADMSG;
    }
    bool object = *c->p++ == '{';
    char close = object ? '}' : ']';
    if (take(c, close))
        return 0;
    do {
        if (object && (take_string(c, NULL) < 0 || !take(c, ':')))
            return -EBADMSG;
        if (skip_value(c, depth + 1) < 0)
            return -EBADMSG;
    } while (take(c, ','));
    return take(c, close) ? 0 : -EBADMSG;
}

static int take_attrs(struct cursor *c, struct attrs *attrs)
{
    if (!take(c, '{'))
        return skip_value(c, 0); /* null */
    if (take(c, '}'))
        return 0;
    do {
        _cleanup_(buf_fini) struct buf key = {0}, value = {0};
        if (take_string(c, &key) < 0 || !take(c, ':') || take_string(c, &value) < 0)
            return -EBADMSG;
        int r = attrs_set(attrs, key.p ? key.p : "", key.n, value.p ? value.p : "", value.n);
        if (r < 0)
            return r;
    } while (take(c, ','));
    return take(c, '}') ? 0 : -EBADMSG;
}

/* As Go's url.QueryEscape. */
static void add_query(struct buf *out, const char *s)
{
    static const char hex[] = "0123456789ABCDEF";
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        const char escaped[3] = {'%', hex[c >> 4], hex[c & 15]};
        bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                     c == '-' || c == '_' || c == '.' || c == '~';
        if (plain)
            buf_add(out, s, 1);
        else if (c == ' ')
            buf_add(out, "+", 1);
        else
            buf_add(out, escaped, 3);
    }
}

static int print_attrs(struct buf *out, const struct attrs *attrs)
{
    for (size_t i = 0; i < attrs->n; i++) {
        if (i)
            buf_add(out, ",", 1);
        add_query(out, attrs->list[i].key);
        buf_add(out, "=", 1);
        add_query(out, attrs->list[i].value);
    }
    buf_add(out, "", 1);
    return out->failed ? -ENOMEM : 0;
}

/* A string that is compared or parsed: as it stands where nothing is escaped in it, else unescaped into *tmp. */
static int take_word(struct cursor *c, struct buf *tmp, struct raw *word)
{
    if (take_raw(c, word) < 0)
        return -EBADMSG;
    if (!word->escape)
        return 0;
    tmp->n = 0;
    int r = unescape(word, tmp);
    *word = (struct raw){.p = tmp->p, .n = tmp->n};
    return r;
}

static bool is(const struct raw *word, const char *s)
{
    return word->n == strlen(s) && memcmp(word->p, s, word->n) == 0;
}

static int take_time(struct cursor *c, struct line *line)
{
    _cleanup_(buf_fini) struct buf tmp = {0};
    struct raw word;
    if (take_word(c, &tmp, &word) < 0 || !word.p)
        return -EBADMSG;
    int r = timestamp_parse(&line->clock, word.p, word.n, &line->time_ns);
    return r < 0 ? -EBADMSG : 0;
}

static int take_stream(struct cursor *c, uint32_t *stream)
{
    _cleanup_(buf_fini) struct buf tmp = {0};
    struct raw word;
    if (take_word(c, &tmp, &word) < 0)
        return -EBADMSG;
    *stream = word.n && is(&word, "stderr") ? BERTH_STDERR : BERTH_STDOUT;
    return 0;
}

/* Nearly always nothing is escaped but the newline at the end: the text stays where it is. */
static int take_log(struct cursor *c, struct line *line)
{
    struct raw raw;
    if (take_raw(c, &raw) < 0)
        return -EBADMSG;
    line->text = raw.p;
    line->len = raw.n;
    line->newline =
        raw.escape && raw.n >= 2 && raw.escape == raw.p + raw.n - 2 && raw.escape[1] == 'n';
    if (line->newline)
        line->len -= 2;
    if (!raw.escape || line->newline)
        return 0;
    line->buf.n = 0;
    int r = unescape(&raw, &line->buf);
    line->newline = line->buf.n > 0 && line->buf.p[line->buf.n - 1] == '\n';
    line->text = line->buf.p ? line->buf.p : "";
    line->len = line->buf.n - line->newline;
    return r;
}

static int take_member(struct cursor *c, struct line *line, struct attrs *attrs, bool *timed)
{
    _cleanup_(buf_fini) struct buf tmp = {0};
    struct raw key;
    if (take_word(c, &tmp, &key) < 0 || !take(c, ':'))
        return -EBADMSG;
    if (is(&key, "log"))
        return take_log(c, line);
    if (is(&key, "stream"))
        return take_stream(c, &line->stream);
    if (is(&key, "attrs"))
        return take_attrs(c, attrs);
    if (!is(&key, "time"))
        return skip_value(c, 0);
    *timed = true;
    return take_time(c, line);
}

int line_parse(struct line *line, const char *s, size_t n)
{
    _cleanup_(attrs_fini) struct attrs attrs = {0};
    struct cursor c = {s, s + n};
    bool timed = false;
    line->text = "";
    line->len = line->attributes.n = 0;
    line->newline = false;
    line->stream = BERTH_STDOUT;
    if (!take(&c, '{'))
        return -EBADMSG;
    do {
        int r = take_member(&c, line, &attrs, &timed);
        if (r < 0)
            return r;
    } while (take(&c, ','));
    if (!take(&c, '}') || !timed)
        return -EBADMSG;
    skip_space(&c);
    if (c.p != c.end)
        return -EBADMSG;
    return attrs.n ? print_attrs(&line->attributes, &attrs) : 0;
}
