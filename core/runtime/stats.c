/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers of a container that runs
 *
 * A file of a control group is made anew by the kernel at each read from its begin, so one pread a sample is all that an open file costs. Files that
 * this kernel lacks are looked for once.
 */
#include "runtime/stats.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "base/fs.h"
#include "runtime/cgroup-internal.h"
#include "runtime/procfs.h"
#include "runtime/stats-text.h"

#define PROC_STAT_MAX (1u << 20)

enum file {
    CPU_STAT,
    CPU_PERCPU, /* v1 */
    CPU_MODES,  /* v1 */
    MEMORY_USAGE,
    MEMORY_MAX_USAGE, /* v1 */
    MEMORY_FAILCNT,   /* v1 */
    MEMORY_LIMIT,
    MEMORY_STAT,
    PIDS_CURRENT,
    PIDS_LIMIT,
    IO_BYTES,
    IO_SERVICED, /* v1 */
    NETWORK,
    N_FILES,
};

static const struct {
    const char *controller, *v1, *v2;
} files[N_FILES] = {
    [CPU_STAT] = {"cpu", "cpu.stat", "cpu.stat"},
    [CPU_PERCPU] = {"cpuacct", "cpuacct.usage_percpu", NULL},
    [CPU_MODES] = {"cpuacct", "cpuacct.stat", NULL},
    [MEMORY_USAGE] = {"memory", "memory.usage_in_bytes", "memory.current"},
    [MEMORY_MAX_USAGE] = {"memory", "memory.max_usage_in_bytes", NULL},
    [MEMORY_FAILCNT] = {"memory", "memory.failcnt", NULL},
    [MEMORY_LIMIT] = {"memory", "memory.limit_in_bytes", "memory.max"},
    [MEMORY_STAT] = {"memory", "memory.stat", "memory.stat"},
    [PIDS_CURRENT] = {"pids", "pids.current", "pids.current"},
    [PIDS_LIMIT] = {"pids", "pids.max", "pids.max"},
    [IO_BYTES] = {"blkio", "blkio.throttle.io_service_bytes_recursive", "io.stat"},
    [IO_SERVICED] = {"blkio", "blkio.throttle.io_serviced_recursive", NULL},
};

#define SURELY_WHOLE 2048
#define NO_FILE      (-1)
#define TO_OPEN      (-2)

struct stats_reader {
    bool v2, keep;
    char *group;          /* one of its groups; NULL: this machine has none at all */
    char *paths[N_FILES]; /* NULL: this machine has none */
    int fds[N_FILES];
    struct buf text; /* of the file that was read last */
    bool has_limits; /* which change by an update only */
    uint64_t memory_limit, pids_limit;
};

int stats_host_read(struct stats_host *out)
{
    _cleanup_(freep) char *text = NULL;
    struct sysinfo info;
    int r = fs_read(AT_FDCWD, "/proc/stat", PROC_STAT_MAX, &text, NULL);
    if (r < 0)
        return r;
    *out = (struct stats_host){0};
    uint64_t ticks = stats_system_ticks(text, &out->cpus);
    out->system_ns = ticks * (1000000000u / (uint64_t)sysconf(_SC_CLK_TCK));
    if (sysinfo(&info) == 0)
        out->memory = (uint64_t)info.totalram * info.mem_unit;
    return 0;
}

static char *file_path(const struct cgroup *cg, const char *id, enum file f)
{
    const char *name = cgroup_version(cg) == 2 ? files[f].v2 : files[f].v1;
    const struct cgroup_hier *h =
        cgroup_version(cg) == 2 ? &cg->hiers[0] : cgroup_hier_of(cg, files[f].controller);
    _cleanup_(freep) char *dir = name && h ? cgroup_dir(cg, h, id) : NULL;
    return dir ? str_printf("%s/%s", dir, name) : NULL;
}

int stats_reader_open(const struct cgroup *cg, const struct stats_target *target, bool keep,
                      struct stats_reader **out)
{
    _cleanup_(stats_reader_closep) struct stats_reader *r = xcalloc(1, sizeof(*r));
    r->v2 = cgroup_version(cg) == 2;
    r->keep = keep;
    for (int f = 0; f < N_FILES; f++) {
        r->paths[f] = f == NETWORK ? NULL : file_path(cg, target->id, (enum file)f);
        r->fds[f] = TO_OPEN;
    }
    if (r->paths[CPU_STAT])
        r->group = xstrndup(r->paths[CPU_STAT],
                            (size_t)(strrchr(r->paths[CPU_STAT], '/') - r->paths[CPU_STAT]));
    if (target->networks)
        r->paths[NETWORK] = str_printf("/proc/%d/net/dev", (int)target->pid);
    /* Its number may be another process's by now: then what was opened is not what was meant. */
    if (target->networks && keep)
        r->fds[NETWORK] = open(r->paths[NETWORK], O_RDONLY | O_CLOEXEC);
    if (!procfs_is(target->pid, target->pid_start, NULL))
        return -ESRCH;
    *out = steal_ptr(&r);
    return 0;
}

