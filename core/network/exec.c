/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Executor of plans
 *
 * An endpoint takes two rounds: one batch on the host makes its links, with the container's ends born in the
 * container's namespace, and one batch inside brings them up with addresses and routes.
 */
#include "network/exec.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <net/if.h>

#include "berth/network.h"

#include "base/failpoint.h"
#include "base/fs.h"
#include "base/id.h"
#include "base/json.h"
#include "base/log.h"
#include "network/link.h"
#include "network/netns.h"
#include "network/nl.h"
#include "network/reap.h"
#include "network/routes.h"

struct executor {
    char *instance;
    struct nl_pool *socks;
    struct reaper *reaper;
};

struct executor *executor_open(const char *instance, struct err *err)
{
    struct nl_pool *socks = nl_pool_new(NETLINK_ROUTE, err);
    if (!socks)
        return NULL;
    struct executor *x = xcalloc(1, sizeof(*x));
    x->instance = xstrdup(instance);
    x->socks = socks;
    x->reaper = reaper_open(instance, err);
    if (!x->reaper) {
        executor_close(x);
        return NULL;
    }
    return x;
}

void executor_close(struct executor *x)
{
    if (!x)
        return;
    reaper_close(x->reaper);
    nl_pool_free(x->socks);
    free(x->instance);
    free(x);
}

int executor_subnet_free(struct executor *x, const struct cidr *subnet, const char *device,
                         struct err *err)
{
    (void)x;
    return routes_check(subnet, device, err);
}

static bool op_is(const json_t *op, const char *what, uint32_t where)
{
    return str_eq(json_str(op, "op", ""), what) &&
           (!where || json_int(op, "where", BERTH_ON_HOST) == where);
}

/* --- sysctls */

/* Dots separate, as in sysctl(8), unless the key has a slash: then those do, and a name may hold dots. */
static int sysctl_write(const json_t *op, struct err *err)
{
    const char *key = json_str(op, "key", ""), *value = json_str(op, "value", "");
    _cleanup_(freep) char *path = str_printf("/proc/sys/%s", key);
    if (!strchr(key, '/'))
        for (char *p = path + strlen("/proc/sys/"); *p; p++)
            if (*p == '.')
                *p = '/';
    _cleanup_(closep) int fd = open(path, O_WRONLY | O_CLOEXEC);
    int r = fd < 0 ? -errno : fs_write_all(fd, value, strlen(value));
    return r < 0 ? err_errno(err, r, "cannot set sysctl %s to %s", key, value) : 0;
}

static int sysctls_write(const json_t *ops, uint32_t where, struct err *err)
{
    size_t i;
    json_t *op;
    json_array_foreach (ops, i, op) {
        int r = op_is(op, "sysctl", where) ? sysctl_write(op, err) : 0;
        if (r < 0)
            return r;
    }
    return 0;
}

/* --- addresses and routes of one namespace */

static int op_index(int sock, const json_t *op, const char *key, struct err *err)
{
    const char *name = json_str(op, key, "");
    int index = link_index(sock, name);
    return index < 0 ? err_errno(err, index, "no link %s", name) : index;
}

static int add_address(struct nl_batch *b, int sock, const json_t *op, struct err *err)
{
    struct cidr c;
    int index = op_index(sock, op, "link", err);
    if (index < 0)
        return index;
    if (cidr_parse(json_str(op, "address", ""), &c) < 0)
        return err_set(err, -EINVAL, "a stored plan holds a bad address");
    nl_batch_take(b, link_msg_address(index, &c), false);
    return 0;
}

static int add_route(struct nl_batch *b, int sock, const json_t *op, struct err *err)
{
    struct cidr dst;
    struct addr gw;
    const char *d = json_str(op, "destination", NULL), *g = json_str(op, "gateway", NULL);
    int index = op_index(sock, op, "link", err);
    if (index < 0)
        return index;
    if ((d && cidr_parse(d, &dst) < 0) || (g && addr_parse(g, &gw) < 0))
        return err_set(err, -EINVAL, "a stored plan holds a bad route");
    nl_batch_take(b, link_msg_route(index, d ? &dst : NULL, g ? &gw : NULL), false);
    return 0;
}

