/* SPDX-License-Identifier: Apache-2.0 */
/* What the host gives a driver: the table, and the few services that need nobody else. */
#include "plugin/host.h"

#include <errno.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/log.h"
#include "plugin/err-bridge.h"
#include "plugin/helpers.h"
#include "plugin/options.h"
#include "plugin/timers.h"

/* Below this a driver need not look at what alloc() gave. */
#define ALLOC_SURE (64u << 10)

struct plugin_host {
    struct berth_host table;
    const struct plugin *plugin;
    const struct host_services *services;
    struct options *options;
    struct timers *timers;
    struct helpers *helpers;
    char *data_dir, *run_dir, *instance;
};

_printf_(3, 0) static void host_log(void *ctx, uint32_t level, const char *fmt, va_list ap)
{
    const struct plugin_host *h = ctx;
    _cleanup_(freep) char *line = str_vprintf(fmt, ap);
    log_at(level <= BERTH_LOG_ERROR ? (enum log_level)level : LOG_ERROR, "%s/%s: %s",
           plugin_kind_name(h->plugin->desc->kind), h->plugin->name, line);
}

static void *host_alloc(void *ctx, size_t n)
{
    return n < ALLOC_SURE ? xmalloc(n ? n : 1) : malloc(n);
}

static void host_release(void *ctx, void *p)
{
    free(p);
}

static void *host_timer_start(void *ctx, int64_t ms, void (*fn)(void *arg), void *arg)
{
    struct plugin_host *h = ctx;
    return (void *)(uintptr_t)timers_start(h->timers, ms, fn, arg);
}

static void host_timer_cancel(void *ctx, void *timer)
{
    struct plugin_host *h = ctx;
    timers_cancel(h->timers, (uint64_t)(uintptr_t)timer);
}

static void host_event(void *ctx, const char *action, const char *actor,
                       const char *const *attributes)
{
    const struct plugin_host *h = ctx;
    h->services->event(h->services->ctx, h->plugin->desc->kind, h->plugin->name, action, actor,
                       attributes);
}

/* Hands our words over to the driver's berth_err. */
static int hand_over(int r, const struct err *words, struct berth_err *err)
{
    return r < 0 ? berth_err_set(err, r, "%s", err_msg(words)) : 0;
}

static int host_netlink(void *ctx, const void *nlmsg, size_t n, struct berth_err *err)
{
    const struct plugin_host *h = ctx;
    _cleanup_(err_fini) struct err words = {0};
    return hand_over(h->services->netlink(h->services->ctx, nlmsg, n, &words), &words, err);
}

static int host_tar_unpack(void *ctx, int tar_fd, int dir_fd, uint32_t form, struct berth_err *err)
{
    const struct plugin_host *h = ctx;
    _cleanup_(err_fini) struct err words = {0};
    return hand_over(h->services->tar_unpack(h->services->ctx, tar_fd, dir_fd, form, &words),
                     &words, err);
}

static int host_tar_pack(void *ctx, int dir_fd, int tar_fd, uint32_t form, struct berth_err *err)
{
    const struct plugin_host *h = ctx;
    _cleanup_(err_fini) struct err words = {0};
    return hand_over(h->services->tar_pack(h->services->ctx, dir_fd, tar_fd, form, &words), &words,
                     err);
}

static int host_helper_start(void *ctx, const char *key, const char *const *argv, const int *fds,
                             size_t nfds, void (*died)(void *arg, int status), void *arg,
                             struct berth_err *err)
{
    const struct plugin_host *h = ctx;
    _cleanup_(err_fini) struct err words = {0};
    return hand_over(helpers_start(h->helpers, key, argv, fds, nfds, died, arg, &words), &words,
                     err);
}

static int host_helper_stop(void *ctx, const char *key)
{
    const struct plugin_host *h = ctx;
    return helpers_stop(h->helpers, key);
}

