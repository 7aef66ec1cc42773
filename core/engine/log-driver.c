/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Log drivers
 *
 * The driver itself runs in the shim; what the daemon does with it needs no open log: checking options, telling the path, reading.
 * A driver that cannot read has a readable one beside it (the cache), so that `logs` answers for every container.
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

static json_t *daemon_options(struct engine *e, const struct plugin *p)
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

static struct log_hosts *hosts_of(struct engine *e)
{
    pthread_mutex_lock(&e->lock);
    struct log_hosts *h = e->log_hosts;
    if (h)
        __atomic_add_fetch(&h->refs, 1, __ATOMIC_RELAXED);
    pthread_mutex_unlock(&e->lock);
    return h;
}

static const struct berth_log_ops *ops_of(const struct plugin *p)
{
    return p->desc->ops;
}

static bool can_read(const struct plugin *p)
{
    return (p->desc->capabilities & BERTH_LOG_READ) && BERTH_HAS(ops_of(p), read);
}

static int take_readable(void *ctx, struct plugin *p)
{
    struct plugin **found = ctx;
    if (!can_read(p))
        return 0;
    *found = p;
    return 1;
}

/* Who keeps the local copy for a driver that cannot read: the configured driver where that can, else the first. */
static struct plugin *cache_of(struct engine *e)
{
    _cleanup_(config_unrefp) struct config *cfg = engine_config(e);
    struct plugin *p = registry_find(e->registry, BERTH_LOG, cfg->logs.driver);
    if (p && can_read(p))
        return p;
    p = NULL;
    (void)registry_each(e->registry, BERTH_LOG, take_readable, &p);
    return p;
}

static const json_t *log_config(const struct state_container *row)
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
    if (r < 0 || !BERTH_HAS(ops_of(p), check))
        return r;
    PLUGIN_ERR(perr, err);
    PLUGIN_CALL(call, p, "check");
    return plugin_result(ops_of(p)->check(options_table(options), &perr.base), err, p->name,
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

/* plan.log.info; the same document is what the daemon's own calls are built from. */
static json_t *info_json(struct engine *e, const struct state_container *row,
                         const struct plugin *p, bool cache)
{
    _cleanup_(config_unrefp) struct config *cfg = engine_config(e);
    _cleanup_(freep) char *dir = container_path(e, row->id, cache ? "cache" : NULL);
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
                           bool cache)
{
    json_t *log = json_object();
    json_put_str(log, "driver", p->name);
    json_put_str(log, "path", p->path);
    json_put_take(log, "options", cache ? json_object() : own_options(log_config(row)));
    json_put_take(log, "daemon_options", daemon_options(e, p));
    json_put_take(log, "info", info_json(e, row, p, cache));
    return log;
}

static struct plugin *driver_of(struct engine *e, const struct state_container *row,
                                struct err *err)
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
    struct plugin *p = driver_of(e, row, err);
    if (!p)
        return -ENOENT;
    json_auto_t *options = daemon_options(e, p);
    json_object_update(options, json_obj(log_config(row), "Config"));
    int64_t bytes = BUFFER_DEFAULT;
    const char *size = json_str(options, "max-buffer-size", NULL);
    if (size && parse_size(size, &bytes) < 0)
        bytes = BUFFER_DEFAULT;
    json_t *log = driver_json(e, row, p, false);
    json_put_str(log, "mode", json_str(options, "mode", "blocking"));
    json_put_int(log, "max_buffer_bytes", bytes);
    struct plugin *cache = can_read(p) ? NULL : cache_of(e);
    json_put_take(log, "cache", cache ? driver_json(e, row, cache, true) : json_null());
    if (cache) {
        _cleanup_(freep) char *dir = container_path(e, row->id, "cache");
        int r = fs_mkdir_p(dir, 0700);
        if (r < 0) {
            json_decref(log);
            return err_errno(err, r, "making %s", dir);
        }
    }
    *plan = log;
    return 0;
}

/* struct berth_log_info over JSON: the strings live in `json`, the vectors here. */
struct log_info {
    struct berth_log_info api;
    json_t *json;
    struct options *options;
    struct log_hosts *hosts;
    struct strv env, labels;
};

static void log_info_fini(struct log_info *i)
{
    json_decref(i->json);
    options_free(i->options);
    log_hosts_unref(i->hosts);
    strv_fini(&i->env);
    strv_fini(&i->labels);
}

static const char *const *fill(struct strv *sv, const json_t *list)
{
    static const char *const empty[] = {NULL};
    for (size_t i = 0; i < json_array_size(list); i++)
        strv_add(sv, json_string_value(json_array_get(list, i)));
    return sv->n > 0 ? (const char *const *)sv->v : empty;
}

