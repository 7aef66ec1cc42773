/* SPDX-License-Identifier: Apache-2.0 */
/* Execs: more processes in the container. Each is kept until berthd has taken its exit status. */
#include <errno.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/str.h"
#include "shim/check-group.h"
#include "shim/check.h"
#include "shim/conn.h"
#include "shim/shim.h"

/* As long as Docker waits for output that a process left behind by the exec still holds. */
#define DRAIN_MS 2000
/* Most checks have ended by then: until then their output waits in its pipe. */
#define LAZY_MS 100

struct exec {
    struct shim *shim;
    struct exec *next;
    char *id;
    struct process process;
    struct task *task;
    struct pending owed;
    struct loop_timer *timer;
    struct check *check;        /* it is a health check's: nobody but that hears of it */
    bool failed, exited, ended; /* ended: told, with all output read */
    bool forgotten;
    int code;
};

struct exec *exec_next(struct exec *x)
{
    return x->next;
}

struct pending *exec_pending(struct exec *x)
{
    return &x->owed;
}

struct task *exec_task(struct exec *x)
{
    return x->task;
}

struct exec *exec_find(struct shim *s, const char *id)
{
    for (struct exec *x = s->execs; x; x = x->next)
        if (str_eq(x->id, id))
            return x;
    return NULL;
}

const char *exec_id_of(const struct shim *s, const struct task *t)
{
    for (const struct exec *x = s->execs; x; x = x->next)
        if (x->task == t)
            return x->id;
    return NULL;
}

static void exec_free(struct exec *x)
{
    struct exec **at = &x->shim->execs;
    while (*at && *at != x)
        at = &(*at)->next;
    if (*at)
        *at = x->next;
    if (x->timer)
        loop_timer_del(x->timer);
    if (x->task)
        task_free(x->task);
    process_fini(&x->process);
    free(x->id);
    free(x);
}
DEFINE_CLEANUP(struct exec *, exec_free);

bool exec_is_check(const struct exec *x)
{
    return x->check != NULL;
}

json_t *exec_status(const struct exec *x)
{
    json_t *o = json_object();
    json_put_str(o, "id", x->id);
    json_put_int(o, "pid", x->task->pid);
    json_put_int(o, "start", (int64_t)x->task->start);
    json_put_bool(o, "running", !x->ended);
    json_put_take(o, "exit_code", x->ended ? json_integer(x->code) : json_null());
    json_put_take(o, "time_ns", x->ended ? json_integer(x->task->exit_ns) : json_null());
    return o;
}

json_t *exec_exit_event(const struct exec *x)
{
    if (!x->ended || x->failed || x->check)
        return NULL;
    json_t *event = json_object();
    json_put_str(event, "type", "exec_exited");
    json_put_str(event, "exec", x->id);
    json_put_int(event, "code", x->code);
    json_put_int(event, "time_ns", x->task->exit_ns);
    return event;
}

/* It never ran, it is over, and nobody attached has anything left to read. */
static void forget_when_done(void *arg)
{
    struct exec *x = arg;
    struct shim *s = x->shim;
    x->timer = NULL;
    exec_free(x);
    state_write(s);
    container_settle(s);
}

static void tell_exit(struct exec *x)
{
    if (x->ended || !x->exited)
        return;
    if (x->timer)
        loop_timer_del(steal_ptr(&x->timer));
    x->ended = true;
    if (x->check) {
        check_exited(x->check, x->code);
        return;
    }
    state_write(x->shim);
    json_t *event = exec_exit_event(x);
    if (event)
        conn_broadcast(x->shim, event);
    if (x->failed)
        x->timer = loop_timer_add(x->shim->loop, 0, forget_when_done, x);
}

static void on_output_end(struct stdio *io)
{
    tell_exit(io->task->owner);
}

static void on_drain_late(void *arg)
{
    struct exec *x = arg;
    x->timer = NULL;
    stdio_cut(&x->task->io);
}

static void on_exit_status(struct task *t)
{
    struct exec *x = t->owner;
    int signal;
    x->exited = true;
    if (x->timer)
        loop_timer_del(steal_ptr(&x->timer));
    if (x->check)
        stdio_read_now(&t->io); /* mostly that is all there is, and nobody has to wait for it */
    t->io.lazy = false;
    x->code = x->failed ? t->exit_code_hint : task_exit_code(t, &signal);
    x->timer = loop_timer_add(x->shim->loop, DRAIN_MS, on_drain_late, x);
    stdio_finish(&t->io);
}

static void on_ready(struct task *t)
{
    (void)t; /* an exec does not stop between */
}

static void on_running(struct task *t)
{
    struct exec *x = t->owner;
    if (x->check)
        return;
    json_t *reply = json_object();
    json_put_int(reply, "pid", t->pid);
    json_put_int(reply, "start", (int64_t)t->start);
    state_write(x->shim);
    pending_reply(&x->owed, reply, NULL);
    reexec_check(x->shim);
}

static void on_failed(struct task *t, struct err *why)
{
    struct exec *x = t->owner;
    x->failed = true;
    if (x->check)
        check_failed(x->check, why);
    pending_fail(&x->owed, why, t->exit_code_hint);
    reexec_check(x->shim);
}

static int parse(struct exec *x, const char *id, json_t *process, struct err *err)
{
    if (str_empty(id))
        return err_set(err, -EINVAL, "exec: an id is missing");
    if (exec_find(x->shim, id))
        return err_set(err, -EEXIST, "exec %s is there already", id);
    x->id = xstrdup(id);
    int r = process_parse(process, "process", &x->process, err);
    if (r == 0 && x->process.seccomp && !x->shim->plan->seccomp)
        r = err_set(err, -EINVAL, "process.seccomp: the container has no seccomp program");
    return r;
}

