/* SPDX-License-Identifier: Apache-2.0 */
/* Control connections: frames in, answers and events out. */
#include "shim/conn.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/frame.h"
#include "base/json.h"
#include "base/log.h"
#include "build-config.h"
#include "shim/check.h"

struct conn {
    struct shim *shim;
    struct conn *next;
    int fd;
    struct loop_io *watch;
    struct frame_reader in;
    bool first, listens;
};

static void forget_pending(struct pending *p, const struct conn *c)
{
    if (p->conn == c)
        *p = (struct pending){0};
}

static void conn_free(struct conn *c)
{
    struct shim *s = c->shim;
    struct conn **at = &s->conns;
    while (*at != c)
        at = &(*at)->next;
    *at = c->next;
    forget_pending(&s->prepare, c);
    forget_pending(&s->go, c);
    forget_pending(&s->abort, c);
    forget_pending(&s->upgrade, c);
    for (struct exec *x = s->execs; x; x = exec_next(x))
        forget_pending(exec_pending(x), c);
    check_forsake(s, c);
    loop_io_del(c->watch);
    close_fd(c->fd);
    frame_reader_fini(&c->in);
    free(c);
}

static void conn_lost(struct conn *c)
{
    struct shim *s = c->shim;
    bool first = c->first;
    conn_free(c);
    /* Whoever wanted this container is gone before it said go, and nobody else can. */
    if (first && s->phase < PHASE_STARTING)
        container_abort(s);
}

static void send_on(struct conn *c, const json_t *msg, int fd)
{
    int r = frame_send(c->fd, msg, &fd, fd >= 0 ? 1 : 0);
    if (r < 0)
        log_debug("a control connection is gone: errno %d", -r);
}

static void send_reply(struct conn *c, int64_t seq, json_t *reply, int fd, const struct err *why)
{
    json_put_str(reply, "type", "reply");
    json_put_int(reply, "seq", seq);
    json_put_int(reply, "error", why ? -why->code : 0);
    if (why && why->code)
        json_put_str(reply, "message", err_msg(why));
    send_on(c, reply, fd);
    json_decref(reply);
}

void pending_reply(struct pending *p, json_t *reply, const struct err *why)
{
    if (!reply)
        reply = json_object();
    if (p->conn && p->seq)
        send_reply(p->conn, p->seq, reply, -1, why);
    else
        json_decref(reply);
    *p = (struct pending){0};
}

void pending_fail(struct pending *p, const struct err *why, int exit_code)
{
    json_t *reply = json_object();
    json_put_int(reply, "exit_code", exit_code);
    pending_reply(p, reply, why);
}

void conn_broadcast(struct shim *s, json_t *event)
{
    for (struct conn *c = s->conns; c; c = c->next)
        if (c->listens)
            send_on(c, event, -1);
    json_decref(event);
}

void conn_log_error(struct shim *s, const char *driver, const char *message, const char *now)
{
    json_t *event = json_object();
    json_put_str(event, "type", "log_error");
    json_put_str(event, "driver", driver);
    json_put_str(event, "message", message);
    if (now)
        json_put_str(event, "now", now);
    for (struct conn *c = s->conns; c; c = c->next)
        if (c->listens) {
            conn_broadcast(s, event);
            return;
        }
    json_decref(s->log_note);
    s->log_note = event;
}

void conn_detached(struct shim *s, const struct task *t)
{
    json_t *event = json_object();
    json_put_str(event, "type", "detached");
    const char *id = exec_id_of(s, t);
    if (id)
        json_put_str(event, "exec", id);
    conn_broadcast(s, event);
}

void conn_subscribe(struct conn *c)
{
    struct shim *s = c->shim;
    if (c->listens)
        return;
    c->listens = true;
    if (s->log_note)
        send_on(c, s->log_note, -1);
    json_decref(steal_ptr(&s->log_note));
    for (struct exec *x = s->execs; x; x = exec_next(x)) {
        json_auto_t *event = exec_exit_event(x);
        if (event)
            send_on(c, event, -1);
    }
    if (s->phase != PHASE_EXITED)
        return;
    json_auto_t *event = json_object();
    json_put_str(event, "type", "exited");
    json_put_take(event, "exit", state_exit(s));
    send_on(c, event, -1);
}

/* The kernel hands out a frame and the descriptors of the one behind it together. Who sends one without waiting for the answer to the
 * other says how many each has. */
static void take_fds(struct conn *c, struct request *rq)
{
    int64_t n = json_int(rq->msg, "fds", -1);
    if (n < 0 || n > (int64_t)ARRAY_SIZE(rq->fds))
        rq->nfds = frame_take_fds(&c->in, rq->fds, ARRAY_SIZE(rq->fds));
    else
        rq->nfds = frame_claim_fds(&c->in, rq->fds, (size_t)n);
}

