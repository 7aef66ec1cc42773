/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "api/versions.h"
#include "base/json.h"
#include "base/str.h"

static void expect(enum answer kind, int version, const char *text, const char *want)
{
    json_auto_t *value = json_loads(text, 0, NULL);
    answer_trim(kind, version, value);
    _cleanup_(freep) char *got = json_text(value);
    assert_string_equal(got, want);
}

static void the_newest_version_is_left_as_it_is(void **state)
{
    const char *text = "{\"Size\":5,\"Descriptor\":{},\"Config\":{}}";
    expect(ANSWER_IMAGE, 51, text, text);
}

static void later_members_are_left_out(void **state)
{
    expect(ANSWER_CONTAINER, 43,
           "{\"NetworkSettings\":{\"Networks\":{\"a\":{\"DNSNames\":[],\"GwPriority\":0,\"X\":1},"
           "\"b\":{\"DNSNames\":null}}}}",
           "{\"NetworkSettings\":{\"Networks\":{\"a\":{\"X\":1},\"b\":{}}}}");
    expect(ANSWER_NETWORK, 47, "{\"EnableIPv4\":true,\"Name\":\"n\"}", "{\"Name\":\"n\"}");
    expect(ANSWER_NETWORK, 48, "{\"EnableIPv4\":true}", "{\"EnableIPv4\":true}");
}

static void dropped_members_are_put_back(void **state)
{
    expect(ANSWER_IMAGE_ITEM, 43, "{\"Size\":5000000000}",
           "{\"Size\":5000000000,\"VirtualSize\":5000000000}");
    expect(ANSWER_IMAGE_ITEM, 44, "{\"Size\":5}", "{\"Size\":5}");
    expect(ANSWER_IMAGE, 44, "{\"Container\":\"c\",\"ContainerConfig\":1}",
           "{\"Container\":\"c\",\"ContainerConfig\":1}");
    expect(ANSWER_CONTAINER, 41, "{\"HostConfig\":{}}",
           "{\"HostConfig\":{\"KernelMemory\":0,\"KernelMemoryTCP\":0}}");
}

static void an_image_of_an_older_version_has_the_config_of_a_container(void **state)
{
    json_auto_t *v = json_object();
    answer_trim(ANSWER_IMAGE, 44, v);
    const json_t *c = json_object_get(v, "ContainerConfig");
    assert_int_equal(json_object_size(c), 17);
    assert_true(json_is_null(json_object_get(c, "Cmd")));
}

static void shapes_that_are_not_expected_do_no_harm(void **state)
{
    expect(ANSWER_CONTAINER, 24, "{\"NetworkSettings\":{\"Networks\":[1]},\"HostConfig\":null}",
           "{\"NetworkSettings\":{\"Networks\":[1]},\"HostConfig\":null}");
    answer_trim_list(ANSWER_CONTAINER_ITEM, 24, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_newest_version_is_left_as_it_is),
        cmocka_unit_test(later_members_are_left_out),
        cmocka_unit_test(dropped_members_are_put_back),
        cmocka_unit_test(an_image_of_an_older_version_has_the_config_of_a_container),
        cmocka_unit_test(shapes_that_are_not_expected_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
