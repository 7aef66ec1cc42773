/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The container's life: prepare, go, run, exit, release
 *
 * An exit is told only when it is complete: init reaped, output read to its end, the log flushed, and `exit` in the run
 * directory.
 */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/str.h"
#include "shim/conn.h"
#include "shim/logger.h"
#include "shim/shim.h"

#define DRAIN_MS  200  /* for output that a process outside of the container still holds */
#define FLUSH_MS  2000 /* for the log driver, before the exit is told */
#define LINGER_MS 3000 /* for a log driver that is still writing after release */

bool container_is_up(const struct shim *s)
{
    return s->phase == PHASE_RUNNING;
}

/* --- prepare and go */

static void cancel(struct pending *p)
{
    _cleanup_(err_fini) struct err why = {0};
    if (!p->seq)
        return;
    err_set(&why, -ECANCELED, "the container was aborted");
    pending_fail(p, &why, 128);
}

/* Nothing is left to do here but to wait for init's end. */
static void end_shim(struct shim *s)
{
    s->phase = PHASE_ENDING;
    cancel(&s->prepare);
    cancel(&s->go);
    if (s->init && s->init->pid > 0 && !s->init->reaped) {
        task_kill(s->init, SIGKILL);
        return;
    }
    if (s->abort.seq)
        pending_reply(&s->abort, NULL, NULL);
    loop_quit(s->loop, 0);
}

void container_abort(struct shim *s)
{
    end_shim(s);
}

static void tell_exit(struct shim *s);

/* Who said go is not there any more: the next berthd finds it as an exit. */
static void fail_unheard(struct shim *s, const struct err *why, int exit_code)
{
    s->exit = (struct exit_info){
        .code = exit_code, .time_ns = time_now_ns(), .error = xstrdup(err_msg(why))};
    if (s->log)
        logger_finish(s->log);
    tell_exit(s);
}

/* The container cannot be: says so to who waits, or keeps it for the `go` that is to come. */
static void give_up(struct shim *s, const struct err *why, int exit_code)
{
    log_error("container %s: %s", s->id, err_msg(why));
    bool waited_for = s->prepare.seq || s->go.seq;
    if (s->prepare.seq)
        pending_fail(&s->prepare, why, exit_code);
    if (s->go.seq)
        pending_fail(&s->go, why, exit_code);
    if (waited_for) {
        end_shim(s);
    } else if (s->phase == PHASE_STARTING) {
        fail_unheard(s, why, exit_code);
    } else if (!s->failure.code) {
        err_set(&s->failure, why->code, "%s", err_msg(why));
        state_write(s);
    }
}

static int let_go(struct shim *s, struct err *err)
{
    s->phase = PHASE_STARTING;
    int r = task_go(s->init);
    return r < 0 && r != -EPIPE ? err_errno(err, r, "letting the container's process go") : 0;
}

/* `go` has come before this. */
static void go_at_once(struct shim *s)
{
    _cleanup_(err_fini) struct err why = {0};
    if (let_go(s, &why) < 0)
        pending_fail(&s->go, &why, 128);
}

static void check_prepared(struct shim *s)
{
    if (s->phase != PHASE_PREPARING || !s->init_ready || !s->log_ready)
        return;
    s->phase = PHASE_PREPARED;
    if (!s->go.seq)
        state_write(s);
    json_t *reply = json_object();
    json_put_int(reply, "pid", s->init->pid);
    json_put_int(reply, "start", (int64_t)s->init->start);
    pending_reply(&s->prepare, reply, NULL);
    if (s->go.seq)
        go_at_once(s);
}

static void on_init_ready(struct task *t)
{
    t->shim->init_ready = true;
    check_prepared(t->shim);
}

static void on_init_running(struct task *t)
{
    struct shim *s = t->shim;
    if (s->phase == PHASE_ENDING)
        return; /* aborted: it was killed, not run */
    s->phase = PHASE_RUNNING;
    pending_reply(&s->go, NULL, NULL);
    state_write(s);
    /* What the start took of the heap is not needed again, and there is one shim per container. */
    malloc_trim(0);
    reexec_check(s);
}

