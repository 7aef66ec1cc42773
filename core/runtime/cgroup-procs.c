/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Control groups: processes, freezing, the end
 *
 * A group may have groups below it (systemd in a container makes some), so everything here walks. What is left is killed as one: v2 has
 * cgroup.kill; on v1 the processes are frozen first where there is a freezer, so that none can fork away, then signalled and
 * thawed. Their end is waited for on pidfds, not by looking again and again.
 */
#include "runtime/cgroup-internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/inotify.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"

#define DEADLINE_MS 10000
#define KILL_FREEZE_MS                                                                             \
    1000 /* what waits in the kernel does not freeze; the rest is killed all the same */
#define DEPTH_MAX 32

struct pids {
    pid_t *v;
    size_t n, cap;
};

static void pids_fini(struct pids *p)
{
    free(p->v);
}

static void pids_add(struct pids *p, pid_t pid)
{
    for (size_t i = 0; i < p->n; i++) {
        if (p->v[i] == pid)
            return;
    }
    if (p->n == p->cap) {
        p->cap = p->cap ? p->cap * 2 : 16;
        p->v = xrealloc(p->v, p->cap * sizeof *p->v);
    }
    p->v[p->n++] = pid;
}

static int read_procs(const char *dir, struct pids *pids)
{
    _cleanup_(freep) char *path = str_printf("%s/cgroup.procs", dir);
    _cleanup_(freep) char *text = NULL;
    int r = fs_read(AT_FDCWD, path, 16 << 20, &text, NULL);
    if (r < 0)
        return r == -ENOENT || r == -ENODEV ? 0 : r;
    for (char *save = NULL, *w = strtok_r(text, "\n", &save); w; w = strtok_r(NULL, "\n", &save)) {
        int64_t pid;
        if (parse_i64(w, 1, INT32_MAX, &pid) == 0)
            pids_add(pids, (pid_t)pid);
    }
    return 0;
}

/* Calls fn for a group and all below it, the deepest first. */
static int walk(const char *dir, int depth, int (*fn)(const char *dir, void *arg), void *arg)
{
    if (depth > DEPTH_MAX)
        return -ELOOP;
    {
        _cleanup_(closedirp) DIR *d = opendir(dir);
        if (!d)
            return errno == ENOENT ? 0 : -errno;
        const struct dirent *e;
        while ((e = readdir(d))) {
            if (e->d_type != DT_DIR || e->d_name[0] == '.')
                continue;
            _cleanup_(freep) char *sub = str_printf("%s/%s", dir, e->d_name);
            int r = walk(sub, depth + 1, fn, arg);
            if (r < 0)
                return r;
        }
    }
    return fn(dir, arg);
}

static int visit_procs(const char *dir, void *arg)
{
    return read_procs(dir, arg);
}

static int collect(struct cgroup *cg, const char *id, struct pids *pids, struct err *err)
{
    for (size_t i = 0; i < cg->n; i++) {
        _cleanup_(freep) char *dir = cgroup_dir(cg, &cg->hiers[i], id);
        int r = walk(dir, 0, visit_procs, pids);
        if (r < 0)
            return err_errno(err, r, "reading the processes of %s", dir);
    }
    return 0;
}

int cgroup_procs(struct cgroup *cg, const char *id, pid_t **out, size_t *n, struct err *err)
{
    _cleanup_(pids_fini) struct pids pids = {0};
    int r = collect(cg, id, &pids, err);
    if (r < 0)
        return r;
    *out = steal_ptr(&pids.v);
    *n = pids.n;
    return 0;
}

/* --- freezing */

/* v2: cgroup.events is modified when `frozen` changes. */
static int wait_frozen_v2(const char *dir, bool frozen, int64_t limit_ms, struct err *err)
{
    _cleanup_(freep) char *path = str_printf("%s/cgroup.events", dir);
    _cleanup_(closep) int watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (watch < 0 || inotify_add_watch(watch, path, IN_MODIFY) < 0)
        return err_errno(err, -errno, "watching %s", path);
    int64_t end = time_mono_ns() + limit_ms * NS_PER_MS;
    for (;;) {
        _cleanup_(freep) char *text = NULL;
        int r = fs_read(AT_FDCWD, path, 4096, &text, NULL);
        if (r < 0)
            return err_errno(err, r, "reading %s", path);
        if (strstr(text, frozen ? "frozen 1" : "frozen 0"))
            return 0;
        int64_t left = (end - time_mono_ns()) / NS_PER_MS;
        struct pollfd p = {.fd = watch, .events = POLLIN};
        if (left <= 0 || poll(&p, 1, (int)left) == 0)
            return err_set(err, -ETIMEDOUT, "%s: the group did not freeze within %d s", dir,
                           (int)(limit_ms / 1000));
        char drain[4096];
        if (read(watch, drain, sizeof drain) < 0 && errno != EAGAIN)
            return err_errno(err, -errno, "watching %s", path);
    }
}

/* v1 has no notification, and reading the state is what moves FREEZING on: so it is read until it says FROZEN, giving way in between
 * for at most the deadline. */
