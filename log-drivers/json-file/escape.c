/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON strings
 *
 * Nearly all output is plain ASCII: it is passed over eight bytes at a time and copied in runs.
 */
#include "escape.h"

#include <stdbool.h>
#include <stdint.h>

#include "common/bytes.h"

#define RUNE_ERROR 1

static bool is_plain(unsigned char c)
{
    return c >= 0x20 && c < 0x80 && c != '"' && c != '\\' && c != '<' && c != '>' && c != '&';
}

/* Whether one of eight bytes is not plain. */
static bool is_special(uint64_t w)
{
    return ((w & BYTES_HIGHS) | BYTES_BELOW(w, 0x20) | BYTES_HAVE(w, '"') | BYTES_HAVE(w, '\\') |
            BYTES_HAVE(w, '<') | BYTES_HAVE(w, '>') | BYTES_HAVE(w, '&')) != 0;
}

static size_t plain_run(const char *s, size_t n)
{
    size_t i = 0;
    for (; n - i >= 8; i += 8) {
        uint64_t w;
        memcpy(&w, s + i, 8);
        if (is_special(w))
            break;
    }
    while (i < n && is_plain((unsigned char)s[i]))
        i++;
    return i;
}

static bool in(unsigned char c, unsigned char low, unsigned char high)
{
    return c >= low && c <= high;
}

/* Length of the UTF-8 sequence at s, or RUNE_ERROR where it is none (RFC 3629, as Go's utf8.DecodeRune). */
static size_t rune_len(const unsigned char *s, size_t n)
{
    unsigned char low = 0x80, high = 0xbf;
    size_t len = in(s[0], 0xc2, 0xdf) ? 2 : in(s[0], 0xe0, 0xef) ? 3 : in(s[0], 0xf0, 0xf4) ? 4 : 0;
    if (!len || n < len)
        return RUNE_ERROR;
    if (s[0] == 0xe0)
        low = 0xa0;
    else if (s[0] == 0xf0)
        low = 0x90;
    else if (s[0] == 0xed)
        high = 0x9f;
    else if (s[0] == 0xf4)
        high = 0x8f;
    if (!in(s[1], low, high))
        return RUNE_ERROR;
    for (size_t i = 2; i < len; i++)
        if (!in(s[i], 0x80, 0xbf))
            return RUNE_ERROR;
    return len;
}

static void add_ascii(struct buf *out, unsigned char c, bool attr)
{
    static const char hex[] = "0123456789abcdef";
    char u[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
    char letter = c == '"' || c == '\\' ? (char)c : c == '\n' ? 'n' : c == '\r' ? 'r' : 0;
    if (attr && !letter)
        letter = c == '\t' ? 't' : c == '\b' ? 'b' : c == '\f' ? 'f' : 0;
    if (!letter) {
        buf_add(out, u, 6);
        return;
    }
    u[1] = letter;
    buf_add(out, u, 2);
}

static size_t add_rune(struct buf *out, const char *s, size_t n)
{
    size_t len = rune_len((const unsigned char *)s, n);
    if (len == RUNE_ERROR)
        buf_add(out, "\\ufffd", 6);
    else if (len == 3 && memcmp(s, "\xe2\x80\xa8", 3) == 0)
        buf_add(out, "\\u2028", 6);
    else if (len == 3 && memcmp(s, "\xe2\x80\xa9", 3) == 0)
        buf_add(out, "\\u2029", 6);
    else
        buf_add(out, s, len);
    return len;
}

static void escape(struct buf *out, const char *s, size_t n, bool attr)
{
    while (n) {
        size_t used = plain_run(s, n);
        buf_add(out, s, used);
        if (used < n && (unsigned char)s[used] < 0x80) {
            add_ascii(out, (unsigned char)s[used], attr);
            used++;
        } else if (used < n) {
            used += add_rune(out, s + used, n - used);
        }
        s += used;
        n -= used;
    }
}

void escape_log(struct buf *out, const char *s, size_t n)
{
    escape(out, s, n, false);
}

void escape_attr(struct buf *out, const char *s, size_t n)
{
    escape(out, s, n, true);
}
