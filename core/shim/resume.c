/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Coming back after a re-exec
 *
 * Takes up the descriptors by their numbers, decides which log the container has from now on, and goes on in the phase in
 * which the earlier image was. A driver that crashed, hangs or eats memory gives way to the plan's fallback, or to the
 * cache that ran beside it; without either it is opened again, until it has done so FAULTS times within a minute.
 */
#include <errno.h>
#include <string.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "shim/check.h"
#include "shim/conn.h"
#include "shim/logger.h"
#include "shim/shim.h"

#define FAULTS 3

/* --- which log */

static char *fault_words(const struct restoring *r)
{
    switch (r->cause) {
    case REEXEC_CRASH:
        return str_printf("crashed (signal %d, %s)", r->signal, strsignal(r->signal));
    case REEXEC_HANG:
        return xstrdup("takes nothing any more");
    default:
        return xstrdup("uses too much memory");
    }
}

static const char *driver_name(const struct shim *s, int culprit)
{
    const json_t *log = s->plan->log;
    const char *key = culprit == 1 || s->log_choice.stage == LOG_DROPPED ? "cache"
                      : s->log_choice.stage == LOG_FALLBACK              ? "fallback"
                                                                         : NULL;
    return json_str(key ? json_obj(log, key) : log, "driver", "?");
}

/* Moves on to the next log: the words say to which, *now names the driver where it is another. */
static const char *give_way(struct shim *s, const struct restoring *r, const char **now)
{
    struct log_choice *c = &s->log_choice;
    const json_t *log = s->plan->log;
    bool cached = json_obj(log, "cache") && !c->cache_off;
    bool often = r->faults >= FAULTS;
    if (r->culprit == 1 || (c->stage == LOG_DROPPED && often)) {
        c->cache_off = true;
        return "it is left out from now on";
    }
    if (c->stage == LOG_DRIVER && cached) {
        c->stage = LOG_DROPPED;
        *now = json_str(json_obj(log, "cache"), "driver", "?");
        return "the local copy goes on alone";
    }
    if (c->stage == LOG_DRIVER && json_obj(log, "fallback") && !often) {
        c->stage = LOG_FALLBACK;
        return *now = json_str(json_obj(log, "fallback"), "driver", "?");
    }
    if (!often)
        return "it was opened again";
    c->stage = LOG_DROPPED;
    *now = "";
    return "the container has no log any more";
}

static void choose_log(struct shim *s, const struct restoring *r)
{
    if (r->cause == REEXEC_UPGRADE || !s->plan->log || (r->culprit < 0 && r->faults < 2))
        return;
    _cleanup_(freep) char *fault = fault_words(r), *driver = xstrdup(driver_name(s, r->culprit));
    enum log_stage before = s->log_choice.stage;
    const char *now = NULL, *next = give_way(s, r, &now);
    bool taken = before != s->log_choice.stage && s->log_choice.stage == LOG_FALLBACK;
    free(s->log_choice.words);
    s->log_choice.words =
        str_printf("log driver %s %s: %s%s", driver, fault, next, taken ? " has taken over" : "");
    log_error("container %s: %s", s->id, s->log_choice.words);
    conn_log_error(s, driver, s->log_choice.words, now);
}

static void open_log(struct shim *s, struct restoring *r)
{
    _cleanup_(err_fini) struct err why = {0};
    const json_t *o = r->doc;
    if (json_bool(o, "log_closed", false)) {
        s->log_ready = s->log_done = s->log_closed = true;
        return;
    }
    choose_log(s, r);
    if (container_open_log(s, &why) < 0) {
        log_error("container %s: %s", s->id, err_msg(&why));
        s->log_ready = s->log_done = s->log_closed = true;
    }
    if (s->log)
        logger_restore(s->log, r);
    else if (r->queue || r->chunk.n)
        log_warn("container %s: lines that were not written have no log to go to", s->id);
    s->log_done |= json_bool(o, "log_done", false);
}

/* --- all else */

int restoring_plan(const struct restoring *r, int netns, struct plan **out, struct err *err)
{
    json_auto_t *json = NULL;
    int n = json_parse(r->plan.data, r->plan.n, &json, err);
    if (n < 0)
        return n;
    const json_t *names = json_arr(json, "fds");
    int fds[32];
    size_t nfds = MIN(json_array_size(names), ARRAY_SIZE(fds));
    for (size_t i = 0; i < nfds; i++) {
        const char *name = json_string_value(json_array_get(names, i));
        fds[i] = -1;
        if (str_eq(name, "netns"))
            fds[i] = netns;
        else if (str_eq(name, "seccomp") && r->seccomp.n)
            fds[i] = fs_sealed_memfd("seccomp", r->seccomp.data, r->seccomp.n, false);
    }
    n = plan_parse(json, fds, nfds, out, err);
    for (size_t i = 0; i < nfds; i++)
        close_fd(fds[i]);
    return n;
}

static void load_flags(struct shim *s, const json_t *o)
{
    s->phase = (enum shim_phase)json_int(o, "phase", PHASE_RUNNING);
    s->init_ready = true;
    s->exit_known = json_bool(o, "exit_known", false);
    s->output_done = json_bool(o, "output_done", false);
    s->released = json_bool(o, "released", false);
    state_exit_load(s, json_obj(o, "exit"));
    const json_t *c = json_obj(o, "log_choice");
    s->log_choice = (struct log_choice){.stage = (enum log_stage)json_int(c, "stage", LOG_DRIVER),
                                        .cache_off = json_bool(c, "cache_off", false),
                                        .words = xstrdup0(json_str(c, "words", NULL))};
    s->log_note = json_incref(json_obj(o, "log_note"));
}

static void load_fds(struct shim *s, const json_t *o)
{
    static const char *const ns[] = {"mnt", "net", "ipc"};
    s->root = restore_fd(o, "root");
    for (size_t i = 0; i < ARRAY_SIZE(ns); i++)
        s->ns[i] = restore_fd(o, ns[i]);
}

static void answer_upgrade(struct shim *s, const struct restoring *r)
{
    _cleanup_(err_fini) struct err why = {0};
    if (r->error)
        err_errno(&why, -r->error, "the new shim of container %.12s cannot be run", s->id);
    else if (r->cause != REEXEC_UPGRADE)
        err_set(&why, -EAGAIN, "the log driver of container %.12s failed meanwhile", s->id);
    pending_reply(&s->upgrade, NULL, why.code ? &why : NULL);
}

int shim_resume(struct shim *s, struct restoring *r, struct err *err)
{
    const json_t *o = r->doc;
    load_flags(s, o);
    load_fds(s, o);
    int n = restoring_plan(r, restore_fd(o, "netns"), &s->plan, err);
    if (n < 0)
        return err_wrap(err, "the container's plan after a re-exec");
    s->oom = s->plan->oom_path ? oom_open(s, s->plan->oom_path) : NULL;
    oom_set_first(s->oom, json_int(o, "oom_first", 0));
    conns_load(s, json_arr(o, "conns"), r);
    container_new_init(s);
    task_load(s->init, json_obj(o, "init"), r);
    open_log(s, r);
    execs_load(s, json_arr(o, "execs"), r);
    check_resume(s, o);
    container_resume(s);
    shim_reap(s);
    state_write(s);
    answer_upgrade(s, r);
    return 0;
}
