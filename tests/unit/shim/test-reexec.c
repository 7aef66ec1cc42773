/* SPDX-License-Identifier: Apache-2.0 */
/* Re-exec: the shim in a new image, with the same pid and the same container. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/str.h"
#include "harness.h"

static void with_log(struct harness *h, json_t *plan, const char *trap, bool fallback)
{
    _cleanup_(freep) char *dir = str_printf("%s/log", h->dir);
    json_t *log = json_pack("{s:s,s:s,s:{s:s},s:s,s:{s:s,s:s,s:s}}", "driver", "t-log", "path",
                            LOG_DRIVER, "options", "trap", trap, "mode", "blocking", "info",
                            "container_name", "n", "log_dir", dir, "data_dir", dir);
    if (fallback)
        json_put_take(log, "fallback",
                      json_pack("{s:s,s:s,s:{},s:{s:s,s:s,s:s}}", "driver", "json-file", "path",
                                JSON_FILE_SO, "options", "info", "container_name", "n", "log_dir",
                                dir, "data_dir", dir));
    json_put_take(plan, "log", log);
}

static char *file_text(struct harness *h, const char *name)
{
    _cleanup_(freep) char *path = str_printf("%s/log/%s", h->dir, name);
    char *text = NULL;
    return fs_read(AT_FDCWD, path, 64u << 20, &text, NULL) < 0 ? xstrdup("") : text;
}

static char *fallback_text(struct harness *h)
{
    _cleanup_(freep) char *name = str_printf("%s-json.log", h->id);
    return file_text(h, name);
}

/* The numbers after `before` in each line, in order: each follows the one before it, or, with `again`, some may come once
 * more. Returns the last; *first. */
static int64_t numbers_with(const char *text, const char *before, int64_t *first, bool again)
{
    const size_t n = strlen(before);
    int64_t last = 0;
    *first = 0;
    for (const char *p = text, *line; *p; p = *line ? line + 1 : line) {
        /* By line: TSan looks at all that a search is given, so one of all that follows takes minutes. */
        line = strchrnul(p, '\n');
        const char *at = memmem(p, (size_t)(line - p), before, n);
        char *after = NULL;
        int64_t v = at ? strtoll(at + n, &after, 10) : 0;
        if (!at || after == at + n)
            continue;
        if (*first == 0)
            *first = v;
        else if (again)
            assert_true(v <= last + 1);
        else
            assert_int_equal(v, last + 1);
        last = v;
    }
    return last;
}

static int64_t numbers(const char *text, const char *before, int64_t *first)
{
    return numbers_with(text, before, first, false);
}

static pid_t init_pid(struct harness *h)
{
    json_auto_t *status = ask_ok(h, msg_new("status"));
    return (pid_t)json_int(status, "pid", 0);
}

/* Waits on a fifo of the container's, so that nothing in a test depends on time. */
static void let_go(struct harness *h)
{
    _cleanup_(freep) char *path = str_printf("%s/root/tmp/go", h->dir);
    _cleanup_(closep) int fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
}

static void make_gate(struct harness *h)
{
    _cleanup_(freep) char *path = str_printf("%s/root/tmp/go", h->dir);
    assert_int_equal(mkfifo(path, 0600), 0);
}

#define SCRIPT                                                                                     \
    "for i in 1 2 3 4 5; do echo line $i; done; echo trap; "                                       \
    "for i in 6 7 8 9; do echo line $i; done; cat /tmp/go; "                                       \
    "for i in 10 11 12; do echo line $i; done; exit 7"
#define OUTPUT                                                                                     \
    "line 1\nline 2\nline 3\nline 4\nline 5\ntrap\nline 6\nline 7\nline 8\nline 9\nline 10\n"      \
    "line 11\nline 12\n"

