/* SPDX-License-Identifier: Apache-2.0 */
/* berth-init: codes, signals, orphans. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* Starts it as pid 1 of a pid namespace; *out gets its standard output. */
static pid_t start(const char *const *argv, int *out)
{
    int p[2];
    assert_int_equal(pipe2(p, O_CLOEXEC), 0);
    pid_t outer = fork();
    if (outer == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (unshare(CLONE_NEWPID) < 0)
            _exit(99);
        pid_t pid = fork();
        if (pid == 0) {
            dup2(p[1], 1);
            execv(INIT_PATH, (char *const *)argv);
            _exit(98);
        }
        /* Told by its number, so that the test can signal it. */
        dprintf(p[1], "%d\n", (int)pid);
        int status;
        waitpid(pid, &status, 0);
        _exit(WIFSIGNALED(status) ? 200 : WEXITSTATUS(status));
    }
    close(p[1]);
    *out = p[0];
    return outer;
}

/* One line of its output. */
static void line(int fd, char *buf, size_t n)
{
    size_t at = 0;
    struct pollfd p = {.fd = fd, .events = POLLIN};
    while (at + 1 < n && poll(&p, 1, 5000) == 1 && read(fd, buf + at, 1) == 1 && buf[at] != '\n')
        at++;
    buf[at] = '\0';
}

static int ended(pid_t outer, int out)
{
    int status;
    assert_int_equal(waitpid(outer, &status, 0), outer);
    close(out);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static int code_of(const char *script)
{
    int out;
    pid_t outer = start((const char *const[]){"docker-init", "--", "sh", "-c", script, NULL}, &out);
    return ended(outer, out);
}

static void ends_with_the_commands_code(void **state)
{
    assert_int_equal(code_of("exit 0"), 0);
    assert_int_equal(code_of("exit 42"), 42);
    assert_int_equal(code_of("kill -TERM $$"), 143);
}

static void missing_command_is_127(void **state)
{
    int out, null = open("/dev/null", O_WRONLY), kept = dup(2);
    dup2(null, 2);
    pid_t outer = start((const char *const[]){"docker-init", "--", "/no/such", NULL}, &out);
    dup2(kept, 2);
    close(kept);
    close(null);
    assert_int_equal(ended(outer, out), 127);
}

static void signals_reach_the_command(void **state)
{
    int out;
    char text[64];
    pid_t outer = start((const char *const[]){"docker-init", "--", "sh", "-c",
                                              "trap 'echo got; exit 5' USR1; echo ready; "
                                              "while :; do sleep 0.05; done",
                                              NULL},
                        &out);
    line(out, text, sizeof(text));
    pid_t init = (pid_t)strtol(text, NULL, 10);
    assert_true(init > 1);
    line(out, text, sizeof(text));
    assert_string_equal(text, "ready");
    assert_int_equal(kill(init, SIGUSR1), 0);
    line(out, text, sizeof(text));
    assert_string_equal(text, "got");
    assert_int_equal(ended(outer, out), 5);
}

static void orphans_are_reaped(void **state)
{
    int out;
    char text[64], path[64], children[256] = "";
    /* The inner shell leaves its child behind; when that ends, init alone can reap it. */
    pid_t outer = start((const char *const[]){"docker-init", "--", "sh", "-c",
                                              "sh -c 'sleep 0.1 & exit 0'; sleep 0.4; echo now; "
                                              "exec sleep 5",
                                              NULL},
                        &out);
    line(out, text, sizeof(text));
    pid_t init = (pid_t)strtol(text, NULL, 10);
    line(out, text, sizeof(text));
    assert_string_equal(text, "now");
    snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)init, (int)init);
    int fd = open(path, O_RDONLY);
    assert_true(read(fd, children, sizeof(children) - 1) > 0);
    close(fd);
    /* one child, "PID " */
    assert_ptr_equal(strchr(children, ' '), strrchr(children, ' '));
    assert_int_equal(kill(init, SIGTERM), 0);
    assert_int_equal(ended(outer, out), 143);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ends_with_the_commands_code),
        cmocka_unit_test(missing_command_is_127),
        cmocka_unit_test(signals_reach_the_command),
        cmocka_unit_test(orphans_are_reaped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
