/* SPDX-License-Identifier: Apache-2.0 */
/* Turns of starts: whose turn ends hands it to the first that waits. */
#include "engine/turns.h"

#include <errno.h>

#include "base/clock.h"

#define STARTS_AT_ONCE 4
#define TURN_WAIT_MS   2000

/* With the lock held. */
static void queue_add(struct engine *e, struct start_turn *t)
{
    if (!e->turns)
        e->turns_end = &e->turns;
    *e->turns_end = t;
    e->turns_end = &t->next;
}

static void queue_del(struct engine *e, const struct start_turn *t)
{
    struct start_turn **at = &e->turns;
    while (*at != t)
        at = &(*at)->next;
    *at = t->next;
    if (!t->next)
        e->turns_end = at;
}

void turn_take(struct engine *e)
{
    struct start_turn t = {0};
    int64_t deadline = time_mono_ns() + TURN_WAIT_MS * NS_PER_MS;
    int r = 0;
    pthread_mutex_lock(&e->lock);
    if (e->starting >= STARTS_AT_ONCE || e->turns) {
        queue_add(e, &t);
        while (!t.come && r == 0 && !e->closing)
            r = engine_wait_changed(e, deadline);
        if (!t.come)
            queue_del(e, &t);
    }
    if (!t.come)
        e->starting++;
    pthread_mutex_unlock(&e->lock);
}

void turn_give(struct engine *e)
{
    pthread_mutex_lock(&e->lock);
    e->starting--;
    while (e->turns && e->starting < STARTS_AT_ONCE) {
        struct start_turn *first = e->turns;
        queue_del(e, first);
        first->come = true;
        e->starting++;
    }
    pthread_cond_broadcast(&e->changed);
    pthread_mutex_unlock(&e->lock);
}
