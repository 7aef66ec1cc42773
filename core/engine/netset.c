/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The networks as they are loaded
 *
 * daemon.conf's predefined networks become rows with ids that stay; each is brought about by its driver at every start-up, which makes
 * what is missing.
 */
#include "engine/netset.h"

#include <errno.h>

#include "base/clock.h"
#include "base/failpoint.h"
#include "base/id.h"
#include "base/json.h"
#include "base/log.h"
#include "config/config.h"
#include "engine/storage.h"
#include "plugin/err-bridge.h"
#include "plugin/registry.h"
#include "plugin/watchdog.h"

struct netset {
    struct engine *engine;
    struct map drivers; /* name → struct net_driver */
    struct map entries; /* id → struct net_entry */
};

static void driver_free(void *p)
{
    struct net_driver *d = p;
    if (d->api.ops)
        d->api.ops->close(d->api.self);
    host_free(d->host);
    free(d);
}

static void entry_free(void *p)
{
    struct net_entry *n = p;
    options_free(n->options);
    ipam_free(n->ipam);
    free(n->id);
    free(n->name);
    free(n);
}

void netset_close(struct netset *s)
{
    if (!s)
        return;
    map_fini(&s->entries, entry_free);
    map_fini(&s->drivers, driver_free);
    free(s);
}

static int driver_open(struct netset *s, const char *name, struct net_driver **out, struct err *err)
{
    struct engine *e = s->engine;
    _cleanup_(config_unrefp) struct config *cfg = engine_config(e);
    struct plugin *plugin;
    int r = registry_find_or_err(e->registry, BERTH_NETWORK, name, &plugin, err);
    if (r < 0)
        return r;
    *out = map_get(&s->drivers, plugin->name);
    if (*out)
        return 0;
    json_auto_t *options = config_driver_options(cfg, "network", plugin->name);
    struct host_params params = {.plugin = plugin,
                                 .data_root = cfg->data_root,
                                 .run_root = cfg->run_root,
                                 .instance = state_instance(e->state),
                                 .options = options,
                                 .services = engine_host_services(e)};
    struct net_driver *d = xcalloc(1, sizeof(*d));
    d->plugin = plugin;
    r = host_new(&params, &d->host, err);
    const struct berth_network_ops *ops = plugin->desc->ops;
    if (r == 0) {
        PLUGIN_ERR(perr, err);
        PLUGIN_CALL(call, plugin, "open");
        r = plugin_result(ops->open(host_table(d->host), &d->api.self, &perr.base), err,
                          plugin->name, "open");
    }
    if (r < 0) {
        driver_free(d);
        return r;
    }
    d->api.name = plugin->name;
    d->api.ops = ops;
    map_set(&s->drivers, plugin->name, d);
    *out = d;
    return 0;
}

/* A predefined network with addresses has its subnet from its driver's options "subnet" and "gateway". */
static int entry_addresses(struct net_entry *n, struct err *err)
{
    if (!(n->driver->plugin->desc->capabilities & BERTH_NETWORK_IPAM))
        return 0;
    const struct berth_options *o = options_table(n->options);
    const char *subnet = berth_opt_str(o, "subnet", NULL);
    if (!subnet)
        return err_set(err, -EINVAL,
                       "network %s: the driver %s wants a subnet and has none: set "
                       "network.options.%s.subnet",
                       n->name, n->driver->plugin->name, n->driver->plugin->name);
    int r = ipam_new(subnet, NULL, berth_opt_str(o, "gateway", NULL), &n->ipam, err);
    if (r < 0)
        return err_wrap(err, "network %s", n->name);
    n->def.subnet = ipam_subnet(n->ipam);
    n->def.gateway = ipam_gateway(n->ipam);
    return 0;
}

static int entry_load(struct netset *s, const struct state_network *row, struct net_entry **out,
                      struct err *err)
{
    _cleanup_(config_unrefp) struct config *cfg = engine_config(s->engine);
    struct net_driver *driver;
    int r = driver_open(s, row->driver, &driver, err);
    if (r < 0)
        return err_wrap(err, "network %s", row->name);
    json_auto_t *daemon = config_driver_options(cfg, "network", driver->plugin->name);
    struct net_entry *n = xcalloc(1, sizeof(*n));
    n->id = xstrdup(row->id);
    n->name = xstrdup(row->name);
    n->driver = driver;
    r = options_new(driver->plugin->desc->options, BERTH_OPT_OBJECT, daemon, NULL, true,
                    &n->options, err);
    n->def = (struct network_def){.id = n->id,
                                  .name = n->name,
                                  .options = options_table(n->options),
                                  .predefined = true,
                                  .is_default = str_eq(row->name, cfg->network.dflt)};
    if (r == 0)
        r = entry_addresses(n, err);
    if (r < 0) {
        entry_free(n);
        return r;
    }
    map_set(&s->entries, n->id, n);
    *out = n;
    return 0;
}

