/* SPDX-License-Identifier: Apache-2.0 */
#include "../unit.h"

#include <errno.h>
#include <sys/mman.h>

#include "base/fs.h"
#include "base/json.h"
#include "client/filters.h"
#include "client/run-options.h"

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

/* The body that `berth create WORDS` sends, or NULL and the words of the error in *why. */
static json_t *body(bool foreground, const char *const *words, struct attach *attach, char **why)
{
    _cleanup_(err_fini) struct err err = {0};
    struct args a = {0};
    char *argv[32] = {0};
    int n = 0;
    json_t *out = NULL;
    struct attach unused;
    for (; words[n]; n++)
        argv[n] = (char *)(uintptr_t)words[n];
    assert_int_equal(args_parse(&a, container_flags, NULL, true, n, argv, &err), 0);
    if (container_body(&a, foreground, attach ? attach : &unused, &out, &err) < 0 && why)
        *why = xstrdup(err_msg(&err));
    args_fini(&a);
    return out;
}

/* One member of the body as sorted compact JSON: "Env", "HostConfig.Binds"; "-" when it is not there. */
static void check(const char *const *words, const char *path, const char *want)
{
    json_auto_t *b = body(true, words, NULL, NULL);
    assert_non_null(b);
    struct strv parts = {0};
    const char *part;
    const json_t *v = b;
    strv_split(&parts, path, ".");
    strv_foreach (part, &parts)
        v = json_object_get(v, part);
    _cleanup_(freep) char *got =
        v ? json_dumps(v, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY) : xstrdup("-");
    strv_fini(&parts);
    assert_string_equal(got, want);
}

static void fails(const char *const *words, const char *why)
{
    _cleanup_(freep) char *got = NULL;
    json_auto_t *b = body(true, words, NULL, &got);
    assert_null(b);
    assert_non_null(strstr(got, why));
}

static void plain_container_has_the_whole_body(void **state)
{
    json_auto_t *b = body(true, WORDS("busybox", "echo", "hi"), NULL, NULL);
    _cleanup_(freep) char *got = json_dumps(b, JSON_COMPACT | JSON_SORT_KEYS);
    assert_string_equal(
        got,
        "{\"AttachStderr\":true,\"AttachStdin\":false,\"AttachStdout\":true,\"Cmd\":[\"echo\","
        "\"hi\"],\"Env\":[],\"ExposedPorts\":{},\"HostConfig\":{\"Binds\":[],\"Devices\":[],"
        "\"LogConfig\":{\"Config\":{},\"Type\":\"\"},\"Mounts\":[],\"NetworkMode\":\"default\","
        "\"PortBindings\":{},\"Tmpfs\":{},\"Ulimits\":[]},\"Image\":\"busybox\",\"Labels\":{},"
        "\"StdinOnce\":false,\"Volumes\":{}}");
}

static void limits_are_numbers(void **state)
{
    check(WORDS("-m", "64m", "x"), "HostConfig.Memory", "67108864");
    check(WORDS("--memory-swap", "-1", "x"), "HostConfig.MemorySwap", "-1");
    check(WORDS("--cpus", "1.5", "x"), "HostConfig.NanoCpus", "1500000000");
    check(WORDS("--cpus", ".5", "x"), "HostConfig.NanoCpus", "500000000");
    check(WORDS("--pids-limit", "-1", "x"), "HostConfig.PidsLimit", "-1");
    check(WORDS("--shm-size", "1g", "x"), "HostConfig.ShmSize", "1073741824");
    check(WORDS("--ulimit", "nofile=10:20", "--ulimit", "core=-1", "x"), "HostConfig.Ulimits",
          "[{\"Hard\":20,\"Name\":\"nofile\",\"Soft\":10},{\"Hard\":-1,\"Name\":\"core\",\"Soft\":"
          "-1}]");
    check(WORDS("--restart", "on-failure:3", "x"), "HostConfig.RestartPolicy",
          "{\"MaximumRetryCount\":3,\"Name\":\"on-failure\"}");
    fails(WORDS("-m", "-1", "x"), "invalid size \"-1\" for --memory");
    fails(WORDS("-m", "1x", "x"), "invalid size");
    fails(WORDS("--cpus", "1m", "x"), "invalid number of CPUs");
    fails(WORDS("--cpus", "", "x"), "invalid number of CPUs");
    fails(WORDS("--ulimit", "nofile=20:10", "x"), "less than or equal to hard limit");
    fails(WORDS("--ulimit", "nofile", "x"), "NAME=SOFT[:HARD]");
    fails(WORDS("--restart", "on-failure:x", "x"), "must be a number");
    fails(WORDS("--rm", "--restart", "always", "x"), "cannot specify both --restart and --rm");
    check(WORDS("--rm", "--restart", "no", "x"), "HostConfig.AutoRemove", "true");
}

