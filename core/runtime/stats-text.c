/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's texts as members of Docker's statistics. */
#include "runtime/stats-text.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>

#define DIGITS_MAX 20

/* The next line's begin, or NULL. */
static const char *next_line(const char *s)
{
    s = strchr(s, '\n');
    return s && s[1] ? s + 1 : NULL;
}

/* Reads a number behind blanks; false where there is none. */
static bool read_number(const char **at, uint64_t *out)
{
    const char *s = *at + strspn(*at, " \t");
    if (!isdigit((unsigned char)*s))
        return false;
    char *end;
    *out = strtoull(s, &end, 10);
    *at = end;
    return true;
}

uint64_t stats_value(const char *text, const char *key)
{
    for (const char *line = text; line; line = next_line(line)) {
        const char *rest = str_after(line, key);
        uint64_t v;
        if (rest && *rest == ' ' && read_number(&rest, &v))
            return v;
    }
    return 0;
}

uint64_t stats_number(const char *text, uint64_t other)
{
    uint64_t v;
    return text && read_number(&text, &v) ? v : other;
}

/* user, nice, system, idle, iowait, irq, softirq: what follows is contained in these. */
uint64_t stats_system_ticks(const char *text, unsigned *cpus)
{
    uint64_t sum = 0, v;
    const char *at = str_after(text, "cpu ");
    *cpus = 0;
    for (int i = 0; at && i < 7 && read_number(&at, &v); i++)
        sum += v;
    for (const char *line = next_line(text); line && str_after(line, "cpu"); line = next_line(line))
        (*cpus)++;
    return sum;
}

void stats_put_lines(struct buf *out, const char *text)
{
    bool first = true;
    buf_addc(out, '{');
    for (const char *line = text; line && *line; line = next_line(line)) {
        size_t n = strcspn(line, " \n\"\\");
        size_t digits = line[n] == ' ' ? strspn(line + n + 1, "0123456789") : 0;
        if (n == 0 || digits == 0 || digits > DIGITS_MAX)
            continue;
        buf_adds(out, first ? "\"" : ",\"");
        buf_add(out, line, n);
        buf_adds(out, "\":");
        buf_add(out, line + n + 1, digits); /* as it stands: there are many, and each second anew */
        first = false;
    }
    buf_addc(out, '}');
}

uint64_t stats_put_percpu(struct buf *out, const char *text)
{
    uint64_t sum = 0, v;
    bool first = true;
    buf_addc(out, '[');
    while (read_number(&text, &v)) {
        buf_printf(out, first ? "%" PRIu64 : ",%" PRIu64, v);
        sum += v;
        first = false;
    }
    buf_addc(out, ']');
    return sum;
}

static void put_entry(struct buf *out, uint64_t major, uint64_t minor, const char *op, size_t n,
                      uint64_t value)
{
    bool first = out->len > 0 && out->s[out->len - 1] == '[';
    buf_printf(out, "%s{\"major\":%" PRIu64 ",\"minor\":%" PRIu64 ",\"op\":\"", first ? "" : ",",
               major, minor);
    buf_add(out, op, n);
    buf_printf(out, "\",\"value\":%" PRIu64 "}", value);
}

/* "8:0" and a blank; what follows is the line's rest. */
static const char *read_device(const char *line, uint64_t *major, uint64_t *minor)
{
    if (!read_number(&line, major) || *line++ != ':' || !read_number(&line, minor) || *line != ' ')
        return NULL;
    return line + 1;
}

void stats_put_blkio_v1(struct buf *out, const char *text)
{
    buf_addc(out, '[');
    for (const char *line = text; line && *line; line = next_line(line)) {
        uint64_t major, minor, v;
        const char *op = read_device(line, &major, &minor);
        size_t n = op ? strspn(op, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") : 0;
        const char *at = op ? op + n : NULL;
        if (at && read_number(&at, &v))
            put_entry(out, major, minor, op, n, v);
    }
    buf_addc(out, ']');
}

/* "rbytes=12" within a line. */
static uint64_t word_value(const char *line, const char *word)
{
    const char *end = line + strcspn(line, "\n");
    const char *at = strstr(line, word);
    uint64_t v;
    if (!at || at >= end)
        return 0;
    at += strlen(word);
    return read_number(&at, &v) ? v : 0;
}

void stats_put_blkio_v2(struct buf *out, const char *text)
{
    buf_addc(out, '[');
    for (const char *line = text; line && *line; line = next_line(line)) {
        uint64_t major, minor;
        const char *rest = read_device(line, &major, &minor);
        if (!rest)
            continue;
        put_entry(out, major, minor, "read", 4, word_value(rest, "rbytes="));
        put_entry(out, major, minor, "write", 5, word_value(rest, "wbytes="));
    }
    buf_addc(out, ']');
}

/* The sixteen columns of /proc/net/dev: eight received, eight sent; each begins with bytes, packets, errors, drops. */
static void put_interface(struct buf *out, const char *name, size_t n, const char *numbers)
{
    static const struct {
        const char *key;
        int column;
    } members[] = {{"rx_bytes", 0}, {"rx_packets", 1}, {"rx_errors", 2},  {"rx_dropped", 3},
                   {"tx_bytes", 8}, {"tx_packets", 9}, {"tx_errors", 10}, {"tx_dropped", 11}};
    uint64_t v[16] = {0};
    for (int i = 0; i < 16 && read_number(&numbers, &v[i]); i++)
        ;
    buf_adds(out, out->s[out->len - 1] == '{' ? "\"" : ",\"");
    buf_add(out, name, n);
    buf_adds(out, "\":{");
    for (size_t i = 0; i < ARRAY_SIZE(members); i++)
        buf_printf(out, "%s\"%s\":%" PRIu64, i ? "," : "", members[i].key, v[members[i].column]);
    buf_addc(out, '}');
}

void stats_put_networks(struct buf *out, const char *text)
{
    buf_addc(out, '{');
    for (const char *line = text; line && *line; line = next_line(line)) {
        const char *name = line + strspn(line, " ");
        size_t n = strcspn(name, ":\n");
        if (name[n] == ':' && str_after(name, "eth"))
            put_interface(out, name, strcspn(name, ":\"\\"), name + n + 1);
    }
    buf_addc(out, '}');
}