static json_t *row_config(const struct net_entry *n)
{
    json_t *config = json_object();
    if (n->def.subnet) {
        json_put_str(config, "subnet", n->def.subnet);
        json_put_str(config, "gateway", n->def.gateway);
    }
    return config;
}

/* Brings one network about and notes in its row what was made. */
static int entry_bring_up(struct netset *s, struct net_entry *n, struct state_network *row,
                          struct err *err)
{
    struct engine *e = s->engine;
    json_auto_t *plan = NULL;
    int r = network_net_create(e->network, &n->driver->api, &n->def, &plan, err);
    if (r < 0)
        return err_wrap(err, "network %s", n->name);
    json_decref(row->config);
    row->config = row_config(n);
    json_decref(row->plan);
    row->plan = json_incref(plan);
    row->predefined = true;
    r = state_network_update(e->state, row, err);
    return r < 0 ? r : failpoint("network.noted", err);
}

static int row_ensure(struct netset *s, const struct config_network *cn, struct state_network **out,
                      struct err *err)
{
    struct engine *e = s->engine;
    int r = state_network_find(e->state, cn->name, out, err);
    if (r == 0 && str_eq((*out)->name, cn->name)) {
        free((*out)->driver);
        (*out)->driver = xstrdup(cn->driver);
        return 0;
    }
    if (r == 0)
        state_network_free(steal_ptr(out));
    else if (r != -ENOENT && r != -EINVAL)
        return r;
    err_clear(err);
    char id[ID_MAX];
    id_new(id);
    struct state_network fresh = {.id = id,
                                  .name = cn->name,
                                  .driver = cn->driver,
                                  .created_ns = time_now_ns(),
                                  .predefined = true};
    r = state_network_insert(e->state, &fresh, err);
    (void)failpoint("network.row", NULL);
    return r < 0 ? r : state_network_find(e->state, id, out, err);
}

static int bring_up(struct netset *s, const struct config_network *cn, struct err *err)
{
    _cleanup_(state_network_freep) struct state_network *row = NULL;
    struct net_entry *entry = NULL;
    int r = row_ensure(s, cn, &row, err);
    if (r == 0)
        r = entry_load(s, row, &entry, err);
    return r < 0 ? r : entry_bring_up(s, entry, row, err);
}

static bool configured(const struct config *cfg, const char *name)
{
    for (size_t i = 0; i < cfg->network.predefined.n; i++)
        if (str_eq(cfg->network.predefined.v[i].name, name))
            return true;
    return false;
}

/* A network that is no longer in daemon.conf goes, with what was made for it; its row stays while containers stand on it. */
static void retire(struct netset *s, const struct state_network *row)
{
    _cleanup_(err_fini) struct err err = {0};
    struct net_driver *driver;
    int r = driver_open(s, row->driver, &driver, &err);
    if (r == 0) {
        struct network_def def = {.id = row->id, .name = row->name, .predefined = true};
        r = network_net_remove(s->engine->network, &driver->api, &def, row->plan, &err);
    }
    if (r == 0)
        r = state_network_delete(s->engine->state, row->id, &err);
    if (r < 0)
        log_warn("network %s is not in the configuration any more and stays: %s", row->name,
                 err_msg(&err));
    else
        log_info("network %s is not in the configuration any more: removed", row->name);
}

int netset_open(struct engine *e, struct netset **out, struct err *err)
{
    _cleanup_(config_unrefp) struct config *cfg = engine_config(e);
    struct netset *s = *out = xcalloc(1, sizeof(*s));
    _cleanup_(state_networks_fini) struct state_networks rows = {0};
    s->engine = e;
    int r = state_network_list(e->state, &rows, err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < rows.n; i++)
        if (rows.v[i]->predefined && !configured(cfg, rows.v[i]->name))
            retire(s, rows.v[i]);
    for (size_t i = 0; i < cfg->network.predefined.n; i++) {
        r = bring_up(s, &cfg->network.predefined.v[i], err);
        if (r < 0)
            return r;
    }
    return 0;
}

static void take_down(struct netset *s, struct net_entry *n)
{
    struct engine *e = s->engine;
    _cleanup_(err_fini) struct err err = {0};
    _cleanup_(state_network_freep) struct state_network *row = NULL;
    int r = state_network_find(e->state, n->id, &row, &err);
    if (r == 0 && json_object_size(row->plan) > 0) {
        r = network_net_remove(e->network, &n->driver->api, &n->def, row->plan, &err);
        json_decref(row->plan);
        row->plan = NULL;
        if (r == 0)
            r = state_network_update(e->state, row, &err);
    }
    if (r < 0)
        log_warn("network %s: what was made for it stays: %s", n->name, err_msg(&err));
}

void netset_take_down(struct netset *s)
{
    const char *id;
    void *entry;
    for (size_t i = 0; map_next(&s->entries, &i, &id, &entry);)
        take_down(s, entry);
}

struct net_entry *netset_get(struct netset *s, const char *id)
{
    return map_get(&s->entries, id);
}
