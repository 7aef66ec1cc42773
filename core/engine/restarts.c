/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Containers that wait for their restart
 *
 * One mutex guards the list; the threads are started with the first entry and sleep on a condition variable until the head is due. A start
 * blocks its thread, so there are as many of them as there may be starts at once.
 */
#include "engine/restarts.h"

#include <errno.h>
#include <signal.h>
#include <time.h>

#include "base/clock.h"
#include "base/failpoint.h"
#include "base/json.h"
#include "base/log.h"
#include "engine/live.h"
#include "engine/remove.h"
#include "engine/restart-policy.h"
#include "engine/start.h"

#define THREADS      4
#define BUSY_WAIT_MS 1000

struct entry {
    struct entry *next;
    char *id;
    struct timespec due; /* CLOCK_MONOTONIC */
};

struct restarts {
    struct engine *engine;
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t changed;
    struct entry *head;
    bool quit;
    unsigned n;
    pthread_t threads[THREADS];
};

static void entry_free(struct entry *x)
{
    free(x->id);
    free(x);
}
DEFINE_CLEANUP(struct entry *, entry_free);

struct restarts *restarts_new(struct engine *e)
{
    struct restarts *r = xcalloc(1, sizeof(*r));
    pthread_condattr_t attr;
    r->engine = e;
    pthread_mutex_init(&r->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&r->changed, &attr);
    pthread_condattr_destroy(&attr);
    return r;
}

void restarts_free(struct restarts *r)
{
    if (!r)
        return;
    pthread_mutex_lock(&r->lock);
    r->quit = true;
    pthread_cond_broadcast(&r->changed);
    pthread_mutex_unlock(&r->lock);
    for (unsigned i = 0; i < r->n; i++)
        pthread_join(r->threads[i], NULL);
    while (r->head) {
        struct entry *next = r->head->next;
        entry_free(r->head);
        r->head = next;
    }
    pthread_cond_destroy(&r->changed);
    pthread_mutex_destroy(&r->lock);
    free(r);
}

static struct timespec due_in(int64_t ms)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    int64_t ns = at.tv_nsec + ms % 1000 * NS_PER_MS;
    at.tv_sec += (time_t)(ms / 1000 + ns / NS_PER_SEC);
    at.tv_nsec = (long)(ns % NS_PER_SEC);
    return at;
}

static bool is_before(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec != b->tv_sec ? a->tv_sec < b->tv_sec : a->tv_nsec < b->tv_nsec;
}

/* The next one that is due; NULL at the end. */
static struct entry *next_due(struct restarts *r)
{
    struct entry *x = NULL;
    pthread_mutex_lock(&r->lock);
    while (!r->quit && !x) {
        struct timespec now, due;
        clock_gettime(CLOCK_MONOTONIC, &now);
        if (!r->head) {
            pthread_cond_wait(&r->changed, &r->lock);
        } else if (is_before(&now, &r->head->due)) {
            due = r->head->due; /* the head may be freed while the lock is away */
            pthread_cond_timedwait(&r->changed, &r->lock, &due);
        } else {
            x = r->head;
            r->head = x->next;
        }
    }
    pthread_mutex_unlock(&r->lock);
    return x;
}

/* Without the lock; takes an earlier entry of the same container out. */
static void insert(struct restarts *r, const char *id, int64_t ms)
{
    struct entry *x = xcalloc(1, sizeof(*x));
    *x = (struct entry){.id = xstrdup(id), .due = due_in(ms)};
    pthread_mutex_lock(&r->lock);
    for (struct entry **at = &r->head; *at; at = &(*at)->next) {
        struct entry *old = *at;
        if (!str_eq(old->id, id))
            continue;
        *at = old->next;
        entry_free(old);
        break;
    }
    struct entry **at = &r->head;
    while (*at && !is_before(&x->due, &(*at)->due))
        at = &(*at)->next;
    x->next = *at;
    *at = x;
    pthread_cond_broadcast(&r->changed);
    pthread_mutex_unlock(&r->lock);
}

/* --- one restart */

static void failed(struct engine *e, const char *id, const struct err *err)
{
    _cleanup_(state_container_freep) struct state_container *row = NULL;
    log_warn("restarting container %s: %s", id, err_msg(err));
    if (state_container_get(e->state, id, &row, NULL) < 0)
        return;
    json_t *extra = json_object();
    json_put_strf(extra, "exitCode", "%lld", (long long)row->exit_code);
    container_event(e, row, "die", extra);
    if (container_is_resting(row))
        restarts_add(e->restarts, row);
    else
        waits_exited(e, id, row->exit_code, row->error);
}

