/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Control groups: limits
 *
 * HostConfig's Resources as files of either version. v2 values are reckoned from Docker's (v1's) as runc does, so that a container
 * has the same share on both.
 */
#include "runtime/cgroup-internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/json.h"

#define PERIOD_DEFAULT_US 100000

static bool serves(const struct cgroup_hier *h, const char *controller)
{
    _cleanup_(freep) char *key = str_printf(",%s,", controller);
    return strstr(h->controllers, key) != NULL;
}

static int64_t memory_swap(const json_t *hc)
{
    int64_t memory = json_int(hc, "Memory", 0), swap = json_int(hc, "MemorySwap", 0);
    if (memory > 0 && swap == 0 && memory <= INT64_MAX / 2)
        return memory * 2;
    return swap;
}

/* The kernel wants limit <= limit+swap at every moment, so which goes first depends on which way they move. */
static int memory_v1_pair(const char *dir, int64_t memory, int64_t swap, struct err *err)
{
    _cleanup_(freep) char *path = str_printf("%s/memory.memsw.limit_in_bytes", dir);
    if (swap == 0 || access(path, F_OK) < 0)
        return memory > 0 ? cgroup_write_int(dir, "memory.limit_in_bytes", memory, err) : 0;
    _cleanup_(err_fini) struct err first = {0};
    if (memory > 0 && cgroup_write_int(dir, "memory.limit_in_bytes", memory, &first) == 0)
        return cgroup_write_int(dir, "memory.memsw.limit_in_bytes", swap, err);
    int r = cgroup_write_int(dir, "memory.memsw.limit_in_bytes", swap, err);
    if (r < 0 && first.code == -EBUSY) { /* more is in use, and that is the reason */
        err_clear(err);
        return err_move(err, &first);
    }
    return r < 0 || memory <= 0 ? r : cgroup_write_int(dir, "memory.limit_in_bytes", memory, err);
}

static int memory_v1(const char *dir, const json_t *hc, struct err *err)
{
    int r = memory_v1_pair(dir, json_int(hc, "Memory", 0), memory_swap(hc), err);
    int64_t reservation = json_int(hc, "MemoryReservation", 0);
    if (r == 0 && reservation > 0)
        r = cgroup_write_int(dir, "memory.soft_limit_in_bytes", reservation, err);
    int64_t swappiness = json_int(hc, "MemorySwappiness", -1);
    if (r == 0 && swappiness >= 0)
        r = cgroup_write_int(dir, "memory.swappiness", swappiness, err);
    if (r == 0 && json_bool(hc, "OomKillDisable", false))
        r = cgroup_write_int(dir, "memory.oom_control", 1, err);
    return r;
}

static int memory_v2(const char *dir, const json_t *hc, struct err *err)
{
    int64_t memory = json_int(hc, "Memory", 0), swap = memory_swap(hc);
    int64_t reservation = json_int(hc, "MemoryReservation", 0);
    int r = 0;
    if (memory > 0 && swap == -1)
        r = cgroup_write(dir, "memory.swap.max", "max", err);
    else if (memory > 0 && swap >= memory)
        r = cgroup_write_int(dir, "memory.swap.max", swap - memory, err);
    if (r == -ENOENT) /* a kernel without swap accounting: there is nothing to limit */
        r = 0;
    if (r == 0 && memory > 0)
        r = cgroup_write_int(dir, "memory.max", memory, err);
    if (r == 0 && reservation > 0)
        r = cgroup_write_int(dir, "memory.low", reservation, err);
    return r;
}

/* NanoCpus is another way to write quota and period. */
static void cpu_quota(const json_t *hc, int64_t *quota, int64_t *period)
{
    int64_t nano = json_int(hc, "NanoCpus", 0);
    *quota = json_int(hc, "CpuQuota", 0);
    *period = json_int(hc, "CpuPeriod", 0);
    if (nano > 0) {
        *period = PERIOD_DEFAULT_US;
        *quota = nano / (1000000000 / PERIOD_DEFAULT_US);
    }
}

static int cpu_v1(const char *dir, const json_t *hc, struct err *err)
{
    int64_t quota, period, shares = json_int(hc, "CpuShares", 0);
    cpu_quota(hc, &quota, &period);
    int r = shares > 0 ? cgroup_write_int(dir, "cpu.shares", shares, err) : 0;
    if (r == 0 && period > 0)
        r = cgroup_write_int(dir, "cpu.cfs_period_us", period, err);
    if (r == 0 && quota != 0)
        r = cgroup_write_int(dir, "cpu.cfs_quota_us", quota, err);
    int64_t rt_period = json_int(hc, "CpuRealtimePeriod", 0);
    int64_t rt_runtime = json_int(hc, "CpuRealtimeRuntime", 0);
    if (r == 0 && rt_period > 0)
        r = cgroup_write_int(dir, "cpu.rt_period_us", rt_period, err);
    if (r == 0 && rt_runtime > 0)
        r = cgroup_write_int(dir, "cpu.rt_runtime_us", rt_runtime, err);
    return r;
}

static int cpu_v2(const char *dir, const json_t *hc, struct err *err)
{
    int64_t quota, period, shares = json_int(hc, "CpuShares", 0);
    cpu_quota(hc, &quota, &period);
    if (shares > 0) {
        int64_t s = MIN(MAX(shares, 2), 262144);
        int r = cgroup_write_int(dir, "cpu.weight", 1 + ((s - 2) * 9999) / 262142, err);
        if (r < 0)
            return r;
    }
    if (quota == 0 && period == 0)
        return 0;
    _cleanup_(freep) char *q = quota > 0 ? str_printf("%lld", (long long)quota) : xstrdup("max");
    _cleanup_(freep) char *text =
        str_printf("%s %lld", q, (long long)(period > 0 ? period : PERIOD_DEFAULT_US));
    return cgroup_write(dir, "cpu.max", text, err);
}

static int cpuset(const char *dir, const json_t *hc, struct err *err)
{
    const char *cpus = json_str(hc, "CpusetCpus", ""), *mems = json_str(hc, "CpusetMems", "");
    int r = *cpus ? cgroup_write(dir, "cpuset.cpus", cpus, err) : 0;
    return r == 0 && *mems ? cgroup_write(dir, "cpuset.mems", mems, err) : r;
}

static int pids(const char *dir, const json_t *hc, struct err *err)
{
    int64_t limit = json_int(hc, "PidsLimit", 0);
    if (limit > 0)
        return cgroup_write_int(dir, "pids.max", limit, err);
    return limit < 0 ? cgroup_write(dir, "pids.max", "max", err) : 0;
}

/* --- block devices */

static int device_number(const char *path, char **out, struct err *err)
{
    struct stat st;
    if (stat(path, &st) < 0)
        return err_errno(err, -errno, "%s", path);
    if (!S_ISBLK(st.st_mode))
        return err_set(err, -EINVAL, "%s is not a block device", path);
    *out = str_printf("%u:%u", major(st.st_rdev), minor(st.st_rdev));
    return 0;
}

static int throttle(const char *dir, const json_t *hc, const char *key, const char *file,
                    const char *format_key, struct err *err)
{
    size_t i;
    json_t *item;
    json_array_foreach (json_arr(hc, key), i, item) {
        _cleanup_(freep) char *number = NULL;
        int r = device_number(json_str(item, "Path", ""), &number, err);
        if (r < 0)
            return r;
        _cleanup_(freep) char *text =
            str_printf("%s %s%lld", number, format_key, (long long)json_int(item, "Rate", 0));
        r = cgroup_write(dir, file, text, err);
        if (r < 0)
            return r;
    }
    return 0;
}

static int weight_devices(const char *dir, const json_t *hc, const char *file, struct err *err)
{
    size_t i;
    json_t *item;
    json_array_foreach (json_arr(hc, "BlkioWeightDevice"), i, item) {
        _cleanup_(freep) char *number = NULL;
        int r = device_number(json_str(item, "Path", ""), &number, err);
        if (r < 0)
            return r;
        _cleanup_(freep) char *text =
            str_printf("%s %lld", number, (long long)json_int(item, "Weight", 0));
        r = cgroup_write(dir, file, text, err);
        if (r < 0)
            return r;
    }
    return 0;
}

static int weight(const char *dir, const json_t *hc, const char *const files[2], bool scale_second,
                  struct err *err)
{
    int64_t w = json_int(hc, "BlkioWeight", 0);
    if (w == 0)
        return 0;
    _cleanup_(freep) char *path = str_printf("%s/%s", dir, files[0]);
    if (access(path, F_OK) == 0)
        return cgroup_write_int(dir, files[0], w, err);
    return cgroup_write_int(dir, files[1], scale_second ? 1 + (w - 10) * 9999 / 990 : w, err);
}

static int blkio(const struct cgroup_hier *h, const char *dir, const json_t *hc, struct err *err)
{
    static const struct {
        const char *key, *v1_file, *v2_key;
    } rates[] = {
        {"BlkioDeviceReadBps", "blkio.throttle.read_bps_device", "rbps="},
        {"BlkioDeviceWriteBps", "blkio.throttle.write_bps_device", "wbps="},
        {"BlkioDeviceReadIOps", "blkio.throttle.read_iops_device", "riops="},
        {"BlkioDeviceWriteIOps", "blkio.throttle.write_iops_device", "wiops="},
    };
    static const char *const v1[2] = {"blkio.weight", "blkio.bfq.weight"};
    static const char *const v2[2] = {"io.bfq.weight", "io.weight"};
    int r = weight(dir, hc, h->v2 ? v2 : v1, h->v2, err);
    if (r == 0)
        r = weight_devices(dir, hc, h->v2 ? "io.bfq.weight" : "blkio.weight_device", err);
    for (size_t i = 0; r == 0 && i < ARRAY_SIZE(rates); i++)
        r = throttle(dir, hc, rates[i].key, h->v2 ? "io.max" : rates[i].v1_file,
                     h->v2 ? rates[i].v2_key : "", err);
    return r;
}

int cgroup_limits_set(const struct cgroup *cg, const struct cgroup_hier *h, const char *dir,
                      const json_t *host_config, struct err *err)
{
    (void)cg;
    int r = 0;
    if (serves(h, "memory"))
        r = h->v2 ? memory_v2(dir, host_config, err) : memory_v1(dir, host_config, err);
    if (r == 0 && serves(h, "cpu"))
        r = h->v2 ? cpu_v2(dir, host_config, err) : cpu_v1(dir, host_config, err);
    if (r == 0 && serves(h, "cpuset"))
        r = cpuset(dir, host_config, err);
    if (r == 0 && serves(h, "pids"))
        r = pids(dir, host_config, err);
    if (r == 0 && (serves(h, "blkio") || serves(h, "io")))
        r = blkio(h, dir, host_config, err);
    return r;
}
