/* SPDX-License-Identifier: Apache-2.0 */
/*
 * overlay
 *
 * A layer is a directory of what it changes, with overlayfs' own whiteouts; the kernel merges a chain of them under
 * one writable directory. data_dir/empty stands below every chain, so that a chain of one is an overlay like any other
 * and a whiteout in the lowest layer is never seen.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "backing.h"
#include "berth/storage.h"
#include "changes.h"
#include "common/layers.h"
#include "common/tree.h"
#include "common/util.h"

/* The kernel stacks 500 lower directories; one of them is `empty`. */
#define LOWER_MAX 499

struct overlay {
    const struct berth_host *host;
    struct layers *layers;
    char *empty;
    bool index_off, redirect_off, metacopy_off; /* say so at the mount */
};

static void overlay_close(void *self)
{
    struct overlay *o = self;
    if (!o)
        return;
    layers_close(o->layers);
    free(o->empty);
    free(o);
}

static void overlay_closep(struct overlay **o)
{
    overlay_close(*o);
}

/* The module's default, where the kernel has the feature: 'Y' or 'N', else 0. */
static char module_parameter(const char *path)
{
    char value = 0;
    _cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd >= 0 && read(fd, &value, 1) == 1 ? value : 0;
}

/* Renamed directories and files copied up without their data would make a layer more than its directory shows; an index
 * ties the upper directory to where it was mounted first. */
static void read_features(struct overlay *o)
{
    o->index_off = module_parameter("/sys/module/overlay/parameters/index") != 0;
    o->redirect_off = module_parameter("/sys/module/overlay/parameters/redirect_dir") == 'Y';
    o->metacopy_off = module_parameter("/sys/module/overlay/parameters/metacopy") == 'Y';
}

static int make_empty(struct overlay *o, struct berth_err *err)
{
    if (asprintf(&o->empty, "%s/empty", o->host->data_dir) < 0) {
        o->empty = NULL;
        return berth_err_set(err, -ENOMEM, "out of memory");
    }
    if (mkdir(o->empty, 0755) < 0 && errno != EEXIST)
        return berth_err_set(err, -errno, "making %s: %s", o->empty, strerror(errno));
    return 0;
}

static int overlay_open(const struct berth_host *host, void **self, struct berth_err *err)
{
    _cleanup_(overlay_closep) struct overlay *o = calloc(1, sizeof(*o));
    if (!o)
        return berth_err_set(err, -ENOMEM, "out of memory");
    o->host = host;
    int r = layers_open(host, "diff", "work", &o->layers, err);
    if (r < 0 || (r = backing_check(host->data_dir, err)) < 0 || (r = make_empty(o, err)) < 0)
        return r;
    read_features(o);
    *self = o;
    o = NULL;
    return 0;
}

static int overlay_layer_create(void *self, const char *id, const char *parent,
                                const struct berth_options *options, struct berth_err *err)
{
    struct overlay *o = self;
    struct layer *layer = NULL;
    (void)options;
    int r = layer_begin(o->layers, id, parent, true, LOWER_MAX + 1, &layer, err);
    return r < 0 ? r : layer_commit(o->layers, layer, false, err);
}

static int overlay_layer_remove(void *self, const char *id, struct berth_err *err)
{
    return layer_remove(((struct overlay *)self)->layers, id, err);
}

static int overlay_layer_stat(void *self, const char *id, struct berth_layer_stat *out,
                              struct berth_err *err)
{
    return layer_stat(((struct overlay *)self)->layers, id, out, err);
}

static int overlay_diff_begin(void *self, const char *id, const char *parent,
                              struct berth_diff *diff, struct berth_err *err)
{
    struct overlay *o = self;
    struct layer *layer = NULL;
    int r = layer_begin(o->layers, id, parent, false, LOWER_MAX, &layer, err);
    if (r < 0)
        return r;
    r = layer_open_new(o->layers, layer, err);
    if (r < 0) {
        layer_abort(o->layers, layer);
        return r;
    }
    diff->dir_fd = r;
    diff->whiteout_form = BERTH_WHITEOUT_OVERLAY;
    diff->priv = layer;
    return 0;
}

