/* SPDX-License-Identifier: Apache-2.0 */
/* Timers of drivers: a list in order of time, and the thread that waits for its head. */
#include "plugin/timers.h"

#include <pthread.h>
#include <stdbool.h>
#include <signal.h>
#include <time.h>

struct timer {
    struct timer *next;
    uint64_t id;
    struct timespec due;
    void (*fn)(void *arg);
    void *arg;
};

struct timers {
    pthread_mutex_t lock;   /* guards all below */
    pthread_cond_t changed; /* the head, `running` or `quit` */
    struct timer *head;
    uint64_t last_id, running;
    pthread_t thread;
    bool started, quit;
};

struct timers *timers_new(void)
{
    struct timers *t = xcalloc(1, sizeof(*t));
    pthread_condattr_t attr;
    pthread_mutex_init(&t->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&t->changed, &attr);
    pthread_condattr_destroy(&attr);
    return t;
}

void timers_free(struct timers *t)
{
    if (!t)
        return;
    pthread_mutex_lock(&t->lock);
    t->quit = true;
    pthread_cond_broadcast(&t->changed);
    pthread_mutex_unlock(&t->lock);
    if (t->started)
        pthread_join(t->thread, NULL);
    while (t->head) {
        struct timer *next = t->head->next;
        free(t->head);
        t->head = next;
    }
    pthread_cond_destroy(&t->changed);
    pthread_mutex_destroy(&t->lock);
    free(t);
}

static bool before(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec != b->tv_sec ? a->tv_sec < b->tv_sec : a->tv_nsec < b->tv_nsec;
}

/* Takes the head when its time has come; otherwise waits for it, or for a change, and gives NULL. Locked. */
static struct timer *take_due(struct timers *t)
{
    struct timer *head = t->head;
    struct timespec now;
    if (!head) {
        pthread_cond_wait(&t->changed, &t->lock);
        return NULL;
    }
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (before(&now, &head->due)) {
        struct timespec due = head->due; /* head may be freed while the lock is away */
        pthread_cond_timedwait(&t->changed, &t->lock, &due);
        return NULL;
    }
    t->head = head->next;
    return head;
}

static void *run(void *arg)
{
    struct timers *t = arg;
    pthread_mutex_lock(&t->lock);
    while (!t->quit) {
        struct timer *due = take_due(t);
        if (!due)
            continue;
        t->running = due->id;
        pthread_mutex_unlock(&t->lock);
        due->fn(due->arg);
        free(due);
        pthread_mutex_lock(&t->lock);
        t->running = 0;
        pthread_cond_broadcast(&t->changed);
    }
    pthread_mutex_unlock(&t->lock);
    return NULL;
}

/* Signals are the main thread's. Locked. */
static bool ensure_thread(struct timers *t)
{
    sigset_t all, old;
    if (t->started)
        return true;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    t->started = pthread_create(&t->thread, NULL, run, t) == 0;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return t->started;
}

static struct timespec due_in(int64_t ms)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    ms = ms < 0 ? 0 : MIN(ms, (int64_t)1 << 40);
    ts.tv_sec += ms / 1000;
    ts.tv_nsec += (ms % 1000) * 1000000;
    if (ts.tv_nsec >= 1000000000) {
        ts.tv_sec++;
        ts.tv_nsec -= 1000000000;
    }
    return ts;
}

uint64_t timers_start(struct timers *t, int64_t ms, void (*fn)(void *arg), void *arg)
{
    struct timer *timer = xmalloc(sizeof(*timer));
    *timer = (struct timer){.due = due_in(ms), .fn = fn, .arg = arg};
    pthread_mutex_lock(&t->lock);
    if (!ensure_thread(t)) {
        pthread_mutex_unlock(&t->lock);
        free(timer);
        return 0;
    }
    uint64_t id = timer->id = ++t->last_id;
    struct timer **at = &t->head;
    while (*at && !before(&timer->due, &(*at)->due))
        at = &(*at)->next;
    timer->next = *at;
    *at = timer;
    pthread_cond_broadcast(&t->changed);
    pthread_mutex_unlock(&t->lock);
    return id;
}

void timers_cancel(struct timers *t, uint64_t id)
{
    pthread_mutex_lock(&t->lock);
    for (struct timer **at = &t->head; *at; at = &(*at)->next) {
        struct timer *timer = *at;
        if (timer->id != id)
            continue;
        *at = timer->next;
        free(timer);
        break;
    }
    bool inside = t->started && pthread_equal(pthread_self(), t->thread);
    while (id && t->running == id && !inside)
        pthread_cond_wait(&t->changed, &t->lock);
    pthread_mutex_unlock(&t->lock);
}
