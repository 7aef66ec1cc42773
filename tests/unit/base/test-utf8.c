/* SPDX-License-Identifier: Apache-2.0 */
#include "../unit.h"

#include <locale.h>

#include "base/utf8.h"

static void characters_are_cut_as_utf8_says(void **state)
{
    static const struct {
        const char *s;
        size_t bytes;
        uint32_t c;
    } cases[] = {{"a", 1, 'a'},
                 {"\xC3\xA4x", 2, 0xE4},
                 {"\xE4\xB8\x96", 3, 0x4E16},
                 {"\xF0\x9F\x98\x80", 4, 0x1F600},
                 {"\xC3", 1, UTF8_BAD},     /* ends too early */
                 {"\xC0\x80", 1, UTF8_BAD}, /* longer than need be */
                 {"\xE0\x80\x80", 1, UTF8_BAD},
                 {"\xED\xA0\x80", 1, UTF8_BAD},     /* half a pair */
                 {"\xF4\x90\x80\x80", 1, UTF8_BAD}, /* beyond the last */
                 {"\xFF", 1, UTF8_BAD},
                 {"\x80", 1, UTF8_BAD}};
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        uint32_t c = 0;
        assert_int_equal(utf8_next(cases[i].s, strlen(cases[i].s), &c), cases[i].bytes);
        assert_int_equal(c, cases[i].c);
    }
    assert_int_equal(utf8_count("a\xC3\xA4\xFF", 4), 3);
    assert_int_equal(utf8_offset("a\xC3\xA4z", 4, 2), 3);
    assert_int_equal(utf8_offset("a", 1, 9), 1);
}

static void what_is_added_can_be_read_again(void **state)
{
    static const uint32_t codes[] = {'a', 0x7F, 0x80, 0x7FF, 0x800, 0xFFFD, 0x10000, 0x10FFFF};
    struct buf b = {0};
    for (size_t i = 0; i < ARRAY_SIZE(codes); i++) {
        uint32_t c;
        buf_reset(&b);
        utf8_add(&b, codes[i]);
        assert_int_equal(utf8_next(b.s, b.len, &c), b.len);
        assert_int_equal(c, codes[i]);
    }
    buf_reset(&b);
    utf8_add(&b, 0x110000);
    assert_string_equal(b.s, "\xEF\xBF\xBD");
    buf_fini(&b);
}

static void cells_do_not_depend_on_the_locale(void **state)
{
    setlocale(LC_ALL, "C");
    assert_int_equal(utf8_width('a'), 1);
    assert_int_equal(utf8_width('\n'), 0);
    assert_int_equal(utf8_width(0xE9), 1);
    assert_int_equal(utf8_width(0x301), 0);  /* combining acute */
    assert_int_equal(utf8_width(0x200B), 0); /* no width at all */
    assert_int_equal(utf8_width(0x4E16), 2);
    assert_int_equal(utf8_width(0xFF21), 2);  /* full width A */
    assert_int_equal(utf8_width(0x1F600), 2); /* a face */
    assert_int_equal(utf8_width(UTF8_BAD), 1);
}

static void cases_and_classes_reach_beyond_ascii(void **state)
{
    assert_int_equal(utf8_upper('a'), 'A');
    assert_int_equal(utf8_upper(0xE4), 0xC4);
    assert_int_equal(utf8_lower(0x416), 0x436);
    assert_int_equal(utf8_upper('1'), '1');
    assert_true(utf8_is_word('_') && utf8_is_word(0xE4) && !utf8_is_word('-'));
    assert_true(utf8_printable(0x4E16) && !utf8_printable(0x1F) && !utf8_printable(UTF8_BAD));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(characters_are_cut_as_utf8_says),
        cmocka_unit_test(what_is_added_can_be_read_again),
        cmocka_unit_test(cells_do_not_depend_on_the_locale),
        cmocka_unit_test(cases_and_classes_reach_beyond_ascii),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
