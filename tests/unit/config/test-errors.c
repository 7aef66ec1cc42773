/* SPDX-License-Identifier: Apache-2.0 */
/* Every kind of mistake in a daemon.conf: the place, the key, what it was and what would be right. */
#include "config-fixture.h"

#include "config/schema.h"

static void refused_sets(const char *text, const char *const *sets, const char *place,
                         const char *words)
{
    _cleanup_(err_fini) struct err err = {0};
    struct config *cfg = NULL;
    int r = fixture_load_sets(text, sets, &cfg, &err);
    if (r >= 0)
        fail_msg("not refused: %s", text);
    assert_null(cfg);
    fixture_contains(err_msg(&err), place);
    fixture_contains(err_msg(&err), words);
}

static void refused(const char *text, const char *place, const char *words)
{
    refused_sets(text, NULL, place, words);
}

/* "a.b" = VALUE as nested groups, VALUE on line 2. */
static char *nested(const char *path, const char *value)
{
    _cleanup_(strv_fini) struct strv parts = {0};
    _cleanup_(buf_fini) struct buf b = {0};
    strv_split(&parts, path, ".");
    for (size_t i = 0; i + 1 < parts.n; i++)
        buf_printf(&b, "%s: { ", parts.v[i]);
    buf_printf(&b, "\n%s = %s;", parts.v[parts.n - 1], value);
    for (size_t i = 0; i + 1 < parts.n; i++)
        buf_adds(&b, " };");
    return buf_steal(&b);
}

static void every_key_misspelt_is_refused_with_the_nearest(void **state)
{
    for (size_t i = 0; i < config_schema_n; i++) {
        const char *path = config_schema[i].path;
        _cleanup_(freep) char *typo = str_printf("%sx", path), *text = nested(typo, "1");
        _cleanup_(freep) char *words =
            str_printf("unknown key \"%s\" (did you mean \"%s\"?)", typo, path);
        refused(text, "daemon.conf:2: ", words);
    }
}

static void every_group_misspelt_is_refused_with_the_nearest(void **state)
{
    refused("storge: { driver = \"x\"; };",
            "daemon.conf:1: ", "unknown key \"storge\" (did you mean \"storage\"?)");
    refused("netwrok: { };", ":1: ", "did you mean \"network\"?");
    refused("\n\nzzzzzzzz = 1;", "daemon.conf:3: ", "there are: data_root, run_root");
}

static void every_key_of_a_wrong_type_is_refused(void **state)
{
    for (size_t i = 0; i < config_schema_n; i++) {
        const struct config_key *key = &config_schema[i];
        _cleanup_(freep) char *text = nested(key->path, key->type == CONFIG_FREE ? "1" : "1.5");
        _cleanup_(freep) char *words = str_printf("%s is a number (1", key->path);
        refused(text, "daemon.conf:2: ", words);
    }
}

static void a_group_that_is_a_value_is_refused(void **state)
{
    refused("storage = \"overlay\";",
            ":1: ", "storage is a string (overlay), it must be a group: storage: { … };");
    refused("storage: { options: { overlay = 3; }; };",
            ":1: ", "storage.options.overlay is a number (3), it must be a group");
    refused("dns = true;", ":1: ", "unknown key \"dns\"");
    refused("images: { keep_blobs = 1; };",
            ":1: ", "images.keep_blobs is a number (1), it must be true or false");
    refused("group = true;", ":1: ", "group is true, it must be a string");
}

static void numbers_out_of_range_are_refused(void **state)
{
    refused("runtime: { stop_timeout = -1; };", ":1: ", "a whole number from 0 to 86400");
    refused("registry: { concurrent_downloads = 65; };", ":1: ", "from 1 to 64");
    refused("runtime: { shm_size = \"lots\"; };", ":1: ", "a size such as \"64m\"");
    refused("runtime: { shm_size = 0; };", ":1: ", "a size such as \"64m\"");
    refused("runtime: {\n stop_timeout = 4294967297; };", ":2: ", "needs an L behind it");
    refused("runtime: { stop_timeout = 99999999999999999999L; };", ":1: ", "64 bits");
}

