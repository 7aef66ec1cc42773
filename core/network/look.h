/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A look at the network as it is
 *
 * What the kernel and netd hold of this instance at one moment: links, elements of the firewall's table, reservations. The engine holds
 * its rows against it (`berth system check`). Nothing is changed.
 */
#pragma once

#include <jansson.h>

#include "base/err.h"

struct network_ctx;
struct network_look;

struct network_look *network_look_new(struct network_ctx *n, struct err *err);
void network_look_free(struct network_look *l);
DEFINE_CLEANUP(struct network_look *, network_look_free);

/* kind: "link", "port" (of the firewall) or "reservation"; object: its name. */
typedef void network_look_fn(void *arg, const char *kind, const char *object);

/* Calls each() for what an attachment should have and has not. */
void network_look_missing(const struct network_look *l, const json_t *state, network_look_fn *each,
                          void *arg);
/* Whether a network's own links are there and bear its mark. */
void network_look_network(const struct network_look *l, const char *network_id, const json_t *plan,
                          network_look_fn *each, void *arg);
/* Calls each() for what belongs to none of these attachments (a list of their states). A holder of reservations is an object by
 * the container's id. */
void network_look_strays(const struct network_look *l, const json_t *states, network_look_fn *each,
                         void *arg);
