/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Storage
 *
 * Calls into the storage driver go through here, so that each is watched, its errors have words, and its mount plans are the
 * JSON that the shim executes.
 */
#include "engine/storage.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>

#include "base/fs.h"
#include "base/fscontext.h"
#include "base/json.h"
#include "base/log.h"
#include "config/config.h"
#include "plugin/err-bridge.h"
#include "plugin/options.h"
#include "plugin/registry.h"
#include "plugin/watchdog.h"

int storage_open(struct engine *e, struct storage **out, struct err *err)
{
    _cleanup_(config_unrefp) struct config *cfg = engine_config(e);
    struct plugin *plugin;
    int r = registry_find_or_err(e->registry, BERTH_STORAGE, cfg->storage.driver, &plugin, err);
    if (r < 0)
        return r;
    json_auto_t *options = config_driver_options(cfg, "storage", cfg->storage.driver);
    struct host_params params = {.plugin = plugin,
                                 .data_root = cfg->data_root,
                                 .run_root = cfg->run_root,
                                 .instance = state_instance(e->state),
                                 .options = options,
                                 .services = engine_host_services(e)};
    _cleanup_(host_freep) struct plugin_host *host = NULL;
    r = host_new(&params, &host, err);
    if (r < 0)
        return r;
    const struct berth_storage_ops *ops = plugin->desc->ops;
    void *self = NULL;
    PLUGIN_ERR(perr, err);
    PLUGIN_CALL(call, plugin, "open");
    r = plugin_result(ops->open(host_table(host), &self, &perr.base), err, plugin->name, "open");
    if (r < 0)
        return r;
    struct storage *s = xcalloc(1, sizeof(*s));
    *s = (struct storage){.plugin = plugin,
                          .host = steal_ptr(&host),
                          .ops = ops,
                          .self = self,
                          .place = xstrdup(cfg->run_root)};
    *out = s;
    return 0;
}

void storage_close(struct storage *s)
{
    if (!s)
        return;
    s->ops->close(s->self);
    host_free(s->host);
    free(s->place);
    free(s);
}

int storage_check_options(struct storage *s, const json_t *daemon, const json_t *options,
                          struct err *err)
{
    _cleanup_(options_freep) struct options *checked = NULL;
    if (json_object_size(options) == 0)
        return 0;
    return options_new(s->plugin->desc->options, BERTH_OPT_OBJECT, daemon, options, false, &checked,
                       err);
}

int storage_layer_create(struct storage *s, const char *id, const char *parent,
                         const json_t *daemon, const json_t *options, struct err *err)
{
    _cleanup_(options_freep) struct options *checked = NULL;
    int r = options_new(s->plugin->desc->options, BERTH_OPT_OBJECT, daemon, options, false,
                        &checked, err);
    if (r < 0)
        return r;
    PLUGIN_ERR(perr, err);
    PLUGIN_CALL(call, s->plugin, "layer_create");
    r = s->ops->layer_create(s->self, id, parent, options_table(checked), &perr.base);
    return plugin_result(r, err, s->plugin->name, "layer_create");
}

int storage_layer_look(struct storage *s, const char *id)
{
    char parent[128];
    struct berth_layer_stat st = {.size = sizeof(st), .parent = parent};
    PLUGIN_ERR(perr, NULL);
    PLUGIN_CALL(call, s->plugin, "layer_stat");
    return s->ops->layer_stat(s->self, id, &st, &perr.base);
}

int storage_layer_remove(struct storage *s, const char *id, struct err *err)
{
    PLUGIN_ERR(perr, err);
    PLUGIN_CALL(call, s->plugin, "layer_remove");
    int r = s->ops->layer_remove(s->self, id, &perr.base);
    if (r == -ENOENT) {
        err_clear(err);
        return 0;
    }
    return plugin_result(r, err, s->plugin->name, "layer_remove");
}

/* The driver's mount plan, gathered as plan.rootfs. */
struct rootfs {
    struct berth_mount_plan api;
    json_t *json;
};

static int plan_root(struct berth_mount_plan *plan, const char *key, const char *value)
{
    struct rootfs *root = container_of(plan, struct rootfs, api);
    if (json_object_get(root->json, "filesystem") || json_object_get(root->json, "bind"))
        return -EINVAL;
    json_put_str(root->json, key, value);
    return 0;
}