void stats_reader_close(struct stats_reader *r)
{
    if (!r)
        return;
    for (int f = 0; f < N_FILES; f++) {
        if (r->fds[f] >= 0)
            close_fd(r->fds[f]);
        free(r->paths[f]);
    }
    buf_fini(&r->text);
    free(r->group);
    free(r);
}

/* All of a file that the kernel makes at the read. It gives whole records, up to a page of them or more: what is much shorter is all. */
static int read_whole(int fd, struct buf *b)
{
    char data[8192];
    ssize_t n;
    buf_reset(b);
    while ((n = pread(fd, data, sizeof(data), (off_t)b->len)) > 0) {
        buf_add(b, data, (size_t)n);
        if ((size_t)n < SURELY_WHOLE)
            break;
    }
    return n < 0 ? -errno : 0;
}

/* The text of a file, valid until the next one; NULL where there is none. *gone is set when the group is no more. */
static const char *text_of(struct stats_reader *r, enum file f, bool *gone)
{
    if (!r->paths[f] || r->fds[f] == NO_FILE)
        return NULL;
    if (r->fds[f] == TO_OPEN)
        r->fds[f] = open(r->paths[f], O_RDONLY | O_CLOEXEC);
    if (r->fds[f] < 0) {
        r->fds[f] = errno == ENOENT ? NO_FILE : TO_OPEN;
        return NULL;
    }
    int e = read_whole(r->fds[f], &r->text);
    if (!r->keep) {
        close_fd(r->fds[f]);
        r->fds[f] = TO_OPEN;
    }
    *gone = *gone || e == -ENODEV;
    return e < 0 ? NULL : r->text.s ? r->text.s : "";
}

static uint64_t number_of(struct stats_reader *r, enum file f, uint64_t other, bool *gone)
{
    return stats_number(text_of(r, f, gone), other);
}

static void put_throttling(struct buf *b, const char *text, const char *time_key, uint64_t scale)
{
    buf_printf(b,
               "\"throttling_data\":{\"periods\":%" PRIu64 ",\"throttled_periods\":%" PRIu64
               ",\"throttled_time\":%" PRIu64 "}}",
               stats_value(text, "nr_periods"), stats_value(text, "nr_throttled"),
               stats_value(text, time_key) * scale);
}

static void put_cpu_v1(struct stats_reader *r, const struct stats_host *host, struct buf *b,
                       bool *gone)
{
    _cleanup_(buf_fini) struct buf percpu = {0};
    const char *text = text_of(r, CPU_PERCPU, gone);
    uint64_t tick = 1000000000u / (uint64_t)sysconf(_SC_CLK_TCK);
    uint64_t total = stats_put_percpu(&percpu, text ? text : "");
    text = text_of(r, CPU_MODES, gone);
    buf_printf(b,
               "{\"cpu_usage\":{\"total_usage\":%" PRIu64 ",\"percpu_usage\":%s"
               ",\"usage_in_kernelmode\":%" PRIu64 ",\"usage_in_usermode\":%" PRIu64
               "},\"system_cpu_usage\":%" PRIu64 ",\"online_cpus\":%u,",
               total, percpu.s, stats_value(text, "system") * tick,
               stats_value(text, "user") * tick, host->system_ns, host->cpus);
    put_throttling(b, text_of(r, CPU_STAT, gone), "throttled_time", 1);
}

static void put_cpu_v2(struct stats_reader *r, const struct stats_host *host, struct buf *b,
                       bool *gone)
{
    const char *text = text_of(r, CPU_STAT, gone);
    buf_printf(b,
               "{\"cpu_usage\":{\"total_usage\":%" PRIu64 ",\"usage_in_kernelmode\":%" PRIu64
               ",\"usage_in_usermode\":%" PRIu64 "},\"system_cpu_usage\":%" PRIu64
               ",\"online_cpus\":%u,",
               stats_value(text, "usage_usec") * 1000, stats_value(text, "system_usec") * 1000,
               stats_value(text, "user_usec") * 1000, host->system_ns, host->cpus);
    put_throttling(b, text, "throttled_usec", 1000);
}

