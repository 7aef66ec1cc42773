/* SPDX-License-Identifier: Apache-2.0 */
/* Networks inside the engine: what create, start, end and inspect of containers need of them. */
#pragma once

#include "engine/internal.h"

/* For create: from NetworkMode and NetworkingConfig to one network. Writes the network's name into host_config.NetworkMode.
 * *id and *endpoint (EndpointSettings as given, may be NULL) are the caller's. -ENOENT, -EINVAL, -ENOTSUP. */
int networks_choose(struct engine *e, const json_t *config, json_t *host_config,
                    const json_t *networking, char **id, json_t **endpoint, struct err *err);

/* What a started container got. */
struct connection {
    int netns;     /* -1: the host's */
    char *address; /* without prefix; NULL: none */
    char *address6;
    char *gateway;                 /* for host-gateway; NULL: none */
    struct connecting *connecting; /* what container_connect() has to end; NULL: nothing */
};
/* Also gives back what was begun only. */
void connection_fini(struct connection *c);
/* Begins the container's attachment: addresses, namespace and reserved ports. */
int container_connect_begin(struct engine *e, const struct state_container *row,
                            struct connection *out, struct err *err);
/* Makes it, and notes it in its endpoint's row. On failure nothing is left. Done already is fine. */
int container_connect(struct connection *c, struct err *err);
/* Ties what is reserved for the container to its shim. */
int container_connect_owner(struct engine *e, const char *id, pid_t shim, uint64_t start,
                            struct err *err);
/* Takes it back: ports, links, addresses, names. What is gone is fine. Fails where a row could not be written, which keeps its address and ports
 * until this is repeated. */
int container_disconnect(struct engine *e, const struct state_container *row, struct err *err);
/* "connect" and "disconnect" of every network of the container. */
void networks_event(struct engine *e, const struct state_container *row, const char *action);

/* At start-up: the addresses of every attachment that rows know are taken, before any is given out. */
int endpoints_reserve(struct engine *e, struct err *err);
/* At start-up, when it is known which containers live: firewall, reservations and links are made theirs. `strangers`: something lives
 * that has no row, so that links without an owner may be its. */
int endpoints_restore(struct engine *e, bool strangers, struct err *err);

/* NetworkSettings of inspect, and the shorter form of list: new references. */
json_t *network_settings(struct engine *e, const struct state_container *row);
json_t *network_settings_short(struct engine *e, const struct state_container *row);
/* Ports of list: [{"IP","PrivatePort","PublicPort","Type"}]. */
json_t *network_ports_list(struct engine *e, const struct state_container *row);
