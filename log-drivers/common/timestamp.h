/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 3339 times in UTC, as Go's RFC3339Nano prints them: no trailing zeros, no fraction where it is zero. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define TIMESTAMP_MAX 36

/* Remembers the second that it printed or parsed last: most lines share it with the one before. */
struct timestamp_cache {
    int64_t second;
    char text[24]; /* "2006-01-02T15:04:05"; empty: nothing yet */
};

/* Writes at most TIMESTAMP_MAX bytes, no NUL; returns their number. Years 0 to 9999. */
size_t timestamp_print(struct timestamp_cache *cache, int64_t time_ns, char *out);
/* Parses n bytes, offsets too. 0, or -EINVAL. */
int timestamp_parse(struct timestamp_cache *cache, const char *s, size_t n, int64_t *time_ns);
