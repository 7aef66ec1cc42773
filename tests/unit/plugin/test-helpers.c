/* SPDX-License-Identifier: Apache-2.0 */
/* Programs of drivers: started, found again, reported, stopped. */
#include "plugin/helpers.h"

#include <errno.h>
#include <fcntl.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/wait.h>

#include "unit.h"

#include "base/fs.h"
#include "base/json.h"
#include "base/str.h"

static char dir[] = "/tmp/berth-test-helpers-XXXXXX";
static char *records;

static const char *const sleeper[] = {"/bin/sleep", "1000", NULL};
static const char *const stubborn[] = {"/bin/sh", "-c",
                                       "trap '' TERM; echo x >&3; sleep 1000 & wait; wait", NULL};

struct death {
    sem_t told;
    int status;
};

static void died(void *arg, int status)
{
    struct death *d = arg;
    d->status = status;
    sem_post(&d->told);
}

static pid_t pid_of(const char *key)
{
    _cleanup_(freep) char *path = str_printf("%s/%s", records, key), *text = NULL;
    json_auto_t *record = NULL;
    assert_int_equal(fs_read(AT_FDCWD, path, 4096, &text, NULL), 0);
    assert_int_equal(json_parse(text, strlen(text), &record, NULL), 0);
    return (pid_t)json_int(record, "pid", 0);
}

static void a_death_is_reported_with_its_status(void **state)
{
    _cleanup_(helpers_freep) struct helpers *h = helpers_new(records);
    const char *const argv[] = {"/bin/sh", "-c", "exit 7", NULL};
    struct death d = {0};
    sem_init(&d.told, 0, 0);
    assert_int_equal(helpers_start(h, "k", argv, NULL, 0, died, &d, NULL), 0);
    sem_wait(&d.told);
    assert_true(WIFEXITED(d.status));
    assert_int_equal(WEXITSTATUS(d.status), 7);
    _cleanup_(freep) char *path = str_printf("%s/k", records);
    assert_false(fs_exists(AT_FDCWD, path));
}

static void descriptors_arrive_from_three_on(void **state)
{
    _cleanup_(helpers_freep) struct helpers *h = helpers_new(records);
    const char *const argv[] = {"/bin/sh", "-c", "echo three >&3; echo four >&4", NULL};
    struct death d = {0};
    int a[2], b[2];
    char text[8] = "";
    sem_init(&d.told, 0, 0);
    assert_int_equal(pipe2(a, O_CLOEXEC), 0);
    assert_int_equal(pipe2(b, O_CLOEXEC), 0);
    const int fds[] = {a[1], b[1]};
    assert_int_equal(helpers_start(h, "k", argv, fds, 2, died, &d, NULL), 0);
    sem_wait(&d.told);
    assert_int_equal(read(a[0], text, sizeof(text)), 6);
    assert_memory_equal(text, "three\n", 6);
    assert_int_equal(read(b[0], text, sizeof(text)), 5);
    for (int i = 0; i < 2; i++) {
        close(a[i]);
        close(b[i]);
    }
}

static void one_with_the_key_is_found_again_by_the_next_daemon(void **state)
{
    struct death d = {0};
    sem_init(&d.told, 0, 0);
    struct helpers *first = helpers_new(records);
    assert_int_equal(helpers_start(first, "k", sleeper, NULL, 0, died, &d, NULL), 0);
    pid_t pid = pid_of("k");
    assert_int_equal(helpers_start(first, "k", sleeper, NULL, 0, died, &d, NULL), 0);
    assert_int_equal(pid_of("k"), pid);
    helpers_free(first);
    assert_int_equal(kill(pid, 0), 0);

    _cleanup_(helpers_freep) struct helpers *second = helpers_new(records);
    assert_int_equal(helpers_start(second, "k", sleeper, NULL, 0, died, &d, NULL), 0);
    assert_int_equal(pid_of("k"), pid);
    assert_int_equal(helpers_stop(second, "k"), 0);
    assert_int_equal(kill(pid, 0), -1);
    assert_int_equal(helpers_stop(second, "k"), -ENOENT);
    assert_int_equal(sem_trywait(&d.told), -1);
}

static void a_death_that_nobody_saw_is_told_as_unknown(void **state)
{
    struct death d = {0};
    sem_init(&d.told, 0, 0);
    struct helpers *first = helpers_new(records);
    assert_int_equal(helpers_start(first, "k", sleeper, NULL, 0, died, &d, NULL), 0);
    pid_t pid = pid_of("k");
    helpers_free(first);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);

    _cleanup_(helpers_freep) struct helpers *second = helpers_new(records);
    assert_int_equal(helpers_start(second, "k", sleeper, NULL, 0, died, &d, NULL), 0);
    sem_wait(&d.told);
    assert_int_equal(d.status, -1);
    assert_int_equal(helpers_stop(second, "k"), -ENOENT);
}

static void one_that_ignores_sigterm_is_killed(void **state)
{
    _cleanup_(helpers_freep) struct helpers *h = helpers_new(records);
    struct death d = {0};
    int ready[2];
    char c;
    assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
    assert_int_equal(helpers_start(h, "k", stubborn, &ready[1], 1, died, &d, NULL), 0);
    assert_int_equal(read(ready[0], &c, 1), 1);
    pid_t pid = pid_of("k");
    assert_int_equal(helpers_stop(h, "k"), 0);
    assert_int_equal(kill(pid, 0), -1);
    kill(-pid, SIGKILL); /* its own sleep */
    close(ready[0]);
    close(ready[1]);
}

static void what_cannot_be_started_is_refused(void **state)
{
    _cleanup_(helpers_freep) struct helpers *h = helpers_new(records);
    _cleanup_(err_fini) struct err err = {0};
    const char *const none[] = {"/nowhere/prog", NULL}, *const relative[] = {"prog", NULL};
    assert_int_equal(helpers_start(h, "k", none, NULL, 0, died, NULL, &err), -ENOENT);
    assert_non_null(strstr(err_msg(&err), "/nowhere/prog"));
    assert_int_equal(helpers_start(h, "k", relative, NULL, 0, died, NULL, &err), -EINVAL);
    assert_int_equal(helpers_start(h, "../k", none, NULL, 0, died, NULL, &err), -EINVAL);
}

int main(void)
{
    if (!mkdtemp(dir))
        return 1;
    records = str_printf("%s/helpers", dir);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_death_is_reported_with_its_status),
        cmocka_unit_test(descriptors_arrive_from_three_on),
        cmocka_unit_test(one_with_the_key_is_found_again_by_the_next_daemon),
        cmocka_unit_test(a_death_that_nobody_saw_is_told_as_unknown),
        cmocka_unit_test(one_that_ignores_sigterm_is_killed),
        cmocka_unit_test(what_cannot_be_started_is_refused),
    };
    int r = cmocka_run_group_tests(tests, NULL, NULL);
    fs_rm_rf(AT_FDCWD, dir);
    free(records);
    return r;
}
