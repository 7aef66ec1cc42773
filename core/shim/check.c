/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Health checks: one at a time
 *
 * A check ends in two steps: what it is told as (`checked`), and that nothing of it is left. Usually the second comes first. Where the
 * kernel does not let go of a process the check is told after END_MS all the same, and the next one waits for its end.
 */
#include "shim/check.h"

#include <errno.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "shim/check-group.h"
#include "shim/check-net.h"
#include "shim/conn.h"
#include "shim/shim.h"

#define OUTPUT_MAX  65536
#define TIMEOUT_MAX (366LL * 24 * 3600 * 1000)
#define END_MS      2000 /* for what was killed to be gone */

struct check {
    struct shim *shim;
    struct conn *from; /* who ordered it; NULL: nobody wants to hear of it any more */
    char *id;
    const struct check_group *group; /* borrowed; NULL: the container's own */
    struct exec *exec;               /* one of the two */
    struct check_net *net;
    struct loop_timer *timer; /* its time, and later END_MS */
    struct loop_timer *turn;  /* the next step, from the loop */
    struct buf output;
    size_t output_max;
    bool truncated, timed_out, killed, dropped;
    bool over; /* the process was reaped and its output read */
    bool told;
    int code;
    char *error;   /* why it could not be run */
    int lingering; /* pidfd of something that was killed and is not gone */
    struct loop_io *lingering_io;
};

static void begin_next(struct shim *s);

static void check_free(struct check *c)
{
    if (c->timer)
        loop_timer_del(c->timer);
    if (c->turn)
        loop_timer_del(c->turn);
    if (c->lingering_io)
        loop_io_del(c->lingering_io);
    close_fd(c->lingering);
    check_net_free(c->net);
    if (c->exec)
        exec_drop(c->exec);
    buf_fini(&c->output);
    free(c->error);
    free(c->id);
    free(c);
}

/* --- telling */

/* Bytes of the container's, as text. */
static void put_output(const struct check *c, json_t *event)
{
    for (size_t i = 0; i < c->output.len; i++)
        if (c->output.s[i] == '\0')
            c->output.s[i] = '\xff'; /* no character, as NUL is none in a text */
    _cleanup_(freep) char *text = str_to_utf8(c->output.s ? c->output.s : "", c->output.len);
    json_put_str(event, "output", text);
}

static void tell(struct check *c)
{
    if (c->told)
        return;
    c->told = true;
    if (!c->from)
        return;
    json_t *event = json_object();
    json_put_str(event, "type", "checked");
    json_put_str(event, "check", c->id);
    json_put_int(event, "code", c->code);
    put_output(c, event);
    json_put_bool(event, "truncated", c->truncated);
    json_put_bool(event, "timed_out", c->timed_out);
    if (c->dropped)
        json_put_bool(event, "dropped", true);
    json_put_str(event, "error", c->error);
    json_put_int(event, "time_ns", time_now_ns());
    conn_broadcast(c->shim, event);
}

/* --- the end */

static void on_turn(void *arg);

static void look_again(struct check *c)
{
    if (!c->turn)
        c->turn = loop_timer_add(c->shim->loop, 0, on_turn, c);
}

static void on_lingering(void *arg, uint32_t events)
{
    struct check *c = arg;
    (void)events;
    loop_io_del(steal_ptr(&c->lingering_io));
    close_fd(steal_fd(&c->lingering));
    look_again(c);
}

/* Waits for the end of one of those that were killed; then the group is looked at again. False: it is gone already. */
static bool await_one(struct check *c, pid_t pid)
{
    if (c->lingering_io)
        return true;
    c->lingering = pidfd_open(pid, 0);
    if (c->lingering < 0)
        return false;
    c->lingering_io = loop_io_add(c->shim->loop, c->lingering, EPOLLIN, on_lingering, c);
    if (!c->lingering_io)
        close_fd(steal_fd(&c->lingering));
    return c->lingering_io != NULL;
}

