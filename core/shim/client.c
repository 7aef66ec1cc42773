/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attached clients
 *
 * A stream socket of berthd's each. Output waits here, at most CLIENT_MAX bytes of it; beyond that the process waits.
 */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/json.h"
#include "shim/conn.h"
#include "shim/shim.h"
#include "shim/streams.h"

#define CLIENT_MAX  (1u << 20)
#define CLIENT_SLOW (CLIENT_MAX - (128u << 10)) /* one more read fits above this */
#define INPUT_CHUNK 32768

struct client {
    struct stdio *io;
    struct client *next;
    int fd;
    struct loop_io *watch;
    uint32_t events;
    bool in, out, errs;
    bool in_eof;  /* it has ended its side */
    bool parked;  /* gone, with input that stdin has no room for yet: not watched */
    bool closing; /* close when `pending` is empty */
    struct buf pending;
    size_t off;
};

static size_t waiting(const struct client *c)
{
    return c->pending.len - c->off;
}

static void client_free(struct client *c)
{
    struct client **at = &c->io->clients;
    while (*at != c)
        at = &(*at)->next;
    *at = c->next;
    if (c->watch)
        loop_io_del(c->watch);
    close_fd(c->fd);
    buf_fini(&c->pending);
    free(c);
}

static bool other_input(const struct stdio *io)
{
    for (const struct client *c = io->clients; c; c = c->next)
        if (c->in && !c->in_eof)
            return true;
    return false;
}

/* Forgets the client; says so unless the shim itself ended it. */
static void client_gone(struct client *c, bool by_itself)
{
    struct stdio *io = c->io;
    bool had_input = c->in && !c->in_eof;
    client_free(c);
    if (had_input && by_itself && io->close_on_eof && !other_input(io))
        stdio_input(io, NULL, 0);
    if (by_itself)
        conn_detached(io->shim, io->task);
    stdio_update(io);
    container_settle(io->shim);
}

static void on_client(void *arg, uint32_t events);

/* A hang-up is reported over and over: until stdin has room again the socket is not looked at. */
static void park(struct client *c)
{
    c->parked = true;
    loop_io_del(c->watch);
    c->watch = NULL;
}

static void unpark(struct client *c)
{
    c->watch = loop_io_add(c->io->shim->loop, c->fd, EPOLLIN, on_client, c);
    c->events = EPOLLIN;
    c->parked = !c->watch;
}

static void watch(struct client *c)
{
    if (c->parked && c->io->in_buf.len == 0)
        unpark(c);
    if (c->parked)
        return;
    bool take_input = c->in && !c->in_eof && c->io->in_buf.len == 0;
    uint32_t want = (take_input ? EPOLLIN : 0u) | (waiting(c) ? EPOLLOUT : 0u);
    if (want != c->events && loop_io_set(c->watch, want) == 0)
        c->events = want;
}

