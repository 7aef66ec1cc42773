/* SPDX-License-Identifier: Apache-2.0 */
#include "../unit.h"

#include "base/err.h"
#include "base/str.h"

#include <errno.h>

static void buffer_grows_and_stays_terminated(void **state)
{
    struct buf b = {0};
    for (int i = 0; i < 1000; i++)
        buf_printf(&b, "%d,", i);
    assert_int_equal(b.len, strlen(b.s));
    assert_true(str_ends(b.s, "999,"));
    char *s = buf_steal(&b);
    assert_null(b.s);
    free(s);
}

static void empty_buffer_steals_an_empty_string(void **state)
{
    struct buf b = {0};
    _cleanup_(freep) char *s = buf_steal(&b);
    assert_string_equal(s, "");
}

static void split_drops_empty_parts(void **state)
{
    struct strv sv = {0};
    strv_split(&sv, "//a/b//c/", "/");
    assert_int_equal(sv.n, 3);
    _cleanup_(freep) char *joined = strv_join(&sv, "+");
    assert_string_equal(joined, "a+b+c");
    strv_remove(&sv, 1);
    assert_false(strv_has(&sv, "b"));
    assert_null(sv.v[sv.n]);
    strv_fini(&sv);
}

static void nearest_word_is_found_only_when_near(void **state)
{
    static const char *const words[] = {"storage", "network", "logs"};
    assert_string_equal(str_nearest("storge", words, 3), "storage");
    assert_string_equal(str_nearest("Netwrok", words, 3), "network");
    assert_null(str_nearest("zzzzzz", words, 3));
}

static void glob_matches_as_a_shell_does(void **state)
{
    assert_true(str_glob("a*c", "abbbc"));
    assert_true(str_glob("*", ""));
    assert_true(str_glob("a?c", "abc"));
    assert_false(str_glob("a?c", "ac"));
    assert_false(str_glob("a*d", "abc"));
    assert_true(str_glob("*.*.tar", "x.y.z.tar"));
}

static void bytes_that_are_not_utf8_become_replacement_characters(void **state)
{
    static const char in[] = "a\xff\xc3\xa9\xed\xa0\x80z";
    _cleanup_(freep) char *out = str_to_utf8(in, sizeof(in) - 1);
    assert_string_equal(out, "a\xEF\xBF\xBD\xc3\xa9\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBDz");
}

static void error_carries_words_and_context(void **state)
{
    _cleanup_(err_fini) struct err err = {0};
    assert_int_equal(err_errno(&err, -ENOENT, "opening %s", "x"), -ENOENT);
    assert_int_equal(err_wrap(&err, "starting %s", "c1"), -ENOENT);
    assert_string_equal(err_msg(&err), "starting c1: opening x: no such file or directory");
    struct err other = {0};
    assert_int_equal(err_move(&other, &err), -ENOENT);
    assert_null(err.msg);
    err_fini(&other);
    assert_int_equal(err_set(NULL, -EPERM, "nobody listens"), -EPERM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buffer_grows_and_stays_terminated),
        cmocka_unit_test(empty_buffer_steals_an_empty_string),
        cmocka_unit_test(split_drops_empty_parts),
        cmocka_unit_test(nearest_word_is_found_only_when_near),
        cmocka_unit_test(glob_matches_as_a_shell_does),
        cmocka_unit_test(bytes_that_are_not_utf8_become_replacement_characters),
        cmocka_unit_test(error_carries_words_and_context),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
