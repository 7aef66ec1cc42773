/* SPDX-License-Identifier: Apache-2.0 */
/* Plan: the calls that a driver fills it with. Each checks what it is given and keeps the first refusal's words. */
#include "network/plan.h"

#include <errno.h>
#include <net/if.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/socket.h>

#include "base/json.h"
#include "base/str.h"
#include "network/addr.h"

static struct plan *plan_of(struct berth_plan *api)
{
    return (struct plan *)api; /* its first member */
}

static int refuse(struct plan *p, const char *what, const char *value)
{
    if (p->err.code < 0)
        return -EINVAL;
    return err_set(&p->err, -EINVAL, "the driver gave %s \"%s\", which cannot be", what,
                   value ? value : "");
}

/* A link's name as the kernel takes it. */
static bool link_name_valid(const char *s)
{
    return !str_empty(s) && strlen(s) < IFNAMSIZ && !strpbrk(s, "/: \t\n") && !str_eq(s, ".") &&
           !str_eq(s, "..");
}

static json_t *op_new(struct plan *p, const char *op)
{
    json_t *o = json_object();
    json_put_str(o, "op", op);
    json_push_take(json_arr(p->json, "ops"), o);
    return o;
}

static void put_text(json_t *o, const char *key, const char *s)
{
    if (s)
        json_put_str(o, key, s);
}

static void put_number(json_t *o, const char *key, int64_t n)
{
    if (n)
        json_put_int(o, key, n);
}

static int plan_netns(struct berth_plan *api, uint32_t mode)
{
    struct plan *p = plan_of(api);
    if (mode != BERTH_NETNS_NEW && mode != BERTH_NETNS_HOST)
        return refuse(p, "a namespace mode", "that is neither new nor host");
    json_put_int(p->json, "netns", mode);
    return 0;
}

static bool mac_valid(const char *s)
{
    unsigned byte[6];
    char end;
    return strlen(s) == 17 && sscanf(s, "%2x:%2x:%2x:%2x:%2x:%2x%c", &byte[0], &byte[1], &byte[2],
                                     &byte[3], &byte[4], &byte[5], &end) == 6;
}

static int link_check(struct plan *p, const struct berth_link *l)
{
    static const char *const kinds[] = {"bridge", "veth", "macvlan", "ipvlan", "vxlan", "dummy"};
    bool known = false;
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
        known |= str_eq(l->kind, kinds[i]);
    if (!known)
        return refuse(p, "a link of kind", l->kind);
    const char *names[] = {l->name, l->peer, l->inside, l->master, l->parent};
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if ((i == 0 || names[i]) && !link_name_valid(names[i]))
            return refuse(p, "a link name (1 to 15 characters without / and :)", names[i]);
    if (l->mac && !mac_valid(l->mac))
        return refuse(p, "a MAC address", l->mac);
    return 0;
}

static int plan_link(struct berth_plan *api, const struct berth_link *l)
{
    struct plan *p = plan_of(api);
    if (l->size < offsetof(struct berth_link, reserved))
        return refuse(p, "a link", "of another ABI");
    int r = link_check(p, l);
    if (r < 0)
        return r;
    json_t *o = op_new(p, "link");
    put_text(o, "kind", l->kind);
    put_text(o, "name", l->name);
    put_text(o, "peer", l->peer);
    put_text(o, "inside", l->inside);
    put_text(o, "master", l->master);
    put_text(o, "parent", l->parent);
    put_text(o, "mode", l->mode);
    put_text(o, "mac", l->mac);
    put_number(o, "mtu", l->mtu);
    put_number(o, "vni", l->vni);
    put_number(o, "hairpin", l->hairpin);
    put_number(o, "isolated", l->isolated);
    return 0;
}

static int plan_address(struct berth_plan *api, uint32_t where, const char *link, const char *cidr)
{
    struct plan *p = plan_of(api);
    struct cidr c;
    if (!link_name_valid(link))
        return refuse(p, "an address for a link", link);
    if (cidr_parse(cidr, &c) < 0)
        return refuse(p, "an address with prefix length", cidr);
    json_t *o = op_new(p, "address");
    json_put_int(o, "where", where);
    json_put_str(o, "link", link);
    json_put_str(o, "address", cidr);
    return 0;
}

static int plan_route(struct berth_plan *api, uint32_t where, const char *destination,
                      const char *gateway, const char *link)
{
    struct plan *p = plan_of(api);
    struct cidr c;
    struct addr a;
    if (destination && cidr_parse(destination, &c) < 0)
        return refuse(p, "a route's destination", destination);
    if (gateway && addr_parse(gateway, &a) < 0)
        return refuse(p, "a gateway", gateway);
    if (!link_name_valid(link))
        return refuse(p, "a route for a link", link);
    json_t *o = op_new(p, "route");
    json_put_int(o, "where", where);
    put_text(o, "destination", destination);
    put_text(o, "gateway", gateway);
    json_put_str(o, "link", link);
    return 0;
}

static int plan_sysctl(struct berth_plan *api, uint32_t where, const char *key, const char *value)
{
    struct plan *p = plan_of(api);
    static const char set[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./";
    if (!key || !(str_after(key, "net.") || str_after(key, "net/")) || !str_only(key, set) ||
        strstr(key, ".."))
        return refuse(p, "a sysctl below net.", key);
    if (!value)
        return refuse(p, "no value for the sysctl", key);
    json_t *o = op_new(p, "sysctl");
    json_put_int(o, "where", where);
    json_put_str(o, "key", key);
    json_put_str(o, "value", value);
    return 0;
}

static int plan_flag(struct berth_plan *api, uint32_t flag, uint32_t value)
{
    struct plan *p = plan_of(api);
    static const char *const names[] = {[BERTH_NET_INTERNAL] = "internal",
                                        [BERTH_NET_ICC] = "icc",
                                        [BERTH_NET_MASQUERADE] = "masquerade",
                                        [BERTH_NET_IP_FORWARD] = "ip_forward"};
    if (flag >= ARRAY_SIZE(names) || !names[flag])
        return refuse(p, "a flag", "that this version does not know");
    json_put_bool(json_obj(p->json, "flags"), names[flag], value != 0);
    return 0;
}

static int plan_device(struct berth_plan *api, const char *name)
{
    struct plan *p = plan_of(api);
    if (!link_name_valid(name))
        return refuse(p, "a device", name);
    json_put_str(p->json, "device", name);
    return 0;
}

static int plan_publish(struct berth_plan *api, const char *address)
{
    struct plan *p = plan_of(api);
    struct addr a;
    if (addr_parse(address, &a) < 0)
        return refuse(p, "an address to publish", address);
    json_put_str(p->json, a.family == AF_INET ? "publish" : "publish6", address);
    return 0;
}

void plan_init(struct plan *p)
{
    *p = (struct plan){.api = {.size = sizeof(struct berth_plan),
                               .netns = plan_netns,
                               .link = plan_link,
                               .address = plan_address,
                               .route = plan_route,
                               .sysctl = plan_sysctl,
                               .flag = plan_flag,
                               .device = plan_device,
                               .publish = plan_publish},
                       .json = json_object()};
    json_put_int(p->json, "netns", BERTH_NETNS_NEW);
    json_put_take(p->json, "flags", json_object());
    json_put_take(p->json, "ops", json_array());
}

void plan_fini(struct plan *p)
{
    json_decref(p->json);
    err_fini(&p->err);
}