/* 1: all gone out or it has to wait; 0: the client is gone. */
static int push(struct client *c)
{
    while (waiting(c)) {
        ssize_t n = send(c->fd, c->pending.s + c->off, waiting(c), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            break;
        if (n < 0)
            return 0;
        c->off += (size_t)n;
    }
    if (c->off == c->pending.len) {
        buf_fini(&c->pending);
        c->off = 0;
    } else if (c->off > CLIENT_MAX / 4) {
        memmove(c->pending.s, c->pending.s + c->off, waiting(c));
        c->pending.len -= c->off;
        c->off = 0;
    }
    return 1;
}

static void take_input(struct client *c)
{
    char chunk[INPUT_CHUNK];
    ssize_t n = recv(c->fd, chunk, sizeof(chunk), MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    struct stdio *io = c->io;
    if (n > 0) {
        stdio_input(io, chunk, (size_t)n);
    } else {
        c->in_eof = true;
        if (io->close_on_eof && !other_input(io))
            stdio_input(io, NULL, 0);
    }
    clients_update(io);
}

static void on_client(void *arg, uint32_t events)
{
    struct client *c = arg;
    if (events & EPOLLOUT || (c->closing && waiting(c))) {
        if (!push(c)) {
            client_gone(c, !c->closing);
            return;
        }
        if (c->closing && !waiting(c)) {
            client_gone(c, false);
            return;
        }
        stdio_update(c->io);
    }
    /* Input first: a client may have sent its last words and closed. */
    if (events & EPOLLIN && c->in && !c->in_eof) {
        take_input(c);
        return;
    }
    if (events & (EPOLLHUP | EPOLLERR)) {
        if (c->in && !c->in_eof && c->io->in_buf.len > 0 && !(events & EPOLLERR))
            park(c);
        else
            client_gone(c, !c->closing);
        return;
    }
    watch(c);
}

int stdio_attach(struct stdio *io, int fd, bool in, bool out, bool errs, struct err *err)
{
    struct client *c = xcalloc(1, sizeof(*c));
    *c = (struct client){
        .io = io, .fd = fd, .in = in, .out = out, .errs = errs, .next = io->clients};
    c->events = in ? EPOLLIN : 0;
    c->watch = loop_io_add(io->shim->loop, fd, c->events, on_client, c);
    if (!c->watch) {
        int r = -errno;
        close_fd(fd);
        free(c);
        return err_errno(err, r, "watching the attached stream");
    }
    io->clients = c;
    if (io->ended)
        clients_close(io);
    else
        watch(c);
    return 0;
}

static void frame_header(char h[8], int stream, size_t n)
{
    memset(h, 0, 8);
    h[0] = (char)stream;
    for (int i = 0; i < 4; i++)
        h[7 - i] = (char)(n >> (8 * i) & 0xff);
}

void client_output(struct stdio *io, int stream, const char *data, size_t n)
{
    char header[8];
    frame_header(header, stream, n);
    for (struct client *c = io->clients, *next; c; c = next) {
        next = c->next;
        if (!(stream == 1 ? c->out : c->errs))
            continue;
        if (!io->tty)
            buf_add(&c->pending, header, sizeof(header));
        buf_add(&c->pending, data, n);
        if (!push(c))
            client_gone(c, true);
        else
            watch(c);
    }
}

bool clients_are_slow(const struct stdio *io)
{
    for (const struct client *c = io->clients; c; c = c->next)
        if (waiting(c) > CLIENT_SLOW)
            return true;
    return false;
}

void clients_update(struct stdio *io)
{
    for (struct client *c = io->clients; c; c = c->next)
        watch(c);
}

void clients_close(struct stdio *io)
{
    for (struct client *c = io->clients, *next; c; c = next) {
        next = c->next;
        c->closing = true;
        c->in_eof = true;
        if (!push(c) || !waiting(c))
            client_gone(c, false);
        else
            watch(c);
    }
}

void clients_free(struct stdio *io)
{
    while (io->clients)
        client_free(io->clients);
}

json_t *clients_save(const struct stdio *io, struct saving *v)
{
    json_t *list = json_array();
    for (const struct client *c = io->clients; c; c = c->next) {
        json_t *o = json_object();
        save_fd(v, o, "fd", c->fd);
        json_put_bool(o, "in", c->in);
        json_put_bool(o, "out", c->out);
        json_put_bool(o, "err", c->errs);
        json_put_bool(o, "in_eof", c->in_eof);
        json_put_bool(o, "closing", c->closing);
        save_blob(v, o, "pending", c->pending.s + c->off, waiting(c));
        json_push_take(list, o);
    }
    return list;
}

void clients_load(struct stdio *io, const json_t *list, const struct restoring *r)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *o = json_array_get(list, i);
        int fd = restore_fd(o, "fd");
        struct client *c = xcalloc(1, sizeof(*c));
        *c = (struct client){.io = io,
                             .fd = fd,
                             .in = json_bool(o, "in", false),
                             .out = json_bool(o, "out", false),
                             .errs = json_bool(o, "err", false),
                             .in_eof = json_bool(o, "in_eof", false),
                             .closing = json_bool(o, "closing", false),
                             .next = io->clients};
        struct blob pending = restore_blob(r, o, "pending");
        if (pending.n)
            buf_add(&c->pending, pending.data, pending.n);
        c->watch = fd < 0 ? NULL : loop_io_add(io->shim->loop, fd, 0, on_client, c);
        if (!c->watch) {
            close_fd(fd);
            buf_fini(&c->pending);
            free(c);
            continue;
        }
        io->clients = c;
        watch(c);
    }
}
