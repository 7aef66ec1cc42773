/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls into drivers in progress
 *
 * Calls stand in one list in order of their beginning, so the oldest is the next to be late. A timer is set for it, which costs a
 * call no switch of threads; the watching thread wakes only when a call is late indeed.
 */
#include "plugin/watchdog.h"

#include <inttypes.h>
#include <signal.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

static void report_to_log(const char *driver, const char *slot)
{
    log_warn("driver %s: %s() has been running for more than %d seconds", driver, slot,
             PLUGIN_CALL_LIMIT_MS / 1000);
}

static struct {
    pthread_mutex_t lock; /* guards all below */
    struct plugin_call *first, *last;
    bool started;
    int timer;
    int64_t limit_ms;
    void (*report)(const char *driver, const char *slot);
} watch = {.lock = PTHREAD_MUTEX_INITIALIZER,
           .timer = -1,
           .limit_ms = PLUGIN_CALL_LIMIT_MS,
           .report = report_to_log};

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

/* Locked: for the next call that may be late; without one nobody is woken. */
static void set_timer(void)
{
    struct itimerspec at = {0};
    const struct plugin_call *c = next_unreported();
    int64_t due = c ? c->since_ms + watch.limit_ms : 0;
    if (c)
        at.it_value =
            (struct timespec){.tv_sec = due / 1000, .tv_nsec = (due % 1000) * 1000000 + 1};
    timerfd_settime(watch.timer, TFD_TIMER_ABSTIME, &at, NULL);
}

/* One round; locked. */
static void look(void)
{
    struct plugin_call *c;
    while ((c = next_unreported()) && now_ms() >= c->since_ms + watch.limit_ms) {
        c->reported = true;
        watch.report(c->plugin->name, c->slot);
    }
    set_timer();
}

static void *run(void *arg)
{
    uint64_t times;
    while (read(watch.timer, &times, sizeof(times)) == sizeof(times)) {
        pthread_mutex_lock(&watch.lock);
        look();
        pthread_mutex_unlock(&watch.lock);
    }
    return arg;
}

/* Locked. Without the thread there is no watch, which is no reason to fail a call. */
static void ensure_thread(void)
{
    pthread_t thread;
    sigset_t all, old;
    if (watch.started)
        return;
    watch.started = true;
    watch.timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    if (watch.timer >= 0 && pthread_create(&thread, NULL, run, NULL) == 0)
        pthread_detach(thread);
    else
        log_warn("calls into drivers are not watched: no timer or no thread for it");
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
    if (next_unreported() == call)
        set_timer();
    pthread_mutex_unlock(&watch.lock);
}

void plugin_call_end(struct plugin_call *call)
{
    pthread_mutex_lock(&watch.lock);
    bool was_next = next_unreported() == call;
    *(call->prev ? &call->prev->next : &watch.first) = call->next;
    *(call->next ? &call->next->prev : &watch.last) = call->prev;
    if (was_next)
        set_timer();
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
    if (watch.started)
        set_timer();
    pthread_mutex_unlock(&watch.lock);
}
