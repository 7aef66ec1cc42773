/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streams
 *
 * They run on the connection's thread until their end. A client that left is seen only by polling
 * its socket too.
 */
#include "api/stream.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>

#include "api/reply.h"
#include "api/server.h"
#include "base/log.h"

#define PRODUCED_BLOCK (64u << 10)

/* Waits for `fd`. 0: readable, -EPIPE: the client left or the server closes. */
static int stream_wait(struct server *s, int client, int fd)
{
    struct pollfd p[] = {
        {.fd = fd, .events = POLLIN},
        {.fd = client, .events = POLLRDHUP},
        {.fd = server_closing_fd(s), .events = POLLIN},
    };
    while (poll(p, ARRAY_SIZE(p), -1) < 0)
        if (errno != EINTR)
            return -errno;
    return p[1].revents || p[2].revents ? -EPIPE : 0;
}

/* Sends the head, and chunks while `next` gives some (1); -ENODATA is the end, any other negative
 * errno cuts the answer off, so that the client does not take it for complete. */
static int stream_send(struct request *r, const char *type, int (*next)(void *ctx, struct buf *out),
                       void *ctx)
{
    _cleanup_(buf_fini) struct buf out = {0};
    int c = 0;
    reply_send(r, 200, type, NULL, LENGTH_STREAM, NULL);
    while (c >= 0) {
        buf_reset(&out);
        c = next(ctx, &out);
        if ((c >= 0 || c == -ENODATA) && connection_chunk(r->conn, out.s, out.len) < 0)
            c = -EPIPE;
    }
    if (c == -ENODATA)
        connection_chunks_end(r->conn);
    else
        r->conn->broken = true;
    return 0;
}

/* --- live */
struct live {
    struct server *server;
    int client, fd;
    const struct live_ops *ops;
    void *ctx;
};

static int live_next(void *arg, struct buf *out)
{
    struct live *l = arg;
    for (;;) {
        int r = l->ops->fill(l->ctx, out);
        if (r < 0 || out->len > 0)
            return r;
        if (r == 0 && (r = stream_wait(l->server, l->client, l->fd)) < 0)
            return r;
    }
}

int reply_live(struct request *r, const char *type, int fd, const struct live_ops *ops, void *ctx,
               struct err *err)
{
    struct server_stream *stream;
    int c = server_stream_begin(r->server, request_socket(r), &stream, err);
    if (c < 0) {
        ops->close(ctx);
        return c;
    }
    struct live l = {
        .server = r->server, .client = request_socket(r), .fd = fd, .ops = ops, .ctx = ctx};
    c = stream_send(r, type, live_next, &l);
    ops->close(ctx);
    server_stream_end(stream);
    return c;
}

/* --- written */
static int put_chunk(void *ctx, const void *data, size_t n, struct err *err)
{
    int c = connection_chunk(ctx, data, n);
    return c < 0 ? err_errno(err, c, "sending to the client") : 0;
}

int reply_written(struct request *r, const char *type,
                  int (*write)(void *ctx, reply_put_fn *put, void *put_ctx), void *ctx,
                  struct err *err)
{
    struct server_stream *stream;
    int c = server_stream_begin(r->server, request_socket(r), &stream, err);
    if (c < 0)
        return c;
    reply_send(r, 200, type, NULL, LENGTH_STREAM, NULL);
    if (write(ctx, put_chunk, r->conn) < 0)
        r->conn->broken = true;
    else
        connection_chunks_end(r->conn);
    server_stream_end(stream);
    return 0;
}

/* --- produced */
struct produced {
    struct server *server;
    struct server_stream *stream;
    int client, ours, theirs;
    pthread_t thread;
    const struct producer_ops *ops;
    void *ctx;
    int code;
};

static void *produced_run(void *arg)
{
    struct produced *p = arg;
    p->code = p->ops->run(p->ctx, p->theirs);
    shutdown(p->theirs, SHUT_WR);
    return NULL;
}

static int produced_next(void *arg, struct buf *out)
{
    struct produced *p = arg;
    char data[PRODUCED_BLOCK];
    if (stream_wait(p->server, p->client, p->ours) < 0)
        return -EPIPE;
    ssize_t n = recv(p->ours, data, sizeof(data), 0);
    if (n > 0) {
        buf_add(out, data, (size_t)n);
        return 1;
    }
    /* The end of the socket came after the code was written. */
    return n == 0 && __atomic_load_n(&p->code, __ATOMIC_ACQUIRE) == 0 ? -ENODATA : -EPIPE;
}

static void produced_fini(struct produced *p)
{
    p->ops->close(p->ctx);
    close_fd(p->ours);
    close_fd(p->theirs);
    free(p);
}

static void produced_end(struct produced *p)
{
    struct server_stream *stream = p->stream;
    shutdown(p->ours, SHUT_RDWR);
    pthread_join(p->thread, NULL);
    produced_fini(p);
    server_stream_end(stream);
}

int reply_produced(struct request *r, const char *type, const struct producer_ops *ops, void *ctx,
                   struct err *err)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
        int e = -errno;
        ops->close(ctx);
        return err_errno(err, e, "cannot start the stream");
    }
    struct produced *p = xcalloc(1, sizeof(*p));
    *p = (struct produced){.server = r->server,
                           .client = request_socket(r),
                           .ours = pair[0],
                           .theirs = pair[1],
                           .ops = ops,
                           .ctx = ctx};
    int e = server_stream_begin(r->server, p->client, &p->stream, err);
    if (e < 0) {
        produced_fini(p);
        return e;
    }
    e = -pthread_create(&p->thread, NULL, produced_run, p);
    if (e < 0) {
        server_stream_end(p->stream);
        produced_fini(p);
        return err_errno(err, e, "cannot start the stream");
    }
    stream_send(r, type, produced_next, p);
    produced_end(p);
    return 0;
}

int reply_sized(struct request *r, const char *type, int64_t length, const struct producer_ops *ops,
                void *ctx, struct err *err)
{
    struct server_stream *stream;
    int client = request_socket(r), c = server_stream_begin(r->server, client, &stream, err);
    if (c == 0) {
        reply_send(r, 200, type, NULL, length, NULL);
        r->conn->broken |= ops->run(ctx, client) < 0;
        server_stream_end(stream);
    }
    ops->close(ctx);
    return c;
}
