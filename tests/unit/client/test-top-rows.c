/* SPDX-License-Identifier: Apache-2.0 */
#include "../unit.h"

#include "base/json.h"
#include "client/format.h"
#include "client/top-rows.h"

static json_t *line(const char *name, int cpu, int memory)
{
    return json_pack("{ss s{s{sI}sIsi} s{s{sI}sI} s{sIsI} s{sI}}", "name", name, "cpu_stats",
                     "cpu_usage", "total_usage", (json_int_t)cpu, "system_cpu_usage",
                     (json_int_t)1000, "online_cpus", 1, "precpu_stats", "cpu_usage", "total_usage",
                     (json_int_t)0, "system_cpu_usage", (json_int_t)0, "memory_stats", "usage",
                     (json_int_t)memory, "limit", (json_int_t)1000000, "pids_stats", "current",
                     (json_int_t)2);
}

/* Three containers: "/a" with the most memory, "/b" with the most CPU, and one of which nothing is known. */
static struct stats_source sources[3];
static struct stats_source *list[] = {&sources[0], &sources[1], &sources[2]};
static struct stats_feed feed = {.v = list, .n = 3};

static int set_up(void **state)
{
    sources[0] = (struct stats_source){.ref = "aaa", .id = "aaa0", .line = line("/a", 100, 4096)};
    sources[1] = (struct stats_source){.ref = "bbb", .id = "bbb0", .line = line("/b", 500, 1024)};
    sources[2] = (struct stats_source){.ref = "ccc", .id = "ccc0"};
    return 0;
}

static int tear_down(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(sources); i++)
        json_decref(sources[i].line);
    return 0;
}

static char *names(const struct top_rows *r)
{
    struct buf b = {0};
    for (size_t i = 0; i < r->n; i++)
        buf_printf(&b, "%s ", r->v[i].name);
    return buf_steal(&b);
}

static void check_names(const struct top_rows *r, const char *want)
{
    _cleanup_(freep) char *got = names(r);
    assert_string_equal(got, want);
}

static void rows_are_sorted_and_turned(void **state)
{
    struct top_rows r = {0};
    top_rows_take(&r, &feed);
    check_names(&r, "b a ccc ");
    top_rows_sort(&r, TOP_MEMORY);
    check_names(&r, "a b ccc ");
    top_rows_sort(&r, TOP_MEMORY);
    check_names(&r, "ccc b a ");
    top_rows_sort(&r, TOP_NAME);
    check_names(&r, "a b ccc ");
    top_rows_fini(&r);
}

static void the_selection_stays_with_its_container(void **state)
{
    struct top_rows r = {0};
    size_t at = 9;
    assert_null(top_rows_selected(&r, NULL));
    top_rows_move(&r, 1, 5);
    top_rows_take(&r, &feed);
    assert_string_equal(top_rows_selected(&r, &at)->name, "b");
    top_rows_move(&r, 1, 5);
    top_rows_sort(&r, TOP_MEMORY);
    top_rows_take(&r, &feed);
    assert_string_equal(top_rows_selected(&r, &at)->name, "a");
    assert_int_equal(at, 0);
    sources[0].over = true;
    top_rows_take(&r, &feed);
    assert_int_equal(r.n, 2);
    assert_string_equal(top_rows_selected(&r, &at)->name, "b");
    sources[0].over = false;
    top_rows_fini(&r);
}

static void moving_scrolls_and_ends_at_the_ends(void **state)
{
    struct top_rows r = {0};
    size_t at = 9;
    top_rows_take(&r, &feed);
    top_rows_move(&r, 100, 2);
    top_rows_selected(&r, &at);
    assert_int_equal(at, 2);
    assert_int_equal(r.first, 1);
    top_rows_move(&r, 0, 3); /* a larger screen shows all again */
    assert_int_equal(r.first, 0);
    top_rows_move(&r, 0, 0);
    top_rows_move(&r, -100, 1);
    top_rows_selected(&r, &at);
    assert_int_equal(at, 0);
    assert_int_equal(r.first, 0);
    top_rows_fini(&r);
}

static void lines_have_the_terminals_width(void **state)
{
    struct top_rows r = {0};
    top_rows_take(&r, &feed);
    for (int columns = 1; columns < 120; columns++) {
        _cleanup_(freep) char *titles = top_row_line(&r, NULL, columns),
                              *row = top_row_line(&r, &r.v[0], columns);
        assert_int_equal(display_width(titles), columns);
        assert_int_equal(display_width(row), columns);
    }
    _cleanup_(freep) char *titles = top_row_line(&r, NULL, 40),
                          *row = top_row_line(&r, &r.v[0], 40),
                          *unknown = top_row_line(&r, &r.v[2], 40), *all = top_rows_summary(&r);
    assert_string_equal(titles, "NAME             CPU %v       MEM  MEM %");
    assert_string_equal(row, "b                  50.0      1KiB    0.1");
    assert_string_equal(unknown, "ccc                  --        --     --");
    assert_string_equal(all, "3 containers, CPU 60.0 %, memory 5KiB");
    top_rows_fini(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(rows_are_sorted_and_turned, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_selection_stays_with_its_container, set_up, tear_down),
        cmocka_unit_test_setup_teardown(moving_scrolls_and_ends_at_the_ends, set_up, tear_down),
        cmocka_unit_test_setup_teardown(lines_have_the_terminals_width, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