static int log_info_init(struct log_info *i, struct engine *e, const struct state_container *row,
                         struct plugin *p, bool cache, struct err *err)
{
    json_auto_t *daemon = daemon_options(e, p);
    json_auto_t *own = cache ? json_object() : own_options(log_config(row));
    int r = options_new(p->desc->options, BERTH_OPT_OBJECT, daemon, own, false, &i->options, err);
    if (r < 0)
        return r;
    const json_t *j = i->json = info_json(e, row, p, cache);
    i->hosts = hosts_of(e);
    const struct plugin_host *host = i->hosts ? map_get(&i->hosts->hosts, p->name) : NULL;
    i->api = (struct berth_log_info){
        .size = sizeof(i->api),
        .host = host ? host_table(host) : NULL,
        .options = options_table(i->options),
        .container_id = row->id,
        .container_name = row->name,
        .image_id = json_str(j, "image_id", ""),
        .image_name = json_str(j, "image_name", ""),
        .daemon_name = json_str(j, "daemon_name", ""),
        .hostname = json_str(j, "hostname", ""),
        .command = json_str(j, "command", ""),
        .created_ns = row->created_ns,
        .env = fill(&i->env, json_arr(j, "env")),
        .labels = fill(&i->labels, json_arr(j, "labels")),
        .log_dir = json_str(j, "log_dir", ""),
    };
    return 0;
}

static void put_path(void *ctx, const char *path)
{
    char **out = ctx;
    free(*out);
    *out = xstrdup(path);
}

char *log_path(struct engine *e, const struct state_container *row)
{
    char *path = NULL;
    _cleanup_(err_fini) struct err err = {0};
    _cleanup_(log_info_fini) struct log_info info = {0};
    struct plugin *p = driver_of(e, row, &err);
    if (p && BERTH_HAS(ops_of(p), path) && log_info_init(&info, e, row, p, false, &err) == 0) {
        PLUGIN_ERR(perr, &err);
        PLUGIN_CALL(call, p, "path");
        (void)ops_of(p)->path(&info.api, put_path, &path, &perr.base);
    }
    return path ? path : xstrdup("");
}

void log_remove(struct engine *e, const struct state_container *row)
{
    _cleanup_(err_fini) struct err err = {0};
    _cleanup_(log_info_fini) struct log_info info = {0};
    struct plugin *p = driver_of(e, row, &err);
    if (!p || !BERTH_HAS(ops_of(p), remove))
        return;
    int r = log_info_init(&info, e, row, p, false, &err);
    if (r == 0) {
        PLUGIN_ERR(perr, &err);
        PLUGIN_CALL(call, p, "remove");
        r = plugin_result(ops_of(p)->remove(&info.api, &perr.base), &err, p->name, "remove");
    }
    if (r < 0)
        log_warn("removing the log of container %s: %s", row->id, err_msg(&err));
}

/* Who answers, and whether it is the cache. */
static struct plugin *reader_of(struct engine *e, const struct state_container *row, bool *cache,
                                struct err *err)
{
    *cache = false;
    if (str_eq(json_str(log_config(row), "Type", ""), LOG_NONE)) {
        err_set(err, -ENOTSUP, "configured logging driver does not support reading");
        return NULL;
    }
    struct plugin *p = driver_of(e, row, err);
    if (!p || can_read(p))
        return p;
    *cache = true;
    p = cache_of(e);
    if (!p)
        err_set(err, -ENOTSUP, "configured logging driver does not support reading");
    return p;
}

int log_readable(struct engine *e, const struct state_container *row, struct err *err)
{
    bool cache;
    return reader_of(e, row, &cache, err) ? 0 : err->code;
}

bool log_tells_idle(struct engine *e, const struct state_container *row)
{
    bool cache;
    _cleanup_(err_fini) struct err err = {0};
    const struct plugin *p = reader_of(e, row, &cache, &err);
    return p && (p->desc->capabilities & BERTH_LOG_IDLE);
}

int log_read(struct engine *e, const struct state_container *row,
             const struct berth_log_query *query,
             int (*each)(void *ctx, const struct berth_log_record *record), void *ctx,
             struct err *err)
{
    bool cache;
    struct plugin *p = reader_of(e, row, &cache, err);
    if (!p)
        return err->code;
    _cleanup_(log_info_fini) struct log_info info = {0};
    int r = log_info_init(&info, e, row, p, cache, err);
    if (r < 0)
        return r;
    PLUGIN_ERR(perr, err);
    r = ops_of(p)->read(&info.api, query, each, ctx, &perr.base);
    return plugin_result(r, err, p->name, "read");
}
