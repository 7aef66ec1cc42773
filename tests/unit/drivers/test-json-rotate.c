/* SPDX-License-Identifier: Apache-2.0 */
/* json-file: rotation, and readers that follow through it. */
#include "json-log.h"

#include <dirent.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/stat.h>

static void rotation_keeps_max_file_files_of_max_size(void **state)
{
    struct fixture *f = *state;
    use(f, (const char *const[]){"max-size=1k", "max-file=3", NULL});
    open_log(f);
    put_numbers(f, 0, 100);
    for (int i = 0; i < 4; i++) {
        char suffix[8] = "", path[512];
        struct stat st;
        if (i)
            snprintf(suffix, sizeof(suffix), ".%d", i);
        path_of(f, suffix, path);
        assert_int_equal(stat(path, &st), i < 3 ? 0 : -1);
        if (i < 3)
            assert_in_range(st.st_size, 1, 1024 + 100);
    }
    assert_tail(f, 3, "line 97|line 98|line 99|");
    assert_tail(f, 0, "");
    struct got *g = got_new();
    struct berth_log_query q = query_all();
    assert_int_equal(f->ops->read(&f->info, &q, collect, g, &f->err.base), 0);
    assert_in_range(g->n, 27, 45);
    assert_non_null(strstr(g->text, "line 98|line 99|"));
    free(g);
}

static void compressed_files_are_read_like_plain_ones(void **state)
{
    struct fixture *f = *state;
    char path[512], expected[4096] = "";
    use(f, (const char *const[]){"max-size=1k", "max-file=20", "compress=true", NULL});
    open_log(f);
    put_numbers(f, 0, 100);
    path_of(f, ".1.gz", path);
    assert_int_equal(access(path, F_OK), 0);
    path_of(f, ".1", path);
    assert_int_equal(access(path, F_OK), -1);
    for (int i = 0; i < 100; i++)
        snprintf(expected + strlen(expected), 32, "line %d|", i);
    assert_read(f, query_all(), expected);
    assert_tail(f, 30, strstr(expected, "line 70|"));
    assert_tail(f, 1000, expected);
}

static int files_named(struct fixture *f, const char *part)
{
    DIR *d = opendir(f->host.data_dir);
    int n = 0;
    for (struct dirent *e; (e = readdir(d));)
        n += strstr(e->d_name, part) != NULL;
    closedir(d);
    return n;
}

struct follower {
    struct fixture *f;
    struct berth_log_query q;
    struct got *got;
    int result;
};

static void *follow_main(void *arg)
{
    struct follower *w = arg;
    w->result = w->f->ops->read(&w->f->info, &w->q, collect, w->got, NULL);
    return NULL;
}

static void wait_for(struct got *g, int n)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 60;
    pthread_mutex_lock(&g->lock);
    while (g->n < n)
        if (pthread_cond_timedwait(&g->more, &g->lock, &until))
            break;
    int seen = g->n;
    pthread_mutex_unlock(&g->lock);
    assert_true(seen >= n);
}

static void follow_numbers(struct fixture *f, bool one_by_one, char *expected)
{
    struct follower w = {.f = f, .q = query_all(), .got = got_new()};
    pthread_t thread;
    w.q.follow = 1;
    w.q.done_fd = eventfd(0, EFD_CLOEXEC);
    pthread_create(&thread, NULL, follow_main, &w);
    for (int i = 0; i < 300; i++) {
        put_numbers(f, i, i + 1);
        snprintf(expected + strlen(expected), 32, "line %d|", i);
        if (one_by_one || i == 0) /* it follows now */
            wait_for(w.got, i + 1);
    }
    eventfd_write(w.q.done_fd, 1);
    pthread_join(thread, NULL);
    close(w.q.done_fd);
    assert_int_equal(w.result, 0);
    assert_string_equal(w.got->text, expected);
    free(w.got);
}

