/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hijack
 *
 * With an upgrade the HTTP library hands the socket over together with what it had read already.
 * Without one the header is written by hand on a duplicate of the connection's descriptor; bytes
 * that came in the same packet as the request are lost then, as with Docker's daemon.
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

static void hijack_relay(struct request *r, int client, const char *early, size_t early_n)
{
    struct relay relay = {
        .client = client,
        .engine = r->hijack->fd,
        .stop = server_closing_fd(r->server),
        .early = early,
        .early_n = early_n,
        .detach = r->hijack->detach,
    };
    static const char *const ends[] = {
        [RELAY_DONE] = "ended",
        [RELAY_GONE] = "left by the client",
        [RELAY_DETACHED] = "detached",
        [RELAY_STOPPED] = "cut by the daemon's end",
    };
    header_wait(client, relay.stop);
    enum relay_end end = relay_run(&relay);
    log_debug("%s %s: %s", r->method, r->path, ends[end]);
    close_fd(steal_fd(&r->hijack->fd));
}

static void on_upgrade(void *ctx, struct MHD_Connection *conn, void *state, const char *early,
                       size_t early_n, MHD_socket sock, struct MHD_UpgradeResponseHandle *upgrade)
{
    struct request *r = ctx;
    hijack_relay(r, sock, early, early_n);
    /* The library may free the request as soon as the socket is given back. */
    struct hijack *h = steal_ptr(&r->hijack);
    MHD_upgrade_action(upgrade, MHD_UPGRADE_ACTION_CLOSE);
    hijack_free(h);
}

static int hijack_upgrade(struct request *r, const char *type)
{
    struct MHD_Response *response = MHD_create_response_for_upgrade(on_upgrade, r);
    r->replied = true;
    if (!response)
        return 0;
    MHD_add_response_header(response, "Upgrade", "tcp");
    return reply_queue(r, MHD_HTTP_SWITCHING_PROTOCOLS, type, response);
}

static int hijack_raw(struct request *r)
{
    static const char header[] = "HTTP/1.1 200 OK\r\nContent-Type: " TYPE_RAW "\r\n\r\n";
    _cleanup_(closep) int client = fcntl(request_socket(r), F_DUPFD_CLOEXEC, 3);
    r->replied = true;
    r->result = MHD_NO; /* the connection is not the HTTP library's any more */
    if (client < 0)
        return 0;
    if (send(client, header, strlen(header), MSG_NOSIGNAL) == (ssize_t)strlen(header))
        hijack_relay(r, client, NULL, 0);
    shutdown(client, SHUT_RDWR);
    return 0;
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
    return str_empty(upgrade) ? hijack_raw(r) : hijack_upgrade(r, reply_stream_type(r, tty));
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
