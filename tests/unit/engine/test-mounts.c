/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/mounts.h"

#include <errno.h>

#include "base/json.h"
#include "base/str.h"
#include "unit.h"

static int read_text(const char *config, const char *host, json_t **out, struct err *err)
{
    json_auto_t *c = json_loads(config, 0, NULL), *h = json_loads(host, 0, NULL);
    assert_non_null(c);
    assert_non_null(h);
    return mounts_read(c, h, out, err);
}

static const json_t *only(const json_t *mounts)
{
    assert_int_equal(json_array_size(mounts), 1);
    return json_array_get(mounts, 0);
}

static void an_absolute_source_is_a_bind(void **state)
{
    json_auto_t *m = NULL;
    assert_int_equal(read_text("{}", "{\"Binds\":[\"/a/../b:/c/:ro,rslave\"]}", &m, NULL), 0);
    assert_string_equal(json_str(only(m), "Type", ""), "bind");
    assert_string_equal(json_str(only(m), "Source", ""), "/b");
    assert_string_equal(json_str(only(m), "Destination", ""), "/c");
    assert_string_equal(json_str(only(m), "Propagation", ""), "rslave");
    assert_string_equal(json_str(only(m), "Mode", ""), "ro,rslave");
    assert_false(json_bool(only(m), "RW", true));
    assert_true(json_bool(only(m), "CreateSource", false));
}

static void a_name_is_a_volume(void **state)
{
    json_auto_t *m = NULL;
    assert_int_equal(read_text("{}", "{\"Binds\":[\"data:/d:nocopy\"]}", &m, NULL), 0);
    assert_string_equal(json_str(only(m), "Type", ""), "volume");
    assert_string_equal(json_str(only(m), "Name", ""), "data");
    assert_true(json_bool(only(m), "NoCopy", false));
    assert_false(json_bool(only(m), "Anonymous", true));
}

static void declared_volumes_are_anonymous_where_nothing_else_is(void **state)
{
    json_auto_t *m = NULL;
    assert_int_equal(read_text("{\"Volumes\":{\"/a\":{},\"/b\":{},\"/t\":{}}}",
                               "{\"Binds\":[\"/x:/a\"],\"Tmpfs\":{\"/t\":\"\"}}", &m, NULL),
                     0);
    assert_int_equal(json_array_size(m), 2);
    const json_t *b = json_array_get(m, 1);
    assert_string_equal(json_str(b, "Destination", ""), "/b");
    assert_true(json_bool(b, "Anonymous", false));
    assert_int_equal(strlen(json_str(b, "Name", "")), 64);
}

static void mount_objects_of_each_type(void **state)
{
    json_auto_t *m = NULL;
    assert_int_equal(
        read_text("{}",
                  "{\"Mounts\":[{\"Type\":\"bind\",\"Source\":\"/s\",\"Target\":\"/a\","
                  "\"ReadOnly\":true},{\"Type\":\"volume\",\"Target\":\"/b\"},"
                  "{\"Type\":\"tmpfs\",\"Target\":\"/c\",\"TmpfsOptions\":"
                  "{\"SizeBytes\":4096,\"Mode\":448}}]}",
                  &m, NULL),
        0);
    assert_int_equal(json_array_size(m), 3);
    assert_false(json_bool(json_array_get(m, 0), "CreateSource", true));
    assert_true(json_bool(json_array_get(m, 1), "Anonymous", false));
    assert_string_equal(json_str(json_array_get(m, 2), "Options", ""), "size=4096,mode=700");
}

static void bad_mounts_are_refused_in_words(void **state)
{
    static const char *const bad[][2] = {
        {"{\"Binds\":[\"/a:b\"]}", "mount path must be absolute"},
        {"{\"Binds\":[\"/a:/\"]}", "destination can't be '/'"},
        {"{\"Binds\":[\"/a:/b:wat\"]}", "invalid mode: wat"},
        {"{\"Binds\":[\"/a::/b\"]}", "invalid volume specification: '/a::/b'"},
        {"{\"Binds\":[\"/a:/b:ro:x\"]}", "invalid volume specification"},
        {"{\"Binds\":[\"../a:/b\"]}", "If you intended to pass a host directory"},
        {"{\"Binds\":[\"/a:/b\",\"/c:/b/\"]}", "Duplicate mount point: /b"},
        {"{\"Mounts\":[{\"Type\":\"bind\",\"Source\":\"x\",\"Target\":\"/b\"}]}",
         "mount path must be absolute"},
        {"{\"Mounts\":[{\"Type\":\"npipe\",\"Target\":\"/b\"}]}", "\"npipe\" is not supported"},
        {"{\"Mounts\":[{\"Type\":\"bind\",\"Source\":7,\"Target\":\"/b\"}]}",
         "HostConfig.Mounts[].Source: expected a string, got an integer"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        _cleanup_(err_fini) struct err err = {0};
        json_t *m = NULL;
        assert_true(read_text("{}", bad[i][0], &m, &err) < 0);
        assert_null(m);
        if (!strstr(err_msg(&err), bad[i][1]))
            fail_msg("%s: %s", bad[i][0], err_msg(&err));
    }
}

static void the_view_has_dockers_members_only(void **state)
{
    json_auto_t *m = NULL;
    assert_int_equal(read_text("{}", "{\"Binds\":[\"data:/d\"]}", &m, NULL), 0);
    json_auto_t *view = mounts_view(m);
    _cleanup_(freep) char *text = json_text(view);
    assert_string_equal(text, "[{\"Type\":\"volume\",\"Name\":\"data\",\"Source\":\"\","
                              "\"Destination\":\"/d\",\"Driver\":\"local\",\"Mode\":\"z\","
                              "\"RW\":true,\"Propagation\":\"\"}]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_absolute_source_is_a_bind),
        cmocka_unit_test(a_name_is_a_volume),
        cmocka_unit_test(declared_volumes_are_anonymous_where_nothing_else_is),
        cmocka_unit_test(mount_objects_of_each_type),
        cmocka_unit_test(bad_mounts_are_refused_in_words),
        cmocka_unit_test(the_view_has_dockers_members_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