static void handle(struct conn *c, const json_t *msg)
{
    _cleanup_(err_fini) struct err why = {0};
    struct request rq = {.shim = c->shim,
                         .conn = c,
                         .msg = msg,
                         .reply = json_object(),
                         .reply_fd = -1,
                         .seq = json_int(msg, "seq", 0)};
    take_fds(c, &rq);
    int r = verb_run(&rq, &why);
    for (size_t i = 0; i < rq.nfds; i++)
        close_fd(rq.fds[i]);
    if (rq.deferred || (rq.seq == 0 && r == 0)) {
        json_decref(rq.reply);
        return;
    }
    if (r < 0 && rq.exit_code)
        json_put_int(rq.reply, "exit_code", rq.exit_code);
    send_reply(c, rq.seq, rq.reply, rq.reply_fd, r < 0 ? &why : NULL);
    if (str_eq(json_str(msg, "type", NULL), "hello") && r == 0)
        conn_subscribe(c);
}

static void on_conn(void *arg, uint32_t events)
{
    struct conn *c = arg;
    json_t *msg = NULL;
    int got = frame_fill(&c->in, c->fd);
    if (got == -EAGAIN)
        return;
    int whole = 0;
    while (got > 0 && (whole = frame_next(&c->in, &msg)) > 0) {
        handle(c, msg);
        json_decref(msg);
    }
    if (got <= 0 || whole < 0)
        conn_lost(c);
}

static struct conn *conn_new(struct shim *s, int fd, bool first)
{
    struct conn *c = xcalloc(1, sizeof(*c));
    *c = (struct conn){.shim = s, .fd = fd, .first = first, .next = s->conns};
    c->watch = loop_io_add(s->loop, fd, EPOLLIN, on_conn, c);
    if (c->watch)
        return s->conns = c;
    close_fd(fd);
    free(c);
    return NULL;
}

int conn_add(struct shim *s, int fd, bool first)
{
    struct conn *c = conn_new(s, fd, first);
    if (!c)
        return -errno;
    json_auto_t *hello = json_object();
    json_put_str(hello, "type", "hello");
    json_put_int(hello, "protocol", SHIM_PROTOCOL);
    json_put_int(hello, "minor", SHIM_MINOR);
    json_put_str(hello, "build", BERTH_VERSION);
    json_put_int(hello, "pid", getpid());
    json_put_str(hello, "id", s->id);
    send_on(c, hello, -1);
    return 0;
}

static void on_listener(void *arg, uint32_t events)
{
    struct shim *s = arg;
    int fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd >= 0)
        conn_add(s, fd, false);
}

int conn_listen(struct shim *s, struct err *err)
{
    if (s->listener < 0)
        s->listener = frame_listen_at(s->rundir, "sock", 0600);
    if (s->listener < 0)
        return err_errno(err, s->listener, "listening on sock in the run directory");
    s->listener_io = loop_io_add(s->loop, s->listener, EPOLLIN, on_listener, s);
    if (!s->listener_io)
        return err_errno(err, -errno, "watching sock");
    return 0;
}

void conns_free(struct shim *s)
{
    while (s->conns)
        conn_free(s->conns);
}

/* --- for the next image */

json_t *conns_save(const struct shim *s, struct saving *v)
{
    json_t *list = json_array();
    for (const struct conn *c = s->conns; c; c = c->next) {
        json_t *o = json_object(), *fds = json_array();
        save_fd(v, o, "fd", c->fd);
        json_put_bool(o, "first", c->first);
        json_put_bool(o, "listens", c->listens);
        if (s->upgrade.conn == c)
            json_put_int(o, "upgrade", s->upgrade.seq);
        save_blob(v, o, "in", c->in.in.s, c->in.in.len);
        for (size_t i = 0; i < c->in.nfds; i++) {
            json_t *one = json_object();
            save_fd(v, one, "fd", c->in.fds[i]);
            json_push_take(fds, one);
        }
        json_put_take(o, "fds", fds);
        json_push_take(list, o);
    }
    return list;
}

void conns_load(struct shim *s, const json_t *list, const struct restoring *r)
{
    for (size_t i = json_array_size(list); i-- > 0;) {
        const json_t *o = json_array_get(list, i), *fds = json_arr(o, "fds");
        int fd = restore_fd(o, "fd");
        struct conn *c = fd < 0 ? NULL : conn_new(s, fd, json_bool(o, "first", false));
        if (!c)
            continue;
        c->listens = json_bool(o, "listens", false);
        struct blob in = restore_blob(r, o, "in");
        if (in.n)
            buf_add(&c->in.in, in.data, in.n);
        for (size_t k = 0; k < json_array_size(fds) && k < FRAME_FDS_MAX; k++)
            c->in.fds[c->in.nfds++] = restore_fd(json_array_get(fds, k), "fd");
        if (json_int(o, "upgrade", 0))
            s->upgrade = (struct pending){c, json_int(o, "upgrade", 0)};
    }
}
