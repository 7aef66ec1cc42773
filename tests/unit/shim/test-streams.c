/* SPDX-License-Identifier: Apache-2.0 */
/* Streams and the log: stdin, terminals, slow clients, records. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/str.h"
#include "harness.h"

static void half_close_ends_stdin_and_output_still_comes(void **state)
{
    struct harness *h = *state;
    shim_start(h);
    json_t *plan = plan_sh(h, "cat; echo after; exit 3");
    json_put_bool(plan_process(plan), "stdin", true);
    json_put_bool(plan, "stdin_once", true);
    run_plan(h, plan);
    assert_int_equal(write(h->out, "one\ntwo\n", 8), 8);
    shutdown(h->out, SHUT_WR);
    _cleanup_(freep) char *out = read_stream(h->out, false);
    assert_string_equal(out, "one\ntwo\nafter\n");
    assert_int_equal(exit_code(h), 3);
    release(h);
}

static void much_input_comes_back_whole(void **state)
{
    struct harness *h = *state;
    const size_t total = 8u << 20;
    shim_start(h);
    json_t *plan = plan_new(h, (const char *const[]){"cat", NULL});
    json_put_bool(plan_process(plan), "stdin", true);
    json_put_bool(plan, "stdin_once", true);
    run_plan(h, plan);
    pid_t writer = fork();
    if (writer == 0) {
        char block[65536];
        memset(block, 'x', sizeof(block));
        for (size_t n = 0; n < total; n += sizeof(block))
            fs_write_all(h->out, block, sizeof(block));
        shutdown(h->out, SHUT_WR);
        _exit(0);
    }
    _cleanup_(freep) char *out = read_stream(h->out, false);
    assert_int_equal(strlen(out), total);
    waitpid(writer, NULL, 0);
    assert_int_equal(exit_code(h), 0);
    release(h);
}

static void stdout_and_stderr_are_told_apart(void **state)
{
    struct harness *h = *state;
    shim_start(h);
    json_decref(ask_ok(h, prepare_msg(plan_sh(h, "echo out; echo err >&2"))));
    int out = attach(h, NULL, false, true, false), err = attach(h, NULL, false, false, true);
    json_decref(ask_ok(h, msg_new("go")));
    _cleanup_(freep) char *o = read_stream(out, false), *e = read_stream(err, false);
    assert_string_equal(o, "out\n");
    assert_string_equal(e, "err\n");
    close(out);
    close(err);
    assert_int_equal(exit_code(h), 0);
    release(h);
}

static void terminal_has_size_and_is_the_console(void **state)
{
    struct harness *h = *state;
    json_t *plan = plan_sh(h, "tty; stty size; test -c /dev/console && echo console; echo $TERM; "
                              "read x; stty size; echo got $x");
    json_put_bool(plan_process(plan), "tty", true);
    json_put_bool(plan_process(plan), "stdin", true);
    json_put_int(plan_process(plan), "rows", 30);
    json_put_int(plan_process(plan), "cols", 100);
    shim_start(h);
    run_plan(h, plan);
    json_t *resize = msg_new("resize");
    json_put_int(resize, "rows", 44);
    json_put_int(resize, "cols", 132);
    struct buf b = {0};
    while (!b.s || !strstr(b.s, "xterm")) {
        char chunk[512];
        ssize_t n = read(h->out, chunk, sizeof(chunk));
        assert_true(n > 0);
        buf_add(&b, chunk, (size_t)n);
    }
    assert_non_null(strstr(b.s, "/dev/pts/0"));
    assert_non_null(strstr(b.s, "30 100"));
    assert_non_null(strstr(b.s, "console"));
    buf_fini(&b);
    json_decref(ask_ok(h, resize));
    assert_int_equal(write(h->out, "typed\n", 6), 6);
    _cleanup_(freep) char *rest = read_stream(h->out, true);
    assert_non_null(strstr(rest, "44 132"));
    assert_non_null(strstr(rest, "got typed"));
    assert_int_equal(exit_code(h), 0);
    release(h);
}

static void terminal_goes_on_when_its_client_left(void **state)
{
    struct harness *h = *state;
    json_t *plan = plan_sh(h, "stty -echo; echo ready; read x; echo got $x");
    json_put_bool(plan_process(plan), "tty", true);
    json_put_bool(plan_process(plan), "stdin", true);
    json_put_bool(plan, "stdin_once", true);
    shim_start(h);
    run_plan(h, plan);
    char first;
    assert_int_equal(read(h->out, &first, 1), 1);
    int again = attach(h, NULL, true, true, true);
    close_fd(steal_fd(&h->out));
    assert_int_equal(write(again, "typed\n", 6), 6);
    _cleanup_(freep) char *rest = read_stream(again, true);
    close(again);
    assert_non_null(strstr(rest, "got typed"));
    assert_int_equal(exit_code(h), 0);
    release(h);
}

/* A client that does not read holds the output; another client, and the log, lose nothing. */
static void slow_client_holds_up_and_loses_nothing(void **state)
{
    struct harness *h = *state;
    shim_start(h);
    json_decref(ask_ok(h, prepare_msg(plan_sh(h, "seq 1 600000"))));
    int fast = attach(h, NULL, false, true, true), slow = attach(h, NULL, false, true, true);
    json_decref(ask_ok(h, msg_new("go")));
    pid_t reader = fork();
    if (reader == 0) {
        close(slow);
        char chunk[65536];
        size_t n = 0;
        for (ssize_t got; (got = read(fast, chunk, sizeof(chunk))) > 0;)
            n += (size_t)got;
        _exit(n > 3000000 ? 0 : 1);
    }
    close(fast);
    struct pollfd none = {.fd = -1};
    poll(&none, 1, 300);
    json_t *status = ask_ok(h, msg_new("status"));
    assert_string_equal(json_str(status, "phase", ""), "running");
    json_decref(status);
    _cleanup_(freep) char *out = read_stream(slow, false);
    assert_true(str_ends(out, "\n599999\n600000\n"));
    close(slow);
    int status_code;
    waitpid(reader, &status_code, 0);
    assert_int_equal(status_code, 0);
    assert_int_equal(exit_code(h), 0);
    release(h);
}

