/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Control groups: new limits for groups that are there
 *
 * All or nothing: the limits are kept as they were, as text, and written back when the kernel refuses one of the new ones.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/log.h"
#include "runtime/cgroup-internal.h"

/* What cgroup_limits_set() may write, of both versions; a hierarchy has some of them. */
static const char *const files[] = {
    "memory.limit_in_bytes",
    "memory.memsw.limit_in_bytes",
    "memory.soft_limit_in_bytes",
    "cpu.shares",
    "cpu.cfs_period_us",
    "cpu.cfs_quota_us",
    "cpu.rt_period_us",
    "cpu.rt_runtime_us",
    "cpuset.cpus",
    "cpuset.mems",
    "pids.max",
    "blkio.weight",
    "blkio.bfq.weight",
    "memory.max",
    "memory.swap.max",
    "memory.low",
    "cpu.weight",
    "cpu.max",
    "io.weight",
    "io.bfq.weight",
};

struct saved {
    char *dir;
    char *values[ARRAY_SIZE(files)]; /* NULL: not there */
};

static void saved_fini(struct saved *s)
{
    for (size_t i = 0; i < ARRAY_SIZE(files); i++)
        free(s->values[i]);
    free(s->dir);
}

static char *read_value(const char *dir, const char *file)
{
    _cleanup_(freep) char *path = str_printf("%s/%s", dir, file);
    char *text = NULL;
    if (fs_read(AT_FDCWD, path, 64 << 10, &text, NULL) < 0)
        return NULL;
    size_t n = strlen(text);
    if (n > 0 && text[n - 1] == '\n')
        text[n - 1] = 0;
    return text;
}

static void save(struct saved *s)
{
    for (size_t i = 0; i < ARRAY_SIZE(files); i++)
        s->values[i] = read_value(s->dir, files[i]);
}

/* An empty text would be no write at all. */
static void put_back(const struct saved *s)
{
    for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
        _cleanup_(freep) char *now = s->values[i] ? read_value(s->dir, files[i]) : NULL;
        if (now && !str_eq(now, s->values[i]))
            (void)cgroup_write(s->dir, files[i], *s->values[i] ? s->values[i] : "\n", NULL);
    }
}

int cgroup_update(struct cgroup *cg, const char *id, const json_t *host_config, struct err *err)
{
    struct saved saved[CGROUP_HIERS_MAX] = {0};
    size_t n = 0;
    int r = 0;
    for (; r == 0 && n < cg->n; n++) {
        saved[n].dir = cgroup_dir(cg, &cg->hiers[n], id);
        if (access(saved[n].dir, F_OK) < 0) {
            r = err_errno(err, -errno, "control group %s", saved[n].dir);
            continue;
        }
        save(&saved[n]);
        r = cgroup_limits_set(cg, &cg->hiers[n], saved[n].dir, host_config, err);
    }
    /* Twice, for of two limits that bound each other one may have to wait for the other. */
    for (size_t i = 0; r < 0 && i < 2 * n; i++)
        put_back(&saved[i % n]);
    for (size_t i = 0; i < n; i++)
        saved_fini(&saved[i]);
    return r;
}