/* A driver's fault in the middle of the output, with a client: all go on. */
static void fault_leaves_all_alive(struct harness *h, const char *trap, const char *words)
{
    int64_t first, last;
    make_gate(h);
    shim_start(h);
    json_t *plan = plan_sh(h, SCRIPT);
    with_log(h, plan, trap, true);
    run_plan(h, plan);
    pid_t init = init_pid(h);
    json_auto_t *error = await_event(h, "log_error");
    assert_string_equal(json_str(error, "driver", ""), "t-log");
    assert_non_null(strstr(json_str(error, "message", ""), words));
    assert_non_null(strstr(json_str(error, "message", ""), "json-file has taken over"));
    assert_int_equal(init_pid(h), init);
    json_auto_t *status = ask_ok(h, msg_new("status"));
    assert_string_equal(json_str(json_obj(status, "log"), "driver", ""), "json-file");
    assert_non_null(strstr(json_str(json_obj(status, "log"), "error", ""), words));
    assert_int_equal(waitpid(h->shim, NULL, WNOHANG), 0);
    let_go(h);
    _cleanup_(freep) char *out = read_stream(h->out, false);
    assert_string_equal(out, OUTPUT);
    assert_int_equal(exit_code(h), 7);
    _cleanup_(freep) char *before = file_text(h, "out"), *after = fallback_text(h);
    assert_true(numbers(before, " line ", &first) >= 5);
    assert_int_equal(first, 1);
    last = numbers(before, " line ", &first);
    assert_int_equal(numbers(after, "\"line ", &first), 12);
    assert_true(first > 0 && first <= last + 1);
    release(h);
}

static void segfault_in_the_driver_is_survived(void **state)
{
    fault_leaves_all_alive(*state, "crash", "crashed (signal 11");
}

static void abort_in_the_driver_is_survived(void **state)
{
    fault_leaves_all_alive(*state, "abort", "crashed (signal 6");
}

static void exit_in_the_driver_is_survived(void **state)
{
    fault_leaves_all_alive(*state, "exit", "crashed (signal 6");
}

/* The main thread cannot take part: connections are lost, and nothing else. */
static void crash_beside_a_main_thread_that_is_stuck_is_survived(void **state)
{
#ifdef __SANITIZE_THREAD__
    skip(); /* TSan runs handlers with every signal blocked: the one by which the thread stands still is not interrupted */
#endif
    struct harness *h = *state;
    int64_t first;
    char byte[4096];
    make_gate(h);
    shim_start(h);
    json_t *plan = plan_sh(h, SCRIPT);
    with_log(h, plan, "stuck", true);
    run_plan(h, plan);
    while (read(h->control, byte, sizeof(byte)) > 0)
        ;
    reattach(h);
    json_auto_t *error = await_event(h, "log_error");
    assert_non_null(strstr(json_str(error, "message", ""), "crashed (signal 11"));
    assert_true(init_pid(h) > 0);
    let_go(h);
    assert_int_equal(exit_code(h), 7);
    _cleanup_(freep) char *before = file_text(h, "out"), *after = fallback_text(h);
    int64_t last = numbers(before, " line ", &first);
    assert_int_equal(first, 1);
    assert_int_equal(numbers(after, "\"line ", &first), 12);
    assert_true(first > 0 && first <= last + 1);
    release(h);
}

/* A driver that takes nothing any more at the end: the fallback gets the lines before the exit is told. */
static void hang_at_the_end_gives_way(void **state)
{
    struct harness *h = *state;
    int64_t first;
    shim_start(h);
    json_t *plan = plan_sh(h, "echo line 1; echo trap; echo line 2; echo line 3; exit 7");
    with_log(h, plan, "hang", true);
    run_plan(h, plan);
    json_auto_t *error = await_event(h, "log_error");
    assert_non_null(strstr(json_str(error, "message", ""), "takes nothing any more"));
    assert_int_equal(exit_code(h), 7);
    _cleanup_(freep) char *after = fallback_text(h);
    assert_int_equal(numbers(after, "\"line ", &first), 3);
    release(h);
}

/* In the middle: the container waits until the hang is noticed, then goes on. */
static void hang_with_a_full_queue_gives_way(void **state)
{
    struct harness *h = *state;
    int64_t first;
    make_gate(h);
    shim_start(h);
    json_t *plan = plan_sh(h, "echo trap; seq 1 100000; cat /tmp/go; exit 7");
    with_log(h, plan, "hang", true);
    json_decref(ask_ok(h, prepare_msg(plan)));
    json_decref(ask_ok(h, msg_new("go")));
    json_auto_t *error = await_event(h, "log_error");
    assert_non_null(strstr(json_str(error, "message", ""), "takes nothing any more"));
    let_go(h);
    assert_int_equal(exit_code(h), 7);
    _cleanup_(freep) char *after = fallback_text(h);
    assert_int_equal(numbers(after, "{\"log\":\"", &first), 100000);
    assert_int_equal(first, 1);
    release(h);
}