static void listen_takes_only_what_is_safe(void **state)
{
    refused("listen = [];", ":1: ", "nobody could reach");
    refused("listen = [ \"tcp://0.0.0.0:2375\" ];", ":1: listen[0]: ", "TLS");
    refused("listen = [ \"tcp://10.0.0.1:2375\" ];", ":1: ", "only a loopback address");
    refused("listen = [ \"tcp://[::]:2375\" ];", ":1: ", "TLS");
    refused("listen = [ \"tcp://127.0.0.1\" ];", ":1: ", "tcp://HOST:PORT");
    refused("listen = [ \"tcp://127.0.0.1:70000\" ];", ":1: ", "tcp://HOST:PORT");
    refused("listen = [ \"unix://run/x\" ];", ":1: ", "absolute path");
    refused("listen = [ \"http://x\" ];", ":1: ", "unix:///PATH, tcp://HOST:PORT or fd://");
    refused("listen = \"unix:///x\";", ":1: ", "it must be a list of strings");
    struct config *cfg = NULL;
    assert_int_equal(fixture_load("listen = [ \"tcp://127.0.0.1:1\", \"tcp://[::1]:2\", "
                                  "\"tcp://localhost:3\", \"fd://\", \"unix:///a b\" ];",
                                  &cfg, NULL),
                     0);
    config_unref(cfg);
}

static void single_values_are_checked(void **state)
{
    refused("data_root = \"var\";", ":1: data_root: \"var\"", "an absolute path");
    refused("data_root = \"/\";", ":1: ", "an absolute path below /");
    refused("run_root = \"/a/../b\";", ":1: ", "without ..");
    refused("log_level = \"loud\";", ":1: ", "debug, info, warn, error");
    refused("log_format = \"xml\";", ":1: ", "text, json");
    refused("labels = [ \"x\" ];", ":1: labels[0]: \"x\"", "key=value");
    refused("labels = [ 1 ];", ":1: labels[0] is a number", "a string");
    refused("network: { dns = [ \"8.8.8\" ]; };", ":1: network.dns[0]", "an address");
    refused("network: { dns_search = [ \"a b\" ]; };", ":1: ", "a domain");
    refused("runtime: { cgroup_parent = \"a/b\"; };", ":1: ", "no path");
    refused("runtime: { seccomp_profile = \"default\"; };", ":1: ", "\"builtin\"");
    refused("runtime: { ulimits = [ \"nofiles=1\" ]; };", ":1: ", "there are: core, cpu");
    refused("runtime: { ulimits = [ \"nofile=2:1\" ]; };", ":1: ", "above the hard one");
    refused("runtime: { ulimits = [ \"nofile=x\" ]; };", ":1: ", "with numbers");
    refused("storage: { driver = \"a b\"; };", ":1: ", "a name");
    refused("registry: { insecure = [ \"http://x\" ]; };", ":1: ", "without a scheme");
    refused("registry: { insecure = [ \"10.0.0.1/8\" ]; };", ":1: ", "\"10.0.0.0/8\"");
}

static void lists_of_groups_are_checked(void **state)
{
    refused("network: { predefined = ( { name = \"a\"; } ); };", ":1: network.predefined[0]",
            "lacks a key");
    refused("network: { predefined = ( { name = \"a\"; drivr = \"b\"; } ); };",
            ":1: ", "unknown key \"drivr\" in network.predefined[0] (did you mean \"driver\"?)");
    refused("network: { predefined = ( \"a\" ); };", ":1: ", "it must be { name");
    refused("network: { predefined = 1; };", ":1: ", "it must be a list of groups: ( {");
    refused("network: { predefined = ( { name = \"a\"; driver = \"b\"; },\n"
            "{ name = \"a\"; driver = \"b\"; } ); default = \"a\"; };",
            ":2: ", "two networks \"a\"");
    refused("network: {\n default = \"nine\"; };", ":2: ", "none of network.predefined");
    refused("network: { address_pools = ( { base = \"10.0.0.1/8\"; size = 24; } ); };",
            ":1: ", "not the subnet: \"10.0.0.0/8\"");
    refused("network: { address_pools = ( { base = \"10.0.0.0\"; size = 24; } ); };",
            ":1: ", "a subnet such as");
    refused("network: { address_pools = ( { base = \"10.0.0.0/16\"; size = 8; } ); };",
            ":1: ", "a prefix length from 16 to 30");
    refused("network: { address_pools = ( { base = \"10.0.0.0/8\"; size = 24; },\n"
            "{ base = \"10.9.0.0/16\"; size = 24; } ); };",
            ":2: ", "overlaps 10.0.0.0/8");
    refused("registry: { mirrors = ( { for = \"docker.io\"; url = \"ftp://x\"; } ); };",
            ":1: registry.mirrors[0].url", "http://HOST[:PORT]");
    refused("registry: { mirrors = ( { for = \"docker.io\"; url = \"http://u:secret@x\"; } ); };",
            ":1: ", "must not hold a user or password");
}

