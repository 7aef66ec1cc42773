/* SPDX-License-Identifier: Apache-2.0 */
/* The overlay driver on real mounts, in a mount namespace of the test's own. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cmocka.h>

#include "fakehost.h"

struct fixture {
    const struct berth_plugin *plugin;
    const struct berth_storage_ops *ops;
    struct fake_options options;
    struct fake_host host;
    struct fake_err err;
    void *self;
    char *mnt;
};

static int setup_with(void **state, const char *const *given)
{
    struct fixture *f = calloc(1, sizeof(*f));
    f->plugin = fake_load(OVERLAY_SO);
    f->ops = f->plugin->ops;
    fake_err_init(&f->err);
    fake_options_init(&f->options, f->plugin->options, given);
    fake_host_init(&f->host, &f->options.base);
    f->mnt = fake_tmpdir();
    int r = f->ops->open(&f->host.base, &f->self, &f->err.base);
    if (r < 0)
        fprintf(stderr, "%s\n", f->err.words);
    *state = f;
    return r;
}

static int setup(void **state)
{
    return setup_with(state, NULL);
}

static int setup_volatile(void **state)
{
    static const char *const given[] = {"volatile=true", NULL};
    return setup_with(state, given);
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    f->ops->close(f->self);
    fake_host_fini(&f->host);
    fake_rm_rf(f->mnt);
    free(f->mnt);
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

static void put_layer(struct fixture *f, const char *id, const char *parent, void (*fill)(int dir))
{
    struct berth_diff diff = {.size = sizeof(diff)};
    assert_int_equal(f->ops->diff_begin(f->self, id, parent, &diff, &f->err.base), 0);
    assert_int_equal(diff.whiteout_form, BERTH_WHITEOUT_OVERLAY);
    fill(diff.dir_fd);
    assert_int_equal(f->ops->diff_commit(f->self, id, &diff, &f->err.base), 0);
}

static void fill_base(int dir)
{
    put_file(dir, "keep", "keep");
    put_file(dir, "gone", "gone");
    assert_int_equal(mkdirat(dir, "etc", 0755), 0);
    put_file(dir, "etc/a", "a");
    put_file(dir, "etc/b", "b");
    assert_int_equal(mkdirat(dir, "var", 0755), 0);
    assert_int_equal(mkdirat(dir, "var/deep", 0755), 0);
    put_file(dir, "var/deep/x", "x");
    assert_int_equal(fchmod(dir, 0711), 0);
}

static void fill_second(int dir)
{
    assert_int_equal(mknodat(dir, "gone", S_IFCHR, makedev(0, 0)), 0);
    assert_int_equal(mkdirat(dir, "etc", 0755), 0);
    int etc = openat(dir, "etc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(fsetxattr(etc, "trusted.overlay.opaque", "y", 1, 0), 0);
    put_file(etc, "c", "c");
    close(etc);
}

static void mount_layer(struct fixture *f, const char *id, uint32_t flags)
{
    struct fake_plan plan;
    fake_plan_init(&plan);
    assert_int_equal(f->ops->mount_plan(f->self, id, flags, &plan.base, &f->err.base), 0);
    assert_int_equal(fake_plan_mount(&plan, f->mnt, flags & BERTH_MOUNT_READONLY), 0);
}

static bool has(struct fixture *f, const char *path)
{
    char full[512];
    snprintf(full, sizeof(full), "%s/%s", f->mnt, path);
    return faccessat(AT_FDCWD, full, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static int mnt_fd(struct fixture *f)
{
    int fd = open(f->mnt, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

static void descriptor_names_driver_and_alias(void **state)
{
    struct fixture *f = *state;
    assert_string_equal(f->plugin->name, DRIVER_PREFIX "overlay");
    assert_string_equal(f->plugin->aliases, DRIVER_PREFIX "overlay2");
    assert_int_equal(f->plugin->kind, BERTH_STORAGE);
}

static void mount_merges_layers_with_whiteouts_and_opaque_directories(void **state)
{
    struct fixture *f = *state;
    put_layer(f, "base", NULL, fill_base);
    put_layer(f, "second", "base", fill_second);
    assert_int_equal(f->ops->layer_create(f->self, "rw", "second", NULL, &f->err.base), 0);
    mount_layer(f, "rw", 0);
    assert_true(has(f, "keep"));
    assert_false(has(f, "gone"));
    assert_true(has(f, "etc/c"));
    assert_false(has(f, "etc/a"));
    assert_true(has(f, "var/deep/x"));
    int fd = mnt_fd(f);
    put_file(fd, "new", "new");
    close(fd);
    umount2(f->mnt, MNT_DETACH);
    mount_layer(f, "rw", BERTH_MOUNT_READONLY);
    assert_true(has(f, "new"));
    umount2(f->mnt, MNT_DETACH);
}

static void writable_layer_has_mode_of_parents_root(void **state)
{
    struct fixture *f = *state;
    struct stat st;
    put_layer(f, "base", NULL, fill_base);
    assert_int_equal(f->ops->layer_create(f->self, "rw", "base", NULL, &f->err.base), 0);
    mount_layer(f, "rw", 0);
    assert_int_equal(stat(f->mnt, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0711);
    umount2(f->mnt, MNT_DETACH);
    assert_int_equal(f->ops->layer_create(f->self, "bare", NULL, NULL, &f->err.base), 0);
    mount_layer(f, "bare", 0);
    assert_int_equal(stat(f->mnt, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0755);
    umount2(f->mnt, MNT_DETACH);
}

static void single_layer_mounts_without_showing_its_whiteouts(void **state)
{
    struct fixture *f = *state;
    put_layer(f, "second", NULL, fill_second);
    mount_layer(f, "second", BERTH_MOUNT_READONLY);
    assert_false(has(f, "gone"));
    assert_true(has(f, "etc/c"));
    umount2(f->mnt, MNT_DETACH);
}

struct found {
    char text[4096];
};

static int note_change(void *ctx, const char *path, uint32_t kind)
{
    struct found *found = ctx;
    size_t n = strlen(found->text);
    snprintf(found->text + n, sizeof(found->text) - n, "%c %s\n", "CAD"[kind], path);
    return 0;
}

static void assert_changes(struct fixture *f, const char *id, const char *const *expected)
{
    struct found found = {""};
    assert_int_equal(f->ops->changes(f->self, id, note_change, &found, &f->err.base), 0);
    size_t lines = 0, n = 0;
    for (const char *p = found.text; (p = strchr(p, '\n')); p++)
        lines++;
    for (; expected[n]; n++)
        if (!strstr(found.text, expected[n]))
            fail_msg("missing %s in:\n%s", expected[n], found.text);
    if (n != lines)
        fail_msg("%zu expected, got:\n%s", n, found.text);
}

static void changes_tell_added_modified_and_deleted(void **state)
{
    struct fixture *f = *state;
    put_layer(f, "base", NULL, fill_base);
    assert_int_equal(f->ops->layer_create(f->self, "rw", "base", NULL, &f->err.base), 0);
    assert_changes(f, "rw", (const char *const[]){NULL});
    mount_layer(f, "rw", 0);
    int fd = mnt_fd(f);
    put_file(fd, "new", "n");
    put_file(fd, "keep", "changed");
    assert_int_equal(unlinkat(fd, "gone", 0), 0);
    put_file(fd, "var/deep/y", "y");
    assert_int_equal(unlinkat(fd, "etc/a", 0), 0);
    assert_int_equal(unlinkat(fd, "etc/b", 0), 0);
    assert_int_equal(unlinkat(fd, "etc", AT_REMOVEDIR), 0);
    assert_int_equal(mkdirat(fd, "etc", 0755), 0);
    put_file(fd, "etc/b", "other");
    close(fd);
    umount2(f->mnt, MNT_DETACH);
    assert_changes(f, "rw",
                   (const char *const[]){"A /new\n", "C /keep\n", "D /gone\n", "C /var\n",
                                         "C /var/deep\n", "A /var/deep/y\n", "C /etc\n",
                                         "D /etc/a\n", "C /etc/b\n", NULL});
}

static void changes_of_a_read_only_layer_follow_its_whiteouts(void **state)
{
    struct fixture *f = *state;
    put_layer(f, "base", NULL, fill_base);
    put_layer(f, "second", "base", fill_second);
    assert_changes(f, "second",
                   (const char *const[]){"D /gone\n", "C /etc\n", "D /etc/a\n", "D /etc/b\n",
                                         "A /etc/c\n", NULL});
}

static void remove_refuses_a_layer_that_another_stands_on(void **state)
{
    struct fixture *f = *state;
    put_layer(f, "base", NULL, fill_base);
    put_layer(f, "second", "base", fill_second);
    assert_int_equal(f->ops->layer_remove(f->self, "base", &f->err.base), -EBUSY);
    assert_int_equal(f->ops->layer_remove(f->self, "nothing", &f->err.base), -ENOENT);
    assert_int_equal(f->ops->layer_remove(f->self, "second", &f->err.base), 0);
    assert_int_equal(f->ops->layer_remove(f->self, "base", &f->err.base), 0);
    assert_int_equal(f->ops->layer_remove(f->self, "base", &f->err.base), -ENOENT);
}

static void create_refuses_known_ids_and_unknown_parents(void **state)
{
    struct fixture *f = *state;
    struct berth_diff diff = {.size = sizeof(diff)};
    put_layer(f, "base", NULL, fill_base);
    assert_int_equal(f->ops->layer_create(f->self, "base", NULL, NULL, &f->err.base), -EEXIST);
    assert_int_equal(f->ops->layer_create(f->self, "rw", "no", NULL, &f->err.base), -ENOENT);
    assert_int_equal(f->ops->layer_create(f->self, "../x", NULL, NULL, &f->err.base), -EINVAL);
    assert_int_equal(f->ops->diff_begin(f->self, "base", NULL, &diff, &f->err.base), -EEXIST);
    assert_int_equal(f->ops->diff_begin(f->self, "half", "base", &diff, &f->err.base), 0);
    assert_int_equal(f->ops->layer_create(f->self, "on-half", "half", NULL, &f->err.base), -ENOENT);
    f->ops->diff_abort(f->self, "half", &diff);
    assert_int_equal(f->ops->layer_remove(f->self, "half", &f->err.base), -ENOENT);
    assert_int_equal(f->ops->layer_remove(f->self, "base", &f->err.base), 0);
}

static int count_layer(void *ctx, const char *id)
{
    (void)id;
    ++*(int *)ctx;
    return 0;
}

static void open_sweeps_leftovers_and_knows_layers_again(void **state)
{
    struct fixture *f = *state;
    struct berth_diff diff = {.size = sizeof(diff)};
    char path[512], parent[128];
    put_layer(f, "base", NULL, fill_base);
    put_layer(f, "second", "base", fill_second);
    assert_int_equal(f->ops->layer_create(f->self, "rw", "second", NULL, &f->err.base), 0);
    assert_int_equal(f->ops->diff_begin(f->self, "half", "base", &diff, &f->err.base), 0);
    put_file(diff.dir_fd, "x", "x");
    close(diff.dir_fd);
    f->ops->close(f->self); /* as a crash would: neither commit nor abort */
    assert_int_equal(f->ops->open(&f->host.base, &f->self, &f->err.base), 0);
    snprintf(path, sizeof(path), "%s/tmp/half", f->host.data_dir);
    assert_int_equal(access(path, F_OK), -1);
    int n = 0;
    assert_int_equal(f->ops->layer_list(f->self, count_layer, &n, &f->err.base), 0);
    assert_int_equal(n, 3);
    struct berth_layer_stat st = {.size = sizeof(st), .parent = parent};
    assert_int_equal(f->ops->layer_stat(f->self, "rw", &st, &f->err.base), 0);
    assert_string_equal(parent, "second");
    assert_true(st.writable);
    assert_int_equal(f->ops->layer_stat(f->self, "base", &st, &f->err.base), 0);
    assert_string_equal(parent, "");
    assert_false(st.writable);
    assert_int_equal(f->ops->layer_remove(f->self, "base", &f->err.base), -EBUSY);
}

