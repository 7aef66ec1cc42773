/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Endpoints
 *
 * A container's attachments to networks: made at start, taken back at the end, and shown. The row of an endpoint holds what was made,
 * so that it can be taken back by whoever finds it.
 */
#include <errno.h>

#include "base/failpoint.h"
#include "base/json.h"
#include "base/log.h"
#include "config/config.h"
#include "engine/netset.h"
#include "engine/networks.h"
#include "engine/ports.h"

static void event(struct engine *e, const struct net_entry *n, const char *container,
                  const char *action)
{
    json_t *attributes = json_object();
    json_put_str(attributes, "container", container);
    json_put_str(attributes, "name", n->name);
    json_put_str(attributes, "type", plugin_api_name(n->driver->plugin));
    event_publish(e->events, "network", action, n->id, attributes);
}

static int endpoints_of(struct engine *e, const char *id, struct state_endpoints *out,
                        struct err *err)
{
    return state_endpoint_list(e->state, NULL, id, out, err);
}

static const char *mac_of(const struct state_container *row, const struct state_endpoint *ep)
{
    const char *mac = json_str(ep->config, "MacAddress", "");
    if (!*mac)
        mac = json_str(row->config, "MacAddress", "");
    return *mac ? mac : NULL;
}

/* An attachment between its two steps. */
struct connecting {
    struct engine *engine;
    struct net_entry *network;
    struct state_endpoints list;
    struct state_endpoint *endpoint; /* of the list */
    char *address;
    json_t *bindings;
    struct network_attach_req req;
    struct network_attachment made;
};

static void connecting_free(struct connecting *k)
{
    network_attachment_fini(&k->made);
    state_endpoints_fini(&k->list);
    json_decref(k->bindings);
    free(k->address);
    free(k);
}

static void release_address(const struct connecting *k)
{
    if (k->address)
        ipam_release(k->network->ipam, k->address);
}

void connection_fini(struct connection *c)
{
    struct connecting *k = c->connecting;
    if (k) {
        network_attach_cancel(k->engine->network, &k->req, &k->made);
        release_address(k);
        k->made.netns_fd = -1; /* it is c->netns */
        connecting_free(k);
    }
    close_fd(c->netns);
    free(c->address);
    free(c->address6);
    free(c->gateway);
}

static char *non_empty(const json_t *o, const char *key)
{
    const char *text = json_str(o, key, "");
    return *text ? xstrdup(text) : NULL;
}

static int attach_begin(const struct state_container *row, struct connecting *k, struct err *err)
{
    struct net_entry *n = k->network;
    k->bindings = port_bindings_wanted(row->config, row->host_config);
    if (!(n->driver->plugin->desc->capabilities & BERTH_NETWORK_PORTS))
        json_object_clear(k->bindings);
    int r = n->ipam ? ipam_alloc(n->ipam, &k->address, err) : 0;
    if (r < 0)
        return r;
    k->req = (struct network_attach_req){.driver = &n->driver->api,
                                         .def = &n->def,
                                         .container_id = row->id,
                                         .interface = "eth0",
                                         .address = k->address,
                                         .mac = mac_of(row, k->endpoint),
                                         .options = options_table(n->options),
                                         .gateway = true,
                                         .bindings = k->bindings,
                                         .exposed = json_obj(row->config, "ExposedPorts"),
                                         .netns_fd = -1};
    r = network_attach_begin(k->engine->network, &k->req, &k->made, err);
    if (r < 0)
        release_address(k);
    return r;
}

static bool is_attached(const struct state_endpoint *ep)
{
    return json_object_size(ep->attachment) > 0;
}

static void take_back(struct engine *e, struct net_entry *n, const struct state_endpoint *ep)
{
    _cleanup_(err_fini) struct err err = {0};
    if (network_detach(e->network, &n->driver->api, &n->def, ep->attachment, &err) < 0)
        log_warn("container %s on network %s: %s", ep->container_id, n->name, err_msg(&err));
}

