/* SPDX-License-Identifier: Apache-2.0 */
/* The pool: bounded as long as work gets done, larger where all of it hangs. */
#include "unit.h"

#include <pthread.h>
#include <stdbool.h>

#include "engine/jobs.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int at_once, most, done;
static bool go_on;

static void hang(void *arg)
{
    pthread_mutex_lock(&lock);
    while (!go_on)
        pthread_cond_wait(&changed, &lock);
    done++;
    pthread_mutex_unlock(&lock);
}

static void quick(void *arg)
{
    pthread_mutex_lock(&lock);
    most = ++at_once > most ? at_once : most;
    pthread_mutex_unlock(&lock);
    pthread_mutex_lock(&lock);
    at_once--;
    done++;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

static void wait_done(int n)
{
    pthread_mutex_lock(&lock);
    while (done < n)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
}

static struct jobs *open_jobs(void)
{
    struct jobs *j = NULL;
    at_once = most = done = 0;
    go_on = false;
    assert_int_equal(jobs_open(2, &j, NULL), 0);
    return j;
}

static void what_is_queued_is_done_by_no_more_threads_than_asked_for(void **state)
{
    struct jobs *j = open_jobs();
    for (int i = 0; i < 1000; i++)
        jobs_add(j, quick, NULL);
    wait_done(1000);
    assert_in_range(most, 1, 2);
    jobs_close(j);
}

static void jobs_that_hang_hold_up_the_others_for_a_moment_only(void **state)
{
    struct jobs *j = open_jobs();
    for (int i = 0; i < 3; i++)
        jobs_add(j, hang, NULL);
    jobs_add(j, quick, NULL); /* behind three that hang, with two threads */
    wait_done(1);
    pthread_mutex_lock(&lock);
    go_on = true;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
    jobs_close(j);
    assert_int_equal(done, 4);
}

static void closing_runs_what_is_queued(void **state)
{
    struct jobs *j = open_jobs();
    for (int i = 0; i < 100; i++)
        jobs_add(j, quick, NULL);
    jobs_close(j);
    assert_int_equal(done, 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_queued_is_done_by_no_more_threads_than_asked_for),
        cmocka_unit_test(jobs_that_hang_hold_up_the_others_for_a_moment_only),
        cmocka_unit_test(closing_runs_what_is_queued),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
