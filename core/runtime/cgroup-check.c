/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Control groups: what may be asked for
 *
 * The checks that Docker makes at create, in its words, since clients and scripts know them. What this kernel cannot do is taken out of
 * HostConfig with a warning where Docker does so, and refused where Docker refuses.
 */
#include "runtime/cgroup-internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/json.h"

#define MEMORY_MIN (6 << 20)

struct support {
    bool memory, swap, reservation, swappiness, oom_disable, shares, cfs, cpuset, pids,
        blkio_weight;
};

static void probe(const struct cgroup *cg, struct support *s)
{
    bool v1 = cg->version == 1;
    s->memory = cgroup_hier_of(cg, "memory") != NULL;
    s->swap = cgroup_has_file(cg, "memory", v1 ? "memory.memsw.limit_in_bytes" : "memory.swap.max");
    s->reservation = v1 ? cgroup_has_file(cg, "memory", "memory.soft_limit_in_bytes") : s->memory;
    s->swappiness = v1 && cgroup_has_file(cg, "memory", "memory.swappiness");
    s->oom_disable = v1 && cgroup_has_file(cg, "memory", "memory.oom_control");
    s->shares = v1 ? cgroup_has_file(cg, "cpu", "cpu.shares") : cgroup_hier_of(cg, "cpu") != NULL;
    s->cfs = v1 ? cgroup_has_file(cg, "cpu", "cpu.cfs_quota_us") : s->shares;
    s->cpuset = cgroup_hier_of(cg, "cpuset") != NULL;
    s->pids = cgroup_hier_of(cg, "pids") != NULL;
    s->blkio_weight =
        v1 ? cgroup_has_file(cg, "blkio", "blkio.weight") ||
                 cgroup_has_file(cg, "blkio", "blkio.bfq.weight")
           : cgroup_has_file(cg, "io", "io.weight") || cgroup_has_file(cg, "io", "io.bfq.weight");
}

static void put_warning(json_t *warnings, bool supported, const char *words)
{
    if (!supported)
        json_push_str(warnings, words);
}

void cgroup_info(const struct cgroup *cg, json_t *info, json_t *warnings)
{
    struct support s;
    probe(cg, &s);
    json_put_str(info, "CgroupDriver", "cgroupfs");
    json_put_str(info, "CgroupVersion", cg->version == 2 ? "2" : "1");
    json_put_bool(info, "MemoryLimit", s.memory);
    json_put_bool(info, "SwapLimit", s.swap);
    json_put_bool(info, "CpuCfsPeriod", s.cfs);
    json_put_bool(info, "CpuCfsQuota", s.cfs);
    json_put_bool(info, "CPUShares", s.shares);
    json_put_bool(info, "CPUSet", s.cpuset);
    json_put_bool(info, "PidsLimit", s.pids);
    json_put_bool(info, "OomKillDisable", s.oom_disable);
    put_warning(warnings, s.memory, "WARNING: No memory limit support");
    put_warning(warnings, s.swap, "WARNING: No swap limit support");
    put_warning(warnings, s.cfs, "WARNING: No cpu cfs quota support");
    put_warning(warnings, s.cfs, "WARNING: No cpu cfs period support");
    put_warning(warnings, s.shares, "WARNING: No cpu shares support");
    put_warning(warnings, s.cpuset, "WARNING: No cpuset support");
    put_warning(warnings, s.pids, "WARNING: No pids limit support");
}

static void discard(json_t *hc, const char *key, int64_t value, json_t *warnings, const char *words)
{
    json_put_int(hc, key, value);
    json_push_str(warnings, words);
}

static int check_memory(json_t *hc, const struct support *s, json_t *warnings, struct err *err)
{
    int64_t memory = json_int(hc, "Memory", 0);
    if (memory < 0)
        return err_set(err, -EINVAL, "invalid memory limit %lld: it cannot be negative",
                       (long long)memory);
    if (memory > 0 && memory < MEMORY_MIN)
        return err_set(err, -EINVAL, "Minimum memory limit allowed is 6MB");
    if (memory > 0 && !s->memory) {
        discard(hc, "Memory", 0, warnings,
                "Your kernel does not support memory limit capabilities or the cgroup is not "
                "mounted. Limitation discarded.");
        json_put_int(hc, "MemorySwap", -1);
        memory = 0;
    }
    int64_t swap = json_int(hc, "MemorySwap", 0);
    if (memory > 0 && swap != -1 && !s->swap) {
        discard(hc, "MemorySwap", -1, warnings,
                "Your kernel does not support swap limit capabilities or the cgroup is not "
                "mounted. Memory limited without swap.");
        swap = -1;
    }
    if (memory > 0 && swap > 0 && swap < memory)
        return err_set(err, -EINVAL,
                       "Minimum memoryswap limit should be larger than memory limit, see usage");
    if (memory == 0 && swap > 0)
        return err_set(
            err, -EINVAL,
            "You should always set the Memory limit when using Memoryswap limit, see usage");
    if (swap < -1)
        return err_set(err, -EINVAL, "invalid MemorySwap %lld: -1 means no limit", (long long)swap);
    return 0;
}

