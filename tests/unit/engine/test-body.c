/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/body.h"

#include <errno.h>

#include "base/json.h"
#include "base/str.h"
#include "unit.h"

static const struct member members[] = {
    {"Name", MEMBER_STRING, "\"\""}, {"N", MEMBER_INT, NULL},      {"Cmd", MEMBER_STRINGS, "null"},
    {"Ports", MEMBER_SET, NULL},     {"On", MEMBER_BOOL, "false"},
};

static int read_text(const char *text, json_t **out, struct err *err)
{
    json_auto_t *body = json_loads(text, JSON_DECODE_ANY, NULL);
    assert_non_null(body);
    return body_read(body, members, ARRAY_SIZE(members), "Body", out, err);
}

static void missing_members_get_their_defaults_in_order(void **state)
{
    json_auto_t *o = NULL;
    assert_int_equal(read_text("{\"On\":null,\"Other\":1}", &o, NULL), 0);
    _cleanup_(freep) char *text = json_text(o);
    assert_string_equal(text, "{\"Name\":\"\",\"Cmd\":null,\"On\":false}");
}

static void a_string_counts_as_a_list_of_one(void **state)
{
    json_auto_t *o = NULL;
    assert_int_equal(read_text("{\"Cmd\":\"ls\",\"Ports\":{\"80/tcp\":null}}", &o, NULL), 0);
    _cleanup_(freep) char *text = json_text(json_object_get(o, "Cmd"));
    assert_string_equal(text, "[\"ls\"]");
}

static void wrong_kinds_are_named(void **state)
{
    static const char *const bad[][2] = {
        {"{\"Name\":7}", "invalid Body.Name: expected a string, got an integer"},
        {"{\"N\":\"7\"}", "invalid Body.N: expected an integer, got a string"},
        {"{\"N\":7.5}", "invalid Body.N: expected an integer, got a number with a fraction"},
        {"{\"Cmd\":[1]}", "invalid Body.Cmd: expected an array of strings, got an array"},
        {"{\"Ports\":[]}", "invalid Body.Ports: expected an object of objects, got an array"},
        {"[]", "invalid Body: expected an object, got an array"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        _cleanup_(err_fini) struct err err = {0};
        json_t *o = NULL;
        assert_int_equal(read_text(bad[i][0], &o, &err), -EINVAL);
        assert_string_equal(err_msg(&err), bad[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(missing_members_get_their_defaults_in_order),
        cmocka_unit_test(a_string_counts_as_a_list_of_one),
        cmocka_unit_test(wrong_kinds_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
