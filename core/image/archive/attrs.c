/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owner, mode, xattrs, times
 *
 * In this order: a change of owner clears set-user-id bits and capabilities, and everything touches the times.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "base/fs.h"
#include "image/archive/target.h"

#define XATTRS_MAX      256
#define XATTR_BYTES_MAX (64u << 10)
#define XATTR_NAMES_MAX (64u << 10)

bool xattr_kept(const char *name)
{
    return str_eq(name, "security.capability") ||
           (str_after(name, "user.") && !str_after(name, "user.overlay."));
}

static int set_owner(const struct unpack *u, struct archive_entry *e, int fd, const char *path,
                     struct err *err)
{
    const struct archive_target *to = u->to;
    int64_t uid = to->chown ? to->uid : archive_entry_uid(e);
    int64_t gid = to->chown ? to->gid : archive_entry_gid(e);
    if (to->no_owner)
        return 0;
    if (uid < 0 || gid < 0 || uid >= UINT32_MAX || gid >= UINT32_MAX)
        return err_set(err, -EINVAL, "tar entry %s: owner %lld:%lld is out of range", path,
                       (long long)uid, (long long)gid);
    if (fchownat(fd, "", (uid_t)uid, (gid_t)gid, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) < 0)
        return err_errno(err, -errno, "tar entry %s: changing its owner to %lld:%lld", path,
                         (long long)uid, (long long)gid);
    return 0;
}

/* As Docker: what the file system, this kind of file or the user cannot hold is left out. */
static bool may_lack(const struct unpack *u, const char *name, int code)
{
    return code == ENOTSUP || (code == EPERM && (str_after(name, "user.") || u->to->no_owner));
}

static int set_xattrs(struct unpack *u, struct archive_entry *e, const char *place,
                      const char *path, struct err *err)
{
    const char *name;
    const void *value;
    size_t size;
    if (archive_entry_xattr_reset(e) > XATTRS_MAX)
        return err_set(err, -EINVAL, "tar entry %s: more than %d extended attributes", path,
                       XATTRS_MAX);
    while (archive_entry_xattr_next(e, &name, &value, &size) == ARCHIVE_OK) {
        if (!name || !xattr_kept(name))
            continue;
        if (size > XATTR_BYTES_MAX)
            return err_set(err, -EINVAL, "tar entry %s: attribute %s is larger than %u bytes", path,
                           name, XATTR_BYTES_MAX);
        if (setxattr(place, name, value, size, 0) == 0)
            continue;
        if (!may_lack(u, name, errno))
            return err_errno(err, -errno, "tar entry %s: setting attribute %s", path, name);
        u->stats.xattrs_skipped++;
    }
    return 0;
}

static void note_dir(struct unpack *u, const char *path, const struct timespec *mtime)
{
    if (u->dirs.n == u->dirs.cap) {
        u->dirs.cap = u->dirs.cap ? u->dirs.cap * 2 : 64;
        u->dirs.v = xrealloc(u->dirs.v, u->dirs.cap * sizeof(*u->dirs.v));
    }
    u->dirs.v[u->dirs.n++] = (struct dir_time){.path = xstrdup(path), .mtime = *mtime};
}

static int set_mtime(struct unpack *u, struct archive_entry *e, const char *place, const char *path,
                     struct err *err)
{
    if (!archive_entry_mtime_is_set(e))
        return 0;
    struct timespec t = {.tv_sec = archive_entry_mtime(e), .tv_nsec = archive_entry_mtime_nsec(e)};
    if (t.tv_nsec < 0 || t.tv_nsec > 999999999)
        t.tv_nsec = 0;
    if (archive_entry_filetype(e) == AE_IFDIR) {
        note_dir(u, path, &t); /* set when all its files are there */
        return 0;
    }
    const struct timespec times[2] = {t, t};
    if (utimensat(AT_FDCWD, place, times, 0) < 0)
        return err_errno(err, -errno, "tar entry %s: setting its time", path);
    return 0;
}

int attrs_apply(struct unpack *u, struct archive_entry *e, int fd, const char *path,
                struct err *err)
{
    char place[FD_PATH_MAX]; /* leads to the file itself, also to a link */
    const char *name = archive_entry_pathname(e);
    fs_fd_path(fd, place);
    int r = set_owner(u, e, fd, name, err);
    if (r < 0)
        return r;
    if (archive_entry_filetype(e) != AE_IFLNK && chmod(place, archive_entry_perm(e) & 07777) < 0)
        return err_errno(err, -errno, "tar entry %s: setting its mode", name);
    r = set_xattrs(u, e, place, name, err);
    return r < 0 ? r : set_mtime(u, e, place, path, err);
}

static int read_one(const char *path, const char *name, struct archive_entry *e)
{
    ssize_t n = getxattr(path, name, NULL, 0);
    if (n < 0)
        return errno == ENODATA ? 0 : -errno;
    _cleanup_(freep) char *value = xmalloc((size_t)n + 1);
    n = getxattr(path, name, value, (size_t)n);
    if (n < 0)
        return errno == ENODATA ? 0 : -errno;
    archive_entry_xattr_add_entry(e, name, value, (size_t)n);
    return 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

int attrs_read(const char *path, struct archive_entry *e)
{
    ssize_t n = listxattr(path, NULL, 0);
    if (n <= 0)
        return n == 0 || errno == ENOTSUP ? 0 : -errno;
    if ((size_t)n > XATTR_NAMES_MAX)
        return -E2BIG;
    _cleanup_(freep) char *names = xmalloc((size_t)n + 1);
    n = listxattr(path, names, (size_t)n);
    if (n < 0)
        return -errno;
    _cleanup_(strv_fini) struct strv kept = {0};
    for (const char *p = names; p < names + n; p += strlen(p) + 1)
        if (xattr_kept(p))
            strv_add(&kept, p);
    if (kept.n)
        qsort(kept.v, kept.n, sizeof(*kept.v), by_name);
    const char *name;
    strv_foreach (name, &kept) {
        int r = read_one(path, name, e);
        if (r < 0)
            return r;
    }
    return 0;
}
