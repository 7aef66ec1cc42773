/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Networks: what the engine calls
 *
 * Brings networks and endpoints about: asks the driver for a plan, carries it out, reserves and publishes ports. It keeps
 * no rows: what is needed to take something back is JSON that the engine stores with its row. Safe from any
 * thread; calls on one network or one endpoint must not overlap.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <sys/types.h>

#include "berth/network.h"

#include "base/err.h"

struct network_ctx;

struct network_config {
    const char *instance;   /* 8 hex digits */
    const char *run_root;   /* netd's directory is made below it */
    const char *netd_path;  /* libexecdir/berth-netd */
    const char *rules_path; /* sharedir/firewall.nft */
    unsigned pool;          /* network namespaces kept ready; 2 is right */
};

/* Starts netd if it is not there, loads the firewall table if it is not there. NULL with err set. */
struct network_ctx *network_open(const struct network_config *cfg, struct err *err);
/* Containers, netd and the table live on. */
void network_close(struct network_ctx *n);
/* Ends netd and removes the table: for an engine that stops with no container left. */
int network_destroy(struct network_ctx *n, struct err *err);

/* A driver as the registry has it. */
struct network_driver {
    const char *name;
    const struct berth_network_ops *ops;
    void *self;
};

/* A network as the engine has it; all borrowed. */
struct network_def {
    const char *id, *name;
    const struct berth_options *options; /* daemon.conf's with the network's over them */
    bool internal, ipv6, predefined, is_default;
    const char *subnet, *gateway, *subnet6, *gateway6; /* NULL: none */
};

/* Makes a network, or at boot what is missing of it. *plan: what network_net_remove() needs; to be stored. -EEXIST (a
 * link of that name is not ours), -EADDRINUSE (subnet overlaps the host's). */
int network_net_create(struct network_ctx *n, const struct network_driver *d,
                       const struct network_def *def, json_t **plan, struct err *err);
/* What is not there is fine. */
int network_net_remove(struct network_ctx *n, const struct network_driver *d,
                       const struct network_def *def, const json_t *plan, struct err *err);
/* 0 when the host has no route that overlaps the subnet; -EADDRINUSE in words. */
int network_subnet_free(struct network_ctx *n, const char *subnet, struct err *err);

/* All borrowed; NULL or 0 where not wanted. */
struct network_attach_req {
    const struct network_driver *driver;
    const struct network_def *def;
    const char *container_id;
    const char *interface;          /* "eth0" */
    const char *address, *address6; /* from ipam_alloc(): with prefix length */
    const char *mac;                /* NULL: the driver chooses */
    const struct berth_options *options;
    bool gateway;           /* this endpoint carries the default route */
    const json_t *bindings; /* PortBindings */
    const json_t
        *exposed; /* ExposedPorts: keys of NetworkSettings.Ports that are null without a binding */
    const char *host_ip; /* for bindings that name none; NULL: every address */
    int netns_fd;        /* a namespace that is there already (second network); -1: a new one */
};

struct network_attachment {
    int netns_fd; /* the caller's; -1: the host's namespace (or req.netns_fd was given) */
    /* To be stored; network_detach() and network_restore() need it. For the API it has, as in EndpointSettings and
     * NetworkSettings: EndpointID, IPAddress, IPPrefixLen, Gateway, GlobalIPv6Address, GlobalIPv6PrefixLen,
     * IPv6Gateway, MacAddress, Ports. */
    json_t *state;
};
void network_attachment_fini(struct network_attachment *a);

/* Attaches a container, in two steps. After the first its addresses and its namespace are known and its ports reserved, and a process may
 * be made in there; links, addresses, routes and the firewall's ports come with the second, before the container's program runs. Failed: nothing
 * is left, of both. -EADDRINUSE names the port that is taken. `req` is the same for both. */
int network_attach_begin(struct network_ctx *n, const struct network_attach_req *req,
                         struct network_attachment *out, struct err *err);
int network_attach_finish(struct network_ctx *n, const struct network_attach_req *req,
                          const struct network_attachment *a, struct err *err);
/* Instead of the second step; the attachment is then to be freed. */
void network_attach_cancel(struct network_ctx *n, const struct network_attach_req *req,
                           const struct network_attachment *a);
/* Ties the reserved ports to the shim: call once its pid is known. start: field 22 of its stat, or 0. Nothing to do for
 * an attachment without ports. */
int network_attach_owner(struct network_ctx *n, const json_t *state, pid_t pid, int64_t start,
                         struct err *err);
/* Takes an attachment back: the firewall's ports and the links. What is gone already is fine, so it is right also after a
 * crash. Goes on after a failure and returns the first. The ports stay reserved until network_release(), so that nobody else has
 * them while a row still says that they are this attachment's. */
int network_detach(struct network_ctx *n, const struct network_driver *d,
                   const struct network_def *def, const json_t *state, struct err *err);
int network_release(struct network_ctx *n, const json_t *state, struct err *err);
/* At boot, after every network was created: states is a list of the attachments that live. Makes the firewall's ports
 * exactly theirs and reserves what netd lost; owners are to be set again with network_attach_owner(). */
int network_restore(struct network_ctx *n, const json_t *states, struct err *err);
/* At boot, when all that lives is known: removes the links of this instance that none of these attachments, and no network,
 * has. */
int network_strays_remove(struct network_ctx *n, const json_t *states, struct err *err);
/* Gives up what netd holds for a container that has no attachment. */
int network_release_of(struct network_ctx *n, const char *container_id, struct err *err);
/* Removes a link of this instance that belongs to nothing; absent is fine. */
int network_link_remove(struct network_ctx *n, const char *name, struct err *err);
/* An element of the firewall (by its name in network/look.h) that no attachment has: a port's is removed, and what networks should have
 * is made so. */
int network_element_settle(struct network_ctx *n, const char *element, struct err *err);
/* Closes a namespace descriptor on the thread that does so. */
void network_netns_dispose(struct network_ctx *n, int fd);
