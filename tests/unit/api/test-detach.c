/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "api/detach.h"

static void detach_parses_dockers_notation(void **state)
{
    struct detach d;
    assert_int_equal(detach_parse(&d, NULL, NULL), 0);
    assert_int_equal(d.n, 2);
    assert_memory_equal(d.keys, "\x10\x11", 2);
    assert_int_equal(
        detach_parse(&d, "a,ctrl-@,ctrl-[,ctrl-\\,ctrl-],ctrl-^,ctrl-_,DEL,ctrl-z", NULL), 0);
    assert_int_equal(d.n, 9);
    assert_memory_equal(d.keys, "a\0\x1b\x1c\x1d\x1e\x1f\x7f\x1a", 9);
}

static void detach_refuses_unknown_keys(void **state)
{
    const char *const bad[] = {"ctrl-", "ctrl-A", "ab", "a,,b", "a,", ",a", "ctrl-pp", "shift-a"};
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        _cleanup_(err_fini) struct err err = {0};
        struct detach d;
        assert_int_equal(detach_parse(&d, bad[i], &err), -EINVAL);
    }
    struct buf long_spec = {0};
    for (size_t i = 0; i < 200; i++)
        buf_adds(&long_spec, "a,");
    buf_adds(&long_spec, "a");
    struct detach d;
    assert_int_equal(detach_parse(&d, long_spec.s, NULL), -EINVAL);
    buf_fini(&long_spec);
}

static void detach_finds_a_sequence_split_over_reads(void **state)
{
    struct detach d;
    _cleanup_(buf_fini) struct buf out = {0};
    detach_parse(&d, NULL, NULL);
    assert_false(detach_feed(&d, "abc\x10", 4, &out));
    assert_string_equal(out.s, "abc");
    assert_true(detach_feed(&d, "\x11xyz", 4, &out));
    assert_string_equal(out.s, "abc");
}

static void detach_passes_partial_sequences_on(void **state)
{
    struct detach d;
    _cleanup_(buf_fini) struct buf out = {0};
    detach_parse(&d, NULL, NULL);
    assert_false(detach_feed(&d, "\x10", 1, &out));
    assert_int_equal(out.len, 0);
    assert_false(detach_feed(&d, "q", 1, &out));
    assert_memory_equal(out.s, "\x10q", 2);
    assert_false(detach_feed(&d, "\x10", 1, &out));
    detach_flush(&d, &out);
    assert_int_equal(out.len, 3);
}

static void detach_finds_a_sequence_that_begins_inside_another(void **state)
{
    struct detach d;
    _cleanup_(buf_fini) struct buf out = {0};
    detach_parse(&d, "a,a,b", NULL);
    assert_true(detach_feed(&d, "aaab", 4, &out));
    assert_string_equal(out.s, "a");
}

static void detach_without_keys_passes_everything(void **state)
{
    struct detach d = {0};
    _cleanup_(buf_fini) struct buf out = {0};
    assert_false(detach_feed(&d, "\x10\x11", 2, &out));
    assert_int_equal(out.len, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(detach_parses_dockers_notation),
        cmocka_unit_test(detach_refuses_unknown_keys),
        cmocka_unit_test(detach_finds_a_sequence_split_over_reads),
        cmocka_unit_test(detach_passes_partial_sequences_on),
        cmocka_unit_test(detach_finds_a_sequence_that_begins_inside_another),
        cmocka_unit_test(detach_without_keys_passes_everything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
