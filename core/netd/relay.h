/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TCP relay
 *
 * Accepts on a host socket and passes the bytes on to a container's address: for connections that the kernel does not
 * translate (IPv6 to an IPv4 container), and for those that meet a firewall table that was lost. Half-closes are passed
 * on; what waits is bounded by one pipe a direction.
 */
#pragma once

#include "base/loop.h"
#include "network/addr.h"

struct relay; /* all connections of the process */
struct relay *relay_new(struct loop *l);
void relay_free(struct relay *r);

struct relay_listener;
/* Takes `fd` (listening, non-blocking) over. NULL with errno; then fd is closed. */
struct relay_listener *relay_listen(struct relay *r, int fd, const struct addr *target,
                                    uint16_t port);
/* Closes the listener and its connections. */
void relay_listener_free(struct relay_listener *l);
