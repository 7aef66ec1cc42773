/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of networks, and of endpoints: which container is attached to which network, and how. */
#pragma once

#include <stdbool.h>

#include "state/state.h"

struct state_network {
    char *id, *name, *driver;
    int64_t created_ns;
    bool predefined; /* comes from the configuration */
    json_t *
        config; /* IPAM, options, labels, internal, … as the engine writes it; NULL is stored as {} */
    json_t *plan; /* what was made for it; NULL is stored as {} */
};
void state_network_fini(struct state_network *n);
void state_network_free(struct state_network *n);
DEFINE_CLEANUP(struct state_network *, state_network_free);

struct state_networks {
    struct state_network **v;
    size_t n;
};
void state_networks_fini(struct state_networks *list);

/* -EEXIST "network with name NAME already exists". */
int state_network_insert(struct state *s, const struct state_network *n, struct err *err);
/* The whole row but id and created_ns. */
int state_network_update(struct state *s, const struct state_network *n, struct err *err);
/* -ENOENT; -EBUSY while endpoints stand on it. */
int state_network_delete(struct state *s, const char *id, struct err *err);
/* By full id, name or a unique prefix of the id. -ENOENT "network REF not found", -EINVAL when ambiguous. */
int state_network_find(struct state *s, const char *ref, struct state_network **out,
                       struct err *err);
/* Oldest first. */
int state_network_list(struct state *s, struct state_networks *out, struct err *err);
/* The busy mark, as of containers. */
int state_network_claim(struct state *s, const char *id, const char *verb, struct err *err);
int state_network_unclaim(struct state *s, const char *id, struct err *err);

struct state_endpoint {
    char *id, *network_id, *container_id;
    json_t *config;     /* what was asked for (EndpointSettings); NULL is stored as {} */
    json_t *attachment; /* what was made; NULL is stored as {} */
};
void state_endpoint_fini(struct state_endpoint *e);
void state_endpoint_free(struct state_endpoint *e);
DEFINE_CLEANUP(struct state_endpoint *, state_endpoint_free);

struct state_endpoints {
    struct state_endpoint **v;
    size_t n;
};
void state_endpoints_fini(struct state_endpoints *list);

/* One per network and container: -EEXIST. -ENOENT when the network or the container has no row. */
int state_endpoint_insert(struct state *s, const struct state_endpoint *e, struct err *err);
int state_endpoint_update(struct state *s, const struct state_endpoint *e, struct err *err);
int state_endpoint_delete(struct state *s, const char *id, struct err *err);
/* Those of a network and/or a container; NULL: any. In the order in which they were made. */
int state_endpoint_list(struct state *s, const char *network_id, const char *container_id,
                        struct state_endpoints *out, struct err *err);
/* Those of which something is made, of all. */
int state_endpoint_list_attached(struct state *s, struct state_endpoints *out, struct err *err);
