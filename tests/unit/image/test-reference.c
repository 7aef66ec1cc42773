/* SPDX-License-Identifier: Apache-2.0 */
/* References as Docker reads them. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <string.h>

#include "base/str.h"
#include "image/reference.h"

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void reads(const char *text, const char *canonical, const char *familiar)
{
    _cleanup_(reference_fini) struct reference r = {0};
    _cleanup_(err_fini) struct err err = {0};
    if (reference_parse(text, &r, &err) < 0)
        fail_msg("%s: %s", text, err_msg(&err));
    _cleanup_(freep) char *c = reference_canonical(&r);
    _cleanup_(freep) char *f = reference_familiar(&r);
    assert_string_equal(c, canonical);
    assert_string_equal(f, familiar);
}

static void refuses(const char *text, const char *words)
{
    _cleanup_(reference_fini) struct reference r = {0};
    _cleanup_(err_fini) struct err err = {0};
    if (reference_parse(text, &r, &err) == 0)
        fail_msg("%s is taken", text);
    assert_int_equal(err.code, -EINVAL);
    if (!strstr(err_msg(&err), words))
        fail_msg("%s: \"%s\" does not say \"%s\"", text, err_msg(&err), words);
}

static void names_are_normalised(void **ctx)
{
    reads("ubuntu", "docker.io/library/ubuntu", "ubuntu");
    reads("ubuntu:22.04", "docker.io/library/ubuntu:22.04", "ubuntu:22.04");
    reads("me/app", "docker.io/me/app", "me/app");
    reads("docker.io/ubuntu", "docker.io/library/ubuntu", "ubuntu");
    reads("index.docker.io/library/ubuntu:x", "docker.io/library/ubuntu:x", "ubuntu:x");
    reads("library/" HEX, "docker.io/library/" HEX, "library/" HEX);
    reads("docker.io/a.b/c", "docker.io/a.b/c", "docker.io/a.b/c");
    reads("localhost/x", "localhost/x", "localhost/x");
    reads("localhost:5000/x:t", "localhost:5000/x:t", "localhost:5000/x:t");
    reads("reg.example.com/a/b_c/d--e__f.g:T_1.2-3", "reg.example.com/a/b_c/d--e__f.g:T_1.2-3",
          "reg.example.com/a/b_c/d--e__f.g:T_1.2-3");
    reads("Upper/x", "Upper/x", "Upper/x");
    reads("[::1]:5000/x", "[::1]:5000/x", "[::1]:5000/x");
    reads("x@sha256:" HEX, "docker.io/library/x@sha256:" HEX, "x@sha256:" HEX);
    reads("x:t@sha256:" HEX, "docker.io/library/x:t@sha256:" HEX, "x:t@sha256:" HEX);
}

static void malformed_names_are_refused(void **ctx)
{
    static const char *const bad[] = {"",     ":",     "x:",   "x:.t", "-x",          "x-",
                                      "a//b", "a/",    "/a",   "x y",  "x@sha256:12", "x:t:u",
                                      "a..b", "a___b", "../x", "a_",   "http://x",    "x\n",
                                      "é"};
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        refuses(bad[i], "invalid reference format");
    refuses("Foo", "repository name (library/Foo) must be lowercase");
    refuses("me/Foo:x", "repository name (me/Foo) must be lowercase");
    refuses(HEX, "cannot specify 64-byte hexadecimal strings");
    _cleanup_(freep) char *huge = xmalloc(301);
    memset(huge, 'a', 300);
    huge[300] = '\0';
    refuses(huge, "must not be more than 255 characters");
}

static void tagged_form_adds_latest_and_takes_no_digest(void **ctx)
{
    struct reference r = {0};
    assert_int_equal(reference_parse_tagged("x", &r, NULL), 0);
    assert_string_equal(r.tag, "latest");
    reference_fini(&r);
    assert_int_equal(reference_parse_tagged("x@sha256:" HEX, &r, NULL), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_normalised),
        cmocka_unit_test(malformed_names_are_refused),
        cmocka_unit_test(tagged_form_adds_latest_and_takes_no_digest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