static void fill_nothing(int dir)
{
    (void)dir;
}

static void chain_deeper_than_the_kernel_stacks_is_refused(void **state)
{
    struct fixture *f = *state;
    struct berth_diff diff = {.size = sizeof(diff)};
    char id[32], parent[32] = "";
    for (int i = 0; i < 499; i++) {
        snprintf(id, sizeof(id), "l%d", i);
        if (i % 100 == 0 || i == 498) { /* a commit syncs; most of the chain is writable layers */
            put_layer(f, id, *parent ? parent : NULL, fill_nothing);
        } else {
            assert_int_equal(f->ops->layer_create(f->self, id, parent, NULL, &f->err.base), 0);
        }
        memcpy(parent, id, sizeof(id));
    }
    assert_int_equal(f->ops->diff_begin(f->self, "more", parent, &diff, &f->err.base), -EMLINK);
    assert_non_null(strstr(f->err.words, "squash"));
    assert_int_equal(f->ops->layer_create(f->self, "rw", parent, NULL, &f->err.base), 0);
    mount_layer(f, "rw", 0);
    umount2(f->mnt, MNT_DETACH);
    mount_layer(f, parent, BERTH_MOUNT_READONLY);
    umount2(f->mnt, MNT_DETACH);
}

static void usage_counts_hard_links_once(void **state)
{
    struct fixture *f = *state;
    struct berth_usage one = {.size = sizeof(one)}, two = {.size = sizeof(two)};
    assert_int_equal(f->ops->layer_create(f->self, "rw", NULL, NULL, &f->err.base), 0);
    mount_layer(f, "rw", 0);
    int fd = mnt_fd(f);
    put_file(fd, "a", "a");
    assert_int_equal(f->ops->usage(f->self, "rw", &one, &f->err.base), 0);
    assert_int_equal(linkat(fd, "a", fd, "b", 0), 0);
    close(fd);
    umount2(f->mnt, MNT_DETACH);
    assert_int_equal(f->ops->usage(f->self, "rw", &two, &f->err.base), 0);
    assert_int_equal(one.inodes, 2);
    assert_int_equal(two.inodes, 2);
    assert_int_equal(one.bytes, two.bytes);
}

