/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ports
 *
 * The API's PortBindings ({"80/tcp": [{"HostIp": "", "HostPort": "8080"}]}) as a list of single ports to reserve and
 * translate, and back as NetworkSettings.Ports.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "network/addr.h"
#include "network/firewall.h"

struct port {
    uint8_t proto; /* IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP */
    bool optional; /* the IPv6 half of "every address": not an error where the host has no IPv6 */
    uint16_t container_port;
    uint16_t lo, hi;    /* the host ports that will do; 0: any free one */
    uint16_t host_port; /* what it became; 0: not yet, or not at all (optional) */
    unsigned group;     /* ports of one group get the same host port */
    struct addr host;
};

struct port_list {
    struct port *v;
    size_t n, cap;
};
void port_list_fini(struct port_list *l);

/* Checks and expands; `host` is the address for bindings that name none (NULL: every address, IPv4 and IPv6).
 * bindings may be NULL. -EINVAL in words. */
int ports_parse(const json_t *bindings, const char *host, struct port_list *out, struct err *err);
/* NetworkSettings.Ports for what was bound; exposed ports ({"80/tcp": {}}, may be NULL) without a binding are null. */
json_t *ports_json(const struct port_list *l, const json_t *exposed);

/* netd's list of ports towards the container's address; and its answer, taken into the list. */
json_t *ports_request(const struct port_list *l, const char *target);
int ports_answer(struct port_list *l, const json_t *ports, struct err *err);
/* As stored in an attachment: what ports_answer() gave. */
int ports_load(const json_t *ports, struct port_list *out, struct err *err);

/* The IPv4 ones, for the firewall; the caller frees. */
struct firewall_port *ports_firewall(const struct port_list *l, const struct addr *container,
                                     size_t *n);
