/* SPDX-License-Identifier: Apache-2.0 */
/* Opening, refusing, recovering; the lock; what survives a kill. */

#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/wait.h>

#include "base/fs.h"
#include "base/str.h"
#include "state/container.h"
#include "state/state.h"
#include "state/volume.h"

static int make_root(void **ctx)
{
    char *dir = xstrdup("/tmp/berth-state-XXXXXX");
    *ctx = mkdtemp(dir);
    return *ctx ? 0 : -1;
}

static int drop_root(void **ctx)
{
    fs_rm_rf(AT_FDCWD, *ctx);
    free(*ctx);
    return 0;
}

static struct state *open_ok(const char *root)
{
    struct state *s = NULL;
    struct err err = {0};
    if (state_open(root, &s, &err) < 0)
        fail_msg("%s", err_msg(&err));
    return s;
}

static void assert_refused(const char *root, int code, const char *words)
{
    _cleanup_(err_fini) struct err err = {0};
    struct state *s = NULL;
    assert_int_equal(state_open(root, &s, &err), code);
    assert_null(s);
    if (!strstr(err_msg(&err), words))
        fail_msg("\"%s\" does not say \"%s\"", err_msg(&err), words);
}

static void put_file(const char *root, const char *name, const char *text)
{
    _cleanup_(freep) char *path = str_printf("%s/%s", root, name);
    assert_int_equal(fs_write(AT_FDCWD, path, text, strlen(text), 0600), 0);
}

static void put_dir(const char *root, const char *name)
{
    _cleanup_(freep) char *path = str_printf("%s/%s", root, name);
    assert_int_equal(fs_mkdir_p(path, 0700), 0);
}

