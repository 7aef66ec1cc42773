/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "api/filters.h"
#include "base/json.h"
#include "base/str.h"

static void expect(const char *text, const char *want)
{
    _cleanup_(err_fini) struct err err = {0};
    json_auto_t *out = NULL;
    assert_int_equal(filters_parse(text, &out, &err), 0);
    _cleanup_(freep) char *got = json_text(out);
    assert_string_equal(got, want);
}

static void filters_accept_sets_and_lists(void **state)
{
    expect("{\"status\":{\"running\":true,\"paused\":false}}", "{\"status\":[\"running\"]}");
    expect("{\"status\":[\"running\",\"exited\"],\"name\":{\"a\":true}}",
           "{\"status\":[\"running\",\"exited\"],\"name\":[\"a\"]}");
    expect("{}", "{}");
}

static void filters_that_are_missing_are_none(void **state)
{
    json_t *out = (json_t *)1;
    assert_int_equal(filters_parse(NULL, &out, NULL), 0);
    assert_null(out);
    assert_int_equal(filters_parse("", &out, NULL), 0);
    assert_null(out);
}

static void filters_refuse_other_shapes(void **state)
{
    const char *const bad[] = {
        "[]",           "null",    "1", "{", "{\"a\":1}", "{\"a\":[1]}", "{\"a\":{\"b\":1}}",
        "{\"a\":null}", "nonsense"};
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        _cleanup_(err_fini) struct err err = {0};
        json_auto_t *out = NULL;
        assert_int_equal(filters_parse(bad[i], &out, &err), -EINVAL);
        assert_non_null(strstr(err_msg(&err), "invalid filter"));
        assert_null(out);
    }
}

static void booleans_are_read_as_docker_does(void **state)
{
    const char *const no[] = {"", "0", "no", "false", "none", "False", " NONE "};
    const char *const yes[] = {"1", "true", "yes", "x", "2", "off"};
    assert_false(bool_parse(NULL));
    for (size_t i = 0; i < ARRAY_SIZE(no); i++)
        assert_false(bool_parse(no[i]));
    for (size_t i = 0; i < ARRAY_SIZE(yes); i++)
        assert_true(bool_parse(yes[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(filters_accept_sets_and_lists),
        cmocka_unit_test(filters_that_are_missing_are_none),
        cmocka_unit_test(filters_refuse_other_shapes),
        cmocka_unit_test(booleans_are_read_as_docker_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