static struct task *new_task(struct exec *x)
{
    struct task *t = x->task = task_new(x->shim, &x->process, true);
    t->owner = x;
    t->on_ready = on_ready;
    t->on_running = on_running;
    t->on_failed = on_failed;
    t->on_exit = on_exit_status;
    return t;
}

/* The attached stream is watched before there is output. */
static int launch(struct exec *x, const json_t *attach, int *fds, struct err *err)
{
    struct shim *s = x->shim;
    struct task *t = x->task ? x->task : new_task(x);
    if (!t->shared)
        return err_set(err, -ENOMEM, "no memory to share with the new process");
    int r = identity_resolve(s->root, &x->process, &t->shared->who, err);
    if (r == 0)
        r = task_launch(t, s->init, err);
    if (r < 0)
        return r;
    t->io.close_on_eof = !t->io.tty;
    t->io.on_end = on_output_end;
    if (attach && stdio_attach(&t->io, steal_fd(&fds[0]), json_bool(attach, "stdin", false),
                               json_bool(attach, "stdout", false),
                               json_bool(attach, "stderr", false), err) < 0)
        log_warn("exec %s: %s", x->id, err_msg(err));
    return 0;
}

int exec_start(struct shim *s, const json_t *msg, int *fds, size_t nfds, struct pending owed,
               struct err *err)
{
    const json_t *attach = json_obj(msg, "attach");
    if (!container_is_up(s))
        return err_set(err, -ESRCH, "container %s is not running", s->id);
    if (attach && nfds != 1)
        return err_set(err, -EINVAL, "exec: attach needs one descriptor, %zu came", nfds);
    _cleanup_(exec_freep) struct exec *x = xcalloc(1, sizeof(*x));
    x->shim = s;
    x->owed = owed;
    int r = parse(x, json_str(msg, "exec", NULL), json_object_get(msg, "process"), err);
    if (r == 0)
        r = launch(x, attach, fds, err);
    if (r < 0)
        return r;
    x->next = s->execs;
    s->execs = steal_ptr(&x);
    return 0;
}

static void on_lazy_late(void *arg)
{
    struct exec *x = arg;
    x->timer = NULL;
    x->task->io.lazy = false;
    stdio_update(&x->task->io);
}

static void on_check_output(struct stdio *io, const char *data, size_t n)
{
    struct exec *x = io->task->owner;
    check_output(x->check, data, n);
}

int exec_start_check(struct shim *s, const char *id, json_t *process, struct check *check,
                     const struct check_group *group, struct exec **out, struct err *err)
{
    _cleanup_(exec_freep) struct exec *x = xcalloc(1, sizeof(*x));
    x->shim = s;
    x->check = check;
    int r = parse(x, id, process, err);
    if (r < 0)
        return r;
    new_task(x)->group = group;
    x->task->quiet = true;
    r = launch(x, NULL, NULL, err);
    if (r < 0)
        return r;
    x->task->io.on_output = on_check_output;
    x->timer = loop_timer_add(s->loop, LAZY_MS, on_lazy_late, x);
    x->next = s->execs;
    *out = s->execs = steal_ptr(&x);
    return 0;
}

void exec_drop(struct exec *x)
{
    exec_free(x);
}

int exec_forget(struct shim *s, const char *id, struct err *err)
{
    struct exec *x = exec_find(s, id);
    if (!x)
        return err_set(err, -ENOENT, "no such exec: %s", id);
    if (!x->ended)
        return err_set(err, -EBUSY, "exec %s is running", id);
    exec_free(x);
    state_write(s);
    return 0;
}

void execs_settle(struct shim *s)
{
    /* The kernel killed them with init; those whose end the loop has not seen yet are read and told now. */
    for (struct exec *x = s->execs, *next; x; x = next) {
        next = x->next;
        if (x->exited && !x->ended)
            stdio_cut(&x->task->io);
    }
}

void execs_free(struct shim *s)
{
    while (s->execs)
        exec_free(s->execs);
}

/* --- for the next image */

json_t *execs_save(const struct shim *s, struct saving *v)
{
    json_t *list = json_array();
    for (const struct exec *x = s->execs; x; x = x->next) {
        if (x->check)
            continue; /* check_resume() sees to what is left of it */
        json_t *o = task_save(x->task, v);
        json_put_str(o, "id", x->id);
        json_put_bool(o, "failed", x->failed || !x->task->running);
        json_put_bool(o, "exited", x->exited);
        json_put_bool(o, "ended", x->ended);
        json_put_int(o, "code", x->code);
        json_push_take(list, o);
    }
    return list;
}

static void exec_load(struct shim *s, const json_t *o, const struct restoring *r)
{
    struct exec *x = xcalloc(1, sizeof(*x));
    x->shim = s;
    x->id = xstrdup(json_str(o, "id", ""));
    x->failed = json_bool(o, "failed", false);
    x->exited = json_bool(o, "exited", false);
    x->ended = json_bool(o, "ended", false);
    x->code = (int)json_int(o, "code", 0);
    struct task *t = new_task(x);
    task_load(t, o, r);
    t->io.on_end = on_output_end;
    x->next = s->execs;
    s->execs = x;
    if (x->ended && x->failed) {
        x->timer = loop_timer_add(s->loop, 0, forget_when_done, x);
    } else if (x->exited && !x->ended) {
        x->timer = loop_timer_add(s->loop, DRAIN_MS, on_drain_late, x);
        stdio_finish(&t->io);
    } else if (!x->exited) {
        stdio_update(&t->io);
    }
}

void execs_load(struct shim *s, const json_t *list, const struct restoring *r)
{
    for (size_t i = json_array_size(list); i-- > 0;)
        exec_load(s, json_array_get(list, i), r);
}