/* Kills what is there. False: nothing was. */
static bool kill_all(struct check *c)
{
    c->killed = true;
    if (c->exec && !c->over && !c->group)
        check_tree_kill(exec_task(c->exec)->pid);
    if (c->exec && !c->over)
        task_kill(exec_task(c->exec), SIGKILL); /* it may not be in the group yet */
    pid_t one = c->group ? check_group_kill(c->group) : 0;
    return one > 0 && await_one(c, one);
}

static void finish(struct check *c)
{
    struct shim *s = c->shim;
    tell(c);
    s->check = NULL;
    check_free(c);
    container_settle(s);
    begin_next(s);
}

static void on_turn(void *arg)
{
    struct check *c = arg;
    c->turn = NULL;
    if (c->killed && kill_all(c))
        return; /* the end of one of them comes back to here */
    if (c->exec && !c->over)
        return; /* exec.c does */
    if (c->exec && !c->killed && c->group)
        check_group_empty(c->group);
    finish(c);
}

static void on_end_late(void *arg)
{
    struct check *c = arg;
    c->timer = NULL;
    if (c->from)
        log_warn("container %s: a health check does not end after SIGKILL", c->shim->id);
    tell(c);
}

static void end_now(struct check *c)
{
    struct shim *s = c->shim;
    if (c->timer)
        loop_timer_del(c->timer);
    c->timer = loop_timer_add(s->loop, END_MS, on_end_late, c);
    check_net_free(steal_ptr(&c->net));
    kill_all(c);
    if (!c->exec || c->over)
        look_again(c);
}

static void on_time(void *arg)
{
    struct check *c = arg;
    c->timer = NULL;
    c->timed_out = true;
    if (c->net && c->output.len == 0) {
        _cleanup_(freep) char *words = check_net_words(c->net);
        check_output(c, words, strlen(words));
    }
    end_now(c);
}

static void stop(struct check *c)
{
    c->from = NULL;
    if (!c->killed)
        end_now(c);
}

/* --- news */

void check_output(struct check *c, const char *data, size_t n)
{
    size_t room = c->output_max - c->output.len;
    if (n)
        buf_add(&c->output, data, MIN(n, room));
    c->truncated |= n > room;
}

void check_failed(struct check *c, const struct err *why)
{
    c->code = -1;
    free(c->error);
    c->error = xstrdup(err_msg(why));
}

void check_exited(struct check *c, int code)
{
    if (!c->error)
        c->code = code;
    c->over = true;
    /* Killed with the whole container: that says nothing of its health. */
    if (code == 128 + SIGKILL && !c->killed && task_is_exiting(c->shim->init))
        c->from = NULL;
    look_again(c);
}

static void on_net_done(void *arg, int code, const struct buf *output)
{
    struct check *c = arg;
    c->code = code;
    check_output(c, output->s, output->len);
    check_net_free(steal_ptr(&c->net));
    look_again(c);
}

/* --- the beginning */

static int parse(struct check *c, const json_t *msg, struct err *err)
{
    const char *id = json_str(msg, "check", "");
    int64_t timeout = json_int(msg, "timeout_ms", 0), max = json_int(msg, "output_max", 0);
    c->id = xstrdup(id);
    if (!*id || exec_find(c->shim, id))
        return err_set(err, -EINVAL, "check: an id of its own is missing");
    if (timeout < 1 || timeout > TIMEOUT_MAX || max < 0 || max > OUTPUT_MAX)
        return err_set(err, -EINVAL, "check: timeout_ms or output_max is out of range");
    c->output_max = (size_t)max;
    c->timer = loop_timer_add(c->shim->loop, timeout, on_time, c);
    return 0;
}

/* Made for the first check, and kept: it goes with the container's. */
static const struct check_group *group_of(struct shim *s)
{
    struct check_group *g = s->check_group;
    if (g)
        return g->dir ? g : NULL;
    g = s->check_group = xcalloc(1, sizeof(*g));
    check_group_init(g, s->plan);
    if (check_group_make(g, s->plan))
        return g;
    if (g->dir)
        log_warn(
            "container %s: its health checks run in its own control group, for %s cannot be made",
            s->id, g->dir);
    check_group_fini(g);
    return NULL;
}

