/* SPDX-License-Identifier: Apache-2.0 */
/* Calls in progress: the late one is named once, serialised drivers are. */
#include "plugin/watchdog.h"

#include <semaphore.h>
#include <stdatomic.h>

#include "unit.h"

#include "base/log.h"

static sem_t told;
static char *words;

static void report(const char *driver, const char *slot)
{
    free(words);
    words = str_printf("%s %s", driver, slot);
    sem_post(&told);
}

static struct berth_plugin desc = {.name = "slow"};
static struct plugin slow = {.desc = &desc, .name = "slow", .serial = PTHREAD_MUTEX_INITIALIZER};

static void a_late_call_is_reported_with_driver_and_slot(void **state)
{
    plugin_call_watch(20, report);
    PLUGIN_CALL(call, &slow, "usage");
    sem_wait(&told);
    assert_string_equal(words, "slow usage");
    assert_true(call.reported);
}

static void a_quick_call_is_not(void **state)
{
    plugin_call_watch(20, report);
    for (int i = 0; i < 1000; i++) {
        PLUGIN_CALL(quick, &slow, "status");
    }
    PLUGIN_CALL(late, &slow, "diff_commit");
    sem_wait(&told);
    assert_string_equal(words, "slow diff_commit");
    assert_int_equal(sem_trywait(&told), -1);
}

static atomic_int inside;

static void *enter(void *arg)
{
    for (int i = 0; i < 500; i++) {
        PLUGIN_CALL(call, &slow, "write");
        if (++inside != 1)
            return arg;
        inside--;
    }
    return NULL;
}

static void calls_of_a_serialised_driver_do_not_overlap(void **state)
{
    plugin_call_watch(PLUGIN_CALL_LIMIT_MS, report);
    desc.flags = BERTH_SERIALISED;
    pthread_t threads[4];
    for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, enter, &slow), 0);
    for (size_t i = 0; i < ARRAY_SIZE(threads); i++) {
        void *overlapped;
        pthread_join(threads[i], &overlapped);
        assert_null(overlapped);
    }
    desc.flags = 0;
}

int main(void)
{
    log_setup("test", LOG_ERROR, false);
    sem_init(&told, 0, 0);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_late_call_is_reported_with_driver_and_slot),
        cmocka_unit_test(a_quick_call_is_not),
        cmocka_unit_test(calls_of_a_serialised_driver_do_not_overlap),
    };
    int r = cmocka_run_group_tests(tests, NULL, NULL);
    free(words);
    return r;
}