static int add_layer3(struct nl_batch *b, int sock, const json_t *ops, uint32_t where,
                      struct err *err)
{
    static const char *const order[] = {"address", "route"};
    for (size_t pass = 0; pass < ARRAY_SIZE(order); pass++) {
        size_t i;
        json_t *op;
        json_array_foreach (ops, i, op) {
            if (!op_is(op, order[pass], where))
                continue;
            int r = pass == 0 ? add_address(b, sock, op, err) : add_route(b, sock, op, err);
            if (r < 0)
                return r;
        }
    }
    return 0;
}

/* --- networks */

static char *alias_prefix(const struct executor *x)
{
    return str_printf("berth:%s:", x->instance);
}

/* 1: the link is there and this instance's, 0: there is none, negative: it is somebody else's. */
static int network_link_look(struct executor *x, int sock, const char *name, struct link_info *info,
                             struct err *err)
{
    int r = link_lookup(sock, name, info);
    if (r == -ENODEV)
        return 0;
    if (r < 0)
        return err_errno(err, r, "cannot look up link %s", name);
    _cleanup_(freep) char *ours = alias_prefix(x);
    if (info->alias && str_after(info->alias, ours))
        return 1;
    const char *other = info->alias ? str_after(info->alias, "berth:") : NULL;
    if (other)
        return err_set(err, -EEXIST,
                       "link %s belongs to the berth instance %.8s; give this one another name",
                       name, other);
    return err_set(err, -EEXIST,
                   "the host already has a link %s, which is not berth's; choose another name",
                   name);
}

/* A link that is made must say at once whose it is, and the kernel takes no alias with the request that makes one. So it is born
 * under a name that only this instance's endpoints have, which start-up clears away, and gets name and alias in one step. */
static int network_link_new(struct executor *x, int sock, const json_t *op, const char *alias,
                            int *index, struct err *err)
{
    char hex[7];
    id_random_hex(hex, 3);
    _cleanup_(freep) char *temporary = str_printf("b%s%s", x->instance, hex);
    int lower = json_str(op, "parent", NULL) ? op_index(sock, op, "parent", err) : 0;
    int r = lower < 0 ? lower : nl_request(sock, link_msg_new_as(op, temporary, lower), err);
    if (r < 0)
        return r;
    *index = link_index(sock, temporary);
    r = *index < 0 ? err_errno(err, *index, "no link %s", temporary)
                   : failpoint("network.link-new", err);
    if (r == 0)
        r = nl_request(sock, link_msg_rename(*index, json_str(op, "name", ""), alias), err);
    if (r == 0)
        r = failpoint("network.link-named", err);
    if (r < 0)
        nl_request(sock, *index < 0 ? link_msg_delete(temporary) : link_msg_delete_index(*index),
                   NULL);
    return r;
}

static int network_link_make(struct executor *x, int sock, const char *network_id, const json_t *op,
                             json_t *made, struct err *err)
{
    const char *name = json_str(op, "name", "");
    _cleanup_(link_info_fini) struct link_info info = {0};
    int there = network_link_look(x, sock, name, &info, err);
    if (there < 0)
        return there;
    _cleanup_(nl_batch_fini) struct nl_batch b = {0};
    _cleanup_(freep) char *alias = str_printf("berth:%s:%s", x->instance, network_id);
    if (!there) {
        int r = network_link_new(x, sock, op, alias, &info.ifindex, err);
        if (r < 0)
            return err_wrap(err, "making link %s", name), r;
        json_push_str(made, name);
    } else {
        uint32_t mtu = (uint32_t)json_int(op, "mtu", 0);
        if (mtu && mtu != info.mtu)
            nl_batch_take(&b, link_msg_mtu(info.ifindex, mtu), false);
        nl_batch_take(&b, link_msg_alias(info.ifindex, alias), false);
    }
    nl_batch_take(&b, link_msg_up(info.ifindex), false);
    int r = nl_batch_send(&b, sock, NULL, err);
    if (r < 0)
        err_wrap(err, "setting up link %s", name);
    return r;
}

