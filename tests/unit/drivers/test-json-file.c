/* SPDX-License-Identifier: Apache-2.0 */
/* The json-file driver: the bytes it writes, its rotation, and what a reader makes of both. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "fakehost.h"

#define T0 1700000000000000000 /* 2023-11-14T22:13:20Z */

struct fixture {
    const struct berth_plugin *plugin;
    const struct berth_log_ops *ops;
    struct fake_options options;
    struct fake_host host;
    struct fake_err err;
    struct berth_log_info info;
    void *log;
};

static const char *const some_labels[] = {"b=2", "a=<1>", "c=3", NULL};
static const char *const some_env[] = {"PATH=/bin", "X=y\tz", NULL};

static void use(struct fixture *f, const char *const *given)
{
    fake_options_init(&f->options, f->plugin->options, given);
}

static int setup(void **state)
{
    static const char *const none[] = {NULL};
    struct fixture *f = calloc(1, sizeof(*f));
    f->plugin = fake_load(JSON_FILE_SO);
    f->ops = f->plugin->ops;
    fake_err_init(&f->err);
    use(f, none);
    fake_host_init(&f->host, NULL);
    f->info = (struct berth_log_info){.size = sizeof(f->info),
                                      .host = &f->host.base,
                                      .options = &f->options.base,
                                      .container_id = "0123456789abcdef0123",
                                      .container_name = "web",
                                      .image_id = "sha256:fedcba9876543210",
                                      .image_name = "busybox",
                                      .daemon_name = "berth",
                                      .env = some_env,
                                      .labels = some_labels,
                                      .log_dir = f->host.data_dir};
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    if (f->log)
        f->ops->close(f->log);
    fake_host_fini(&f->host);
    free(f);
    return 0;
}

static void open_log(struct fixture *f)
{
    if (f->ops->open(&f->info, &f->log, &f->err.base) < 0)
        fail_msg("%s", f->err.words);
}

static void close_log(struct fixture *f)
{
    f->ops->close(f->log);
    f->log = NULL;
}

static int put_record(struct fixture *f, struct berth_log_record rec)
{
    const struct berth_log_record *list[] = {&rec};
    rec.size = sizeof(rec);
    return f->ops->write(f->log, list, 1, &f->err.base);
}

static void put(struct fixture *f, const char *line, size_t n, int64_t time_ns)
{
    struct berth_log_record rec = {
        .line = line, .len = n, .time_ns = time_ns, .stream = BERTH_STDOUT};
    assert_int_equal(put_record(f, rec), 0);
}

static void put_numbers(struct fixture *f, int from, int to)
{
    for (int i = from; i < to; i++) {
        char text[32];
        int n = snprintf(text, sizeof(text), "line %d", i);
        put(f, text, (size_t)n, T0 + i * (int64_t)1000000000);
    }
}

static void path_of(struct fixture *f, const char *suffix, char out[512])
{
    snprintf(out, 512, "%s/%s-json.log%s", f->host.data_dir, f->info.container_id, suffix);
}

static char *slurp(struct fixture *f, const char *suffix)
{
    static char text[1 << 18];
    char path[512];
    path_of(f, suffix, path);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return NULL;
    ssize_t n = read(fd, text, sizeof(text) - 1);
    text[n > 0 ? n : 0] = '\0';
    close(fd);
    return text;
}

static void append_raw(struct fixture *f, const char *data, size_t n)
{
    char path[512];
    path_of(f, "", path);
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, n), n);
    close(fd);
}

struct got {
    pthread_mutex_t lock;
    pthread_cond_t more;
    char text[1 << 16];
    int n, stop_at;
};

static int collect(void *ctx, const struct berth_log_record *rec)
{
    struct got *g = ctx;
    pthread_mutex_lock(&g->lock);
    size_t used = strlen(g->text);
    snprintf(g->text + used, sizeof(g->text) - used, "%.*s|", (int)rec->len, rec->line);
    g->n++;
    int stop = g->stop_at && g->n >= g->stop_at;
    pthread_cond_signal(&g->more);
    pthread_mutex_unlock(&g->lock);
    return stop;
}

static struct got *got_new(void)
{
    struct got *g = calloc(1, sizeof(*g));
    pthread_mutex_init(&g->lock, NULL);
    pthread_cond_init(&g->more, NULL);
    return g;
}

