/* SPDX-License-Identifier: Apache-2.0 */
/* What cp makes of its two arguments: Docker's rules. */
#include "tests/unit/unit.h"

#include <errno.h>

#include "base/str.h"
#include "client/copy-path.h"

static void arguments_name_a_container_or_a_path_here(void **ctx)
{
    static const char *const cases[][3] = {
        {"box:/etc", "box", "/etc"}, {"box:", "box", ""},   {"/a:b", NULL, "/a:b"},
        {"./a:b", NULL, "./a:b"},    {"-", NULL, "-"},      {"file", NULL, "file"},
        {":x", NULL, ":x"},          {"a:b:c", "a", "b:c"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char *container, *path;
        copy_arg_split(cases[i][0], &container, &path);
        if (cases[i][1])
            assert_string_equal(container, cases[i][1]);
        else
            assert_null(container);
        assert_string_equal(path, cases[i][2]);
        free(container);
        free(path);
    }
}

static void paths_are_split_with_the_dot_kept(void **ctx)
{
    static const char *const cases[][3] = {
        {"/a/b", "/a", "b"}, {"/a/b/", "/a", "b"}, {"/a/b/.", "/a/b", "."},
        {"/a", "/", "a"},    {"/.", "/", "."},     {"b", ".", "b"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char *dir, *base;
        copy_path_split(cases[i][0], &dir, &base);
        assert_string_equal(dir, cases[i][1]);
        assert_string_equal(base, cases[i][2]);
        free(dir);
        free(base);
    }
    _cleanup_(freep) char *a = copy_path_absolute("/x/../y/."), *b = copy_path_absolute("/x/"),
                          *c = copy_path_absolute("/.");
    assert_string_equal(a, "/y/.");
    assert_string_equal(b, "/x/");
    assert_string_equal(c, "/.");
}

/* src is_dir, dst path, exists, is_dir: where it goes, and its name there; or the words. */
static void plans(bool src_dir, const char *dst, bool exists, bool is_dir, const char *dir,
                  const char *to)
{
    const struct copy_end s = {.path = "/src/s", .exists = true, .is_dir = src_dir};
    const struct copy_end d = {.path = dst, .exists = exists, .is_dir = is_dir};
    _cleanup_(err_fini) struct err err = {0};
    _cleanup_(copy_plan_fini) struct copy_plan p;
    int r = copy_plan_make(&s, &d, &p, &err);
    if (!dir) {
        assert_int_equal(r, -EINVAL);
        assert_string_equal(err_msg(&err), to);
        return;
    }
    assert_int_equal(r, 0);
    assert_string_equal(p.dir, dir);
    if (to)
        assert_string_equal(p.to, to);
    else
        assert_null(p.to);
}

static void plans_are_dockers(void **ctx)
{
    plans(false, "/d", true, true, "/d", NULL);
    plans(true, "/d", true, true, "/d", NULL);
    plans(false, "/d/f", true, false, "/d", "f");
    plans(true, "/d/f", true, false, NULL, "cannot copy directory");
    plans(true, "/d/new", false, false, "/d", "new");
    plans(true, "/d/new/", false, false, "/d", "new");
    plans(false, "/d/new", false, false, "/d", "new");
    plans(false, "/d/new/", false, false, NULL, "no such directory");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arguments_name_a_container_or_a_path_here),
        cmocka_unit_test(paths_are_split_with_the_dot_kept),
        cmocka_unit_test(plans_are_dockers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
