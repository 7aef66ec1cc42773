/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Network driver: bridge
 *
 * A network is a Linux bridge that holds the gateway's address; an endpoint is a veth pair from it into the container.
 * The driver only says so: the core makes the links, translates addresses and opens ports.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "berth/network.h"

#ifndef DRIVER_PREFIX
#define DRIVER_PREFIX ""
#endif

#define LINK_NAME_SIZE 16 /* the kernel's limit, with the NUL */
#define CIDR_SIZE      64

#define OPT_NAME       "com.docker.network.bridge.name"
#define OPT_ICC        "com.docker.network.bridge.enable_icc"
#define OPT_MASQUERADE "com.docker.network.bridge.enable_ip_masquerade"
#define OPT_MTU        "com.docker.network.driver.mtu"
#define OPT_HOST_IP    "com.docker.network.bridge.host_binding_ipv4"
#define OPT_DEFAULT    "com.docker.network.bridge.default_bridge"

static const struct berth_option opt_name = {
    .size = sizeof(struct berth_option),
    .name = "name",
    .type = BERTH_OPT_STRING,
    .flags = BERTH_OPT_DAEMON,
    .dflt = "berth0",
    .help = "Bridge of the default network; made when it is missing, refused when it is another's",
};
static const struct berth_option opt_subnet = {
    .size = sizeof(struct berth_option),
    .name = "subnet",
    .type = BERTH_OPT_CIDR,
    .flags = BERTH_OPT_DAEMON,
    .dflt = "172.29.0.0/16",
    .help = "Subnet of the default network",
};
static const struct berth_option opt_gateway = {
    .size = sizeof(struct berth_option),
    .name = "gateway",
    .type = BERTH_OPT_IP,
    .flags = BERTH_OPT_DAEMON,
    .help = "Address of the default network's bridge; the subnet's first when not given",
};
static const struct berth_option opt_mtu = {
    .size = sizeof(struct berth_option),
    .name = "mtu",
    .type = BERTH_OPT_INT,
    .flags = BERTH_OPT_DAEMON,
    .dflt = "1500",
    .min = 68,
    .max = 65535,
    .help = "MTU of bridges and of containers' interfaces",
};
static const struct berth_option opt_icc = {
    .size = sizeof(struct berth_option),
    .name = "icc",
    .type = BERTH_OPT_BOOL,
    .flags = BERTH_OPT_DAEMON,
    .dflt = "true",
    .help = "Containers of the default network reach each other",
};
static const struct berth_option opt_ip_forward = {
    .size = sizeof(struct berth_option),
    .name = "ip_forward",
    .type = BERTH_OPT_BOOL,
    .flags = BERTH_OPT_DAEMON,
    .dflt = "true",
    .help = "Let the host forward packets (net.ipv4.ip_forward) when it does not",
};
static const struct berth_option opt_masquerade = {
    .size = sizeof(struct berth_option),
    .name = "masquerade",
    .type = BERTH_OPT_BOOL,
    .flags = BERTH_OPT_DAEMON,
    .dflt = "true",
    .help = "Outgoing traffic of the default network leaves with the host's address",
};
static const struct berth_option obj_name = {
    .size = sizeof(struct berth_option),
    .name = OPT_NAME,
    .type = BERTH_OPT_STRING,
    .flags = BERTH_OPT_OBJECT,
    .help = "Name of the network's bridge",
};
static const struct berth_option obj_icc = {
    .size = sizeof(struct berth_option),
    .name = OPT_ICC,
    .type = BERTH_OPT_BOOL,
    .flags = BERTH_OPT_OBJECT,
    .help = "Containers on the network reach each other",
};
static const struct berth_option obj_masquerade = {
    .size = sizeof(struct berth_option),
    .name = OPT_MASQUERADE,
    .type = BERTH_OPT_BOOL,
    .flags = BERTH_OPT_OBJECT,
    .help = "Outgoing traffic leaves with the host's address",
};
static const struct berth_option obj_mtu = {
    .size = sizeof(struct berth_option),
    .name = OPT_MTU,
    .type = BERTH_OPT_INT,
    .flags = BERTH_OPT_OBJECT,
    .min = 68,
    .max = 65535,
    .help = "MTU of the network",
};
static const struct berth_option obj_host_ip = {
    .size = sizeof(struct berth_option),
    .name = OPT_HOST_IP,
    .type = BERTH_OPT_IP,
    .flags = BERTH_OPT_OBJECT,
    .dflt = "0.0.0.0",
    .help = "Host address of published ports that name none",
};
static const struct berth_option obj_default = {
    .size = sizeof(struct berth_option),
    .name = OPT_DEFAULT,
    .type = BERTH_OPT_BOOL,
    .flags = BERTH_OPT_OBJECT,
    .help = "Taken for compatibility: the predefined network is the default bridge",
};

