/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "api/fold.h"
#include "base/json.h"
#include "base/str.h"

static int fold(const char *text, const struct schema *schema, char **got, struct err *err)
{
    json_auto_t *body = NULL;
    json_auto_t *out = NULL;
    assert_int_equal(json_parse(text, strlen(text), &body, err), 0);
    int r = body_fold(body, schema, &out, err);
    *got = r == 0 ? json_text(out) : NULL;
    return r;
}

static void expect(const char *text, const char *want)
{
    _cleanup_(err_fini) struct err err = {0};
    _cleanup_(freep) char *got = NULL;
    assert_int_equal(fold(text, &schema_container_create, &got, &err), 0);
    assert_string_equal(got, want);
}

static void expect_refused(const char *text, const char *words)
{
    _cleanup_(err_fini) struct err err = {0};
    _cleanup_(freep) char *got = NULL;
    assert_int_equal(fold(text, &schema_container_create, &got, &err), -EINVAL);
    assert_string_equal(err_msg(&err), words);
}

static void fold_gives_members_the_schemas_spelling(void **state)
{
    expect("{\"image\":\"a\",\"HOSTCONFIG\":{\"memory\":5,\"restartpolicy\":{\"NAME\":\"no\"}}}",
           "{\"Image\":\"a\",\"HostConfig\":{\"Memory\":5,\"RestartPolicy\":{\"Name\":\"no\"}}}");
    expect(
        "{\"hostconfig\":{\"mounts\":[{\"source\":\"a\",\"bindoptions\":{\"propagation\":\"x\"}}]"
        "}}",
        "{\"HostConfig\":{\"Mounts\":[{\"Source\":\"a\",\"BindOptions\":{\"Propagation\":\"x\"}}]"
        "}}");
}

static void fold_leaves_free_keys_alone(void **state)
{
    expect("{\"labels\":{\"Image\":\"1\",\"image\":\"2\"},\"volumes\":{\"/Data\":{\"x\":1}},"
           "\"exposedports\":{\"80/tcp\":null}}",
           "{\"Labels\":{\"Image\":\"1\",\"image\":\"2\"},\"Volumes\":{\"/Data\":{}},"
           "\"ExposedPorts\":{\"80/tcp\":{}}}");
    expect("{\"networkingconfig\":{\"endpointsconfig\":{\"My-Net\":{\"aliases\":[\"A\"]}}},"
           "\"hostconfig\":{\"portbindings\":{\"80/tcp\":[{\"hostport\":\"8080\"}]},"
           "\"logconfig\":{\"type\":\"x\",\"config\":{\"Max-Size\":\"1\"}}}}",
           "{\"NetworkingConfig\":{\"EndpointsConfig\":{\"My-Net\":{\"Aliases\":[\"A\"]}}},"
           "\"HostConfig\":{\"PortBindings\":{\"80/tcp\":[{\"HostPort\":\"8080\"}]},"
           "\"LogConfig\":{\"Type\":\"x\",\"Config\":{\"Max-Size\":\"1\"}}}}");
}

static void fold_lets_the_last_of_equal_names_count(void **state)
{
    expect("{\"Tty\":true,\"tty\":false}", "{\"Tty\":false}");
}

static void fold_drops_nulls_and_what_it_does_not_know(void **state)
{
    expect("{\"Tty\":null,\"Nonsense\":{\"Tty\":3},\"HostConfig\":null}", "{}");
    expect("{\"Env\":[null,\"a=b\"],\"Labels\":{\"a\":null}}",
           "{\"Env\":[\"\",\"a=b\"],\"Labels\":{\"a\":\"\"}}");
}

static void fold_takes_a_command_as_a_string_too(void **state)
{
    expect("{\"Cmd\":\"ls -l\",\"Entrypoint\":[\"a\",\"b\"]}",
           "{\"Cmd\":[\"ls -l\"],\"Entrypoint\":[\"a\",\"b\"]}");
    expect_refused("{\"Cmd\":5}",
                   "invalid value for Cmd: expected a string or an array of strings, got a number");
}

static void fold_names_the_member_of_a_wrong_type(void **state)
{
    expect_refused("{\"Tty\":\"yes\"}",
                   "invalid value for Tty: expected true or false, got a string");
    expect_refused("{\"hostconfig\":{\"memory\":\"1g\"}}",
                   "invalid value for HostConfig.Memory: expected an integer, got a string");
    expect_refused("{\"HostConfig\":{\"Memory\":1.5}}",
                   "invalid value for HostConfig.Memory: expected an integer, got a number with a "
                   "fraction or an exponent");
    expect_refused(
        "{\"HostConfig\":{\"Mounts\":[{},{\"Target\":[]}]}}",
        "invalid value for HostConfig.Mounts[1].Target: expected a string, got an array");
    expect_refused("{\"Labels\":{\"a\":1}}",
                   "invalid value for Labels[\"a\"]: expected a string, got a number");
    expect_refused("{\"HostConfig\":[]}",
                   "invalid value for HostConfig: expected an object, got an array");
    expect_refused("{\"Volumes\":{\"/a\":1}}",
                   "invalid value for Volumes[\"/a\"]: expected an object, got a number");
    expect_refused("[]", "invalid value for the body: expected an object, got an array");
}

static void fold_keeps_64_bit_integers_exact(void **state)
{
    expect("{\"HostConfig\":{\"Memory\":9223372036854771712}}",
           "{\"HostConfig\":{\"Memory\":9223372036854771712}}");
}

static void fold_knows_exec_and_volumes(void **state)
{
    _cleanup_(freep) char *exec = NULL;
    _cleanup_(freep) char *volume = NULL;
    assert_int_equal(
        fold("{\"attachstdin\":true,\"cmd\":[\"a\"]}", &schema_exec_create, &exec, NULL), 0);
    assert_string_equal(exec, "{\"AttachStdin\":true,\"Cmd\":[\"a\"]}");
    assert_int_equal(fold("{\"name\":\"v\",\"driveropts\":{\"Type\":\"t\"}}", &schema_volume_create,
                          &volume, NULL),
                     0);
    assert_string_equal(volume, "{\"Name\":\"v\",\"DriverOpts\":{\"Type\":\"t\"}}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fold_gives_members_the_schemas_spelling),
        cmocka_unit_test(fold_leaves_free_keys_alone),
        cmocka_unit_test(fold_lets_the_last_of_equal_names_count),
        cmocka_unit_test(fold_drops_nulls_and_what_it_does_not_know),
        cmocka_unit_test(fold_takes_a_command_as_a_string_too),
        cmocka_unit_test(fold_names_the_member_of_a_wrong_type),
        cmocka_unit_test(fold_keeps_64_bit_integers_exact),
        cmocka_unit_test(fold_knows_exec_and_volumes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
