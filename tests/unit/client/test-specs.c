/* SPDX-License-Identifier: Apache-2.0 */
#include "../unit.h"

#include <errno.h>

#include "base/json.h"
#include "client/run-options.h"

/* What -p makes of it: "KEY=IP/PORT …", or "!" and the words of the error. */
static char *publish(const char *spec)
{
    _cleanup_(err_fini) struct err err = {0};
    json_auto_t *exposed = json_object(), *bindings = json_object();
    int r = publish_spec(spec, exposed, bindings, &err);
    if (r < 0) {
        assert_int_equal(r, -EINVAL);
        return str_printf("!%s", err_msg(&err));
    }
    struct strv all = {0};
    const char *key;
    json_t *list;
    assert_int_equal(json_object_size(exposed), json_object_size(bindings));
    json_object_foreach (bindings, key, list) {
        const json_t *b = json_array_get(list, 0);
        assert_non_null(json_object_get(exposed, key));
        strv_addf(&all, "%s=%s/%s", key, json_str(b, "HostIp", "?"), json_str(b, "HostPort", "?"));
    }
    char *text = strv_join(&all, " ");
    strv_fini(&all);
    return text;
}

static void ports_are_read_as_docker_reads_them(void **state)
{
    static const char *const cases[][2] = {
        {"80", "80/tcp=/"},
        {"80/UDP", "80/udp=/"},
        {"80/", "80/tcp=/"},
        {"8080:80", "80/tcp=/8080"},
        {":80", "80/tcp=/"},
        {"0:80", "80/tcp=/0"},
        {"127.0.0.1:8080:80/sctp", "80/sctp=127.0.0.1/8080"},
        {"127.0.0.1::80", "80/tcp=127.0.0.1/"},
        {"[::1]:8080:80", "80/tcp=::1/8080"},
        {"::1:8080:80", "80/tcp=::1/8080"},
        {"[::1]::80", "80/tcp=::1/"},
        {"8000-8010:80", "80/tcp=/8000-8010"},
        {"8000-8001:80-81/udp", "80/udp=/8000 81/udp=/8001"},
        {"80-81", "80/tcp=/ 81/tcp=/"},
        {"65535:65535", "65535/tcp=/65535"},
        {"published=8080,target=80,protocol=udp", "80/udp=/8080"},
        {"target=80", "80/tcp=/"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_(freep) char *got = publish(cases[i][0]);
        assert_string_equal(got, cases[i][1]);
    }
}

static void bad_ports_are_named(void **state)
{
    static const char *const cases[][2] = {
        {"", "no port specified"},
        {"8080:", "no port specified"},
        {"/tcp", "no port specified"},
        {"x", "invalid containerPort: x"},
        {"0", "invalid containerPort: 0"},
        {"65536", "invalid containerPort: 65536"},
        {"+80", "invalid containerPort: +80"},
        {"81-80", "invalid containerPort: 81-80"},
        {"80-", "invalid containerPort: 80-"},
        {"x:80", "invalid hostPort: x"},
        {"70000:80", "invalid hostPort: 70000"},
        {"80/http", "invalid proto: http"},
        {"80/tcp/udp", "invalid proto: tcp/udp"},
        {"8000-8002:80-81", "invalid ranges"},
        {"8000:80-81", "invalid ranges"},
        {"localhost:80:80", "invalid IP address: localhost"},
        {"[::1]:80", "invalid IP address"},
        {"[127.0.0.1]:80:80", "invalid IP address"},
        {"[::1:80:80", "invalid IP address"},
        {"1.2.3.4.5:1:1", "invalid IP address"},
        {"published=1,goal=2", "invalid field 'goal=2'"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_(freep) char *got = publish(cases[i][0]);
        assert_int_equal(got[0], '!');
        assert_non_null(strstr(got, cases[i][1]));
    }
}

static void expose_takes_no_host_port(void **state)
{
    json_auto_t *exposed = json_object();
    assert_int_equal(expose_spec("53/udp", exposed, NULL), 0);
    assert_int_equal(expose_spec("80-82", exposed, NULL), 0);
    assert_int_equal(json_object_size(exposed), 4);
    assert_int_equal(expose_spec("8080:80", exposed, NULL), -EINVAL);
}

/* The mount as JSON with sorted keys, or "!" and the words of the error. */
static char *mount(const char *spec)
{
    _cleanup_(err_fini) struct err err = {0};
    json_auto_t *m = NULL;
    int r = mount_spec(spec, &m, &err);
    if (r < 0)
        assert_int_equal(r, -EINVAL);
    return r < 0 ? str_printf("!%s", err_msg(&err)) : json_dumps(m, JSON_COMPACT | JSON_SORT_KEYS);
}

static void mounts_go_where_the_api_wants_them(void **state)
{
    static const char *const cases[][2] = {
        {"type=bind,src=/a,dst=/b,ro",
         "{\"ReadOnly\":true,\"Source\":\"/a\",\"Target\":\"/b\",\"Type\":\"bind\"}"},
        {"target=/b", "{\"Target\":\"/b\",\"Type\":\"volume\"}"},
        {"TYPE=tmpfs,destination=/b,tmpfs-size=1m,tmpfs-mode=1777",
         "{\"Target\":\"/b\",\"TmpfsOptions\":{\"Mode\":1023,\"SizeBytes\":1048576},\"Type\":"
         "\"tmpfs\"}"},
        {"type=bind,source=/a,target=/b,bind-propagation=rslave,readonly=false,bind-recursive="
         "disabled",
         "{\"BindOptions\":{\"NonRecursive\":true,\"Propagation\":\"rslave\"},\"ReadOnly\":false,"
         "\"Source\":\"/a\",\"Target\":\"/b\",\"Type\":\"bind\"}"},
        {"src=v,dst=/b,volume-driver=local,\"volume-opt=o=a,b\",volume-opt=type=nfs,volume-label="
         "x=1,volume-nocopy",
         "{\"Source\":\"v\",\"Target\":\"/b\",\"Type\":\"volume\",\"VolumeOptions\":{"
         "\"DriverConfig\":{\"Name\":\"local\",\"Options\":{\"o\":\"a,b\",\"type\":\"nfs\"}},"
         "\"Labels\":{\"x\":\"1\"},\"NoCopy\":true}}"},
        {"type=bind,\"src=/a \"\"q\"\"\",dst=/b",
         "{\"Source\":\"/a \\\"q\\\"\",\"Target\":\"/b\",\"Type\":\"bind\"}"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_(freep) char *got = mount(cases[i][0]);
        assert_string_equal(got, cases[i][1]);
    }
}

static void bad_mounts_are_named(void **state)
{
    static const char *const cases[][2] = {
        {"", "unexpected key ''"},
        {"type=bind,src=/a", "target is required"},
        {"type=,dst=/b", "type is required"},
        {"dst=/b,tagret=/c", "did you mean 'target'"},
        {"dst", "must be a key=value pair"},
        {"dst=/b,readonly=maybe", "invalid value for readonly: maybe"},
        {"type=tmpfs,dst=/b,tmpfs-size=big", "invalid value for tmpfs-size: big"},
        {"type=tmpfs,dst=/b,tmpfs-mode=999", "invalid value for tmpfs-mode: 999"},
        {"type=tmpfs,dst=/b,tmpfs-mode=777777777777", "invalid value for tmpfs-mode"},
        {"type=bind,src=/a,dst=/b,bind-recursive=no", "invalid value for bind-recursive: no"},
        {"type=bind,src=/a,dst=/b,volume-nocopy", "cannot mix 'volume-*'"},
        {"type=volume,dst=/b,tmpfs-size=1", "cannot mix 'tmpfs-*'"},
        {"type=bind,\"src=/a,dst=/b", "a quote is not closed"},
        {"type=bind,\"src=/a\"x,dst=/b", "a quote is not closed"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_(freep) char *got = mount(cases[i][0]);
        assert_int_equal(got[0], '!');
        assert_non_null(strstr(got, cases[i][1]));
    }
}

static void relative_source_is_below_the_working_directory(void **state)
{
    _cleanup_(freep) char *cwd = getcwd(NULL, 0);
    _cleanup_(freep) char *want = str_printf("%s/x", cwd);
    json_auto_t *m = NULL;
    assert_int_equal(mount_spec("type=bind,src=./y/../x,dst=/b", &m, NULL), 0);
    assert_string_equal(json_str(m, "Source", ""), want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ports_are_read_as_docker_reads_them),
        cmocka_unit_test(bad_ports_are_named),
        cmocka_unit_test(expose_takes_no_host_port),
        cmocka_unit_test(mounts_go_where_the_api_wants_them),
        cmocka_unit_test(bad_mounts_are_named),
        cmocka_unit_test(relative_source_is_below_the_working_directory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
