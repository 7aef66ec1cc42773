/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 3339 times. */
#include "common/timestamp.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#define NS 1000000000

static char *print2(char *out, int v)
{
    *out++ = (char)('0' + v / 10 % 10);
    *out++ = (char)('0' + v % 10);
    return out;
}

static void print_second(struct timestamp_cache *cache, int64_t second)
{
    time_t t = (time_t)second;
    struct tm tm;
    if (!gmtime_r(&t, &tm))
        tm = (struct tm){.tm_year = 70, .tm_mday = 1};
    char *p = print2(cache->text, (tm.tm_year + 1900) / 100);
    p = print2(p, tm.tm_year + 1900);
    *p++ = '-';
    p = print2(p, tm.tm_mon + 1);
    *p++ = '-';
    p = print2(p, tm.tm_mday);
    *p++ = 'T';
    p = print2(p, tm.tm_hour);
    *p++ = ':';
    p = print2(p, tm.tm_min);
    *p++ = ':';
    p = print2(p, tm.tm_sec);
    *p = '\0';
    cache->second = second;
}

size_t timestamp_print(struct timestamp_cache *cache, int64_t time_ns, char *out)
{
    int64_t second = time_ns / NS, ns = time_ns % NS;
    if (ns < 0) {
        second--;
        ns += NS;
    }
    if (!cache->text[0] || cache->second != second)
        print_second(cache, second);
    memcpy(out, cache->text, 19);
    char *p = out + 19;
    if (ns) {
        *p++ = '.';
        for (int64_t unit = NS / 10; ns; unit /= 10) {
            *p++ = (char)('0' + ns / unit);
            ns %= unit;
        }
    }
    *p++ = 'Z';
    return (size_t)(p - out);
}

/* n digits, or -1 */
static int digits(const char *s, size_t n)
{
    int v = 0;
    for (size_t i = 0; i < n; i++) {
        if (s[i] < '0' || s[i] > '9')
            return -1;
        v = v * 10 + s[i] - '0';
    }
    return v;
}

/* Days since 1970-01-01 in the proleptic Gregorian calendar. */
static int64_t days(int y, int m, int d)
{
    y -= m <= 2;
    int era = y / 400, yoe = y - era * 400;
    int doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
    int doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    return (int64_t)era * 146097 + doe - 719468;
}

static int parse_zone(const char *s, size_t n, int64_t *seconds)
{
    *seconds = 0;
    if (n == 1 && (*s == 'Z' || *s == 'z'))
        return 0;
    if (n != 6 || (*s != '+' && *s != '-') || s[3] != ':')
        return -EINVAL;
    int h = digits(s + 1, 2), m = digits(s + 4, 2);
    if (h < 0 || h > 23 || m < 0 || m > 59)
        return -EINVAL;
    *seconds = (h * 3600 + m * 60) * (*s == '-' ? 1 : -1);
    return 0;
}

static size_t parse_fraction(const char *s, size_t n, int64_t *ns)
{
    size_t i = 1;
    int64_t unit = NS / 10;
    *ns = 0;
    if (n == 0 || *s != '.')
        return 0;
    for (; i < n && s[i] >= '0' && s[i] <= '9'; i++, unit /= 10)
        *ns += unit * (s[i] - '0');
    return i;
}

/* "2006-01-02T15:04:05", as if it were UTC. */
static int parse_second(const char *s, int64_t *second)
{
    if (s[4] != '-' || s[7] != '-' || (s[10] != 'T' && s[10] != 't') || s[13] != ':' ||
        s[16] != ':')
        return -EINVAL;
    int y = digits(s, 4), mo = digits(s + 5, 2), d = digits(s + 8, 2);
    int h = digits(s + 11, 2), mi = digits(s + 14, 2), sec = digits(s + 17, 2);
    if (y < 1678 || y > 2261 || mo < 1 || mo > 12 || d < 1 || d > 31 || h < 0 || h > 23 || mi < 0 ||
        mi > 59 || sec < 0 || sec > 60)
        return -EINVAL;
    *second = days(y, mo, d) * 86400 + h * 3600 + mi * 60 + sec;
    return 0;
}

int timestamp_parse(struct timestamp_cache *cache, const char *s, size_t n, int64_t *time_ns)
{
    int64_t ns, zone, second;
    if (n < 20)
        return -EINVAL;
    if (memcmp(s, cache->text, 19) != 0) {
        if (parse_second(s, &second) < 0)
            return -EINVAL;
        memcpy(cache->text, s, 19);
        cache->second = second;
    }
    size_t used = 19 + parse_fraction(s + 19, n - 19, &ns);
    if (parse_zone(s + used, n - used, &zone) < 0)
        return -EINVAL;
    *time_ns = (cache->second + zone) * NS + ns;
    return 0;
}
