/* SPDX-License-Identifier: Apache-2.0 */
/* Time in and out of RFC 3339. */
#include "base/clock.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <time.h>

#include "base/str.h"

static int64_t clock_ns(clockid_t id)
{
    struct timespec ts;
    clock_gettime(id, &ts);
    return (int64_t)ts.tv_sec * NS_PER_SEC + ts.tv_nsec;
}

int64_t time_now_ns(void)
{
    return clock_ns(CLOCK_REALTIME);
}

int64_t time_mono_ns(void)
{
    return clock_ns(CLOCK_BOOTTIME);
}

static size_t format_seconds(int64_t *ns, char *out)
{
    int64_t frac = *ns % NS_PER_SEC;
    if (frac < 0)
        frac += NS_PER_SEC;
    time_t sec = (time_t)((*ns - frac) / NS_PER_SEC);
    struct tm tm;
    gmtime_r(&sec, &tm);
    *ns = frac;
    return strftime(out, TIME_RFC3339_MAX, "%Y-%m-%dT%H:%M:%S", &tm);
}

void time_format(int64_t ns, char out[TIME_RFC3339_MAX])
{
    if (ns == 0) {
        memcpy(out, TIME_NEVER, sizeof(TIME_NEVER));
        return;
    }
    size_t n = format_seconds(&ns, out);
    if (ns) {
        n += (size_t)snprintf(out + n, TIME_RFC3339_MAX - n, ".%09d", (int)ns);
        while (out[n - 1] == '0')
            n--;
    }
    out[n] = 'Z';
    out[n + 1] = '\0';
}

void time_format_fixed(int64_t ns, char out[TIME_RFC3339_MAX])
{
    size_t n = format_seconds(&ns, out);
    snprintf(out + n, TIME_RFC3339_MAX - n, ".%09dZ", (int)ns);
}

/* Reads exactly `n` digits. */
static int digits(const char **s, int n, int *out)
{
    int v = 0;
    for (int i = 0; i < n; i++, (*s)++) {
        if (!isdigit((unsigned char)**s))
            return -EINVAL;
        v = v * 10 + (**s - '0');
    }
    *out = v;
    return 0;
}

static int fraction(const char **s, int64_t *ns)
{
    int64_t unit = NS_PER_SEC / 10;
    *ns = 0;
    if (**s != '.')
        return 0;
    (*s)++;
    if (!isdigit((unsigned char)**s))
        return -EINVAL;
    for (; isdigit((unsigned char)**s); (*s)++, unit /= 10)
        *ns += (**s - '0') * unit;
    return 0;
}

static int zone(const char **s, int *offset_s)
{
    *offset_s = 0;
    if (**s == 'Z' || **s == 'z') {
        (*s)++;
        return 0;
    }
    if (**s != '+' && **s != '-')
        return -EINVAL;
    int sign = *(*s)++ == '-' ? -1 : 1, h, m;
    if (digits(s, 2, &h) < 0 || *(*s)++ != ':' || digits(s, 2, &m) < 0 || h > 23 || m > 59)
        return -EINVAL;
    *offset_s = sign * (h * 3600 + m * 60);
    return 0;
}

static int clock_part(const char **s, struct tm *tm)
{
    if (**s != 'T' && **s != 't' && **s != ' ')
        return -EINVAL;
    (*s)++;
    if (digits(s, 2, &tm->tm_hour) < 0 || *(*s)++ != ':' || digits(s, 2, &tm->tm_min) < 0)
        return -EINVAL;
    if (**s == ':') {
        (*s)++;
        if (digits(s, 2, &tm->tm_sec) < 0)
            return -EINVAL;
    }
    return tm->tm_hour > 23 || tm->tm_min > 59 || tm->tm_sec > 60 ? -EINVAL : 0;
}

static int parse(const char *s, bool loose, int64_t *ns)
{
    struct tm tm = {0};
    int64_t frac = 0;
    int offset = 0;
    if (digits(&s, 4, &tm.tm_year) < 0 || *s++ != '-' || digits(&s, 2, &tm.tm_mon) < 0 ||
        *s++ != '-' || digits(&s, 2, &tm.tm_mday) < 0 || tm.tm_mon < 1 || tm.tm_mon > 12 ||
        tm.tm_mday < 1 || tm.tm_mday > 31)
        return -EINVAL;
    if (!(loose && *s == '\0')) {
        if (clock_part(&s, &tm) < 0 || fraction(&s, &frac) < 0)
            return -EINVAL;
        if (!(loose && *s == '\0') && (zone(&s, &offset) < 0 || *s))
            return -EINVAL;
    }
    if (tm.tm_year < 1678 || tm.tm_year > 2261) { /* outside of what int64 nanoseconds hold */
        *ns = tm.tm_year == 1 ? 0 : tm.tm_year < 1678 ? INT64_MIN : INT64_MAX;
        return 0;
    }
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    *ns = ((int64_t)timegm(&tm) - offset) * NS_PER_SEC + frac;
    return 0;
}

int time_parse(const char *s, int64_t *ns)
{
    return parse(s, false, ns);
}

int time_parse_loose(const char *s, int64_t *ns)
{
    const char *p = s;
    bool negative = *p == '-';
    if (negative)
        p++;
    int64_t sec = 0, frac = 0;
    if (!isdigit((unsigned char)*p))
        return -EINVAL;
    for (; isdigit((unsigned char)*p); p++) {
        if (sec > INT64_MAX / 10 / NS_PER_SEC)
            return -EINVAL;
        sec = sec * 10 + (*p - '0');
    }
    if (fraction(&p, &frac) < 0 || *p)
        return parse(s, true, ns);
    if (sec > INT64_MAX / NS_PER_SEC - 1)
        return -EINVAL;
    int64_t v = sec * NS_PER_SEC + frac;
    *ns = negative ? -v : v;
    return 0;
}
