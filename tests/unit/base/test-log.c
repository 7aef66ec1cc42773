/* SPDX-License-Identifier: Apache-2.0 */
#include "../unit.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/wait.h>

#include "base/json.h"
#include "base/log.h"
#include "base/str.h"

/* Runs fn with stderr in a pipe; what came is the caller's. */
static char *captured(void (*fn)(void))
{
    int p[2], keep = dup(STDERR_FILENO);
    struct buf all = {0};
    char chunk[4096];
    ssize_t n;
    assert_int_equal(pipe2(p, O_CLOEXEC), 0);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(p[1], STDERR_FILENO);
        fn();
        _exit(0);
    }
    close(p[1]);
    while ((n = read(p[0], chunk, sizeof(chunk))) > 0)
        buf_add(&all, chunk, (size_t)n);
    close(p[0]);
    close(keep);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    return buf_steal(&all);
}

static void *long_lines(void *arg)
{
    _cleanup_(freep) char *text = xmalloc(9001);
    memset(text, *(const char *)arg, 9000);
    text[9000] = '\0';
    for (int i = 0; i < 50; i++)
        log_info("%s", text);
    return NULL;
}

static void from_threads(void)
{
    pthread_t t[3];
    log_setup("p", LOG_INFO, true);
    log_warn("quotes \" and \\, a newline\n, a byte \xff, caf\xc3\xa9");
    for (int i = 0; i < 3; i++)
        pthread_create(&t[i], NULL, long_lines, (void *)&"abc"[i]);
    for (int i = 0; i < 3; i++)
        pthread_join(t[i], NULL);
}

static void every_line_of_the_json_log_is_an_object_with_the_same_keys(void **state)
{
    _cleanup_(freep) char *text = captured(from_threads);
    _cleanup_(strv_fini) struct strv lines = {0};
    strv_split(&lines, text, "\n");
    assert_int_equal(lines.n, 151);
    char *line;
    strv_foreach (line, &lines) {
        json_auto_t *o = NULL;
        assert_int_equal(json_parse(line, strlen(line), &o, NULL), 0);
        assert_non_null(json_str(o, "time", NULL));
        assert_non_null(json_str(o, "level", NULL));
        assert_non_null(json_str(o, "msg", NULL));
        assert_string_equal(json_str(o, "program", ""), "p");
        assert_int_equal(json_object_size(o), 4);
    }
}

static void as_a_child_does(void)
{
    _cleanup_(strv_fini) struct strv env = {0};
    log_setup("parent", LOG_WARN, true);
    log_environment(&env);
    environ = env.v;
    log_setup("x", LOG_DEBUG, false);
    log_setup_inherited("child");
    log_info("not told");
    log_warn("told");
}

static void a_program_that_is_started_logs_as_the_starter_does(void **state)
{
    _cleanup_(freep) char *text = captured(as_a_child_does);
    json_auto_t *o = NULL;
    assert_int_equal(json_parse(text, strlen(text), &o, NULL), 0);
    assert_string_equal(json_str(o, "msg", ""), "told");
    assert_string_equal(json_str(o, "program", ""), "child");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_line_of_the_json_log_is_an_object_with_the_same_keys),
        cmocka_unit_test(a_program_that_is_started_logs_as_the_starter_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
