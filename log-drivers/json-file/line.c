/* SPDX-License-Identifier: Apache-2.0 */
/* One line of a log file, read. */
#include "line.h"

#include <errno.h>

#include "berth/log.h"
#include "common/attrs.h"
#include "common/timestamp.h"
#include "common/util.h"

#define NESTING_MAX 32

struct cursor {
    const char *p, *end;
};

void line_fini(struct line *line)
{
    buf_fini(&line->log);
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

/* A string, appended to *out (NULL: passed over). */
static int take_string(struct cursor *c, struct buf *out)
{
    _cleanup_(buf_fini) struct buf unused = {0};
    if (!out)
        out = &unused;
    if (!take(c, '"'))
        return -EBADMSG;
    for (;;) {
        const char *from = c->p;
        while (c->p < c->end && *c->p != '"' && *c->p != '\\' && (unsigned char)*c->p >= 0x20)
            c->p++;
        buf_add(out, from, (size_t)(c->p - from));
        if (c->p == c->end || (unsigned char)*c->p < 0x20)
            return -EBADMSG;
        if (*c->p++ == '"')
            return out->failed ? -ENOMEM : 0;
        int r = take_escape(c, out);
        if (r < 0)
            return r;
    }
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

static bool is(const struct buf *b, const char *s)
{
    return b->n == strlen(s) && memcmp(b->p, s, b->n) == 0;
}

static int take_time(struct cursor *c, int64_t *time_ns)
{
    _cleanup_(buf_fini) struct buf text = {0};
    if (take_string(c, &text) < 0 || !text.p)
        return -EBADMSG;
    return timestamp_parse(text.p, text.n, time_ns) < 0 ? -EBADMSG : 0;
}

static int take_stream(struct cursor *c, uint32_t *stream)
{
    _cleanup_(buf_fini) struct buf text = {0};
    if (take_string(c, &text) < 0)
        return -EBADMSG;
    *stream = text.p && is(&text, "stderr") ? BERTH_STDERR : BERTH_STDOUT;
    return 0;
}

static int take_member(struct cursor *c, struct line *line, struct attrs *attrs, bool *timed)
{
    _cleanup_(buf_fini) struct buf key = {0};
    if (take_string(c, &key) < 0 || !take(c, ':'))
        return -EBADMSG;
    if (is(&key, "log")) {
        line->log.n = 0;
        return take_string(c, &line->log);
    }
    if (is(&key, "stream"))
        return take_stream(c, &line->stream);
    if (is(&key, "attrs"))
        return take_attrs(c, attrs);
    if (!is(&key, "time"))
        return skip_value(c, 0);
    *timed = true;
    return take_time(c, &line->time_ns);
}

int line_parse(struct line *line, const char *s, size_t n)
{
    _cleanup_(attrs_fini) struct attrs attrs = {0};
    struct cursor c = {s, s + n};
    bool timed = false;
    line->log.n = line->attributes.n = 0;
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
