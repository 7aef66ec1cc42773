/* SPDX-License-Identifier: Apache-2.0 */
/* Re-exec: when, and what goes along. */
#include "shim/reexec.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "shim/fault.h"
#include "shim/logger.h"
#include "shim/shim.h"

#define WAIT_MS 2000 /* for an exec that is being started, and for the driver to finish */

static void on_crash(void *arg, uint32_t events)
{
    struct shim *s = arg;
    uint64_t n;
    (void)events;
    ssize_t ignored = read(s->reexec_wake, &n, sizeof(n));
    (void)ignored;
    if (s->phase < PHASE_STARTING || s->phase == PHASE_ENDING) {
        fault_stand_still();
        container_log_crashed(s, fault_signal());
        return;
    }
    reexec_ask(s, REEXEC_CRASH, -1);
}

int reexec_open(struct shim *s, const struct restoring *before, struct err *err)
{
    int r = fault_open(s->id, s->memfd, before, &s->reexec_wake, err);
    if (r < 0)
        return r;
    s->reexec_io = loop_io_add(s->loop, s->reexec_wake, EPOLLIN, on_crash, s);
    return s->reexec_io ? 0 : err_errno(err, -errno, "watching for a crash of the log driver");
}

void reexec_close(struct shim *s)
{
    if (s->reexec_io)
        loop_io_del(s->reexec_io);
    fault_close();
    free(s->plan_text);
}

/* --- saving */

void save_fd(struct saving *v, json_t *o, const char *key, int fd)
{
    json_put_int(o, key, fd);
    if (fd < 0)
        return;
    if (v->nfds == v->cap) {
        v->cap = v->cap ? v->cap * 2 : 32;
        v->fds = xrealloc(v->fds, v->cap * sizeof(int));
    }
    v->fds[v->nfds++] = fd;
}

void save_blob(struct saving *v, json_t *o, const char *key, const void *data, size_t n)
{
    struct section s = {.type = SECTION_BLOB, .len = n};
    if (n == 0)
        return;
    buf_add(&v->blobs, &s, sizeof(s));
    buf_add(&v->blobs, data, n);
    json_put_int(o, key, (int64_t)v->nblobs++);
}

static void lay_ready(struct shim *s, struct saving *v)
{
    json_auto_t *doc = shim_save(s, v), *open = json_array();
    for (size_t i = 0; i < v->nfds; i++)
        json_push_take(open, json_integer(v->fds[i]));
    json_put(doc, "open", open);
    if (!s->plan_text)
        s->plan_text = json_text(s->plan->json);
    struct laid *l = xcalloc(1, sizeof(*l));
    *l = (struct laid){.doc = json_text(doc),
                       .fds = steal_ptr(&v->fds),
                       .nfds = v->nfds,
                       .plan = s->plan_text,
                       .plan_len = strlen(s->plan_text),
                       .program = s->plan,
                       .log = s->log};
    l->doc_len = strlen(l->doc);
    fault_lay(l);
}

void reexec_snapshot(struct shim *s)
{
    if (s->phase < PHASE_RUNNING || s->phase == PHASE_ENDING || fault_file() < 0)
        return;
    struct saving v = {0};
    lay_ready(s, &v);
}

/* --- the orderly way */

bool reexec_is_pending(const struct shim *s)
{
    return s->reexec != REEXEC_NONE;
}

static void run(struct shim *s)
{
    struct saving v = {.full = true};
    if (s->log && !logger_freeze(s->log))
        return; /* a lock died with the thread: its handler does the rest */
    lay_ready(s, &v);
    int r = fault_replace(s->reexec, s->image, &v.blobs);
    log_error("container %s: the shim cannot be replaced: %s", s->id, strerror(-r));
    signal(SIGABRT, SIG_DFL);
    raise(SIGABRT);
}

static bool is_half_way(const struct shim *s)
{
    for (struct exec *x = s->execs; x; x = exec_next(x))
        if (exec_task(x)->sync >= 0 && !exec_is_check(x))
            return true;
    return s->phase == PHASE_STARTING;
}

static void on_turn(void *arg)
{
    struct shim *s = arg;
    s->reexec_turn = NULL;
    if (s->phase == PHASE_STARTING || s->phase == PHASE_ENDING)
        return; /* the end of the start comes back to here */
    int64_t left_ns = s->reexec_deadline_ns - time_mono_ns();
    bool finishing = s->reexec == REEXEC_UPGRADE || s->reexec == REEXEC_MEMORY;
    bool drained = !finishing || !s->log || logger_is_finished(s->log);
    if (left_ns <= 0 || (drained && !is_half_way(s)))
        run(s);
    else
        s->reexec_turn = loop_timer_add(s->loop, left_ns / NS_PER_MS + 1, on_turn, s);
}

void reexec_check(struct shim *s)
{
    if (!reexec_is_pending(s))
        return;
    if (s->reexec_turn)
        loop_timer_del(s->reexec_turn);
    s->reexec_turn = loop_timer_add(s->loop, 0, on_turn, s);
}

void reexec_ask(struct shim *s, enum reexec_cause cause, int image)
{
    if (cause == REEXEC_CRASH || s->reexec == REEXEC_NONE)
        s->reexec = cause;
    if (image >= 0)
        s->image = image;
    s->reexec_deadline_ns = time_mono_ns() + WAIT_MS * NS_PER_MS;
    if (s->log && (cause == REEXEC_UPGRADE || cause == REEXEC_MEMORY))
        logger_finish(s->log);
    if (s->init)
        stdio_update(&s->init->io);
    reexec_check(s);
}
