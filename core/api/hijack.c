/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hijack
 *
 * The socket carries bytes both ways from here on; what the client sent right behind its request
 * are the first of them.
 */
#include "api/hijack.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "api/relay.h"
#include "api/reply.h"
#include "api/server.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mux.h"

#define STREAM_STDOUT  1
#define HEADER_TAKE_MS 1000

/* Counts as a stream of the server for as long as it lives. */
struct hijack {
    struct server_stream *stream;
    int fd; /* the engine's side */
    struct detach detach;
};

void hijack_free(struct hijack *h)
{
    close_fd(h->fd);
    server_stream_end(h->stream);
    free(h);
}

/* What the peer of a unix socket has not read yet. The kernel counts one more byte for a moment
 * after the last was read. */
static bool header_is_taken(int client)
{
    int unread = 0;
    return ioctl(client, SIOCOUTQ, &unread) < 0 || unread <= 1;
}

/*
 * Some clients (python3-docker) read the header through a buffer and what follows from the socket
 * below it: bytes that arrive together with the header are lost to them. So output waits, in
 * bounds, until the header has been read. Only a unix socket can tell.
 */
static void header_wait(int client, int stop)
{
    struct sockaddr_storage addr;
    socklen_t n = sizeof(addr);
    if (getsockname(client, (struct sockaddr *)&addr, &n) < 0 || addr.ss_family != AF_UNIX)
        return;
    _cleanup_(closep) int ep = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event room = {.events = EPOLLOUT | EPOLLRDHUP | EPOLLET},
                       end = {.events = EPOLLIN};
    if (ep < 0 || epoll_ctl(ep, EPOLL_CTL_ADD, client, &room) < 0 ||
        epoll_ctl(ep, EPOLL_CTL_ADD, stop, &end) < 0)
        return;
    const int64_t deadline = time_mono_ns() + HEADER_TAKE_MS * NS_PER_MS;
    while (!header_is_taken(client)) {
        struct epoll_event got;
        int64_t left_ms = (deadline - time_mono_ns()) / NS_PER_MS;
        int k = left_ms > 0 ? epoll_wait(ep, &got, 1, (int)left_ms) : 0;
        if (k == 0 || (k < 0 && errno != EINTR) ||
            (k > 0 && (got.events & (EPOLLIN | EPOLLHUP | EPOLLERR))))
            return;
    }
}

static void hijack_relay(struct request *r)
{
    struct connection *c = r->conn;
    struct relay relay = {
        .client = c->fd,
        .engine = r->hijack->fd,
        .stop = server_closing_fd(r->server),
        .early = c->in + c->at,
        .early_n = c->n - c->at,
        .detach = r->hijack->detach,
    };
    static const char *const ends[] = {
        [RELAY_DONE] = "ended",
        [RELAY_GONE] = "left by the client",
        [RELAY_DETACHED] = "detached",
        [RELAY_STOPPED] = "cut by the daemon's end",
    };
    header_wait(c->fd, relay.stop);
    enum relay_end end = relay_run(&relay);
    log_debug("%s %s: %s", r->method, r->path, ends[end]);
    close_fd(steal_fd(&r->hijack->fd));
}

/* Without an upgrade Docker's daemon sends these lines and no other. */
static void hijack_raw_head(struct request *r)
{
    static const char head[] = "HTTP/1.1 200 OK\r\nContent-Type: " TYPE_RAW "\r\n\r\n";
    r->replied = true;
    connection_send(r->conn, head, sizeof(head) - 1);
}

int reply_hijack(struct request *r, int engine_fd, bool tty, const struct detach *detach,
                 struct err *err)
{
    const char *upgrade = request_header(r, "Upgrade");
    struct server_stream *stream;
    int c = server_stream_begin(r->server, request_socket(r), &stream, err);
    if (c < 0) {
        close_fd(engine_fd);
        return c;
    }
    r->hijack = xcalloc(1, sizeof(*r->hijack));
    r->hijack->stream = stream;
    r->hijack->fd = engine_fd;
    if (tty && detach)
        r->hijack->detach = *detach;
    r->conn->close = true;
    if (str_empty(upgrade))
        hijack_raw_head(r);
    else
        reply_send(r, 101, reply_stream_type(r, tty), "Connection: Upgrade\r\nUpgrade: tcp\r\n",
                   LENGTH_NONE, NULL);
    hijack_relay(r);
    return 0;
}

static void frame_add(struct buf *out, const char *words)
{
    size_t n = strlen(words);
    unsigned char head[MUX_HEAD];
    mux_head(head, STREAM_STDOUT, n);
    buf_add(out, head, sizeof(head));
    buf_add(out, words, n);
}

int reply_hijack_words(struct request *r, bool tty, const char *words, struct err *err)
{
    int pair[2];
    _cleanup_(buf_fini) struct buf out = {0};
    _cleanup_(freep) char *line = str_printf("%s\r\n", words);
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return err_errno(err, -errno, "cannot make a stream");
    if (tty)
        buf_adds(&out, line);
    else
        frame_add(&out, line);
    /* Bounded by what an error's words are; a socket pair takes that at once. */
    ssize_t n = send(pair[1], out.s, out.len, MSG_DONTWAIT | MSG_NOSIGNAL);
    close_fd(pair[1]);
    if (n != (ssize_t)out.len) {
        close_fd(pair[0]);
        return err_set(err, -EIO, "%s", words);
    }
    return reply_hijack(r, pair[0], tty, NULL, err);
}
