/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers of a container that runs
 *
 * Read from its control groups and from its network namespace, through files that stay open, and written as the members of Docker's
 * statistics: text, since it is made each second for many and only passed on.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/str.h"

struct cgroup;
struct stats_reader;

/* Of the machine: read once for all containers of a moment. */
struct stats_host {
    uint64_t system_ns; /* cpu time of all cpus, idle too */
    uint64_t memory;
    unsigned cpus;
};
int stats_host_read(struct stats_host *out);

struct stats_target {
    const char *id;
    pid_t pid;
    uint64_t pid_start;
    bool networks; /* the engine has made interfaces for it */
};
/* `keep`: files stay open between two samples. -ESRCH when the container has ended. */
int stats_reader_open(const struct cgroup *cg, const struct stats_target *target, bool keep,
                      struct stats_reader **out);
void stats_reader_close(struct stats_reader *r);
DEFINE_CLEANUP(struct stats_reader *, stats_reader_close);
/* The limits may have changed: they are read again with the next sample. */
void stats_reader_refresh(struct stats_reader *r);

/* Appends the object of "cpu_stats" to `cpu`, and to `rest` the other members ("pids_stats":…,"memory_stats":…) with commas between
 * them. -ENODEV when the container has ended. */
int stats_reader_sample(struct stats_reader *r, const struct stats_host *host, struct buf *cpu,
                        struct buf *rest);

/* The same two for a container that does not run. */
#define STATS_NO_CPU                                                                               \
    "{\"cpu_usage\":{\"total_usage\":0,\"usage_in_kernelmode\":0,\"usage_in_usermode\":0},"        \
    "\"throttling_data\":{\"periods\":0,\"throttled_periods\":0,\"throttled_time\":0}}"
#define STATS_NO_REST                                                                              \
    "\"pids_stats\":{},\"blkio_stats\":{\"io_service_bytes_recursive\":null,"                      \
    "\"io_serviced_recursive\":null,\"io_queue_recursive\":null,"                                  \
    "\"io_service_time_recursive\":null,\"io_wait_time_recursive\":null,"                          \
    "\"io_merged_recursive\":null,\"io_time_recursive\":null,\"sectors_recursive\":null},"         \
    "\"num_procs\":0,\"storage_stats\":{},\"memory_stats\":{}"
