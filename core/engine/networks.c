/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Networks
 *
 * Which network a container asks for, and networks as clients list and inspect them. The names "default", "none" and the prefix
 * "container:" of NetworkMode are the API's.
 */
#include "engine/networks.h"

#include <errno.h>

#include "base/json.h"
#include "config/config.h"
#include "engine/filters.h"
#include "engine/netset.h"

static int check_endpoint(const json_t *ep, const char *network, struct err *err)
{
    const json_t *ipam = json_obj(ep, "IPAMConfig");
    if (!str_empty(json_str(ipam, "IPv4Address", "")) ||
        !str_empty(json_str(ipam, "IPv6Address", "")))
        return err_set(err, -EINVAL,
                       "user specified IP address is supported on user defined networks only");
    if (json_array_size(json_arr(ep, "Aliases")) > 0)
        return err_set(err, -EINVAL,
                       "network-scoped aliases are only supported for user-defined networks");
    if (json_array_size(json_arr(ep, "Links")) > 0)
        return err_set(err, -ENOTSUP, "links between containers are not supported (network %s)",
                       network);
    return 0;
}

static bool is_default_word(const char *name)
{
    return str_empty(name) || str_eq(name, "default");
}

/* The one member of EndpointsConfig, if any. */
static int read_endpoints(const json_t *networking, const char **name, const json_t **ep,
                          struct err *err)
{
    const json_t *all = json_object_get(networking, "EndpointsConfig");
    const char *key;
    json_t *value;
    *name = NULL;
    if (networking && !json_is_null(networking) && !json_is_object(networking))
        return err_set(err, -EINVAL, "invalid NetworkingConfig: expected an object");
    if (all && !json_is_null(all) && !json_is_object(all))
        return err_set(err, -EINVAL,
                       "invalid NetworkingConfig.EndpointsConfig: expected an object");
    if (json_object_size(all) > 1)
        return err_set(err, -ENOTSUP,
                       "a container on several networks is not supported yet: name one in "
                       "NetworkingConfig.EndpointsConfig");
    json_object_foreach ((json_t *)all, key, value) {
        if (!json_is_null(value) && !json_is_object(value))
            return err_set(err, -EINVAL,
                           "invalid NetworkingConfig.EndpointsConfig[\"%s\"]: expected an object",
                           key);
        *name = key;
        *ep = value;
    }
    return 0;
}

int networks_choose(struct engine *e, const json_t *config, json_t *host_config,
                    const json_t *networking, char **id, json_t **endpoint, struct err *err)
{
    _cleanup_(config_unrefp) struct config *cfg = engine_config(e);
    const char *mode = json_str(host_config, "NetworkMode", ""), *name;
    const json_t *ep = NULL;
    int r = read_endpoints(networking, &name, &ep, err);
    if (r < 0)
        return r;
    if (str_after(mode, "container:"))
        return err_set(err, -ENOTSUP,
                       "network mode '%s': sharing another container's network is not supported "
                       "yet",
                       mode);
    if (json_bool(config, "NetworkDisabled", false))
        mode = "none";
    if (is_default_word(mode) && !is_default_word(name))
        mode = name;
    if (is_default_word(mode))
        mode = cfg->network.dflt;
    _cleanup_(state_network_freep) struct state_network *row = NULL;
    r = state_network_find(e->state, mode, &row, err);
    /* Not ENOENT: clients take a 404 of create for a missing image, and go and pull it. */
    if (r == -ENOENT)
        return err_set(err, -EINVAL, "network %s not found", mode);
    if (r < 0)
        return r;
    if (name && !is_default_word(name) && !str_eq(name, row->name) && !str_eq(name, row->id))
        return err_set(err, -EINVAL,
                       "NetworkMode names the network %s and NetworkingConfig the network %s: one "
                       "network is supported",
                       row->name, name);
    r = check_endpoint(ep, row->name, err);
    if (r < 0)
        return r;
    json_put_str(host_config, "NetworkMode", row->name);
    *id = xstrdup(row->id);
    *endpoint = ep ? json_deep_copy(ep) : json_object();
    return 0;
}

static json_t *ipam_view(const struct state_network *row)
{
    json_t *configs = json_array();
    const char *subnet = json_str(row->config, "subnet", NULL);
    if (subnet) {
        json_t *c = json_object();
        json_put_str(c, "Subnet", subnet);
        json_put_str(c, "Gateway", json_str(row->config, "gateway", ""));
        json_push_take(configs, c);
    }
    json_t *o = json_object();
    json_put_str(o, "Driver", "default");
    json_put_take(o, "Options", json_null());
    json_put_take(o, "Config", configs);
    return o;
}

static void put_cidr(json_t *o, const char *key, const json_t *a, const char *ip, const char *len)
{
    const char *address = json_str(a, ip, "");
    if (*address)
        json_put_strf(o, key, "%s/%lld", address, (long long)json_int(a, len, 0));
    else
        json_put_str(o, key, "");
}

