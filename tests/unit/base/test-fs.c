/* SPDX-License-Identifier: Apache-2.0 */
#include "../unit.h"

#include "base/fs.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>

static int setup(void **state)
{
    char *dir = xstrdup("/tmp/berth-test-fs-XXXXXX");
    *state = mkdtemp(dir);
    return *state ? 0 : -1;
}

static int teardown(void **state)
{
    int r = fs_rm_rf(AT_FDCWD, *state);
    free(*state);
    return r;
}

static int root_of(void **state)
{
    int fd = fs_open_dir(AT_FDCWD, *state);
    assert_true(fd >= 0);
    return fd;
}

static void atomic_write_replaces_and_leaves_no_temporary(void **state)
{
    _cleanup_(closep) int root = root_of(state);
    assert_int_equal(fs_write_atomic(root, "f", "one", 3, 0640, true), 0);
    assert_int_equal(fs_write_atomic(root, "f", "two!", 4, 0640, false), 0);
    _cleanup_(freep) char *text = NULL;
    assert_int_equal(fs_read(root, "f", 100, &text, NULL), 0);
    assert_string_equal(text, "two!");
    assert_int_equal(fs_read(root, "f", 3, &text, NULL), -EFBIG);
    int64_t bytes;
    _cleanup_(closedirp) DIR *d = opendir(*state);
    int entries = 0;
    while (readdir(d))
        entries++;
    assert_int_equal(entries, 3);
    assert_int_equal(fs_tree_bytes(root, ".", &bytes), 0);
    assert_true(bytes > 0);
}

static void temporaries_of_the_killed_are_swept_by_name(void **state)
{
    static const char *const names[] = {"f.0123456789abcdef.tmp",
                                        "f.fedcba9876543210.tmp",
                                        "f",
                                        "f.0123.tmp",
                                        "f.0123456789abcdeg.tmp",
                                        "g.0123456789abcdef.tmp",
                                        "f.0123456789abcdef.tmpx"};
    _cleanup_(closep) int root = root_of(state);
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        assert_int_equal(fs_write(root, names[i], "x", 1, 0600), 0);
    fs_sweep_tmp(root, "f");
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        assert_int_equal(fs_exists(root, names[i]), i >= 2);
}

static void paths_in_a_root_cannot_leave_it(void **state)
{
    _cleanup_(closep) int root = root_of(state);
    assert_int_equal(symlinkat("/../../etc", root, "out"), 0);
    assert_int_equal(fs_open_in_root(root, "out/passwd", O_RDONLY, 0), -ENOENT);
    assert_int_equal(fs_open_in_root(root, "../../../etc/passwd", O_RDONLY, 0), -ENOENT);
    _cleanup_(closep) int made = fs_mkdir_in_root(root, "/out/x/../../a/b", 0755);
    assert_true(made >= 0 || made == -ENOENT);
    _cleanup_(closep) int deep = fs_mkdir_in_root(root, "p/q/r", 0755);
    assert_true(deep >= 0);
    assert_true(fs_exists(root, "p/q/r"));
}

static void removal_does_not_follow_links(void **state)
{
    _cleanup_(closep) int root = root_of(state);
    _cleanup_(closep) int keep = fs_mkdir_in_root(root, "keep", 0755);
    assert_int_equal(fs_write(root, "keep/file", "x", 1, 0644), 0);
    _cleanup_(closep) int tree = fs_mkdir_in_root(root, "tree/sub", 0755);
    assert_int_equal(symlinkat("../../keep", root, "tree/sub/link"), 0);
    assert_int_equal(fs_rm_rf(root, "tree"), 0);
    assert_false(fs_exists(root, "tree"));
    assert_true(fs_exists(root, "keep/file"));
    assert_int_equal(fs_rm_rf(root, "tree"), 0);
}

static void clean_path_is_gos(void **state)
{
    static const char *const cases[][2] = {
        {"/a/../b//c/.", "/b/c"}, {"/..", "/"}, {"", "."}, {"a/../..", ".."}, {"./x", "x"}};
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_(freep) char *p = fs_clean_path(cases[i][0]);
        assert_string_equal(p, cases[i][1]);
    }
}

static void sealed_memfd_cannot_be_written(void **state)
{
    _cleanup_(closep) int fd = fs_sealed_memfd("t", "abc", 3, false);
    assert_true(fd >= 0);
    assert_true(write(fd, "x", 1) < 0);
    assert_int_equal(errno, EPERM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(atomic_write_replaces_and_leaves_no_temporary, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(temporaries_of_the_killed_are_swept_by_name, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(paths_in_a_root_cannot_leave_it, setup, teardown),
        cmocka_unit_test_setup_teardown(removal_does_not_follow_links, setup, teardown),
        cmocka_unit_test(clean_path_is_gos),
        cmocka_unit_test(sealed_memfd_cannot_be_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
