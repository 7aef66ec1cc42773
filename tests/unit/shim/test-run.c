/* SPDX-License-Identifier: Apache-2.0 */
/* A container from prepare to release: exits, signals, errors, re-attachment. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/str.h"
#include "harness.h"

static void echo_runs_and_its_code_is_told(void **state)
{
    struct harness *h = *state;
    int code;
    _cleanup_(freep) char *out = run_output(h, plan_sh(h, "echo hello; exit 7"), &code);
    assert_string_equal(out, "hello\n");
    assert_int_equal(code, 7);
    _cleanup_(freep) char *file = NULL;
    assert_int_equal(fs_read(h->rundir, "exit", 4096, &file, NULL), 0);
    json_t *o = json_loads(file, 0, NULL);
    assert_int_equal(json_int(o, "code", -1), 7);
    assert_true(json_int(o, "time_ns", 0) > 0);
    json_decref(o);
    release(h);
}

static void a_signal_becomes_128_and_its_number(void **state)
{
    struct harness *h = *state;
    shim_start(h);
    run_plan(h, plan_new(h, (const char *const[]){"sleep", "1000", NULL}));
    json_t *kill_msg = msg_new("kill");
    json_put_int(kill_msg, "signal", SIGKILL);
    json_decref(ask_ok(h, kill_msg));
    json_t *e = await_event(h, "exited");
    assert_int_equal(json_int(json_obj(e, "exit"), "code", 0), 137);
    assert_int_equal(json_int(json_obj(e, "exit"), "signal", 0), SIGKILL);
    json_decref(e);
    json_t *again = msg_new("kill");
    json_t *reply = ask(h, again);
    assert_int_equal(json_int(reply, "error", 0), ESRCH);
    json_decref(reply);
    release(h);
}

/* Prepares, expects it to be refused, gives the words (the caller frees). */
static char *refused(struct harness *h, json_t *plan, int *errnum)
{
    shim_start(h);
    json_t *reply = ask(h, prepare_msg(plan));
    *errnum = (int)json_int(reply, "error", 0);
    assert_int_not_equal(*errnum, 0);
    char *words = xstrdup(json_str(reply, "message", ""));
    json_decref(reply);
    shim_wait(h);
    return words;
}

static void missing_bind_source_is_named(void **state)
{
    struct harness *h = *state;
    int errnum;
    json_t *plan = plan_sh(h, "true");
    plan_mount(plan, json_pack("{s:s,s:s}", "target", "/data", "bind", "/nowhere/at/all"));
    _cleanup_(freep) char *words = refused(h, plan, &errnum);
    assert_int_equal(errnum, ENOENT);
    assert_non_null(strstr(words, "bind source path does not exist"));
    assert_non_null(strstr(words, "/nowhere/at/all"));
}

static void unknown_user_is_said_as_docker_says_it(void **state)
{
    struct harness *h = *state;
    int errnum;
    json_t *plan = plan_sh(h, "true");
    json_put_str(plan_process(plan), "user", "nobody-here");
    _cleanup_(freep) char *words = refused(h, plan, &errnum);
    assert_string_equal(words,
                        "unable to find user nobody-here: no matching entries in passwd file");
}

static void broken_plans_are_refused_by_member(void **state)
{
    struct harness *h = *state;
    int errnum;
    json_t *plan = plan_sh(h, "true");
    plan_mount(plan,
               json_pack("{s:s,s:s,s:[s]}", "target", "/data", "bind", "/tmp", "flags", "shiny"));
    _cleanup_(freep) char *words = refused(h, plan, &errnum);
    assert_int_equal(errnum, EINVAL);
    assert_non_null(strstr(words, "plan.mounts[6].flags: \"shiny\""));
}

static void go_refused(struct harness *h, json_t *plan, int code, const char *words)
{
    shim_start(h);
    json_decref(ask_ok(h, prepare_msg(plan)));
    json_t *reply = ask(h, msg_new("go"));
    assert_int_not_equal(json_int(reply, "error", 0), 0);
    assert_string_equal(json_str(reply, "message", ""), words);
    assert_int_equal(json_int(reply, "exit_code", 0), code);
    json_decref(reply);
    shim_wait(h);
}

static void command_not_found_is_127(void **state)
{
    struct harness *h = *state;
    go_refused(h, plan_new(h, (const char *const[]){"nonsense", NULL}), 127,
               "exec: \"nonsense\": executable file not found in $PATH");
}

static void path_not_found_is_127(void **state)
{
    struct harness *h = *state;
    go_refused(h, plan_new(h, (const char *const[]){"/no/such", NULL}), 127,
               "exec: \"/no/such\": stat /no/such: no such file or directory");
}

static void not_executable_is_126(void **state)
{
    struct harness *h = *state;
    go_refused(h, plan_new(h, (const char *const[]){"/etc/passwd", NULL}), 126,
               "exec: \"/etc/passwd\": permission denied");
}

static void directory_is_126(void **state)
{
    struct harness *h = *state;
    go_refused(h, plan_new(h, (const char *const[]){"/etc", NULL}), 126,
               "exec: \"/etc\": is a directory");
}

static void abort_ends_what_was_prepared(void **state)
{
    struct harness *h = *state;
    shim_start(h);
    json_t *reply = ask_ok(h, prepare_msg(plan_sh(h, "sleep 1000")));
    pid_t init = (pid_t)json_int(reply, "pid", 0);
    json_decref(reply);
    assert_int_equal(kill(init, 0), 0);
    json_decref(ask_ok(h, msg_new("abort")));
    shim_wait(h);
    assert_int_equal(kill(init, 0), -1);
}

