/* SPDX-License-Identifier: Apache-2.0 */
/* Directories leave their place at once, and their files are deleted. */
#include "unit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/str.h"
#include "engine/discard.h"

static char root[64];

static int setup(void **state)
{
    snprintf(root, sizeof(root), "/tmp/berth-unit-discard-XXXXXX");
    assert_non_null(mkdtemp(root));
    _cleanup_(freep) char *tmp = str_printf("%s/tmp", root);
    return mkdir(tmp, 0700);
}

static int teardown(void **state)
{
    return fs_rm_rf(AT_FDCWD, root);
}

static char *make_tree(int n)
{
    char *path = str_printf("%s/%d", root, n);
    _cleanup_(freep) char *below = str_printf("%s/a/b", path);
    _cleanup_(freep) char *file = str_printf("%s/f", below);
    assert_int_equal(fs_mkdir_p(below, 0700), 0);
    assert_int_equal(fs_write(AT_FDCWD, file, "x", 1, 0600), 0);
    return path;
}

static int entries_of_tmp(void)
{
    _cleanup_(freep) char *tmp = str_printf("%s/tmp", root);
    _cleanup_(closedirp) DIR *d = opendir(tmp);
    int n = -2;
    while (readdir(d))
        n++;
    return n;
}

static void a_discarded_directory_is_gone_and_its_files_with_it(void **state)
{
    struct discards *d = NULL;
    assert_int_equal(discards_open(root, &d, NULL), 0);
    for (int i = 0; i < 200; i++) {
        _cleanup_(freep) char *path = make_tree(i);
        assert_int_equal(discard_directory(d, path), 0);
        assert_false(fs_exists(AT_FDCWD, path));
        assert_int_equal(discard_directory(d, path), 0); /* again: there is none */
    }
    discards_close(d);
    assert_int_equal(entries_of_tmp(), 0);
}

static void a_directory_that_cannot_be_moved_is_deleted_on_the_spot(void **state)
{
    struct discards *d = NULL;
    assert_int_equal(discards_open(root, &d, NULL), 0);
    _cleanup_(freep) char *path = make_tree(0), *tmp = str_printf("%s/tmp", root);
    assert_int_equal(rmdir(tmp), 0);
    assert_int_equal(discard_directory(d, path), 0);
    assert_false(fs_exists(AT_FDCWD, path));
    discards_close(d);
}

static void without_a_place_for_them_there_are_no_discards(void **state)
{
    struct discards *d = NULL;
    _cleanup_(err_fini) struct err err = {0};
    assert_int_equal(discards_open("/nonexistent", &d, &err), -ENOENT);
    assert_non_null(strstr(err_msg(&err), "/nonexistent/tmp"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_discarded_directory_is_gone_and_its_files_with_it, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_directory_that_cannot_be_moved_is_deleted_on_the_spot,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(without_a_place_for_them_there_are_no_discards, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