static void deeply_nested_tree_is_removed(void **state)
{
    struct fixture *f = *state;
    struct berth_diff diff = {.size = sizeof(diff)};
    assert_int_equal(f->ops->diff_begin(f->self, "deep", NULL, &diff, &f->err.base), 0);
    int fd = dup(diff.dir_fd);
    for (int i = 0; i < 3000; i++) {
        assert_int_equal(mkdirat(fd, "d", 0755), 0);
        int sub = openat(fd, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        close(fd);
        fd = sub;
    }
    close(fd);
    assert_int_equal(f->ops->diff_commit(f->self, "deep", &diff, &f->err.base), 0);
    assert_int_equal(f->ops->layer_remove(f->self, "deep", &f->err.base), 0);
    char path[512];
    snprintf(path, sizeof(path), "%s/l/deep", f->host.data_dir);
    assert_int_equal(access(path, F_OK),
                     -1); /* at once; its files go meanwhile, at the latest here: */
    f->ops->close(f->self);
    assert_int_equal(f->ops->open(&f->host.base, &f->self, &f->err.base), 0);
    assert_int_equal(f->host.warnings, 0);
    snprintf(path, sizeof(path), "%s/tmp/gone.0", f->host.data_dir);
    assert_int_equal(access(path, F_OK), -1);
}

/* Twice: the kernel refuses an upper layer that bears its mark. */
static void volatile_option_reaches_the_mount(void **state)
{
    struct fixture *f = *state;
    struct fake_plan plan;
    assert_int_equal(f->ops->layer_create(f->self, "rw", NULL, NULL, &f->err.base), 0);
    for (int i = 0; i < 2; i++) {
        fake_plan_init(&plan);
        assert_int_equal(f->ops->mount_plan(f->self, "rw", 0, &plan.base, &f->err.base), 0);
        assert_true(plan.is_volatile);
        assert_int_equal(fake_plan_mount(&plan, f->mnt, false), 0);
        assert_int_equal(umount2(f->mnt, 0), 0);
    }
}

static void open_refuses_a_backing_file_system_in_words(void **state)
{
    struct fixture *f = *state;
    void *self = NULL;
    assert_int_equal(f->ops->layer_create(f->self, "rw", NULL, NULL, &f->err.base), 0);
    mount_layer(f, "rw", 0);
    const char *dir = f->host.base.data_dir;
    f->host.base.data_dir = f->mnt;
    assert_int_equal(f->ops->open(&f->host.base, &self, &f->err.base), -EOPNOTSUPP);
    assert_non_null(strstr(f->err.words, "overlayfs"));
    f->host.base.data_dir = dir;
    umount2(f->mnt, MNT_DETACH);
}

static int note_pair(void *ctx, const char *key, const char *value)
{
    struct found *found = ctx;
    size_t n = strlen(found->text);
    snprintf(found->text + n, sizeof(found->text) - n, "%s: %s\n", key, value);
    return 0;
}

static void status_has_dockers_pairs(void **state)
{
    struct fixture *f = *state;
    struct found found = {""};
    assert_int_equal(f->ops->status(f->self, note_pair, &found), 0);
    assert_non_null(strstr(found.text, "Backing Filesystem: "));
    assert_non_null(strstr(found.text, "Supports d_type: true\nUsing metacopy: false\n"
                                       "Native Overlay Diff: true\nuserxattr: false\n"));
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
    umask(077);
    fake_private_mounts();
    const struct CMUnitTest tests[] = {
        TEST(descriptor_names_driver_and_alias),
        TEST(mount_merges_layers_with_whiteouts_and_opaque_directories),
        TEST(writable_layer_has_mode_of_parents_root),
        TEST(single_layer_mounts_without_showing_its_whiteouts),
        TEST(changes_tell_added_modified_and_deleted),
        TEST(changes_of_a_read_only_layer_follow_its_whiteouts),
        TEST(remove_refuses_a_layer_that_another_stands_on),
        TEST(create_refuses_known_ids_and_unknown_parents),
        TEST(open_sweeps_leftovers_and_knows_layers_again),
        TEST(chain_deeper_than_the_kernel_stacks_is_refused),
        TEST(usage_counts_hard_links_once),
        TEST(deeply_nested_tree_is_removed),
        cmocka_unit_test_setup_teardown(volatile_option_reaches_the_mount, setup_volatile,
                                        teardown),
        TEST(open_refuses_a_backing_file_system_in_words),
        TEST(status_has_dockers_pairs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
