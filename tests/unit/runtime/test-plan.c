/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <errno.h>
#include <signal.h>

#include "base/json.h"
#include "base/str.h"
#include "runtime/apparmor.h"
#include "runtime/caps.h"
#include "runtime/plan.h"
#include "runtime/signal.h"

static json_t *parse(const char *text)
{
    json_t *v = json_loads(text, JSON_DECODE_ANY, NULL);
    assert_non_null(v);
    return v;
}

static void merge_follows_dockers_rules(void **state)
{
    static const struct {
        const char *config, *image, *expected; /* expected: members that must be so */
    } cases[] = {
        {"{}", "{\"Cmd\":[\"sh\"]}", "{\"Cmd\":[\"sh\"]}"},
        {"{\"Cmd\":[\"a\"]}", "{\"Entrypoint\":[\"e\"],\"Cmd\":[\"b\"]}",
         "{\"Cmd\":[\"a\"],\"Entrypoint\":[\"e\"]}"},
        {"{\"Entrypoint\":[\"x\"]}", "{\"Entrypoint\":[\"e\"],\"Cmd\":[\"b\"]}",
         "{\"Entrypoint\":[\"x\"]}"},
        {"{\"Entrypoint\":[\"\"],\"Cmd\":[\"a\"]}", "{\"Entrypoint\":[\"e\"]}",
         "{\"Entrypoint\":null,\"Cmd\":[\"a\"]}"},
        {"{\"Cmd\":[\"a\"],\"Env\":[\"A=1\"]}", "{\"Env\":[\"A=2\",\"B=3\"]}",
         "{\"Env\":[\"A=1\",\"B=3\"]}"},
        {"{\"Cmd\":[\"a\"],\"Labels\":{\"x\":\"1\"}}", "{\"Labels\":{\"x\":\"2\",\"y\":\"3\"}}",
         "{\"Labels\":{\"x\":\"1\",\"y\":\"3\"}}"},
        {"{\"Cmd\":[\"a\"]}", "{\"User\":\"u\",\"WorkingDir\":\"/w\",\"StopSignal\":\"SIGINT\"}",
         "{\"User\":\"u\",\"WorkingDir\":\"/w\",\"StopSignal\":\"SIGINT\"}"},
        {"{\"Cmd\":[\"a\"],\"Healthcheck\":{\"Interval\":5}}",
         "{\"Healthcheck\":{\"Test\":[\"CMD\",\"t\"],\"Interval\":7,\"Retries\":2}}",
         "{\"Healthcheck\":{\"Test\":[\"CMD\",\"t\"],\"Interval\":5,\"Retries\":2}}"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        json_auto_t *config = parse(cases[i].config), *image = parse(cases[i].image);
        json_auto_t *expected = parse(cases[i].expected);
        assert_int_equal(runtime_merge_image_config(config, image, NULL), 0);
        const char *key;
        json_t *v;
        json_object_foreach (expected, key, v) {
            if (!json_equal(json_object_get(config, key), v))
                print_message("case %zu, %s: %s\n", i, key, json_text(config));
            assert_true(json_equal(json_object_get(config, key), v));
        }
    }
}

static void an_entrypoint_of_ones_own_leaves_the_images_cmd(void **state)
{
    json_auto_t *config = parse("{\"Entrypoint\":[\"x\"]}"), *image = parse("{\"Cmd\":[\"b\"]}");
    assert_int_equal(runtime_merge_image_config(config, image, NULL), 0);
    json_auto_t *argv = runtime_argv(config);
    assert_int_equal(json_array_size(argv), 1);
}

static void nothing_to_run_is_refused(void **state)
{
    _cleanup_(err_fini) struct err err = {0};
    json_auto_t *config = parse("{}"), *image = parse("{}");
    assert_int_equal(runtime_merge_image_config(config, image, &err), -EINVAL);
    assert_string_equal(err_msg(&err), "no command specified");
}

static int check(const char *config_text, const char *hc_text, struct err *err)
{
    json_auto_t *config = parse(config_text), *hc = parse(hc_text), *warnings = json_array();
    runtime_host_config_defaults(hc, NULL);
    return runtime_host_config_check(config, hc, NULL, warnings, err);
}

static void what_is_not_supported_is_refused_by_name(void **state)
{
    static const struct {
        const char *hc, *words;
    } cases[] = {
        {"{\"DeviceRequests\":[{\"Count\":-1}]}", "DeviceRequests"},
        {"{\"VolumesFrom\":[\"x\"]}", "VolumesFrom"},
        {"{\"Links\":[\"a:b\"]}", "Links"},
        {"{\"Runtime\":\"kata\"}", "kata"},
        {"{\"UsernsMode\":\"keep-id\"}", "UsernsMode"},
        {"{\"PidMode\":\"container:abc\"}", "PidMode"},
        {"{\"CapAdd\":[\"CAP_NOPE\"]}", "CAP_NOPE"},
        {"{\"SecurityOpt\":[\"nope=1\"]}", "nope"},
        {"{\"OomScoreAdj\":1001}", "oom score"},
        {"{\"Tmpfs\":{\"/x\":\"sise=1\"}}", "sise"},
        {"{\"Tmpfs\":{\"x\":\"\"}}", "tmpfs mount point"},
        {"{\"Sysctls\":{\"kernel.panic\":\"1\"}}", "kernel.panic"},
        {"{\"Sysctls\":{\"net.x\":\"1\"},\"NetworkMode\":\"host\"}", "host network"},
        {"{\"Ulimits\":[{\"Name\":\"nofile\",\"Soft\":9,\"Hard\":8}]}", "9 > 8"},
        {"{\"Ulimits\":[{\"Name\":\"x\",\"Soft\":1,\"Hard\":8}]}", "ulimit type: x"},
        {"{\"DeviceCgroupRules\":[\"c 1:3\"]}", "c 1:3"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_(err_fini) struct err err = {0};
        int r = check("{}", cases[i].hc, &err);
        if (r >= 0 || !strstr(err_msg(&err), cases[i].words))
            print_message("%s: %d %s\n", cases[i].hc, r, err_msg(&err));
        assert_true(r < 0);
        assert_non_null(strstr(err_msg(&err), cases[i].words));
    }
    assert_int_equal(check("{}", "{}", NULL), 0);
    assert_int_equal(check("{\"StopSignal\":\"SIGNOPE\"}", "{}", NULL), -EINVAL);
    assert_int_equal(check("{\"WorkingDir\":\"x\"}", "{}", NULL), -EINVAL);
}

static void capabilities_are_dockers(void **state)
{
    uint64_t mask;
    json_auto_t *plain = parse("{}"), *none = parse("{\"CapDrop\":[\"all\"]}");
    json_auto_t *one = parse("{\"CapDrop\":[\"ALL\"],\"CapAdd\":[\"net_raw\"]}");
    json_auto_t *drop = parse("{\"CapDrop\":[\"CAP_CHOWN\"]}");
    assert_int_equal(caps_of(plain, &mask, NULL, NULL), 0);
    assert_int_equal(mask, 0xa80425fbULL & caps_bounding());
    assert_int_equal(caps_of(none, &mask, NULL, NULL), 0);
    assert_int_equal(mask, 0);
    assert_int_equal(caps_of(one, &mask, NULL, NULL), 0);
    assert_int_equal(mask, 1ULL << 13);
    assert_int_equal(caps_of(drop, &mask, NULL, NULL), 0);
    assert_int_equal(mask, 0xa80425faULL & caps_bounding());
}

static json_t *build(const char *config_text, const char *hc_text, const char *mounts_text)
{
    json_auto_t *config = parse(config_text), *hc = parse(hc_text), *mounts = parse(mounts_text);
    json_auto_t *rootfs = parse("{\"bind\":\"/r\"}");
    runtime_host_config_defaults(hc, NULL);
    struct runtime_input in = {
        .id = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
        .name = "n",
        .instance = "00000000",
        .config = config,
        .host_config = hc,
        .rootfs = rootfs,
        .mounts = mounts,
        .hosts_path = "/c/hosts",
        .resolv_path = "/c/resolv.conf",
        .init_path = "/l/berth-init",
        .netns_fd = true,
    };
    json_t *plan = NULL;
    struct err err = {0};
    int r = runtime_plan_build(&in, &plan, &err);
    if (r < 0)
        print_message("%s\n", err_msg(&err));
    assert_int_equal(r, 0);
    return plan;
}

static json_t *mount_at(json_t *plan, const char *target)
{
    size_t i;
    json_t *m;
    json_array_foreach (json_arr(plan, "mounts"), i, m) {
        if (str_eq(json_str(m, "target", ""), target))
            return m;
    }
    return NULL;
}

static void assert_json(const json_t *v, const char *expected)
{
    _cleanup_(freep) char *text =
        v ? json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    assert_non_null(text);
    assert_string_equal(text, expected);
}

static void plan_of_a_plain_container(void **state)
{
    json_auto_t *plan = build("{\"Cmd\":[\"sh\"],\"Hostname\":\"h\"}", "{}", "[]");
    json_t *p = json_obj(plan, "process");
    assert_json(json_arr(plan, "fds"), "[\"seccomp\",\"netns\"]");
    assert_json(json_obj(plan, "namespaces"),
                "{\"cgroup\":\"host\",\"ipc\":\"new\",\"mnt\":\"new\",\"net\":{\"fd\":\"netns\"},"
                "\"pid\":\"new\",\"uts\":\"new\"}");
    assert_json(json_arr(p, "args"), "[\"sh\"]");
    assert_json(json_arr(p, "env"),
                "[\"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\","
                "\"HOSTNAME=h\"]");
    assert_json(
        mount_at(plan, "/dev"),
        "{\"filesystem\":\"tmpfs\",\"flags\":[\"nosuid\",\"strictatime\"],\"options\":[[\"mode\","
        "\"755\"],[\"size\",\"65536k\"]],\"source\":\"tmpfs\",\"target\":\"/dev\"}");
    assert_json(
        mount_at(plan, "/dev/shm"),
        "{\"filesystem\":\"tmpfs\",\"flags\":[\"nosuid\",\"noexec\",\"nodev\"],\"options\":[["
        "\"mode\",\"1777\"],[\"size\",\"65536k\"]],\"source\":\"shm\",\"target\":\"/dev/shm\"}");
    assert_json(
        mount_at(plan, "/etc/hosts"),
        "{\"bind\":\"/c/hosts\",\"flags\":[],\"propagation\":\"rprivate\",\"recursive\":true,"
        "\"target\":\"/etc/hosts\"}");
    assert_int_equal(json_array_size(json_arr(plan, "devices")), 6);
    assert_true(json_array_size(json_arr(plan, "masked")) >= 12);
    assert_int_equal(json_array_size(json_arr(plan, "readonly_paths")), 5);
    assert_true(json_bool(p, "seccomp", false));
    assert_int_equal(json_int(p, "umask", 0), 022);
}

static void users_mounts_replace_dockers_and_are_ordered_by_depth(void **state)
{
    json_auto_t *plan =
        build("{\"Cmd\":[\"sh\"]}", "{\"Tmpfs\":{\"/a\":\"size=1m,exec\"}}",
              "[{\"Type\":\"bind\",\"Source\":\"/s\",\"Destination\":\"/a/b/c\",\"RW\":false},"
              "{\"Type\":\"bind\",\"Source\":\"/h\",\"Destination\":\"/etc/hosts\",\"RW\":true},"
              "{\"Type\":\"bind\",\"Source\":\"/d\",\"Destination\":\"/dev\",\"RW\":true}]");
    assert_json(mount_at(plan, "/a"),
                "{\"filesystem\":\"tmpfs\",\"flags\":[\"noexec\",\"nosuid\",\"nodev\",\"exec\"],"
                "\"options\":[[\"size\",\"1m\"]],\"source\":\"tmpfs\",\"target\":\"/a\"}");
    assert_json(json_arr(mount_at(plan, "/a/b/c"), "flags"), "[\"rro\"]");
    assert_string_equal(json_str(mount_at(plan, "/etc/hosts"), "bind", ""), "/h");
    assert_null(mount_at(plan, "/dev/shm"));
    const json_t *mounts = json_arr(plan, "mounts");
    size_t n = json_array_size(mounts);
    assert_string_equal(json_str(json_array_get(mounts, n - 1), "target", ""), "/a/b/c");
}

static void privileged_has_what_the_bounding_set_has(void **state)
{
    json_auto_t *plan = build("{\"Cmd\":[\"sh\"]}", "{\"Privileged\":true}", "[]");
    json_t *p = json_obj(plan, "process");
    assert_json(json_arr(plan, "fds"), "[\"netns\"]");
    assert_int_equal(json_array_size(json_arr(plan, "masked")), 0);
    assert_int_equal((uint64_t)json_int(json_obj(p, "capabilities"), "bounding", 0),
                     caps_bounding());
    assert_false(json_bool(p, "seccomp", true));
}

static void init_runs_the_program(void **state)
{
    json_auto_t *plan = build("{\"Cmd\":[\"sh\"],\"Entrypoint\":[\"e\"]}", "{\"Init\":true}", "[]");
    assert_json(json_arr(json_obj(plan, "process"), "args"),
                "[\"/sbin/docker-init\",\"--\",\"e\",\"sh\"]");
    assert_non_null(mount_at(plan, "/sbin/docker-init"));
}

static void word_is(const char *hc, const char *profile, const char *word)
{
    json_auto_t *json = parse(hc);
    const char *got = apparmor_word(json, profile);
    assert_string_equal(got ? got : "-", word);
}

static void apparmor_is_the_default_unless_the_container_says_otherwise(void **state)
{
    word_is("{}", APPARMOR_DEFAULT, APPARMOR_DEFAULT);
    word_is("{}", NULL, "-");
    word_is("{\"Privileged\":true}", APPARMOR_DEFAULT, APPARMOR_NONE);
    word_is("{\"Privileged\":true}", NULL, "-");
    word_is("{\"SecurityOpt\":[\"apparmor=mine\"]}", APPARMOR_DEFAULT, "-");
    word_is("{\"SecurityOpt\":[\"apparmor:mine\"],\"Privileged\":true}", APPARMOR_DEFAULT, "-");
    word_is("{\"SecurityOpt\":[\"apparmor=unconfined\"]}", APPARMOR_DEFAULT, "-");
    word_is("{\"SecurityOpt\":[\"apparmor=docker-default\"]}", APPARMOR_DEFAULT, "-");
    word_is("{\"SecurityOpt\":[\"apparmor=docker-default\"]}", NULL, APPARMOR_NONE);
    word_is("{\"SecurityOpt\":[\"nonsense\"]}", APPARMOR_DEFAULT, APPARMOR_DEFAULT);
}

static const char *exec_profile(const char *exec_config, const char *host_config, json_t **p)
{
    json_auto_t *exec = parse(exec_config), *config = parse("{}"), *hc = parse(host_config);
    assert_int_equal(runtime_exec_process(exec, config, hc, NULL, p, NULL), 0);
    return json_str(*p, "apparmor", "-");
}

static void execs_have_the_profile_unless_privileged(void **state)
{
    json_auto_t *a = NULL, *b = NULL, *c = NULL, *d = NULL;
    const char *mine = "{\"SecurityOpt\":[\"apparmor=mine\"]}";
    assert_string_equal(exec_profile("{\"Cmd\":[\"x\"]}", mine, &a), "mine");
    assert_string_equal(exec_profile("{\"Cmd\":[\"x\"],\"Privileged\":true}", mine, &b), "-");
    assert_string_equal(
        exec_profile("{\"Cmd\":[\"x\"]}", "{\"SecurityOpt\":[\"apparmor=docker-default\"]}", &c),
        APPARMOR_DEFAULT);
    assert_string_equal(
        exec_profile("{\"Cmd\":[\"x\"]}", "{\"SecurityOpt\":[\"apparmor=unconfined\"]}", &d), "-");
}

static void exec_takes_the_containers_environment_and_its_own(void **state)
{
    json_auto_t *exec =
        parse("{\"Cmd\":[\"id\"],\"Env\":[\"A=2\",\"PATH\"],\"Tty\":true,\"User\":\"u\"}");
    json_auto_t *config =
        parse("{\"Env\":[\"A=1\",\"B=1\"],\"WorkingDir\":\"/w\",\"Hostname\":\"h\"}");
    json_auto_t *hc = parse("{}");
    json_auto_t *p = NULL;
    assert_int_equal(runtime_exec_process(exec, config, hc, NULL, &p, NULL), 0);
    assert_json(json_arr(p, "env"), "[\"HOSTNAME=h\",\"TERM=xterm\",\"A=2\",\"B=1\"]");
    assert_string_equal(json_str(p, "cwd", ""), "/w");
    assert_string_equal(json_str(p, "user", ""), "u");
    json_auto_t *empty = parse("{}");
    assert_int_equal(runtime_exec_process(empty, config, hc, NULL, &p, NULL), -EINVAL);
}

static void signals_have_many_names(void **state)
{
    static const struct {
        const char *word;
        int number;
    } good[] = {{"SIGTERM", SIGTERM}, {"term", SIGTERM}, {"15", 15},          {"SIGRTMIN+3", 37},
                {"RTMAX-1", 63},      {"SIGRTMIN", 34},  {"sigusr1", SIGUSR1}};
    static const char *const bad[] = {"",        "0",           "65",  "SIGNOPE", "RTMIN-1",
                                      "RTMAX+1", "SIGRTMIN+31", "SIG", "-1",      "9x"};
    int n;
    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        assert_int_equal(signal_parse(good[i].word, &n, NULL), 0);
        assert_int_equal(n, good[i].number);
    }
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        _cleanup_(err_fini) struct err err = {0};
        assert_int_equal(signal_parse(bad[i], &n, &err), -EINVAL);
        assert_non_null(strstr(err_msg(&err), "Invalid signal"));
    }
    assert_string_equal(signal_name(37), "RTMIN+3");
    assert_null(signal_name(99));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(merge_follows_dockers_rules),
        cmocka_unit_test(an_entrypoint_of_ones_own_leaves_the_images_cmd),
        cmocka_unit_test(nothing_to_run_is_refused),
        cmocka_unit_test(what_is_not_supported_is_refused_by_name),
        cmocka_unit_test(capabilities_are_dockers),
        cmocka_unit_test(plan_of_a_plain_container),
        cmocka_unit_test(users_mounts_replace_dockers_and_are_ordered_by_depth),
        cmocka_unit_test(privileged_has_what_the_bounding_set_has),
        cmocka_unit_test(init_runs_the_program),
        cmocka_unit_test(apparmor_is_the_default_unless_the_container_says_otherwise),
        cmocka_unit_test(execs_have_the_profile_unless_privileged),
        cmocka_unit_test(exec_takes_the_containers_environment_and_its_own),
        cmocka_unit_test(signals_have_many_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
