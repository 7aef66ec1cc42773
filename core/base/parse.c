/* SPDX-License-Identifier: Apache-2.0 */
/* Checked parsers for numbers, sizes, durations and truth values that come from outside. */
#include <ctype.h>
#include <errno.h>
#include <strings.h>

#include "base/str.h"

int parse_i64(const char *s, int64_t min, int64_t max, int64_t *out)
{
    if (str_empty(s) ||
        !(isdigit((unsigned char)*s) || ((*s == '-' || *s == '+') && isdigit((unsigned char)s[1]))))
        return -EINVAL;
    char *end;
    errno = 0;
    long long v = strtoll(s, &end, 10);
    if (*end)
        return -EINVAL;
    if (errno == ERANGE || v < min || v > max)
        return -ERANGE;
    *out = v;
    return 0;
}

int parse_u64(const char *s, uint64_t max, uint64_t *out)
{
    if (str_empty(s) || !isdigit((unsigned char)*s))
        return -EINVAL;
    char *end;
    errno = 0;
    unsigned long long v = strtoull(s, &end, 10);
    if (*end)
        return -EINVAL;
    if (errno == ERANGE || v > max)
        return -ERANGE;
    *out = v;
    return 0;
}

/* Reads "123" or "123.25" and leaves *end behind it; whole part and fraction in billionths. */
static int decimal(const char *s, const char **end, uint64_t *whole, uint64_t *billionths)
{
    if (!isdigit((unsigned char)*s))
        return -EINVAL;
    *whole = *billionths = 0;
    for (; isdigit((unsigned char)*s); s++) {
        if (*whole > UINT64_MAX / 100)
            return -ERANGE;
        *whole = *whole * 10 + (uint64_t)(*s - '0');
    }
    if (*s == '.') {
        uint64_t unit = 100000000;
        for (s++; isdigit((unsigned char)*s); s++, unit /= 10)
            *billionths += (uint64_t)(*s - '0') * unit;
    }
    *end = s;
    return 0;
}

static int scale(uint64_t whole, uint64_t billionths, uint64_t unit, int64_t *out)
{
    unsigned __int128 v =
        (unsigned __int128)whole * unit + (unsigned __int128)billionths * unit / 1000000000u;
    if (v > INT64_MAX)
        return -ERANGE;
    *out = (int64_t)v;
    return 0;
}

int parse_size(const char *s, int64_t *bytes)
{
    static const char units[] = "kmgtp";
    uint64_t whole, billionths, unit = 1;
    if (!s)
        return -EINVAL;
    int r = decimal(s, &s, &whole, &billionths);
    if (r < 0)
        return r;
    while (*s == ' ')
        s++;
    const char *u = *s ? strchr(units, tolower((unsigned char)*s)) : NULL;
    if (u) {
        unit = (uint64_t)1 << (10 * (u - units + 1));
        s++;
        if (tolower((unsigned char)*s) == 'i')
            s++;
    }
    if (tolower((unsigned char)*s) == 'b')
        s++;
    return *s ? -EINVAL : scale(whole, billionths, unit, bytes);
}

static uint64_t duration_unit(const char **s)
{
    static const struct {
        const char *name;
        uint64_t ns;
    } units[] = {{"ns", 1},         {"us", 1000},       {"\xC2\xB5s", 1000}, {"ms", 1000000},
                 {"s", 1000000000}, {"m", 60000000000}, {"h", 3600000000000}};
    for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
        const char *rest = str_after(*s, units[i].name);
        if (!rest)
            continue;
        *s = rest;
        return units[i].ns;
    }
    return 0;
}

int parse_duration(const char *s, int64_t *ns)
{
    if (str_empty(s))
        return -EINVAL;
    bool negative = *s == '-';
    if (negative || *s == '+')
        s++;
    if (strcmp(s, "0") == 0) {
        *ns = 0;
        return 0;
    }
    int64_t total = 0, part;
    do {
        uint64_t whole, billionths;
        int r = decimal(s, &s, &whole, &billionths);
        if (r < 0)
            return r;
        uint64_t unit = duration_unit(&s);
        if (!unit)
            return -EINVAL;
        r = scale(whole, billionths, unit, &part);
        if (r < 0 || __builtin_add_overflow(total, part, &total))
            return -ERANGE;
    } while (*s);
    *ns = negative ? -total : total;
    return 0;
}

int parse_bool(const char *s, bool *out)
{
    static const char *const yes[] = {"1", "t", "true", "y", "yes", "on"};
    static const char *const no[] = {"0", "f", "false", "n", "no", "off"};
    for (size_t i = 0; s && i < ARRAY_SIZE(yes); i++) {
        if (strcasecmp(s, yes[i]) == 0) {
            *out = true;
            return 0;
        }
        if (strcasecmp(s, no[i]) == 0) {
            *out = false;
            return 0;
        }
    }
    return -EINVAL;
}