static void detached_is_told_and_the_container_goes_on(void **state)
{
    struct harness *h = *state;
    shim_start(h);
    json_t *plan = plan_sh(h, "cat");
    json_put_bool(plan_process(plan), "stdin", true);
    run_plan(h, plan);
    close_fd(steal_fd(&h->out));
    json_decref(await_event(h, "detached"));
    h->out = attach(h, NULL, true, true, true);
    assert_int_equal(write(h->out, "still\n", 6), 6);
    char chunk[64];
    assert_int_equal(read(h->out, chunk, sizeof(chunk)), 14);
    json_decref(ask_ok(h, msg_new("close_stdin")));
    assert_int_equal(exit_code(h), 0);
    release(h);
}

/* All that a client sent before it left reaches a reader that was slow to begin. */
static void input_of_a_client_that_left_is_not_lost(void **state)
{
    struct harness *h = *state;
    shim_start(h);
    json_t *plan = plan_sh(h, "sleep 0.3; wc -c");
    json_put_bool(plan_process(plan), "stdin", true);
    json_put_bool(plan, "stdin_once", true);
    run_plan(h, plan);
    int other = attach(h, NULL, false, true, true);
    char block[8192];
    memset(block, 'x', sizeof(block));
    for (int i = 0; i < 20; i++)
        assert_int_equal(fs_write_all(h->out, block, sizeof(block)), 0);
    close_fd(steal_fd(&h->out));
    _cleanup_(freep) char *out = read_stream(other, false);
    close(other);
    assert_string_equal(out, "163840\n");
    assert_int_equal(exit_code(h), 0);
    release(h);
}

/* --- log */

static void with_log(struct harness *h, json_t *plan, const char *option, const char *mode)
{
    _cleanup_(freep) char *dir = str_printf("%s/log", h->dir);
    json_t *log = json_pack("{s:s,s:s,s:{},s:s,s:i,s:{s:s,s:s,s:s}}", "driver", "t-log", "path",
                            LOG_DRIVER, "options", "mode", mode, "max_buffer_bytes", 65536, "info",
                            "container_name", "n", "log_dir", dir, "data_dir", dir);
    if (option)
        json_put_str(json_obj(log, "options"), option, "true");
    json_put_take(plan, "log", log);
}

