/* SPDX-License-Identifier: Apache-2.0 */
/* What the shim knows, for its next image. resume.c is the other half; members only come to it. */
#include "base/json.h"
#include "shim/check.h"
#include "shim/conn.h"
#include "shim/shim.h"

static json_t *log_choice_save(const struct log_choice *c)
{
    json_t *o = json_object();
    json_put_int(o, "stage", c->stage);
    json_put_bool(o, "cache_off", c->cache_off);
    json_put_str(o, "words", c->words);
    return o;
}

json_t *shim_save(struct shim *s, struct saving *v)
{
    static const char *const ns[] = {"mnt", "net", "ipc"};
    json_t *o = json_object();
    json_put_int(o, "phase", s->phase);
    save_fd(v, o, "rundir", s->rundir);
    save_fd(v, o, "listener", s->listener);
    save_fd(v, o, "root", s->root);
    save_fd(v, o, "netns", s->plan->netns_fd);
    for (size_t i = 0; i < ARRAY_SIZE(ns); i++)
        save_fd(v, o, ns[i], s->ns[i]);
    json_put_take(o, "init", task_save(s->init, v));
    json_put_take(o, "execs", execs_save(s, v));
    json_put_take(o, "exit", state_exit(s));
    json_put_bool(o, "exit_known", s->exit_known);
    json_put_bool(o, "output_done", s->output_done);
    json_put_bool(o, "log_done", s->log_done);
    json_put_bool(o, "log_closed", s->log_closed);
    json_put_bool(o, "released", s->released);
    json_put_int(o, "oom_first", oom_first(s->oom));
    json_put_take(o, "log_choice", log_choice_save(&s->log_choice));
    if (s->log_note)
        json_put(o, "log_note", s->log_note);
    if (v->full)
        json_put_take(o, "conns", conns_save(s, v));
    check_save(s, o);
    return o;
}
