/* SPDX-License-Identifier: Apache-2.0 */
/* Time: nanoseconds since the epoch, and RFC 3339 as Go prints it (RFC3339Nano, UTC, trailing zeros cut). */
#pragma once

#include <stdint.h>

#define TIME_RFC3339_MAX 40
#define NS_PER_SEC       1000000000LL
#define NS_PER_MS        1000000LL
/* What Go's zero time.Time prints as; Docker's "never". */
#define TIME_NEVER "0001-01-01T00:00:00Z"

int64_t time_now_ns(void);
/* CLOCK_BOOTTIME, for spans. */
int64_t time_mono_ns(void);
/* Writes "2026-01-02T03:04:05.123456789Z"; ns == 0 writes TIME_NEVER. */
void time_format(int64_t ns, char out[TIME_RFC3339_MAX]);
/* As time_format(), always nine digits of fraction (what `logs -t` prints). */
void time_format_fixed(int64_t ns, char out[TIME_RFC3339_MAX]);
/* RFC 3339 with optional fraction and zone; -EINVAL. TIME_NEVER gives 0. */
int time_parse(const char *s, int64_t *ns);
/* What Docker takes for since and until: "1700000000", "1700000000.123456789", or RFC 3339 (also date only and
 * without zone, then UTC). -EINVAL for anything else. */
int time_parse_loose(const char *s, int64_t *ns);