static void on_init_failed(struct task *t, struct err *why)
{
    if (t->shim->phase < PHASE_RUNNING)
        give_up(t->shim, why, t->exit_code_hint);
}

/* The log cannot go on; the container does. */
static void log_lost(struct shim *s, const char *why)
{
    free(s->log_choice.words);
    s->log_choice.words = xstrdup(why);
    log_error("container %s: %s", s->id, why);
    conn_log_error(s, json_str(s->plan->log, "driver", ""), why, "");
}

static void on_log_opened(void *arg, struct err *why)
{
    struct shim *s = arg;
    s->log_ready = true;
    if (s->phase == PHASE_ENDING)
        return;
    if (why->code && s->phase >= PHASE_RUNNING) /* the fallback, or the driver after an upgrade */
        log_lost(s, err_msg(why));
    else if (why->code)
        give_up(s, why, 128);
    else
        check_prepared(s);
}

static void on_log_error(void *arg, const char *driver, const char *message)
{
    conn_log_error(arg, driver, message, NULL);
}

static void on_log_room(void *arg)
{
    struct shim *s = arg;
    if (s->init)
        stdio_update(&s->init->io);
}

static void finish_exit(struct shim *s);

static void on_log_finished(void *arg)
{
    struct shim *s = arg;
    if (reexec_is_pending(s)) { /* the next image opens it again */
        reexec_check(s);
        return;
    }
    s->log_done = s->log_closed = true;
    finish_exit(s);
    container_settle(s);
}

static void on_log_hung(void *arg)
{
    reexec_ask(arg, REEXEC_HANG, -1);
}

static void on_log_swollen(void *arg)
{
    struct shim *s = arg;
    if (s->phase >= PHASE_RUNNING && !reexec_is_pending(s))
        reexec_ask(s, REEXEC_MEMORY, -1);
}

/* The plan's `log` as the driver's faults have left it; NULL: none. The caller's. */
static json_t *chosen_log(const struct shim *s)
{
    static const char *const shared[] = {"mode", "max_buffer_bytes", "cache"};
    const json_t *log = s->plan->log, *from = log;
    const struct log_choice *c = &s->log_choice;
    bool cached = !c->cache_off && json_obj(log, "cache");
    if (c->stage == LOG_FALLBACK)
        from = json_obj(log, "fallback");
    else if (c->stage == LOG_DROPPED)
        from = cached ? json_obj(log, "cache") : NULL;
    if (!from)
        return NULL;
    json_t *o = json_deep_copy(from);
    for (size_t i = 0; i < ARRAY_SIZE(shared); i++)
        if (json_object_get(log, shared[i]))
            json_put_take(o, shared[i], json_deep_copy(json_object_get(log, shared[i])));
    if (c->stage == LOG_DROPPED || c->cache_off)
        json_object_del(o, "cache");
    return o;
}

bool container_log_can_give_way(const struct shim *s)
{
    const json_t *log = s->plan ? s->plan->log : NULL;
    bool next =
        json_obj(log, "cache") ? !s->log_choice.cache_off : json_obj(log, "fallback") != NULL;
    return s->log && s->log_choice.stage == LOG_DRIVER && next && !reexec_is_pending(s);
}

int container_open_log(struct shim *s, struct err *err)
{
    struct logger_events events = {.arg = s,
                                   .opened = on_log_opened,
                                   .error = on_log_error,
                                   .room = on_log_room,
                                   .finished = on_log_finished,
                                   .hung = on_log_hung,
                                   .swollen = on_log_swollen};
    json_auto_t *log = s->plan->log ? chosen_log(s) : NULL;
    s->log_ready = s->log_done = s->log_closed = !log;
    return log ? logger_start(s->loop, log, s->plan->id, s->plan->instance, &events, &s->log, err)
               : 0;
}

