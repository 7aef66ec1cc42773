/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unpacking
 *
 * Each entry is made by our own calls on descriptors: libarchive parses, and writes nothing. What stands in an entry's
 * way is removed first, as in Docker, but a directory stays for a directory.
 */
#include "image/archive/unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/fs.h"
#include "berth/host.h"
#include "image/archive/target.h"

#define BLOCK (256u << 10)

static int fail(struct archive_entry *e, struct err *err, int code, const char *what)
{
    return err_errno(err, code, "tar entry %s: %s", archive_entry_pathname(e), what);
}

/* Makes room for an entry; 1 when a directory stays that is wanted. */
static int make_room(struct unpack *u, struct archive_entry *e, int dir, const char *base,
                     struct err *err)
{
    struct stat st;
    bool want_dir = !archive_entry_hardlink(e) && archive_entry_filetype(e) == AE_IFDIR;
    if (fstatat(dir, base, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : fail(e, err, -errno, "looking at its place");
    bool is_dir = S_ISDIR(st.st_mode);
    if (is_dir && want_dir)
        return 1;
    if (u->to->no_replace && is_dir != want_dir)
        return err_set(err, -EINVAL, "cannot overwrite %s \"%s\" with %s",
                       is_dir ? "directory" : "non-directory", archive_entry_pathname(e),
                       is_dir ? "a non-directory" : "a directory");
    if (is_dir || S_ISLNK(st.st_mode))
        target_forget(u);
    int r = fs_rm_rf(dir, base);
    return r < 0 ? fail(e, err, r, "removing what stands in its way") : 0;
}

static int write_data(struct unpack *u, struct archive *a, struct archive_entry *e, int fd,
                      struct err *err)
{
    const void *data;
    size_t n;
    int64_t at, end = 0;
    int rc;
    while ((rc = archive_read_data_block(a, &data, &n, &at)) == ARCHIVE_OK)
        for (const char *p = data; n > 0;) {
            ssize_t done = pwrite(fd, p, n, at);
            if (done < 0 && errno == EINTR)
                continue;
            if (done < 0)
                return fail(e, err, -errno, "writing it");
            p += done;
            n -= (size_t)done;
            end = at += done;
            u->stats.bytes += done;
        }
    if (rc != ARCHIVE_EOF)
        return reader_error(a, archive_entry_pathname(e), err);
    int64_t size = archive_entry_size(e);
    if (size > end && ftruncate(fd, size) < 0)
        return fail(e, err, -errno, "extending it");
    return 0;
}

/* The makers give a descriptor of what they made, or a negative errno. */
static int make_file(struct unpack *u, struct archive *a, struct archive_entry *e, int dir,
                     const char *base, struct err *err)
{
    _cleanup_(closep) int fd =
        openat(dir, base, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return fail(e, err, -errno, "creating it");
    int r = write_data(u, a, e, fd, err);
    return r < 0 ? r : steal_fd(&fd);
}

static int make_link(struct unpack *u, struct archive_entry *e, int dir, const char *base,
                     struct err *err)
{
    const char *path = archive_entry_pathname(e), *to = archive_entry_hardlink(e);
    _cleanup_(freep) char *target = NULL;
    _cleanup_(freep) char *what =
        str_printf("tar entry %s: hard link to %s points outside the root", path, to);
    struct err why = {0};
    int r = target_path(u, to, what, &target, &why);
    err_fini(&why);
    if (r < 0 || !*target)
        return err_set(err, -EINVAL, "%s", what);
    const char *slash = strrchr(target, '/');
    _cleanup_(freep) char *above = slash ? xstrndup(target, (size_t)(slash - target)) : xstrdup("");
    _cleanup_(closep) int from = target_open(u, above, O_PATH | O_DIRECTORY);
    if (from < 0 || linkat(from, slash ? slash + 1 : target, dir, base, 0) < 0) {
        r = from < 0 ? from : -errno;
        return err_errno(
            err, r == -ENOENT || r == -EPERM ? -EINVAL : r, "tar entry %s: hard link to %s (%s)",
            path, to, r == -ENOENT ? "which is not in the archive" : "which cannot be linked to");
    }
    return 0;
}

/* Opens what was just made, whatever it is; something else in its place is refused. */
static int open_made(struct archive_entry *e, int dir, const char *base, mode_t type,
                     struct err *err)
{
    struct stat st;
    _cleanup_(closep) int fd = openat(dir, base, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0)
        return fail(e, err, -errno, "opening it");
    if ((st.st_mode & S_IFMT) != type)
        return err_set(err, -EAGAIN, "tar entry %s: something else was put in its place",
                       archive_entry_pathname(e));
    return steal_fd(&fd);
}

static int make_node(struct archive_entry *e, int dir, const char *base, mode_t type,
                     struct err *err)
{
    dev_t dev = type == S_IFIFO ? 0 : archive_entry_rdev(e);
    if (mknodat(dir, base, type | 0600, dev) < 0)
        return fail(e, err, -errno, type == S_IFIFO ? "making the fifo" : "making the device");
    return open_made(e, dir, base, type, err);
}

static int make_dir(struct archive_entry *e, int dir, const char *base, struct err *err)
{
    if (mkdirat(dir, base, 0700) < 0 && errno != EEXIST)
        return fail(e, err, -errno, "making the directory");
    return open_made(e, dir, base, S_IFDIR, err);
}

static int make_symlink(struct archive_entry *e, int dir, const char *base, struct err *err)
{
    const char *to = archive_entry_symlink(e);
    if (!to || !*to || strlen(to) > ENTRY_NAME_MAX)
        return err_set(err, -EINVAL, "tar entry %s: a link to %s", archive_entry_pathname(e),
                       to && *to ? "too long a name" : "nothing");
    if (symlinkat(to, dir, base) < 0)
        return fail(e, err, -errno, "making the link");
    return open_made(e, dir, base, S_IFLNK, err);
}

static int make_entry(struct unpack *u, struct archive *a, struct archive_entry *e, int dir,
                      const char *base, struct err *err)
{
    mode_t type = archive_entry_filetype(e);
    switch (type) {
    case AE_IFREG:
        return make_file(u, a, e, dir, base, err);
    case AE_IFDIR:
        return make_dir(e, dir, base, err);
    case AE_IFLNK:
        return make_symlink(e, dir, base, err);
    case AE_IFCHR:
    case AE_IFBLK:
    case AE_IFIFO:
        return make_node(e, dir, base, type, err);
    }
    return err_set(err, -EINVAL, "tar entry %s: unknown type 0%o", archive_entry_pathname(e), type);
}

/* With all that belongs to it; `path` is clean and not the top. */
static int place_entry(struct unpack *u, struct archive *a, struct archive_entry *e,
                       const char *path, struct err *err)
{
    const char *base;
    int dir, r = target_parent(u, path, &dir, &base, err);
    if (r < 0 || (r = make_room(u, e, dir, base, err)) < 0)
        return r;
    if (archive_entry_hardlink(e))
        return make_link(u, e, dir, base, err);
    _cleanup_(closep) int fd = make_entry(u, a, e, dir, base, err);
    return fd < 0 ? fd : attrs_apply(u, e, fd, path, err);
}

/* The directory that all the others are in. */
static int top_entry(struct unpack *u, struct archive_entry *e, struct err *err)
{
    if (archive_entry_filetype(e) != AE_IFDIR)
        return err_set(err, -EINVAL, "tar entry %s: the root can only be a directory",
                       archive_entry_pathname(e));
    return u->to->keep_top ? 0 : attrs_apply(u, e, u->top, "", err);
}

/* An overlay takes a character device 0/0 for a whiteout: an archive may not smuggle one in. */
static bool is_false_whiteout(const struct unpack *u, struct archive_entry *e)
{
    return u->form == BERTH_WHITEOUT_OVERLAY && !archive_entry_hardlink(e) &&
           archive_entry_filetype(e) == AE_IFCHR && archive_entry_rdev(e) == makedev(0, 0);
}

static int unpack_entry(struct unpack *u, struct archive *a, struct archive_entry *e,
                        struct err *err)
{
    const char *name = archive_entry_pathname(e);
    _cleanup_(freep) char *what = str_printf("tar entry %.200s", name ? name : "?");
    _cleanup_(freep) char *path = NULL;
    int r = target_path(u, name, what, &path, err);
    if (r < 0 || (r = whiteout_entry(u, path, err)) != 0)
        return MIN(r, 0);
    u->stats.entries++;
    if (is_false_whiteout(u, e))
        return err_set(err, -EINVAL, "tar entry %s: a device 0:0 cannot stand in a layer", name);
    r = *path ? place_entry(u, a, e, path, err) : top_entry(u, e, err);
    if (r == 0 && u->form == BERTH_WHITEOUT_APPLY)
        target_seen(u, path);
    return r;
}

/* A directory's time changes with each file made in it, so it comes last; one that was replaced has none. */
static int finish_dirs(struct unpack *u, struct err *err)
{
    while (u->dirs.n > 0) {
        struct dir_time *d = &u->dirs.v[--u->dirs.n];
        const struct timespec times[2] = {d->mtime, d->mtime};
        _cleanup_(freep) char *path = d->path;
        _cleanup_(closep) int fd = target_open(u, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
        if (fd >= 0 && futimens(fd, times) < 0)
            return err_errno(err, -errno, "tar entry %s: setting its time", path);
    }
    return 0;
}

static int unpack_all(struct unpack *u, struct archive *a, struct err *err)
{
    for (;;) {
        struct archive_entry *e;
        int rc = archive_read_next_header(a, &e);
        if (rc == ARCHIVE_EOF)
            return finish_dirs(u, err);
        if (rc < ARCHIVE_WARN)
            return reader_error(a, NULL, err);
        int r = unpack_entry(u, a, e, err);
        if (r < 0)
            return r;
    }
}

static int open_and_unpack(struct unpack *u, int tar_fd, struct err *err)
{
    _cleanup_(reader_freep) struct archive *a = reader_new();
    if (!a)
        return err_errno(err, -ENOMEM, "tar");
    archive_read_support_format_tar(a);
    archive_read_support_format_empty(a);
    if (archive_read_open_fd(a, tar_fd, BLOCK) != ARCHIVE_OK)
        return reader_error(a, NULL, err);
    return unpack_all(u, a, err);
}

int unpack_run(int tar_fd, const struct archive_target *to, struct archive_stats *stats,
               struct err *err)
{
    if (to->form < BERTH_WHITEOUT_APPLY || to->form > BERTH_WHITEOUT_OCI)
        return err_set(err, -EINVAL, "unpacking: unknown form of whiteouts %u", to->form);
    _cleanup_(unpack_fini) struct unpack u = {
        .to = to, .form = to->form, .top = to->root, .parent_fd = -1};
    int top = to->prefix ? target_open(&u, "", O_PATH | O_DIRECTORY) : to->root;
    if (top < 0)
        return err_errno(err, top, "opening %s", to->prefix);
    u.top = top;
    locale_t made, before = ascii_begin(&made);
    int r = open_and_unpack(&u, tar_fd, err);
    ascii_end(made, before);
    if (stats)
        *stats = u.stats;
    return r;
}