static struct berth_log_query query_all(void)
{
    return (struct berth_log_query){.size = sizeof(struct berth_log_query),
                                    .tail = -1,
                                    .streams = 1u << BERTH_STDOUT | 1u << BERTH_STDERR,
                                    .stop_fd = -1,
                                    .done_fd = -1};
}

static void assert_read(struct fixture *f, struct berth_log_query q, const char *expected)
{
    struct got *g = got_new();
    if (f->ops->read(&f->info, &q, collect, g, &f->err.base) < 0)
        fail_msg("%s", f->err.words);
    assert_string_equal(g->text, expected);
    free(g);
}

static void assert_tail(struct fixture *f, int64_t tail, const char *expected)
{
    struct berth_log_query q = query_all();
    q.tail = tail;
    assert_read(f, q, expected);
}

static void line_has_dockers_bytes(void **state)
{
    struct fixture *f = *state;
    static const char odd[] = "a\"b\\c<d>e&f\tg\rh\033i\0j\177";
    static const char utf[] = "\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80 \xff\xc0\xaf \xed\xa0\x80 "
                              "\xe2\x80\xa8\xe2\x80\xa9 \xef\xbf\xbd \xe2\x82";
    open_log(f);
    put(f, "hello world", 11, T0);
    put(f, odd, sizeof(odd) - 1, T0 + 123456789);
    put(f, utf, sizeof(utf) - 1, T0 + 120000000);
    struct berth_log_record err = {.line = "e", .len = 1, .time_ns = T0, .stream = BERTH_STDERR};
    assert_int_equal(put_record(f, err), 0);
    put(f, "", 0, T0);
    assert_string_equal(
        slurp(f, ""),
        "{\"log\":\"hello world\\n\",\"stream\":\"stdout\",\"time\":\"2023-11-14T22:13:20Z\"}\n"
        "{\"log\":\"a\\\"b\\\\c\\u003cd\\u003ee\\u0026f\\u0009g\\rh\\u001bi\\u0000j\177\\n\","
        "\"stream\":\"stdout\",\"time\":\"2023-11-14T22:13:20.123456789Z\"}\n"
        "{\"log\":\"\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80 \\ufffd\\ufffd\\ufffd "
        "\\ufffd\\ufffd\\ufffd \\u2028\\u2029 \xef\xbf\xbd \\ufffd\\ufffd\\n\","
        "\"stream\":\"stdout\",\"time\":\"2023-11-14T22:13:20.12Z\"}\n"
        "{\"log\":\"e\\n\",\"stream\":\"stderr\",\"time\":\"2023-11-14T22:13:20Z\"}\n"
        "{\"log\":\"\\n\",\"stream\":\"stdout\",\"time\":\"2023-11-14T22:13:20Z\"}\n");
    char path[512];
    struct stat st;
    path_of(f, "", path);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0640);
}

static void pieces_end_in_a_newline_only_at_the_end_of_the_line(void **state)
{
    struct fixture *f = *state;
    open_log(f);
    struct berth_log_record rec = {
        .line = "p", .len = 1, .time_ns = T0, .stream = BERTH_STDOUT, .flags = BERTH_LOG_PARTIAL};
    assert_int_equal(put_record(f, rec), 0);
    rec.flags |= BERTH_LOG_PARTIAL_LAST;
    assert_int_equal(put_record(f, rec), 0);
    rec.flags = 0;
    rec.no_newline = 1;
    assert_int_equal(put_record(f, rec), 0);
    assert_string_equal(
        slurp(f, ""), "{\"log\":\"p\",\"stream\":\"stdout\",\"time\":\"2023-11-14T22:13:20Z\"}\n"
                      "{\"log\":\"p\\n\",\"stream\":\"stdout\",\"time\":\"2023-11-14T22:13:20Z\"}\n"
                      "{\"log\":\"p\",\"stream\":\"stdout\",\"time\":\"2023-11-14T22:13:20Z\"}\n");
}

static void attributes_stand_sorted_in_every_line(void **state)
{
    struct fixture *f = *state;
    use(f, (const char *const[]){"labels=c,a,none", "env=X", "tag={{.Name}}/{{ .ID }}/{{.ImageID}}",
                                 NULL});
    open_log(f);
    put(f, "x", 1, T0);
    assert_string_equal(slurp(f, ""),
                        "{\"log\":\"x\\n\",\"stream\":\"stdout\",\"attrs\":{\"X\":\"y\\tz\","
                        "\"a\":\"\\u003c1\\u003e\",\"c\":\"3\",\"tag\":\"web/0123456789ab/"
                        "fedcba987654\"},\"time\":\"2023-11-14T22:13:20Z\"}\n");
}

