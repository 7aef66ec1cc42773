/* SPDX-License-Identifier: Apache-2.0 */
/* The client against a shim that is this very program: spawned from a memfd, it answers as the protocol says. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/frame.h"
#include "base/fs.h"
#include "base/id.h"
#include "base/json.h"
#include "base/str.h"
#include "runtime/procfs.h"
#include "runtime/shim-internal.h"
#include "runtime/shim.h"

/* --- the fake */

static void reply(int sock, const json_t *to, json_t *members, const int *fds, size_t nfds)
{
    json_put_str(members, "type", "reply");
    json_put_int(members, "seq", json_int(to, "seq", 0));
    json_default_take(members, "error", json_integer(0));
    frame_send(sock, members, fds, nfds);
    json_decref(members);
}

static void fake_answer(int sock, const json_t *msg, struct frame_reader *r)
{
    const char *type = json_str(msg, "type", "");
    int fd = -1;
    if (str_eq(type, "prepare")) {
        size_t n = frame_take_fds(r, &fd, 1);
        reply(sock, msg, json_pack("{sisI}", "pid", (int)n * 100, "start", (json_int_t)7), NULL, 0);
    } else if (str_eq(type, "go")) {
        reply(sock, msg,
              json_pack("{sisssi}", "error", ENOENT, "message", "exec: no such file", "exit_code",
                        127),
              NULL, 0);
    } else if (str_eq(type, "root")) {
        fd = open("/", O_PATH | O_CLOEXEC);
        reply(sock, msg, json_object(), &fd, 1);
    } else if (str_eq(type, "kill")) {
        json_auto_t *e =
            json_pack("{sss{sisisbsI}}", "type", "exited", "exit", "code", 137, "signal", 9, "oom",
                      1, "time_ns", (json_int_t)123456789012345678LL);
        reply(sock, msg, json_object(), NULL, 0);
        frame_send(sock, e, NULL, 0);
    } else if (str_eq(type, "release")) {
        reply(sock, msg, json_object(), NULL, 0);
        _exit(0);
    } else if (str_eq(type, "close_stdin")) {
        _exit(3); /* dies instead of an answer */
    } else {
        reply(sock, msg, json_pack("{ss}", "phase", "new"), NULL, 0);
    }
    close_fd(fd);
}

static void say_hello(int sock, const char *id)
{
    json_auto_t *hello = json_pack("{sssisisssiss}", "type", "hello", "protocol", 1, "minor", 0,
                                   "build", "x", "pid", (int)getpid(), "id", id);
    frame_send(sock, hello, NULL, 0);
}

static int listener = -1;

/* A second connection, as after a restart of the daemon. */
static void *fake_listen(void *id)
{
    poll(&(struct pollfd){.fd = listener, .events = POLLIN}, 1, -1);
    int sock = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    say_hello(sock, id);
    struct frame_reader r = {0};
    json_t *msg = NULL;
    while (frame_recv(&r, sock, -1, &msg) == 0) {
        fake_answer(sock, msg, &r);
        json_decref(msg);
    }
    return NULL;
}

/* In reserve: the id of the container comes in a message. */
static void fake_wait(char *id)
{
    struct frame_reader r = {0};
    json_t *msg = NULL;
    int fd = -1;
    while (!str_eq(json_str(msg, "type", ""), "assign")) {
        json_decref(msg);
        if (frame_recv(&r, 3, -1, &msg) < 0)
            _exit(0);
    }
    frame_take_fds(&r, &fd, 1);
    dup2(fd, 4);
    close(fd);
    memcpy(id, json_str(msg, "id", ""), strlen(id));
    json_decref(msg);
    frame_reader_fini(&r);
}

static int fake_shim(char *id)
{
    uint64_t start = 0;
    struct frame_reader r = {0};
    json_t *msg = NULL;
    if (*id == '-')
        fake_wait(id);
    pthread_t listening;
    alarm(20); /* a test that failed leaves nobody behind */
    procfs_start_time(getpid(), &start);
    json_auto_t *state = json_pack("{sssisIss}", "id", id, "shim_pid", (int)getpid(), "shim_start",
                                   (json_int_t)start, "boot_id", procfs_boot_id());
    _cleanup_(freep) char *text = json_text(state);
    if (fcntl(5, F_GETFD) < 0 || fcntl(6, F_GETFD) >= 0)
        return 8;
    listener = frame_listen_at(4, "sock", 0600); /* before its state and its hello, as a real one */
    if (fs_write_atomic(4, "state", text, strlen(text), 0600, false) < 0)
        return 9;
    pthread_create(&listening, NULL, fake_listen, (void *)id);
    say_hello(3, id);
    while (frame_recv(&r, 3, -1, &msg) == 0) {
        fake_answer(3, msg, &r);
        json_decref(msg);
    }
    pthread_join(listening, NULL);
    return 0;
}

