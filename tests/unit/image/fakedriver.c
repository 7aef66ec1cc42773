/* SPDX-License-Identifier: Apache-2.0 */
/* A storage driver of plain directories. */
#include "tests/unit/image/fakedriver.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/str.h"

static int layer_remove(void *self, const char *id, struct berth_err *err)
{
    struct fake *d = self;
    if (d->held && strcmp(d->held, id) == 0)
        return berth_err_set(err, -EBUSY, "layer %s is held", id);
    if (!fs_exists(d->dir, id))
        return berth_err_set(err, -ENOENT, "layer %s is not there", id);
    return fs_rm_rf(d->dir, id);
}

static int diff_begin(void *self, const char *id, const char *parent, struct berth_diff *diff,
                      struct berth_err *err)
{
    struct fake *d = self;
    if (str_eq(d->fail_at, "begin"))
        return berth_err_set(err, -ENOSPC, "no room");
    if (parent && !fs_exists(d->dir, parent))
        return berth_err_set(err, -ENOENT, "parent %s is not there", parent);
    _cleanup_(freep) char *tmp = str_printf("%s.tmp", id);
    if (mkdirat(d->dir, tmp, 0755) < 0)
        return -errno;
    diff->dir_fd = fs_open_dir(d->dir, tmp);
    diff->whiteout_form = BERTH_WHITEOUT_OCI;
    return 0;
}

static void diff_abort(void *self, const char *id, struct berth_diff *diff)
{
    struct fake *d = self;
    _cleanup_(freep) char *tmp = str_printf("%s.tmp", id);
    close(diff->dir_fd);
    fs_rm_rf(d->dir, tmp);
}

static int diff_commit(void *self, const char *id, struct berth_diff *diff, struct berth_err *err)
{
    struct fake *d = self;
    if (str_eq(d->fail_at, "commit")) {
        diff_abort(self, id, diff);
        return berth_err_set(err, -EIO, "the disk is broken");
    }
    _cleanup_(freep) char *tmp = str_printf("%s.tmp", id);
    close(diff->dir_fd);
    return renameat(d->dir, tmp, d->dir, id) < 0 ? -errno : 0;
}

static int layer_list(void *self, int (*each)(void *ctx, const char *id), void *ctx,
                      struct berth_err *err)
{
    struct fake *d = self;
    DIR *dir = fdopendir(openat(d->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    int r = 0;
    for (struct dirent *e; r == 0 && (e = readdir(dir));)
        if (e->d_name[0] != '.')
            r = each(ctx, e->d_name);
    closedir(dir);
    return r;
}

const struct berth_storage_ops fake_ops = {
    .size = sizeof(fake_ops),
    .layer_remove = layer_remove,
    .diff_begin = diff_begin,
    .diff_abort = diff_abort,
    .diff_commit = diff_commit,
    .layer_list = layer_list,
};
