/* SPDX-License-Identifier: Apache-2.0 */
/* Turns of starts: four at once, the others in the order in which they came. */
#include "unit.h"

#include <pthread.h>

#include "engine/turns.h"

#define AT_ONCE 4
#define THREADS 8

static struct engine e;
static int order[THREADS], came;

static void *start(void *arg)
{
    turn_take(&e);
    pthread_mutex_lock(&e.lock);
    order[came++] = (int)(intptr_t)arg;
    pthread_cond_broadcast(&e.changed);
    pthread_mutex_unlock(&e.lock);
    return NULL;
}

static int setup(void **state)
{
    pthread_condattr_t attr;
    e = (struct engine){0};
    came = 0;
    pthread_mutex_init(&e.lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&e.changed, &attr);
    pthread_condattr_destroy(&attr);
    for (int i = 0; i < AT_ONCE; i++)
        turn_take(&e);
    return 0;
}

static unsigned waiting(void)
{
    unsigned n = 0;
    pthread_mutex_lock(&e.lock);
    for (struct start_turn *t = e.turns; t; t = t->next)
        n++;
    pthread_mutex_unlock(&e.lock);
    return n;
}

/* One thread more, which waits when this returns. */
static pthread_t queue(int n)
{
    pthread_t t;
    unsigned before = waiting();
    assert_int_equal(pthread_create(&t, NULL, start, (void *)(intptr_t)n), 0);
    while (waiting() == before)
        sched_yield();
    return t;
}

static void whoever_asks_later_does_not_overtake(void **state)
{
    pthread_t t[THREADS];
    for (int i = 0; i < THREADS / 2; i++)
        t[i] = queue(i);
    for (int i = 0; i < THREADS; i++) {
        turn_give(&e);
        /* The turn is the first one's, whether its thread has run yet or not. */
        if (i < THREADS / 2)
            t[THREADS / 2 + i] = queue(THREADS / 2 + i);
        pthread_mutex_lock(&e.lock);
        while (came <= i)
            pthread_cond_wait(&e.changed, &e.lock);
        pthread_mutex_unlock(&e.lock);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(t[i], NULL);
        assert_int_equal(order[i], i);
    }
    assert_int_equal(e.starting, AT_ONCE);
    assert_null(e.turns);
}

static void starts_that_hang_hold_up_another_for_a_while_only(void **state)
{
    turn_take(&e);
    assert_int_equal(e.starting, AT_ONCE + 1);
    turn_give(&e);
    assert_int_equal(e.starting, AT_ONCE);
    assert_null(e.turns);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(whoever_asks_later_does_not_overtake, setup),
        cmocka_unit_test_setup(starts_that_hang_hold_up_another_for_a_while_only, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
