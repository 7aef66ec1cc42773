/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/view.h"

#include "base/clock.h"
#include "base/str.h"
#include "unit.h"

static void durations_read_as_dockers(void **state)
{
    static const struct {
        int64_t seconds;
        const char *words;
    } cases[] = {
        {0, "Less than a second"}, {1, "1 second"},          {59, "59 seconds"},
        {60, "About a minute"},    {119, "About a minute"},  {120, "2 minutes"},
        {3599, "59 minutes"},      {3600, "About an hour"},  {2 * 3600, "2 hours"},
        {47 * 3600, "47 hours"},   {48 * 3600, "2 days"},    {14 * 86400, "2 weeks"},
        {60 * 86400, "2 months"},  {800 * 86400, "2 years"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_(freep) char *words = duration_words(cases[i].seconds * NS_PER_SEC);
        assert_string_equal(words, cases[i].words);
    }
}

static void status_tells_the_state(void **state)
{
    int64_t now = 100 * NS_PER_SEC;
    struct state_container row = {.status = (char *)"running", .started_ns = 95 * NS_PER_SEC};
    _cleanup_(freep) char *up = status_words(&row, now);
    assert_string_equal(up, "Up 5 seconds");
    row.status = (char *)"paused";
    _cleanup_(freep) char *paused = status_words(&row, now);
    assert_string_equal(paused, "Up 5 seconds (Paused)");
    row.status = (char *)"exited";
    row.exit_code = 3;
    row.finished_ns = 40 * NS_PER_SEC;
    _cleanup_(freep) char *exited = status_words(&row, now);
    assert_string_equal(exited, "Exited (3) About a minute ago");
    row.status = (char *)"created";
    _cleanup_(freep) char *created = status_words(&row, now);
    assert_string_equal(created, "Created");
}

static void status_tells_the_health_of_what_runs(void **state)
{
    static const struct {
        const char *status, *health, *words;
    } cases[] = {
        {"running", "starting", "Up 5 seconds (health: starting)"},
        {"running", "healthy", "Up 5 seconds (healthy)"},
        {"running", "unhealthy", "Up 5 seconds (unhealthy)"},
        {"paused", "unhealthy", "Up 5 seconds (Paused)"},
        {"exited", "unhealthy", "Exited (0) 2 seconds ago"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct state_container row = {.status = (char *)cases[i].status,
                                      .started_ns = 95 * NS_PER_SEC,
                                      .finished_ns = 98 * NS_PER_SEC};
        row.runtime = json_pack("{s{ss}}", "health", "Status", cases[i].health);
        _cleanup_(freep) char *words = status_words(&row, 100 * NS_PER_SEC);
        json_decref(row.runtime);
        assert_string_equal(words, cases[i].words);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations_read_as_dockers),
        cmocka_unit_test(status_tells_the_state),
        cmocka_unit_test(status_tells_the_health_of_what_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
