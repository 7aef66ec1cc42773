/* SPDX-License-Identifier: Apache-2.0 */
/* The driver to start from, loaded and used as the engine does. argv[1] is where it was built. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/stat.h>

#include "unit.h"

#include <berth/log.h>

#include "base/fs.h"
#include "base/json.h"
#include "plugin/err-bridge.h"
#include "plugin/host.h"
#include "plugin/options.h"

static char *driver;
static char dir[] = "/tmp/berth-test-template-XXXXXX";
static struct plugin *plugin;
static struct plugin_host *host;
static struct options *options;
static struct berth_log_info info = {.size = sizeof(info), .container_id = "c", .log_dir = dir};

static const struct berth_log_ops *ops(void)
{
    return plugin->desc->ops;
}

static void write_line(void *log, const char *text, uint32_t stream, int64_t ns)
{
    struct berth_log_record r = {
        .size = sizeof(r), .line = text, .len = strlen(text), .time_ns = ns, .stream = stream};
    const struct berth_log_record *const records[] = {&r};
    assert_int_equal(ops()->write(log, records, 1, NULL), 0);
}

static int setup(void **state)
{
    _cleanup_(err_fini) struct err err = {0};
    json_auto_t *object = json_pack("{ss}", "prefix", "> ");
    void *log;
    if (plugin_load_file(driver, BERTH_LOG, &plugin, &err) < 0)
        fail_msg("%s", err_msg(&err));
    assert_int_equal(host_new_minimal(plugin, NULL, "0123abcd", NULL, &host, NULL), 0);
    assert_int_equal(
        options_new(plugin->desc->options, BERTH_OPT_OBJECT, NULL, object, false, &options, NULL),
        0);
    info.host = host_table(host);
    info.options = options_table(options);
    PLUGIN_ERR(perr, &err);
    assert_int_equal(ops()->open(&info, &log, &perr.base), 0);
    write_line(log, "one", BERTH_STDOUT, 1700000000000000001);
    write_line(log, "two", BERTH_STDERR, 1700000000000000002);
    write_line(log, "three", BERTH_STDOUT, 1700000001000000000);
    ops()->close(log);
    return 0;
}

static int teardown(void **state)
{
    options_free(options);
    host_free(host);
    plugin_free(plugin);
    return 0;
}

static int collect(void *ctx, const struct berth_log_record *r)
{
    buf_printf(ctx, "%u:%.*s;", r->stream, (int)r->len, r->line);
    return 0;
}

static char *read_with(struct berth_log_query q)
{
    struct buf b = {0};
    q.size = sizeof(q);
    q.stop_fd = q.done_fd = -1;
    assert_int_equal(ops()->read(&info, &q, collect, &b, NULL), 0);
    return buf_steal(&b);
}

#define BOTH_STREAMS (1u << BERTH_STDOUT | 1u << BERTH_STDERR)

static void it_reads_what_it_wrote(void **state)
{
    _cleanup_(freep) char *all =
        read_with((struct berth_log_query){.tail = -1, .streams = BOTH_STREAMS});
    assert_string_equal(all, "1:> one;2:> two;1:> three;");
    _cleanup_(freep) char *out =
        read_with((struct berth_log_query){.tail = 1, .streams = 1u << BERTH_STDERR});
    assert_string_equal(out, "2:> two;");
    _cleanup_(freep) char *tail =
        read_with((struct berth_log_query){.tail = 2, .streams = BOTH_STREAMS});
    assert_string_equal(tail, "2:> two;1:> three;");
    _cleanup_(freep) char *since = read_with((struct berth_log_query){
        .tail = -1, .streams = BOTH_STREAMS, .since_ns = 1700000000000000002});
    assert_string_equal(since, "2:> two;1:> three;");
}

static void put(void *ctx, const char *path)
{
    *(char **)ctx = xstrdup(path);
}

static void it_names_its_file(void **state)
{
    _cleanup_(freep) char *path = NULL, *expected = str_printf("%s/template.log", dir);
    assert_int_equal(ops()->path(&info, put, &path, NULL), 0);
    assert_string_equal(path, expected);
}

/* Writes one more line when it has seen the last, then says that nothing more comes. */
static int write_then_end(void *ctx, const struct berth_log_record *r)
{
    int done = *(int *)ctx;
    void *log;
    if (r->len == strlen("> three") && memcmp(r->line, "> three", r->len) == 0) {
        assert_int_equal(ops()->open(&info, &log, NULL), 0);
        write_line(log, "four", BERTH_STDOUT, 1700000002000000000);
        ops()->close(log);
    }
    return memcmp(r->line, "> four", 6) == 0 ? eventfd_write(done, 1) : 0;
}

static void following_ends_when_nothing_more_comes(void **state)
{
    int done = eventfd(0, EFD_CLOEXEC);
    const struct berth_log_query q = {.size = sizeof(q),
                                      .tail = -1,
                                      .streams = BOTH_STREAMS,
                                      .follow = 1,
                                      .stop_fd = -1,
                                      .done_fd = done};
    assert_int_equal(ops()->read(&info, &q, write_then_end, &done, NULL), 0);
    close(done);
}

int main(int argc, char **argv)
{
    driver = str_printf("%s/template.so", argc > 1 ? argv[1] : ".");
    umask(022);
    if (!mkdtemp(dir))
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_reads_what_it_wrote),
        cmocka_unit_test(it_names_its_file),
        cmocka_unit_test(following_ends_when_nothing_more_comes),
    };
    int r = cmocka_run_group_tests(tests, setup, teardown);
    fs_rm_rf(AT_FDCWD, dir);
    free(driver);
    return r;
}
