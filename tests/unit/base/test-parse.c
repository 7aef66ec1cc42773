/* SPDX-License-Identifier: Apache-2.0 */
#include "../unit.h"

#include "base/str.h"

#include <errno.h>

static void integers_are_checked_for_form_and_range(void **state)
{
    int64_t v;
    assert_int_equal(parse_i64("-5", -10, 10, &v), 0);
    assert_int_equal(v, -5);
    assert_int_equal(parse_i64("11", -10, 10, &v), -ERANGE);
    assert_int_equal(parse_i64("9223372036854775807", INT64_MIN, INT64_MAX, &v), 0);
    assert_int_equal(parse_i64("9223372036854775808", INT64_MIN, INT64_MAX, &v), -ERANGE);
    static const char *const bad[] = {"", " 1", "1 ", "x", "1x", "--1", "0x10", "-"};
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_int_equal(parse_i64(bad[i], -10, 10, &v), -EINVAL);
    uint64_t u;
    assert_int_equal(parse_u64("-1", 10, &u), -EINVAL);
    assert_int_equal(parse_u64("18446744073709551616", UINT64_MAX, &u), -ERANGE);
}

static void sizes_read_as_docker_reads_them(void **state)
{
    static const struct {
        const char *s;
        int64_t v;
    } good[] = {{"0", 0},         {"10m", 10 << 20}, {"512", 512},        {"1.5g", 1610612736},
                {"1KB", 1024},    {"1KiB", 1024},    {"64 mb", 64 << 20}, {"1b", 1},
                {"8P", 8LL << 50}};
    int64_t v;
    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        assert_int_equal(parse_size(good[i].s, &v), 0);
        assert_int_equal(v, good[i].v);
    }
    static const char *const bad[] = {"", "m", "-1", "1x", "1mm", "10 m b", NULL};
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_true(parse_size(bad[i], &v) < 0);
    assert_int_equal(parse_size("100000000p", &v), -ERANGE);
}

static void durations_read_as_go_reads_them(void **state)
{
    int64_t v;
    assert_int_equal(parse_duration("1h30m", &v), 0);
    assert_int_equal(v, 5400000000000);
    assert_int_equal(parse_duration("1.5s", &v), 0);
    assert_int_equal(v, 1500000000);
    assert_int_equal(parse_duration("-300ms", &v), 0);
    assert_int_equal(v, -300000000);
    assert_int_equal(parse_duration("0", &v), 0);
    static const char *const bad[] = {"", "5", "s", "1m5", "1 s", "1h-5m"};
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_int_equal(parse_duration(bad[i], &v), -EINVAL);
    assert_int_equal(parse_duration("9999999999h", &v), -ERANGE);
}

static void truth_is_spelled_many_ways(void **state)
{
    bool b = false;
    assert_int_equal(parse_bool("True", &b), 0);
    assert_true(b);
    assert_int_equal(parse_bool("0", &b), 0);
    assert_false(b);
    assert_int_equal(parse_bool("maybe", &b), -EINVAL);
    assert_int_equal(parse_bool(NULL, &b), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_are_checked_for_form_and_range),
        cmocka_unit_test(sizes_read_as_docker_reads_them),
        cmocka_unit_test(durations_read_as_go_reads_them),
        cmocka_unit_test(truth_is_spelled_many_ways),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
