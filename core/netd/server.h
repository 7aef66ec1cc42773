/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon's side of netd: its socket, its requests. See docs/netd-protocol.md. */
#pragma once

#include "base/loop.h"

struct server;

/* Listens on `sock` in the run directory (borrowed) and holds what the state file there says. NULL with errno. Ends the
 * loop with 0 on request, or when there was nothing to hold and nobody connected for idle_ms. */
struct server *server_open(struct loop *l, int dirfd, int64_t idle_ms);
void server_free(struct server *s);
