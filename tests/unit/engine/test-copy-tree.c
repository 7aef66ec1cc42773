/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/copy-tree.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/str.h"
#include "unit.h"

static void content_modes_links_and_fifos_are_copied(void **state)
{
    char dir[] = "/tmp/berth-copy-XXXXXX";
    assert_non_null(mkdtemp(dir));
    _cleanup_(freep) char *a = str_printf("%s/a", dir), *b = str_printf("%s/b", dir);
    assert_int_equal(mkdir(a, 0751), 0);
    assert_int_equal(mkdir(b, 0700), 0);
    _cleanup_(closep) int from = open(a, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_(closep) int to = open(b, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(chmod(a, 0751), 0);
    assert_int_equal(mkdirat(from, "sub", 0700), 0);
    assert_int_equal(fs_write(from, "sub/file", "text", 4, 0640), 0);
    assert_int_equal(fchmodat(from, "sub/file", 04710, 0), 0);
    assert_int_equal(symlinkat("/etc/passwd", from, "link"), 0);
    assert_int_equal(mkfifoat(from, "fifo", 0600), 0);
    assert_int_equal(copy_tree(from, to, NULL), 0);
    struct stat st;
    _cleanup_(freep) char *text = NULL;
    assert_int_equal(fs_read(to, "sub/file", 100, &text, NULL), 0);
    assert_string_equal(text, "text");
    assert_int_equal(fstatat(to, "sub/file", &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 04710);
    assert_int_equal(fstatat(to, "link", &st, AT_SYMLINK_NOFOLLOW), 0);
    assert_true(S_ISLNK(st.st_mode));
    assert_int_equal(fstatat(to, "fifo", &st, AT_SYMLINK_NOFOLLOW), 0);
    assert_true(S_ISFIFO(st.st_mode));
    assert_int_equal(fstat(to, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0751);
    assert_int_equal(fs_rm_rf(AT_FDCWD, dir), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(content_modes_links_and_fifos_are_copied),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
