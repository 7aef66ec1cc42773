/* SPDX-License-Identifier: Apache-2.0 */
/* Execs in a running container. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/str.h"
#include "harness.h"

static void start(struct harness *h)
{
    shim_start(h);
    json_decref(ask_ok(h, prepare_msg(plan_sh(h, "while :; do sleep 100; done"))));
    json_decref(ask_ok(h, msg_new("go")));
}

static void stop(struct harness *h)
{
    json_decref(ask_ok(h, msg_new("kill")));
    assert_int_equal(exit_code(h), 137);
    release(h);
}

static json_t *exec_msg(struct harness *h, const char *id, const char *const *argv)
{
    json_t *plan = plan_new(h, argv);
    json_t *msg = msg_new("exec");
    json_put_str(msg, "exec", id);
    json_put(msg, "process", plan_process(plan));
    json_put_take(msg, "attach", json_pack("{s:b,s:b,s:b}", "stdin", 1, "stdout", 1, "stderr", 1));
    json_decref(plan);
    return msg;
}

static json_t *exec_sh(struct harness *h, const char *id, const char *script)
{
    return exec_msg(h, id, (const char *const[]){"sh", "-c", script, NULL});
}

/* The stream's our end; the answer in *reply. */
static int run_exec(struct harness *h, json_t *msg, json_t **reply)
{
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    *reply = ask_fd(h, msg, pair[1]);
    close(pair[1]);
    return pair[0];
}

static char *exec_output(struct harness *h, json_t *msg, bool raw)
{
    json_t *reply;
    _cleanup_(closep) int fd = run_exec(h, msg, &reply);
    if (json_int(reply, "error", -1) != 0)
        fail_msg("refused: %s", json_str(reply, "message", "?"));
    assert_true(json_int(reply, "pid", 0) > 0);
    json_decref(reply);
    return read_stream(fd, raw);
}

static int exec_code(struct harness *h, const char *id)
{
    json_t *e = await_event(h, "exec_exited");
    assert_string_equal(json_str(e, "exec", ""), id);
    int code = (int)json_int(e, "code", -1);
    json_decref(e);
    return code;
}

static void same_namespaces(pid_t a, pid_t b)
{
    static const char *const names[] = {"mnt", "pid", "uts", "ipc", "net", "cgroup"};
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        struct stat x, y;
        _cleanup_(freep) char *p = str_printf("/proc/%d/ns/%s", (int)a, names[i]);
        _cleanup_(freep) char *q = str_printf("/proc/%d/ns/%s", (int)b, names[i]);
        assert_int_equal(stat(p, &x), 0);
        assert_int_equal(stat(q, &y), 0);
        assert_int_equal(x.st_ino, y.st_ino);
    }
}

static void exec_joins_all_namespaces(void **state)
{
    struct harness *h = *state;
    start(h);
    json_t *msg = exec_msg(h, "e1", (const char *const[]){"sleep", "1000", NULL}), *reply;
    _cleanup_(closep) int fd = run_exec(h, msg, &reply);
    assert_int_equal(json_int(reply, "error", -1), 0);
    pid_t pid = (pid_t)json_int(reply, "pid", 0);
    json_decref(reply);
    json_t *status = ask_ok(h, msg_new("status"));
    same_namespaces(pid, (pid_t)json_int(status, "pid", 0));
    assert_int_equal(json_array_size(json_arr(status, "execs")), 1);
    json_decref(status);
    json_t *k = msg_new("kill");
    json_put_str(k, "exec", "e1");
    json_put_int(k, "signal", SIGTERM);
    json_decref(ask_ok(h, k));
    assert_int_equal(exec_code(h, "e1"), 143);
    stop(h);
}

static void exec_gives_output_and_code_and_is_forgotten(void **state)
{
    struct harness *h = *state;
    start(h);
    json_t *msg = exec_sh(h, "e1",
                          "hostname; grep -E 'CapEff|CapBnd|SigBlk|SigCgt' "
                          "/proc/self/status; ls /proc/self/fd | wc -l; echo $HOME; exit 6");
    _cleanup_(freep) char *out = exec_output(h, msg, false);
    assert_string_equal(out, "boxed\nSigBlk:\t0000000000000000\nSigCgt:\t0000000000000000\n"
                             "CapEff:\t00000000a80425fb\nCapBnd:\t00000000a80425fb\n4\n/root\n");
    assert_int_equal(exec_code(h, "e1"), 6);
    json_t *again = exec_sh(h, "e1", "true"), *reply;
    _cleanup_(closep) int fd = run_exec(h, again, &reply);
    assert_int_equal(json_int(reply, "error", 0), EEXIST);
    json_decref(reply);
    json_t *forget = msg_new("exec_forget");
    json_put_str(forget, "exec", "e1");
    json_decref(ask_ok(h, forget));
    stop(h);
}

