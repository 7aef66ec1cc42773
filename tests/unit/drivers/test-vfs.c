/* SPDX-License-Identifier: Apache-2.0 */
/* The vfs driver: copies that keep everything, and what it says changed. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cmocka.h>

#include "fakehost.h"

struct fixture {
    const struct berth_plugin *plugin;
    const struct berth_storage_ops *ops;
    struct fake_host host;
    struct fake_err err;
    void *self;
};

static const unsigned char net_raw[20] = {1, 0, 0, 2, 0, 0x20}; /* cap_net_raw=ep */

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    f->plugin = fake_load(VFS_SO);
    f->ops = f->plugin->ops;
    fake_err_init(&f->err);
    fake_host_init(&f->host, NULL);
    *state = f;
    return f->ops->open(&f->host.base, &f->self, &f->err.base);
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    f->ops->close(f->self);
    fake_host_fini(&f->host);
    free(f);
    return 0;
}

static void put_file(int dir, const char *name, const char *text)
{
    int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

static void put_sparse(int dir)
{
    int fd = openat(dir, "sparse", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(ftruncate(fd, 64 << 20), 0);
    assert_int_equal(pwrite(fd, "end", 3, 32 << 20), 3);
    close(fd);
}

static void fill(int dir)
{
    const struct timespec times[2] = {{.tv_sec = 1000, .tv_nsec = 1}, {1234567890, 123456789}};
    put_file(dir, "program", "#!");
    assert_int_equal(fchownat(dir, "program", 1000, 1001, 0), 0);
    assert_int_equal(fchmodat(dir, "program", 06755, 0), 0);
    int fd = openat(dir, "program", O_RDONLY | O_CLOEXEC);
    assert_int_equal(fsetxattr(fd, "security.capability", net_raw, sizeof(net_raw), 0), 0);
    assert_int_equal(fsetxattr(fd, "user.note", "n", 1, 0), 0);
    assert_int_equal(futimens(fd, times), 0);
    close(fd);
    assert_int_equal(linkat(dir, "program", dir, "twin", 0), 0);
    assert_int_equal(symlinkat("/etc/../program", dir, "link"), 0);
    assert_int_equal(fchownat(dir, "link", 7, 8, AT_SYMLINK_NOFOLLOW), 0);
    assert_int_equal(utimensat(dir, "link", times, AT_SYMLINK_NOFOLLOW), 0);
    assert_int_equal(mknodat(dir, "null", S_IFCHR | 0666, makedev(1, 3)), 0);
    assert_int_equal(mknodat(dir, "fifo", S_IFIFO | 0600, 0), 0);
    put_sparse(dir);
    assert_int_equal(mkdirat(dir, "sub", 0711), 0);
    put_file(dir, "sub/a", "a");
    put_file(dir, "sub/b", "b");
    assert_int_equal(utimensat(dir, "sub", times, 0), 0);
}

static void put_base(struct fixture *f)
{
    struct berth_diff diff = {.size = sizeof(diff)};
    assert_int_equal(f->ops->diff_begin(f->self, "base", NULL, &diff, &f->err.base), 0);
    assert_int_equal(diff.whiteout_form, BERTH_WHITEOUT_APPLY);
    fill(diff.dir_fd);
    assert_int_equal(f->ops->diff_commit(f->self, "base", &diff, &f->err.base), 0);
}

static int plan_bind(struct berth_mount_plan *plan, const char *path)
{
    (void)plan;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

struct plan {
    struct berth_mount_plan base;
    int fd;
};

static int plan_open(struct berth_mount_plan *plan, const char *path)
{
    ((struct plan *)plan)->fd = plan_bind(plan, path);
    return 0;
}

static int open_layer(struct fixture *f, const char *id)
{
    struct plan plan = {.base = {.size = sizeof(plan.base), .bind = plan_open}, .fd = -1};
    assert_int_equal(f->ops->mount_plan(f->self, id, 0, &plan.base, &f->err.base), 0);
    assert_true(plan.fd >= 0);
    return plan.fd;
}

static void assert_same(int a, int b, const char *name)
{
    struct stat x, y;
    assert_int_equal(fstatat(a, name, &x, AT_SYMLINK_NOFOLLOW), 0);
    assert_int_equal(fstatat(b, name, &y, AT_SYMLINK_NOFOLLOW), 0);
    assert_int_equal(x.st_mode, y.st_mode);
    assert_int_equal(x.st_uid, y.st_uid);
    assert_int_equal(x.st_gid, y.st_gid);
    assert_int_equal(x.st_rdev, y.st_rdev);
    assert_int_equal(x.st_size, y.st_size);
    assert_int_equal(x.st_nlink, y.st_nlink);
    assert_int_equal(x.st_mtim.tv_sec, y.st_mtim.tv_sec);
    assert_int_equal(x.st_mtim.tv_nsec, y.st_mtim.tv_nsec);
}

static void copy_keeps_all_that_makes_a_file(void **state)
{
    struct fixture *f = *state;
    static const char *const names[] = {".",    "program", "twin",  "link",  "null",
                                        "fifo", "sub",     "sub/a", "sparse"};
    struct stat st;
    char target[64] = "", value[64];
    put_base(f);
    assert_int_equal(f->ops->layer_create(f->self, "rw", "base", NULL, &f->err.base), 0);
    int a = open_layer(f, "base"), b = open_layer(f, "rw");
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        assert_same(a, b, names[i]);
    assert_true(readlinkat(b, "link", target, sizeof(target)) > 0);
    assert_string_equal(target, "/etc/../program");
    int fd = openat(b, "twin", O_RDONLY | O_CLOEXEC);
    assert_int_equal(fgetxattr(fd, "security.capability", value, sizeof(value)), 20);
    assert_memory_equal(value, net_raw, 20);
    assert_int_equal(fgetxattr(fd, "user.note", value, sizeof(value)), 1);
    close(fd);
    assert_int_equal(fstatat(b, "sparse", &st, 0), 0);
    assert_in_range(st.st_blocks * 512, 1, 1 << 20);
    fd = openat(b, "sparse", O_RDONLY | O_CLOEXEC);
    assert_int_equal(pread(fd, value, 3, 32 << 20), 3);
    assert_memory_equal(value, "end", 3);
    close(fd);
    close(a);
    close(b);
}

static int note_change(void *ctx, const char *path, uint32_t kind)
{
    char *text = ctx;
    snprintf(text + strlen(text), 64, "%c %s\n", "CAD"[kind], path);
    return 0;
}

static void changes_compare_with_the_parent(void **state)
{
    struct fixture *f = *state;
    char text[2048] = "";
    put_base(f);
    assert_int_equal(f->ops->layer_create(f->self, "rw", "base", NULL, &f->err.base), 0);
    assert_int_equal(f->ops->changes(f->self, "rw", note_change, text, &f->err.base), 0);
    assert_string_equal(text, "");
    int fd = open_layer(f, "rw");
    put_file(fd, "sub/new", "n");
    assert_int_equal(unlinkat(fd, "sub/a", 0), 0);
    assert_int_equal(fchmodat(fd, "fifo", 0644, 0), 0);
    close(fd);
    assert_int_equal(f->ops->changes(f->self, "rw", note_change, text, &f->err.base), 0);
    assert_non_null(strstr(text, "C /sub\nA /sub/new\nD /sub/a\n"));
    assert_non_null(strstr(text, "C /fifo\n"));
    assert_int_equal(strlen(text), strlen("C /sub\nA /sub/new\nD /sub/a\nC /fifo\n"));
}

static void usage_and_references_hold(void **state)
{
    struct fixture *f = *state;
    struct berth_usage usage = {.size = sizeof(usage)};
    struct berth_diff diff = {.size = sizeof(diff)};
    put_base(f);
    assert_int_equal(f->ops->diff_begin(f->self, "next", "base", &diff, &f->err.base), 0);
    assert_int_equal(unlinkat(diff.dir_fd, "twin", 0), 0); /* as the host applies a whiteout */
    assert_int_equal(f->ops->layer_remove(f->self, "base", &f->err.base), -EBUSY);
    assert_int_equal(f->ops->diff_commit(f->self, "next", &diff, &f->err.base), 0);
    assert_int_equal(f->ops->usage(f->self, "base", &usage, &f->err.base), 0);
    assert_int_equal(usage.inodes, 9);
    assert_int_equal(f->ops->layer_remove(f->self, "base", &f->err.base), -EBUSY);
    assert_int_equal(f->ops->layer_remove(f->self, "next", &f->err.base), 0);
    assert_int_equal(f->ops->layer_remove(f->self, "base", &f->err.base), 0);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
    umask(077);
    const struct CMUnitTest tests[] = {
        TEST(copy_keeps_all_that_makes_a_file),
        TEST(changes_compare_with_the_parent),
        TEST(usage_and_references_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
