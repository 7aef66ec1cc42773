/* SPDX-License-Identifier: Apache-2.0 */
/* Names of a root's users and groups. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/str.h"
#include "base/userdb.h"

static char *dir;
static int root;

static int setup(void **ctx)
{
    static const char users[] =
        "# a\nroot:x:0:0:root:/root:/bin/sh\n\napp:x:1000:1001::/home/app:\nbroken\n";
    static const char groups[] = "root:x:0:\nstaff:x:50:app,other\n";
    dir = xstrdup("/tmp/berth-userdb-XXXXXX");
    if (!mkdtemp(dir) || (root = fs_open_dir(AT_FDCWD, dir)) < 0 || mkdirat(root, "etc", 0755) < 0)
        return -1;
    return fs_write(root, "etc/passwd", users, strlen(users), 0644) |
           fs_write(root, "etc/group", groups, strlen(groups), 0644);
}

static int teardown(void **ctx)
{
    close(root);
    fs_rm_rf(AT_FDCWD, dir);
    free(dir);
    return 0;
}

static void finds(const char *spec, uid_t uid, gid_t gid)
{
    struct userdb_ids ids;
    _cleanup_(err_fini) struct err err = {0};
    if (userdb_lookup(root, spec, &ids, &err) < 0)
        fail_msg("%s: %s", spec, err_msg(&err));
    assert_int_equal(ids.uid, uid);
    assert_int_equal(ids.gid, gid);
}

static int refuses(const char *spec)
{
    struct userdb_ids ids;
    _cleanup_(err_fini) struct err err = {0};
    return userdb_lookup(root, spec, &ids, &err);
}

static void names_and_numbers_are_looked_up(void **ctx)
{
    finds("app", 1000, 1001);
    finds("1000", 1000, 1001);
    finds("app:staff", 1000, 50);
    finds("app:77", 1000, 77);
    finds("4242", 4242, 0);
    finds("", 0, 0);
    assert_int_equal(refuses("nobody"), -ENOENT);
    assert_int_equal(refuses("app:nogroup"), -ENOENT);
    assert_int_equal(refuses("-5"), -ERANGE);
    assert_int_equal(refuses("99999999999"), -ERANGE);
}

static void a_file_that_is_none_is_not_opened(void **ctx)
{
    assert_int_equal(unlinkat(root, "etc/passwd", 0), 0);
    assert_int_equal(mkfifoat(root, "etc/passwd", 0644), 0);
    assert_int_equal(refuses("app"), -EINVAL);
    assert_int_equal(unlinkat(root, "etc/passwd", 0), 0);
    finds("7", 7, 0); /* without a list only numbers are known */
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(names_and_numbers_are_looked_up),
        TEST(a_file_that_is_none_is_not_opened),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