static int run(struct check *c, const json_t *msg, struct err *err)
{
    struct shim *s = c->shim;
    const json_t *net = json_obj(msg, "net");
    int r = parse(c, msg, err);
    if (r == 0 && !container_is_up(s))
        r = err_set(err, -ESRCH, "container %s is not running", s->id);
    if (r < 0 || net)
        return r < 0 ? r : check_net_start(s, net, c->output_max, on_net_done, c, &c->net, err);
    if (!json_bool(msg, "again", false)) {
        json_decref(s->check_process);
        s->check_process = json_deep_copy(json_object_get(msg, "process"));
    } else if (!s->check_process) {
        c->dropped = true; /* an earlier image knew it */
        return err_set(err, -ESTALE, "check: no process was named yet");
    }
    c->group = group_of(s);
    return exec_start_check(s, c->id, s->check_process, c, c->group, &c->exec, err);
}

static void begin(struct shim *s, struct conn *from, const json_t *msg)
{
    _cleanup_(err_fini) struct err why = {0};
    struct check *c = s->check = xcalloc(1, sizeof(*c));
    *c = (struct check){.shim = s, .from = from, .lingering = -1};
    if (run(c, msg, &why) == 0)
        return;
    check_failed(c, &why);
    look_again(c);
}

static void begin_next(struct shim *s)
{
    json_auto_t *msg = steal_ptr(&s->check_next);
    if (msg && s->check_next_from)
        begin(s, s->check_next_from, msg);
    s->check_next_from = NULL;
}

int check_order(struct shim *s, struct conn *from, const json_t *msg, struct err *err)
{
    (void)err;
    if (!s->check) {
        begin(s, from, msg);
        return 0;
    }
    json_decref(s->check_next);
    s->check_next = json_deep_copy(msg);
    s->check_next_from = from;
    stop(s->check);
    return 0;
}

void check_stop(struct shim *s, const char *id)
{
    if (s->check_next && (!id || str_eq(json_str(s->check_next, "check", ""), id)))
        json_decref(steal_ptr(&s->check_next));
    if (s->check && (!id || str_eq(s->check->id, id)))
        stop(s->check);
}

void check_forsake(struct shim *s, const struct conn *who)
{
    if (s->check_next_from == who) {
        json_decref(steal_ptr(&s->check_next));
        s->check_next_from = NULL;
    }
    if (s->check && s->check->from == who)
        stop(s->check);
}

/* --- from image to image */

void check_save(const struct shim *s, json_t *doc)
{
    const struct check *c = s->check;
    if (!c)
        return;
    json_t *o = json_object();
    json_put_str(o, "id", c->from ? c->id : NULL);
    if (c->exec && !c->over) {
        json_put_int(o, "pid", exec_task(c->exec)->pid);
        json_put_int(o, "start", (int64_t)task_start_time(exec_task(c->exec)->pid));
    }
    json_put_take(doc, "check", o);
}

/* Where it has a group, that is looked into whatever the earlier image had to say. */
static void kill_rest(struct shim *s, const json_t *o)
{
    struct check_group g;
    pid_t pid = (pid_t)json_int(o, "pid", 0);
    check_group_init(&g, s->plan);
    if (pid > 0 && task_start_time(pid) == (uint64_t)json_int(o, "start", 0))
        check_tree_kill(pid);
    (void)check_group_kill(&g);
    check_group_fini(&g);
}

void check_resume(struct shim *s, const json_t *doc)
{
    const json_t *o = json_obj(doc, "check");
    const char *id = json_str(o, "id", NULL);
    kill_rest(s, o);
    if (!id)
        return;
    json_t *event = json_object();
    json_put_str(event, "type", "checked");
    json_put_str(event, "check", id);
    json_put_bool(event, "dropped", true);
    conn_broadcast(s, event);
}

void check_free_all(struct shim *s)
{
    json_decref(steal_ptr(&s->check_next));
    json_decref(s->check_process);
    if (s->check)
        check_free(steal_ptr(&s->check));
    if (s->check_group)
        check_group_fini(s->check_group);
    free(s->check_group);
}
