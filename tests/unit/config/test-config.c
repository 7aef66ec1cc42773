/* SPDX-License-Identifier: Apache-2.0 */
/* What a configuration comes to: defaults, files, conf.d, includes, flags, dump and diff. */
#include "config-fixture.h"

#include <sys/stat.h>

#include "base/json.h"
#include "build-config.h"

static struct config *load(const char *text, const char *const *sets)
{
    struct config *cfg = NULL;
    _cleanup_(err_fini) struct err err = {0};
    if (fixture_load_sets(text, sets, &cfg, &err) < 0)
        fail_msg("%s", err_msg(&err));
    return cfg;
}

static void an_empty_file_gives_the_defaults(void **state)
{
    _cleanup_(config_unrefp) struct config *cfg = load("", NULL);
    assert_string_equal(cfg->data_root, BERTH_STATEDIR);
    assert_string_equal(cfg->run_root, BERTH_RUNDIR "/berth");
    assert_string_equal(cfg->listen.v[0], "unix://" BERTH_RUNDIR "/berth.sock");
    assert_string_equal(cfg->plugin_dirs.v[0], BERTH_PLUGINDIR);
    assert_string_equal(cfg->network.dflt, "bridge");
    assert_int_equal(cfg->network.predefined.n, 3);
    assert_string_equal(cfg->network.address_pools.v[0].base, "172.30.0.0/15");
    assert_int_equal(cfg->network.address_pools.v[0].size, 24);
    assert_int_equal(cfg->runtime.stop_timeout, 10);
    assert_int_equal(cfg->runtime.shm_size, 64 << 20);
    assert_string_equal(cfg->runtime.ulimits.v[0], "nofile=1024:524288");
    assert_int_equal(cfg->registry.concurrent_downloads, 3);
    assert_true(cfg->images.keep_blobs);
    assert_int_equal(cfg->labels.n, 0);
}

static void the_documented_example_is_valid(void **state)
{
    _cleanup_(config_unrefp) struct config *cfg = load(
        "data_root = \"/var/lib/berth\";   run_root = \"/run/berth\";   group = \"berth\";\n"
        "listen = [ \"unix:///run/berth.sock\" ];\n"
        "log_level = \"info\";   log_format = \"text\";\n"
        "plugin_dirs = [ \"/usr/lib/berth/plugins\" ];   labels = [ \"rack=3\" ];\n"
        "storage: { driver = \"overlay\";  options: { overlay: { volatile = false; } } };\n"
        "network: { default = \"bridge\";  dns = [];\n"
        "  predefined = ( { name = \"bridge\"; driver = \"bridge\"; }, { name = \"host\"; driver = "
        "\"host\"; } );\n"
        "  address_pools = ( { base = \"172.30.0.0/15\"; size = 24; } );\n"
        "  options: { bridge: { name = \"berth0\"; subnet = \"172.29.0.0/16\"; mtu = 1500; } } };\n"
        "logs:    { driver = \"json-file\"; options: { json-file: { max-size = \"10m\"; max-file = "
        "3; } } };\n"
        "registry:{ mirrors = ( { for = \"docker.io\"; url = \"http://127.0.0.1:5000\"; } ); "
        "insecure = [ ]; };\n"
        "modules: { metrics: { enabled = true; listen = \"127.0.0.1:9323\"; } };\n",
        NULL);
    assert_string_equal(cfg->registry.mirrors.v[0].registry, "docker.io");
    assert_string_equal(cfg->labels.v[0], "rack=3");
    json_auto_t *options = config_driver_options(cfg, "logs", "json-file");
    assert_string_equal(json_str(options, "max-size", ""), "10m");
    assert_string_equal(json_str(options, "max-file", ""), "3");
    json_auto_t *overlay = config_driver_options(cfg, "storage", "overlay");
    assert_string_equal(json_str(overlay, "volatile", ""), "false");
    json_auto_t *module = config_module(cfg, "metrics");
    assert_true(json_bool(module, "enabled", false));
    assert_null(config_module(cfg, "nothing"));
}

static void conf_d_goes_over_the_file_in_order(void **state)
{
    _cleanup_(freep) char *dir = fixture_path("conf.d");
    assert_int_equal(fs_mkdir_p(dir, 0755), 0);
    fixture_write("conf.d/20-b.conf", "runtime: { stop_timeout = 20; };");
    fixture_write("conf.d/10-a.conf", "runtime: { stop_timeout = 15; init = true; };");
    fixture_write("conf.d/ignored.txt", "this is no configuration");
    _cleanup_(config_unrefp) struct config *cfg =
        load("runtime: { stop_timeout = 5; cgroup_parent = \"x\"; };", NULL);
    assert_int_equal(cfg->runtime.stop_timeout, 20);
    assert_true(cfg->runtime.init);
    assert_string_equal(cfg->runtime.cgroup_parent, "x");
    fs_rm_rf(AT_FDCWD, dir);
}