static char *log_text(struct harness *h)
{
    _cleanup_(freep) char *path = str_printf("%s/log/out", h->dir);
    char *text;
    assert_int_equal(fs_read(AT_FDCWD, path, 64u << 20, &text, NULL), 0);
    return text;
}

static void lines_are_records_with_stream_and_pieces(void **state)
{
    struct harness *h = *state;
    json_t *plan = plan_sh(h, "echo one; sleep 0.05; echo two >&2; sleep 0.05; "
                              "head -c 20000 /dev/zero; echo; printf tail");
    with_log(h, plan, NULL, "blocking");
    _cleanup_(freep) char *out = run_output(h, plan, NULL);
    char *all;
    size_t n;
    _cleanup_(freep) char *path = str_printf("%s/log/out", h->dir);
    assert_int_equal(fs_read(AT_FDCWD, path, 1u << 20, &all, &n), 0);
    _cleanup_(freep) char *owned = all;
    assert_memory_equal(all, "1 0 0 one\n2 0 0 two\n1 1 1 ", 26);
    assert_non_null(memmem(all, n, "\n1 3 2 ", 7));
    assert_non_null(memmem(all, n, "\n1 0 0 tail\n", 12));
    json_t *status = ask_ok(h, msg_new("status"));
    assert_string_equal(json_str(json_obj(status, "log"), "driver", ""), "t-log");
    json_decref(status);
    release(h);
}

static void json_file_writes_dockers_lines(void **state)
{
    struct harness *h = *state;
    json_t *plan = plan_sh(h, "echo one; echo '<two>' >&2");
    with_log(h, plan, NULL, "blocking");
    json_put_str(json_object_get(plan, "log"), "driver", "json-file");
    json_put_str(json_object_get(plan, "log"), "path", JSON_FILE_SO);
    _cleanup_(freep) char *out = run_output(h, plan, NULL);
    _cleanup_(freep) char *path = str_printf("%s/log/%s-json.log", h->dir, h->id);
    _cleanup_(freep) char *text = NULL;
    assert_int_equal(fs_read(AT_FDCWD, path, 65536, &text, NULL), 0);
    assert_non_null(strstr(text, "{\"log\":\"one\\n\",\"stream\":\"stdout\""));
    assert_non_null(strstr(text, "\\u003ctwo\\u003e\\n\",\"stream\":\"stderr\""));
    release(h);
}

static void every_line_is_logged_once_and_in_order(void **state)
{
    struct harness *h = *state;
    json_t *plan = plan_sh(h, "seq 1 300000");
    with_log(h, plan, NULL, "blocking");
    shim_start(h);
    json_decref(ask_ok(h, prepare_msg(plan)));
    json_decref(ask_ok(h, msg_new("go")));
    assert_int_equal(exit_code(h), 0);
    _cleanup_(freep) char *text = log_text(h);
    char *rest = text;
    for (int i = 1; i <= 300000; i++) {
        char want[32];
        int n = snprintf(want, sizeof(want), "1 0 0 %d\n", i);
        assert_memory_equal(rest, want, (size_t)n);
        rest += n;
    }
    assert_int_equal(*rest, '\0');
    release(h);
}

static void driver_that_cannot_open_fails_prepare(void **state)
{
    struct harness *h = *state;
    json_t *plan = plan_sh(h, "true");
    with_log(h, plan, "fail", "blocking");
    shim_start(h);
    json_t *reply = ask(h, prepare_msg(plan));
    assert_string_equal(json_str(reply, "message", ""),
                        "failed to initialize logging driver t-log: told to fail");
    json_decref(reply);
    shim_wait(h);
}