/* An end, of the container or of an exec, that could not be noted is due again. */
static bool retry_end(struct engine *e, const char *id)
{
    _cleanup_(live_unrefp) struct live *l = live_get(e, id);
    return l && live_retry(l);
}

/* And a removal after an end. */
static bool retry_removal(struct engine *e, const char *id)
{
    _cleanup_(state_container_freep) struct state_container *row = NULL;
    if (state_container_get(e->state, id, &row, NULL) < 0 || !row->auto_remove ||
        container_is_running(row))
        return false;
    container_auto_remove(e, id);
    return true;
}

static void restart_one(struct restarts *r, const char *id)
{
    struct engine *e = r->engine;
    if (retry_end(e, id) || retry_removal(e, id))
        return;
    _cleanup_(err_fini) struct err err = {0};
    _cleanup_(state_container_freep) struct state_container *row = NULL;
    int c = container_claim(e, id, "start", CLAIM_LIMIT_MS, &row, &err);
    if (c < 0) {
        if (c != -ENOENT)
            insert(r, id, BUSY_WAIT_MS); /* a verb holds it: its word counts */
        return;
    }
    bool resting = container_is_resting(row);
    int64_t left_ms = resting ? restart_row_left_ms(row, time_now_ns()) : 0;
    if (resting && left_ms <= 0)
        c = container_start_claimed(e, &row, true, &err);
    container_unclaim(e, id);
    if (left_ms > 0)
        insert(r, id, left_ms);
    else if (c < 0 && c != -ECANCELED)
        failed(e, id, &err);
}

static void *run(void *arg)
{
    struct restarts *r = arg;
    struct entry *due;
    while ((due = next_due(r))) {
        _cleanup_(entry_freep) struct entry *x = due;
        restart_one(r, x->id);
    }
    return NULL;
}

/* Signals are the main thread's. */
static void ensure_threads(struct restarts *r)
{
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    pthread_mutex_lock(&r->lock);
    while (r->n < THREADS && !r->quit && pthread_create(&r->threads[r->n], NULL, run, r) == 0)
        r->n++;
    if (r->n == 0 && !r->quit)
        log_error("no thread could be started: containers are not restarted until one can");
    pthread_mutex_unlock(&r->lock);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
}

void restarts_add(struct restarts *r, const struct state_container *row)
{
    insert(r, row->id, restart_row_left_ms(row, time_now_ns()));
    ensure_threads(r);
}

void restarts_look(struct restarts *r, const char *id, int64_t ms)
{
    insert(r, id, ms);
    ensure_threads(r);
}

/* --- rows */

static void mark_rest(struct state_container *row, void *arg)
{
    bool *rested = arg;
    row->stop_requested = true;
    *rested = container_is_resting(row);
    if (!*rested)
        return;
    free(row->status);
    row->status = xstrdup("exited");
}

int container_rest(struct engine *e, const char *id, bool *rested, struct err *err)
{
    _cleanup_(state_container_freep) struct state_container *row = NULL;
    bool was = false;
    int r = container_modify(e, id, mark_rest, &was, &row, err);
    if (r < 0)
        return r;
    (void)failpoint("rest.noted", NULL);
    if (was)
        waits_exited(e, id, row->exit_code, row->error);
    if (rested)
        *rested = was;
    return 0;
}

static void mark_due(struct state_container *row, void *arg)
{
    (void)arg;
    restart_decide_now(row);
}

static bool wants_start(const struct state_container *row)
{
    struct restart_rule rule;
    restart_rule_read(row->host_config, &rule);
    return str_eq(row->status, "exited") && row->started_ns > 0 &&
           restart_wanted_at_boot(&rule, row->stop_requested);
}

void restarts_take_up(struct engine *e)
{
    _cleanup_(err_fini) struct err err = {0};
    _cleanup_(state_containers_fini) struct state_containers rows = {0};
    if (state_container_list_restarts(e->state, &rows, &err) < 0)
        log_error("restart policies: %s", err_msg(&err));
    for (size_t i = rows.n; i-- > 0;) { /* the oldest first: later ones may need them */
        const struct state_container *row = rows.v[i];
        if (container_is_resting(row))
            restarts_add(e->restarts, row);
        if (!wants_start(row))
            continue;
        _cleanup_(state_container_freep) struct state_container *now = NULL;
        err_clear(&err);
        if (container_modify(e, row->id, mark_due, NULL, &now, &err) < 0)
            log_error("container %s: %s", row->id, err_msg(&err));
        else
            restarts_add(e->restarts, now);
    }
}
