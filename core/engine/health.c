/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Health checks: who is due when
 *
 * A heap in order of time, one thread that waits for its head, and the queue of what the shims said.
 */
#include "engine/health.h"

#include <signal.h>
#include <time.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "engine/health-internal.h"
#include "engine/live.h"

/* --- the heap: the lock is held */

static void place(struct health *h, size_t slot, struct watched *w)
{
    h->heap[slot] = w;
    w->slot = slot;
}

static void sift_up(struct health *h, size_t slot)
{
    struct watched *w = h->heap[slot];
    for (; slot > 0 && h->heap[(slot - 1) / 2]->at_ns > w->at_ns; slot = (slot - 1) / 2)
        place(h, slot, h->heap[(slot - 1) / 2]);
    place(h, slot, w);
}

static void sift_down(struct health *h, size_t slot)
{
    struct watched *w = h->heap[slot];
    for (size_t kid; (kid = 2 * slot + 1) < h->n; slot = kid) {
        if (kid + 1 < h->n && h->heap[kid + 1]->at_ns < h->heap[kid]->at_ns)
            kid++;
        if (h->heap[kid]->at_ns >= w->at_ns)
            break;
        place(h, slot, h->heap[kid]);
    }
    place(h, slot, w);
}

void watched_due(struct health *h, struct watched *w, int64_t at_ns)
{
    w->at_ns = at_ns;
    sift_up(h, w->slot);
    sift_down(h, w->slot);
    if (w->slot == 0)
        pthread_cond_signal(&h->changed);
}

static void heap_add(struct health *h, struct watched *w)
{
    if (h->n == h->cap) {
        h->cap = h->cap ? h->cap * 2 : 64;
        h->heap = xrealloc(h->heap, h->cap * sizeof(struct watched *));
    }
    place(h, h->n++, w);
    sift_up(h, w->slot);
    pthread_cond_signal(&h->changed);
}

static void heap_remove(struct health *h, struct watched *w)
{
    size_t slot = w->slot;
    struct watched *last = h->heap[--h->n];
    if (last == w)
        return;
    place(h, slot, last);
    sift_up(h, slot);
    sift_down(h, last->slot);
}

/* --- objects */

static void watched_free(struct watched *w)
{
    json_decref(w->health);
    json_decref(w->order);
    json_decref(w->again);
    free(w->command);
    state_container_free(w->row);
    free(w->id);
    free(w);
}

void watched_unref(struct health *h, struct watched *w)
{
    pthread_mutex_lock(&h->lock);
    bool last = --w->refs == 0;
    pthread_mutex_unlock(&h->lock);
    if (last)
        watched_free(w);
}

/* With the lock held. */
static struct watched *find(struct health *h, const char *id)
{
    return map_get(&h->table, id);
}

/* Takes it out of the table; `only` this one, unless it is NULL. */
static void forget(struct health *h, const char *id, const struct watched *only)
{
    pthread_mutex_lock(&h->lock);
    struct watched *w = find(h, id);
    if (w && only && w != only)
        w = NULL;
    if (w) {
        map_del(&h->table, id);
        w->gone = true;
        heap_remove(h, w);
    }
    pthread_mutex_unlock(&h->lock);
    if (w)
        watched_unref(h, w);
}

void watched_forget(struct health *h, struct watched *w)
{
    forget(h, w->id, w);
}

/* --- the thread */

static void wait_for(struct health *h, int64_t ns)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    ns = MIN(ns, 3600 * NS_PER_SEC) + at.tv_nsec;
    at.tv_sec += (time_t)(ns / NS_PER_SEC);
    at.tv_nsec = (long)(ns % NS_PER_SEC);
    pthread_cond_timedwait(&h->changed, &h->lock, &at);
}

/* With the lock held: the next one whose result has to be noted; it keeps its reference. */
static struct watched *take_news(struct health *h)
{
    struct watched *w = h->news;
    if (w && !(h->news = w->next_news))
        h->last_news = &h->news;
    return w;
}

