/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Log drivers
 *
 * The driver itself runs in the shim; what the daemon does with it needs no open log: checking options, telling the path, reading.
 * A driver that cannot read has a readable one beside it (the cache), so that `logs` answers for every container; for one that can
 * another stands by (the fallback), should it fail.
 */
#include "engine/log-driver.h"

#include <errno.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "config/config.h"
#include "plugin/err-bridge.h"
#include "plugin/host.h"
#include "plugin/options.h"
#include "plugin/registry.h"
#include "plugin/watchdog.h"
#include "runtime/plan.h"

#define BUFFER_DEFAULT (1 << 20)

struct log_hosts {
    struct map hosts; /* name → struct plugin_host */
    unsigned refs;
};

struct hosts_ctx {
    struct engine *e;
    const struct config *cfg;
    struct log_hosts *hosts;
    struct err *err;
};

json_t *log_daemon_options(struct engine *e, const struct plugin *p)
{
    _cleanup_(config_unrefp) struct config *cfg = engine_config(e);
    return config_driver_options(cfg, "logs", p->name);
}

static int add_host(void *arg, struct plugin *p)
{
    struct hosts_ctx *ctx = arg;
    const struct config *cfg = ctx->cfg;
    json_auto_t *options = config_driver_options(cfg, "logs", p->name);
    struct host_params params = {.plugin = p,
                                 .data_root = cfg->data_root,
                                 .run_root = cfg->run_root,
                                 .instance = state_instance(ctx->e->state),
                                 .options = options};
    struct plugin_host *host = NULL;
    int r = host_new(&params, &host, ctx->err);
    if (r == 0)
        map_set(&ctx->hosts->hosts, p->name, host);
    return r;
}

static void free_host(void *host)
{
    host_free(host);
}

int log_hosts_open(struct engine *e, const struct config *cfg, struct log_hosts **out,
                   struct err *err)
{
    struct log_hosts *h = xcalloc(1, sizeof(*h));
    struct hosts_ctx ctx = {.e = e, .cfg = cfg, .hosts = h, .err = err};
    h->refs = 1;
    int r = registry_each(e->registry, BERTH_LOG, add_host, &ctx);
    if (r < 0) {
        log_hosts_unref(h);
        return r;
    }
    *out = h;
    return 0;
}

