/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vfs
 *
 * Every layer is a whole tree, copied from its parent's. Slow and large, but it asks nothing of the kernel nor of the
 * file system below.
 */
#include <stdio.h>

#include "berth/storage.h"
#include "common/layers.h"
#include "common/tree.h"
#include "common/util.h"
#include "compare.h"
#include "copy.h"

static int vfs_open(const struct berth_host *host, void **self, struct berth_err *err)
{
    struct layers *layers = NULL;
    int r = layers_open(host, "tree", "writable", &layers, err);
    *self = layers;
    return r;
}

static void vfs_close(void *self)
{
    layers_close(self);
}

static int copy_parent(struct layers *l, const char *parent, int to, struct berth_err *err)
{
    if (!parent)
        return 0;
    _cleanup_(closep) int from = layer_open_tree(l, parent, err);
    return from < 0 ? from : copy_tree(from, to, err);
}

/* Begins a layer that holds what its parent holds; gives its open tree. */
static int begin(struct layers *l, const char *id, const char *parent, bool writable,
                 struct layer **layer, struct berth_err *err)
{
    int r = layer_begin(l, id, parent, writable, 0, layer, err);
    if (r < 0)
        return r;
    _cleanup_(closep) int fd = layer_open_new(l, *layer, err);
    r = fd < 0 ? fd : copy_parent(l, parent, fd, err);
    if (r < 0) {
        layer_abort(l, *layer);
        return r;
    }
    return steal_fd(&fd);
}

/* Synced, unlike an overlay's empty directory: a power cut must not leave a layer of half-written copies. */
static int vfs_layer_create(void *self, const char *id, const char *parent,
                            const struct berth_options *options, struct berth_err *err)
{
    struct layer *layer = NULL;
    (void)options;
    _cleanup_(closep) int fd = begin(self, id, parent, true, &layer, err);
    return fd < 0 ? fd : layer_commit(self, layer, true, err);
}

static int vfs_layer_remove(void *self, const char *id, struct berth_err *err)
{
    return layer_remove(self, id, err);
}

static int vfs_layer_stat(void *self, const char *id, struct berth_layer_stat *out,
                          struct berth_err *err)
{
    return layer_stat(self, id, out, err);
}

static int vfs_diff_begin(void *self, const char *id, const char *parent, struct berth_diff *diff,
                          struct berth_err *err)
{
    struct layer *layer = NULL;
    int fd = begin(self, id, parent, false, &layer, err);
    if (fd < 0)
        return fd;
    diff->dir_fd = fd;
    diff->whiteout_form = BERTH_WHITEOUT_APPLY;
    diff->priv = layer;
    return 0;
}

static void diff_close(struct berth_diff *diff)
{
    closep(&diff->dir_fd);
    diff->dir_fd = -1;
    diff->priv = NULL;
}

static int vfs_diff_commit(void *self, const char *id, struct berth_diff *diff,
                           struct berth_err *err)
{
    struct layer *layer = diff->priv;
    (void)id;
    diff_close(diff);
    return layer_commit(self, layer, true, err);
}

static void vfs_diff_abort(void *self, const char *id, struct berth_diff *diff)
{
    struct layer *layer = diff->priv;
    (void)id;
    diff_close(diff);
    layer_abort(self, layer);
}

static int vfs_mount_plan(void *self, const char *id, uint32_t flags, struct berth_mount_plan *plan,
                          struct berth_err *err)
{
    struct berth_layer_stat st = {.size = sizeof(st)};
    (void)flags; /* the host makes the mount read-only */
    int r = layer_stat(self, id, &st, err);
    if (r < 0)
        return r;
    _cleanup_(freep) char *path = layer_path(self, id, "tree");
    r = path ? plan->bind(plan, path) : -ENOMEM;
    return r < 0 ? berth_err_set(err, r, "planning the mount of layer %s: %s", id, strerror(-r))
                 : 0;
}

static int vfs_changes(void *self, const char *id,
                       int (*each)(void *ctx, const char *path, uint32_t kind), void *ctx,
                       struct berth_err *err)
{
    char parent[128] = "";
    struct berth_layer_stat st = {.size = sizeof(st), .parent = parent};
    int r = layer_stat(self, id, &st, err);
    if (r < 0)
        return r;
    _cleanup_(closep) int after = layer_open_tree(self, id, err);
    _cleanup_(closep) int before = *parent && after >= 0 ? layer_open_tree(self, parent, err) : -1;
    if (after < 0 || (*parent && before < 0))
        return after < 0 ? after : before;
    return compare_trees(before, after, each, ctx, err);
}

static int vfs_usage(void *self, const char *id, struct berth_usage *out, struct berth_err *err)
{
    _cleanup_(closep) int fd = layer_open_tree(self, id, err);
    return fd < 0 ? fd : tree_usage(fd, out, err);
}

static int vfs_layer_list(void *self, int (*each)(void *ctx, const char *id), void *ctx,
                          struct berth_err *err)
{
    return layer_list(self, each, ctx, err);
}

static const struct berth_storage_ops vfs_ops = {
    .size = sizeof(struct berth_storage_ops),
    .open = vfs_open,
    .close = vfs_close,
    .layer_create = vfs_layer_create,
    .layer_remove = vfs_layer_remove,
    .layer_stat = vfs_layer_stat,
    .diff_begin = vfs_diff_begin,
    .diff_commit = vfs_diff_commit,
    .diff_abort = vfs_diff_abort,
    .mount_plan = vfs_mount_plan,
    .changes = vfs_changes,
    .usage = vfs_usage,
    .layer_list = vfs_layer_list,
};

BERTH_PLUGIN(.kind = BERTH_STORAGE, .name = DRIVER_PREFIX "vfs", .version = "1.0.0",
             .license = "Apache-2.0", .summary = "Every layer a whole copy of its parent",
             .ops = &vfs_ops);