/* One piece of work, with the lock held before and after. */
static void turn(struct health *h)
{
    struct watched *news = take_news(h), *w = news ? news : h->n ? h->heap[0] : NULL;
    if (!w) {
        pthread_cond_wait(&h->changed, &h->lock);
        return;
    }
    int64_t left = news ? 0 : w->at_ns - time_mono_ns();
    if (left > 0) {
        wait_for(h, left);
        return;
    }
    w->refs += !news;
    pthread_mutex_unlock(&h->lock);
    if (news)
        watched_note(h, w);
    else
        watched_step(h, w);
    watched_unref(h, w);
    pthread_mutex_lock(&h->lock);
}

static void *run(void *arg)
{
    struct health *h = arg;
    pthread_mutex_lock(&h->lock);
    while (!h->quit)
        turn(h);
    pthread_mutex_unlock(&h->lock);
    return NULL;
}

/* With the first container that is checked. Signals are the main thread's. */
static void ensure_thread(struct health *h)
{
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    pthread_mutex_lock(&h->lock);
    if (!h->started && !h->quit) {
        h->started = pthread_create(&h->thread, NULL, run, h) == 0;
        if (!h->started)
            log_error("no thread could be started: health is not checked until one can");
    }
    pthread_mutex_unlock(&h->lock);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
}

struct health *health_new_engine(struct engine *e)
{
    struct health *h = xcalloc(1, sizeof(*h));
    pthread_condattr_t attr;
    h->engine = e;
    h->last_news = &h->news;
    pthread_mutex_init(&h->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&h->changed, &attr);
    pthread_condattr_destroy(&attr);
    return h;
}

void health_quit(struct health *h)
{
    pthread_mutex_lock(&h->lock);
    h->quit = true;
    bool started = h->started;
    h->started = false;
    pthread_cond_broadcast(&h->changed);
    pthread_mutex_unlock(&h->lock);
    if (started)
        pthread_join(h->thread, NULL);
    /* The table changes meanwhile only by ends, whose rows have the health. */
    for (bool more = true; more;) {
        struct watched *w = NULL;
        pthread_mutex_lock(&h->lock);
        for (size_t i = 0; i < h->n && !w; i++)
            if (h->heap[i]->dirty && h->heap[i]->row)
                w = h->heap[i];
        if (w) {
            w->refs++;
            w->dirty = false;
        }
        pthread_mutex_unlock(&h->lock);
        more = w != NULL;
        if (more) {
            watched_write(h, w);
            watched_unref(h, w);
        }
    }
}

static void free_value(void *w)
{
    watched_free(w);
}

void health_free(struct health *h)
{
    if (!h)
        return;
    for (struct watched *w; (w = take_news(h));)
        watched_unref(h, w);
    map_fini(&h->table, free_value);
    health_drop_actions(h);
    free(h->heap);
    pthread_cond_destroy(&h->changed);
    pthread_mutex_destroy(&h->lock);
    free(h);
}

/* --- what the engine tells */

static void add(struct health *h, struct watched *w)
{
    forget(h, w->id, NULL);
    pthread_mutex_lock(&h->lock);
    map_set(&h->table, w->id, w);
    heap_add(h, w);
    pthread_mutex_unlock(&h->lock);
    ensure_thread(h);
}

void health_begin(struct engine *e, const struct state_container *row)
{
    struct health_rule rule;
    health_rule_read(row->config, row->host_config, &rule);
    const json_t *health = json_obj(row->runtime, "health");
    if (rule.kind == HEALTH_NONE || !health)
        return;
    struct watched *w = xcalloc(1, sizeof(*w));
    *w = (struct watched){.id = xstrdup(row->id),
                          .refs = 1,
                          .rule = rule,
                          .started_ns = row->started_ns,
                          .health = json_deep_copy(health),
                          .stale = true,
                          .written_ns = time_mono_ns()};
    int64_t now = time_now_ns();
    w->at_ns = time_mono_ns() + health_pause_ns(w->health, &rule, w->started_ns, now);
    add(e->health, w);
}