static int network_preflight(const json_t *ops, struct err *err)
{
    size_t i;
    json_t *op;
    json_array_foreach (ops, i, op) {
        struct cidr c;
        if (!op_is(op, "address", BERTH_ON_HOST) || cidr_parse(json_str(op, "address", ""), &c) < 0)
            continue;
        int r = routes_check(&c, json_str(op, "link", NULL), err);
        if (r < 0)
            return r;
    }
    return 0;
}

static int network_steps(struct executor *x, int sock, const char *network_id, const json_t *ops,
                         json_t *made, struct err *err)
{
    size_t i;
    json_t *op;
    json_array_foreach (ops, i, op) {
        int r = op_is(op, "link", 0) ? network_link_make(x, sock, network_id, op, made, err) : 0;
        if (r < 0)
            return r;
    }
    _cleanup_(nl_batch_fini) struct nl_batch b = {0};
    int r = sysctls_write(ops, BERTH_ON_HOST, err);
    if (r == 0)
        r = add_layer3(&b, sock, ops, BERTH_ON_HOST, err);
    if (r == 0 && (r = nl_batch_send(&b, sock, NULL, err)) < 0)
        err_wrap(err, "addresses and routes");
    return r;
}

/* Whose names they are is looked at before the subnet, so that the clearer of two reasons is given. */
static int network_names_check(struct executor *x, int sock, const json_t *ops, struct err *err)
{
    size_t i;
    json_t *op;
    json_array_foreach (ops, i, op) {
        _cleanup_(link_info_fini) struct link_info info = {0};
        if (!op_is(op, "link", 0))
            continue;
        int r = network_link_look(x, sock, json_str(op, "name", ""), &info, err);
        if (r < 0)
            return r;
    }
    return 0;
}

int executor_network_make(struct executor *x, const char *network_id, const json_t *plan,
                          struct err *err)
{
    const json_t *ops = json_arr(plan, "ops");
    int sock = nl_pool_take(x->socks);
    if (sock < 0)
        return err_errno(err, sock, "cannot open a netlink socket");
    json_auto_t *made = json_array();
    int r = network_names_check(x, sock, ops, err);
    if (r == 0)
        r = network_preflight(ops, err);
    if (r == 0)
        r = network_steps(x, sock, network_id, ops, made, err);
    for (size_t i = r < 0 ? json_array_size(made) : 0; i-- > 0;)
        nl_request(sock, link_msg_delete(json_string_value(json_array_get(made, i))), NULL);
    nl_pool_give(x->socks, sock);
    return r;
}

int executor_network_remove(struct executor *x, const json_t *plan, struct err *err)
{
    const json_t *ops = json_arr(plan, "ops");
    int sock = nl_pool_take(x->socks), r = 0;
    if (sock < 0)
        return err_errno(err, sock, "cannot open a netlink socket");
    for (size_t i = json_array_size(ops); i-- > 0;) {
        const json_t *op = json_array_get(ops, i);
        const char *name = json_str(op, "name", "");
        _cleanup_(link_info_fini) struct link_info info = {0};
        if (!op_is(op, "link", 0) || network_link_look(x, sock, name, &info, NULL) != 1)
            continue;
        r = nl_request(sock, link_msg_delete(name), err);
        if (r < 0 && r != -ENODEV)
            break;
        r = 0;
    }
    nl_pool_give(x->socks, sock);
    if (r < 0)
        err_wrap(err, "removing the network's links");
    return r;
}

/* --- endpoints */

static void links_delete(int sock, const json_t *ops, size_t n)
{
    while (n-- > 0) {
        const json_t *op = json_array_get(ops, n);
        if (op_is(op, "link", 0))
            nl_request(sock, link_msg_delete(json_str(op, "name", "")), NULL);
    }
}

