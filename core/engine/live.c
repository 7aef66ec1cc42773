/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Living containers
 *
 * The bridge from the reactor's callbacks to the pool. A callback copies what it was told and returns; one job per
 * container drains its queue, so that news of one container keep their order while containers do not wait for each other.
 */
#include "engine/live.h"

#include <errno.h>

#include "base/clock.h"
#include "base/log.h"
#include "engine/health.h"
#include "engine/restarts.h"

#define RETRY_MIN_MS 1000u
#define RETRY_MAX_MS 60000u

void news_free(struct news *n)
{
    free(n->name);
    free(n->text);
    free(n->now);
    free(n);
}

void live_unref(struct live *l)
{
    struct engine *e = l->engine;
    pthread_mutex_lock(&e->lock);
    bool last = --l->refs == 0;
    pthread_mutex_unlock(&e->lock);
    if (!last)
        return;
    while (l->first) {
        struct news *n = l->first;
        l->first = n->next;
        news_free(n);
    }
    if (l->shim) {
        shim_close(l->shim);
        shim_unref(l->shim);
    }
    free(l->unnoted);
    free(l->id);
    free(l);
}

int live_new(struct engine *e, const char *id, struct live **out, struct err *err)
{
    struct live *l = xcalloc(1, sizeof(*l));
    *l = (struct live){.engine = e, .id = xstrdup(id), .refs = 2};
    l->last = &l->first;
    pthread_mutex_lock(&e->lock);
    bool there = map_get(&e->live, id) != NULL;
    if (!there)
        map_set(&e->live, id, l);
    pthread_mutex_unlock(&e->lock);
    if (there) {
        free(l->id);
        free(l);
        return err_set(err, -EEXIST, "container %s still has a monitor", id);
    }
    *out = l;
    return 0;
}

struct live *live_get(struct engine *e, const char *id)
{
    pthread_mutex_lock(&e->lock);
    struct live *l = map_get(&e->live, id);
    if (l)
        l->refs++;
    pthread_mutex_unlock(&e->lock);
    return l;
}

void live_set_shim(struct live *l, struct shim *shim)
{
    pthread_mutex_lock(&l->engine->lock);
    l->shim = shim;
    pthread_mutex_unlock(&l->engine->lock);
}

static struct news *news_next(struct live *l)
{
    pthread_mutex_lock(&l->engine->lock);
    struct news *n = l->first;
    if (n) {
        l->first = n->next;
        if (!l->first)
            l->last = &l->first;
    } else {
        l->draining = false;
        l->engine->generation++; /* who waits for peace looks again */
        pthread_cond_broadcast(&l->engine->changed);
    }
    pthread_mutex_unlock(&l->engine->lock);
    return n;
}

/* An end that cannot be written down (the disk is full) is no end: the shim keeps it, and it is tried again, by time and by whoever
 * asks for the container's end. */
static void news_again(struct live *l, struct news *n, const struct err *err)
{
    struct engine *e = l->engine;
    bool end = n->kind != NEWS_EXEC_EXITED;
    log_error("container %s%s has ended, but that cannot be noted: %s", l->id,
              end ? "" : ": an exec", err_msg(err));
    pthread_mutex_lock(&e->lock);
    n->next = l->first;
    if (!l->first)
        l->last = &n->next;
    l->first = n;
    l->draining = false;
    free(l->unnoted);
    l->unnoted = end ? xstrdup(err_msg(err)) : NULL;
    l->again = true;
    l->retry_ms = l->retry_ms ? MIN(l->retry_ms * 2, RETRY_MAX_MS) : RETRY_MIN_MS;
    unsigned retry_ms = l->retry_ms;
    e->generation++;
    pthread_cond_broadcast(&e->changed);
    pthread_mutex_unlock(&e->lock);
    restarts_look(e->restarts, l->id, retry_ms);
}

static void drain(void *arg)
{
    struct live *l = arg;
    for (;;) {
        _cleanup_(err_fini) struct err err = {0};
        _cleanup_(news_freep) struct news *n = news_next(l);
        if (!n)
            break;
        if (live_handle(l, n, &err) < 0) {
            news_again(l, steal_ptr(&n), &err);
            break;
        }
    }
    live_unref(l);
}

bool live_is_busy(struct live *l)
{
    pthread_mutex_lock(&l->engine->lock);
    bool busy = l->draining || l->first || l->done || !l->open;
    pthread_mutex_unlock(&l->engine->lock);
    return busy;
}

int live_check_noted(struct live *l, struct err *err)
{
    pthread_mutex_lock(&l->engine->lock);
    int r = l->unnoted ? err_set(err, -EIO, "container %s has ended, but that cannot be noted: %s",
                                 l->id, l->unnoted)
                       : 0;
    pthread_mutex_unlock(&l->engine->lock);
    return r;
}

/* With the lock held: whether a job has to be queued. A closing engine takes none: the next one is told the same by the shim. */
static bool wants_drain(struct live *l)
{
    if (!l->open || l->draining || !l->first || l->engine->closing)
        return false;
    l->draining = true;
    l->refs++;
    return true;
}