static void syntax_errors_have_file_and_line(void **state)
{
    refused("a = ;\n", "daemon.conf:1: ", "syntax error");
    refused("group = \"a\";\ngroup = \"b\";\n", "daemon.conf:2: ", "duplicate setting name");
    refused("\n\"open", "daemon.conf:2: ", "has no end");
}

static void errors_in_conf_d_and_includes_name_their_file(void **state)
{
    _cleanup_(freep) char *dir = fixture_path("conf.d");
    fixture_write("part.inc", "\ngrup = \"x\";");
    refused("@include \"part.inc\"\n", "part.inc:2: ", "did you mean \"group\"?");
    assert_int_equal(fs_mkdir_p(dir, 0755), 0);
    fixture_write("conf.d/a.conf", "\n\ngrup = \"x\";");
    refused("", "conf.d/a.conf:3: ", "did you mean \"group\"?");
    fs_rm_rf(AT_FDCWD, dir);
}

static void includes_do_not_leave_the_directory(void **state)
{
    _cleanup_(freep) char *link = fixture_path("link.inc");
    refused("@include \"/etc/passwd\"\n", "daemon.conf:1: ", "own directory");
    refused("\n@include \"../x\"\n", "daemon.conf:2: ", "own directory");
    refused("@include \"a/../../x\"\n", "daemon.conf:1: ", "own directory");
    refused("@include \"nowhere.inc\"\n", "nowhere.inc", "no such file");
    assert_int_equal(symlink("/etc/hostname", link), 0);
    refused("@include \"link.inc\"\n", "link.inc", "");
    fixture_write("loop.inc", "@include \"loop.inc\"\n");
    refused("@include \"loop.inc\"\n", "loop.inc", "include each other");
}

static void files_are_bounded(void **state)
{
    _cleanup_(freep) char *big = xmalloc((1 << 20) + 2);
    memset(big, ' ', (1 << 20) + 1);
    big[(1 << 20) + 1] = '\0';
    refused(big, "daemon.conf", "larger than 1 MiB");
}

static void flags_are_refused_by_name(void **state)
{
    const char *const bad[] = {"storge.driver=vfs", NULL}, *const none[] = {"storage.driver", NULL},
                      *const type[] = {"runtime.stop_timeout=soon", NULL},
                      *const dots[] = {"a..b=1", NULL};
    refused_sets("", bad, "--set storge", "unknown key \"storge\" (did you mean \"storage\"?)");
    refused_sets("", none, "--set storage.driver", "KEY=VALUE");
    refused_sets("", type, "--set runtime.stop_timeout: ", "is a string (soon)");
    refused_sets("", dots, "--set a..b=1", "is no key");
}

static int run(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_key_misspelt_is_refused_with_the_nearest),
        cmocka_unit_test(every_group_misspelt_is_refused_with_the_nearest),
        cmocka_unit_test(every_key_of_a_wrong_type_is_refused),
        cmocka_unit_test(a_group_that_is_a_value_is_refused),
        cmocka_unit_test(numbers_out_of_range_are_refused),
        cmocka_unit_test(listen_takes_only_what_is_safe),
        cmocka_unit_test(single_values_are_checked),
        cmocka_unit_test(lists_of_groups_are_checked),
        cmocka_unit_test(syntax_errors_have_file_and_line),
        cmocka_unit_test(errors_in_conf_d_and_includes_name_their_file),
        cmocka_unit_test(includes_do_not_leave_the_directory),
        cmocka_unit_test(files_are_bounded),
        cmocka_unit_test(flags_are_refused_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(void)
{
    return fixture_run(run);
}
