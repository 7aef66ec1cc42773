/* SPDX-License-Identifier: Apache-2.0 */
#include "../unit.h"

#include "base/fs.h"
#include "base/fscontext.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>

#define LAYERS 120 /* their paths fill more than the page that mount(2) takes */

static int setup(void **state)
{
    char *dir = xstrdup("/tmp/berth-test-fscontext-XXXXXX");
    *state = mkdtemp(dir);
    return *state ? 0 : -1;
}

static int teardown(void **state)
{
    int r = fs_rm_rf(AT_FDCWD, *state);
    free(*state);
    return r;
}

static char *mounts(void)
{
    char *text = NULL;
    assert_int_equal(fs_read(AT_FDCWD, "/proc/self/mountinfo", 16 << 20, &text, NULL), 0);
    return text;
}

static size_t open_descriptors(void)
{
    size_t n = 0;
    for (int fd = 0; fd < 1024; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

static void make_layers(const char *dir, struct mount_option *options)
{
    for (int i = 0; i < LAYERS; i++) {
        char *low = str_printf("%s/a-layer,with:an-awkward\\name-%d", dir, i);
        assert_int_equal(fs_mkdir_p(low, 0755), 0);
        _cleanup_(freep) char *file = str_printf("%s/file-%d", low, i);
        assert_int_equal(fs_write(AT_FDCWD, file, "x", 1, 0644), 0);
        options[i] = (struct mount_option){.key = "lowerdir+", .value = low, .is_path = true};
    }
}

static void private_mount_has_every_layer_and_is_seen_by_nobody(void **state)
{
    struct mount_option options[LAYERS];
    make_layers(*state, options);
    const struct fscontext fs = {.type = "overlay",
                                 .source = "overlay",
                                 .attr = MOUNT_ATTR_RDONLY,
                                 .options = options,
                                 .noptions = LAYERS};
    _cleanup_(freep) char *before = mounts();
    size_t open_before = open_descriptors();
    int fd = fscontext_mount_private(&fs, *state);
    if (fd == -EPERM)
        skip(); /* not root */
    assert_true(fd >= 0);
    assert_true(fs_exists(fd, "file-0") && fs_exists(fd, "file-119"));
    assert_int_equal(fs_write(fd, "new", "x", 1, 0644), -EROFS);
    _cleanup_(freep) char *after = mounts();
    assert_string_equal(after, before);
    assert_false(fs_exists(AT_FDCWD, "file-0"));
    close(fd);
    assert_int_equal(open_descriptors(), open_before);
    for (int i = 0; i < LAYERS; i++)
        free((char *)(uintptr_t)options[i].value);
}

static void private_mount_says_what_is_wrong(void **state)
{
    const struct mount_option missing = {
        .key = "lowerdir+", .value = "/nonexistent/layer", .is_path = true};
    const struct fscontext fs = {
        .type = "overlay", .source = "overlay", .options = &missing, .noptions = 1};
    int r = fscontext_mount_private(&fs, *state);
    assert_true(r == -EPERM || r == -ENOENT);
    assert_true(fscontext_mount_private(&fs, "/nonexistent/place") < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(private_mount_has_every_layer_and_is_seen_by_nobody, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(private_mount_says_what_is_wrong, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