/* Gives ports and address to whoever wants them next. */
static void release(struct engine *e, struct net_entry *n, const struct state_endpoint *ep,
                    const json_t *attachment)
{
    _cleanup_(err_fini) struct err err = {0};
    if (network_release(e->network, attachment, &err) < 0)
        log_warn("container %s on network %s: %s", ep->container_id, n->name, err_msg(&err));
    const char *address = json_str(attachment, "IPAddress", "");
    if (n->ipam && *address)
        ipam_release(n->ipam, address);
}

/* Also for an attachment of which nothing is left. What others could take is released once the row says that it is free: a row
 * that could not be written (the disk was full) is detached again later, and must not take from others then. */
static int detach(struct engine *e, struct net_entry *n, struct state_endpoint *ep, struct err *err)
{
    take_back(e, n, ep);
    json_auto_t *was = ep->attachment;
    ep->attachment = json_object();
    int r = state_endpoint_update(e->state, ep, err);
    if (r < 0 && r != -ENOENT)
        return err_wrap(err, "endpoint %s", ep->id);
    err_clear(err);
    (void)failpoint("detach.noted", NULL);
    release(e, n, ep, was);
    return 0;
}

/* The container's endpoint and its network. */
static int find_endpoint(const struct state_container *row, struct connecting *k, struct err *err)
{
    int r = endpoints_of(k->engine, row->id, &k->list, err);
    if (r < 0)
        return r;
    if (k->list.n == 0)
        return err_set(err, -ENOENT, "container %s is on no network", row->name);
    k->endpoint = k->list.v[0];
    k->network = netset_get(k->engine->nets, k->endpoint->network_id);
    if (!k->network)
        return err_set(err, -ENOENT,
                       "network %s of container %s is not in the configuration any more",
                       k->endpoint->network_id, row->name);
    return is_attached(k->endpoint) ? detach(k->engine, k->network, k->endpoint, err)
                                    : 0; /* left by a crash */
}

int container_connect_begin(struct engine *e, const struct state_container *row,
                            struct connection *out, struct err *err)
{
    struct connecting *k = xcalloc(1, sizeof(*k));
    *k = (struct connecting){.engine = e, .made = {.netns_fd = -1}};
    int r = find_endpoint(row, k, err);
    if (r == 0)
        r = attach_begin(row, k, err);
    if (r < 0) {
        connecting_free(k);
        return r;
    }
    const json_t *state = k->made.state;
    *out = (struct connection){.netns = k->made.netns_fd,
                               .address = non_empty(state, "IPAddress"),
                               .address6 = non_empty(state, "GlobalIPv6Address"),
                               .gateway = non_empty(state, "Gateway"),
                               .connecting = k};
    return 0;
}

static int note_attachment(struct connecting *k, struct err *err)
{
    struct state_endpoint *ep = k->endpoint;
    json_decref(ep->attachment);
    ep->attachment = json_incref(k->made.state);
    int r = failpoint("attach.made", err);
    if (r == 0)
        r = state_endpoint_update(k->engine->state, ep, err);
    if (r < 0) { /* the row knows of no attachment */
        take_back(k->engine, k->network, ep);
        release(k->engine, k->network, ep, ep->attachment);
    }
    return r;
}

int container_connect(struct connection *c, struct err *err)
{
    struct connecting *k = steal_ptr(&c->connecting);
    if (!k)
        return 0;
    int r = network_attach_finish(k->engine->network, &k->req, &k->made, err);
    if (r < 0)
        release_address(k);
    else
        r = note_attachment(k, err);
    k->made.netns_fd = -1; /* it is c->netns */
    connecting_free(k);
    return r;
}

int container_connect_owner(struct engine *e, const char *id, pid_t shim, uint64_t start,
                            struct err *err)
{
    _cleanup_(state_endpoints_fini) struct state_endpoints list = {0};
    int r = endpoints_of(e, id, &list, err);
    for (size_t i = 0; r == 0 && i < list.n; i++)
        if (is_attached(list.v[i]))
            r = network_attach_owner(e->network, list.v[i]->attachment, shim, (int64_t)start, err);
    return r;
}

