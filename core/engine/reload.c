/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reload
 *
 * Everything that can fail comes first: the sources are read, held against the drivers, and what depends on them is made anew
 * beside the old. Then all of it is put in place, which cannot fail. Who works with the old configuration holds a reference. Nothing is
 * written to disk, so a crash leaves what the files say to the next daemon.
 */
#include <errno.h>

#include "base/failpoint.h"
#include "base/json.h"
#include "base/log.h"
#include "config/config.h"
#include "engine/drivers.h"
#include "engine/internal.h"
#include "engine/log-driver.h"
#include "plugin/registry.h"
#include "runtime/seccomp.h"
#include "runtime/shim.h"

/* What takes the place of the running engine's. */
struct renewal {
    struct config *config;
    struct seccomp_cache *seccomp;
    struct log_hosts *log_hosts;
};

static void renewal_fini(struct renewal *r)
{
    config_unrefp(&r->config);
    seccomp_cache_close(r->seccomp);
    log_hosts_unref(r->log_hosts);
}

/* As a new daemon would check it: other directories may hold other drivers. */
static int check_drivers(struct engine *e, const struct config *running, struct config *fresh,
                         struct err *err)
{
    _cleanup_(freep) char *before = strv_join(&running->plugin_dirs, "\n"),
                          *after = strv_join(&fresh->plugin_dirs, "\n");
    if (str_eq(before, after))
        return drivers_check(e->registry, fresh, err);
    _cleanup_(registry_freep) struct registry *other = registry_new();
    int r = registry_load_dirs(other, (const char *const *)fresh->plugin_dirs.v,
                               fresh->plugin_dirs.n, err);
    return r < 0 ? r : drivers_check(other, fresh, err);
}

static int prepare(struct engine *e, const struct config *running, struct config *fresh,
                   struct renewal *out, struct err *err)
{
    int r = check_drivers(e, running, fresh, err);
    if (r == 0)
        r = config_carry(running, fresh, &out->config, err);
    if (r == 0)
        r = drivers_check(e->registry, out->config, err);
    if (r == 0)
        r = log_defaults_check(e, out->config, err);
    if (r == 0)
        r = seccomp_cache_open(engine_seccomp_profile(out->config), &out->seccomp, err);
    if (r == 0)
        r = log_hosts_open(e, out->config, &out->log_hosts, err);
    return r;
}

/* What was is left in `with`, for who still uses it. */
static void put_in_place(struct engine *e, struct renewal *with)
{
    seccomp_cache_renew(e->seccomp, with->seccomp);
    pthread_mutex_lock(&e->lock);
    struct config *config = e->config;
    struct log_hosts *log_hosts = e->log_hosts;
    e->config = with->config;
    e->log_hosts = with->log_hosts;
    pthread_mutex_unlock(&e->lock);
    with->config = config;
    with->log_hosts = log_hosts;
}

static char *words(const json_t *value)
{
    return json_is_null(value) ? xstrdup("not set") : json_text(value);
}

static void tell(const json_t *change)
{
    const char *key = json_str(change, "Key", "");
    _cleanup_(freep) char *from = words(json_object_get(change, "From"));
    _cleanup_(freep) char *to = words(json_object_get(change, "To"));
    if (json_bool(change, "Restart", false))
        log_warn("reload: %s: %s takes effect when berthd is started again, until then: %s", key,
                 to, from);
    else
        log_info("reload: %s: %s, was %s", key, to, from);
}

static json_t *report_of(const json_t *diff)
{
    json_t *changed = json_array(), *restart = json_array(), *report = json_object();
    for (size_t i = 0; i < json_array_size(diff); i++) {
        json_t *change = json_array_get(diff, i);
        tell(change);
        json_array_append(json_bool(change, "Restart", false) ? restart : changed, change);
    }
    json_put_take(report, "Changed", changed);
    json_put_take(report, "NeedsRestart", restart);
    return report;
}

static int reload(struct engine *e, json_t **report, struct err *err)
{
    _cleanup_(config_unrefp) struct config *running = engine_config(e), *fresh = NULL;
    _cleanup_(renewal_fini) struct renewal new = {0};
    int r = config_reload(running, &fresh, err);
    if (r == 0)
        r = prepare(e, running, fresh, &new, err);
    if (r == 0)
        r = failpoint("reload.prepared", err);
    if (r < 0)
        return r;
    put_in_place(e, &new);
    (void)failpoint("reload.applied", NULL);
    json_auto_t *diff = config_diff(running, fresh);
    _cleanup_(config_unrefp) struct config *now = engine_config(e);
    config_apply_log(now);
    shim_spare_renew(e->spare);
    log_info("the configuration was read again");
    json_auto_t *told = report_of(diff);
    if (report)
        *report = json_incref(told);
    event_publish(e->events, "daemon", "reload", state_instance(e->state), NULL);
    return 0;
}

int engine_reload(struct engine *e, json_t **report, struct err *err)
{
    _cleanup_(err_fini) struct err words = {0};
    pthread_mutex_lock(&e->reload_lock);
    int r = reload(e, report, &words);
    pthread_mutex_unlock(&e->reload_lock);
    if (r == 0)
        return 0;
    log_error("the configuration stays as it was: %s", err_msg(&words));
    /* Whatever was wrong with a file is the caller's to mend: never a 404 of the API. */
    return err_set(err, r == -ENOMEM ? r : -EINVAL, "the configuration stays as it was: %s",
                   err_msg(&words));
}

json_t *engine_config_show(struct engine *e)
{
    _cleanup_(config_unrefp) struct config *cfg = engine_config(e);
    json_t *all = json_object();
    json_put_str(all, "File", config_file(cfg));
    json_put_take(all, "Values", config_dump(cfg));
    return all;
}

char *engine_config_text(struct engine *e)
{
    _cleanup_(config_unrefp) struct config *cfg = engine_config(e);
    return config_dump_text(cfg);
}