static void follow_survives_rotation_with_one_file(void **state)
{
    struct fixture *f = *state;
    char expected[8192] = "";
    use(f, (const char *const[]){"max-size=1k", "max-file=1", NULL});
    open_log(f);
    follow_numbers(f, true, expected);
}

static void follow_misses_and_doubles_nothing_with_one_file(void **state)
{
    struct fixture *f = *state;
    char expected[8192] = "";
    use(f, (const char *const[]){"max-size=1k", "max-file=1", NULL});
    open_log(f);
    follow_numbers(f, false, expected);
    assert_true(files_named(f, ".kept-") > 0);
    put_numbers(f, 0, 20); /* the first rotation after the last follower left */
    assert_int_equal(files_named(f, ".kept-"), 0);
}

static void follow_misses_and_doubles_nothing_while_files_rotate(void **state)
{
    struct fixture *f = *state;
    char expected[8192] = "";
    use(f, (const char *const[]){"max-size=1k", "max-file=100", NULL});
    open_log(f);
    follow_numbers(f, false, expected);
}

static void follow_misses_and_doubles_nothing_while_files_are_compressed(void **state)
{
    struct fixture *f = *state;
    char expected[8192] = "";
    use(f, (const char *const[]){"max-size=1k", "max-file=2", "compress=true", NULL});
    open_log(f);
    follow_numbers(f, false, expected);
}

static void follow_starts_before_the_file_and_stops_when_told(void **state)
{
    struct fixture *f = *state;
    struct follower w = {.f = f, .q = query_all(), .got = got_new()};
    char path[512];
    pthread_t thread;
    w.q.follow = 1;
    w.q.stop_fd = eventfd(0, EFD_CLOEXEC);
    pthread_create(&thread, NULL, follow_main, &w);
    open_log(f);
    put_numbers(f, 0, 3);
    wait_for(w.got, 3);
    path_of(f, "", path);
    assert_int_equal(truncate(path, 0), 0);
    put_numbers(f, 3, 4);
    wait_for(w.got, 4);
    eventfd_write(w.q.stop_fd, 1);
    pthread_join(thread, NULL);
    close(w.q.stop_fd);
    assert_int_equal(w.result, 0);
    assert_string_equal(w.got->text, "line 0|line 1|line 2|line 3|");
    free(w.got);
}

static void rotate_slot_starts_a_new_file(void **state)
{
    struct fixture *f = *state;
    open_log(f);
    put_numbers(f, 0, 2);
    assert_int_equal(f->ops->rotate(f->log, &f->err.base), 0);
    put_numbers(f, 2, 3);
    assert_non_null(strstr(slurp(f, ""), "line 2"));
    assert_null(strstr(slurp(f, ""), "line 1"));
    assert_non_null(strstr(slurp(f, ".1"), "line 1"));
    assert_read(f, query_all(), "line 0|line 1|line 2|");
}

static void max_age_closes_a_file(void **state)
{
    struct fixture *f = *state;
    use(f, (const char *const[]){"max-age=1h", NULL});
    open_log(f);
    put(f, "old", 3, T0);
    put(f, "same", 4, T0 + 3600 * (int64_t)1000000000);
    put(f, "new", 3, T0 + 3601 * (int64_t)1000000000);
    assert_null(strstr(slurp(f, ""), "same"));
    assert_non_null(strstr(slurp(f, ".1"), "same"));
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, json_log_setup, json_log_teardown)

int main(void)
{
    umask(077);
    signal(SIGXFSZ, SIG_IGN);
    const struct CMUnitTest tests[] = {
        TEST(rotation_keeps_max_file_files_of_max_size),
        TEST(compressed_files_are_read_like_plain_ones),
        TEST(follow_survives_rotation_with_one_file),
        TEST(follow_misses_and_doubles_nothing_with_one_file),
        TEST(follow_misses_and_doubles_nothing_while_files_rotate),
        TEST(follow_misses_and_doubles_nothing_while_files_are_compressed),
        TEST(follow_starts_before_the_file_and_stops_when_told),
        TEST(rotate_slot_starts_a_new_file),
        TEST(max_age_closes_a_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
