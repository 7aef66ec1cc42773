/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A look at a configuration's text before libconfig reads it
 *
 * libconfig 1.5 cuts integers to 32 bits without a word, recurses as deep as the text is nested and opens whatever an
 * @include names. This walks over the same tokens (strings, comments, numbers) and refuses all three.
 */
#include "config/scan.h"

#include <ctype.h>
#include <errno.h>

#define DEPTH_MAX 32

struct scan {
    const char *name, *p, *end;
    unsigned line, depth;
    struct strv *includes;
    struct err *err;
};

static int refuse(struct scan *s, const char *words)
{
    return err_set(s->err, -EINVAL, "%s:%u: %s", s->name, s->line, words);
}

static bool at(const struct scan *s, const char *word)
{
    size_t n = strlen(word);
    return (size_t)(s->end - s->p) >= n && memcmp(s->p, word, n) == 0;
}

static void step(struct scan *s)
{
    if (*s->p == '\n')
        s->line++;
    s->p++;
}

static void skip_line(struct scan *s)
{
    while (s->p < s->end && *s->p != '\n')
        s->p++;
}

static int skip_comment(struct scan *s)
{
    unsigned from = s->line;
    for (s->p += 2; s->p < s->end; step(s))
        if (at(s, "*/")) {
            s->p += 2;
            return 0;
        }
    s->line = from;
    return refuse(s, "the comment that begins here has no end");
}

static int skip_string(struct scan *s)
{
    unsigned from = s->line;
    for (s->p++; s->p < s->end; step(s)) {
        if (*s->p == '\\' && s->p + 1 < s->end)
            step(s);
        else if (*s->p == '"') {
            s->p++;
            return 0;
        }
    }
    s->line = from;
    return refuse(s, "the string that begins here has no end");
}

/* A number is what begins with a digit or a sign and goes on with letters, digits and points. */
static int check_number(struct scan *s)
{
    _cleanup_(buf_fini) struct buf b = {0};
    do
        buf_addc(&b, *s->p++);
    while (s->p < s->end && (isalnum((unsigned char)*s->p) || *s->p == '.' ||
                             ((*s->p == '-' || *s->p == '+') && tolower(s->p[-1]) == 'e')));
    bool wide = b.s[b.len - 1] == 'L';
    while (b.len > 1 && b.s[b.len - 1] == 'L')
        b.s[--b.len] = '\0';
    const char *digits = b.s + strspn(b.s, "+-");
    bool hex = digits[0] == '0' && tolower(digits[1]) == 'x';
    if (!hex && !str_only(digits, "0123456789")) /* a fraction, or what libconfig refuses */
        return 0;
    errno = 0;
    long long v = strtoll(b.s, NULL, hex ? 16 : 10);
    if (errno == ERANGE)
        return refuse(s, "the number does not fit into 64 bits");
    if (!wide && (v > INT32_MAX || v < INT32_MIN))
        return refuse(s, "a number beyond 32 bits needs an L behind it (5000000000L)");
    return 0;
}

static int check_include(struct scan *s)
{
    const char *eol = memchr(s->p, '\n', (size_t)(s->end - s->p));
    const char *from = memchr(s->p, '"', (size_t)((eol ? eol : s->end) - s->p));
    const char *to = from ? memchr(from + 1, '"', (size_t)((eol ? eol : s->end) - from - 1)) : NULL;
    if (!to)
        return refuse(s, "@include needs a file name in quotes: @include \"more.conf\"");
    _cleanup_(freep) char *file = xstrndup(from + 1, (size_t)(to - from - 1));
    if (*file == '/' || !*file || strchr(file, '\\') || str_eq(file, "..") ||
        str_after(file, "../") || strstr(file, "/../") || str_ends(file, "/.."))
        return refuse(s, "@include stays inside the configuration's own directory: a relative "
                         "name without \"..\"");
    strv_add(s->includes, file);
    s->p = to + 1;
    return 0;
}

static int check_bracket(struct scan *s)
{
    bool opens = strchr("{[(", *s->p);
    s->p++;
    if (!opens) {
        s->depth -= s->depth > 0;
        return 0;
    }
    return ++s->depth > DEPTH_MAX ? refuse(s, "more than 32 groups or lists within each other") : 0;
}

static int check_token(struct scan *s)
{
    unsigned char c = (unsigned char)*s->p;
    if (c == '#' || at(s, "//")) {
        skip_line(s);
        return 0;
    }
    if (at(s, "/*"))
        return skip_comment(s);
    if (c == '"')
        return skip_string(s);
    if (at(s, "@include"))
        return check_include(s);
    if (strchr("{}[]()", c))
        return check_bracket(s);
    if (isdigit(c) || c == '-' || c == '+')
        return check_number(s);
    if (!isalpha(c)) {
        step(s);
        return 0;
    }
    while (s->p < s->end && (isalnum((unsigned char)*s->p) || strchr("-_*", *s->p)))
        s->p++;
    return 0;
}

int config_scan(const char *name, const char *text, size_t n, struct strv *includes,
                struct err *err)
{
    struct scan s = {name, text, text + n, 1, 0, includes, err};
    if (memchr(text, '\0', n))
        return err_set(err, -EINVAL, "%s: is not text (it has NUL bytes)", name);
    while (s.p < s.end) {
        int r = check_token(&s);
        if (r < 0)
            return r;
    }
    return 0;
}
