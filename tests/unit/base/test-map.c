/* SPDX-License-Identifier: Apache-2.0 */
#include "../unit.h"

#include "base/map.h"
#include "base/str.h"

static int numbers[2000];

static void keeps_what_is_set_through_growth_and_deletion(void **state)
{
    struct map m = {0};
    for (int i = 0; i < 2000; i++) {
        _cleanup_(freep) char *k = str_printf("key-%d", i);
        numbers[i] = i;
        assert_null(map_set(&m, k, &numbers[i]));
    }
    for (int i = 0; i < 2000; i += 3) {
        _cleanup_(freep) char *k = str_printf("key-%d", i);
        assert_ptr_equal(map_del(&m, k), &numbers[i]);
        assert_null(map_del(&m, k));
    }
    for (int i = 0; i < 2000; i++) {
        _cleanup_(freep) char *k = str_printf("key-%d", i);
        assert_ptr_equal(map_get(&m, k), i % 3 ? &numbers[i] : NULL);
    }
    size_t seen = 0, at = 0;
    const char *key;
    while (map_next(&m, &at, &key, NULL))
        seen++;
    assert_int_equal(seen, m.n);
    map_fini(&m, NULL);
}

static void set_again_returns_the_former_value(void **state)
{
    struct map m = {0};
    int a, b;
    map_set(&m, "x", &a);
    assert_ptr_equal(map_set(&m, "x", &b), &a);
    assert_int_equal(m.n, 1);
    map_fini(&m, NULL);
    assert_null(map_get(&m, "x"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_what_is_set_through_growth_and_deletion),
        cmocka_unit_test(set_again_returns_the_former_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