void health_take_up(struct engine *e, const char *id)
{
    struct watched *w = xcalloc(1, sizeof(*w));
    *w = (struct watched){
        .id = xstrdup(id), .refs = 1, .fresh = true, .stale = true, .at_ns = time_mono_ns()};
    add(e->health, w);
}

void health_end(struct engine *e, const char *id)
{
    forget(e->health, id, NULL);
}

static void stop_check(struct engine *e, const char *id, const char *check)
{
    _cleanup_(state_container_freep) struct state_container *row = NULL;
    _cleanup_(shim_unrefp) struct shim *shim = NULL;
    if (*check && state_container_get(e->state, id, &row, NULL) == 0 &&
        live_shim(e, row, &shim, NULL) == 0)
        (void)shim_check_stop(shim, check);
}

void health_paused(struct engine *e, const char *id, bool paused)
{
    struct health *h = e->health;
    char check[ID_MAX] = "";
    pthread_mutex_lock(&h->lock);
    struct watched *w = find(h, id);
    if (w && !w->fresh && w->paused != paused) {
        w->paused = paused;
        memcpy(check, w->check, sizeof(check));
        w->check[0] = '\0';
        if (paused)
            health_rest_doc(w->health);
        watched_due(h, w, paused ? INT64_MAX : time_mono_ns() + w->rule.interval_ns);
    }
    pthread_mutex_unlock(&h->lock);
    stop_check(e, id, check);
}

void health_note_start(struct state_container *row)
{
    struct health_rule rule;
    health_rule_read(row->config, row->host_config, &rule);
    json_t *health = json_obj(row->runtime, "health");
    if (rule.kind == HEALTH_NONE)
        json_object_del(row->runtime, "health");
    else if (health)
        health_begin_doc(health);
    else
        json_put_take(row->runtime, "health", health_new());
}

void health_note_rest(struct engine *e, struct state_container *row)
{
    struct health *h = e->health;
    pthread_mutex_lock(&h->lock);
    struct watched *w = find(h, row->id);
    if (w && w->health)
        json_put_take(row->runtime, "health", json_deep_copy(w->health));
    pthread_mutex_unlock(&h->lock);
    if (json_obj(row->runtime, "health"))
        health_rest_doc(json_obj(row->runtime, "health"));
}

void health_row_changed(struct engine *e, const char *id)
{
    struct health *h = e->health;
    pthread_mutex_lock(&h->lock);
    struct watched *w = find(h, id);
    if (w)
        w->stale = true;
    pthread_mutex_unlock(&h->lock);
}

void health_checked(struct engine *e, const char *id, const struct shim_checked *c)
{
    struct health *h = e->health;
    pthread_mutex_lock(&h->lock);
    struct watched *w = find(h, id);
    if (w)
        w->refs++;
    pthread_mutex_unlock(&h->lock);
    if (!w)
        return;
    bool news = watched_heard(h, w, c);
    if (news) {
        pthread_mutex_lock(&h->lock);
        w->next_news = NULL;
        *h->last_news = w;
        h->last_news = &w->next_news;
        pthread_cond_signal(&h->changed);
        pthread_mutex_unlock(&h->lock);
    } else {
        watched_unref(h, w);
    }
}

void health_lost(struct engine *e, const char *id)
{
    struct health *h = e->health;
    pthread_mutex_lock(&h->lock);
    struct watched *w = find(h, id);
    if (w)
        w->known = false;
    if (w && w->check[0]) {
        w->check[0] = '\0';
        watched_due(h, w, time_mono_ns() + w->rule.interval_ns);
    }
    pthread_mutex_unlock(&h->lock);
}

json_t *health_view(struct engine *e, const struct state_container *row)
{
    struct health *h = e->health;
    json_t *view = NULL;
    bool runs = str_eq(row->status, "running"); /* else the row has the last word */
    pthread_mutex_lock(&h->lock);
    const struct watched *w = runs ? find(h, row->id) : NULL;
    if (w && w->health && w->started_ns == row->started_ns)
        view = json_deep_copy(w->health);
    pthread_mutex_unlock(&h->lock);
    const json_t *noted = json_obj(row->runtime, "health");
    return view || !noted ? view : json_deep_copy(noted);
}
