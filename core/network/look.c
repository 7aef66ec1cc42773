/* SPDX-License-Identifier: Apache-2.0 */
/* A look at the network: links by libnl-route, elements and reservations by their own clients. */
#include "network/look.h"

#include <errno.h>
#include <netlink/netlink.h>
#include <netlink/route/link.h>
#include <sys/socket.h>

#include "base/json.h"
#include "base/map.h"
#include "base/str.h"
#include "network/firewall.h"
#include "network/internal.h"
#include "network/netd-client.h"
#include "network/ports.h"
#include "network/reap.h"

DEFINE_CLEANUP(struct nl_sock *, nl_socket_free);
DEFINE_CLEANUP(struct nl_cache *, nl_cache_free);

struct network_look {
    char *instance, *prefix;
    struct map links;    /* name → alias, or "" */
    struct map elements; /* of the kernel; names only */
    struct map networks; /* elements that networks should have; names only */
    json_t *netd;
};

void network_look_free(struct network_look *l)
{
    if (!l)
        return;
    map_fini(&l->links, free);
    map_fini(&l->elements, NULL);
    map_fini(&l->networks, NULL);
    json_decref(l->netd);
    free(l->instance);
    free(l->prefix);
    free(l);
}

/* A link that is done with and waits for its deletion does not count. */
static void add_link(struct nl_object *object, void *arg)
{
    struct network_look *l = arg;
    struct rtnl_link *link = (struct rtnl_link *)object;
    const char *name = rtnl_link_get_name(link), *alias = rtnl_link_get_ifalias(link);
    if (name && rtnl_link_get_group(link) != reaper_group(l->instance))
        free(map_set(&l->links, name, xstrdup(alias ? alias : "")));
}

static int list_links(struct network_look *l, struct err *err)
{
    _cleanup_(nl_socket_freep) struct nl_sock *sock = nl_socket_alloc();
    _cleanup_(nl_cache_freep) struct nl_cache *cache = NULL;
    if (!sock || nl_connect(sock, NETLINK_ROUTE) < 0 ||
        rtnl_link_alloc_cache(sock, AF_UNSPEC, &cache) < 0)
        return err_set(err, -EIO, "cannot read the host's links");
    nl_cache_foreach(cache, add_link, l);
    return 0;
}

struct network_look *network_look_new(struct network_ctx *n, struct err *err)
{
    _cleanup_(network_look_freep) struct network_look *l = xcalloc(1, sizeof(*l));
    l->instance = xstrdup(n->instance);
    l->prefix = xstrdup(n->prefix);
    firewall_network_elements(n->fw, &l->networks);
    int r = list_links(l, err);
    if (r == 0)
        r = firewall_elements(n->fw, &l->elements, err);
    if (r == 0)
        r = netd_state(n->netd, &l->netd, err);
    return r < 0 ? NULL : steal_ptr(&l);
}

static bool is_link(const json_t *op)
{
    return str_eq(json_str(op, "op", ""), "link");
}

/* One that is moved into the container whole has no name on the host. */
static bool stays_on_host(const json_t *op)
{
    return str_eq(json_str(op, "kind", ""), "veth") || !json_str(op, "inside", NULL);
}

/* The names of an attachment's elements of the firewall. */
static void elements_of(const json_t *state, struct map *out)
{
    const json_t *reserved = json_arr(state, "reserved");
    _cleanup_(port_list_fini) struct port_list list = {0};
    struct addr target;
    if (!reserved || ports_load(reserved, &list, NULL) < 0 ||
        addr_parse(json_str(json_obj(state, "plan"), "publish", ""), &target) < 0)
        return;
    size_t n;
    _cleanup_(freep) struct firewall_port *ports = ports_firewall(&list, &target, &n);
    firewall_port_elements(ports, n, out);
}

static void missing_of(const struct map *wanted, const struct map *there, network_look_fn *each,
                       void *arg)
{
    const char *name;
    void *value;
    for (size_t i = 0; map_next(wanted, &i, &name, &value);)
        if (!map_get(there, name))
            each(arg, "port", name);
}

void network_look_missing(const struct network_look *l, const json_t *state, network_look_fn *each,
                          void *arg)
{
    struct map wanted = {0};
    size_t i;
    json_t *op;
    json_array_foreach (json_arr(json_obj(state, "plan"), "ops"), i, op)
        if (is_link(op) && stays_on_host(op) && !map_get(&l->links, json_str(op, "name", "")))
            each(arg, "link", json_str(op, "name", ""));
    elements_of(state, &wanted);
    missing_of(&wanted, &l->elements, each, arg);
    map_fini(&wanted, NULL);
    const char *id = json_str(state, "container_id", "");
    if (json_arr(state, "reserved") && !network_netd_holds(l->netd, id))
        each(arg, "reservation", id);
}

void network_look_network(const struct network_look *l, const char *network_id, const json_t *plan,
                          network_look_fn *each, void *arg)
{
    _cleanup_(freep) char *mark = str_printf("berth:%s:%s", l->instance, network_id);
    size_t i;
    json_t *op;
    json_array_foreach (json_arr(plan, "ops"), i, op) {
        const char *name = json_str(op, "name", "");
        if (is_link(op) && !str_eq(map_get(&l->links, name), mark))
            each(arg, "link", name);
    }
}

static void stray_links(const struct network_look *l, const struct map *ours, network_look_fn *each,
                        void *arg)
{
    const char *name;
    void *alias;
    for (size_t i = 0; map_next(&l->links, &i, &name, &alias);)
        if (str_after(name, l->prefix) && !*(const char *)alias && !map_get(ours, name))
            each(arg, "link", name);
}

static void stray_elements(const struct network_look *l, const struct map *ours,
                           network_look_fn *each, void *arg)
{
    const char *name;
    void *value;
    for (size_t i = 0; map_next(&l->elements, &i, &name, &value);)
        if (!map_get(firewall_is_port(name) ? ours : &l->networks, name))
            each(arg, "port", name);
}

static void stray_holders(const struct network_look *l, const json_t *states, network_look_fn *each,
                          void *arg)
{
    size_t i, k;
    json_t *holder, *state;
    json_array_foreach (json_arr(l->netd, "holders"), i, holder) {
        const char *id = json_str(holder, "id", "");
        bool known = false;
        json_array_foreach (states, k, state)
            known |= str_eq(json_str(state, "container_id", ""), id);
        if (!known)
            each(arg, "reservation", id);
    }
}

void network_look_strays(const struct network_look *l, const json_t *states, network_look_fn *each,
                         void *arg)
{
    struct map links = {0}, elements = {0};
    size_t i, k;
    json_t *state, *op;
    json_array_foreach (states, i, state) {
        json_array_foreach (json_arr(json_obj(state, "plan"), "ops"), k, op)
            if (is_link(op))
                map_set(&links, json_str(op, "name", ""), &links);
        elements_of(state, &elements);
    }
    stray_links(l, &links, each, arg);
    stray_elements(l, &elements, each, arg);
    missing_of(&l->networks, &l->elements, each, arg);
    stray_holders(l, states, each, arg);
    map_fini(&links, NULL);
    map_fini(&elements, NULL);
}