static int link_port_set(int sock, const json_t *op, struct err *err)
{
    bool hairpin = json_int(op, "hairpin", 0), isolated = json_int(op, "isolated", 0);
    if (!json_str(op, "master", NULL) || (!hairpin && !isolated))
        return 0;
    int index = op_index(sock, op, "name", err);
    return index < 0 ? index
                     : nl_request(sock, link_msg_bridge_port(index, hairpin, isolated), err);
}

static int endpoint_link(int sock, const json_t *op, int netns_fd, struct err *err)
{
    const char *name = json_str(op, "name", "");
    int master = json_str(op, "master", NULL) ? op_index(sock, op, "master", err) : 0;
    if (master < 0)
        return master;
    int parent = json_str(op, "parent", NULL) ? op_index(sock, op, "parent", err) : 0;
    if (parent < 0)
        return parent;
    int r = nl_request(sock, link_msg_new(op, netns_fd, master, parent), err);
    if (r < 0)
        err_wrap(err, "making link %s", name);
    return r;
}

/* *n: how many records were gone through, for taking them back. */
static int endpoint_host_part(int sock, const json_t *ops, int netns_fd, size_t *n, struct err *err)
{
    for (*n = 0; *n < json_array_size(ops); (*n)++) {
        const json_t *op = json_array_get(ops, *n);
        if (!op_is(op, "link", 0))
            continue;
        int r = endpoint_link(sock, op, netns_fd, err);
        if (r < 0)
            return r;
        r = link_port_set(sock, op, err);
        if (r < 0) {
            (*n)++;
            return r;
        }
    }
    _cleanup_(nl_batch_fini) struct nl_batch b = {0};
    int r = sysctls_write(ops, BERTH_ON_HOST, err);
    if (r == 0)
        r = add_layer3(&b, sock, ops, BERTH_ON_HOST, err);
    return r < 0 ? r : nl_batch_send(&b, sock, NULL, err);
}

static int inside_links_up(struct nl_batch *b, int sock, const json_t *ops, struct err *err)
{
    nl_batch_take(b, link_msg_up(1), false); /* lo has number 1 in every namespace */
    size_t i;
    json_t *op;
    json_array_foreach (ops, i, op) {
        if (!op_is(op, "link", 0) || !json_str(op, "inside", NULL))
            continue;
        int index = op_index(sock, op, "inside", err);
        if (index < 0)
            return index;
        nl_batch_take(b, link_msg_up(index), false);
    }
    return 0;
}

/* Opens a socket inside and writes the sysctls, which are the entering thread's namespace's; all else goes through
 * the socket from outside. */
static int inside_open(const json_t *ops, int netns_fd, struct err *err)
{
    int home;
    int r = netns_enter(netns_fd, &home, err);
    if (r < 0)
        return r;
    int sock = nl_sock_open(NETLINK_ROUTE);
    r = sock < 0 ? err_errno(err, sock, "cannot open a netlink socket in the container")
                 : sysctls_write(ops, BERTH_IN_CONTAINER, err);
    netns_leave(home);
    if (r < 0)
        close_fd(sock);
    return r < 0 ? r : sock;
}

/* `keys`: the members of a link's record that name links in the socket's namespace. */
static void links_settle(int sock, const json_t *ops, const char *const keys[2])
{
    size_t i;
    json_t *op;
    json_array_foreach (ops, i, op) {
        for (int k = 0; k < 2 && op_is(op, "link", 0); k++)
            if (keys[k] && json_str(op, keys[k], NULL))
                link_settle(sock, json_str(op, keys[k], ""));
    }
}

