/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Executor of plans
 *
 * Carries out over rtnetlink what a driver's plan says, and takes it back. Its sockets stay open for life. Links that make
 * up a network bear "berth:<instance>:<network id>" as their ifalias: that, not the name, says whose they are.
 * Safe from any thread.
 */
#pragma once

#include <jansson.h>

#include "base/err.h"
#include "base/str.h"
#include "network/addr.h"

struct executor;

/* Works in the calling thread's network namespace. NULL with err set. */
struct executor *executor_open(const char *instance, struct err *err);
void executor_close(struct executor *x);

/* Makes what is missing of a network and leaves what is there. -EEXIST for a link of that name that is not this
 * instance's, -EADDRINUSE for a subnet that the host already routes elsewhere. Failed: what it made is gone again. */
int executor_network_make(struct executor *x, const char *network_id, const json_t *plan,
                          struct err *err);
/* Removes the network's links, if they are this instance's. What is not there is fine. */
int executor_network_remove(struct executor *x, const json_t *plan, struct err *err);

/* Makes an endpoint in the namespace netns_fd. -EEXIST when a link's name is taken. Failed: all is gone again. */
int executor_endpoint_make(struct executor *x, const json_t *plan, int netns_fd, struct err *err);
/* Takes the endpoint's links off their bridge and out of use; they are freed soon after, by a thread. What is not there is
 * fine. */
int executor_endpoint_remove(struct executor *x, const json_t *plan, struct err *err);
/* Removes this instance's links that are no network's and stand in none of these endpoints' plans. */
int executor_link_remove(struct executor *x, const char *name, struct err *err);
int executor_strays_remove(struct executor *x, const json_t *plans, struct err *err);

/* 0 when no route or address of the host overlaps `subnet`, but those of `device` (may be NULL); else -EADDRINUSE and
 * words that name both. */
int executor_subnet_free(struct executor *x, const struct cidr *subnet, const char *device,
                         struct err *err);
