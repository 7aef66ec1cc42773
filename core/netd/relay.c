/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TCP relay
 *
 * A connection is two directions, each a pipe between two sockets that splice(2) fills and drains. A socket is
 * watched only for what its directions can use now, and not at all when that is nothing: a peer that hung up would
 * otherwise wake the loop for ever.
 */
#include "netd/relay.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/cleanup.h"

#define PIPE_BYTES 65536u

struct direction {
    int pipe[2];
    size_t pending; /* bytes in the pipe */
    bool eof, done; /* nothing more comes; the half-close was passed on */
};

struct conn {
    struct relay_listener *owner;
    struct conn *prev, *next;
    int fd[2]; /* client, container */
    struct loop_io *io[2];
    uint32_t events[2];
    struct direction dir[2]; /* dir[i]: what fd[i] sends to the other */
    bool connecting;
};

struct relay_listener {
    struct relay *relay;
    struct relay_listener *prev, *next;
    int fd;
    struct loop_io *io;
    bool paused; /* out of descriptors; goes on when a connection has ended */
    struct sockaddr_storage target;
    socklen_t target_len;
    struct conn *conns;
};

struct relay {
    struct loop *loop;
    struct relay_listener *listeners;
};

static void conn_event(struct conn *c, int i, uint32_t events);

static void client_event(void *arg, uint32_t events)
{
    conn_event(arg, 0, events);
}

static void container_event(void *arg, uint32_t events)
{
    conn_event(arg, 1, events);
}

static int conn_watch(struct conn *c, int i, uint32_t events)
{
    if (c->events[i] == events && (c->io[i] || !events))
        return 0;
    c->events[i] = events;
    if (!events) {
        loop_io_del(c->io[i]);
        c->io[i] = NULL;
        return 0;
    }
    if (c->io[i])
        return loop_io_set(c->io[i], events);
    c->io[i] =
        loop_io_add(c->owner->relay->loop, c->fd[i], events, i ? container_event : client_event, c);
    return c->io[i] ? 0 : -errno;
}

static void listeners_resume(struct relay *r)
{
    for (struct relay_listener *l = r->listeners; l; l = l->next)
        if (l->paused && loop_io_set(l->io, EPOLLIN) == 0)
            l->paused = false;
}

/* `reset`: the peers learn that it broke, not that it ended. */
static void conn_free(struct conn *c, bool reset)
{
    struct linger now = {.l_onoff = 1};
    for (int i = 0; i < 2; i++) {
        if (c->io[i])
            loop_io_del(c->io[i]);
        if (reset && c->fd[i] >= 0)
            setsockopt(c->fd[i], SOL_SOCKET, SO_LINGER, &now, sizeof(now));
        close_fd(c->fd[i]);
        close_fd(c->dir[i].pipe[0]);
        close_fd(c->dir[i].pipe[1]);
    }
    if (c->prev)
        c->prev->next = c->next;
    else
        c->owner->conns = c->next;
    if (c->next)
        c->next->prev = c->prev;
    struct relay *r = c->owner->relay;
    free(c);
    listeners_resume(r);
}

/* One step of splice: bytes moved, 0 for the end, -EAGAIN, or another negative errno. */
static ssize_t move(int from, int to, size_t n)
{
    ssize_t r = splice(from, NULL, to, NULL, n, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    return r < 0 ? (errno == EINTR ? -EAGAIN : -errno) : r;
}

/* Moves what can be moved of one direction; negative errno when it broke. */
static int direction_pump(struct direction *d, int from, int to)
{
    for (bool progress = true; progress;) {
        progress = false;
        if (!d->eof && d->pending < PIPE_BYTES) {
            ssize_t n = move(from, d->pipe[1], PIPE_BYTES - d->pending);
            if (n < 0 && n != -EAGAIN)
                return (int)n;
            d->eof = n == 0;
            d->pending += n > 0 ? (size_t)n : 0;
        }
        if (d->pending) {
            ssize_t n = move(d->pipe[0], to, d->pending);
            if (n < 0 && n != -EAGAIN)
                return (int)n;
            d->pending -= n > 0 ? (size_t)n : 0;
            progress = n > 0;
        }
    }
    if (d->eof && !d->pending && !d->done) {
        d->done = true;
        shutdown(to, SHUT_WR);
    }
    return 0;
}

static uint32_t conn_wants(const struct conn *c, int i)
{
    if (c->connecting)
        return i == 1 ? EPOLLOUT : 0;
    uint32_t events = c->dir[1 - i].pending ? EPOLLOUT : 0;
    return c->dir[i].eof || c->dir[i].pending ? events : events | EPOLLIN;
}

/* 0, or a negative errno: the connection is to be reset. */
static int conn_pump(struct conn *c)
{
    int r = 0;
    for (int i = 0; i < 2 && r == 0 && !c->connecting; i++)
        r = direction_pump(&c->dir[i], c->fd[i], c->fd[1 - i]);
    for (int i = 0; i < 2 && r == 0; i++)
        r = conn_watch(c, i, conn_wants(c, i));
    return r;
}

static int connect_result(int fd)
{
    int why = 0;
    socklen_t n = sizeof(why);
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &why, &n) < 0 ? -errno : -why;
}