static void diff_close(struct berth_diff *diff)
{
    closep(&diff->dir_fd);
    diff->dir_fd = -1;
    diff->priv = NULL;
}

static int overlay_diff_commit(void *self, const char *id, struct berth_diff *diff,
                               struct berth_err *err)
{
    struct layer *layer = diff->priv;
    (void)id;
    diff_close(diff);
    return layer_commit(((struct overlay *)self)->layers, layer, true, err);
}

static void overlay_diff_abort(void *self, const char *id, struct berth_diff *diff)
{
    struct layer *layer = diff->priv;
    (void)id;
    diff_close(diff);
    layer_abort(((struct overlay *)self)->layers, layer);
}

static int overlay_diff_read(void *self, const char *id, struct berth_diff *diff,
                             struct berth_err *err)
{
    int fd = layer_open_tree(((struct overlay *)self)->layers, id, err);
    diff->dir_fd = fd;
    diff->whiteout_form = BERTH_WHITEOUT_OVERLAY;
    return fd < 0 ? fd : 0;
}

static int plan_layer(const struct overlay *o, struct berth_mount_plan *plan, const char *key,
                      const char *id, const char *name)
{
    _cleanup_(freep) char *path = layer_path(o->layers, id, name);
    return path ? plan->option_path(plan, key, path) : -ENOMEM;
}

static int plan_features(const struct overlay *o, struct berth_mount_plan *plan)
{
    int r = o->index_off ? plan->option(plan, "index", "off") : 0;
    if (r == 0 && o->redirect_off)
        r = plan->option(plan, "redirect_dir", "off");
    if (r == 0 && o->metacopy_off)
        r = plan->option(plan, "metacopy", "off");
    return r;
}

/* Without it the kernel writes the whole backing file system to disk at the unmount. A volatile upper is marked by the kernel, which then
 * refuses it; that the machine did not crash meanwhile, or that nothing depends on it, was decided by who asks for it again. */
static int plan_volatile(const struct overlay *o, const char *id, struct berth_mount_plan *plan)
{
    _cleanup_(freep) char *work = layer_path(o->layers, id, "work"), *mark = NULL, *dirty = NULL;
    if (!work || asprintf(&mark, "%s/work/incompat/volatile", work) < 0 ||
        asprintf(&dirty, "%s/dirty", mark) < 0)
        return -ENOMEM;
    if (unlink(dirty) < 0 && errno != ENOENT && errno != ENOTDIR)
        return -errno;
    if (rmdir(mark) < 0 && errno != ENOENT && errno != ENOTDIR)
        return -errno;
    return plan->option(plan, "volatile", NULL);
}

static int plan_chain(const struct overlay *o, const struct chain *chain, bool upper,
                      bool ephemeral, struct berth_mount_plan *plan)
{
    int r = plan->filesystem(plan, "overlay");
    if (r == 0 && upper)
        r = plan_features(o, plan);
    for (size_t i = upper ? 1 : 0; r == 0 && i < chain->n; i++)
        r = plan_layer(o, plan, "lowerdir+", chain->ids[i], "diff");
    if (r == 0)
        r = plan->option_path(plan, "lowerdir+", o->empty);
    if (r || !upper)
        return r;
    r = plan_layer(o, plan, "upperdir", chain->ids[0], "diff");
    if (r == 0)
        r = plan_layer(o, plan, "workdir", chain->ids[0], "work");
    if (r == 0 && (ephemeral || berth_opt_bool(o->host->options, "volatile", false)))
        r = plan_volatile(o, chain->ids[0], plan);
    return r;
}

