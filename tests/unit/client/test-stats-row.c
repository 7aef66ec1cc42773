/* SPDX-License-Identifier: Apache-2.0 */
#include "client/stats-row.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/json.h"
#include "base/str.h"

static json_t *parse(const char *text)
{
    json_t *v = json_loads(text, 0, NULL);
    assert_non_null(v);
    return v;
}

static void percentages_are_of_both_samples(void **state)
{
    struct stats_numbers n;
    json_auto_t *v =
        parse("{\"cpu_stats\":{\"cpu_usage\":{\"total_usage\":300},\"system_cpu_usage\":2000,"
              "\"online_cpus\":4},\"precpu_stats\":{\"cpu_usage\":{\"total_usage\":200},"
              "\"system_cpu_usage\":1000},\"memory_stats\":{\"usage\":500,\"limit\":1000,"
              "\"stats\":{\"inactive_file\":250}}}");
    stats_numbers_of(v, &n);
    assert_true(n.cpu_percent > 39.99 && n.cpu_percent < 40.01);
    assert_int_equal(n.memory, 250);
    assert_true(n.memory_percent > 24.99 && n.memory_percent < 25.01);
}

static void without_a_second_sample_or_a_limit_there_is_no_rate(void **state)
{
    struct stats_numbers n;
    json_auto_t *v =
        parse("{\"cpu_stats\":{\"cpu_usage\":{\"total_usage\":300,\"percpu_usage\":[1,2]},"
              "\"system_cpu_usage\":1000},\"precpu_stats\":{\"cpu_usage\":{\"total_usage\":300},"
              "\"system_cpu_usage\":1000},\"memory_stats\":{\"usage\":5}}");
    stats_numbers_of(v, &n);
    assert_true(n.cpu_percent == 0 && n.memory_percent == 0);
    assert_int_equal(n.memory, 5);
    json_auto_t *nothing = json_object();
    stats_numbers_of(nothing, &n);
    assert_int_equal(n.memory + n.pids + n.read + n.sent, 0);
}

static void the_cache_is_taken_off_as_the_version_has_it(void **state)
{
    struct stats_numbers n;
    json_auto_t *v1 = parse("{\"memory_stats\":{\"usage\":100,\"stats\":{\"total_inactive_file\":"
                            "30,\"inactive_file\":1}}}");
    json_auto_t *more =
        parse("{\"memory_stats\":{\"usage\":100,\"stats\":{\"inactive_file\":300}}}");
    stats_numbers_of(v1, &n);
    assert_int_equal(n.memory, 70);
    stats_numbers_of(more, &n);
    assert_int_equal(n.memory, 100);
}

static void a_row_reads_as_dockers(void **state)
{
    json_auto_t *v = parse(
        "{\"name\":\"/web\",\"id\":\"0123456789abcdef\",\"pids_stats\":{\"current\":3},"
        "\"memory_stats\":{\"usage\":1572864,\"limit\":1073741824},"
        "\"networks\":{\"eth0\":{\"rx_bytes\":1000,\"tx_bytes\":2},\"eth1\":{\"rx_bytes\":500}},"
        "\"blkio_stats\":{\"io_service_bytes_recursive\":[{\"op\":\"Read\",\"value\":4096},"
        "{\"op\":\"write\",\"value\":1},{\"op\":\"Total\",\"value\":9}]}}");
    json_auto_t *row = stats_row("web", v, false);
    assert_string_equal(json_str(row, "ID", ""), "0123456789ab");
    assert_string_equal(json_str(row, "Name", ""), "web");
    assert_string_equal(json_str(row, "Container", ""), "web");
    assert_string_equal(json_str(row, "CPUPerc", ""), "0.00%");
    assert_string_equal(json_str(row, "MemUsage", ""), "1.5MiB / 1GiB");
    assert_string_equal(json_str(row, "MemPerc", ""), "0.15%");
    assert_string_equal(json_str(row, "NetIO", ""), "1.5kB / 2B");
    assert_string_equal(json_str(row, "BlockIO", ""), "4.1kB / 1B");
    assert_string_equal(json_str(row, "PIDs", ""), "3");
    json_auto_t *unknown = stats_row("web", NULL, false);
    assert_string_equal(json_str(unknown, "MemUsage", ""), "-- / --");
    assert_string_equal(json_str(unknown, "Name", ""), "--");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(percentages_are_of_both_samples),
        cmocka_unit_test(without_a_second_sample_or_a_limit_there_is_no_rate),
        cmocka_unit_test(the_cache_is_taken_off_as_the_version_has_it),
        cmocka_unit_test(a_row_reads_as_dockers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