static void put_pids(struct stats_reader *r, struct buf *b, bool *gone)
{
    const char *text = text_of(r, PIDS_CURRENT, gone);
    if (!text) {
        buf_adds(b, "\"pids_stats\":{}");
        return;
    }
    buf_printf(b, "\"pids_stats\":{\"current\":%" PRIu64, stats_number(text, 0));
    if (r->pids_limit > 0)
        buf_printf(b, ",\"limit\":%" PRIu64, r->pids_limit);
    buf_addc(b, '}');
}

static void put_blkio(struct stats_reader *r, struct buf *b, bool *gone)
{
    static const char *const others[] = {"io_queue_recursive",     "io_service_time_recursive",
                                         "io_wait_time_recursive", "io_merged_recursive",
                                         "io_time_recursive",      "sectors_recursive"};
    const char *text = text_of(r, IO_BYTES, gone);
    buf_adds(b, ",\"blkio_stats\":{\"io_service_bytes_recursive\":");
    if (r->v2)
        stats_put_blkio_v2(b, text);
    else
        stats_put_blkio_v1(b, text);
    buf_adds(b, ",\"io_serviced_recursive\":");
    if (r->v2)
        buf_adds(b, "null");
    else
        stats_put_blkio_v1(b, text_of(r, IO_SERVICED, gone));
    for (size_t i = 0; i < ARRAY_SIZE(others); i++)
        buf_printf(b, ",\"%s\":%s", others[i], r->v2 ? "null" : "[]");
    buf_adds(b, "},\"num_procs\":0,\"storage_stats\":{}");
}

static void put_memory(struct stats_reader *r, const struct stats_host *host, struct buf *b,
                       bool *gone)
{
    const char *text = text_of(r, MEMORY_USAGE, gone);
    if (!text) {
        buf_adds(b, ",\"memory_stats\":{}");
        return;
    }
    buf_printf(b, ",\"memory_stats\":{\"usage\":%" PRIu64, stats_number(text, 0));
    uint64_t most = number_of(r, MEMORY_MAX_USAGE, 0, gone);
    if (most > 0)
        buf_printf(b, ",\"max_usage\":%" PRIu64, most);
    buf_adds(b, ",\"stats\":");
    text = text_of(r, MEMORY_STAT, gone);
    stats_put_lines(b, text ? text : "");
    uint64_t failed = number_of(r, MEMORY_FAILCNT, 0, gone);
    if (failed > 0)
        buf_printf(b, ",\"failcnt\":%" PRIu64, failed);
    buf_printf(b, ",\"limit\":%" PRIu64 "}",
               host->memory > 0 ? MIN(r->memory_limit, host->memory) : r->memory_limit);
}

/* "max" of the pids is 0: that member is left out. */
static void read_limits(struct stats_reader *r, bool *gone)
{
    if (r->has_limits)
        return;
    r->memory_limit = number_of(r, MEMORY_LIMIT, UINT64_MAX, gone);
    r->pids_limit = number_of(r, PIDS_LIMIT, 0, gone);
    r->has_limits = true;
}

void stats_reader_refresh(struct stats_reader *r)
{
    r->has_limits = false;
}

/* A namespace without an interface of the engine's has no such member. */
static void put_networks(const char *text, struct buf *b)
{
    size_t was = b->len;
    buf_adds(b, ",\"networks\":");
    stats_put_networks(b, text);
    if (str_ends(b->s, "{}")) {
        b->len = was;
        b->s[was] = '\0';
    }
}

int stats_reader_sample(struct stats_reader *r, const struct stats_host *host, struct buf *cpu,
                        struct buf *rest)
{
    bool gone = !r->keep && r->group && access(r->group, F_OK) < 0, ignored = false;
    if (gone)
        return -ENODEV;
    read_limits(r, &gone);
    if (r->v2)
        put_cpu_v2(r, host, cpu, &gone);
    else
        put_cpu_v1(r, host, cpu, &gone);
    put_pids(r, rest, &gone);
    put_blkio(r, rest, &gone);
    put_memory(r, host, rest, &gone);
    const char *text = text_of(r, NETWORK, &ignored);
    if (text)
        put_networks(text, rest);
    return gone ? -ENODEV : 0;
}
