/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process's own growth
 *
 * A log driver that eats memory is noticed by what the shim itself holds, looked at when output comes and at most every
 * 100 ms. What is shared does not count.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct memory_watch {
    int fd;
    int64_t base_pages, next_ns;
};

/* What is held now is the measure. */
void memory_watch_init(struct memory_watch *w);
/* True when 256 MiB have been added since, beside `allowed` bytes that are ours. */
bool memory_watch_exceeded(struct memory_watch *w, size_t allowed);
void memory_watch_fini(struct memory_watch *w);
