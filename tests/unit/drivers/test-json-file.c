/* SPDX-License-Identifier: Apache-2.0 */
/* json-file: the bytes of the file, and what readers make of them. */
#include "json-log.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

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

#define TEST(t) cmocka_unit_test_setup_teardown(t, json_log_setup, json_log_teardown)

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
        TEST(since_and_until_bound_what_is_read),
        TEST(tail_and_since_seek_in_a_large_file),
        TEST(torn_line_is_completed_and_passed_over),
        TEST(other_writers_json_is_understood),
        TEST(line_that_is_too_long_is_passed_over),
        TEST(link_in_place_of_the_file_is_refused),
        TEST(full_disk_is_said_and_the_log_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