void container_log_crashed(struct shim *s, int sig)
{
    _cleanup_(err_fini) struct err why = {0};
    err_set(&why, -EIO, "failed to initialize logging driver %s: it crashed (signal %d)",
            json_str(s->plan->log, "driver", "?"), sig);
    s->log_ready = true;
    give_up(s, &why, 128);
}

/* Held until the exit was told: freeing them takes the kernel milliseconds, and nobody waits for that then. */
static void hold_namespaces(struct shim *s)
{
    static const char *const names[] = {"mnt", "net", "ipc"};
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        _cleanup_(freep) char *path = str_printf("/proc/%d/ns/%s", (int)s->init->pid, names[i]);
        s->ns[i] = open(path, O_RDONLY | O_CLOEXEC);
    }
}

static void on_init_output_end(struct stdio *io);

/* The program may run as soon as it is set up: `go` has come, and its log is open. */
static bool may_init_go(const struct task *t)
{
    const struct shim *s = t->shim;
    return s->phase == PHASE_PREPARING && s->go.seq && s->log_ready;
}

static void on_init_exit(struct task *t)
{
    container_init_exited(t->shim);
}

void container_new_init(struct shim *s)
{
    s->init = task_new(s, &s->plan->process, false);
    s->init->may_go = may_init_go;
    s->init->on_ready = on_init_ready;
    s->init->on_running = on_init_running;
    s->init->on_failed = on_init_failed;
    s->init->on_exit = on_init_exit;
}

int container_prepare(struct shim *s, json_t *plan, int *fds, size_t nfds, struct err *err)
{
    if (s->phase != PHASE_NEW)
        return err_set(err, -EALREADY, "the container is %s already", state_phase_name(s->phase));
    int r = plan_parse(plan, fds, nfds, &s->plan, err);
    if (r < 0) {
        s->prepare = (struct pending){0}; /* the caller answers */
        end_shim(s);
        return r;
    }
    s->phase = PHASE_PREPARING;
    s->plan->root.tree = early_root_take(s, json_obj(plan, "rootfs"));
    container_new_init(s);
    s->oom = s->plan->oom_path ? oom_open(s, s->plan->oom_path) : NULL;
    r = container_open_log(s, err);
    if (r == 0)
        r = task_launch(s->init, NULL, err);
    close_fd(steal_fd(&s->plan->root.tree)); /* the child's alone */
    if (r < 0) {
        s->prepare = (struct pending){0}; /* the caller answers */
        end_shim(s);
        return r;
    }
    struct stdio *io = &s->init->io;
    io->log = s->log;
    io->close_on_eof =
        s->plan->stdin_once && !io->tty; /* a terminal outlives who detached from it */
    io->on_end = on_init_output_end;
    hold_namespaces(s);
    state_write(s);
    return 0;
}

int container_go(struct shim *s, struct err *err)
{
    if (s->failure.code) {
        s->go = (struct pending){0}; /* the caller answers */
        end_shim(s);
        return err_set(err, s->failure.code, "%s", err_msg(&s->failure));
    }
    if (s->phase == PHASE_PREPARING)
        return 0; /* once it is prepared */
    if (s->phase != PHASE_PREPARED)
        return err_set(err, -EINVAL, "the container is %s, not prepared",
                       state_phase_name(s->phase));
    return let_go(s, err);
}

/* --- exit */

static void tell_exit(struct shim *s)
{
    if (s->exit_timer)
        loop_timer_del(steal_ptr(&s->exit_timer));
    execs_settle(s);
    int r = state_write_exit(s);
    if (r < 0)
        log_error("container %s: writing exit: errno %d", s->id, -r);
    s->phase = PHASE_EXITED;
    json_t *event = json_object();
    json_put_str(event, "type", "exited");
    json_put_take(event, "exit", state_exit(s));
    conn_broadcast(s, event);
    state_write(s);
}

static void finish_exit(struct shim *s)
{
    if (s->phase == PHASE_EXITING && s->output_done && s->log_done)
        tell_exit(s);
}

