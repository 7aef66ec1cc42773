/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of containers, as the verbs use them
 *
 * Claims with a limit, changes of a row in one step, and what is told of a row in events.
 */
#include <errno.h>

#include "base/clock.h"
#include "base/failpoint.h"
#include "base/json.h"
#include "base/log.h"
#include "engine/internal.h"
#include "engine/live.h"

static int64_t deadline_in(int64_t limit_ms)
{
    return limit_ms < 0 ? INT64_MAX : time_mono_ns() + limit_ms * NS_PER_MS;
}

void claim_stays(struct engine *e, const char *id)
{
    pthread_mutex_lock(&e->lock);
    map_set(&e->stays, id, e);
    pthread_mutex_unlock(&e->lock);
}

/* A claim that could not be given back (the disk was full) is given back now. */
static void claim_settle(struct engine *e, const char *id)
{
    pthread_mutex_lock(&e->lock);
    bool stays = map_del(&e->stays, id) != NULL;
    pthread_mutex_unlock(&e->lock);
    if (stays && state_container_unclaim(e->state, id, NULL) < 0)
        claim_stays(e, id);
}

/* Tries, and waits for a change when another verb is at work. */
static int claim_or_wait(struct engine *e, const char *id, const char *verb, int64_t deadline,
                         struct err *err)
{
    claim_settle(e, id);
    for (;;) {
        uint64_t generation = engine_generation(e);
        int r = state_container_claim(e->state, id, verb, err);
        if (r != -EBUSY || engine_wait_since(e, generation, deadline) < 0)
            return r;
        err_clear(err);
    }
}

int container_ending_wait(struct engine *e, const struct state_container *row, int64_t deadline,
                          struct err *err)
{
    _cleanup_(live_unrefp) struct live *l = container_is_running(row) ? NULL : live_get(e, row->id);
    if (l && live_wait_done(l, deadline) < 0)
        return err_set(err, -EBUSY, "container %s has ended, but its monitor has not", row->name);
    return 0;
}

int container_claim(struct engine *e, const char *ref, const char *verb, int64_t limit_ms,
                    struct state_container **row, struct err *err)
{
    _cleanup_(err_fini) struct err words = {0};
    _cleanup_(freep) char *id = NULL;
    int r = state_container_resolve(e->state, ref, &id, err);
    if (r < 0)
        return r;
    int64_t deadline = deadline_in(limit_ms);
    r = claim_or_wait(e, id, verb, deadline, &words);
    if (r < 0) {
        err_move(err, &words);
        return r;
    }
    r = failpoint("claim.taken", err);
    if (r == 0)
        r = state_container_get(e->state, id, row, err);
    if (r == 0 && (r = container_ending_wait(e, *row, deadline, err)) < 0) {
        state_container_free(*row);
        *row = NULL;
    }
    if (r < 0)
        container_unclaim(e, id);
    return r;
}

void container_unclaim(struct engine *e, const char *id)
{
    _cleanup_(err_fini) struct err err = {0};
    if (state_container_unclaim(e->state, id, &err) < 0) {
        log_error("container %s stays marked busy until its next verb: %s", id, err_msg(&err));
        claim_stays(e, id);
    }
    engine_changed(e);
}

void claim_end(struct claim *c)
{
    if (c->engine)
        container_unclaim(c->engine, c->id);
}

/* `verb` NULL: without a claim. */
static int modify(struct engine *e, const char *id, const char *verb,
                  void (*fn)(struct state_container *row, void *arg), void *arg,
                  struct state_container **row, struct err *err)
{
    _cleanup_(state_container_freep) struct state_container *c = NULL;
    pthread_mutex_lock(&e->row_lock);
    int r = state_container_get(e->state, id, &c, err);
    if (r == 0) {
        fn(c, arg);
        r = verb ? state_container_update_claim(e->state, c, verb, err)
                 : state_container_update(e->state, c, err);
    }
    pthread_mutex_unlock(&e->row_lock);
    if (r == 0 && row)
        *row = steal_ptr(&c);
    return r;
}

int container_modify(struct engine *e, const char *id,
                     void (*fn)(struct state_container *row, void *arg), void *arg,
                     struct state_container **row, struct err *err)
{
    return modify(e, id, NULL, fn, arg, row, err);
}

int container_modify_claim(struct engine *e, const char *id, const char *verb,
                           void (*fn)(struct state_container *row, void *arg), void *arg,
                           struct state_container **row, struct err *err)
{
    claim_settle(e, id);
    return modify(e, id, verb, fn, arg, row, err);
}

bool container_is_running(const struct state_container *row)
{
    return str_eq(row->status, "running") || str_eq(row->status, "paused") ||
           str_eq(row->status, "restarting");
}

void container_event(struct engine *e, const struct state_container *row, const char *action,
                     json_t *extra)
{
    json_t *attributes = json_object();
    const char *key;
    json_t *value;
    json_object_foreach (json_obj(row->config, "Labels"), key, value)
        json_put_str(attributes, key, json_string_value(value)); /* a copy: the row may be kept */
    if (row->image_ref)
        json_put_str(attributes, "image", row->image_ref);
    json_put_str(attributes, "name", row->name);
    json_object_update(attributes, extra);
    json_decref(extra);
    event_publish(e->events, "container", action, row->id, attributes);
}

char *container_path(struct engine *e, const char *id, const char *file)
{
    return str_printf("%s/containers/%s%s%s", state_data_root(e->state), id, file ? "/" : "",
                      file ? file : "");
}