static void execs_keep_their_exit_code_over_a_fault(void **state)
{
    struct harness *h = *state;
    make_gate(h);
    shim_start(h);
    json_t *plan = plan_sh(h, "cat /tmp/go; echo trap; exec sleep 100");
    with_log(h, plan, "crash", true);
    run_plan(h, plan);
    json_t *msg = msg_new("exec");
    json_put_str(msg, "exec", "e1");
    json_put_take(msg, "process",
                  json_pack("{s:[s,s,s],s:[s],s:s,s:s,s:{}}", "args", "sh", "-c", "sleep 1; exit 5",
                            "env", "PATH=/bin", "cwd", "/", "user", "", "capabilities"));
    json_put_take(msg, "attach", json_null());
    json_decref(ask_ok(h, msg));
    let_go(h);
    json_decref(await_event(h, "log_error"));
    json_auto_t *event = await_event(h, "exec_exited");
    assert_int_equal(json_int(event, "code", 0), 5);
    msg = msg_new("kill");
    json_put_int(msg, "signal", SIGKILL);
    json_decref(ask_ok(h, msg));
    assert_int_equal(exit_code(h), 137);
    release(h);
}

static void driver_that_eats_memory_gives_way(void **state)
{
    struct harness *h = *state;
    int64_t first;
    shim_start(h);
    json_t *plan = plan_sh(h, "echo line 1; echo trap; i=2; while [ $i -lt 60 ]; do echo line $i; "
                              "sleep 0.05; i=$((i+1)); done; exit 7");
    with_log(h, plan, "eat", true);
    run_plan(h, plan);
    json_auto_t *error = await_event(h, "log_error");
    assert_non_null(strstr(json_str(error, "message", ""), "too much memory"));
    _cleanup_(freep) char *out = read_stream(h->out, false);
    assert_int_equal(numbers(out, "line ", &first), 59);
    assert_int_equal(exit_code(h), 7);
    _cleanup_(freep) char *before = file_text(h, "out"), *after = fallback_text(h);
    int64_t last = numbers(before, " line ", &first);
    assert_int_equal(first, 1);
    assert_int_equal(numbers(after, "\"line ", &first), 59);
    assert_int_equal(first, last + 1); /* it was asked to finish: nothing twice */
    release(h);
}

static void crash_while_flushing_keeps_the_exit_code(void **state)
{
    struct harness *h = *state;
    shim_start(h);
    json_t *plan = plan_sh(h, "echo line 1; exit 9");
    with_log(h, plan, "flush", true);
    run_plan(h, plan);
    _cleanup_(freep) char *out = read_stream(h->out, false);
    assert_string_equal(out, "line 1\n");
    assert_int_equal(exit_code(h), 9);
    release(h);
}

/* Without a fallback it is tried again, and dropped when that does not help; the container goes on. */
static void driver_that_crashes_again_and_again_is_dropped(void **state)
{
    struct harness *h = *state;
    shim_start(h);
    json_t *plan = plan_sh(h, "echo trap; i=0; while [ $i -lt 40000 ]; do echo line $i; "
                              "i=$((i+1)); done; exit 4");
    with_log(h, plan, "crash", false);
    run_plan(h, plan);
    _cleanup_(freep) char *out = read_stream(h->out, false);
    assert_non_null(strstr(out, "line 39999\n"));
    assert_int_equal(exit_code(h), 4);
    json_auto_t *status = ask_ok(h, msg_new("status"));
    assert_non_null(strstr(json_str(json_obj(status, "log"), "error", ""), "no log any more"));
    release(h);
}

static void crash_before_the_start_fails_it_in_words(void **state)
{
    struct harness *h = *state;
    shim_start(h);
    json_t *plan = plan_sh(h, "echo hi");
    with_log(h, plan, "open", true);
    json_auto_t *reply = ask(h, prepare_msg(plan));
    assert_true(json_int(reply, "error", 0) != 0);
    assert_non_null(strstr(json_str(reply, "message", ""), "crashed (signal 6)"));
    shim_wait(h);
}