int container_disconnect(struct engine *e, const struct state_container *row, struct err *err)
{
    _cleanup_(state_endpoints_fini) struct state_endpoints list = {0};
    int r = endpoints_of(e, row->id, &list, err);
    if (r < 0)
        return err_wrap(err, "networks of container %s", row->id);
    for (size_t i = 0; i < list.n; i++) {
        _cleanup_(err_fini) struct err words = {0};
        struct net_entry *n = netset_get(e->nets, list.v[i]->network_id);
        int d = n && is_attached(list.v[i]) ? detach(e, n, list.v[i], &words) : 0;
        if (d < 0 && r == 0)
            r = err_move(err, &words);
    }
    return r;
}

void networks_event(struct engine *e, const struct state_container *row, const char *action)
{
    _cleanup_(state_endpoints_fini) struct state_endpoints list = {0};
    if (endpoints_of(e, row->id, &list, NULL) < 0)
        return;
    for (size_t i = 0; i < list.n; i++) {
        struct net_entry *n = netset_get(e->nets, list.v[i]->network_id);
        if (n)
            event(e, n, row->id, action);
    }
}

int endpoints_reserve(struct engine *e, struct err *err)
{
    _cleanup_(state_endpoints_fini) struct state_endpoints list = {0};
    int r = state_endpoint_list_attached(e->state, &list, err);
    for (size_t i = 0; r == 0 && i < list.n; i++) {
        const struct state_endpoint *ep = list.v[i];
        struct net_entry *n = netset_get(e->nets, ep->network_id);
        const char *address = json_str(ep->attachment, "IPAddress", "");
        _cleanup_(err_fini) struct err words = {0};
        if (n && n->ipam && *address && ipam_reserve(n->ipam, address, NULL, &words) < 0)
            log_warn("container %s on network %s: %s", ep->container_id, n->name, err_msg(&words));
    }
    return r;
}

int endpoints_restore(struct engine *e, bool strangers, struct err *err)
{
    _cleanup_(state_endpoints_fini) struct state_endpoints list = {0};
    int r = state_endpoint_list_attached(e->state, &list, err);
    if (r < 0)
        return r;
    json_auto_t *states = json_array();
    for (size_t i = 0; i < list.n; i++)
        if (is_attached(list.v[i]))
            json_array_append(states, list.v[i]->attachment);
    r = network_restore(e->network, states, err);
    return r < 0 || strangers ? r : network_strays_remove(e->network, states, err);
}

/* Empty strings and zeros where there is no attachment, as Docker shows a stopped container. */
static json_t *endpoint_view(const struct state_endpoint *ep)
{
    const json_t *a = ep->attachment, *c = ep->config;
    json_t *o = json_object();
    static const char *const given[] = {"IPAMConfig", "Links", "Aliases"};
    for (size_t i = 0; i < ARRAY_SIZE(given); i++) {
        const json_t *v = json_object_get(c, given[i]);
        json_put_take(o, given[i], v ? json_deep_copy(v) : json_null());
    }
    json_put_str(o, "MacAddress", json_str(a, "MacAddress", ""));
    json_put_take(o, "DriverOpts", json_null());
    json_put_int(o, "GwPriority", json_int(c, "GwPriority", 0));
    json_put_str(o, "NetworkID", ep->network_id);
    json_put_str(o, "EndpointID", json_str(a, "EndpointID", ""));
    json_put_str(o, "Gateway", json_str(a, "Gateway", ""));
    json_put_str(o, "IPAddress", json_str(a, "IPAddress", ""));
    json_put_int(o, "IPPrefixLen", json_int(a, "IPPrefixLen", 0));
    json_put_str(o, "IPv6Gateway", json_str(a, "IPv6Gateway", ""));
    json_put_str(o, "GlobalIPv6Address", json_str(a, "GlobalIPv6Address", ""));
    json_put_int(o, "GlobalIPv6PrefixLen", json_int(a, "GlobalIPv6PrefixLen", 0));
    json_put_take(o, "DNSNames", json_null());
    return o;
}

