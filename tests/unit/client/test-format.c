/* SPDX-License-Identifier: Apache-2.0 */
#include "../unit.h"

#include <errno.h>
#include <locale.h>
#include <time.h>

#include "capture.h"
#include "client/format.h"

static const struct column columns[] = {{"ID", "CONTAINER ID"}, {"Name", "NAMES"}, {NULL, NULL}};

/* The list's output, or "!" and the words of the error. */
static char *list(const char *format, const char *quiet, const char *rows_text)
{
    _cleanup_(err_fini) struct err err = {0};
    json_auto_t *rows = json_loads(rows_text, 0, NULL);
    json_auto_t *sources =
        json_loads("[{\"Labels\":{\"a.b-c_d\":\"one\"}},{\"Labels\":{}}]", 0, NULL);
    struct list_format f = {.format = format,
                            .dflt = "table {{.ID}}\t{{.Name}}",
                            .columns = columns,
                            .raw = "id: {{.ID}}\nname: {{.Name}}\n",
                            .quiet_field = quiet,
                            .sources = sources};
    struct capture c;
    capture_begin(&c, STDOUT_FILENO);
    int r = format_list(&f, rows, &err);
    char *text = capture_end(&c);
    if (r == 0)
        return text;
    free(text);
    return str_printf("!%s", err_msg(&err));
}

#define ROWS                                                                                       \
    "[{\"ID\":\"1\",\"Name\":\"web\"},{\"ID\":\"\xE4\xB8\x96\xE7\x95\x8C\",\"Name\":\"b\"}]"

static void lists_come_as_table_template_json_or_ids(void **state)
{
    static const char *const cases[][3] = {
        {NULL, NULL,
         "CONTAINER ID   NAMES\n1              web\n\xE4\xB8\x96\xE7\x95\x8C           b\n"},
        {"table {{.Name}}\\t{{.ID}}", NULL,
         "NAMES     CONTAINER ID\nweb       1\nb         \xE4\xB8\x96\xE7\x95\x8C\n"},
        {"table{{.Name}}", NULL, "NAMES\nweb\nb\n"},
        {"{{.ID}}:{{.Name}}", NULL, "1:web\n\xE4\xB8\x96\xE7\x95\x8C:b\n"},
        {"{{.ID}}", "Name", "1\n\xE4\xB8\x96\xE7\x95\x8C\n"},
        {NULL, "Name", "web\nb\n"},
        {"table", "Name", "web\nb\n"},
        {"{{.Label \"a.b-c_d\"}}.", NULL, "one.\n.\n"},
        {"table {{.Name}}\t{{.Label \"a.b-c_d\"}}", NULL,
         "NAMES     b c d\nweb       one\nb         \n"},
        {"{{.Nope}}", NULL,
         "!template parsing error: template: :1:2: executing \"\" at <.Nope>: can't evaluate field "
         "Nope in type *formatter.Context"},
        {"raw", NULL, "id: 1\nname: web\n\nid: \xE4\xB8\x96\xE7\x95\x8C\nname: b\n\n"},
        {"raw", "Name", "name: web\nname: b\n"},
        {"table {{.Name | upper}}\t{{lower .ID}}", NULL,
         "NAMES     CONTAINER ID\nWEB       1\nB         \xE4\xB8\x96\xE7\x95\x8C\n"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_(freep) char *got = list(cases[i][0], cases[i][1], ROWS);
        assert_string_equal(got, cases[i][2]);
    }
    _cleanup_(freep) char *json = list("json", NULL, "[{\"Name\":\"<a>\",\"ID\":\"1\"}]"),
                          *broken = list("{{.ID", NULL, ROWS), *empty = list("{{.ID}}", NULL, "[]");
    assert_string_equal(json, "{\"ID\":\"1\",\"Name\":\"\\u003ca\\u003e\"}\n");
    assert_non_null(strstr(broken, "template parsing error"));
    assert_string_equal(empty, "");
}

static void spans_are_dockers(void **state)
{
    static const struct {
        int64_t seconds;
        const char *text;
    } cases[] = {{-5, "Less than a second"}, {0, "Less than a second"}, {1, "1 second"},
                 {59, "59 seconds"},         {60, "About a minute"},    {119, "About a minute"},
                 {120, "2 minutes"},         {3599, "59 minutes"},      {3600, "About an hour"},
                 {5399, "About an hour"},    {5400, "2 hours"},         {47 * 3600, "47 hours"},
                 {48 * 3600, "2 days"},      {13 * 86400, "13 days"},   {14 * 86400, "2 weeks"},
                 {59 * 86400, "8 weeks"},    {60 * 86400, "2 months"},  {729 * 86400, "24 months"},
                 {730 * 86400, "2 years"}};
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_(freep) char *got = format_span(cases[i].seconds);
        assert_string_equal(got, cases[i].text);
    }
}

