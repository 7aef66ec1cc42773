/* SPDX-License-Identifier: Apache-2.0 */
/* The look at a text before libconfig reads it. */
#include "config/scan.h"

#include <errno.h>

#include "unit.h"

static void refused(const char *text, const char *words)
{
    _cleanup_(err_fini) struct err err = {0};
    _cleanup_(strv_fini) struct strv includes = {0};
    assert_int_equal(config_scan("f", text, strlen(text), &includes, &err), -EINVAL);
    if (!strstr(err_msg(&err), words))
        fail_msg("\"%s\" is not in \"%s\"", words, err_msg(&err));
}

static void fine(const char *text, size_t includes_expected)
{
    _cleanup_(err_fini) struct err err = {0};
    _cleanup_(strv_fini) struct strv includes = {0};
    if (config_scan("f", text, strlen(text), &includes, &err) < 0)
        fail_msg("%s", err_msg(&err));
    assert_int_equal(includes.n, includes_expected);
}

static void strings_and_comments_are_passed_over(void **state)
{
    fine(
        "a = \"99999999999 \\\" { [ (\"; # 99999999999 \"\n// 99999999999 \"\n/* 99999999999 \" */",
        0);
    fine("a = \"@include \\\"/etc/x\\\"\"; # @include \"/x\"", 0);
}

static void numbers_that_libconfig_would_cut_are_refused(void **state)
{
    fine("a = 2147483647; b = -2147483648; c = 0x7fffffff; d = 5000000000L; e = 1.5e+20;", 0);
    refused("\na = 2147483648;", "f:2: ");
    refused("a = -2147483649;", "needs an L");
    refused("a = 0xffffffffff;", "needs an L");
    refused("a = 9223372036854775808L;", "64 bits");
}

static void depth_is_bounded(void **state)
{
    _cleanup_(buf_fini) struct buf b = {0};
    for (int i = 0; i < 33; i++)
        buf_adds(&b, "a:{");
    refused(b.s, "more than 32");
    fine("a:{};b:{};", 0);
}

static void nul_bytes_are_refused(void **state)
{
    _cleanup_(err_fini) struct err err = {0};
    struct strv includes = {0};
    assert_int_equal(config_scan("f", "a\0b", 3, &includes, &err), -EINVAL);
}

static void includes_are_collected(void **state)
{
    fine("@include \"a.conf\"\n  @include \"b/c.conf\"\n", 2);
    refused("@include a.conf\n", "in quotes");
    refused("@include \"..\"\n", "own directory");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strings_and_comments_are_passed_over),
        cmocka_unit_test(numbers_that_libconfig_would_cut_are_refused),
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(nul_bytes_are_refused),
        cmocka_unit_test(includes_are_collected),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
