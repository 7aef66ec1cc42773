/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Monitors of an earlier build
 *
 * Containers live longer than daemons, and so do their monitors. One whose image is not this daemon's is asked to replace
 * itself; it proves the new image first (docs/shim-protocol.md). They are asked one by one, and the first that fails ends
 * it: what is wrong with the new image is wrong for all.
 */
#include "engine/shim-upgrade.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/log.h"
#include "config/config.h"
#include "engine/live.h"

struct image {
    dev_t dev;
    ino_t ino;
    const void *data;
    size_t n;
};

static int image_map(int fd, struct image *out)
{
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0)
        return -errno;
    *out = (struct image){.dev = st.st_dev, .ino = st.st_ino, .n = (size_t)st.st_size};
    void *data = out->n ? mmap(NULL, out->n, PROT_READ, MAP_PRIVATE, fd, 0) : MAP_FAILED;
    if (data == MAP_FAILED)
        return -EIO;
    out->data = data;
    return 0;
}

static void image_unmap(struct image *i)
{
    if (i->data)
        munmap((void *)i->data, i->n);
}

/* Whether the process runs what `ours` is: 1, 0, or a negative errno. */
static int runs_image(pid_t pid, const struct image *ours)
{
    _cleanup_(freep) char *path = str_printf("/proc/%d/exe", (int)pid);
    _cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
    _cleanup_(image_unmap) struct image its = {0};
    int r = image_map(fd, &its);
    if (r < 0)
        return r;
    return (its.dev == ours->dev && its.ino == ours->ino) ||
           (its.n == ours->n && memcmp(its.data, ours->data, its.n) == 0);
}

struct count {
    unsigned upgraded, too_old;
};

static int upgrade_one(struct engine *e, const struct state_container *row,
                       const struct image *ours, struct count *count, struct err *err)
{
    _cleanup_(shim_unrefp) struct shim *shim = NULL;
    if (live_shim(e, row, &shim, NULL) < 0 || runs_image(shim_pid(shim), ours) != 0)
        return 0; /* it has ended, or it is what it shall be */
    if (shim_minor(shim) < SHIM_MINOR_UPGRADE) {
        count->too_old++;
        return 0;
    }
    int r = shim_upgrade(shim, e->shim_image, err);
    if (r == -EBUSY || r == -EAGAIN || shim_wait_dead(shim, 0) == 0) {
        err_clear(err);
        return 0; /* it ends just now, or changes its log driver */
    }
    if (r == 0 && runs_image(shim_pid(shim), ours) == 0)
        r = err_set(err, -EIO, "it says that it was replaced, and still runs another image");
    if (r == 0)
        count->upgraded++;
    return r < 0 ? err_wrap(err, "container %s: its monitor (pid %d)", row->id, (int)shim_pid(shim))
                 : 0;
}

static bool is_closing(struct engine *e)
{
    pthread_mutex_lock(&e->lock);
    bool closing = e->closing;
    pthread_mutex_unlock(&e->lock);
    return closing;
}

static int upgrade_all(struct engine *e, const struct image *ours, struct count *count,
                       struct err *err)
{
    _cleanup_(state_containers_fini) struct state_containers rows = {0};
    int r = state_container_list(e->state, true, &rows, err);
    for (size_t i = 0; r == 0 && i < rows.n && !is_closing(e); i++)
        r = upgrade_one(e, rows.v[i], ours, count, err);
    return r;
}

static void *run(void *arg)
{
    struct engine *e = arg;
    _cleanup_(err_fini) struct err err = {0};
    struct image ours = {0};
    struct count count = {0};
    int r = image_map(e->shim_image, &ours);
    if (r < 0)
        err_errno(&err, r, "this daemon's berth-shim");
    else
        r = upgrade_all(e, &ours, &count, &err);
    image_unmap(&ours);
    if (count.upgraded)
        log_info("%u monitors of an earlier build were brought to this one", count.upgraded);
    if (count.too_old)
        log_info("%u monitors of an earlier build know no upgrade: they stay until their "
                 "containers start again",
                 count.too_old);
    if (r < 0)
        log_error("monitors of an earlier build stay as they are: %s", err_msg(&err));
    background_end(e);
    return NULL;
}

void shims_upgrade(struct engine *e)
{
    _cleanup_(err_fini) struct err err = {0};
    _cleanup_(config_unrefp) struct config *cfg = engine_config(e);
    if (cfg->runtime.upgrade_shims && background_start(e, run, e, &err) < 0)
        log_error("monitors of an earlier build stay as they are: %s", err_msg(&err));
}