static int note_attributes(void *ctx, const struct berth_log_record *rec)
{
    snprintf(ctx, 256, "%s", rec->attributes ? rec->attributes : "");
    return 0;
}

static void reader_gives_attributes_as_the_api_has_them(void **state)
{
    struct fixture *f = *state;
    char text[256] = "";
    struct berth_log_query q = query_all();
    use(f, (const char *const[]){"labels=c,a", NULL});
    open_log(f);
    put(f, "x", 1, T0);
    assert_int_equal(f->ops->read(&f->info, &q, note_attributes, text, &f->err.base), 0);
    assert_string_equal(text, "a=%3C1%3E,c=3");
}

static void check_refuses_bad_combinations_in_words(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(f->ops->check(&f->options.base, &f->err.base), 0);
    use(f, (const char *const[]){"compress=true", "max-file=1", NULL});
    assert_int_equal(f->ops->check(&f->options.base, &f->err.base), -EINVAL);
    assert_string_equal(
        f->err.words,
        "compress cannot be true when max-file is less than 2 or max-size is not set");
    use(f, (const char *const[]){"tag={{.Nme}}", NULL});
    assert_int_equal(f->ops->check(&f->options.base, &f->err.base), -EINVAL);
    assert_non_null(strstr(f->err.words, ".Nme"));
    use(f, (const char *const[]){"tag={{.Name", NULL});
    assert_int_equal(f->ops->check(&f->options.base, &f->err.base), -EINVAL);
}

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

static void since_and_until_bound_what_is_read(void **state)
{
    struct fixture *f = *state;
    struct berth_log_query q = query_all();
    use(f, (const char *const[]){"max-size=-1", NULL});
    open_log(f);
    put_numbers(f, 0, 5000);
    q.since_ns = T0 + 4321 * (int64_t)1000000000;
    q.until_ns = T0 + 4323 * (int64_t)1000000000;
    assert_read(f, q, "line 4321|line 4322|line 4323|");
    q.tail = 10;
    assert_read(f, q, "");
    q = query_all();
    q.streams = 1u << BERTH_STDERR;
    assert_read(f, q, "");
}

static uint64_t bytes_read(void)
{
    char text[512] = "";
    FILE *file = fopen("/proc/thread-self/io", "re");
    assert_non_null(file);
    (void)!fread(text, 1, sizeof(text) - 1, file);
    fclose(file);
    return strtoull(text + strlen("rchar: "), NULL, 10);
}