static const struct berth_option *const options[] = {
    &opt_name,       &opt_subnet,     &opt_gateway, &opt_mtu, &opt_icc,
    &opt_ip_forward, &opt_masquerade, &obj_name,    &obj_icc, &obj_masquerade,
    &obj_mtu,        &obj_host_ip,    &obj_default, NULL,
};

static int bridge_open(const struct berth_host *host, void **self, struct berth_err *err)
{
    (void)err;
    *self = (void *)host;
    return 0;
}

static void bridge_close(void *self)
{
    (void)self;
}

/* The bridge of a network: the option's, the default network's from the configuration, or one made of its id. */
static int device_name(const struct berth_network_info *net, char out[LINK_NAME_SIZE],
                       struct berth_err *err)
{
    const char *name = berth_opt_str(net->options, OPT_NAME, NULL);
    if (!name && net->is_default)
        name = berth_opt_str(net->options, "name", "berth0");
    int n = name ? snprintf(out, LINK_NAME_SIZE, "%s", name)
                 : snprintf(out, LINK_NAME_SIZE, "%s%.6s", net->prefix, net->id);
    if (n <= 0 || n >= LINK_NAME_SIZE || strpbrk(out, "/: \t"))
        return berth_err_set(err, -EINVAL,
                             "\"%s\" cannot be a bridge's name: 1 to 15 characters without / : and "
                             "spaces",
                             name ? name : out);
    return 0;
}

static uint32_t network_mtu(const struct berth_network_info *net)
{
    return (uint32_t)berth_opt_int(net->options, OPT_MTU, berth_opt_int(net->options, "mtu", 1500));
}

/* An option of the network; the configuration's stands for the default network alone. */
static bool network_flag(const struct berth_network_info *net, const char *object,
                         const char *daemon)
{
    bool dflt = net->is_default ? berth_opt_bool(net->options, daemon, true) : true;
    return berth_opt_bool(net->options, object, dflt);
}

/* "172.29.0.1" and "172.29.0.0/16" give "172.29.0.1/16". */
static int with_prefix(const char *address, const char *subnet, char out[CIDR_SIZE],
                       struct berth_err *err)
{
    const char *slash = strchr(subnet, '/');
    int n = slash ? snprintf(out, CIDR_SIZE, "%s%s", address, slash) : -1;
    if (n < 0 || n >= CIDR_SIZE)
        return berth_err_set(err, -EINVAL, "subnet \"%s\" has no prefix length", subnet);
    return 0;
}

static int plan_failed(struct berth_err *err, int r)
{
    return berth_err_set(err, r, "the plan was not taken");
}

static int network_sysctls(struct berth_plan *plan, const char *device, bool ipv6)
{
    char key[64];
    /* Connections from the host to 127.0.0.1 are led into the network with that source until it is replaced. */
    snprintf(key, sizeof(key), "net/ipv4/conf/%s/route_localnet", device);
    int r = plan->sysctl(plan, BERTH_ON_HOST, key, "1");
    snprintf(key, sizeof(key), "net/ipv6/conf/%s/accept_ra", device);
    if (r == 0 && ipv6)
        r = plan->sysctl(plan, BERTH_ON_HOST, key, "0");
    return r;
}

static int network_flags(const struct berth_network_info *net, struct berth_plan *plan)
{
    bool inward = net->internal;
    int r = plan->flag(plan, BERTH_NET_INTERNAL, inward);
    if (r == 0)
        r = plan->flag(plan, BERTH_NET_ICC, network_flag(net, OPT_ICC, "icc"));
    if (r == 0)
        r = plan->flag(plan, BERTH_NET_MASQUERADE,
                       !inward && network_flag(net, OPT_MASQUERADE, "masquerade"));
    if (r == 0)
        r = plan->flag(plan, BERTH_NET_IP_FORWARD,
                       !inward && berth_opt_bool(net->options, "ip_forward", true));
    return r;
}

static int network_addresses(const struct berth_network_info *net, struct berth_plan *plan,
                             const char *device, struct berth_err *err)
{
    const char *pairs[][2] = {{net->gateway, net->subnet}, {net->gateway6, net->subnet6}};
    for (int i = 0; i < 2; i++) {
        char cidr[CIDR_SIZE];
        if (!pairs[i][0] || !pairs[i][1])
            continue;
        int r = with_prefix(pairs[i][0], pairs[i][1], cidr, err);
        if (r < 0)
            return r;
        r = plan->address(plan, BERTH_ON_HOST, device, cidr);
        if (r < 0)
            return plan_failed(err, r);
    }
    return 0;
}