static int endpoint_inside_part(const json_t *ops, int netns_fd, struct err *err)
{
    _cleanup_(closep) int sock = inside_open(ops, netns_fd, err);
    if (sock < 0)
        return sock;
    _cleanup_(nl_batch_fini) struct nl_batch b = {0};
    int r = inside_links_up(&b, sock, ops, err);
    if (r == 0)
        r = add_layer3(&b, sock, ops, BERTH_IN_CONTAINER, err);
    if (r == 0 && (r = nl_batch_send(&b, sock, NULL, err)) < 0)
        err_wrap(err, "setting up the container's network");
    if (r == 0)
        links_settle(sock, ops, (const char *const[2]){"inside", NULL});
    return r;
}

int executor_endpoint_make(struct executor *x, const json_t *plan, int netns_fd, struct err *err)
{
    const json_t *ops = json_arr(plan, "ops");
    int sock = nl_pool_take(x->socks);
    if (sock < 0)
        return err_errno(err, sock, "cannot open a netlink socket");
    size_t done;
    int r = endpoint_host_part(sock, ops, netns_fd, &done, err);
    if (r == 0 && netns_fd >= 0)
        r = endpoint_inside_part(ops, netns_fd, err);
    if (r < 0)
        links_delete(sock, ops, done);
    else
        links_settle(sock, ops, (const char *const[2]){"name", "master"});
    nl_pool_give(x->socks, sock);
    return r;
}

int executor_endpoint_remove(struct executor *x, const json_t *plan, struct err *err)
{
    const json_t *ops = json_arr(plan, "ops");
    int sock = nl_pool_take(x->socks), first = 0;
    if (sock < 0)
        return err_errno(err, sock, "cannot open a netlink socket");
    for (size_t i = json_array_size(ops); i-- > 0;) {
        const json_t *op = json_array_get(ops, i);
        if (!op_is(op, "link", 0))
            continue;
        int r = reaper_take(x->reaper, sock, json_str(op, "name", ""), first ? NULL : err);
        if (r < 0 && first == 0) {
            first = r;
            err_wrap(err, "removing link %s", json_str(op, "name", ""));
        }
    }
    nl_pool_give(x->socks, sock);
    return first;
}

int executor_link_remove(struct executor *x, const char *name, struct err *err)
{
    int sock = nl_pool_take(x->socks);
    if (sock < 0)
        return err_errno(err, sock, "cannot open a netlink socket");
    int r = nl_request(sock, link_msg_delete(name), err);
    nl_pool_give(x->socks, sock);
    return r == -ENODEV ? 0 : r;
}

/* --- after a crash */

static bool names_link(const json_t *plans, const char *name)
{
    size_t i, k;
    json_t *plan, *op;
    json_array_foreach (plans, i, plan)
        json_array_foreach (json_arr(plan, "ops"), k, op)
            if (op_is(op, "link", 0) && str_eq(json_str(op, "name", ""), name))
                return true;
    return false;
}

/* A link that bears a network's mark is no endpoint's. */
static bool is_stray(struct executor *x, int sock, const char *name, const json_t *plans)
{
    _cleanup_(freep) char *prefix = str_printf("b%s", x->instance);
    _cleanup_(link_info_fini) struct link_info info = {0};
    return str_after(name, prefix) && !names_link(plans, name) &&
           link_lookup(sock, name, &info) == 0 && !info.alias;
}

int executor_strays_remove(struct executor *x, const json_t *plans, struct err *err)
{
    struct if_nameindex *all = if_nameindex();
    if (!all)
        return err_errno(err, -errno, "cannot list the host's links");
    int sock = nl_pool_take(x->socks), r = sock < 0 ? sock : 0;
    for (struct if_nameindex *i = all; r == 0 && i->if_index; i++) {
        if (!is_stray(x, sock, i->if_name, plans))
            continue;
        log_warn("link %s belongs to no container: removed", i->if_name);
        r = nl_request(sock, link_msg_delete(i->if_name), NULL);
        r = r == -ENODEV ? 0 : r;
    }
    if (sock >= 0)
        nl_pool_give(x->socks, sock);
    if_freenameindex(all);
    return r < 0 ? err_errno(err, r, "removing links that belong to no container") : 0;
}
