/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Statistics of many containers, as they come
 *
 * One stream for each container, all read by one thread; without names also the daemon's events, so that containers come and go with it.
 */
#pragma once

#include <poll.h>

#include "client/client.h"
#include "client/exchange.h"

struct stats_source {
    char *ref;    /* as the user knows it */
    char *id;     /* NULL: it was named */
    json_t *line; /* the last one; NULL: none yet */
    struct exchange x;
    struct buf text; /* of a line that is not whole yet */
    bool over;       /* its stream has ended */
};

struct stats_feed {
    struct client *client;
    struct stats_source **v; /* in the order of their coming */
    size_t n;
    bool stream, all;
    bool news; /* something has changed since the caller last cleared this */
    struct exchange events;
    bool has_events;
    struct buf event_text;
    struct pollfd *polled;
};

/* `names` empty: all containers, and as `stream` those that come; `all`: also those that do not run. */
int stats_feed_open(struct stats_feed *f, struct client *c, const struct strv *names, bool stream,
                    bool all);
void stats_feed_close(struct stats_feed *f);
/* Waits for something, at most limit_ms (-1: for ever) and until `fd` is readable (-1: none), and takes it in. */
int stats_feed_wait(struct stats_feed *f, int fd, int limit_ms);
/* Nothing more is to come. */
bool stats_feed_over(const struct stats_feed *f);
