/* SPDX-License-Identifier: Apache-2.0 */
/* A container's root: of one that runs, and of one that does not. */
#include "engine/root.h"

#include <errno.h>

#include "base/log.h"
#include "engine/live.h"
#include "engine/storage.h"
#include "runtime/procfs.h"

#define TRIES 4

void container_root_fini(struct container_root *r)
{
    close_fd(r->fd);
    close_fd(r->held);
    if (r->claimed)
        container_unclaim(r->engine, r->row->id);
    state_container_free(r->row);
}

/* The running mount without what is mounted on it. A second mount of the layer, read-only, where that cannot be had: the program has
 * left its mount namespace. */
static int open_running_layer(struct engine *e, const struct state_container *row, int root,
                              struct err *err)
{
    _cleanup_(closep) int pidfd = procfs_pidfd(row->pid, row->pid_start);
    int fd = pidfd < 0 ? pidfd : root_mount_clone(pidfd, root);
    if (fd >= 0)
        return fd;
    log_debug("container %s: its root cannot be cloned: %s", row->id, strerror(-fd));
    int r = storage_root_fd(e->storage, row->layer_id, &fd, err);
    return r < 0 ? r : fd;
}

int container_layer_open(struct engine *e, const struct state_container *row, struct err *err)
{
    _cleanup_(shim_unrefp) struct shim *shim = NULL;
    int fd = storage_bind_fd(e->storage, row->layer_id, err);
    if (fd != -ENODATA)
        return fd;
    _cleanup_(err_fini) struct err ignored = {0};
    _cleanup_(closep) int root = -1;
    if (live_shim(e, row, &shim, &ignored) == 0 && shim_root(shim, &root, &ignored) == 0)
        return open_running_layer(e, row, root, err);
    int r = storage_root_fd(e->storage, row->layer_id, &fd, err);
    return r < 0 ? r : fd;
}

/* 0, or -EAGAIN: it does not run. */
static int open_running(struct engine *e, enum root_use use, struct container_root *out,
                        struct err *err)
{
    _cleanup_(shim_unrefp) struct shim *shim = NULL;
    _cleanup_(err_fini) struct err ignored = {0};
    if (live_shim(e, out->row, &shim, &ignored) < 0)
        return -EAGAIN;
    if (use == ROOT_LAYER) {
        out->fd = container_layer_open(e, out->row, err);
        return out->fd < 0 ? out->fd : 0;
    }
    int r = shim_root(shim, &out->fd, &ignored);
    out->running = true;
    return r < 0 ? -EAGAIN : 0;
}

static int open_claimed(struct engine *e, enum root_use use, struct container_root *out,
                        struct err *err)
{
    if (use != ROOT_LAYER)
        return root_view_open(e, out->row, use == ROOT_WRITE, &out->fd, &out->held, err);
    out->fd = container_layer_open(e, out->row, err);
    return out->fd < 0 ? out->fd : 0;
}

static int check_there(const struct state_container *row, struct err *err)
{
    if (str_eq(row->status, "removing") || str_eq(row->status, "dead"))
        return err_set(err, -EBUSY, "container %s is marked for removal: its files are going",
                       row->name);
    return 0;
}

static int try_open(struct engine *e, const char *ref, enum root_use use, const char *verb,
                    struct container_root *out, struct err *err)
{
    int r = state_container_find(e->state, ref, &out->row, err);
    if (r == 0)
        r = check_there(out->row, err);
    if (r == 0)
        r = open_running(e, use, out, err);
    if (r != -EAGAIN)
        return r;
    state_container_free(steal_ptr(&out->row));
    r = container_claim(e, ref, verb, CLAIM_LIMIT_MS, &out->row, err);
    if (r < 0)
        return r;
    out->claimed = true;
    if ((r = check_there(out->row, err)) < 0)
        return r;
    /* It was started while the claim was waited for. */
    bool runs = container_is_running(out->row) && !str_eq(out->row->status, "restarting");
    return runs ? -EAGAIN : open_claimed(e, use, out, err);
}

int container_root_open(struct engine *e, const char *ref, enum root_use use, const char *verb,
                        struct container_root *out, struct err *err)
{
    int r = -EAGAIN;
    for (int i = 0; r == -EAGAIN && i < TRIES; i++) {
        *out = (struct container_root){.engine = e, .fd = -1, .held = -1};
        r = try_open(e, ref, use, verb, out, err);
        if (r < 0)
            container_root_fini(out);
    }
    return r == -EAGAIN ? err_set(err, -EBUSY, "container %s is starting or ending", ref) : r;
}
