/* SPDX-License-Identifier: Apache-2.0 */
/* Paths that clients send, inside a root that may hold anything. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/str.h"
#include "engine/root-path.h"

static char *dir;
static int root;

static int setup(void **ctx)
{
    dir = xstrdup("/tmp/berth-root-path-XXXXXX");
    if (!mkdtemp(dir) || (root = fs_open_dir(AT_FDCWD, dir)) < 0)
        return -1;
    mkdirat(root, "etc", 0755);
    fs_write(root, "etc/passwd", "x", 1, 0644);
    return symlinkat("/etc", root, "abs") | symlinkat("../../..", root, "etc/up") |
           symlinkat("nowhere/x", root, "broken") | symlinkat("loop", root, "loop") |
           symlinkat("abs/passwd", root, "chain");
}

static int teardown(void **ctx)
{
    close(root);
    fs_rm_rf(AT_FDCWD, dir);
    free(dir);
    return 0;
}

static void names_and_trailing_slashes_are_dockers(void **ctx)
{
    static const struct {
        const char *path, *clean, *name;
        bool inside;
    } cases[] = {
        {"/etc", "/etc", "etc", false}, {"etc/", "/etc", "etc", true},
        {"/etc/.", "/etc", ".", true},  {"/", "/", "/", true},
        {".", "/", ".", true},          {"../../x", "/x", "x", false},
        {"/a/../b", "/b", "b", false},  {"/a.", "/a.", "a.", false},
        {"", "/", "/", false},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct root_path p;
        root_path_parse(cases[i].path, &p);
        assert_string_equal(p.clean, cases[i].clean);
        assert_string_equal(p.name, cases[i].name);
        assert_int_equal(p.inside, cases[i].inside);
        root_path_fini(&p);
    }
}

static int opens(const char *path)
{
    struct root_path p;
    struct stat st;
    root_path_parse(path, &p);
    _cleanup_(closep) int fd = root_path_open(root, &p);
    root_path_fini(&p);
    if (fd < 0)
        return fd;
    fstat(fd, &st);
    return (int)(st.st_mode & S_IFMT);
}

static void links_are_followed_when_a_directory_is_meant(void **ctx)
{
    assert_int_equal(opens("/abs"), S_IFLNK);
    assert_int_equal(opens("/abs/"), S_IFDIR);
    assert_int_equal(opens("/abs/passwd"), S_IFREG);
    assert_int_equal(opens("/abs/passwd/"), -ENOTDIR);
    assert_int_equal(opens("/broken"), S_IFLNK);
    assert_int_equal(opens("/broken/."), -ENOENT);
    assert_int_equal(opens("/loop/"), -ELOOP);
}

static void links_are_resolved_as_far_as_they_lead(void **ctx)
{
    static const char *const cases[][2] = {
        {"/abs", "/etc"},          {"/chain", "/etc/passwd"},  {"/etc/up/etc", "/etc"},
        {"/broken", "/nowhere/x"}, {"/abs/none", "/etc/none"}, {"/", "/"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_(freep) char *to = root_resolve(root, cases[i][0]);
        assert_string_equal(to, cases[i][1]);
    }
    _cleanup_(freep) char *loop = root_resolve(root, "/loop/x"); /* it ends */
    assert_non_null(loop);
}

static void modes_are_gos(void **ctx)
{
    assert_int_equal(go_file_mode(S_IFREG | 0644), 0644);
    assert_true(go_file_mode(S_IFDIR | 0755) == 2147484141LL);
    assert_true(go_file_mode(S_IFLNK | 0777) == 134218239LL);
    assert_true(go_file_mode(S_IFREG | 04755) == (1LL << 23 | 0755));
    assert_true(go_file_mode(S_IFDIR | 01777) == (1LL << 31 | 1LL << 20 | 0777));
    assert_true(go_file_mode(S_IFCHR | 0600) == (1LL << 26 | 1LL << 21 | 0600));
}

static void within_is_by_whole_parts(void **ctx)
{
    assert_true(root_path_within("/data", "/data"));
    assert_true(root_path_within("/data/x", "/data"));
    assert_false(root_path_within("/database", "/data"));
    assert_true(root_path_within("/x", "/"));
}

static void the_kernels_own_is_known(void **ctx)
{
    _cleanup_(closep) int proc = fs_open_dir(AT_FDCWD, "/proc");
    assert_true(root_is_pseudo(proc));
    assert_false(root_is_pseudo(root));
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(names_and_trailing_slashes_are_dockers),
        TEST(links_are_followed_when_a_directory_is_meant),
        TEST(links_are_resolved_as_far_as_they_lead),
        TEST(modes_are_gos),
        TEST(within_is_by_whole_parts),
        TEST(the_kernels_own_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
