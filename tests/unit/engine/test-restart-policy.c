/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/restart-policy.h"

#include <errno.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/str.h"
#include "unit.h"

static void the_pause_doubles_from_100_ms_to_a_minute(void **state)
{
    static const int64_t expected[] = {100,  200,   400,   800,   1600,  3200,
                                       6400, 12800, 25600, 51200, 60000, 60000};
    int64_t last = 0;
    for (size_t i = 0; i < ARRAY_SIZE(expected); i++) {
        last = restart_delay_ms(last, 5 * NS_PER_SEC);
        assert_int_equal(last, expected[i]);
    }
}

static void a_run_of_ten_seconds_begins_anew(void **state)
{
    assert_int_equal(restart_delay_ms(60000, 10 * NS_PER_SEC), 100);
    assert_int_equal(restart_delay_ms(60000, 10 * NS_PER_SEC - 1), 60000);
}

static void the_pause_is_counted_from_the_end_whatever_the_clock_did(void **state)
{
    int64_t end = 1000 * NS_PER_SEC;
    assert_int_equal(restart_left_ms(end, 800, end), 800);
    assert_int_equal(restart_left_ms(end, 800, end + 300 * NS_PER_MS), 500);
    assert_int_equal(restart_left_ms(end, 800, end + 900 * NS_PER_MS), 0);
    assert_int_equal(restart_left_ms(end, 800, INT64_MAX), 0);
    assert_int_equal(restart_left_ms(end, 800, end - 3600 * NS_PER_SEC), 800);
}

static void policies_decide_as_dockers(void **state)
{
    struct restart_rule no = {RESTART_NO, 0}, always = {RESTART_ALWAYS, 0},
                        unless = {RESTART_UNLESS_STOPPED, 0}, twice = {RESTART_ON_FAILURE, 2},
                        ever = {RESTART_ON_FAILURE, 0};
    assert_false(restart_wanted(&no, 1, 0, false));
    assert_true(restart_wanted(&always, 0, 1000, false));
    assert_false(restart_wanted(&always, 0, 0, true));
    assert_true(restart_wanted(&unless, 0, 0, false));
    assert_false(restart_wanted(&unless, 1, 0, true));
    assert_false(restart_wanted(&twice, 0, 0, false));
    assert_true(restart_wanted(&twice, 1, 1, false));
    assert_false(restart_wanted(&twice, 1, 2, false));
    assert_true(restart_wanted(&ever, 137, 1000, false));
    assert_false(restart_wanted(&ever, 137, 0, true));
}

static void at_boot_always_starts_and_unless_stopped_unless_stopped(void **state)
{
    struct restart_rule always = {RESTART_ALWAYS, 0}, unless = {RESTART_UNLESS_STOPPED, 0},
                        failure = {RESTART_ON_FAILURE, 0}, no = {RESTART_NO, 0};
    assert_true(restart_wanted_at_boot(&always, true));
    assert_true(restart_wanted_at_boot(&unless, false));
    assert_false(restart_wanted_at_boot(&unless, true));
    assert_false(restart_wanted_at_boot(&failure, false));
    assert_false(restart_wanted_at_boot(&no, false));
}

static int check(const char *text, const char **words)
{
    static struct err err;
    json_auto_t *hc = NULL;
    err_fini(&err);
    assert_int_equal(json_parse(text, strlen(text), &hc, NULL), 0);
    int r = restart_policy_check(hc, &err);
    *words = r < 0 ? err_msg(&err) : json_str(json_obj(hc, "RestartPolicy"), "Name", NULL);
    static char kept[32];
    if (r == 0) {
        snprintf(kept, sizeof(kept), "%s", *words);
        *words = kept;
    }
    return r;
}

static void wrong_policies_are_refused_in_dockers_words(void **state)
{
    const char *w;
    assert_int_equal(check("{}", &w), 0);
    assert_string_equal(w, "no");
    assert_int_equal(check("{\"RestartPolicy\":{\"Name\":\"\"}}", &w), 0);
    assert_int_equal(check("{\"RestartPolicy\":{\"Name\":\"on-failure\","
                           "\"MaximumRetryCount\":3}}",
                           &w),
                     0);
    assert_string_equal(w, "on-failure");
    assert_int_equal(check("{\"RestartPolicy\":{\"Name\":\"sometimes\"}}", &w), -EINVAL);
    assert_string_equal(w, "invalid restart policy: unknown policy 'sometimes'; use one of 'no', "
                           "'always', 'on-failure', or 'unless-stopped'");
    assert_int_equal(check("{\"RestartPolicy\":{\"Name\":\"always\",\"MaximumRetryCount\":1}}", &w),
                     -EINVAL);
    assert_string_equal(w, "invalid restart policy: maximum retry count can only be used with "
                           "'on-failure'");
    assert_int_equal(check("{\"RestartPolicy\":{\"Name\":\"on-failure\","
                           "\"MaximumRetryCount\":-1}}",
                           &w),
                     -EINVAL);
    assert_string_equal(w, "invalid restart policy: maximum retry count cannot be negative");
    assert_int_equal(check("{\"AutoRemove\":true,\"RestartPolicy\":{\"Name\":\"always\"}}", &w),
                     -EINVAL);
    assert_string_equal(w, "can't create 'AutoRemove' container with restart policy");
}

static struct state_container row_of(const char *policy)
{
    struct state_container row = {.status = xstrdup("running"), .exit_code = 1};
    row.host_config = json_pack("{s{ss}}", "RestartPolicy", "Name", policy);
    row.runtime = json_object();
    row.finished_ns = 50 * NS_PER_SEC;
    return row;
}

static void a_row_carries_count_and_pause(void **state)
{
    struct state_container row = row_of("always");
    restart_decide(&row, NS_PER_SEC);
    assert_string_equal(row.status, "restarting");
    assert_int_equal(row.restart_count, 1);
    assert_int_equal(restart_row_left_ms(&row, row.finished_ns), 100);
    restart_decide(&row, NS_PER_SEC);
    assert_int_equal(row.restart_count, 2);
    assert_int_equal(restart_row_left_ms(&row, row.finished_ns), 200);
    row.stop_requested = true;
    restart_decide(&row, NS_PER_SEC);
    assert_string_equal(row.status, "exited");
    assert_int_equal(row.restart_count, 2);
    restart_decide_now(&row);
    assert_true(container_is_resting(&row));
    assert_false(row.stop_requested);
    assert_int_equal(row.restart_count, 0);
    assert_int_equal(restart_row_left_ms(&row, row.finished_ns), 0);
    state_container_fini(&row);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_pause_doubles_from_100_ms_to_a_minute),
        cmocka_unit_test(a_run_of_ten_seconds_begins_anew),
        cmocka_unit_test(the_pause_is_counted_from_the_end_whatever_the_clock_did),
        cmocka_unit_test(policies_decide_as_dockers),
        cmocka_unit_test(at_boot_always_starts_and_unless_stopped_unless_stopped),
        cmocka_unit_test(wrong_policies_are_refused_in_dockers_words),
        cmocka_unit_test(a_row_carries_count_and_pause),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
