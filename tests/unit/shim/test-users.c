/* SPDX-License-Identifier: Apache-2.0 */
/* Who the program runs as: Docker's rules for user and group. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/fs.h"
#include "shim/task.h"

static char dir[] = "/tmp/berth-users-test.XXXXXX";
static int root;

static void put(const char *name, const char *text)
{
    assert_int_equal(fs_write(root, name, text, strlen(text), 0644), 0);
}

static int setup(void **state)
{
    assert_non_null(mkdtemp(dir));
    root = fs_open_dir(AT_FDCWD, dir);
    assert_true(root >= 0);
    assert_int_equal(mkdirat(root, "etc", 0755), 0);
    put("etc/passwd", "# comment\n\nroot:x:0:0:root:/root:/bin/sh\nbad line\nweb:x:33:34::/srv:\n"
                      "nohome:x:44:44\n1000:x:55:55::/num:\nhuge:x:9999999999:0::/:\n");
    put("etc/group", "root:x:0:root\nwww:x:34:\nextra:x:50:web,other\naudio:x:29:other\nshort\n");
    return 0;
}

static int teardown(void **state)
{
    close(root);
    return fs_rm_rf(AT_FDCWD, dir);
}

static int resolve(const char *user, const char **groups, size_t n, struct identity *who,
                   struct err *err)
{
    struct process p = {.user = user, .groups = groups, .ngroups = n};
    return identity_resolve(root, &p, who, err);
}

static void expect(const char *user, uid_t uid, gid_t gid, uint32_t ngroups, const char *home)
{
    struct identity who;
    _cleanup_(err_fini) struct err why = {0};
    assert_int_equal(resolve(user, NULL, 0, &who, &why), 0);
    assert_int_equal(who.uid, uid);
    assert_int_equal(who.gid, gid);
    assert_int_equal(who.ngroups, ngroups);
    assert_string_equal(who.home, home);
}

static void names_and_numbers_are_resolved(void **state)
{
    expect("", 0, 0, 1, "HOME=/root");
    expect("root", 0, 0, 1, "HOME=/root");
    expect("web", 33, 34, 2, "HOME=/srv");
    expect("33", 33, 34, 2, "HOME=/srv");
    expect("web:audio", 33, 29, 1, "HOME=/srv");
    expect("web:12345", 33, 12345, 1, "HOME=/srv");
    expect("web:", 33, 34, 2, "HOME=/srv");
    expect("nohome", 44, 44, 1, "HOME=/");
    expect("777", 777, 0, 1, "HOME=/");
    expect("777:777", 777, 777, 1, "HOME=/");
    /* A number is a uid even where a user is called so. */
    expect("1000", 1000, 0, 1, "HOME=/");
    expect(":www", 0, 34, 1, "HOME=/root");
}

static void fails(const char *user, const char **groups, size_t n, const char *words)
{
    struct identity who;
    _cleanup_(err_fini) struct err why = {0};
    assert_true(resolve(user, groups, n, &who, &why) < 0);
    assert_string_equal(err_msg(&why), words);
}

static void what_is_not_there_is_said_as_docker_does(void **state)
{
    const char *groups[] = {"nosuch"};
    fails("nobody", NULL, 0, "unable to find user nobody: no matching entries in passwd file");
    fails("web:nosuch", NULL, 0, "unable to find group nosuch: no matching entries in group file");
    fails("web", groups, 1, "unable to find group nosuch: no matching entries in group file");
    fails("2147483648", NULL, 0, "uids and gids must be in range 0-2147483647");
    fails("-5", NULL, 0, "uids and gids must be in range 0-2147483647");
    fails("huge", NULL, 0, "uids and gids must be in range 0-2147483647");
}

static void groups_are_added_once(void **state)
{
    struct identity who;
    _cleanup_(err_fini) struct err why = {0};
    const char *groups[] = {"audio", "34", "audio", "4321"};
    assert_int_equal(resolve("web", groups, 4, &who, &why), 0);
    const gid_t want[] = {34, 50, 29, 4321};
    assert_int_equal(who.ngroups, 4);
    assert_memory_equal(who.groups, want, sizeof(want));
}

static void without_files_numbers_still_work(void **state)
{
    assert_int_equal(renameat(root, "etc", root, "away"), 0);
    expect("", 0, 0, 1, "HOME=/");
    expect("5:6", 5, 6, 1, "HOME=/");
    fails("root", NULL, 0, "unable to find user root: no matching entries in passwd file");
    assert_int_equal(renameat(root, "away", root, "etc"), 0);
}

static void special_files_are_refused(void **state)
{
    assert_int_equal(renameat(root, "etc/passwd", root, "etc/kept"), 0);
    assert_int_equal(mkfifoat(root, "etc/passwd", 0644), 0);
    fails("root", NULL, 0, "the container's /etc/passwd is no regular file");
    assert_int_equal(renameat(root, "etc/kept", root, "etc/passwd"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_numbers_are_resolved),
        cmocka_unit_test(what_is_not_there_is_said_as_docker_does),
        cmocka_unit_test(groups_are_added_once),
        cmocka_unit_test(without_files_numbers_still_work),
        cmocka_unit_test(special_files_are_refused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