static int network_create(void *self, const struct berth_network_info *net, struct berth_plan *plan,
                          struct berth_err *err)
{
    (void)self;
    char device[LINK_NAME_SIZE];
    if (!net->subnet)
        return berth_err_set(err, -EINVAL, "network %s needs a subnet", net->name);
    int r = device_name(net, device, err);
    if (r < 0)
        return r;
    struct berth_link link = {
        .size = sizeof(link), .kind = "bridge", .name = device, .mtu = network_mtu(net)};
    r = plan->link(plan, &link);
    if (r == 0)
        r = plan->device(plan, device);
    if (r == 0)
        r = network_sysctls(plan, device, net->subnet6);
    if (r == 0)
        r = network_flags(net, plan);
    return r < 0 ? plan_failed(err, r) : network_addresses(net, plan, device, err);
}

/* Docker's form: 02:42 and the IPv4 address, so that a neighbour's cache stays right when an address moves. */
static int mac_of(const char *address, char out[18])
{
    char text[INET_ADDRSTRLEN];
    uint8_t b[4];
    size_t n = strcspn(address, "/");
    if (n >= sizeof(text))
        return -EINVAL;
    memcpy(text, address, n);
    text[n] = 0;
    if (inet_pton(AF_INET, text, b) != 1)
        return -EINVAL;
    snprintf(out, 18, "02:42:%02x:%02x:%02x:%02x", b[0], b[1], b[2], b[3]);
    return 0;
}

static int endpoint_link(const struct berth_network_info *net, const struct berth_endpoint_info *ep,
                         struct berth_plan *plan, struct berth_err *err)
{
    char device[LINK_NAME_SIZE], name[LINK_NAME_SIZE], peer[LINK_NAME_SIZE], mac[18];
    int r = device_name(net, device, err);
    if (r < 0)
        return r;
    if (!ep->mac && mac_of(ep->address, mac) < 0)
        return berth_err_set(err, -EINVAL, "\"%s\" is not an IPv4 address", ep->address);
    snprintf(name, sizeof(name), "%.9s%.6s", net->prefix, ep->id);
    snprintf(peer, sizeof(peer), "c%.14s", ep->id);
    struct berth_link link = {
        .size = sizeof(link),
        .kind = "veth",
        .name = name,
        .peer = peer,
        .inside = ep->interface,
        .master = device,
        .mac = ep->mac ? ep->mac : mac,
        .mtu = network_mtu(net),
        /* A published port that its own container asks for leaves where it came in. */
        .hairpin = 1,
        .isolated = !network_flag(net, OPT_ICC, "icc"),
    };
    r = plan->link(plan, &link);
    return r < 0 ? plan_failed(err, r) : 0;
}

static int endpoint_addresses(const struct berth_endpoint_info *ep, struct berth_plan *plan)
{
    char key[64];
    int r = plan->address(plan, BERTH_IN_CONTAINER, ep->interface, ep->address);
    if (r == 0 && ep->address6)
        r = plan->address(plan, BERTH_IN_CONTAINER, ep->interface, ep->address6);
    snprintf(key, sizeof(key), "net/ipv6/conf/%.15s/disable_ipv6", ep->interface);
    if (r == 0 && !ep->address6)
        r = plan->sysctl(plan, BERTH_IN_CONTAINER, key, "1");
    return r;
}

static int endpoint_create(void *self, const struct berth_network_info *net,
                           const struct berth_endpoint_info *ep, struct berth_plan *plan,
                           struct berth_err *err)
{
    (void)self;
    if (!ep->address)
        return berth_err_set(err, -EINVAL, "an endpoint of network %s needs an address", net->name);
    int r = endpoint_link(net, ep, plan, err);
    if (r < 0)
        return r;
    r = endpoint_addresses(ep, plan);
    if (r == 0 && ep->gateway && net->gateway && !net->internal)
        r = plan->route(plan, BERTH_IN_CONTAINER, NULL, net->gateway, ep->interface);
    if (r == 0 && ep->gateway && net->gateway6 && ep->address6 && !net->internal)
        r = plan->route(plan, BERTH_IN_CONTAINER, NULL, net->gateway6, ep->interface);
    char address[INET_ADDRSTRLEN];
    snprintf(address, sizeof(address), "%.*s", (int)strcspn(ep->address, "/"), ep->address);
    if (r == 0 && !net->internal)
        r = plan->publish(plan, address);
    return r < 0 ? plan_failed(err, r) : 0;
}

static const struct berth_network_ops ops = {
    .size = sizeof(ops),
    .open = bridge_open,
    .close = bridge_close,
    .network_create = network_create,
    .endpoint_create = endpoint_create,
};

BERTH_PLUGIN(.kind = BERTH_NETWORK, .name = DRIVER_PREFIX "bridge", .version = "1.0.0",
             .license = "Apache-2.0",
             .summary = "A Linux bridge on this host, with address translation to the outside",
             .capabilities = BERTH_NETWORK_PORTS | BERTH_NETWORK_USER | BERTH_NETWORK_IPAM |
                             BERTH_NETWORK_CONNECT,
             .options = options, .ops = &ops);