static void upgrade_under_load_loses_nothing_and_doubles_nothing(void **state)
{
    struct harness *h = *state;
    int64_t first;
    shim_start(h);
    json_t *plan = plan_sh(h, "seq 1 300000; exit 3");
    with_log(h, plan, "", false);
    run_plan(h, plan);
    pid_t init = init_pid(h);
    pid_t reader = fork();
    if (reader == 0) {
        _cleanup_(freep) char *out = read_stream(h->out, false);
        _exit(strlen(out) == 1988895 ? 0 : 1);
    }
    close(h->out);
    h->out = -1;
    for (int i = 0; i < 3; i++) {
        _cleanup_(closep) int image = open(SHIM_PATH, O_RDONLY | O_CLOEXEC);
        json_auto_t *reply = ask_fd(h, msg_new("upgrade"), image);
        if (json_int(reply, "error", -1) != 0)
            fail_msg("refused: %s", json_str(reply, "message", "?"));
        assert_int_equal(init_pid(h), init);
    }
    assert_int_equal(exit_code(h), 3);
    int status = -1;
    assert_int_equal(waitpid(reader, &status, 0), reader);
    assert_int_equal(status, 0);
    /* The exit is told after 2 s even when the driver is not through; the shim's end waits for it. */
    release(h);
    _cleanup_(freep) char *text = file_text(h, "out");
    assert_int_equal(numbers(text, "1 0 0 ", &first), 300000);
    assert_int_equal(first, 1);
}

static void upgrade_to_what_is_no_program_is_refused(void **state)
{
    struct harness *h = *state;
    shim_start(h);
    make_gate(h);
    run_plan(h, plan_sh(h, "cat /tmp/go; exit 3"));
    _cleanup_(closep) int image = open("/etc/passwd", O_RDONLY | O_CLOEXEC);
    json_auto_t *reply = ask_fd(h, msg_new("upgrade"), image);
    assert_int_equal(json_int(reply, "error", 0), ENOEXEC);
    /* It is a program, and no shim. */
    _cleanup_(closep) int other = open("/bin/true", O_RDONLY | O_CLOEXEC);
    json_auto_t *second = ask_fd(h, msg_new("upgrade"), other);
    assert_int_equal(json_int(second, "error", 0), ENOEXEC);
    assert_non_null(strstr(json_str(second, "message", ""), "status 0"));
    json_decref(ask_ok(h, msg_new("status")));
    let_go(h);
    assert_int_equal(exit_code(h), 3);
    release(h);
}

/* The main thread itself: only connections are lost. */
static void crash_of_the_main_thread_loses_connections_only(void **state)
{
    struct harness *h = *state;
    int64_t first;
    make_gate(h);
    shim_start(h);
    json_t *plan = plan_sh(h, "seq 1 1000; cat /tmp/go; seq 1001 2000; exit 6");
    with_log(h, plan, "none", true);
    run_plan(h, plan);
    pid_t init = init_pid(h);
    assert_int_equal(kill(h->shim, SIGSEGV), 0);
    char byte[4096];
    while (read(h->control, byte, sizeof(byte)) > 0)
        ;
    reattach(h);
    assert_int_equal(init_pid(h), init);
    let_go(h);
    assert_int_equal(exit_code(h), 6);
    _cleanup_(freep) char *text = file_text(h, "out");
    /* What the driver was just writing comes once more. */
    assert_int_equal(numbers_with(text, "1 0 0 ", &first, true), 2000);
    assert_int_equal(first, 1);
    release(h);
}

#define T(f) cmocka_unit_test_setup_teardown(f, harness_setup, harness_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(segfault_in_the_driver_is_survived),
        T(abort_in_the_driver_is_survived),
        T(exit_in_the_driver_is_survived),
        T(crash_beside_a_main_thread_that_is_stuck_is_survived),
        T(hang_at_the_end_gives_way),
        T(hang_with_a_full_queue_gives_way),
        T(execs_keep_their_exit_code_over_a_fault),
        T(driver_that_eats_memory_gives_way),
        T(crash_while_flushing_keeps_the_exit_code),
        T(driver_that_crashes_again_and_again_is_dropped),
        T(crash_before_the_start_fails_it_in_words),
        T(upgrade_under_load_loses_nothing_and_doubles_nothing),
        T(upgrade_to_what_is_no_program_is_refused),
        T(crash_of_the_main_thread_loses_connections_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
