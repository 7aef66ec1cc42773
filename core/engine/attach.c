/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attach
 *
 * A client gets one end of a socket pair; the other goes to the shim: at once when the container runs, else when it is started. What was
 * logged so far is written by a thread first, so that a client which does not read holds up nobody.
 */
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mux.h"
#include "engine/internal.h"
#include "engine/live.h"

#define REPLAY_BATCH (64u << 10)

struct pending_attach {
    struct pending_attach *next;
    char *id;
    struct shim_attach streams;
    int fd; /* the shim's end */
};

static void pending_free(struct pending_attach *p)
{
    close_fd(p->fd);
    free(p->id);
    free(p);
}

static void pending_give(struct pending_attach *p, struct shim *shim)
{
    _cleanup_(err_fini) struct err err = {0};
    if (shim && shim_attach(shim, NULL, &p->streams, p->fd, &err) < 0)
        log_warn("attaching to container %s: %s", p->id, err_msg(&err));
    pending_free(p);
}

static struct pending_attach *pending_take(struct engine *e, const char *id)
{
    pthread_mutex_lock(&e->lock);
    struct pending_attach **at = &e->attaches;
    while (*at && id && !str_eq((*at)->id, id))
        at = &(*at)->next;
    struct pending_attach *p = *at;
    if (p)
        *at = p->next;
    pthread_mutex_unlock(&e->lock);
    return p;
}

void attaches_deliver(struct engine *e, const char *id, struct shim *shim)
{
    struct pending_attach *p;
    while ((p = pending_take(e, id)))
        pending_give(p, shim);
}

/* True where a client is still at the other end. */
static bool peer_lives(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLRDHUP};
    return poll(&p, 1, 0) <= 0 || !(p.revents & (POLLRDHUP | POLLHUP | POLLERR));
}

/* Those whose client has left hold a descriptor for nothing. With the lock held. */
static struct pending_attach *pending_prune(struct engine *e)
{
    struct pending_attach *dead = NULL, **at = &e->attaches;
    while (*at) {
        struct pending_attach *p = *at;
        if (peer_lives(p->fd)) {
            at = &p->next;
            continue;
        }
        *at = p->next;
        p->next = dead;
        dead = p;
    }
    return dead;
}

static void pending_add(struct engine *e, struct pending_attach *p)
{
    pthread_mutex_lock(&e->lock);
    struct pending_attach *dead = pending_prune(e);
    p->next = e->attaches;
    e->attaches = p;
    pthread_mutex_unlock(&e->lock);
    while (dead) {
        struct pending_attach *next = dead->next;
        pending_free(dead);
        dead = next;
    }
}

/* To the shim when it is there, else kept for the start. */
static void attach_now(struct engine *e, struct pending_attach *p)
{
    _cleanup_(state_container_freep) struct state_container *row = NULL;
    _cleanup_(shim_unrefp) struct shim *shim = NULL;
    if (state_container_get(e->state, p->id, &row, NULL) == 0 &&
        live_shim(e, row, &shim, NULL) == 0)
        pending_give(p, shim);
    else
        pending_add(e, p);
}

/* --- what was logged before */
struct replay {
    struct engine *engine;
    struct pending_attach *pending;
    bool tty, stream;
    struct buf out;
};

static int replay_write(struct replay *r)
{
    int c = r->out.len ? fs_write_all(r->pending->fd, r->out.s, r->out.len) : 0;
    buf_reset(&r->out);
    return c;
}

static int replay_line(void *ctx, const struct log_line *line)
{
    struct replay *r = ctx;
    unsigned char head[MUX_HEAD];
    mux_head(head, line->stream, log_line_len(line));
    if (!r->tty)
        buf_add(&r->out, head, sizeof(head));
    buf_add(&r->out, line->head, line->head_len);
    buf_add(&r->out, line->text, line->text_len);
    if (line->newline)
        buf_addc(&r->out, '\n');
    return r->out.len >= REPLAY_BATCH ? replay_write(r) : 0;
}

static void *replay_main(void *arg)
{
    struct replay *r = arg;
    _cleanup_(err_fini) struct err err = {0};
    const struct shim_attach *streams = &r->pending->streams;
    struct log_query query = {
        .stdout_on = streams->stdout_on, .stderr_on = streams->stderr_on, .tail = -1};
    const struct log_sink sink = {.ctx = r, .line = replay_line};
    int c = engine_container_logs(r->engine, r->pending->id, &query, -1, &sink, &err);
    (void)replay_write(r); /* a client that has left is seen by who goes on with the socket */
    if (c < 0)
        log_warn("replaying the log of container %s: %s", r->pending->id, err_msg(&err));
    if (r->stream)
        attach_now(r->engine, r->pending);
    else
        pending_free(r->pending);
    background_end(r->engine);
    buf_fini(&r->out);
    free(r);
    return NULL;
}

static int replay_start(struct engine *e, struct pending_attach *p, bool tty, bool stream,
                        struct err *err)
{
    struct replay *r = xcalloc(1, sizeof(*r));
    *r = (struct replay){.engine = e, .pending = p, .tty = tty, .stream = stream};
    int ret = background_start(e, replay_main, r, err);
    if (ret < 0) {
        pending_free(p);
        free(r);
    }
    return ret;
}

int engine_container_attach(struct engine *e, const char *ref, const struct attach_opts *opts,
                            int *fd, bool *tty, struct err *err)
{
    _cleanup_(state_container_freep) struct state_container *row = NULL;
    int r = state_container_find(e->state, ref, &row, err);
    if (r < 0)
        return r;
    if (str_eq(row->status, "paused"))
        return err_set(err, -EBUSY, "container %s is paused, unpause the container before attach",
                       ref);
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return err_errno(err, -errno, "attaching to container %s", ref);
    _cleanup_(closep) int ours = pair[0];
    struct pending_attach *p = xcalloc(1, sizeof(*p));
    *p = (struct pending_attach){
        .id = xstrdup(row->id),
        .fd = pair[1],
        .streams = {.stdin_on = opts->stdin_on && json_bool(row->config, "OpenStdin", false),
                    .stdout_on = opts->stdout_on,
                    .stderr_on = opts->stderr_on}};
    *tty = json_bool(row->config, "Tty", false);
    container_event(e, row, "attach", NULL);
    if (opts->logs)
        r = replay_start(e, p, *tty, opts->stream, err);
    else if (opts->stream)
        attach_now(e, p);
    else
        pending_free(p);
    if (r == 0)
        *fd = steal_fd(&ours);
    return r;
}
