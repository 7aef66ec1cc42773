/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streams
 *
 * Answers whose end is not known when they begin. Two kinds: one that waits for a descriptor on the
 * connection's own thread, and one that a producer on another thread writes.
 */
#pragma once

#include "api/request.h"
#include "base/str.h"

struct live_ops {
    /* Adds what is there now to `out`. 1: something may have been added, 0: nothing now, wait for
     * fd again, -ENODATA: the end, any other negative errno: cut the answer off. */
    int (*fill)(void *ctx, struct buf *out);
    void (*close)(void *ctx);
};
/* Sends the headers at once, then what `fill` gives each time `fd` is readable. Ends when the
 * client leaves. `ctx` is taken over. */
int reply_live(struct request *r, const char *type, int fd, const struct live_ops *ops, void *ctx,
               struct err *err);

struct producer_ops {
    /* Writes to `out`, a blocking socket; it becomes readable (and writing fails) when the client
     * has left. A negative errno cuts the answer off, so that the client does not take it for
     * complete. */
    int (*run)(void *ctx, int out);
    void (*close)(void *ctx);
};
/* The answer as `write` puts it, on the connection's own thread: for what neither waits nor follows. When the client has left, put()
 * fails. A failure of `write` cuts the answer off. */
typedef int reply_put_fn(void *put_ctx, const void *data, size_t n, struct err *err);
int reply_written(struct request *r, const char *type,
                  int (*write)(void *ctx, reply_put_fn *put, void *put_ctx), void *ctx,
                  struct err *err);
int reply_produced(struct request *r, const char *type, const struct producer_ops *ops, void *ctx,
                   struct err *err);

/* An answer whose length is known: run() writes the bytes to the client's own socket, on this thread, and is ended by it when the
 * client leaves. Fewer of them, or a negative errno, cut the connection off. */
int reply_sized(struct request *r, const char *type, int64_t length, const struct producer_ops *ops,
                void *ctx, struct err *err);
