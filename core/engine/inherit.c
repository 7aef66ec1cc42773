/* SPDX-License-Identifier: Apache-2.0 */
/* What a container takes from daemon.conf: noted at create, taken anew at each start. */
#include "engine/inherit.h"

#include "base/json.h"
#include "config/config.h"
#include "engine/log-driver.h"
#include "runtime/apparmor.h"
#include "runtime/host-config.h"
#include "runtime/seccomp.h"

#define SHM_SIZE   "ShmSize"
#define LOG_DRIVER "LogConfig.Type"

/* Options were given for the driver that was the default then: it stays. */
static bool chooses_log_driver(const json_t *host_config)
{
    const json_t *log = json_obj(host_config, "LogConfig");
    return *json_str(log, "Type", "") || json_object_size(json_obj(log, "Config")) > 0;
}

json_t *inherit_names(const json_t *host_config)
{
    json_t *names = json_array();
    if (!json_object_get(host_config, SHM_SIZE))
        json_push_str(names, SHM_SIZE);
    if (!chooses_log_driver(host_config))
        json_push_str(names, LOG_DRIVER);
    return names;
}

void inherit_fill(const struct config *cfg, const json_t *names, const char *log_driver,
                  json_t *host_config)
{
    for (size_t i = 0; i < json_array_size(names); i++) {
        const char *name = json_string_value(json_array_get(names, i));
        json_t *log = json_obj(host_config, "LogConfig");
        if (str_eq(name, SHM_SIZE))
            json_put_int(host_config, SHM_SIZE, cfg->runtime.shm_size);
        else if (str_eq(name, LOG_DRIVER) && log && log_driver)
            json_put_str(log, "Type", log_driver);
    }
}

struct filling {
    const struct config *cfg;
    const char *log_driver;
};

static void fill_row(struct state_container *row, void *arg)
{
    const struct filling *f = arg;
    inherit_fill(f->cfg, json_arr(row->runtime, "inherited"), f->log_driver, row->host_config);
}

int container_inherit(struct engine *e, struct state_container **row, struct err *err)
{
    _cleanup_(config_unrefp) struct config *cfg = engine_config(e);
    struct filling f = {.cfg = cfg, .log_driver = log_default_name(e, cfg)};
    json_auto_t *today = json_deep_copy((*row)->host_config);
    inherit_fill(cfg, json_arr((*row)->runtime, "inherited"), f.log_driver, today);
    if (json_equal(today, (*row)->host_config))
        return 0;
    struct state_container *now;
    int r = container_modify(e, (*row)->id, fill_row, &f, &now, err);
    if (r < 0)
        return r;
    state_container_free(*row);
    *row = now;
    return 0;
}

json_t *inherit_ulimits(const struct config *cfg)
{
    json_t *list = json_array();
    char *text;
    strv_foreach (text, &cfg->runtime.ulimits) {
        _cleanup_(strv_fini) struct strv parts = {0};
        int64_t soft, hard;
        strv_split(&parts, text, "=:");
        if (parts.n < 2 || parse_i64(parts.v[1], -1, INT64_MAX, &soft) < 0)
            continue;
        hard = soft;
        if (parts.n > 2 && parse_i64(parts.v[2], -1, INT64_MAX, &hard) < 0)
            continue;
        json_t *u = json_object();
        json_put_str(u, "Name", parts.v[0]);
        json_put_int(u, "Soft", soft);
        json_put_int(u, "Hard", hard);
        json_push_take(list, u);
    }
    return list;
}

static void add_security_opt(json_t *hc, const char *key, const char *value)
{
    json_t *opts = json_array();
    json_array_extend(opts, json_arr(hc, "SecurityOpt"));
    _cleanup_(freep) char *opt = str_printf("%s=%s", key, value);
    json_push_str(opts, opt);
    json_put_take(hc, "SecurityOpt", opts);
}

json_t *inherit_effective(const struct config *cfg, const char *apparmor,
                          const struct state_container *row)
{
    json_t *hc = json_copy(row->host_config);
    const char *own = NULL, *word = apparmor_word(hc, apparmor);
    if (!json_is_boolean(json_object_get(hc, "Init")))
        json_put_bool(hc, "Init", cfg->runtime.init);
    if (word)
        add_security_opt(hc, "apparmor", word);
    if (str_eq(cfg->runtime.seccomp_profile, "unconfined") && seccomp_wanted(hc, &own) && !own)
        add_security_opt(hc, "seccomp", "unconfined");
    return hc;
}

void inherit_note_start(struct state_container *row, const json_t *host_config,
                        const json_t *ulimits)
{
    json_t *noted = json_object();
    json_t *security = json_arr(host_config, "SecurityOpt");
    if (security)
        json_put(noted, "SecurityOpt", security);
    json_put(noted, "Ulimits", (json_t *)ulimits);
    json_put_take(row->runtime, "started_with", noted);
}

json_t *inherit_running(const struct state_container *row, const json_t **ulimits)
{
    const json_t *noted = json_obj(row->runtime, "started_with");
    json_t *hc = json_copy(row->host_config), *security = json_arr(noted, "SecurityOpt");
    if (security)
        json_put(hc, "SecurityOpt", security);
    *ulimits = json_arr(noted, "Ulimits");
    return hc;
}

char *inherit_apparmor(const struct state_container *row)
{
    struct security_opts sec = {0};
    (void)security_opts_read(json_obj(row->runtime, "started_with"), &sec, NULL);
    return xstrdup(sec.apparmor ? sec.apparmor : "");
}