static void driver_that_hangs_does_not_hold_the_exit(void **state)
{
    struct harness *h = *state;
    json_t *plan = plan_sh(h, "echo something");
    with_log(h, plan, "hold", "blocking");
    int code;
    _cleanup_(freep) char *out = run_output(h, plan, &code);
    assert_string_equal(out, "something\n");
    assert_int_equal(code, 0);
    json_decref(ask_ok(h, msg_new("release")));
    /* Nor does the release throw away what the driver takes in the end. */
    _cleanup_(freep) char *go = str_printf("%s/log/go", h->dir);
    assert_int_equal(fs_write(AT_FDCWD, go, "", 0, 0600), 0);
    shim_wait(h);
    _cleanup_(freep) char *text = log_text(h);
    assert_string_equal(text, "1 0 0 something\n");
}

static void ring_drops_the_oldest_and_counts(void **state)
{
    struct harness *h = *state;
    json_t *plan = plan_sh(h, "seq 1 100000; read x");
    json_put_bool(plan_process(plan), "stdin", true);
    with_log(h, plan, "hold", "non-blocking");
    shim_start(h);
    run_plan(h, plan);
    char chunk[65536];
    struct buf b = {0};
    while (!b.s || !memmem(b.s, b.len, "100000\n", 7)) {
        ssize_t n = read(h->out, chunk, sizeof(chunk));
        assert_true(n > 0);
        buf_add(&b, chunk, (size_t)n);
    }
    buf_fini(&b);
    json_t *status = ask_ok(h, msg_new("status"));
    assert_true(json_int(json_obj(status, "log"), "dropped", 0) > 1000);
    json_decref(status);
    _cleanup_(freep) char *go = str_printf("%s/log/go", h->dir);
    assert_int_equal(fs_write(AT_FDCWD, go, "", 0, 0600), 0);
    json_decref(ask_ok(h, msg_new("close_stdin")));
    assert_int_equal(exit_code(h), 1);
    _cleanup_(freep) char *text = log_text(h);
    assert_true(str_ends(text, "\n1 0 0 100000\n"));
    release(h);
}

static void broken_driver_is_said_once_and_the_container_runs(void **state)
{
    struct harness *h = *state;
    json_t *plan = plan_sh(h, "for i in 1 2 3 4 5; do echo $i; sleep 0.02; done; exit 4");
    with_log(h, plan, "broken", "blocking");
    int code;
    _cleanup_(freep) char *out = run_output(h, plan, &code);
    assert_string_equal(out, "1\n2\n3\n4\n5\n");
    assert_int_equal(code, 4);
    json_t *e = await_event(h, "log_error");
    assert_string_equal(json_str(e, "message", ""), "told to break");
    json_decref(e);
    for (size_t i = 0; i < json_array_size(h->events); i++)
        assert_string_not_equal(json_str(json_array_get(h->events, i), "type", ""), "log_error");
    release(h);
}

static void nothing_of_the_shim_leaks_into_the_container(void **state)
{
    struct harness *h = *state;
    json_t *plan = plan_sh(h, "ls /proc/self/fd | grep -v '^[012]$' | wc -l; "
                              "umask; "
                              "test -e /proc/1/fd/77 && echo leaked");
    with_log(h, plan, NULL, "blocking");
    _cleanup_(freep) char *out = run_output(h, plan, NULL);
    /* ls itself has the directory open */
    assert_memory_equal(out, "1\n", 2);
    assert_non_null(strstr(out, "0022\n"));
    assert_null(strstr(out, "leaked"));
    release(h);
}

#define T(name) cmocka_unit_test_setup_teardown(name, harness_setup, harness_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(half_close_ends_stdin_and_output_still_comes),
        T(much_input_comes_back_whole),
        T(stdout_and_stderr_are_told_apart),
        T(terminal_has_size_and_is_the_console),
        T(terminal_goes_on_when_its_client_left),
        T(slow_client_holds_up_and_loses_nothing),
        T(detached_is_told_and_the_container_goes_on),
        T(input_of_a_client_that_left_is_not_lost),
        T(json_file_writes_dockers_lines),
        T(lines_are_records_with_stream_and_pieces),
        T(every_line_is_logged_once_and_in_order),
        T(driver_that_cannot_open_fails_prepare),
        T(driver_that_hangs_does_not_hold_the_exit),
        T(ring_drops_the_oldest_and_counts),
        T(broken_driver_is_said_once_and_the_container_runs),
        T(nothing_of_the_shim_leaks_into_the_container),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
