/* SPDX-License-Identifier: Apache-2.0 */
#include "../unit.h"

#include "base/json.h"
#include "base/str.h"

#include <errno.h>

static void integers_are_exact_to_64_bits(void **state)
{
    static const char text[] =
        "{\"a\":9223372036854771712,\"t\":1763937356123456789,\"n\":-9223372036854775808}";
    json_auto_t *v = NULL;
    assert_int_equal(json_parse(text, strlen(text), &v, NULL), 0);
    assert_true(json_int(v, "a", 0) == 9223372036854771712);
    _cleanup_(freep) char *again = json_text(v);
    assert_string_equal(again, text);
}

static void broken_text_is_refused_with_its_place(void **state)
{
    _cleanup_(err_fini) struct err err = {0};
    json_t *v = NULL;
    assert_int_equal(json_parse("{\"a\":\n }", 8, &v, &err), -EINVAL);
    assert_non_null(strstr(err_msg(&err), "line 2"));
    assert_int_equal(json_parse("", 0, &v, &err), -EINVAL);
    assert_int_equal(json_parse("{} x", 4, &v, &err), -EINVAL);
}

static void nesting_is_bounded(void **state)
{
    struct buf b = {0};
    for (int i = 0; i < 100000; i++)
        buf_addc(&b, '[');
    json_t *v = NULL;
    assert_int_equal(json_parse(b.s, b.len, &v, NULL), -EINVAL);
    buf_fini(&b);
}

static void getters_give_the_default_for_another_type(void **state)
{
    json_auto_t *v = json_pack("{ss si sb sn}", "s", "x", "i", 5, "b", 1, "z");
    assert_string_equal(json_str(v, "i", "none"), "none");
    assert_int_equal(json_int(v, "s", 7), 7);
    assert_true(json_bool(v, "b", false));
    assert_null(json_obj(v, "z"));
    assert_null(json_str(NULL, "x", NULL));
}

static void strings_that_are_not_utf8_are_kept_readable(void **state)
{
    json_auto_t *v = json_object();
    json_put_str(v, "k", "a\xff");
    assert_string_equal(json_str(v, "k", ""), "a\xEF\xBF\xBD");
}

static void members_are_found_without_regard_to_case(void **state)
{
    json_auto_t *v = json_pack("{ss ss}", "image", "a", "Image", "b");
    assert_string_equal(json_string_value(json_get_fold(v, "Image")), "b");
    assert_string_equal(json_string_value(json_get_fold(v, "IMAGE")), "a");
    assert_null(json_get_fold(v, "other"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_are_exact_to_64_bits),
        cmocka_unit_test(broken_text_is_refused_with_its_place),
        cmocka_unit_test(nesting_is_bounded),
        cmocka_unit_test(getters_give_the_default_for_another_type),
        cmocka_unit_test(strings_that_are_not_utf8_are_kept_readable),
        cmocka_unit_test(members_are_found_without_regard_to_case),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
