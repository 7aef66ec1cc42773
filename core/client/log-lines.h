/* SPDX-License-Identifier: Apache-2.0 */
/* A container's log as lines, which are read as they come, beside other things. */
#pragma once

#include "client/client.h"
#include "client/exchange.h"

struct log_source {
    struct client *client;
    struct exchange x;     /* its fd is what poll() waits on; complete when the log is over */
    bool raw;              /* of a container with a terminal: one stream, not multiplexed */
    unsigned char head[8]; /* of a frame */
    size_t have, left;
    int fd;              /* 1 or 2: where the frame belongs */
    struct buf lines[3]; /* of each, what is not whole yet */
    void (*each)(void *ctx, int fd, const char *line, size_t n);
    void *ctx;
};

/* `query` is what the API is asked ("follow=1&tail=10"); `each` gets each line, without its newline. */
int log_source_open(struct log_source *s, struct client *c, const char *ref, const char *query,
                    void (*each)(void *ctx, int fd, const char *line, size_t n), void *ctx);
/* Takes in what has come; to be called when the fd is readable. */
int log_source_read(struct log_source *s);
void log_source_close(struct log_source *s);