static int wait_frozen_v1(const char *dir, int64_t limit_ms, struct err *err)
{
    _cleanup_(freep) char *path = str_printf("%s/freezer.state", dir);
    int64_t end = time_mono_ns() + limit_ms * NS_PER_MS;
    while (time_mono_ns() < end) {
        _cleanup_(freep) char *text = NULL;
        int r = fs_read(AT_FDCWD, path, 64, &text, NULL);
        if (r < 0)
            return err_errno(err, r, "reading %s", path);
        if (strstr(text, "FROZEN"))
            return 0;
        (void)poll(NULL, 0, 1);
    }
    (void)cgroup_write(dir, "freezer.state", "THAWED", NULL);
    return err_set(err, -ETIMEDOUT, "%s: the group did not freeze within %d s", dir,
                   (int)(limit_ms / 1000));
}

bool cgroup_is_frozen(const struct cgroup *cg, const char *id)
{
    const struct cgroup_hier *h = cg->version == 2 ? &cg->hiers[0] : cgroup_hier_of(cg, "freezer");
    if (!h)
        return false;
    _cleanup_(freep) char *dir = cgroup_dir(cg, h, id);
    _cleanup_(freep) char *path =
        str_printf("%s/%s", dir, cg->version == 2 ? "cgroup.freeze" : "freezer.state");
    _cleanup_(freep) char *text = NULL;
    if (fs_read(AT_FDCWD, path, 64, &text, NULL) < 0)
        return false;
    return cg->version == 2 ? text[0] == '1' : !str_eq(str_trim(text), "THAWED");
}

static int freeze_within(struct cgroup *cg, const char *id, bool frozen, int64_t limit_ms,
                         struct err *err)
{
    if (cg->version == 2) {
        _cleanup_(freep) char *dir = cgroup_dir(cg, &cg->hiers[0], id);
        int r = cgroup_write(dir, "cgroup.freeze", frozen ? "1" : "0", err);
        if (r == 0)
            r = wait_frozen_v2(dir, frozen, limit_ms, err);
        if (r < 0 && frozen)
            (void)cgroup_write(dir, "cgroup.freeze", "0", NULL);
        return r;
    }
    const struct cgroup_hier *h = cgroup_hier_of(cg, "freezer");
    if (!h)
        return err_set(err, -ENOTSUP, "cannot pause: this machine has no freezer control group");
    _cleanup_(freep) char *dir = cgroup_dir(cg, h, id);
    int r = cgroup_write(dir, "freezer.state", frozen ? "FROZEN" : "THAWED", err);
    return r < 0 || !frozen ? r : wait_frozen_v1(dir, limit_ms, err);
}

int cgroup_freeze(struct cgroup *cg, const char *id, bool frozen, struct err *err)
{
    return freeze_within(cg, id, frozen, DEADLINE_MS, err);
}

/* --- the end */

static int wait_gone(pid_t pid, int64_t end)
{
    _cleanup_(closep) int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (fd < 0)
        return errno == ESRCH ? 0 : -errno;
    int64_t left = MAX((end - time_mono_ns()) / NS_PER_MS, 0);
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return poll(&p, 1, (int)left) > 0 ? 0 : -ETIMEDOUT;
}

static void kill_all(struct cgroup *cg, const char *id, const struct pids *pids)
{
    if (cg->version == 2) {
        _cleanup_(freep) char *dir = cgroup_dir(cg, &cg->hiers[0], id);
        if (cgroup_write(dir, "cgroup.kill", "1", NULL) == 0)
            return;
    }
    for (size_t i = 0; i < pids->n; i++)
        (void)kill(pids->v[i], SIGKILL);
}

/* Kills until nothing is left; each round takes what forked away from the one before. */
static int kill_rounds(struct cgroup *cg, const char *id, int64_t limit_ms, struct err *err)
{
    int64_t end = time_mono_ns() + limit_ms * NS_PER_MS;
    for (;;) {
        bool frozen = freeze_within(cg, id, true, MIN(limit_ms / 2, KILL_FREEZE_MS), NULL) == 0;
        _cleanup_(pids_fini) struct pids pids = {0};
        int r = collect(cg, id, &pids, err);
        if (r == 0 && pids.n > 0)
            kill_all(cg, id, &pids);
        if (frozen)
            (void)cgroup_freeze(cg, id, false, NULL);
        if (r < 0 || pids.n == 0)
            return r;
        for (size_t i = 0; i < pids.n; i++) {
            if (wait_gone(pids.v[i], end) < 0)
                return err_set(err, -EBUSY, "container %s: process %d does not end after SIGKILL",
                               id, (int)pids.v[i]);
        }
    }
}

static int visit_rmdir(const char *dir, void *arg)
{
    (void)arg;
    return rmdir(dir) < 0 && errno != ENOENT ? -errno : 0;
}

static int remove_groups(struct cgroup *cg, const char *id, struct err *err)
{
    int result = 0;
    for (size_t i = 0; i < cg->n; i++) {
        _cleanup_(freep) char *dir = cgroup_dir(cg, &cg->hiers[i], id);
        if (rmdir(dir) == 0 || errno == ENOENT) /* as a rule it has none below it */
            continue;
        int r = walk(dir, 0, visit_rmdir, NULL);
        if (r < 0)
            result = err_errno(err, r, "removing control group %s", dir);
    }
    return result;
}

int cgroup_destroy(struct cgroup *cg, const char *id, int64_t kill_ms, struct err *err)
{
    _cleanup_(err_fini) struct err first = {0};
    int r = remove_groups(cg, id, &first); /* the rule: everything has ended */
    if (r != -EBUSY || kill_ms == 0)
        return r < 0 ? err_move(err, &first) : 0;
    r = kill_rounds(cg, id, kill_ms, err);
    return r < 0 ? r : remove_groups(cg, id, err);
}