static void sql(const char *root, const char *text)
{
    _cleanup_(freep) char *path = str_printf("%s/berth.db", root);
    sqlite3 *h = NULL;
    assert_int_equal(sqlite3_open(path, &h), SQLITE_OK);
    assert_int_equal(sqlite3_exec(h, text, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(h);
}

static void instance_is_made_once(void **ctx)
{
    struct state *s = open_ok(*ctx);
    _cleanup_(freep) char *first = xstrdup(state_instance(s));
    state_close(s);
    assert_int_equal(strlen(first), 8);
    _cleanup_(freep) char *path = str_printf("%s/instance", (char *)*ctx);
    assert_int_equal(unlink(path), 0);
    s = open_ok(*ctx);
    assert_string_equal(state_instance(s), first);
    state_close(s);
}

static void damaged_instance_comes_back_from_the_database(void **ctx)
{
    static const char *const bad[] = {"", "hello\n", "1234567", "0123456789abcdef"};
    struct state *s = open_ok(*ctx);
    _cleanup_(freep) char *first = xstrdup(state_instance(s));
    state_close(s);
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        put_file(*ctx, "instance", bad[i]);
        s = open_ok(*ctx);
        assert_string_equal(state_instance(s), first);
        state_close(s);
    }
    sql(*ctx, "DELETE FROM meta WHERE key = 'instance'");
    put_file(*ctx, "instance", "hello\n");
    assert_refused(*ctx, -EINVAL, "8 hex digits");
}

static void second_open_is_refused_naming_the_owner(void **ctx)
{
    struct state *s = open_ok(*ctx);
    _cleanup_(freep) char *pid = str_printf("pid %d", getpid());
    assert_refused(*ctx, -EBUSY, pid);
    _cleanup_(err_fini) struct err err = {0};
    assert_int_equal(state_recover(*ctx, &err), -EBUSY);
    state_close(s);
    state_close(open_ok(*ctx));
}

static void missing_database_beside_data_is_refused(void **ctx)
{
    put_dir(*ctx, "volumes");
    put_dir(*ctx, "blobs/sha256");
    state_close(open_ok(*ctx));
    _cleanup_(freep) char *path = str_printf("%s/berth.db", (char *)*ctx);
    assert_int_equal(unlink(path), 0);
    put_file(*ctx, "blobs/sha256/00", "");
    assert_refused(*ctx, -EUCLEAN, "berthd --recover");
    put_file(*ctx, "berth.db", "");
    assert_refused(*ctx, -EUCLEAN, "berthd --recover");
}

static void corrupt_database_is_refused_and_recovered(void **ctx)
{
    put_dir(*ctx, "volumes/data");
    put_file(*ctx, "berth.db",
             "this is no database at all, however long one looks at it ....."
             "................................................");
    assert_refused(*ctx, -EUCLEAN, "berthd --recover");
    _cleanup_(err_fini) struct err err = {0};
    assert_int_equal(state_recover(*ctx, &err), 0);
    state_close(open_ok(*ctx));
}

static void damaged_page_is_refused(void **ctx)
{
    struct state *s = open_ok(*ctx);
    state_close(s);
    _cleanup_(freep) char *path = str_printf("%s/berth.db", (char *)*ctx);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    char junk[4096];
    memset(junk, 0x5a, sizeof(junk));
    assert_int_equal(pwrite(fd, junk, sizeof(junk), 8192), sizeof(junk));
    close(fd);
    assert_refused(*ctx, -EUCLEAN, "berthd --recover");
}

static void newer_schema_is_refused_and_left_alone(void **ctx)
{
    state_close(open_ok(*ctx));
    sql(*ctx, "PRAGMA user_version=99");
    assert_refused(*ctx, -EUCLEAN, "version 99");
    assert_refused(*ctx, -EUCLEAN, "berthd --recover");
}

static void meta_holds_pairs(void **ctx)
{
    struct state *s = open_ok(*ctx);
    _cleanup_(err_fini) struct err err = {0};
    _cleanup_(freep) char *value = NULL;
    assert_int_equal(state_meta_get(s, "k", &value, &err), -ENOENT);
    assert_int_equal(state_meta_set(s, "k", "v", &err), 0);
    assert_int_equal(state_meta_get(s, "k", &value, &err), 0);
    assert_string_equal(value, "v");
    assert_int_equal(state_meta_set(s, "k", NULL, &err), 0);
    assert_int_equal(state_meta_get(s, "k", &value, &err), -ENOENT);
    state_close(s);
}

static struct state_container sample(const char *id, const char *name)
{
    return (struct state_container){
        .id = (char *)(uintptr_t)id, .name = (char *)(uintptr_t)name, .status = "created"};
}

/* Writes until it is killed; tells each id that was committed. */
static void writer(const char *root, int tell)
{
    struct state *s = NULL;
    if (state_open(root, &s, NULL) < 0)
        _exit(1);
    for (int i = 0;; i++) {
        char id[65];
        snprintf(id, sizeof(id), "%064x", i);
        struct state_container c = sample(id, id);
        if (state_container_insert(s, &c, NULL, NULL) < 0 || write(tell, &i, sizeof(i)) < 0)
            _exit(1);
    }
}

static void committed_rows_survive_kill_9(void **ctx)
{
    int p[2], i, last = -1;
    assert_int_equal(pipe(p), 0);
    pid_t pid = fork();
    if (pid == 0)
        writer(*ctx, p[1]);
    close(p[1]);
    while (read(p[0], &i, sizeof(i)) == sizeof(i)) {
        last = i;
        if (i == 300)
            kill(pid, SIGKILL);
    }
    close(p[0]);
    waitpid(pid, NULL, 0);
    assert_true(last >= 300);
    struct state *s = open_ok(*ctx);
    struct state_containers all;
    assert_int_equal(state_container_list(s, false, &all, NULL), 0);
    assert_true(all.n == (size_t)last + 1 || all.n == (size_t)last + 2);
    state_containers_fini(&all);
    state_close(s);
}

static void *insert_many(void *arg)
{
    for (int i = 0; i < 100; i++) {
        char id[65];
        snprintf(id, sizeof(id), "%032lx%032x", (unsigned long)pthread_self(), i);
        struct state_container c = sample(id, id);
        if (state_container_insert(arg, &c, NULL, NULL) < 0)
            return arg;
    }
    return NULL;
}

static void *read_many(void *arg)
{
    for (int i = 0; i < 50; i++) {
        struct state_containers all;
        if (state_container_list(arg, false, &all, NULL) < 0)
            return arg;
        state_containers_fini(&all);
    }
    return NULL;
}

static void threads_write_and_read_at_once(void **ctx)
{
    struct state *s = open_ok(*ctx);
    pthread_t t[6];
    for (int i = 0; i < 6; i++)
        assert_int_equal(pthread_create(&t[i], NULL, i < 3 ? insert_many : read_many, s), 0);
    for (int i = 0; i < 6; i++) {
        void *failed;
        pthread_join(t[i], &failed);
        assert_null(failed);
    }
    struct state_containers all;
    assert_int_equal(state_container_list(s, false, &all, NULL), 0);
    assert_int_equal(all.n, 300);
    state_containers_fini(&all);
    state_close(s);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make_root, drop_root)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(instance_is_made_once),
        TEST(damaged_instance_comes_back_from_the_database),
        TEST(second_open_is_refused_naming_the_owner),
        TEST(missing_database_beside_data_is_refused),
        TEST(corrupt_database_is_refused_and_recovered),
        TEST(damaged_page_is_refused),
        TEST(newer_schema_is_refused_and_left_alone),
        TEST(meta_holds_pairs),
        TEST(committed_rows_survive_kill_9),
        TEST(threads_write_and_read_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