static json_t *endpoint_views(struct engine *e, const struct state_endpoints *list)
{
    json_t *networks = json_object();
    for (size_t i = 0; i < list->n; i++) {
        const struct net_entry *n = netset_get(e->nets, list->v[i]->network_id);
        json_put_take(networks, n ? n->name : list->v[i]->network_id, endpoint_view(list->v[i]));
    }
    return networks;
}

json_t *network_settings_short(struct engine *e, const struct state_container *row)
{
    _cleanup_(state_endpoints_fini) struct state_endpoints list = {0};
    (void)endpoints_of(e, row->id, &list, NULL);
    json_t *o = json_object();
    json_put_take(o, "Networks", endpoint_views(e, &list));
    return o;
}

static void put_legacy(json_t *o, const json_t *attachment)
{
    static const char *const texts[] = {"EndpointID", "Gateway",     "GlobalIPv6Address",
                                        "IPAddress",  "IPv6Gateway", "MacAddress"};
    static const char *const numbers[] = {"GlobalIPv6PrefixLen", "IPPrefixLen"};
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        json_put_str(o, texts[i], json_str(attachment, texts[i], ""));
    for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
        json_put_int(o, numbers[i], json_int(attachment, numbers[i], 0));
}

json_t *network_settings(struct engine *e, const struct state_container *row)
{
    _cleanup_(state_endpoints_fini) struct state_endpoints list = {0};
    (void)endpoints_of(e, row->id, &list, NULL);
    const json_t *a = list.n > 0 ? list.v[0]->attachment : NULL;
    const struct net_entry *n = list.n > 0 ? netset_get(e->nets, list.v[0]->network_id) : NULL;
    const json_t *ports = json_obj(a, "Ports");
    const char *sandbox = json_str(a, "SandboxID", json_str(a, "EndpointID", ""));
    json_t *o = json_object();
    json_put_str(o, "Bridge", "");
    json_put_str(o, "SandboxID", sandbox);
    json_put_str(o, "SandboxKey", "");
    json_put_take(o, "Ports", ports ? json_deep_copy(ports) : json_object());
    if (row->pid > 0)
        json_put_strf(o, "SandboxKey", "/proc/%d/ns/net", (int)row->pid);
    json_put_bool(o, "HairpinMode", false);
    json_put_str(o, "LinkLocalIPv6Address", "");
    json_put_int(o, "LinkLocalIPv6PrefixLen", 0);
    json_put_take(o, "SecondaryIPAddresses", json_null());
    json_put_take(o, "SecondaryIPv6Addresses", json_null());
    /* The old, flat members are those of the default network only. */
    put_legacy(o, n && n->def.is_default ? a : NULL);
    json_put_take(o, "Networks", endpoint_views(e, &list));
    return o;
}

static void push_port(json_t *out, const char *key, const json_t *binding)
{
    uint16_t port;
    const char *proto;
    int64_t host_port = 0;
    if (port_parse(key, &port, &proto, NULL) < 0)
        return;
    json_t *o = json_object();
    if (binding && parse_i64(json_str(binding, "HostPort", ""), 1, 65535, &host_port) == 0)
        json_put_str(o, "IP", json_str(binding, "HostIp", ""));
    json_put_int(o, "PrivatePort", port);
    if (host_port > 0)
        json_put_int(o, "PublicPort", host_port);
    json_put_str(o, "Type", proto);
    json_push_take(out, o);
}

json_t *network_ports_list(struct engine *e, const struct state_container *row)
{
    _cleanup_(state_endpoints_fini) struct state_endpoints list = {0};
    (void)endpoints_of(e, row->id, &list, NULL);
    json_t *out = json_array();
    for (size_t i = 0; i < list.n; i++) {
        const char *key;
        json_t *bindings;
        json_object_foreach (json_obj(list.v[i]->attachment, "Ports"), key, bindings) {
            for (size_t k = 0; k < json_array_size(bindings); k++)
                push_port(out, key, json_array_get(bindings, k));
            if (json_array_size(bindings) == 0)
                push_port(out, key, NULL);
        }
    }
    return out;
}
