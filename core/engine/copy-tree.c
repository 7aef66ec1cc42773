/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copying a tree
 *
 * For the content that an image has where an empty volume is mounted. Only descriptors are followed, so nothing that is swapped
 * meanwhile leads out of either tree.
 */
#include "engine/copy-tree.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sendfile.h>
#include <sys/xattr.h>

#include "base/str.h"

#define DEPTH_MAX 256

static int copy_xattrs(int from, int to)
{
    ssize_t n = flistxattr(from, NULL, 0);
    if (n <= 0)
        return n < 0 && errno != ENOTSUP ? -errno : 0;
    _cleanup_(freep) char *names = xmalloc((size_t)n + 1);
    n = flistxattr(from, names, (size_t)n);
    if (n < 0)
        return -errno;
    names[n] = '\0';
    for (const char *name = names; name < names + n; name += strlen(name) + 1) {
        ssize_t len = fgetxattr(from, name, NULL, 0);
        if (len < 0)
            return -errno;
        _cleanup_(freep) char *value = xmalloc((size_t)len + 1);
        len = fgetxattr(from, name, value, (size_t)len);
        if (len < 0 || (fsetxattr(to, name, value, (size_t)len, 0) < 0 && errno != ENOTSUP))
            return -errno;
    }
    return 0;
}

/* Owner first: changing it would clear set-user-id bits. */
static int copy_meta(int from, int to, const struct stat *st)
{
    if (fchown(to, st->st_uid, st->st_gid) < 0 || fchmod(to, st->st_mode & 07777) < 0)
        return -errno;
    int r = copy_xattrs(from, to);
    const struct timespec times[2] = {st->st_atim, st->st_mtim};
    if (r == 0 && futimens(to, times) < 0)
        r = -errno;
    return r;
}

static int copy_file(int from_dir, int to_dir, const char *name, const struct stat *st)
{
    _cleanup_(closep) int from = openat(from_dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (from < 0)
        return -errno;
    _cleanup_(closep) int to =
        openat(to_dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (to < 0)
        return -errno;
    ssize_t n;
    do
        n = sendfile(to, from, NULL, 1 << 24);
    while (n > 0);
    return n < 0 ? -errno : copy_meta(from, to, st);
}

static int copy_link(int from_dir, int to_dir, const char *name, const struct stat *st)
{
    _cleanup_(freep) char *target = xcalloc(1, (size_t)st->st_size + 2);
    ssize_t n = readlinkat(from_dir, name, target, (size_t)st->st_size + 1);
    if (n < 0 || symlinkat(target, to_dir, name) < 0 ||
        fchownat(to_dir, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    return 0;
}

static int copy_node(int to_dir, const char *name, const struct stat *st)
{
    if (mknodat(to_dir, name, st->st_mode, st->st_rdev) < 0 ||
        fchownat(to_dir, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0 ||
        fchmodat(to_dir, name, st->st_mode & 07777, 0) < 0)
        return -errno;
    return 0;
}

static int copy_dir(int from, int to, int depth, struct err *err);

static int copy_subdir(int from_dir, int to_dir, const char *name, int depth, struct err *err)
{
    int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    _cleanup_(closep) int from = openat(from_dir, name, flags);
    if (from < 0 || (mkdirat(to_dir, name, 0700) < 0 && errno != EEXIST))
        return err_errno(err, -errno, "copying %s", name);
    _cleanup_(closep) int to = openat(to_dir, name, flags);
    if (to < 0)
        return err_errno(err, -errno, "copying %s", name);
    return copy_dir(from, to, depth + 1, err);
}

static int copy_entry(int from, int to, const char *name, int depth, struct err *err)
{
    struct stat st;
    if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return err_errno(err, -errno, "copying %s", name);
    int r = 0;
    if (S_ISDIR(st.st_mode))
        return copy_subdir(from, to, name, depth, err);
    if (S_ISREG(st.st_mode))
        r = copy_file(from, to, name, &st);
    else if (S_ISLNK(st.st_mode))
        r = copy_link(from, to, name, &st);
    else if (!S_ISSOCK(st.st_mode))
        r = copy_node(to, name, &st);
    return r < 0 ? err_errno(err, r, "copying %s", name) : 0;
}

static int copy_dir(int from, int to, int depth, struct err *err)
{
    if (depth > DEPTH_MAX)
        return err_set(err, -ELOOP, "a tree deeper than %d directories", DEPTH_MAX);
    int fd = openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_(closedirp) DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir) {
        int code = -errno;
        close_fd(fd);
        return err_errno(err, code, "reading a directory");
    }
    struct dirent *d;
    while ((d = readdir(dir))) {
        if (str_eq(d->d_name, ".") || str_eq(d->d_name, ".."))
            continue;
        int r = copy_entry(from, to, d->d_name, depth, err);
        if (r < 0)
            return r;
    }
    struct stat st;
    int r = fstat(from, &st) < 0 ? -errno : copy_meta(from, to, &st);
    return r < 0 ? err_errno(err, r, "copying a directory's owner and mode") : 0;
}

int copy_tree(int from, int to, struct err *err)
{
    return copy_dir(from, to, 0, err);
}
