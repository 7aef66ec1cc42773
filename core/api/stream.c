/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streams
 *
 * The HTTP library pulls: its callback blocks until there is something to send. A client that left
 * is seen only by polling its socket there too.
 */
#include "api/stream.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>

#include "api/reply.h"
#include "api/server.h"
#include "base/log.h"

#define LIVE_BLOCK     (4u << 10) /* many of them are idle */
#define PRODUCED_BLOCK (32u << 10)

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

/* --- live */
struct live {
    struct server *server;
    struct server_stream *stream;
    int client, fd;
    const struct live_ops *ops;
    void *ctx;
    struct buf out;
    size_t sent;
    bool ended;
};

static int live_fill(struct live *l)
{
    buf_reset(&l->out);
    l->sent = 0;
    while (l->out.len == 0) {
        int r = l->ended ? -ENODATA : l->ops->fill(l->ctx, &l->out);
        if (r == -ENODATA && l->out.len > 0)
            l->ended = true;
        else if (r < 0)
            return r;
        if (r == 0 && l->out.len == 0)
            r = stream_wait(l->server, l->client, l->fd);
        if (r < 0 && !l->ended)
            return r;
    }
    return 0;
}

static ssize_t live_read(void *arg, uint64_t pos, char *to, size_t max)
{
    struct live *l = arg;
    if (l->sent == l->out.len) {
        int r = live_fill(l);
        if (r < 0)
            return r == -ENODATA ? MHD_CONTENT_READER_END_OF_STREAM
                                 : MHD_CONTENT_READER_END_WITH_ERROR;
    }
    size_t n = MIN(max, l->out.len - l->sent);
    memcpy(to, l->out.s + l->sent, n);
    l->sent += n;
    return (ssize_t)n;
}

static void live_free(void *arg)
{
    struct live *l = arg;
    l->ops->close(l->ctx);
    server_stream_end(l->stream);
    buf_fini(&l->out);
    free(l);
}

static int stream_queue(struct request *r, const char *type, size_t block,
                        MHD_ContentReaderCallback read, MHD_ContentReaderFreeCallback release,
                        void *arg)
{
    struct MHD_Response *response =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, block, read, arg, release);
    if (response)
        return reply_queue(r, 200, type, response);
    release(arg);
    r->replied = true;
    return 0;
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
    struct live *l = xcalloc(1, sizeof(*l));
    *l = (struct live){.server = r->server,
                       .stream = stream,
                       .client = request_socket(r),
                       .fd = fd,
                       .ops = ops,
                       .ctx = ctx};
    return stream_queue(r, type, LIVE_BLOCK, live_read, live_free, l);
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

static ssize_t produced_read(void *arg, uint64_t pos, char *to, size_t max)
{
    struct produced *p = arg;
    if (stream_wait(p->server, p->client, p->ours) < 0)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    ssize_t n = recv(p->ours, to, max, 0);
    if (n > 0)
        return n;
    /* The end of the socket came after the code was written. */
    return n == 0 && __atomic_load_n(&p->code, __ATOMIC_ACQUIRE) == 0
               ? MHD_CONTENT_READER_END_OF_STREAM
               : MHD_CONTENT_READER_END_WITH_ERROR;
}

static void produced_fini(struct produced *p)
{
    p->ops->close(p->ctx);
    close_fd(p->ours);
    close_fd(p->theirs);
    free(p);
}

static void produced_free(void *arg)
{
    struct produced *p = arg;
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
    return stream_queue(r, type, PRODUCED_BLOCK, produced_read, produced_free, p);
}
