/* SPDX-License-Identifier: Apache-2.0 */
/*
 * UTF-8
 *
 * The tables of characters are libc's, by its built-in locale C.UTF-8, not the user's: output must not depend on LANG. Where libc
 * has no such locale, characters beyond ASCII are one cell wide and have no case.
 */
#include "base/utf8.h"

#include <ctype.h>
#include <locale.h>
#include <wchar.h>
#include <wctype.h>

/* Loaded once; lives until the process ends. */
static locale_t tables(void)
{
    static locale_t loaded;
    static bool tried;
    if (!tried)
        loaded = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    tried = true;
    return loaded;
}

static size_t sequence_length(unsigned char lead)
{
    return lead < 0x80   ? 1
           : lead < 0xC2 ? 0
           : lead < 0xE0 ? 2
           : lead < 0xF0 ? 3
           : lead < 0xF5 ? 4
                         : 0;
}

size_t utf8_next(const char *s, size_t n, uint32_t *c)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t len = sequence_length((unsigned char)*s);
    uint32_t code = len == 1 ? (unsigned char)*s : (unsigned char)*s & (0x7Fu >> len);
    bool bad = len == 0 || len > n;
    for (size_t i = 1; !bad && i < len; i++) {
        bad = ((unsigned char)s[i] & 0xC0) != 0x80;
        code = code << 6 | ((unsigned char)s[i] & 0x3F);
    }
    bad = bad || code < least[len] || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF);
    *c = bad ? UTF8_BAD : code;
    return bad ? 1 : len;
}

void utf8_add(struct buf *b, uint32_t c)
{
    if (c < 0x80) {
        buf_addc(b, (char)c);
    } else if (c < 0x800) {
        buf_addc(b, (char)(0xC0 | c >> 6));
        buf_addc(b, (char)(0x80 | (c & 63)));
    } else if (c < 0x10000) {
        buf_addc(b, (char)(0xE0 | c >> 12));
        buf_addc(b, (char)(0x80 | (c >> 6 & 63)));
        buf_addc(b, (char)(0x80 | (c & 63)));
    } else if (c <= 0x10FFFF) {
        buf_addc(b, (char)(0xF0 | c >> 18));
        buf_addc(b, (char)(0x80 | (c >> 12 & 63)));
        buf_addc(b, (char)(0x80 | (c >> 6 & 63)));
        buf_addc(b, (char)(0x80 | (c & 63)));
    } else {
        buf_adds(b, "\xEF\xBF\xBD");
    }
}

size_t utf8_offset(const char *s, size_t n, size_t chars)
{
    size_t at = 0;
    uint32_t c;
    while (at < n && chars-- > 0)
        at += utf8_next(s + at, n - at, &c);
    return at;
}

bool utf8_valid(const char *s, size_t n)
{
    uint32_t c = 0;
    for (size_t at = 0; at < n && c != UTF8_BAD;)
        at += utf8_next(s + at, n - at, &c);
    return c != UTF8_BAD;
}

size_t utf8_count(const char *s, size_t n)
{
    size_t count = 0;
    uint32_t c;
    for (size_t at = 0; at < n; count++)
        at += utf8_next(s + at, n - at, &c);
    return count;
}

size_t utf8_width(uint32_t c)
{
    if (c < 0x7F)
        return c >= 0x20;
    locale_t t = tables();
    if (c == UTF8_BAD || !t)
        return 1;
    locale_t before = uselocale(t);
    int w = wcwidth((wchar_t)c);
    uselocale(before);
    return w > 0 ? (size_t)w : 0;
}

/* Spaces but the plain one, marks that format, and what has no meaning of its own: as Go, these are not printed. */
static bool is_unseen(uint32_t c)
{
    static const uint32_t ranges[][2] = {{0xA0, 0xA0},     {0xAD, 0xAD},     {0x1680, 0x1680},
                                         {0x180E, 0x180E}, {0x2000, 0x200F}, {0x2028, 0x202F},
                                         {0x205F, 0x206F}, {0x3000, 0x3000}, {0xE000, 0xF8FF},
                                         {0xFEFF, 0xFEFF}, {0xFFF9, 0xFFFB}, {0xE0001, 0xE007F}};
    for (size_t i = 0; i < ARRAY_SIZE(ranges); i++)
        if (c >= ranges[i][0] && c <= ranges[i][1])
            return true;
    return false;
}

bool utf8_printable(uint32_t c)
{
    if (c < 0x80)
        return c >= 0x20 && c < 0x7F;
    locale_t t = tables();
    return c != UTF8_BAD && !is_unseen(c) && (!t || iswprint_l((wint_t)c, t));
}

bool utf8_is_word(uint32_t c)
{
    if (c < 0x80)
        return isalnum((int)c) || c == '_';
    locale_t t = tables();
    return c != UTF8_BAD && t && iswalnum_l((wint_t)c, t);
}

uint32_t utf8_upper(uint32_t c)
{
    locale_t t = c < 0x80 ? (locale_t)0 : tables();
    return t && c != UTF8_BAD ? (uint32_t)towupper_l((wint_t)c, t)
           : c < 0x80         ? (uint32_t)toupper((int)c)
                              : c;
}

uint32_t utf8_lower(uint32_t c)
{
    locale_t t = c < 0x80 ? (locale_t)0 : tables();
    return t && c != UTF8_BAD ? (uint32_t)towlower_l((wint_t)c, t)
           : c < 0x80         ? (uint32_t)tolower((int)c)
                              : c;
}