static void lost_berthd_before_go_ends_the_shim(void **state)
{
    struct harness *h = *state;
    shim_start(h);
    json_decref(ask_ok(h, prepare_msg(plan_sh(h, "sleep 1000"))));
    close_fd(steal_fd(&h->control));
    assert_int_equal(WEXITSTATUS(shim_wait(h)), 0);
}

static void shim_is_found_again_by_sock(void **state)
{
    struct harness *h = *state;
    shim_start(h);
    json_t *plan = plan_sh(h, "cat; exit 5");
    json_put_bool(plan_process(plan), "stdin", true);
    json_put_bool(plan, "stdin_once", true);
    json_t *reply = ask_ok(h, prepare_msg(plan));
    pid_t init = (pid_t)json_int(reply, "pid", 0);
    json_decref(reply);
    json_decref(ask_ok(h, msg_new("go")));
    reattach(h);
    json_t *status = ask_ok(h, msg_new("status"));
    assert_string_equal(json_str(status, "phase", ""), "running");
    assert_int_equal(json_int(status, "pid", 0), init);
    json_decref(status);
    h->out = attach(h, NULL, true, true, true);
    assert_int_equal(write(h->out, "again\n", 6), 6);
    shutdown(h->out, SHUT_WR);
    _cleanup_(freep) char *out = read_stream(h->out, false);
    assert_string_equal(out, "again\n");
    assert_int_equal(exit_code(h), 5);
    /* An exit that nobody heard is told to the next one. */
    reattach(h);
    assert_int_equal(exit_code(h), 5);
    release(h);
}

static void exit_while_nobody_listens_is_kept(void **state)
{
    struct harness *h = *state;
    shim_start(h);
    json_t *plan = plan_sh(h, "head -c 3 /dev/zero; exit 9");
    json_decref(ask_ok(h, prepare_msg(plan)));
    json_decref(ask_ok(h, msg_new("go")));
    close_fd(steal_fd(&h->control));
    reattach(h);
    assert_int_equal(exit_code(h), 9);
    release(h);
}

static void go_that_fails_unheard_is_found_as_an_exit(void **state)
{
    struct harness *h = *state;
    shim_start(h);
    json_decref(ask_ok(h, prepare_msg(plan_new(h, (const char *const[]){"nonsense", NULL}))));
    json_t *go = msg_new("go");
    json_put_int(go, "seq", 99);
    assert_int_equal(frame_send(h->control, go, NULL, 0), 0);
    json_decref(go);
    reattach(h);
    json_t *e = await_event(h, "exited");
    assert_int_equal(json_int(json_obj(e, "exit"), "code", 0), 127);
    assert_non_null(strstr(json_str(json_obj(e, "exit"), "error", ""), "not found in $PATH"));
    json_decref(e);
    release(h);
}

static void root_is_handed_out(void **state)
{
    struct harness *h = *state;
    shim_start(h);
    run_plan(h, plan_sh(h, "echo inside > /tmp/here; exec sleep 1000"));
    json_decref(ask_ok(h, msg_new("root")));
    struct stat st;
    assert_true(h->fd >= 0);
    assert_int_equal(fstatat(h->fd, "proc/self", &st, AT_SYMLINK_NOFOLLOW), 0);
    assert_int_equal(fstatat(h->fd, "etc/passwd", &st, 0), 0);
    json_decref(ask_ok(h, msg_new("kill")));
    assert_int_equal(exit_code(h), 137);
    release(h);
}

static void requests_out_of_order_are_refused(void **state)
{
    struct harness *h = *state;
    static const char *const early[] = {"go", "release", "kill", "root", "log_rotate", "attach"};
    shim_start(h);
    for (size_t i = 0; i < ARRAY_SIZE(early); i++) {
        json_t *reply = ask(h, msg_new(early[i]));
        assert_int_not_equal(json_int(reply, "error", 0), 0);
        json_decref(reply);
    }
    json_t *reply = ask(h, msg_new("of_next_year"));
    assert_int_equal(json_int(reply, "error", 0), ENOSYS);
    json_decref(reply);
}

static void orphans_are_reaped(void **state)
{
    struct harness *h = *state;
    int code;
    _cleanup_(freep) char *out =
        run_output(h, plan_sh(h, "(sleep 0.05 & sleep 0.01) & wait; sleep 0.2; echo done"), &code);
    assert_string_equal(out, "done\n");
    release(h);
}

#define T(name) cmocka_unit_test_setup_teardown(name, harness_setup, harness_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(echo_runs_and_its_code_is_told),
        T(a_signal_becomes_128_and_its_number),
        T(missing_bind_source_is_named),
        T(unknown_user_is_said_as_docker_says_it),
        T(broken_plans_are_refused_by_member),
        T(command_not_found_is_127),
        T(path_not_found_is_127),
        T(not_executable_is_126),
        T(directory_is_126),
        T(abort_ends_what_was_prepared),
        T(lost_berthd_before_go_ends_the_shim),
        T(shim_is_found_again_by_sock),
        T(exit_while_nobody_listens_is_kept),
        T(go_that_fails_unheard_is_found_as_an_exit),
        T(root_is_handed_out),
        T(requests_out_of_order_are_refused),
        T(orphans_are_reaped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
