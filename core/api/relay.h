/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes between a client's socket and a container's, both ways at once. */
#pragma once

#include <stddef.h>

#include "api/detach.h"

struct relay {
    int client, engine;
    int stop;          /* readable: end at once */
    const char *early; /* what the client sent already */
    size_t early_n;
    struct detach detach; /* n == 0: none */
};

enum relay_end {
    RELAY_DONE,     /* the container's side has ended, all of it is with the client */
    RELAY_GONE,     /* the client left */
    RELAY_DETACHED, /* by the keys */
    RELAY_STOPPED,
};

/* Blocks until one of the above; after DONE and DETACHED the client gets a few seconds to close its
 * side. Shuts down, but does not close, either socket; neither has to be non-blocking. */
enum relay_end relay_run(struct relay *r);