static int check_reservation(json_t *hc, const struct support *s, json_t *warnings, struct err *err)
{
    int64_t reservation = json_int(hc, "MemoryReservation", 0);
    int64_t memory = json_int(hc, "Memory", 0);
    if (reservation != 0 && !s->reservation) {
        discard(hc, "MemoryReservation", 0, warnings,
                "Your kernel does not support memory soft limit capabilities or the cgroup is not "
                "mounted. Limitation discarded.");
        return 0;
    }
    if (reservation < 0 || (reservation > 0 && reservation < MEMORY_MIN))
        return err_set(err, -EINVAL, "Minimum memory reservation allowed is 6MB");
    if (memory > 0 && reservation > 0 && memory < reservation)
        return err_set(err, -EINVAL,
                       "Minimum memory limit can not be less than memory reservation limit, see "
                       "usage");
    return 0;
}

static int check_oom(json_t *hc, const struct support *s, json_t *warnings, struct err *err)
{
    int64_t swappiness = json_int(hc, "MemorySwappiness", -1);
    if (swappiness < -1 || swappiness > 100)
        return err_set(err, -EINVAL, "Invalid value: %lld, valid memory swappiness range is 0-100",
                       (long long)swappiness);
    if (swappiness >= 0 && !s->swappiness)
        discard(hc, "MemorySwappiness", -1, warnings,
                "Your kernel does not support memory swappiness capabilities or the cgroup is not "
                "mounted. Memory swappiness discarded.");
    if (!json_bool(hc, "OomKillDisable", false))
        return 0;
    if (!s->oom_disable) {
        json_put_bool(hc, "OomKillDisable", false);
        json_push_str(warnings,
                      "Your kernel does not support OomKillDisable. OomKillDisable discarded.");
    } else if (json_int(hc, "Memory", 0) == 0) {
        json_push_str(warnings, "OOM killer is disabled for the container, but no memory limit is "
                                "set, this can result in the system running out of resources.");
    }
    return 0;
}

static int check_nano_cpus(const json_t *hc, const struct support *s, struct err *err)
{
    int64_t nano = json_int(hc, "NanoCpus", 0);
    if (nano == 0)
        return 0;
    if (json_int(hc, "CpuPeriod", 0) > 0)
        return err_set(err, -EINVAL,
                       "Conflicting options: Nano CPUs and CPU Period cannot both be set");
    if (json_int(hc, "CpuQuota", 0) > 0)
        return err_set(err, -EINVAL,
                       "Conflicting options: Nano CPUs and CPU Quota cannot both be set");
    if (!s->cfs)
        return err_set(err, -EINVAL,
                       "NanoCPUs can not be set, as your kernel does not support CPU CFS scheduler "
                       "or the cgroup is not mounted");
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    if (nano < 10000000 || nano > cpus * 1000000000LL)
        return err_set(err, -EINVAL,
                       "range of CPUs is from 0.01 to %ld.00, as there are only %ld CPUs available",
                       cpus, cpus);
    return 0;
}

static int check_cpu(json_t *hc, const struct support *s, json_t *warnings, struct err *err)
{
    int r = check_nano_cpus(hc, s, err);
    if (r < 0)
        return r;
    if (json_int(hc, "CpuShares", 0) < 0)
        return err_set(err, -EINVAL, "invalid CPU shares (%lld): value must be a positive integer",
                       (long long)json_int(hc, "CpuShares", 0));
    if (json_int(hc, "CpuShares", 0) > 0 && !s->shares)
        discard(hc, "CpuShares", 0, warnings,
                "Your kernel does not support CPU shares or the cgroup is not mounted. Shares "
                "discarded.");
    int64_t period = json_int(hc, "CpuPeriod", 0), quota = json_int(hc, "CpuQuota", 0);
    if ((period != 0 || quota > 0) && !s->cfs) {
        discard(hc, "CpuPeriod", 0, warnings,
                "Your kernel does not support CPU CFS scheduler. CPU period/quota discarded.");
        json_put_int(hc, "CpuQuota", 0);
        return 0;
    }
    if (period != 0 && (period < 1000 || period > 1000000))
        return err_set(err, -EINVAL,
                       "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s "
                       "(i.e. 1000000)");
    if (quota > 0 && quota < 1000)
        return err_set(err, -EINVAL, "CPU cfs quota can not be less than 1ms (i.e. 1000)");
    return 0;
}