static void streams_are_attached_as_asked(void **state)
{
    struct attach at;
    json_decref(body(true, WORDS("-i", "x"), &at, NULL));
    assert_true(at.in && at.out && at.err);
    json_decref(body(true, WORDS("-a", "STDOUT", "-i", "x"), &at, NULL));
    assert_true(!at.in && at.out && !at.err);
    json_decref(body(false, WORDS("-i", "x"), &at, NULL));
    assert_false(at.in || at.out || at.err);
    check(WORDS("-i", "x"), "StdinOnce", "true");
    check(WORDS("-a", "stdin", "x"), "StdinOnce", "false");
    check(WORDS("-it", "x"), "OpenStdin", "true");
    fails(WORDS("-a", "stdio", "x"), "stdin, stdout or stderr");
}

static void volumes_are_binds_or_anonymous(void **state)
{
    _cleanup_(freep) char *cwd = getcwd(NULL, 0);
    _cleanup_(freep) char *want = str_printf("[\"/a:/b:ro\",\"v:/c\",\"%s/d:/e\"]", cwd);
    check(WORDS("-v", "/a:/b:ro", "-v", "v:/c", "-v", "./d:/e", "-v", "/anon", "x"),
          "HostConfig.Binds", want);
    check(WORDS("-v", "/anon", "-v", "./odd", "x"), "Volumes", "{\"./odd\":{},\"/anon\":{}}");
    check(WORDS("--tmpfs", "/t:size=1m", "--tmpfs", "/u", "x"), "HostConfig.Tmpfs",
          "{\"/t\":\"size=1m\",\"/u\":\"\"}");
    check(WORDS("--device", "/dev/a", "--device", "/dev/b:r", "--device", "/dev/c:/dev/d:rw", "x"),
          "HostConfig.Devices",
          "[{\"CgroupPermissions\":\"rwm\",\"PathInContainer\":\"/dev/a\",\"PathOnHost\":\"/dev/"
          "a\"},{\"CgroupPermissions\":\"r\",\"PathInContainer\":\"/dev/b\",\"PathOnHost\":\"/dev/"
          "b\"},{\"CgroupPermissions\":\"rw\",\"PathInContainer\":\"/dev/d\",\"PathOnHost\":\"/dev/"
          "c\"}]");
    check(WORDS("--device-cgroup-rule", "c 1:* r", "--device-cgroup-rule", "b 8:0 rw", "x"),
          "HostConfig.DeviceCgroupRules", "[\"c 1:* r\",\"b 8:0 rw\"]");
}

static void control_groups_have_flags(void **state)
{
    check(WORDS("--cgroupns", "host", "x"), "HostConfig.CgroupnsMode", "\"host\"");
    check(WORDS("--oom-kill-disable", "x"), "HostConfig.OomKillDisable", "true");
    check(WORDS("--memory-swappiness", "0", "x"), "HostConfig.MemorySwappiness", "0");
}

static void ports_are_bound_and_exposed(void **state)
{
    const char *const *words = WORDS("-p", "80:8080", "-p", "81:8080", "--expose", "9/udp", "x");
    check(words, "ExposedPorts", "{\"8080/tcp\":{},\"9/udp\":{}}");
    check(words, "HostConfig.PortBindings",
          "{\"8080/tcp\":[{\"HostIp\":\"\",\"HostPort\":\"80\"},{\"HostIp\":\"\",\"HostPort\":"
          "\"81\"}]}");
    fails(WORDS("--expose", "1:2", "x"), "invalid port format for --expose: 1:2");
}

static void entrypoint_and_pull_are_checked(void **state)
{
    check(WORDS("--entrypoint", "/e", "x", "-a"), "Entrypoint", "[\"/e\"]");
    check(WORDS("--entrypoint", "", "x"), "Entrypoint", "[\"\"]");
    check(WORDS("x"), "Cmd", "-");
    fails(WORDS("--pull", "often", "x"), "must be always, missing or never");
}

