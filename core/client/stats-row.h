/* SPDX-License-Identifier: Apache-2.0 */
/* What docker's client shows of a container's statistics, as numbers and as text. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

struct stats_numbers {
    double cpu_percent, memory_percent;
    int64_t memory, memory_limit; /* bytes, without what the page cache could give back */
    int64_t received, sent, read, written, pids;
};

/* Of one line of the API's answer; zeros for a container that does not run. */
void stats_numbers_of(const json_t *line, struct stats_numbers *out);
/* The fields of `stats --format` of a container that the user knows as `ref`; line NULL: nothing is known of it yet. */
json_t *stats_row(const char *ref, const json_t *line, bool whole_id);
