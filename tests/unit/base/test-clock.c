/* SPDX-License-Identifier: Apache-2.0 */
#include "../unit.h"

#include "base/clock.h"

#include <errno.h>

static void trailing_zeros_are_cut(void **state)
{
    char s[TIME_RFC3339_MAX];
    time_format(1700000000120000000, s);
    assert_string_equal(s, "2023-11-14T22:13:20.12Z");
    time_format(1700000000000000000, s);
    assert_string_equal(s, "2023-11-14T22:13:20Z");
    time_format(0, s);
    assert_string_equal(s, TIME_NEVER);
    time_format_fixed(1700000000120000000, s);
    assert_string_equal(s, "2023-11-14T22:13:20.120000000Z");
}

static void what_is_printed_is_read_back(void **state)
{
    int64_t v;
    assert_int_equal(time_parse("2023-11-14T22:13:20.12Z", &v), 0);
    assert_int_equal(v, 1700000000120000000);
    assert_int_equal(time_parse("2023-11-15T00:13:20.123456789+02:00", &v), 0);
    assert_int_equal(v, 1700000000123456789);
    assert_int_equal(time_parse(TIME_NEVER, &v), 0);
    assert_int_equal(v, 0);
}

static void nonsense_is_refused(void **state)
{
    static const char *const bad[] = {"",
                                      "2023",
                                      "2023-13-01T00:00:00Z",
                                      "2023-01-01T25:00:00Z",
                                      "2023-01-01T00:00:00",
                                      "2023-01-01T00:00:00.Z",
                                      "2023-01-01T00:00:00Zx",
                                      "yesterday"};
    int64_t v;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        assert_int_equal(time_parse(bad[i], &v), -EINVAL);
}

static void filters_take_epochs_and_short_forms(void **state)
{
    int64_t v;
    assert_int_equal(time_parse_loose("1700000000.5", &v), 0);
    assert_int_equal(v, 1700000000500000000);
    assert_int_equal(time_parse_loose("2023-11-14", &v), 0);
    assert_int_equal(v, 1699920000000000000);
    assert_int_equal(time_parse_loose("2023-11-14T22:13", &v), 0);
    assert_int_equal(time_parse_loose("99999999999999999999", &v), -EINVAL);
    assert_int_equal(time_parse_loose("soon", &v), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trailing_zeros_are_cut),
        cmocka_unit_test(what_is_printed_is_read_back),
        cmocka_unit_test(nonsense_is_refused),
        cmocka_unit_test(filters_take_epochs_and_short_forms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