static int overlay_mount_plan(void *self, const char *id, uint32_t flags,
                              struct berth_mount_plan *plan, struct berth_err *err)
{
    struct overlay *o = self;
    _cleanup_(chain_fini) struct chain chain = {0};
    int r = layer_chain(o->layers, id, &chain, err);
    if (r < 0)
        return r;
    bool upper = chain.writable && !(flags & BERTH_MOUNT_READONLY);
    if (chain.n - upper > LOWER_MAX)
        return berth_err_set(err, -EMLINK, "layer %s: %zu layers, %d can be mounted", id, chain.n,
                             LOWER_MAX);
    r = plan_chain(o, &chain, upper, flags & BERTH_MOUNT_EPHEMERAL, plan);
    return r < 0 ? berth_err_set(err, r, "planning the mount of layer %s: %s", id, strerror(-r))
                 : 0;
}

static int overlay_changes_of(void *self, const char *id,
                              int (*each)(void *ctx, const char *path, uint32_t kind), void *ctx,
                              struct berth_err *err)
{
    struct overlay *o = self;
    _cleanup_(chain_fini) struct chain chain = {0};
    int r = layer_chain(o->layers, id, &chain, err);
    return r < 0 ? r : overlay_changes(layers_root(o->layers), &chain, each, ctx, err);
}

static int overlay_usage(void *self, const char *id, struct berth_usage *out, struct berth_err *err)
{
    _cleanup_(closep) int fd = layer_open_tree(((struct overlay *)self)->layers, id, err);
    return fd < 0 ? fd : tree_usage(fd, out, err);
}

static int overlay_status(void *self, int (*each)(void *ctx, const char *key, const char *value),
                          void *ctx)
{
    struct overlay *o = self;
    /* d_type is proven at open; the mounts turn metacopy and redirect_dir off, so the last three hold. */
    const char *const pairs[][2] = {
        {"Backing Filesystem", backing_name(o->host->data_dir)},
        {"Supports d_type", "true"},
        {"Using metacopy", "false"},
        {"Native Overlay Diff", "true"},
        {"userxattr", "false"},
    };
    int r = 0;
    for (size_t i = 0; r == 0 && i < sizeof(pairs) / sizeof(pairs[0]); i++)
        r = each(ctx, pairs[i][0], pairs[i][1]);
    return r;
}

static int overlay_layer_list(void *self, int (*each)(void *ctx, const char *id), void *ctx,
                              struct berth_err *err)
{
    return layer_list(((struct overlay *)self)->layers, each, ctx, err);
}

static const struct berth_option volatile_option = {
    .size = sizeof(struct berth_option),
    .name = "volatile",
    .type = BERTH_OPT_BOOL,
    .flags = BERTH_OPT_DAEMON,
    .dflt = "false",
    .help = "Skip all syncing of containers' writable layers; a power cut may spoil them",
};

static const struct berth_option *const overlay_options[] = {&volatile_option, NULL};

static const struct berth_storage_ops overlay_ops = {
    .size = sizeof(struct berth_storage_ops),
    .open = overlay_open,
    .close = overlay_close,
    .layer_create = overlay_layer_create,
    .layer_remove = overlay_layer_remove,
    .layer_stat = overlay_layer_stat,
    .diff_begin = overlay_diff_begin,
    .diff_commit = overlay_diff_commit,
    .diff_abort = overlay_diff_abort,
    .mount_plan = overlay_mount_plan,
    .changes = overlay_changes_of,
    .usage = overlay_usage,
    .status = overlay_status,
    .layer_list = overlay_layer_list,
    .diff_read = overlay_diff_read,
};

BERTH_PLUGIN(.kind = BERTH_STORAGE, .name = DRIVER_PREFIX "overlay",
             .aliases = DRIVER_PREFIX "overlay2", .version = "1.0.0", .license = "Apache-2.0",
             .summary = "Union mount of read-only layers under one writable layer",
             .capabilities = BERTH_STORAGE_DIFF, .options = overlay_options, .ops = &overlay_ops);
