/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Firewall
 *
 * One nftables table per instance, `inet berth-<instance>`. Its rules are the text data/firewall.nft, loaded by the nft
 * program when the table is not there or has other rules; networks and ports are elements, a transaction each. A copy of
 * all elements is kept, so that a table that somebody flushed comes back whole. Safe from any thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "network/addr.h"

struct firewall;

/* Loads the table when it is missing; one that is there with these rules keeps its elements until firewall_sync().
 * NULL with err set. */
struct firewall *firewall_open(const char *instance, const char *rules_path, struct err *err);
/* The table stays: containers live on. */
void firewall_close(struct firewall *fw);
/* Removes the table: for an engine that stops with no container left. */
int firewall_destroy(struct firewall *fw, struct err *err);

struct firewall_network {
    const char *device;
    bool internal, icc, masquerade;
};
int firewall_network_add(struct firewall *fw, const struct firewall_network *n, struct err *err);
/* Whatever the network was; what is not there is fine. */
int firewall_network_remove(struct firewall *fw, const char *device, struct err *err);

/* One published port. host: the address it is published on; the wildcard means every address of the host. */
struct firewall_port {
    uint8_t proto; /* IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP */
    struct addr host, container;
    uint16_t host_port, container_port;
};
/* The ports of one container. All or none. -EEXIST when a port of the host leads elsewhere already. Loads the table again when it was lost. */
int firewall_ports_add(struct firewall *fw, const struct firewall_port *ports, size_t n,
                       struct err *err);
/* What is not there is fine. */
int firewall_ports_remove(struct firewall *fw, const struct firewall_port *ports, size_t n,
                          struct err *err);

/* Elements by name, "SET:HEX OF THE KEY", as keys of maps whose values are not to be freed: those that the kernel has, and
 * those that networks (not ports) should have. */
struct map;
int firewall_elements(struct firewall *fw, struct map *out, struct err *err);
void firewall_network_elements(struct firewall *fw, struct map *out);
/* Adds the names of the elements that such ports have. */
void firewall_port_elements(const struct firewall_port *ports, size_t n, struct map *out);
bool firewall_is_port(const char *element);
/* Absent is fine. */
int firewall_element_remove(struct firewall *fw, const char *element, struct err *err);

/* Makes the kernel's elements exactly those that were added through this object, in one transaction; the table is
 * loaded when it was lost. */
int firewall_sync(struct firewall *fw, struct err *err);