/* BIG_LINES lines a second apart, some 40 MB. */
#define BIG_LINES 500000
static void append_big(struct fixture *f)
{
    size_t cap = 100 * 1000, used = 0;
    char *block = malloc(cap);
    for (int i = 0; i < BIG_LINES; i++) {
        time_t t = T0 / 1000000000 + i;
        struct tm tm;
        gmtime_r(&t, &tm);
        used += (size_t)snprintf(
            block + used, cap - used,
            "{\"log\":\"line %d\\n\",\"stream\":\"stdout\",\"time\":\"%04d-%02d-"
            "%02dT%02d:%02d:%02dZ\"}\n",
            i, tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
        if (cap - used < 200 || i == BIG_LINES - 1) {
            append_raw(f, block, used);
            used = 0;
        }
    }
    free(block);
}

static void tail_and_since_seek_in_a_large_file(void **state)
{
    struct fixture *f = *state;
    struct berth_log_query q = query_all();
    append_big(f);
    uint64_t before = bytes_read();
    assert_tail(f, 2, "line 499998|line 499999|");
    q.since_ns = (T0 / 1000000000 + 250000) * (int64_t)1000000000;
    q.until_ns = q.since_ns + 1;
    assert_read(f, q, "line 250000|");
    q.since_ns = (T0 / 1000000000 + BIG_LINES) * (int64_t)1000000000;
    q.until_ns = 0;
    assert_read(f, q, "");
    assert_true(bytes_read() - before < 8 << 20);
}

static void torn_line_is_completed_and_passed_over(void **state)
{
    struct fixture *f = *state;
    static const char nul[64] = "\0\0";
    open_log(f);
    put_numbers(f, 0, 2);
    close_log(f);
    append_raw(f, "{\"log\":\"to", 10);
    open_log(f);
    put_numbers(f, 2, 4);
    append_raw(f, nul, sizeof(nul));
    append_raw(f, "\n", 1);
    put_numbers(f, 4, 5);
    f->host.warnings = 0;
    assert_read(f, query_all(), "line 0|line 1|line 2|line 3|line 4|");
    assert_int_equal(f->host.warnings, 1);
    assert_non_null(strstr(f->host.last_log, "2 lines of together 74 bytes"));
}

static void other_writers_json_is_understood(void **state)
{
    struct fixture *f = *state;
    static const char text[] = "{ \"time\" : \"2023-11-14T23:13:20.5+01:00\", "
                               "\"x\":[1,{\"y\":null}], \"stream\":\"stderr\","
                               " \"log\":\"\\ud83d\\ude00 \\u00e9\\ud800\\n\" }\r\n"
                               "{\"log\":\"no time\"}\n[1]\n{\"log\":\"deep\",\"time\":{{{{{\n\n";
    append_raw(f, text, sizeof(text) - 1);
    assert_read(f, query_all(), "\xf0\x9f\x98\x80 \xc3\xa9\xef\xbf\xbd|");
}

static void line_that_is_too_long_is_passed_over(void **state)
{
    struct fixture *f = *state;
    size_t n = 3 << 20;
    char *big = malloc(n);
    memset(big, 'x', n);
    big[n - 1] = '\n';
    open_log(f);
    put_numbers(f, 0, 1);
    append_raw(f, big, n);
    put_numbers(f, 1, 2);
    assert_read(f, query_all(), "line 0|line 1|");
    free(big);
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

static void link_in_place_of_the_file_is_refused(void **state)
{
    struct fixture *f = *state;
    char path[512];
    path_of(f, "", path);
    assert_int_equal(symlink("/dev/null", path), 0);
    assert_int_equal(f->ops->open(&f->info, &f->log, &f->err.base), -ELOOP);
    f->log = NULL;
}

static void full_disk_is_said_and_the_log_goes_on(void **state)
{
    struct fixture *f = *state;
    struct rlimit old, small = {.rlim_cur = 170};
    getrlimit(RLIMIT_FSIZE, &old);
    small.rlim_max = old.rlim_max;
    open_log(f);
    put_numbers(f, 0, 2);
    struct berth_log_record rec = {.line = "lost", .len = 4, .time_ns = T0, .stream = BERTH_STDOUT};
    setrlimit(RLIMIT_FSIZE, &small);
    assert_int_equal(put_record(f, rec), -EFBIG);
    assert_non_null(strstr(f->err.words, "writing"));
    setrlimit(RLIMIT_FSIZE, &old);
    put_numbers(f, 2, 3);
    assert_read(f, query_all(), "line 0|line 1|line 2|");
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

#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
    umask(077);
    signal(SIGXFSZ, SIG_IGN);
    const struct CMUnitTest tests[] = {
        TEST(line_has_dockers_bytes),
        TEST(pieces_end_in_a_newline_only_at_the_end_of_the_line),
        TEST(attributes_stand_sorted_in_every_line),
        TEST(reader_gives_attributes_as_the_api_has_them),
        TEST(check_refuses_bad_combinations_in_words),
        TEST(rotation_keeps_max_file_files_of_max_size),
        TEST(compressed_files_are_read_like_plain_ones),
        TEST(since_and_until_bound_what_is_read),
        TEST(tail_and_since_seek_in_a_large_file),
        TEST(torn_line_is_completed_and_passed_over),
        TEST(other_writers_json_is_understood),
        TEST(line_that_is_too_long_is_passed_over),
        TEST(follow_survives_rotation_with_one_file),
        TEST(follow_misses_and_doubles_nothing_with_one_file),
        TEST(follow_misses_and_doubles_nothing_while_files_rotate),
        TEST(follow_misses_and_doubles_nothing_while_files_are_compressed),
        TEST(follow_starts_before_the_file_and_stops_when_told),
        TEST(link_in_place_of_the_file_is_refused),
        TEST(full_disk_is_said_and_the_log_goes_on),
        TEST(rotate_slot_starts_a_new_file),
        TEST(max_age_closes_a_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