void log_hosts_unref(struct log_hosts *h)
{
    if (!h || __atomic_sub_fetch(&h->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    map_fini(&h->hosts, free_host);
    free(h);
}

const struct plugin_host *log_host(const struct log_hosts *h, const struct plugin *p)
{
    return h ? map_get(&h->hosts, p->name) : NULL;
}

struct log_hosts *log_hosts_ref(struct engine *e)
{
    pthread_mutex_lock(&e->lock);
    struct log_hosts *h = e->log_hosts;
    if (h)
        __atomic_add_fetch(&h->refs, 1, __ATOMIC_RELAXED);
    pthread_mutex_unlock(&e->lock);
    return h;
}

const struct berth_log_ops *log_ops(const struct plugin *p)
{
    return p->desc->ops;
}

bool log_can_read(const struct plugin *p)
{
    return (p->desc->capabilities & BERTH_LOG_READ) && BERTH_HAS(log_ops(p), read);
}

struct readable {
    const struct plugin *but;
    struct plugin *found;
};

static int take_readable(void *ctx, struct plugin *p)
{
    struct readable *r = ctx;
    if (!log_can_read(p) || p == r->but)
        return 0;
    r->found = p;
    return 1;
}

struct plugin *log_second(struct engine *e, const struct plugin *but)
{
    _cleanup_(config_unrefp) struct config *cfg = engine_config(e);
    struct plugin *p = registry_find(e->registry, BERTH_LOG, cfg->logs.driver);
    if (p && log_can_read(p) && p != but)
        return p;
    struct readable r = {.but = but};
    (void)registry_each(e->registry, BERTH_LOG, take_readable, &r);
    return r.found;
}

const json_t *log_config(const struct state_container *row)
{
    return json_obj(row->host_config, "LogConfig");
}

/* The container's own options without those that the shim's queue reads. */
static json_t *own_options(const json_t *log_config)
{
    const json_t *given = json_obj(log_config, "Config");
    json_t *own = given ? json_copy((json_t *)given) : json_object();
    json_object_del(own, "mode");
    json_object_del(own, "max-buffer-size");
    return own;
}

/* A driver beside the container's own has the daemon's options only. */
json_t *log_options_of(const struct state_container *row, enum log_place place)
{
    return place == LOG_OWN ? own_options(log_config(row)) : json_object();
}

static int check_queue(const json_t *options, struct err *err)
{
    int64_t bytes;
    const char *mode = json_str(options, "mode", "blocking");
    const char *size = json_str(options, "max-buffer-size", NULL);
    bool blocking = str_eq(mode, "blocking");
    if (!blocking && !str_eq(mode, "non-blocking"))
        return err_set(err, -EINVAL,
                       "logger: logging mode not supported: %s (blocking or non-blocking would be "
                       "right)",
                       mode);
    if (size && blocking)
        return err_set(err, -EINVAL,
                       "logger: max-buffer-size option is only supported with 'mode=non-blocking'");
    if (size && (parse_size(size, &bytes) < 0 || bytes < 1 || bytes > (1 << 30)))
        return err_set(err, -EINVAL, "logger: max-buffer-size: %s is not a size from 1 byte to 1g",
                       size);
    return 0;
}

static int check_options(struct plugin *p, const json_t *daemon, const json_t *own, struct err *err)
{
    _cleanup_(options_freep) struct options *options = NULL;
    int r = options_new(p->desc->options, BERTH_OPT_OBJECT, daemon, own, false, &options, err);
    if (r < 0 || !BERTH_HAS(log_ops(p), check))
        return r;
    PLUGIN_ERR(perr, err);
    PLUGIN_CALL(call, p, "check");
    return plugin_result(log_ops(p)->check(options_table(options), &perr.base), err, p->name,
                         "check");
}

const char *log_default_name(struct engine *e, const struct config *cfg)
{
    const struct plugin *p = registry_find(e->registry, BERTH_LOG, cfg->logs.driver);
    return p ? p->name : NULL;
}

int log_defaults_check(struct engine *e, const struct config *cfg, struct err *err)
{
    struct plugin *p;
    int r = registry_find_or_err(e->registry, BERTH_LOG, cfg->logs.driver, &p, err);
    if (r < 0)
        return r;
    json_auto_t *daemon = config_driver_options(cfg, "logs", p->name);
    r = check_options(p, daemon, NULL, err);
    return r < 0 ? err_wrap(err, "logs.options.%s", p->name) : 0;
}

int log_config_check(struct engine *e, json_t *host_config, struct err *err)
{
    json_t *log = json_obj(host_config, "LogConfig");
    if (!log) {
        log = json_object();
        json_put_take(host_config, "LogConfig", log);
    }
    const json_t *config = json_obj(log, "Config");
    const char *key;
    json_t *value;
    json_object_foreach ((json_t *)config, key, value)
        if (!json_is_string(value))
            return err_set(err, -EINVAL, "invalid HostConfig.LogConfig.Config: %s must be a string",
                           key);
    if (!config)
        json_put_take(log, "Config", json_object());
    const json_t *type = json_object_get(log, "Type");
    if (type && !json_is_string(type) && !json_is_null(type))
        return err_set(err, -EINVAL, "invalid HostConfig.LogConfig.Type: expected a string");
    _cleanup_(config_unrefp) struct config *cfg = engine_config(e);
    const char *name = json_str(log, "Type", "");
    if (str_eq(name, LOG_NONE))
        return 0;
    struct plugin *p;
    if (!*name)
        name = cfg->logs.driver;
    int r = registry_find_or_err(e->registry, BERTH_LOG, name, &p, err);
    if (r < 0) {
        err_wrap(err, "logger: no log driver named '%s' is registered", name);
        return err_set(err, -EINVAL, "%s", err_msg(err));
    }
    json_put_str(log, "Type", p->name);
    r = check_queue(json_obj(log, "Config"), err);
    if (r < 0)
        return r;
    json_auto_t *daemon = config_driver_options(cfg, "logs", p->name), *own = own_options(log);
    return check_options(p, daemon, own, err);
}

static json_t *string_list(const json_t *labels)
{
    json_t *list = json_array();
    const char *key;
    json_t *value;
    json_object_foreach ((json_t *)labels, key, value) {
        _cleanup_(freep) char *text = str_printf("%s=%s", key, json_string_value(value));
        json_push_str(list, text);
    }
    return list;
}

static char *command_text(const struct state_container *row)
{
    json_auto_t *argv = runtime_argv(row->config);
    _cleanup_(strv_fini) struct strv words = {0};
    for (size_t i = 0; i < json_array_size(argv); i++)
        strv_add(&words, json_string_value(json_array_get(argv, i)));
    return strv_join(&words, " ");
}

/* Where in the container's directory each has its files. */
static const char *const place_dirs[] = {
    [LOG_OWN] = NULL, [LOG_CACHE] = "cache", [LOG_FALLBACK] = "fallback"};

/* plan.log.info; the same document is what the daemon's own calls are built from. */
json_t *log_info_json(struct engine *e, const struct state_container *row, const struct plugin *p,
                      enum log_place place)
{
    _cleanup_(config_unrefp) struct config *cfg = engine_config(e);
    _cleanup_(freep) char *dir = container_path(e, row->id, place_dirs[place]);
    _cleanup_(freep) char *command = command_text(row);
    _cleanup_(freep) char *data = str_printf("%s/log/%s", cfg->data_root, p->name);
    json_t *info = json_object();
    json_put_str(info, "container_name", row->name);
    json_put_str(info, "image_id", row->image_id ? row->image_id : "");
    json_put_str(info, "image_name", row->image_ref ? row->image_ref : "");
    json_put_str(info, "daemon_name", "berth");
    json_put_str(info, "hostname", json_str(row->config, "Hostname", ""));
    json_put_str(info, "command", command);
    json_put_int(info, "created_ns", row->created_ns);
    const json_t *env = json_arr(row->config, "Env");
    json_put_take(info, "env", env ? json_deep_copy(env) : json_array());
    json_put_take(info, "labels", string_list(json_obj(row->config, "Labels")));
    json_put_str(info, "log_dir", dir);
    json_put_str(info, "data_dir", data);
    return info;
}

static json_t *driver_json(struct engine *e, const struct state_container *row, struct plugin *p,
                           enum log_place place)
{
    json_t *log = json_object();
    json_put_str(log, "driver", p->name);
    json_put_str(log, "path", p->path);
    json_put_take(log, "options", log_options_of(row, place));
    json_put_take(log, "daemon_options", log_daemon_options(e, p));
    json_put_take(log, "info", log_info_json(e, row, p, place));
    return log;
}

/* The driver beside the container's own: `second` NULL for none. */
static int put_second(struct engine *e, const struct state_container *row, json_t *log,
                      const char *key, struct plugin *second, enum log_place place, struct err *err)
{
    json_put_take(log, key, second ? driver_json(e, row, second, place) : json_null());
    if (!second)
        return 0;
    _cleanup_(freep) char *dir = container_path(e, row->id, place_dirs[place]);
    int r = fs_mkdir_p(dir, 0700);
    return r < 0 ? err_errno(err, r, "making %s", dir) : 0;
}

struct plugin *log_driver_of(struct engine *e, const struct state_container *row, struct err *err)
{
    struct plugin *p = NULL;
    (void)registry_find_or_err(e->registry, BERTH_LOG, json_str(log_config(row), "Type", ""), &p,
                               err);
    return p;
}

int log_plan(struct engine *e, const struct state_container *row, json_t **plan, struct err *err)
{
    *plan = NULL;
    if (str_eq(json_str(log_config(row), "Type", ""), LOG_NONE)) {
        *plan = json_null();
        return 0;
    }
    struct plugin *p = log_driver_of(e, row, err);
    if (!p)
        return -ENOENT;
    json_auto_t *options = log_daemon_options(e, p);
    json_object_update(options, json_obj(log_config(row), "Config"));
    int r;
    int64_t bytes = BUFFER_DEFAULT;
    const char *size = json_str(options, "max-buffer-size", NULL);
    if (size && parse_size(size, &bytes) < 0)
        bytes = BUFFER_DEFAULT;
    json_t *log = driver_json(e, row, p, LOG_OWN);
    json_put_str(log, "mode", json_str(options, "mode", "blocking"));
    json_put_int(log, "max_buffer_bytes", bytes);
    bool readable = log_can_read(p);
    r = put_second(e, row, log, "cache", readable ? NULL : log_second(e, p), LOG_CACHE, err);
    if (r == 0)
        r = put_second(e, row, log, "fallback", readable ? log_second(e, p) : NULL, LOG_FALLBACK,
                       err);
    if (r < 0) {
        json_decref(log);
        return r;
    }
    *plan = log;
    return 0;
}