static int plan_filesystem(struct berth_mount_plan *plan, const char *type)
{
    return plan_root(plan, "filesystem", type);
}

static int plan_bind(struct berth_mount_plan *plan, const char *path)
{
    return path[0] == '/' ? plan_root(plan, "bind", path) : -EINVAL;
}

static int plan_add(struct berth_mount_plan *plan, const char *key, const char *value, bool path)
{
    struct rootfs *root = container_of(plan, struct rootfs, api);
    json_t *option = json_array();
    json_push_str(option, key);
    json_push_take(option, value ? json_string_any(value) : json_null());
    json_push_take(option, json_boolean(path));
    json_push_take(json_object_get(root->json, "options"), option);
    return 0;
}

static int plan_option(struct berth_mount_plan *plan, const char *key, const char *value)
{
    return plan_add(plan, key, value, false);
}

static int plan_option_path(struct berth_mount_plan *plan, const char *key, const char *path)
{
    return path[0] == '/' ? plan_add(plan, key, path, true) : -EINVAL;
}

int storage_rootfs(struct storage *s, const char *id, uint32_t flags, json_t **rootfs,
                   struct err *err)
{
    struct rootfs root = {.api = {.size = sizeof(root.api),
                                  .filesystem = plan_filesystem,
                                  .option = plan_option,
                                  .option_path = plan_option_path,
                                  .bind = plan_bind}};
    json_auto_t *json = root.json = json_object();
    json_put_take(json, "options", json_array());
    PLUGIN_ERR(perr, err);
    PLUGIN_CALL(call, s->plugin, "mount_plan");
    int r = s->ops->mount_plan(s->self, id, flags, &root.api, &perr.base);
    r = plugin_result(r, err, s->plugin->name, "mount_plan");
    if (r < 0)
        return r;
    if (!json_object_get(json, "filesystem") && !json_object_get(json, "bind"))
        return err_set(err, -EIO, "driver %s gave an empty mount plan for layer %s",
                       s->plugin->name, id);
    *rootfs = steal_ptr(&json);
    return 0;
}

int storage_usage(struct storage *s, const char *id, int64_t *bytes, struct err *err)
{
    struct berth_usage usage = {.size = sizeof(usage)};
    PLUGIN_ERR(perr, err);
    PLUGIN_CALL(call, s->plugin, "usage");
    int r = s->ops->usage(s->self, id, &usage, &perr.base);
    r = plugin_result(r, err, s->plugin->name, "usage");
    *bytes = usage.bytes;
    return r;
}

int storage_changes(struct storage *s, const char *id,
                    int (*each)(void *ctx, const char *path, uint32_t kind), void *ctx,
                    struct err *err)
{
    PLUGIN_ERR(perr, err);
    PLUGIN_CALL(call, s->plugin, "changes");
    int r = s->ops->changes(s->self, id, each, ctx, &perr.base);
    return plugin_result(r, err, s->plugin->name, "changes");
}

int storage_diff_read(struct storage *s, const char *id, int *fd, uint32_t *form, struct err *err)
{
    struct berth_diff diff = {.size = sizeof(diff), .dir_fd = -1};
    if (!BERTH_HAS(s->ops, diff_read))
        return -ENOSYS;
    PLUGIN_ERR(perr, err);
    PLUGIN_CALL(call, s->plugin, "diff_read");
    int r = s->ops->diff_read(s->self, id, &diff, &perr.base);
    *fd = diff.dir_fd;
    *form = diff.whiteout_form;
    return plugin_result(r, err, s->plugin->name, "diff_read");
}

static int put_status(void *ctx, const char *key, const char *value)
{
    json_t *pair = json_array();
    json_push_str(pair, key);
    json_push_str(pair, value);
    json_push_take(ctx, pair);
    return 0;
}

json_t *storage_status(struct storage *s)
{
    json_t *pairs = json_array();
    if (BERTH_HAS(s->ops, status)) {
        PLUGIN_CALL(call, s->plugin, "status");
        (void)s->ops->status(s->self, put_status, pairs);
    }
    return pairs;
}