/* --- lists of cpus and memory nodes: "0-2,7" */

#define SET_MAX 8192

static int parse_set(const char *text, unsigned char bits[SET_MAX / 8])
{
    memset(bits, 0, SET_MAX / 8);
    _cleanup_(strv_fini) struct strv parts = {0};
    strv_split(&parts, text, ",");
    const char *part;
    strv_foreach (part, &parts) {
        int64_t from, to;
        _cleanup_(freep) char *first = xstrndup(part, strcspn(part, "-"));
        const char *dash = strchr(part, '-');
        if (parse_i64(first, 0, SET_MAX - 1, &from) < 0)
            return -EINVAL;
        to = from;
        if (dash && parse_i64(dash + 1, from, SET_MAX - 1, &to) < 0)
            return -EINVAL;
        for (int64_t i = from; i <= to; i++)
            bits[i / 8] = (unsigned char)(bits[i / 8] | 1u << (i % 8));
    }
    return 0;
}

static char *available(const struct cgroup *cg, const char *what)
{
    const struct cgroup_hier *h = cgroup_hier_of(cg, "cpuset");
    _cleanup_(freep) char *path =
        str_printf("%s/cpuset.%s%s", h->base, what, h->v2 ? ".effective" : "");
    char *text = NULL;
    if (fs_read(AT_FDCWD, path, 65536, &text, NULL) < 0)
        return NULL;
    char *trimmed = xstrdup(str_trim(text));
    free(text);
    return trimmed;
}

static int check_set(const struct cgroup *cg, const char *wanted, const char *what,
                     const char *words, struct err *err)
{
    unsigned char want[SET_MAX / 8], have[SET_MAX / 8];
    if (str_empty(wanted))
        return 0;
    if (parse_set(wanted, want) < 0)
        return err_set(err, -EINVAL, "Invalid value %s for cpuset %s", wanted, what);
    _cleanup_(freep) char *all = available(cg, what);
    if (!all || parse_set(all, have) < 0)
        return 0;
    for (size_t i = 0; i < sizeof want; i++) {
        if (want[i] & ~have[i])
            return err_set(err, -EINVAL,
                           "Requested %s are not available - requested %s, available: %s", words,
                           wanted, all);
    }
    return 0;
}

static int check_cpuset(const struct cgroup *cg, json_t *hc, const struct support *s,
                        json_t *warnings, struct err *err)
{
    const char *cpus = json_str(hc, "CpusetCpus", ""), *mems = json_str(hc, "CpusetMems", "");
    if ((*cpus || *mems) && !s->cpuset) {
        json_put_str(hc, "CpusetCpus", "");
        json_put_str(hc, "CpusetMems", "");
        json_push_str(warnings, "Your kernel does not support cpuset or the cgroup is not mounted. "
                                "CPUset discarded.");
        return 0;
    }
    int r = check_set(cg, cpus, "cpus", "CPUs", err);
    return r < 0 ? r : check_set(cg, mems, "mems", "memory nodes", err);
}

static int check_rest(json_t *hc, const struct support *s, json_t *warnings, struct err *err)
{
    if (json_int(hc, "PidsLimit", 0) > 0 && !s->pids)
        discard(
            hc, "PidsLimit", 0, warnings,
            "Your kernel does not support PIDs limit capabilities or the cgroup is not mounted. "
            "PIDs limit discarded.");
    int64_t w = json_int(hc, "BlkioWeight", 0);
    if (w != 0 && (w < 10 || w > 1000))
        return err_set(err, -EINVAL, "Range of blkio weight is from 10 to 1000");
    if (w != 0 && !s->blkio_weight)
        discard(
            hc, "BlkioWeight", 0, warnings,
            "Your kernel does not support Block I/O weight or the cgroup is not mounted. Weight "
            "discarded.");
    if (json_array_size(json_arr(hc, "BlkioWeightDevice")) > 0 && !s->blkio_weight) {
        json_put_take(hc, "BlkioWeightDevice", json_array());
        json_push_str(warnings,
                      "Your kernel does not support Block I/O weight_device or the cgroup "
                      "is not mounted. Weight-device discarded.");
    }
    return 0;
}

int cgroup_check(const struct cgroup *cg, json_t *host_config, json_t *warnings, struct err *err)
{
    struct support s;
    probe(cg, &s);
    int r = check_memory(host_config, &s, warnings, err);
    if (r == 0)
        r = check_reservation(host_config, &s, warnings, err);
    if (r == 0)
        r = check_oom(host_config, &s, warnings, err);
    if (r == 0)
        r = check_cpu(host_config, &s, warnings, err);
    if (r == 0)
        r = check_cpuset(cg, host_config, &s, warnings, err);
    return r == 0 ? check_rest(host_config, &s, warnings, err) : r;
}
