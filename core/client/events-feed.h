/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon's events as something to wait for, beside other things. */
#pragma once

#include "client/client.h"
#include "client/exchange.h"

struct events_feed {
    struct client *client;
    struct exchange x; /* its fd is what poll() waits on; -1: not open */
    bool news;         /* something happened since the caller last cleared this */
};

/* Events of containers; `container` NULL: of all. What happens after this call is seen. */
int events_feed_open(struct events_feed *f, struct client *c, const char *container);
/* Takes in what has come; to be called when the fd is readable. -ECONNRESET when the daemon has gone. */
int events_feed_read(struct events_feed *f);
void events_feed_close(struct events_feed *f);