static void health_flags_make_a_check(void **state)
{
    check(WORDS("x"), "Healthcheck", "-");
    check(WORDS("--no-healthcheck", "x"), "Healthcheck", "{\"Test\":[\"NONE\"]}");
    check(WORDS("--health-cmd", "a b", "--health-interval=1m30s", "--health-timeout", "500ms",
                "--health-start-period", "1s", "--health-start-interval", "2s", "--health-retries",
                "4", "x"),
          "Healthcheck",
          "{\"Interval\":90000000000,\"Retries\":4,\"StartInterval\":2000000000,"
          "\"StartPeriod\":1000000000,\"Test\":[\"CMD-SHELL\",\"a b\"],"
          "\"Timeout\":500000000}");
    check(WORDS("--health-retries", "4", "x"), "Healthcheck", "{\"Retries\":4}");
    check(WORDS("--health-tcp", "80", "x"), "Healthcheck", "{\"Test\":[\"TCP\",\"80\"]}");
    check(WORDS("--health-http", "http://localhost/", "x"), "Healthcheck",
          "{\"Test\":[\"HTTP\",\"http://localhost/\"]}");
    check(WORDS("--on-unhealthy", "restart", "x"), "Labels",
          "{\"berth.on-unhealthy\":\"restart\"}");
    fails(WORDS("--no-healthcheck", "--health-retries", "1", "x"),
          "--no-healthcheck conflicts with --health-* options");
    fails(WORDS("--health-cmd", "a", "--health-http", "b", "x"), "a container has one check");
    fails(WORDS("--health-interval", "-1s", "x"), "--health-interval cannot be negative");
    fails(WORDS("--health-retries", "-1", "x"), "--health-retries cannot be negative");
    fails(WORDS("--health-timeout", "5", "x"), "a duration such as");
    fails(WORDS("--on-unhealthy", "x", "x"), "none, restart or kill");
}

/* A file that is gone with the test: its path below /proc. */
static char *text_file(int *fd, const char *text, size_t n)
{
    *fd = memfd_create("text", MFD_CLOEXEC);
    assert_int_equal(fs_write_all(*fd, text, n), 0);
    return str_printf("/proc/self/fd/%d", *fd);
}

static void environment_comes_from_files_flags_and_ourselves(void **state)
{
    static const char text[] = "\xEF\xBB\xBF"
                               "A=1\n# no\n\n  B=b b \r\nOWN\nMISSING\nC=x=y";
    int fd;
    _cleanup_(freep) char *file = text_file(&fd, text, sizeof(text) - 1);
    setenv("OWN", "mine", 1);
    unsetenv("MISSING");
    check(WORDS("-e", "A=2", "-e", "OWN", "-e", "MISSING", "--env-file", file, "x"), "Env",
          "[\"A=1\",\"B=b b \",\"OWN=mine\",\"C=x=y\",\"A=2\",\"OWN=mine\",\"MISSING\"]");
    check(WORDS("-l", "A=3", "-l", "k", "--label-file", file, "x"), "Labels",
          "{\"A\":\"3\",\"B\":\"b b \",\"C\":\"x=y\",\"MISSING\":\"\",\"OWN\":\"\",\"k\":\"\"}");
    close(fd);
    fails(WORDS("-e", "=1", "x"), "invalid environment variable");
    fails(WORDS("-l", "", "x"), "invalid label");
    fails(WORDS("--env-file", "/nonexistent", "x"), "open /nonexistent");
}

static void bad_lines_of_files_are_named(void **state)
{
    static const struct {
        const char *text;
        size_t n;
        const char *why;
    } cases[] = {{"=1", 2, "no variable name on line '=1'"},
                 {"A B=1", 5, "variable 'A B' contains whitespaces"},
                 {"A \n", 3, "variable 'A ' contains whitespaces"},
                 {"A=\xFF", 3, "bytes that are not UTF-8 behind 'A='"},
                 {"A=1\0B=2", 7, "not a text file"}};
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        int fd;
        _cleanup_(freep) char *file = text_file(&fd, cases[i].text, cases[i].n);
        fails(WORDS("--env-file", file, "x"), cases[i].why);
        close(fd);
    }
}

static void times_are_here_unless_they_say_where(void **state)
{
    static const char *const cases[][2] = {
        {"2026-01-02T03:04:05", "1767319445.000000000"},
        {"2026-07-02T03:04:05.5", "1782954245.500000000"},
        {"2026-01-02", "1767308400.000000000"},
        {"2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z"},
        {"2026-01-02T03:04:05-01:00", "2026-01-02T03:04:05-01:00"},
        {"1700000000.5", "1700000000.5"},
        {"", ""},
        {"0", "0"},
        {"yesterday", "yesterday"},
    };
    setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_(freep) char *got = time_argument(cases[i][0]);
        assert_string_equal(got, cases[i][1]);
    }
}

