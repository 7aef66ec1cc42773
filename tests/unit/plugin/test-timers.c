/* SPDX-License-Identifier: Apache-2.0 */
/* Timers: order, cancel, and what a handle of a fired timer does. */
#include "plugin/timers.h"

#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <time.h>

#include "unit.h"

struct mark {
    sem_t done;
    char order[8];
    atomic_int n;
};

struct shot {
    struct mark *mark;
    char letter;
};

static void fire(void *arg)
{
    struct shot *s = arg;
    s->mark->order[s->mark->n++] = s->letter;
    sem_post(&s->mark->done);
}

static void they_fire_in_order_of_time(void **state)
{
    _cleanup_(timers_freep) struct timers *t = timers_new();
    struct mark m = {0};
    struct shot a = {&m, 'a'}, b = {&m, 'b'}, c = {&m, 'c'};
    sem_init(&m.done, 0, 0);
    assert_int_not_equal(timers_start(t, 60, fire, &c), 0);
    timers_start(t, 1, fire, &a);
    timers_start(t, 30, fire, &b);
    for (int i = 0; i < 3; i++)
        sem_wait(&m.done);
    assert_string_equal(m.order, "abc");
}

static void a_cancelled_one_does_not_fire(void **state)
{
    _cleanup_(timers_freep) struct timers *t = timers_new();
    struct mark m = {0};
    struct shot a = {&m, 'a'}, b = {&m, 'b'};
    sem_init(&m.done, 0, 0);
    uint64_t id = timers_start(t, 10, fire, &a);
    timers_cancel(t, id);
    timers_start(t, 20, fire, &b);
    sem_wait(&m.done);
    assert_string_equal(m.order, "b");
    timers_cancel(t, id);
    timers_cancel(t, 12345);
}

struct slow {
    sem_t running, go_on;
    atomic_bool ended;
};

static void slow_fire(void *arg)
{
    struct slow *s = arg;
    sem_post(&s->running);
    struct timespec ts = {.tv_nsec = 20000000};
    nanosleep(&ts, NULL);
    s->ended = true;
}

static void cancel_waits_for_the_one_that_runs(void **state)
{
    _cleanup_(timers_freep) struct timers *t = timers_new();
    struct slow s = {0};
    sem_init(&s.running, 0, 0);
    uint64_t id = timers_start(t, 0, slow_fire, &s);
    sem_wait(&s.running);
    timers_cancel(t, id);
    assert_true(s.ended);
}

static void free_forgets_what_waits(void **state)
{
    struct timers *t = timers_new();
    struct mark m = {0};
    struct shot a = {&m, 'a'};
    timers_start(t, 100000, fire, &a);
    timers_free(t);
    assert_int_equal(m.n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(they_fire_in_order_of_time),
        cmocka_unit_test(a_cancelled_one_does_not_fire),
        cmocka_unit_test(cancel_waits_for_the_one_that_runs),
        cmocka_unit_test(free_forgets_what_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