/* The containers that are attached now. */
static json_t *containers_view(struct engine *e, const char *network_id)
{
    _cleanup_(state_endpoints_fini) struct state_endpoints list = {0};
    json_t *o = json_object();
    if (state_endpoint_list(e->state, network_id, NULL, &list, NULL) < 0)
        return o;
    for (size_t i = 0; i < list.n; i++) {
        const json_t *a = list.v[i]->attachment;
        _cleanup_(state_container_freep) struct state_container *c = NULL;
        if (json_object_size(a) == 0 ||
            state_container_get(e->state, list.v[i]->container_id, &c, NULL) < 0)
            continue;
        json_t *v = json_object();
        json_put_str(v, "Name", c->name);
        json_put_str(v, "EndpointID", json_str(a, "EndpointID", ""));
        json_put_str(v, "MacAddress", json_str(a, "MacAddress", ""));
        put_cidr(v, "IPv4Address", a, "IPAddress", "IPPrefixLen");
        put_cidr(v, "IPv6Address", a, "GlobalIPv6Address", "GlobalIPv6PrefixLen");
        json_put_take(o, c->id, v);
    }
    return o;
}

static const char *driver_shown(struct engine *e, const struct state_network *row)
{
    const struct net_entry *n = netset_get(e->nets, row->id);
    return n ? plugin_api_name(n->driver->plugin) : row->driver;
}

static json_t *network_view(struct engine *e, const struct state_network *row, bool containers)
{
    json_t *o = json_object(), *from = json_object();
    json_put_str(o, "Name", row->name);
    json_put_str(o, "Id", row->id);
    json_put_time(o, "Created", row->created_ns);
    json_put_str(o, "Scope", "local");
    json_put_str(o, "Driver", driver_shown(e, row));
    json_put_bool(o, "EnableIPv4", true);
    json_put_bool(o, "EnableIPv6", false);
    json_put_take(o, "IPAM", ipam_view(row));
    json_put_bool(o, "Internal", false);
    json_put_bool(o, "Attachable", false);
    json_put_bool(o, "Ingress", false);
    json_put_str(from, "Network", "");
    json_put_take(o, "ConfigFrom", from);
    json_put_bool(o, "ConfigOnly", false);
    json_put_take(o, "Containers", containers ? containers_view(e, row->id) : json_object());
    json_put_take(o, "Options", json_object());
    json_put_take(o, "Labels", json_object());
    return o;
}

static int check_type(const json_t *filters, struct err *err)
{
    const char *type = filters_first(filters, "type");
    if (type && !str_eq(type, "builtin") && !str_eq(type, "custom"))
        return err_set(err, -EINVAL, "invalid filter: 'type'='%s'", type);
    return 0;
}

static int matches(struct engine *e, const struct state_network *row, const json_t *filters,
                   bool *match, struct err *err)
{
    bool want = false;
    int r = filters_bool(filters, "dangling", &want, err);
    if (r < 0)
        return r;
    *match = filters_match_regex(filters, "name", row->name) &&
             filters_match_prefix(filters, "id", row->id) &&
             filters_match_exact(filters, "driver", driver_shown(e, row)) &&
             filters_match_exact(filters, "scope", "local") &&
             filters_match_labels(filters, "label", NULL) &&
             filters_match_exact(filters, "type", row->predefined ? "builtin" : "custom");
    /* A predefined network is never dangling. */
    if (filters_has(filters, "dangling") && want)
        *match = false;
    return 0;
}

int engine_network_list(struct engine *e, const json_t *filters, json_t **out, struct err *err)
{
    static const char *const allowed[] = {"dangling", "driver", "id",   "label",
                                          "name",     "scope",  "type", NULL};
    _cleanup_(state_networks_fini) struct state_networks rows = {0};
    int r = filters_check(filters, allowed, err);
    if (r == 0)
        r = check_type(filters, err);
    if (r == 0)
        r = state_network_list(e->state, &rows, err);
    json_auto_t *list = json_array();
    for (size_t i = 0; r == 0 && i < rows.n; i++) {
        bool match;
        r = matches(e, rows.v[i], filters, &match, err);
        if (r == 0 && match)
            json_push_take(list, network_view(e, rows.v[i], false));
    }
    if (r == 0)
        *out = steal_ptr(&list);
    return r;
}

int engine_network_inspect(struct engine *e, const char *ref, bool verbose, json_t **out,
                           struct err *err)
{
    _cleanup_(state_network_freep) struct state_network *row = NULL;
    (void)verbose; /* only swarm networks have more to tell */
    int r = state_network_find(e->state, ref, &row, err);
    if (r == 0)
        *out = network_view(e, row, true);
    return r;
}