/* --- the tests */

struct seen {
    int fd;
    int code, lost, died;
    int64_t time_ns;
    bool oom;
};

static void tell(struct seen *s)
{
    uint64_t one = 1;
    assert_int_equal(write(s->fd, &one, sizeof one), sizeof one);
}

static void on_exited(void *arg, const struct shim_exit *e)
{
    struct seen *s = arg;
    s->code = e->code;
    s->oom = e->oom;
    s->time_ns = e->time_ns;
    tell(s);
}

static void on_lost(void *arg)
{
    ((struct seen *)arg)->lost++;
}

static void on_died(void *arg)
{
    ((struct seen *)arg)->died++;
    tell(arg);
}

static const struct shim_events events = {.exited = on_exited, .lost = on_lost, .died = on_died};

static void await(struct seen *s)
{
    struct pollfd p = {.fd = s->fd, .events = POLLIN};
    uint64_t n;
    assert_int_equal(poll(&p, 1, 5000), 1);
    assert_int_equal(read(s->fd, &n, sizeof n), sizeof n);
}

struct world {
    struct shim_reactor *reactor;
    struct shim_spare *spare;
    int image, rundir;
    char dir[64], id[ID_MAX];
    struct seen seen;
};

static int setup(void **state)
{
    struct world *w = xcalloc(1, sizeof *w);
    snprintf(w->dir, sizeof w->dir, "/tmp/berth-unit-shim-XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    w->rundir = fs_open_dir(AT_FDCWD, w->dir);
    w->image = shim_image_open("/proc/self/exe", NULL);
    assert_true(w->image >= 0);
    id_new(w->id);
    w->seen.fd = eventfd(0, EFD_CLOEXEC);
    assert_int_equal(shim_reactor_open(&w->reactor, NULL), 0);
    assert_int_equal(shim_spare_open(w->reactor, w->image, &w->spare, NULL), 0);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    shim_spare_close(w->spare);
    shim_reactor_close(w->reactor);
    fs_rm_rf(AT_FDCWD, w->dir);
    close(w->image);
    close(w->rundir);
    close(w->seen.fd);
    free(w);
    return 0;
}

static struct shim *spawn(struct world *w)
{
    struct shim *s = NULL;
    struct err err = {0};
    int r = shim_spawn(w->reactor, w->image, w->spare, w->id, w->rundir, NULL, &events, &w->seen,
                       &s, &err);
    if (r == 0)
        r = shim_meet(s, &err);
    if (r < 0)
        print_message("%s\n", err_msg(&err));
    assert_int_equal(r, 0);
    return s;
}

static void requests_bring_their_replies(void **state)
{
    struct world *w = *state;
    _cleanup_(shim_unrefp) struct shim *s = spawn(w);
    json_auto_t *plan = json_object();
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    struct shim_run run = {.plan = plan, .fds = &null, .nfds = 1};
    _cleanup_(err_fini) struct err err = {0};
    assert_int_equal(shim_start(s, &run, &err), -ENOENT);
    close(null);
    assert_int_equal(run.init.pid, 100);
    assert_int_equal(run.init.start, 7);
    assert_int_equal(run.exit_code, 127);
    assert_string_equal(err_msg(&err), "exec: no such file");
    _cleanup_(closep) int root = -1;
    assert_int_equal(shim_root(s, &root, NULL), 0);
    assert_true(root >= 0);
    assert_int_equal(shim_kill(s, NULL, SIGKILL, true, NULL), 0);
    await(&w->seen);
    assert_int_equal(w->seen.code, 137);
    assert_true(w->seen.oom);
    assert_int_equal(w->seen.time_ns, 123456789012345678LL);
    assert_int_equal(shim_release(s, NULL), 0);
    await(&w->seen);
    assert_int_equal(w->seen.died, 1);
    assert_int_equal(w->seen.lost, 0); /* it was told to go */
    shim_close(s);
    assert_int_equal(shim_status(s, &plan, NULL), -ECONNRESET);
}

static void a_shim_that_dies_is_noticed_and_its_calls_fail(void **state)
{
    struct world *w = *state;
    _cleanup_(shim_unrefp) struct shim *s = spawn(w);
    _cleanup_(err_fini) struct err err = {0};
    assert_int_equal(shim_close_stdin(s, NULL, &err), -ECONNRESET);
    await(&w->seen);
    assert_int_equal(w->seen.lost, 1);
    assert_int_equal(w->seen.died, 1);
    assert_int_equal(shim_wait_dead(s, 1000), 0);
    shim_close(s);
}

static void a_shim_that_runs_is_found_again(void **state)
{
    struct world *w = *state;
    _cleanup_(shim_unrefp) struct shim *first = spawn(w), *again = NULL;
    struct seen seen = {.fd = w->seen.fd};
    json_auto_t *status = NULL;
    _cleanup_(err_fini) struct err err = {0};
    assert_int_equal(
        shim_connect(w->reactor, w->id, w->rundir, &events, &seen, &again, &status, &err), 0);
    assert_string_equal(json_str(status, "phase", ""), "new");
    assert_int_equal(shim_pid(again), shim_pid(first));
    shim_close(first);
    assert_int_equal(shim_destroy(again), 0);
    assert_int_equal(shim_wait_dead(again, 5000), 0);
    shim_close(again);
    struct shim *none = NULL;
    assert_int_equal(shim_connect(w->reactor, w->id, w->rundir, &events, &seen, &none, NULL, &err),
                     -ESRCH);
}

/* The pid of the one in reserve, when it is up. */
static pid_t await_spare(struct world *w)
{
    for (int i = 0; i < 4000 && !shim_spare_pid(w->spare); i++)
        poll(NULL, 0, 5);
    assert_true(shim_spare_pid(w->spare) > 0);
    return shim_spare_pid(w->spare);
}

static void end(struct shim *s)
{
    shim_destroy(s);
    assert_int_equal(shim_wait_dead(s, 5000), 0);
    shim_close(s);
}

static void a_shim_in_reserve_becomes_a_containers(void **state)
{
    struct world *w = *state;
    json_auto_t *status = NULL;
    assert_int_equal(shim_spare_pid(w->spare), 0);
    shim_spare_want(w->spare, "/a/driver.so", 60000);
    shim_spare_hurry(w->spare);
    pid_t pid = await_spare(w);
    _cleanup_(shim_unrefp) struct shim *s = spawn(w);
    assert_int_equal(shim_pid(s), pid);
    assert_int_equal(shim_spare_pid(w->spare), 0);
    assert_int_equal(shim_status(s, &status, NULL), 0);
    assert_string_equal(json_str(status, "phase", ""), "new");
    end(s);
}

static void a_dead_shim_in_reserve_is_not_taken(void **state)
{
    struct world *w = *state;
    shim_spare_want(w->spare, NULL, 1);
    pid_t pid = await_spare(w);
    assert_int_equal(kill(pid, SIGKILL), 0);
    siginfo_t dead;
    assert_int_equal(waitid(P_PID, (id_t)pid, &dead, WEXITED | WNOWAIT), 0);
    _cleanup_(shim_unrefp) struct shim *s = spawn(w);
    assert_int_not_equal(shim_pid(s), pid);
    end(s);
}

static void a_shim_in_reserve_is_renewed_and_let_go(void **state)
{
    struct world *w = *state;
    shim_spare_want(w->spare, NULL, 1);
    pid_t pid = await_spare(w);
    shim_spare_renew(w->spare);
    pid_t next = await_spare(w);
    assert_int_not_equal(next, pid);
    assert_int_equal(kill(pid, 0), -1);
    shim_spare_close(steal_ptr(&w->spare));
    assert_int_equal(kill(next, 0), -1);
}

static void *ask(void *arg)
{
    for (int i = 0; i < 50; i++) {
        json_auto_t *status = NULL;
        if (shim_status(arg, &status, NULL) < 0 || !str_eq(json_str(status, "phase", ""), "new"))
            return arg;
    }
    return NULL;
}

static void many_threads_ask_one_shim(void **state)
{
    struct world *w = *state;
    _cleanup_(shim_unrefp) struct shim *s = spawn(w);
    pthread_t threads[8];
    for (size_t i = 0; i < 8; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ask, s), 0);
    for (size_t i = 0; i < 8; i++) {
        void *bad;
        pthread_join(threads[i], &bad);
        assert_null(bad);
    }
    shim_destroy(s);
    assert_int_equal(shim_wait_dead(s, 5000), 0);
    shim_close(s);
}

int main(int argc, char **argv)
{
    if (argc == 2)
        return fake_shim(argv[1]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(requests_bring_their_replies, setup, teardown),
        cmocka_unit_test_setup_teardown(a_shim_that_dies_is_noticed_and_its_calls_fail, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_shim_that_runs_is_found_again, setup, teardown),
        cmocka_unit_test_setup_teardown(many_threads_ask_one_shim, setup, teardown),
        cmocka_unit_test_setup_teardown(a_shim_in_reserve_becomes_a_containers, setup, teardown),
        cmocka_unit_test_setup_teardown(a_dead_shim_in_reserve_is_not_taken, setup, teardown),
        cmocka_unit_test_setup_teardown(a_shim_in_reserve_is_renewed_and_let_go, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
