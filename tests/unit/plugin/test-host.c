/* SPDX-License-Identifier: Apache-2.0 */
/* The host's table: directories, options, hooks of the daemon. argv[1] is where the test drivers were built. */
#include "plugin/host.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "unit.h"

#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "plugin/err-bridge.h"

static char dir[] = "/tmp/berth-test-host-XXXXXX";
static struct berth_option color = {
    sizeof(color), "color", BERTH_OPT_STRING, BERTH_OPT_DAEMON, "red", 0, 0, NULL, ""};
static const struct berth_option *const schema[] = {&color, NULL};
static const struct berth_plugin desc = {.kind = BERTH_NETWORK, .name = "test", .options = schema};
static const struct plugin plugin = {.desc = &desc, .name = "test"};

static int netlink(void *ctx, const void *msg, size_t n, struct err *err)
{
    return err_set(err, -ENODEV, "no link for %zu bytes", n);
}

static void event(void *ctx, uint32_t kind, const char *driver, const char *action,
                  const char *actor, const char *const *attributes)
{
    *(char **)ctx = str_printf("%s %s %s %s", plugin_kind_name(kind), driver, action, actor);
}

static void a_driver_has_directories_of_its_own(void **state)
{
    _cleanup_(host_freep) struct plugin_host *h = NULL;
    _cleanup_(freep) char *data = str_printf("%s/data", dir), *run = str_printf("%s/run", dir);
    struct host_params params = {&plugin, data, run, "0123abcd", NULL, NULL};
    struct stat st;
    assert_int_equal(host_new(&params, &h, NULL), 0);
    const struct berth_host *t = host_table(h);
    assert_int_equal(stat(t->data_dir, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
    assert_non_null(strstr(t->data_dir, "/data/network/test"));
    assert_int_equal(stat(t->run_dir, &st), 0);
    assert_string_equal(t->instance, "0123abcd");
    assert_string_equal(berth_opt_str(t->options, "color", ""), "red");
    assert_false(BERTH_HAS(t, netlink));
    assert_true(BERTH_HAS(t, helper_start));
}

static void hooks_of_the_daemon_reach_the_driver(void **state)
{
    _cleanup_(host_freep) struct plugin_host *h = NULL;
    _cleanup_(freep) char *seen = NULL;
    const struct host_services services = {.ctx = &seen, .netlink = netlink, .event = event};
    struct host_params params = {&plugin, dir, dir, "0123abcd", NULL, &services};
    assert_int_equal(host_new(&params, &h, NULL), 0);
    const struct berth_host *t = host_table(h);
    _cleanup_(err_fini) struct err err = {0};
    PLUGIN_ERR(perr, &err);
    assert_int_equal(t->netlink(t->ctx, "abc", 3, &perr.base), -ENODEV);
    assert_string_equal(err_msg(&err), "no link for 3 bytes");
    t->event(t->ctx, "connect", "n1", NULL);
    assert_string_equal(seen, "network test connect n1");
    berth_log(t, BERTH_LOG_DEBUG, "%s", "a line");
    t->release(t->ctx, t->alloc(t->ctx, 0));
}

static void the_shims_table_has_less(void **state)
{
    _cleanup_(host_freep) struct plugin_host *h = NULL;
    assert_int_equal(host_new_minimal(&plugin, NULL, "0123abcd", NULL, &h, NULL), 0);
    const struct berth_host *t = host_table(h);
    assert_null(t->run_dir);
    assert_false(BERTH_HAS(t, helper_start));
    assert_false(BERTH_HAS(t, event));
    assert_true(BERTH_HAS(t, timer_start));
}

static void wrong_options_name_the_driver(void **state)
{
    _cleanup_(err_fini) struct err err = {0};
    struct plugin_host *h = NULL;
    json_auto_t *options = json_pack("{ss}", "colour", "blue");
    struct host_params params = {&plugin, dir, dir, "0123abcd", options, NULL};
    assert_int_equal(host_new(&params, &h, &err), -EINVAL);
    assert_string_equal(err_msg(&err),
                        "network driver test: unknown option \"colour\" (did you mean \"color\"?)");
}

int main(void)
{
    log_setup("test", LOG_ERROR, false);
    if (!mkdtemp(dir))
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_driver_has_directories_of_its_own),
        cmocka_unit_test(hooks_of_the_daemon_reach_the_driver),
        cmocka_unit_test(the_shims_table_has_less),
        cmocka_unit_test(wrong_options_name_the_driver),
    };
    int r = cmocka_run_group_tests(tests, NULL, NULL);
    fs_rm_rf(AT_FDCWD, dir);
    return r;
}
