/* SPDX-License-Identifier: Apache-2.0 */
/* Errors across the ABI. */
#include "plugin/err-bridge.h"

#include <errno.h>
#include <string.h>

#include "unit.h"

static void words_of_the_driver_arrive(void **state)
{
    _cleanup_(err_fini) struct err err = {0};
    PLUGIN_ERR(perr, &err);
    int r = berth_err_set(&perr.base, -ENOSPC, "no room for %s", "layer");
    assert_int_equal(plugin_result(r, &err, "d", "slot"), -ENOSPC);
    assert_string_equal(err_msg(&err), "no room for layer");
}

static void an_error_without_words_gets_some(void **state)
{
    _cleanup_(err_fini) struct err err = {.code = -1, .msg = xstrdup("old")};
    PLUGIN_ERR(perr, &err);
    (void)perr;
    assert_int_equal(plugin_result(-EBUSY, &err, "d", "layer_remove"), -EBUSY);
    assert_non_null(strstr(err_msg(&err), "driver d: layer_remove() failed"));
}

static void a_result_that_is_no_error_number_becomes_eio(void **state)
{
    _cleanup_(err_fini) struct err err = {0};
    assert_int_equal(plugin_result(7, &err, "d", "open"), -EIO);
    assert_int_equal(plugin_result(-5000, &err, "d", "open"), -EIO);
    assert_non_null(strstr(err_msg(&err), "returned -5000"));
}

static void success_forgets_words(void **state)
{
    _cleanup_(err_fini) struct err err = {0};
    PLUGIN_ERR(perr, &err);
    berth_err_set(&perr.base, -EIO, "got over it");
    assert_int_equal(plugin_result(0, &err, "d", "open"), 0);
    assert_null(err.msg);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_of_the_driver_arrive),
        cmocka_unit_test(an_error_without_words_gets_some),
        cmocka_unit_test(a_result_that_is_no_error_number_becomes_eio),
        cmocka_unit_test(success_forgets_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