static void post(struct live *l, struct news news)
{
    struct news *n = xcalloc(1, sizeof(*n));
    *n = news;
    pthread_mutex_lock(&l->engine->lock);
    *l->last = n;
    l->last = &n->next;
    bool start = wants_drain(l);
    pthread_mutex_unlock(&l->engine->lock);
    if (start)
        jobs_add(l->engine->jobs, drain, l);
}

void live_open(struct live *l)
{
    pthread_mutex_lock(&l->engine->lock);
    l->open = true;
    bool start = wants_drain(l);
    pthread_mutex_unlock(&l->engine->lock);
    if (start)
        jobs_add(l->engine->jobs, drain, l);
}

bool live_retry(struct live *l)
{
    pthread_mutex_lock(&l->engine->lock);
    bool again = l->again, start = again && wants_drain(l);
    if (start) {
        free(l->unnoted);
        l->unnoted = NULL;
        l->again = false;
    }
    pthread_mutex_unlock(&l->engine->lock);
    if (start)
        jobs_add(l->engine->jobs, drain, l);
    return again;
}

void live_done(struct live *l)
{
    struct engine *e = l->engine;
    pthread_mutex_lock(&e->lock);
    bool was = l->done;
    l->done = true;
    if (!was && map_get(&e->live, l->id) == l)
        map_del(&e->live, l->id);
    e->generation++;
    pthread_cond_broadcast(&e->changed);
    pthread_mutex_unlock(&e->lock);
    if (!was)
        live_unref(l);
}

int live_wait_done(struct live *l, int64_t deadline_ns)
{
    struct engine *e = l->engine;
    int r = 0;
    pthread_mutex_lock(&e->lock);
    while (r == 0 && !l->done && !l->unnoted && !e->closing)
        r = engine_wait_changed(e, deadline_ns);
    if (!l->done && r == 0)
        r = l->unnoted ? -ENOTRECOVERABLE : -ESHUTDOWN;
    if (l->done)
        r = 0;
    pthread_mutex_unlock(&e->lock);
    return r;
}

int live_shim(struct engine *e, const struct state_container *row, struct shim **out,
              struct err *err)
{
    pthread_mutex_lock(&e->lock);
    struct live *l = map_get(&e->live, row->id);
    struct shim *shim = l && l->open && !l->done && l->shim ? shim_ref(l->shim) : NULL;
    pthread_mutex_unlock(&e->lock);
    if (!shim || !container_is_running(row)) {
        if (shim)
            shim_unref(shim);
        return err_set(err, -EBUSY, "container %s is not running", row->id);
    }
    *out = shim;
    return 0;
}

void live_break_start(struct engine *e, const char *ref)
{
    _cleanup_(freep) char *id = NULL;
    if (state_container_resolve(e->state, ref, &id, NULL) < 0)
        return;
    pthread_mutex_lock(&e->lock);
    struct live *l = map_get(&e->live, id);
    _cleanup_(shim_unrefp) struct shim *shim = l && !l->open && l->shim ? shim_ref(l->shim) : NULL;
    pthread_mutex_unlock(&e->lock);
    if (!shim)
        return;
    log_warn("container %s: its start hangs and is broken off for its removal", id);
    (void)shim_destroy(shim);
}

static void on_exited(void *arg, const struct shim_exit *e)
{
    post(arg, (struct news){.kind = NEWS_EXITED,
                            .code = e->code,
                            .oom = e->oom,
                            .time_ns = e->time_ns,
                            .text = xstrdup0(e->error)});
}

static void on_exec_exited(void *arg, const char *exec, int code, int64_t time_ns)
{
    post(arg,
         (struct news){
             .kind = NEWS_EXEC_EXITED, .code = code, .time_ns = time_ns, .name = xstrdup(exec)});
}

static void on_log_error(void *arg, const char *driver, const char *message, const char *now)
{
    post(arg, (struct news){.kind = NEWS_LOG_ERROR,
                            .name = xstrdup0(driver),
                            .text = xstrdup0(message),
                            .now = xstrdup0(now)});
}

static void on_checked(void *arg, const struct shim_checked *c)
{
    const struct live *l = arg;
    health_checked(l->engine, l->id, c);
}

static void on_oom(void *arg)
{
    post(arg, (struct news){.kind = NEWS_OOM});
}

static void on_detached(void *arg, const char *exec)
{
    post(arg, (struct news){.kind = NEWS_DETACHED, .name = xstrdup0(exec)});
}

static void on_lost(void *arg)
{
    post(arg, (struct news){.kind = NEWS_LOST});
}

static void on_died(void *arg)
{
    post(arg, (struct news){.kind = NEWS_DIED});
}

const struct shim_events live_events = {
    .exited = on_exited,
    .exec_exited = on_exec_exited,
    .log_error = on_log_error,
    .checked = on_checked,
    .oom = on_oom,
    .detached = on_detached,
    .lost = on_lost,
    .died = on_died,
};
