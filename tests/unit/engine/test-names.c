/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/names.h"

#include <errno.h>

#include "base/str.h"
#include "unit.h"

static void name_check_takes_dockers_alphabet(void **state)
{
    static const char *const good[] = {"ab", "a_b", "A.9-z", "0x", "web-1.prod"};
    for (size_t i = 0; i < ARRAY_SIZE(good); i++)
        assert_int_equal(name_check(good[i], NULL), 0);
}

static void name_check_refuses_the_rest_in_dockers_words(void **state)
{
    static const char *const bad[] = {"", "a", "-a", ".a", "a b", "a/b", "a\n", "ä1", "/ab"};
    _cleanup_(err_fini) struct err err = {0};
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_int_equal(name_check(bad[i], &err), -EINVAL);
    assert_string_equal(err_msg(&err),
                        "Invalid container name (/ab), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed");
}

static void name_generate_makes_valid_names(void **state)
{
    for (unsigned i = 0; i < 200; i++) {
        _cleanup_(freep) char *name = name_generate(i % 5);
        assert_int_equal(name_check(name, NULL), 0);
        assert_non_null(strchr(name, '_'));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(name_check_takes_dockers_alphabet),
        cmocka_unit_test(name_check_refuses_the_rest_in_dockers_words),
        cmocka_unit_test(name_generate_makes_valid_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
