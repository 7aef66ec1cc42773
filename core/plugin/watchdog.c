/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls into drivers in progress
 *
 * Calls stand in one list in order of their beginning, so the oldest is the next to be late. The watching thread
 * wakes when a call begins while there was none to watch, and then at most once a limit.
 */
#include "plugin/watchdog.h"

#include <inttypes.h>
#include <signal.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"

static void report_to_log(const char *driver, const char *slot)
{
    log_warn("driver %s: %s() has been running for more than %d seconds", driver, slot,
             PLUGIN_CALL_LIMIT_MS / 1000);
}

static struct {
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t begun;
    struct plugin_call *first, *last;
    bool started, asleep;
    int64_t limit_ms;
    void (*report)(const char *driver, const char *slot);
} watch = {
    .lock = PTHREAD_MUTEX_INITIALIZER, .limit_ms = PLUGIN_CALL_LIMIT_MS, .report = report_to_log};

static int64_t now_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static struct plugin_call *next_unreported(void)
{
    struct plugin_call *c = watch.first;
    while (c && c->reported)
        c = c->next;
    return c;
}

static void wait_until(int64_t ms)
{
    struct timespec ts = {.tv_sec = ms / 1000, .tv_nsec = (ms % 1000) * 1000000};
    pthread_cond_timedwait(&watch.begun, &watch.lock, &ts);
}

/* One round; locked. */
static void look(void)
{
    struct plugin_call *c = next_unreported();
    if (!c) {
        watch.asleep = true;
        pthread_cond_wait(&watch.begun, &watch.lock);
        watch.asleep = false;
        return;
    }
    int64_t due = c->since_ms + watch.limit_ms;
    if (now_ms() < due) {
        wait_until(due);
        return;
    }
    c->reported = true;
    watch.report(c->plugin->name, c->slot);
}

static void *run(void *arg)
{
    pthread_mutex_lock(&watch.lock);
    for (;;)
        look();
    return arg;
}

/* Locked. Without the thread there is no watch, which is no reason to fail a call. */
static void ensure_thread(void)
{
    pthread_condattr_t attr;
    pthread_t thread;
    sigset_t all, old;
    if (watch.started)
        return;
    watch.started = true;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&watch.begun, &attr);
    pthread_condattr_destroy(&attr);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    if (pthread_create(&thread, NULL, run, NULL) == 0)
        pthread_detach(thread);
    else
        log_warn("calls into drivers are not watched: no thread for it");
    pthread_sigmask(SIG_SETMASK, &old, NULL);
}

void plugin_call_begin(struct plugin_call *call, struct plugin *plugin, const char *slot)
{
    *call = (struct plugin_call){.plugin = plugin, .slot = slot};
    if (plugin->desc->flags & BERTH_SERIALISED)
        pthread_mutex_lock(&plugin->serial);
    pthread_mutex_lock(&watch.lock);
    ensure_thread();
    call->since_ms = now_ms(); /* under the lock, so that the list is in order */
    call->prev = watch.last;
    *(watch.last ? &watch.last->next : &watch.first) = call;
    watch.last = call;
    if (watch.asleep)
        pthread_cond_signal(&watch.begun);
    pthread_mutex_unlock(&watch.lock);
}

void plugin_call_end(struct plugin_call *call)
{
    pthread_mutex_lock(&watch.lock);
    *(call->prev ? &call->prev->next : &watch.first) = call->next;
    *(call->next ? &call->next->prev : &watch.last) = call->prev;
    pthread_mutex_unlock(&watch.lock);
    if (call->plugin->desc->flags & BERTH_SERIALISED)
        pthread_mutex_unlock(&call->plugin->serial);
    if (call->reported)
        log_info("driver %s: %s() has returned after %" PRId64 " ms", call->plugin->name,
                 call->slot, now_ms() - call->since_ms);
}

void plugin_call_watch(int64_t limit_ms, void (*report)(const char *driver, const char *slot))
{
    pthread_mutex_lock(&watch.lock);
    watch.limit_ms = limit_ms;
    watch.report = report ? report : report_to_log;
    pthread_mutex_unlock(&watch.lock);
}
