/* SPDX-License-Identifier: MIT */
/*
 * Network drivers
 *
 * A driver says what a network and an endpoint are made of; the core executes it over netlink in one go, takes it
 * back in reverse order when something fails, and removes it by name later. IPAM, port reservation, the firewall and
 * names are the core's: a driver only asks for them. All slots run in berthd, from any thread; calls on one network
 * do not overlap. Network interfaces that a driver names on the host begin with the prefix that info->prefix
 * gives, unless the user chose the name.
 */
#ifndef BERTH_NETWORK_H
#define BERTH_NETWORK_H

#include "berth/plugin.h"

#ifdef __cplusplus
extern "C" {
#endif

enum berth_network_capabilities {
    BERTH_NETWORK_PORTS = 1u << 0, /* ports can be published */
    BERTH_NETWORK_USER =
        1u << 1, /* users may make networks of this driver (else: predefined ones only) */
    BERTH_NETWORK_IPAM = 1u << 2,    /* networks have subnets, endpoints addresses */
    BERTH_NETWORK_CONNECT = 1u << 3, /* running containers can be connected and disconnected */
};

enum berth_netns_mode {
    BERTH_NETNS_NEW = 1,  /* a namespace of its own */
    BERTH_NETNS_HOST = 2, /* the host's */
};

enum berth_place { BERTH_ON_HOST = 1, BERTH_IN_CONTAINER = 2 };

enum berth_net_flag {
    BERTH_NET_INTERNAL = 1,   /* nothing is forwarded in or out */
    BERTH_NET_ICC = 2,        /* containers on the network reach each other (default 1) */
    BERTH_NET_MASQUERADE = 3, /* outgoing traffic gets the host's address (default 0) */
    BERTH_NET_IP_FORWARD = 4, /* the host must forward (default 0) */
};

/* A link to make. Fields that are NULL or 0 are left to the kernel. */
struct berth_link {
    size_t size;
    const char *kind; /* "bridge", "veth", "macvlan", "ipvlan", "vxlan", "dummy" */
    const char *name; /* on the host; for veth the host's end */
    const char *peer; /* veth: name of the container's end before it is moved; NULL: made up */
    const char *
        inside; /* the link (of veth: the peer) moves into the container and gets this name ("eth0"); NULL: it
                           stays on the host */
    const char *master; /* a bridge that the host's end joins */
    const char *parent; /* macvlan, ipvlan, vxlan: the lower link */
    const char *mode;   /* macvlan: bridge, private, vepa, passthru; ipvlan: l2, l3, l3s */
    const char *mac;    /* of the container's end, or of the bridge */
    uint32_t mtu;
    uint32_t vni;      /* vxlan */
    uint32_t hairpin;  /* bridge port: frames may leave where they came in */
    uint32_t isolated; /* bridge port: isolated from other isolated ports */
    uint32_t reserved;
};

/* What a network or endpoint is made of. Filled by these calls only; strings are copied. Calls return 0 or a negative
 * errno (a value that cannot be). */
struct berth_plan {
    size_t size;
    /* Which namespace the container gets; endpoint_create() only. Default BERTH_NETNS_NEW. */
    int (*netns)(struct berth_plan *plan, uint32_t mode);
    int (*link)(struct berth_plan *plan, const struct berth_link *link);
    /* An address ("172.29.0.2/16") of a link named by its name there. where: enum berth_place. */
    int (*address)(struct berth_plan *plan, uint32_t where, const char *link, const char *cidr);
    /* destination NULL: default. gateway NULL: on-link. */
    int (*route)(struct berth_plan *plan, uint32_t where, const char *destination,
                 const char *gateway, const char *link);
    /* "net.ipv6.conf.eth0.disable_ipv6", "1". Below net. only. */
    int (*sysctl)(struct berth_plan *plan, uint32_t where, const char *key, const char *value);
    /* A property of the network that the core's firewall enforces; network_create() only. flag: enum berth_net_flag. */
    int (*flag)(struct berth_plan *plan, uint32_t flag, uint32_t value);
    /* The host's link through which the network's traffic goes (the bridge): what the firewall keys on. */
    int (*device)(struct berth_plan *plan, const char *name);
    /* The core publishes the endpoint's ports towards this container address ("172.29.0.2"). */
    int (*publish)(struct berth_plan *plan, const char *address);
};

/* A network. Borrowed for the call. */
struct berth_network_info {
    size_t size;
    const char *id, *name;
    const char *prefix; /* prefix of host links, "b" and the instance: at most 9 characters */
    const struct berth_options *options; /* daemon.conf's with those of the network over them */
    uint32_t internal, ipv6, predefined, is_default;
    /* From IPAM, NULL where there is none. */
    const char *subnet, *gateway, *subnet6, *gateway6; /* "172.29.0.0/16", "172.29.0.1" */
};

struct berth_endpoint_info {
    size_t size;
    const char *id, *container_id;
    const char *interface;          /* the name it shall have inside ("eth0") */
    const char *address, *address6; /* with prefix length, from IPAM; NULL: none */
    const char *mac;                /* NULL: the driver chooses */
    const struct berth_options *options;
    uint32_t gateway; /* this endpoint carries the default route */
    uint32_t reserved;
};

struct berth_network_ops {
    size_t size;
    int (*open)(const struct berth_host *host, void **self, struct berth_err *err);
    void (*close)(void *self);
    /* Checks a network and says what it is made of. Also called at start-up for each network that exists: the core makes
     * what is missing and leaves what is there. */
    int (*network_create)(void *self, const struct berth_network_info *info,
                          struct berth_plan *plan, struct berth_err *err);
    /* After the core has taken the plan back. Optional. */
    int (*network_remove)(void *self, const struct berth_network_info *info, struct berth_err *err);
    /* Says what one container's attachment is made of. */
    int (*endpoint_create)(void *self, const struct berth_network_info *network,
                           const struct berth_endpoint_info *endpoint, struct berth_plan *plan,
                           struct berth_err *err);
    /* After the core has taken the plan back. Optional. */
    int (*endpoint_remove)(void *self, const struct berth_network_info *network,
                           const struct berth_endpoint_info *endpoint, struct berth_err *err);
    /* Called with the container's namespace after the plan was executed, for what a plan cannot say. Optional. */
    int (*attach)(void *self, const struct berth_network_info *network,
                  const struct berth_endpoint_info *endpoint, int netns_fd, struct berth_err *err);
    /* Pairs for the network's Status. Optional. */
    int (*status)(void *self, const struct berth_network_info *network,
                  int (*each)(void *ctx, const char *key, const char *value), void *ctx);
};

#ifdef __cplusplus
}
#endif
#endif