static void exec_as_user_with_stdin(void **state)
{
    struct harness *h = *state;
    start(h);
    json_t *msg = exec_sh(h, "e1", "id -u; cat; pwd"), *reply;
    json_put_str(json_object_get(msg, "process"), "user", "web");
    json_put_str(json_object_get(msg, "process"), "cwd", "/tmp");
    json_put_bool(json_object_get(msg, "process"), "stdin", true);
    _cleanup_(closep) int fd = run_exec(h, msg, &reply);
    assert_int_equal(json_int(reply, "error", -1), 0);
    json_decref(reply);
    assert_int_equal(write(fd, "in\n", 3), 3);
    shutdown(fd, SHUT_WR);
    _cleanup_(freep) char *out = read_stream(fd, false);
    assert_string_equal(out, "33\nin\n/tmp\n");
    assert_int_equal(exec_code(h, "e1"), 0);
    stop(h);
}

static void exec_with_terminal(void **state)
{
    struct harness *h = *state;
    start(h);
    json_t *msg = exec_sh(h, "e1", "tty; stty size");
    json_put_bool(json_object_get(msg, "process"), "tty", true);
    json_put_int(json_object_get(msg, "process"), "rows", 12);
    json_put_int(json_object_get(msg, "process"), "cols", 34);
    _cleanup_(freep) char *out = exec_output(h, msg, true);
    assert_string_equal(out, "/dev/pts/0\r\n12 34\r\n");
    assert_int_equal(exec_code(h, "e1"), 0);
    stop(h);
}

static void exec_of_nothing_is_127_or_126(void **state)
{
    struct harness *h = *state;
    static const struct {
        const char *program, *words;
        int code;
    } cases[] = {
        {"nonsense", "exec: \"nonsense\": executable file not found in $PATH", 127},
        {"/etc/passwd", "exec: \"/etc/passwd\": permission denied", 126},
    };
    start(h);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        json_t *reply;
        json_t *msg = exec_msg(h, "e", (const char *const[]){cases[i].program, NULL});
        _cleanup_(closep) int fd = run_exec(h, msg, &reply);
        assert_string_equal(json_str(reply, "message", ""), cases[i].words);
        assert_int_equal(json_int(reply, "exit_code", 0), cases[i].code);
        json_decref(reply);
        _cleanup_(freep) char *none = read_stream(fd, false);
        assert_string_equal(none, "");
        json_t *status = ask_ok(h, msg_new("status"));
        assert_int_equal(json_array_size(json_arr(status, "execs")), 0);
        json_decref(status);
    }
    stop(h);
}

static void exec_ends_with_the_container(void **state)
{
    struct harness *h = *state;
    start(h);
    json_t *reply;
    json_t *msg = exec_msg(h, "e1", (const char *const[]){"sleep", "1000", NULL});
    _cleanup_(closep) int fd = run_exec(h, msg, &reply);
    json_decref(reply);
    json_t *k = msg_new("kill");
    json_put_bool(k, "all", true);
    json_decref(ask_ok(h, k));
    assert_int_equal(exec_code(h, "e1"), 137);
    assert_int_equal(exit_code(h), 137);
    json_t *late = exec_sh(h, "e2", "true");
    _cleanup_(closep) int other = run_exec(h, late, &reply);
    assert_int_equal(json_int(reply, "error", 0), ESRCH);
    json_decref(reply);
    /* A new berthd hears of it, too. */
    reattach(h);
    assert_int_equal(exec_code(h, "e1"), 137);
    release(h);
}

#define T(name) cmocka_unit_test_setup_teardown(name, harness_setup, harness_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(exec_joins_all_namespaces),     T(exec_gives_output_and_code_and_is_forgotten),
        T(exec_as_user_with_stdin),       T(exec_with_terminal),
        T(exec_of_nothing_is_127_or_126), T(exec_ends_with_the_container),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