static void sizes_have_three_digits(void **state)
{
    static const struct {
        int64_t bytes;
        const char *text, *binary;
    } cases[] = {{0, "0B", "0B"},
                 {999, "999B", "999B"},
                 {1000, "1kB", "1000B"},
                 {1024, "1.02kB", "1KiB"},
                 {999499, "999kB", "976.1KiB"},
                 {999999, "1MB", "976.6KiB"},
                 {1982000, "1.98MB", "1.89MiB"},
                 {8217419776, "8.22GB", "7.653GiB"},
                 {INT64_MAX, "9.22EB", "8EiB"}};
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_(freep) char *got = format_size(cases[i].bytes),
                              *binary = format_size_binary(cases[i].bytes);
        assert_string_equal(got, cases[i].text);
        assert_string_equal(binary, cases[i].binary);
    }
    _cleanup_(freep) char *fine = format_size_fine(4186112), *whole = format_size_fine(999960);
    assert_string_equal(fine, "4.186MB");
    assert_string_equal(whole, "1MB");
}

static void text_is_cut_between_characters(void **state)
{
    static const struct {
        const char *text;
        size_t cells;
        const char *cut;
    } cases[] = {
        {"short", 5, "short"},
        {"longer", 5, "long\xE2\x80\xA6"},
        {"\xE4\xB8\x96\xE7\x95\x8C\xE4\xBA\xBA", 5, "\xE4\xB8\x96\xE7\x95\x8C\xE2\x80\xA6"},
        {"\xE4\xB8\x96\xE7\x95\x8C\xE4\xBA\xBA", 4, "\xE4\xB8\x96\xE2\x80\xA6"},
        {"", 0, ""},
        {"a", 0, "\xE2\x80\xA6"},
        {"\xFF\xFF\xFF", 2, "\xFF\xE2\x80\xA6"}};
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_(freep) char *got = format_ellipsis(cases[i].text, cases[i].cells);
        assert_string_equal(got, cases[i].cut);
    }
    assert_int_equal(display_width("a\xE4\xB8\x96\xCC\x81\xFF"), 4);
}

static void commands_are_quoted_on_one_line(void **state)
{
    _cleanup_(freep) char *got = format_quoted("sh -c \"a\\b\"\n\t\x1b[1m");
    assert_string_equal(got, "\"sh -c \\\"a\\\\b\\\"\\n\\t\\x1b[1m\"");
}

static void times_print_with_their_zone(void **state)
{
    setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
    tzset();
    _cleanup_(freep) char *winter = format_time(1767323045), *summer = format_time(1783000000);
    setenv("TZ", "UTC", 1);
    tzset();
    _cleanup_(freep) char *utc = format_time(0);
    assert_non_null(strstr(winter, " +0100 CET"));
    assert_non_null(strstr(summer, " +0200 CEST"));
    assert_string_equal(utc, "1970-01-01 00:00:00 +0000 UTC");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_come_as_table_template_json_or_ids),
        cmocka_unit_test(spans_are_dockers),
        cmocka_unit_test(sizes_have_three_digits),
        cmocka_unit_test(text_is_cut_between_characters),
        cmocka_unit_test(commands_are_quoted_on_one_line),
        cmocka_unit_test(times_print_with_their_zone),
    };
    setlocale(LC_CTYPE, "C.UTF-8");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