static void conn_event(struct conn *c, int i, uint32_t events)
{
    int r = 0;
    if (c->connecting) {
        r = i == 1 ? connect_result(c->fd[1]) : 0;
        c->connecting = i != 1;
    } else if (events & EPOLLERR) {
        r = -ECONNRESET;
    }
    if (r == 0)
        r = conn_pump(c);
    if (r < 0)
        conn_free(c, true);
    else if (c->dir[0].done && c->dir[1].done)
        conn_free(c, false);
}

static int conn_connect(struct conn *c)
{
    const struct relay_listener *l = c->owner;
    int on = 1;
    c->fd[1] = socket(l->target.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (c->fd[1] < 0)
        return -errno;
    setsockopt(c->fd[0], IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    setsockopt(c->fd[1], IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (connect(c->fd[1], (const struct sockaddr *)&l->target, l->target_len) == 0)
        return 0;
    c->connecting = errno == EINPROGRESS;
    return c->connecting ? 0 : -errno;
}

/* Takes the accepted socket over. */
static int conn_new(struct relay_listener *l, int fd)
{
    struct conn *c = xcalloc(1, sizeof(*c));
    *c = (struct conn){.owner = l,
                       .next = l->conns,
                       .fd = {fd, -1},
                       .dir = {{.pipe = {-1, -1}}, {.pipe = {-1, -1}}}};
    if (l->conns)
        l->conns->prev = c;
    l->conns = c;
    int r = 0;
    for (int i = 0; i < 2 && r == 0; i++)
        r = pipe2(c->dir[i].pipe, O_CLOEXEC | O_NONBLOCK) < 0 ? -errno : 0;
    if (r == 0)
        r = conn_connect(c);
    if (r == 0)
        r = conn_pump(c);
    if (r < 0)
        conn_free(c, true);
    return r;
}

static void listener_event(void *arg, uint32_t events)
{
    (void)events;
    struct relay_listener *l = arg;
    int fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    int r = fd < 0 ? -errno : conn_new(l, fd);
    if (fd < 0 && (r == -EMFILE || r == -ENFILE || r == -ENOBUFS || r == -ENOMEM))
        l->paused = loop_io_set(l->io, 0) == 0;
}

struct relay *relay_new(struct loop *l)
{
    struct relay *r = xcalloc(1, sizeof(*r));
    r->loop = l;
    return r;
}

void relay_free(struct relay *r)
{
    while (r && r->listeners)
        relay_listener_free(r->listeners);
    free(r);
}

static socklen_t target_fill(struct sockaddr_storage *out, const struct addr *a, uint16_t port)
{
    uint8_t bytes[16];
    size_t n = addr_bytes(a, bytes);
    if (a->family == AF_INET) {
        struct sockaddr_in *in = (struct sockaddr_in *)out;
        *in = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port)};
        memcpy(&in->sin_addr, bytes, n);
        return sizeof(*in);
    }
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)out;
    *in6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(port)};
    memcpy(&in6->sin6_addr, bytes, n);
    return sizeof(*in6);
}

struct relay_listener *relay_listen(struct relay *r, int fd, const struct addr *target,
                                    uint16_t port)
{
    struct relay_listener *l = xcalloc(1, sizeof(*l));
    l->relay = r;
    l->fd = fd;
    l->target_len = target_fill(&l->target, target, port);
    l->io = loop_io_add(r->loop, fd, EPOLLIN, listener_event, l);
    if (!l->io) {
        close_fd(fd);
        free(l);
        return NULL;
    }
    l->next = r->listeners;
    if (l->next)
        l->next->prev = l;
    r->listeners = l;
    return l;
}

void relay_listener_free(struct relay_listener *l)
{
    while (l->conns)
        conn_free(l->conns, true);
    loop_io_del(l->io);
    close_fd(l->fd);
    if (l->prev)
        l->prev->next = l->next;
    else
        l->relay->listeners = l->next;
    if (l->next)
        l->next->prev = l->prev;
    free(l);
}
