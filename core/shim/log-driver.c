/* SPDX-License-Identifier: Apache-2.0 */
/* A log driver opened for the container. */
#include "shim/log-driver.h"

#include <errno.h>

#include "base/json.h"
#include "base/str.h"
#include "plugin/err-bridge.h"
#include "plugin/host.h"
#include "plugin/loader.h"
#include "plugin/options.h"

#define STRINGS_MAX 4096

struct log_driver {
    struct plugin *plugin;
    struct plugin_host *host;
    struct options *options;
    const struct berth_log_ops *ops;
    void *self;
};

static void strings(const json_t *array, struct strv *out)
{
    for (size_t i = 0; i < json_array_size(array) && i < STRINGS_MAX; i++) {
        const char *s = json_string_value(json_array_get(array, i));
        if (s)
            strv_add(out, s);
    }
}

static int open_self(struct log_driver *d, const json_t *info, const char *id, struct err *err)
{
    static const char *const none[] = {NULL};
    struct strv env = {0}, labels = {0};
    strings(json_arr(info, "env"), &env);
    strings(json_arr(info, "labels"), &labels);
    struct berth_log_info in = {
        .size = sizeof(in),
        .host = host_table(d->host),
        .options = options_table(d->options),
        .container_id = id,
        .container_name = json_str(info, "container_name", ""),
        .image_id = json_str(info, "image_id", ""),
        .image_name = json_str(info, "image_name", ""),
        .daemon_name = json_str(info, "daemon_name", ""),
        .hostname = json_str(info, "hostname", ""),
        .command = json_str(info, "command", ""),
        .created_ns = json_int(info, "created_ns", 0),
        .env = env.v ? (const char *const *)env.v : none,
        .labels = labels.v ? (const char *const *)labels.v : none,
        .log_dir = json_str(info, "log_dir", ""),
    };
    PLUGIN_ERR(perr, err);
    int r = plugin_result(d->ops->open(&in, &d->self, &perr.base), err, d->plugin->name, "open");
    strv_fini(&env);
    strv_fini(&labels);
    return r;
}

static void driver_free(struct log_driver *d)
{
    if (d->options)
        options_free(d->options);
    if (d->host)
        host_free(d->host);
    if (d->plugin)
        plugin_free(d->plugin);
    free(d);
}
DEFINE_CLEANUP(struct log_driver *, driver_free);

static int driver_open(const json_t *log, const char *id, const char *instance,
                       struct log_driver **out, struct err *err)
{
    const json_t *info = json_obj(log, "info"), *daemon_options = json_obj(log, "daemon_options");
    _cleanup_(driver_freep) struct log_driver *d = xcalloc(1, sizeof(*d));
    int r = plugin_load_file(json_str(log, "path", ""), BERTH_LOG, &d->plugin, err);
    if (r == 0)
        r = host_new_minimal(d->plugin, json_str(info, "data_dir", NULL), instance, daemon_options,
                             &d->host, err);
    if (r == 0)
        r = options_new(d->plugin->desc->options, BERTH_OPT_OBJECT, daemon_options,
                        json_obj(log, "options"), false, &d->options, err);
    if (r < 0)
        return r;
    d->ops = d->plugin->desc->ops;
    r = open_self(d, info, id, err);
    if (r == 0)
        *out = steal_ptr(&d);
    return r;
}

int log_driver_open(const json_t *log, const char *id, const char *instance,
                    struct log_driver **out, struct err *err)
{
    if (driver_open(log, id, instance, out, err) < 0)
        return err_wrap(err, "failed to initialize logging driver %s",
                        json_str(log, "driver", "?"));
    return 0;
}

int log_driver_write(struct log_driver *d, const struct berth_log_record *const *records, size_t n,
                     struct err *err)
{
    PLUGIN_ERR(perr, err);
    return plugin_result(d->ops->write(d->self, records, n, &perr.base), err, d->plugin->name,
                         "write");
}

int log_driver_flush(struct log_driver *d, struct err *err)
{
    if (!BERTH_HAS(d->ops, flush))
        return 0;
    PLUGIN_ERR(perr, err);
    return plugin_result(d->ops->flush(d->self, &perr.base), err, d->plugin->name, "flush");
}

int log_driver_rotate(struct log_driver *d, struct err *err)
{
    if (!BERTH_HAS(d->ops, rotate))
        return err_set(err, -ENOTSUP, "log driver %s cannot rotate", d->plugin->name);
    PLUGIN_ERR(perr, err);
    return plugin_result(d->ops->rotate(d->self, &perr.base), err, d->plugin->name, "rotate");
}

void log_driver_close(struct log_driver *d)
{
    d->ops->close(d->self);
    driver_free(d);
}

const char *log_driver_name(const struct log_driver *d)
{
    return d->plugin->name;
}