static void flags_go_over_files(void **state)
{
    const char *const sets[] = {"storage.driver=vfs",
                                "runtime.stop_timeout=7",
                                "images.keep_blobs=false",
                                "listen=[unix:///run/a.sock, fd://]",
                                "labels=[ \"a=b\", \"c=d\" ]",
                                "storage.options.vfs.quota=5000000000L",
                                "runtime.seccomp_profile=/etc/x;y.json",
                                NULL};
    _cleanup_(config_unrefp) struct config *cfg = load("storage: { driver = \"overlay\"; };", sets);
    assert_string_equal(cfg->storage.driver, "vfs");
    assert_int_equal(cfg->runtime.stop_timeout, 7);
    assert_false(cfg->images.keep_blobs);
    assert_string_equal(cfg->listen.v[1], "fd://");
    assert_string_equal(cfg->labels.v[1], "c=d");
    assert_string_equal(cfg->runtime.seccomp_profile, "/etc/x;y.json");
    json_auto_t *options = config_driver_options(cfg, "storage", "vfs");
    assert_string_equal(json_str(options, "quota", ""), "5000000000");
}

static void includes_come_from_the_own_directory(void **state)
{
    fixture_write("more.inc", "group = \"crew\";\n");
    _cleanup_(config_unrefp) struct config *cfg =
        load("@include \"more.inc\"\nlog_level = \"debug\";", NULL);
    assert_string_equal(cfg->group, "crew");
    json_auto_t *dump = config_dump(cfg);
    fixture_contains(json_str(json_obj(dump, "group"), "Origin", ""), "/more.inc:1");
}

static void the_dump_says_where_each_value_came_from(void **state)
{
    const char *const sets[] = {"runtime.init=true", NULL};
    _cleanup_(config_unrefp) struct config *cfg = load("\nlog_level = \"debug\";", sets);
    _cleanup_(freep) char *text = config_dump_text(cfg);
    json_auto_t *dump = config_dump(cfg);
    fixture_contains(text, "daemon.conf:2\n");
    fixture_contains(text, "log_level = \"debug\";  # ");
    fixture_contains(text, "runtime.init = true;  # --set runtime.init\n");
    fixture_contains(text, "runtime.stop_timeout = 10;  # default\n");
    fixture_contains(text, "( { base = \"172.30.0.0/15\"; size = 24; } );  # default");
    assert_string_equal(json_str(json_obj(dump, "runtime.init"), "Origin", ""),
                        "--set runtime.init");
}

static void the_diff_says_what_needs_a_restart(void **state)
{
    _cleanup_(config_unrefp) struct config *a = load("log_level = \"debug\";", NULL);
    _cleanup_(config_unrefp) struct config *b = load("data_root = \"/srv/berth\";", NULL);
    json_auto_t *same = config_diff(a, a), *diff = config_diff(a, b);
    assert_int_equal(json_array_size(same), 0);
    assert_int_equal(json_array_size(diff), 2);
    assert_string_equal(json_str(json_array_get(diff, 0), "Key", ""), "data_root");
    assert_true(json_bool(json_array_get(diff, 0), "Restart", false));
    assert_false(json_bool(json_array_get(diff, 1), "Restart", true));
}

static void a_reload_keeps_what_only_a_new_daemon_can_take(void **state)
{
    _cleanup_(config_unrefp) struct config *running = load(
        "storage: { driver = \"a\"; };\nruntime: { stop_timeout = 5; };\nlog_level = \"warn\";",
        NULL);
    _cleanup_(config_unrefp) struct config *fresh = load(
        "storage: { driver = \"b\"; options: { b: { x = 1; }; }; };\nlog_level = \"debug\";", NULL);
    _cleanup_(config_unrefp) struct config *now = NULL;
    assert_int_equal(config_carry(running, fresh, &now, NULL), 0);
    assert_string_equal(now->storage.driver, "a");
    assert_string_equal(now->log_level, "debug");
    assert_int_equal(now->runtime.stop_timeout, 10); /* gone from the file: the default */
    json_auto_t *dump = config_dump(now);
    const json_t *driver = json_obj(dump, "storage.driver");
    assert_string_equal(json_str(driver, "Value", ""), "a");
    assert_string_equal(json_str(json_obj(driver, "AfterRestart"), "Value", ""), "b");
    assert_null(json_object_get(json_obj(dump, "log_level"), "AfterRestart"));
    assert_int_equal(
        json_int(json_obj(json_obj(dump, "storage.options.b.x"), "AfterRestart"), "Value", 0), 1);
    _cleanup_(freep) char *text = config_dump_text(now);
    fixture_contains(text, "when berthd is started again: storage.driver = \"b\";  # ");
}

static void a_file_that_was_asked_for_must_be_there(void **state)
{
    _cleanup_(freep) char *path = fixture_path("nowhere.conf");
    _cleanup_(err_fini) struct err err = {0};
    struct config_source src = {.file = path};
    struct config *cfg = NULL;
    assert_int_equal(config_load(&src, &cfg, &err), -ENOENT);
    fixture_contains(err_msg(&err), "nowhere.conf");
}

static int run(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_file_gives_the_defaults),
        cmocka_unit_test(the_documented_example_is_valid),
        cmocka_unit_test(conf_d_goes_over_the_file_in_order),
        cmocka_unit_test(flags_go_over_files),
        cmocka_unit_test(includes_come_from_the_own_directory),
        cmocka_unit_test(the_dump_says_where_each_value_came_from),
        cmocka_unit_test(the_diff_says_what_needs_a_restart),
        cmocka_unit_test(a_reload_keeps_what_only_a_new_daemon_can_take),
        cmocka_unit_test(a_file_that_was_asked_for_must_be_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(void)
{
    return fixture_run(run);
}