void host_free(struct plugin_host *h)
{
    if (!h)
        return;
    timers_free(h->timers);
    helpers_free(h->helpers);
    options_free(h->options);
    free(h->data_dir);
    free(h->run_dir);
    free(h->instance);
    free(h);
}

const struct berth_host *host_table(const struct plugin_host *h)
{
    return &h->table;
}

static void fill_table(struct plugin_host *h)
{
    const struct host_services *s = h->services;
    h->table = (struct berth_host){
        .size = sizeof(h->table),
        .ctx = h,
        .log = host_log,
        .alloc = host_alloc,
        .release = host_release,
        .options = options_table(h->options),
        .data_dir = h->data_dir,
        .run_dir = h->run_dir,
        .instance = h->instance,
        .event = s && s->event ? host_event : NULL,
        .timer_start = host_timer_start,
        .timer_cancel = host_timer_cancel,
        .netlink = s && s->netlink ? host_netlink : NULL,
        .tar_unpack = s && s->tar_unpack ? host_tar_unpack : NULL,
        .tar_pack = s && s->tar_pack ? host_tar_pack : NULL,
        .helper_start = h->helpers ? host_helper_start : NULL,
        .helper_stop = h->helpers ? host_helper_stop : NULL,
    };
}

/* Makes a directory that only root can look into; also one that was there before with another mode. */
static int make_private_dir(const char *path, struct err *err)
{
    int r = path ? fs_mkdir_p(path, 0700) : 0;
    if (r == 0 && path && chmod(path, 0700) < 0)
        r = -errno;
    return r < 0 ? err_errno(err, r, "%s", path) : 0;
}

static int host_build(const struct plugin *plugin, const char *instance, const json_t *options,
                      struct plugin_host **out, struct err *err)
{
    _cleanup_(host_freep) struct plugin_host *h = xcalloc(1, sizeof(*h));
    h->plugin = plugin;
    h->instance = xstrdup0(instance);
    h->timers = timers_new();
    int r = options_new(plugin->desc->options, BERTH_OPT_DAEMON, options, NULL, false, &h->options,
                        err);
    if (r < 0)
        return err_wrap(err, "%s driver %s", plugin_kind_name(plugin->desc->kind), plugin->name);
    *out = steal_ptr(&h);
    return 0;
}

static char *driver_dir(const char *root, const struct plugin *plugin)
{
    return str_printf("%s/%s/%s", root, plugin_kind_name(plugin->desc->kind), plugin->name);
}

int host_new(const struct host_params *params, struct plugin_host **out, struct err *err)
{
    _cleanup_(host_freep) struct plugin_host *h = NULL;
    int r = host_build(params->plugin, params->instance, params->options, &h, err);
    if (r < 0)
        return r;
    h->services = params->services;
    h->data_dir = driver_dir(params->data_root, params->plugin);
    h->run_dir = driver_dir(params->run_root, params->plugin);
    r = make_private_dir(h->data_dir, err);
    if (r == 0)
        r = make_private_dir(h->run_dir, err);
    if (r < 0)
        return err_wrap(err, "driver %s", params->plugin->name);
    _cleanup_(freep) char *helpers_dir = str_printf("%s/helpers", h->run_dir);
    h->helpers = helpers_new(helpers_dir);
    fill_table(h);
    *out = steal_ptr(&h);
    return 0;
}

int host_new_minimal(const struct plugin *plugin, const char *data_dir, const char *instance,
                     const json_t *options, struct plugin_host **out, struct err *err)
{
    _cleanup_(host_freep) struct plugin_host *h = NULL;
    int r = host_build(plugin, instance, options, &h, err);
    if (r < 0)
        return r;
    h->data_dir = xstrdup0(data_dir);
    r = make_private_dir(h->data_dir, err);
    if (r < 0)
        return err_wrap(err, "driver %s", plugin->name);
    fill_table(h);
    *out = steal_ptr(&h);
    return 0;
}