/* The driver's options as the kernel's; the strings are the plan's. The caller frees. */
static struct mount_option *mount_options(const json_t *options)
{
    struct mount_option *out = xcalloc(json_array_size(options) + 1, sizeof(*out));
    for (size_t i = 0; i < json_array_size(options); i++) {
        const json_t *o = json_array_get(options, i);
        out[i] = (struct mount_option){.key = json_string_value(json_array_get(o, 0)),
                                       .value = json_string_value(json_array_get(o, 1)),
                                       .is_path = json_is_true(json_array_get(o, 2))};
    }
    return out;
}

/* A file system of the driver's plan; `list` (the caller's to free) holds its options. */
static struct fscontext plan_fscontext(const json_t *rootfs, uint64_t attr,
                                       struct mount_option **list)
{
    const json_t *options = json_arr(rootfs, "options");
    const char *type = json_str(rootfs, "filesystem", "");
    *list = mount_options(options);
    return (struct fscontext){.type = type,
                              .source = type,
                              .attr = attr,
                              .options = *list,
                              .noptions = json_array_size(options)};
}

static int mount_filesystem(const json_t *rootfs, const char *place, int *fd, char *why, size_t n)
{
    _cleanup_(freep) struct mount_option *list = NULL;
    const struct fscontext fs =
        plan_fscontext(rootfs, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID, &list);
    *fd = fscontext_mount(&fs, why, n);
    if (*fd == -ENOSYS)
        *fd = fscontext_mount_private(&fs, place);
    return *fd < 0 ? *fd : 0;
}

static int attach_tree(int tree, int place)
{
    if (tree < 0)
        return -errno;
    unsigned flags = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH;
    if (move_mount(tree, "", place, "", flags) == 0)
        return tree;
    int r = -errno;
    close_fd(tree);
    return r;
}

static int attach_filesystem(const json_t *rootfs, bool writable, int place, char *why, size_t n)
{
    _cleanup_(freep) struct mount_option *list = NULL;
    const struct fscontext fs = plan_fscontext(rootfs, writable ? 0 : MOUNT_ATTR_RDONLY, &list);
    int fd = fscontext_mount(&fs, why, n);
    if (fd == -ENOSYS)
        return fscontext_mount_legacy(&fs, place);
    return fd < 0 ? fd : attach_tree(fd, place);
}

int storage_attach(struct storage *s, const char *id, bool writable, int place, int *fd,
                   struct err *err)
{
    json_auto_t *rootfs = NULL;
    char why[256] = "";
    int r = storage_rootfs(s, id, writable ? 0 : BERTH_MOUNT_READONLY, &rootfs, err);
    if (r < 0)
        return r;
    const char *bind = json_str(rootfs, "bind", NULL);
    if (bind)
        *fd = attach_tree(
            open_tree(AT_FDCWD, bind, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE), place);
    else
        *fd = attach_filesystem(rootfs, writable, place, why, sizeof(why));
    return *fd < 0 ? err_errno(err, *fd, "mounting layer %s%s%s", id, *why ? ": " : "", why) : 0;
}

int storage_bind_fd(struct storage *s, const char *id, struct err *err)
{
    json_auto_t *rootfs = NULL;
    int r = storage_rootfs(s, id, BERTH_MOUNT_READONLY, &rootfs, err);
    const char *bind = r < 0 ? NULL : json_str(rootfs, "bind", NULL);
    if (r < 0 || !bind)
        return r < 0 ? r : -ENODATA;
    int fd = fs_open_dir(AT_FDCWD, bind);
    return fd < 0 ? err_errno(err, fd, "opening %s", bind) : fd;
}

int storage_root_fd(struct storage *s, const char *id, int *fd, struct err *err)
{
    json_auto_t *rootfs = NULL;
    char why[256] = "";
    *fd = storage_bind_fd(s, id, err);
    if (*fd != -ENODATA)
        return MIN(*fd, 0);
    int r = storage_rootfs(s, id, BERTH_MOUNT_READONLY, &rootfs, err);
    if (r < 0)
        return r;
    r = mount_filesystem(rootfs, s->place, fd, why, sizeof(why));
    return r < 0 ? err_errno(err, r, "mounting layer %s%s%s", id, *why ? ": " : "", why) : 0;
}
