/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Waiting for change
 *
 * One condition variable says that something moved (a verb ended, a container exited): who waits looks again. Waits are rare and
 * short, so one for all is enough.
 */
#include <errno.h>

#include "base/clock.h"
#include "config/config.h"
#include "engine/internal.h"

int engine_wait_changed(struct engine *e, int64_t deadline_ns)
{
    if (deadline_ns == INT64_MAX)
        return -pthread_cond_wait(&e->changed, &e->lock);
    /* The spans that callers count are of CLOCK_BOOTTIME; the condition variable's clock is CLOCK_MONOTONIC. */
    int64_t left = deadline_ns - time_mono_ns();
    if (left <= 0)
        return -ETIMEDOUT;
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    int64_t sec = at.tv_sec, ns = at.tv_nsec + left % NS_PER_SEC;
    sec += left / NS_PER_SEC + ns / NS_PER_SEC;
    at = (struct timespec){.tv_sec = (time_t)sec, .tv_nsec = (long)(ns % NS_PER_SEC)};
    return -pthread_cond_timedwait(&e->changed, &e->lock, &at);
}

uint64_t engine_generation(struct engine *e)
{
    pthread_mutex_lock(&e->lock);
    uint64_t generation = e->generation;
    pthread_mutex_unlock(&e->lock);
    return generation;
}

int engine_wait_since(struct engine *e, uint64_t generation, int64_t deadline_ns)
{
    int r = 0;
    pthread_mutex_lock(&e->lock);
    while (r == 0 && !e->closing && e->generation == generation)
        r = engine_wait_changed(e, deadline_ns);
    if (e->closing)
        r = -ETIMEDOUT;
    pthread_mutex_unlock(&e->lock);
    return r;
}

void engine_changed(struct engine *e)
{
    pthread_mutex_lock(&e->lock);
    e->generation++;
    pthread_cond_broadcast(&e->changed);
    pthread_mutex_unlock(&e->lock);
}

struct config *engine_config(struct engine *e)
{
    pthread_mutex_lock(&e->lock);
    struct config *config = config_ref(e->config);
    pthread_mutex_unlock(&e->lock);
    return config;
}
