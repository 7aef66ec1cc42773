/* SPDX-License-Identifier: Apache-2.0 */
/* The files that are bound to /etc/hosts, /etc/hostname and /etc/resolv.conf. */
#pragma once

#include "engine/internal.h"
#include "engine/networks.h"

/* Writes them into the container's directory; made anew at each start. */
int hosts_write(struct engine *e, const struct state_container *row, const struct connection *c,
                struct err *err);
