/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon's side of netd: connections and the table of requests. */
#include "netd/server.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "build-config.h"

#include "base/frame.h"
#include "base/json.h"
#include "base/log.h"
#include "netd/hold.h"
#include "netd/protocol.h"

struct client {
    struct server *server;
    struct client *prev, *next;
    int fd;
    pid_t pid; /* who connected */
    struct loop_io *io;
    struct frame_reader reader;
};

struct server {
    struct loop *loop;
    struct holds *holds;
    struct client *clients;
    struct loop_io *io;
    struct loop_timer *idle;
    int64_t idle_ms;
    int fd, dirfd;
};

/* --- leaving when there is nothing to do */

static void idle_over(void *arg)
{
    struct server *s = arg;
    s->idle = NULL;
    loop_quit(s->loop, 0);
}

static void idle_check(void *arg)
{
    struct server *s = arg;
    bool busy = s->clients || holds_count(s->holds) > 0;
    if (busy && s->idle) {
        loop_timer_del(s->idle);
        s->idle = NULL;
    } else if (!busy && !s->idle) {
        s->idle = loop_timer_add(s->loop, s->idle_ms, idle_over, s);
    }
}

/* --- requests: each fills `reply` or fails with words */

static int on_hello(struct client *c, const json_t *msg, json_t *reply, struct err *err)
{
    int64_t theirs = json_int(msg, "protocol", 0);
    if (theirs != NETD_PROTOCOL)
        return err_set(err, -EPROTO, "this netd speaks protocol %d, not %d", NETD_PROTOCOL,
                       (int)theirs);
    json_put_int(reply, "protocol", NETD_PROTOCOL);
    json_put_int(reply, "minor", NETD_PROTOCOL_MINOR);
    json_put_str(reply, "build", BERTH_VERSION);
    json_put_int(reply, "pid", getpid());
    return 0;
}

static int request_id(const json_t *msg, const char **id, struct err *err)
{
    *id = json_str(msg, "id", NULL);
    return *id && **id ? 0 : err_set(err, -EINVAL, "the request names no container");
}

static int on_reserve(struct client *c, const json_t *msg, json_t *reply, struct err *err)
{
    const char *id;
    json_t *ports = NULL;
    int r = request_id(msg, &id, err);
    if (r == 0)
        r = holds_reserve(c->server->holds, id, c->pid, json_arr(msg, "ports"), &ports, err);
    if (r == 0)
        json_put_take(reply, "ports", ports);
    return r;
}

static int on_watch(struct client *c, const json_t *msg, json_t *reply, struct err *err)
{
    const char *id;
    int64_t pid = json_int(msg, "pid", 0), start = json_int(msg, "start", 0);
    int r = request_id(msg, &id, err);
    if (r == 0 && (pid < 1 || pid > INT32_MAX || start < 0))
        r = err_set(err, -EINVAL, "the request names no process");
    return r < 0 ? r : holds_watch(c->server->holds, id, (pid_t)pid, start, err);
}

static int on_release(struct client *c, const json_t *msg, json_t *reply, struct err *err)
{
    const char *id;
    int r = request_id(msg, &id, err);
    if (r == 0)
        holds_release(c->server->holds, id);
    return r;
}

static int on_state(struct client *c, const json_t *msg, json_t *reply, struct err *err)
{
    json_put_take(reply, "holders", holds_state(c->server->holds));
    return 0;
}

static int on_shutdown(struct client *c, const json_t *msg, json_t *reply, struct err *err)
{
    loop_quit(c->server->loop, 0);
    return 0;
}

static const struct {
    const char *type;
    int (*fn)(struct client *c, const json_t *msg, json_t *reply, struct err *err);
} requests[] = {
    {"hello", on_hello},     {"reserve", on_reserve}, {"watch", on_watch},
    {"release", on_release}, {"state", on_state},     {"shutdown", on_shutdown},
};

static int request_run(struct client *c, const json_t *msg, json_t *reply, struct err *err)
{
    const char *type = json_str(msg, "type", "");
    for (size_t i = 0; i < ARRAY_SIZE(requests); i++)
        if (strcmp(requests[i].type, type) == 0)
            return requests[i].fn(c, msg, reply, err);
    return err_set(err, -EOPNOTSUPP, "this netd knows no request \"%.40s\"", type);
}

/* What has no number wants no answer: messages of a later protocol pass by. */
static int client_answer(struct client *c, const json_t *msg)
{
    _cleanup_(err_fini) struct err err = {0};
    json_auto_t *reply = json_object();
    int r = request_run(c, msg, reply, &err);
    int64_t seq = json_int(msg, "seq", 0);
    if (seq <= 0)
        return 0;
    json_put_str(reply, "type", "reply");
    json_put_int(reply, "seq", seq);
    json_put_int(reply, "error", -r);
    if (r < 0)
        json_put_str(reply, "message", err_msg(&err));
    return frame_send(c->fd, reply, NULL, 0);
}

/* --- connections */

static void client_free(struct client *c)
{
    struct server *s = c->server;
    loop_io_del(c->io);
    close_fd(c->fd);
    frame_reader_fini(&c->reader);
    if (c->prev)
        c->prev->next = c->next;
    else
        s->clients = c->next;
    if (c->next)
        c->next->prev = c->prev;
    free(c);
}

static void client_event(void *arg, uint32_t events)
{
    (void)events;
    struct client *c = arg;
    struct server *s = c->server;
    int r = frame_fill(&c->reader, c->fd);
    if (r == -EAGAIN)
        return;
    bool closed = r <= 0;
    for (json_t *msg; !closed && (r = frame_next(&c->reader, &msg)) != 0;) {
        closed = r < 0 || client_answer(c, msg) < 0;
        if (r > 0)
            json_decref(msg);
    }
    int none[1];
    frame_take_fds(&c->reader, none, 0); /* no request has descriptors: what came is closed */
    if (closed)
        client_free(c);
    idle_check(s);
}

static void server_event(void *arg, uint32_t events)
{
    (void)events;
    struct server *s = arg;
    _cleanup_(closep) int fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    struct ucred who;
    socklen_t n = sizeof(who);
    if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &n) < 0 || who.uid != 0)
        return;
    struct client *c = xcalloc(1, sizeof(*c));
    *c = (struct client){.server = s, .next = s->clients, .fd = fd, .pid = who.pid};
    c->io = loop_io_add(s->loop, fd, EPOLLIN, client_event, c);
    if (!c->io) {
        free(c);
        return;
    }
    steal_fd(&fd);
    if (s->clients)
        s->clients->prev = c;
    s->clients = c;
    idle_check(s);
}

struct server *server_open(struct loop *l, int dirfd, int64_t idle_ms)
{
    struct server *s = xcalloc(1, sizeof(*s));
    *s = (struct server){.loop = l, .dirfd = dirfd, .idle_ms = idle_ms};
    s->holds = holds_open(l, dirfd, idle_check, s);
    s->fd = frame_listen_at(dirfd, NETD_SOCK, 0600);
    s->io = s->fd < 0 ? NULL : loop_io_add(l, s->fd, EPOLLIN, server_event, s);
    if (!s->io) {
        int why = s->fd < 0 ? -s->fd : errno;
        server_free(s);
        errno = why;
        return NULL;
    }
    idle_check(s);
    return s;
}

void server_free(struct server *s)
{
    if (!s)
        return;
    while (s->clients)
        client_free(s->clients);
    if (s->idle)
        loop_timer_del(s->idle);
    if (s->io)
        loop_io_del(s->io);
    close_fd(s->fd);
    holds_free(s->holds);
    free(s);
}
