/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "api/errors.h"
#include "api/router.h"
#include "base/str.h"

/* A table of its own; the handlers are not called. */
static const struct route table[] = {
    {"GET", "/info"},         {"GET", "/images/json"}, {"GET", "/images/{}/json"},
    {"DELETE", "/images/{}"}, {NULL, "/any"},
};

static int find(const char *method, const char *path, struct route_match *m, struct err *err)
{
    return route_find(table, ARRAY_SIZE(table), method, path, m, err);
}

static void expect_found(const char *method, const char *path, size_t i, int version,
                         const char *param)
{
    _cleanup_(err_fini) struct err err = {0};
    struct route_match m;
    assert_int_equal(find(method, path, &m, &err), 0);
    assert_ptr_equal(m.route, &table[i]);
    assert_int_equal(m.version, version);
    if (param)
        assert_string_equal(m.param, param);
    else
        assert_null(m.param);
    free(m.param);
}

static void expect_error(const char *method, const char *path, int code, const char *words)
{
    _cleanup_(err_fini) struct err err = {0};
    struct route_match m;
    assert_int_equal(find(method, path, &m, &err), code);
    assert_string_equal(err_msg(&err), words);
    free(m.param);
}

static void router_finds_paths_with_and_without_a_version(void **state)
{
    expect_found("GET", "/info", 0, 51, NULL);
    expect_found("GET", "/v1.51/info", 0, 51, NULL);
    expect_found("GET", "/v1.24/info", 0, 24, NULL);
    expect_found("PATCH", "/v1.30/any", 4, 30, NULL);
}

static void router_takes_slashes_into_a_name(void **state)
{
    expect_found("GET", "/images/json", 1, 51, NULL);
    expect_found("GET", "/v1.40/images/reg:5000/team/app:1/json", 2, 40, "reg:5000/team/app:1");
    expect_found("DELETE", "/images/a/b", 3, 51, "a/b");
}

static void router_refuses_versions_out_of_range_in_dockers_words(void **state)
{
    expect_error("GET", "/v1.99/info", -EINVAL,
                 "client version 1.99 is too new. Maximum supported API version is 1.51");
    expect_error("GET", "/v2.0/info", -EINVAL,
                 "client version 2.0 is too new. Maximum supported API version is 1.51");
    expect_error("GET", "/v1.20/info", -EINVAL,
                 "client version 1.20 is too old. Minimum supported API version is 1.24, please "
                 "upgrade your client to a newer version");
}

static void router_says_page_not_found(void **state)
{
    const char *const paths[] = {"",        "/",           "/nope",         "/images//json",
                                 "/infos",  "/v1.51",      "/v1.51info",    "/v1.999999999/info",
                                 "/v/info", "/v1./info",   "/v1.51.2/info", "/images/",
                                 "info",    "/v-1.41/info"};
    for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
        expect_error("GET", paths[i], -ENOENT, "page not found");
    expect_error("POST", "/info", -ENOENT, "page not found");
}

static void errors_have_dockers_status(void **state)
{
    assert_int_equal(error_status(-ENOENT), 404);
    assert_int_equal(error_status(-EEXIST), 409);
    assert_int_equal(error_status(-EBUSY), 409);
    assert_int_equal(error_status(-EINVAL), 400);
    assert_int_equal(error_status(-ENOEXEC), 400);
    assert_int_equal(error_status(-EALREADY), 304);
    assert_int_equal(error_status(-EPERM), 403);
    assert_int_equal(error_status(-ENOTSUP), 501);
    assert_int_equal(error_status(-EIO), 500);
    assert_int_equal(error_status(0), 500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(router_finds_paths_with_and_without_a_version),
        cmocka_unit_test(router_takes_slashes_into_a_name),
        cmocka_unit_test(router_refuses_versions_out_of_range_in_dockers_words),
        cmocka_unit_test(router_says_page_not_found),
        cmocka_unit_test(errors_have_dockers_status),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