static void rates_and_weights_of_devices_are_pairs(void **state)
{
    check(WORDS("--device-read-bps", "/dev/sda:1mb", "--device-read-bps", "/dev/sdb:5", "busybox"),
          "HostConfig.BlkioDeviceReadBps",
          "[{\"Path\":\"/dev/sda\",\"Rate\":1048576},{\"Path\":\"/dev/sdb\",\"Rate\":5}]");
    check(WORDS("--device-write-iops", "/dev/sda:7", "busybox"), "HostConfig.BlkioDeviceWriteIOps",
          "[{\"Path\":\"/dev/sda\",\"Rate\":7}]");
    check(WORDS("--blkio-weight-device", "/dev/sda:500", "--blkio-weight", "10", "busybox"),
          "HostConfig.BlkioWeightDevice", "[{\"Path\":\"/dev/sda\",\"Weight\":500}]");
    fails(WORDS("--device-read-bps", "/dev/sda", "busybox"), "bad format of --device-read-bps");
    fails(WORDS("--device-read-bps", "/dev/sda:x", "busybox"), "bytes a second");
    fails(WORDS("--device-read-bps", "sda:1mb", "busybox"), "/dev");
    fails(WORDS("--device-write-iops", "/dev/sda:-1", "busybox"), "a whole number");
    fails(WORDS("--blkio-weight-device", "/dev/sda:5", "busybox"), "10 to 1000");
}

static void addresses_and_aliases_are_the_endpoints(void **state)
{
    check(WORDS("busybox"), "NetworkingConfig", "-");
    check(WORDS("--network", "net", "--ip", "10.0.0.2", "--network-alias", "a", "--network-alias",
                "b", "busybox"),
          "NetworkingConfig.EndpointsConfig.net",
          "{\"Aliases\":[\"a\",\"b\"],\"IPAMConfig\":{\"IPv4Address\":\"10.0.0.2\"}}");
    check(WORDS("--ip6", "fd00::2", "--link-local-ip", "fe80::2", "busybox"),
          "NetworkingConfig.EndpointsConfig.default",
          "{\"IPAMConfig\":{\"IPv6Address\":\"fd00::2\",\"LinkLocalIPs\":[\"fe80::2\"]}}");
}

static void flags_that_the_daemon_judges_reach_it(void **state)
{
    check(WORDS("--annotation", "a=b", "busybox"), "HostConfig.Annotations", "{\"a\":\"b\"}");
    check(WORDS("--gpus", "all", "busybox"), "HostConfig.DeviceRequests",
          "[{\"Capabilities\":[[\"gpu\"]],\"Count\":-1,\"Driver\":\"\",\"Options\":{}}]");
    check(WORDS("--link", "db:d", "busybox"), "HostConfig.Links", "[\"db:d\"]");
    check(WORDS("--isolation", "default", "busybox"), "HostConfig.Isolation", "\"default\"");
    check(WORDS("--volume-driver", "local", "busybox"), "HostConfig.VolumeDriver", "\"local\"");
    check(WORDS("--cpu-rt-runtime", "5", "-q", "--disable-content-trust=false", "busybox"),
          "HostConfig.CpuRealtimeRuntime", "5");
    fails(WORDS("--use-api-socket", "busybox"), "not supported");
}

static void update_has_what_was_given_alone(void **state)
{
    static const char *const words[] = {"-m", "64m", "--cpus", "1.5", "--restart", "on-failure:2"};
    struct args a = {0};
    json_auto_t *out = NULL;
    assert_int_equal(
        args_parse(&a, container_flags, NULL, true, 6, (char **)(uintptr_t)words, NULL), 0);
    assert_int_equal(resources_body(&a, &out, NULL), 0);
    _cleanup_(freep) char *got = json_dumps(out, JSON_COMPACT | JSON_SORT_KEYS);
    assert_string_equal(got, "{\"Memory\":67108864,\"NanoCpus\":1500000000,\"RestartPolicy\":"
                             "{\"MaximumRetryCount\":2,\"Name\":\"on-failure\"}}");
    args_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_container_has_the_whole_body),
        cmocka_unit_test(limits_are_numbers),
        cmocka_unit_test(streams_are_attached_as_asked),
        cmocka_unit_test(volumes_are_binds_or_anonymous),
        cmocka_unit_test(control_groups_have_flags),
        cmocka_unit_test(ports_are_bound_and_exposed),
        cmocka_unit_test(entrypoint_and_pull_are_checked),
        cmocka_unit_test(health_flags_make_a_check),
        cmocka_unit_test(environment_comes_from_files_flags_and_ourselves),
        cmocka_unit_test(bad_lines_of_files_are_named),
        cmocka_unit_test(times_are_here_unless_they_say_where),
        cmocka_unit_test(rates_and_weights_of_devices_are_pairs),
        cmocka_unit_test(addresses_and_aliases_are_the_endpoints),
        cmocka_unit_test(flags_that_the_daemon_judges_reach_it),
        cmocka_unit_test(update_has_what_was_given_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