/* A driver that is slow goes on after the news of the exit; one that takes nothing gives way to the next log before. */
static void on_flush_late(void *arg)
{
    struct shim *s = arg;
    s->exit_timer = NULL;
    if (container_log_can_give_way(s) && logger_progress(s->log) == s->log_progress) {
        reexec_ask(s, REEXEC_HANG, -1);
        return;
    }
    log_warn("container %s: the log driver has not flushed within %d ms", s->id, FLUSH_MS);
    s->log_done = true;
    finish_exit(s);
}

static void flush_log(struct shim *s)
{
    s->log_progress = logger_progress(s->log);
    s->exit_timer = loop_timer_add(s->loop, FLUSH_MS, on_flush_late, s);
    logger_finish(s->log);
}

static void on_init_output_end(struct stdio *io)
{
    struct shim *s = io->shim;
    s->output_done = true;
    if (s->phase != PHASE_EXITING)
        return;
    if (s->exit_timer)
        loop_timer_del(steal_ptr(&s->exit_timer));
    if (s->log && !s->log_done)
        flush_log(s);
    finish_exit(s);
}

static void on_drain_late(void *arg)
{
    struct shim *s = arg;
    s->exit_timer = NULL;
    stdio_cut(&s->init->io);
}

void container_init_exited(struct shim *s)
{
    struct task *t = s->init;
    s->exit_known = true;
    if (s->phase == PHASE_EXITED)
        return; /* it never ran, and that was told */
    s->exit.code = task_exit_code(t, &s->exit.signal);
    s->exit.oom = oom_happened(s->oom);
    s->exit.time_ns = t->exit_ns;
    if (s->phase == PHASE_ENDING) {
        end_shim(s);
        return;
    }
    if (s->phase < PHASE_RUNNING)
        return; /* the hand-shake's end has said why */
    s->phase = PHASE_EXITING;
    s->exit_timer = loop_timer_add(s->loop, DRAIN_MS, on_drain_late, s);
    stdio_finish(&t->io);
}

static void on_linger_late(void *arg)
{
    struct shim *s = arg;
    if (container_log_can_give_way(s)) {
        reexec_ask(s, REEXEC_HANG, -1);
        return;
    }
    log_warn("container %s: the log driver has not taken all of the output", s->id);
    s->log_closed = true;
    container_settle(s);
}

int container_release(struct shim *s, struct err *err)
{
    if (s->phase != PHASE_EXITED)
        return err_set(err, -EBUSY, "the container is %s, it has not exited",
                       state_phase_name(s->phase));
    close_fd(steal_fd(&s->root));
    for (size_t i = 0; i < ARRAY_SIZE(s->ns); i++)
        close_fd(steal_fd(&s->ns[i]));
    s->released = true;
    if (!s->log_closed)
        loop_timer_add(s->loop, LINGER_MS, on_linger_late, s);
    container_settle(s);
    return 0;
}

/* Between init's end and the news of it. */
static void resume_exit(struct shim *s)
{
    struct stdio *io = &s->init->io;
    s->exit_timer = loop_timer_add(s->loop, DRAIN_MS, on_drain_late, s);
    if (io->ended)
        on_init_output_end(io);
    else
        stdio_finish(io);
}

void container_resume(struct shim *s)
{
    struct stdio *io = &s->init->io;
    io->log = s->log;
    io->on_end = on_init_output_end;
    if (s->phase == PHASE_RUNNING) {
        stdio_update(io);
        return;
    }
    io->finishing = true;
    if (s->phase == PHASE_EXITING) {
        resume_exit(s);
        return;
    }
    if (s->log)
        logger_finish(s->log);
    if (s->released && !s->log_closed)
        loop_timer_add(s->loop, LINGER_MS, on_linger_late, s);
    container_settle(s);
}

void container_settle(struct shim *s)
{
    bool attached = s->init && s->init->io.clients;
    for (struct exec *x = s->execs; x; x = exec_next(x))
        attached |= exec_task(x)->io.clients != NULL;
    if (s->released && !attached && s->log_closed)
        loop_quit(s->loop, 0);
}
