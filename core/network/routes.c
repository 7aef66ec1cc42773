/* SPDX-License-Identifier: Apache-2.0 */
/* Routes of the host, read through libnl-route: only when a network is made, so a dump is cheap enough. */
#include "network/routes.h"

#include <errno.h>
#include <net/if.h>
#include <netlink/netlink.h>
#include <netlink/route/route.h>
#include <sys/socket.h>

#include "base/str.h"

DEFINE_CLEANUP(struct nl_sock *, nl_socket_free);
DEFINE_CLEANUP(struct nl_cache *, nl_cache_free);

struct search {
    const struct cidr *subnet;
    int ours; /* its number, or 0 */
    struct cidr found;
    int found_dev; /* 0: nothing found */
};

static bool route_counts(struct rtnl_route *route, struct cidr *dst)
{
    int type = rtnl_route_get_type(route);
    struct nl_addr *a = rtnl_route_get_dst(route);
    int family = rtnl_route_get_family(route);
    if (!a || (type != RTN_UNICAST && type != RTN_LOCAL && type != RTN_BLACKHOLE))
        return false;
    if (nl_addr_get_len(a) != (family == AF_INET ? 4u : 16u))
        return false; /* the default route */
    addr_from_bytes(family, nl_addr_get_binary_addr(a), &dst->a);
    dst->prefix = nl_addr_get_prefixlen(a);
    return dst->prefix > 0;
}

static void route_compare(struct nl_object *object, void *arg)
{
    struct search *s = arg;
    struct rtnl_route *route = (struct rtnl_route *)object;
    struct cidr dst;
    if (s->found_dev || !route_counts(route, &dst) || !cidr_overlaps(&dst, s->subnet))
        return;
    struct rtnl_nexthop *hop = rtnl_route_nexthop_n(route, 0);
    int dev = hop ? rtnl_route_nh_get_ifindex(hop) : 0;
    if (s->ours && dev == s->ours)
        return;
    s->found = dst;
    s->found_dev = dev ? dev : -1;
}

int routes_check(const struct cidr *subnet, const char *device, struct err *err)
{
    _cleanup_(nl_socket_freep) struct nl_sock *sock = nl_socket_alloc();
    _cleanup_(nl_cache_freep) struct nl_cache *cache = NULL;
    if (!sock || nl_connect(sock, NETLINK_ROUTE) < 0 ||
        rtnl_route_alloc_cache(sock, subnet->a.family, 0, &cache) < 0)
        return err_set(err, -EIO, "cannot read the host's routes");
    struct search s = {.subnet = subnet, .ours = device ? (int)if_nametoindex(device) : 0};
    nl_cache_foreach(cache, route_compare, &s);
    if (!s.found_dev)
        return 0;
    char want[ADDR_TEXT_MAX], have[ADDR_TEXT_MAX], name[IF_NAMESIZE] = "no device";
    struct cidr net = cidr_network(subnet);
    cidr_format(&net, want);
    cidr_format(&s.found, have);
    if (s.found_dev > 0)
        if_indextoname((unsigned)s.found_dev, name);
    return err_set(
        err, -EADDRINUSE,
        "subnet %s overlaps %s, which the host reaches through %s; choose another subnet", want,
        have, name);
}
