/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/top.h"

#include <errno.h>

#include "base/json.h"
#include "base/str.h"
#include "unit.h"

static const pid_t pids[] = {7, 42};

/* The answer as text, or NULL with its words checked. */
static char *parse(const char *table, const char *words)
{
    _cleanup_(freep) char *text = xstrdup(table);
    _cleanup_(err_fini) struct err err = {0};
    json_auto_t *out = NULL;
    int r = top_parse(text, pids, 2, &out, &err);
    if (words) {
        assert_int_equal(r, -EIO);
        assert_non_null(strstr(err_msg(&err), words));
        return NULL;
    }
    assert_int_equal(r, 0);
    return json_text(out);
}

static void only_the_containers_processes_are_told(void **state)
{
    _cleanup_(freep) char *out = parse("  PID USER     COMMAND\n"
                                       "    1 root     /sbin/init\n"
                                       "    7 root     sh -c  sleep   5\n"
                                       "   42 a\xff       top\n\n"
                                       "  742 root     other\n",
                                       NULL);
    assert_string_equal(out,
                        "{\"Titles\":[\"PID\",\"USER\",\"COMMAND\"],\"Processes\":"
                        "[[\"7\",\"root\",\"sh -c sleep 5\"],[\"42\",\"a\xEF\xBF\xBD\",\"top\"]]}");
}

static void threads_follow_their_process(void **state)
{
    _cleanup_(freep) char *out = parse("PID LWP CMD\n7 - a\n- 8 -\n9 - b\n- 10 -\n", NULL);
    assert_string_equal(out, "{\"Titles\":[\"PID\",\"LWP\",\"CMD\"],\"Processes\":"
                             "[[\"7\",\"-\",\"a\"],[\"-\",\"8\",\"-\"]]}");
}

static void a_table_without_pids_is_refused(void **state)
{
    parse("COMMAND\nsh\n", "Couldn't find PID field in ps output");
    parse("", "Couldn't find PID field in ps output");
    parse("PID\nx\n", "Unexpected pid 'x'");
    parse("PID\n99999999999\n", "Unexpected pid '99999999999'");
    _cleanup_(freep) char *none = parse("PID\n", NULL);
    assert_string_equal(none, "{\"Titles\":[\"PID\"],\"Processes\":null}");
}

static void a_line_may_be_short(void **state)
{
    _cleanup_(freep) char *out = parse("PID USER CMD\n7\n", NULL);
    assert_string_equal(out,
                        "{\"Titles\":[\"PID\",\"USER\",\"CMD\"],\"Processes\":[[\"7\",\"\"]]}");
}

static void no_other_column_may_be_called_pid(void **state)
{
    static const char *const good[] = {
        "",           "-ef",       "aux",          "-o pid,comm",
        "-o pid=PID", "-o comm=X", "-o x,pid=PID", "-o comm= -o pid"};
    static const char *const bad[] = {
        "-o comm=PID",       "-o ppid=PID", "-o comm=PIDS",           "-o comm= PID",
        "-o pid=X,comm=PID", "o ppid=PID",  "-o pid=PID -o ppid=PID", "--format=ppid=PID"};
    for (size_t i = 0; i < ARRAY_SIZE(good); i++)
        assert_int_equal(top_check_args(good[i], NULL), 0);
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_int_equal(top_check_args(bad[i], NULL), -EIO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_the_containers_processes_are_told),
        cmocka_unit_test(threads_follow_their_process),
        cmocka_unit_test(a_table_without_pids_is_refused),
        cmocka_unit_test(a_line_may_be_short),
        cmocka_unit_test(no_other_column_may_be_called_pid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
