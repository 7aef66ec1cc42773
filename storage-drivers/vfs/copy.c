/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copying a tree
 *
 * Data is shared with the original where the file system can (FICLONE), else copied by the kernel between the holes.
 * Attributes come last, for writing changes some of them: owner before mode (chown clears set-id bits) and before
 * extended attributes (chown drops capabilities), times at the end.
 */
#include "copy.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "common/tree.h"
#include "common/util.h"

#define BLOCK (64u << 10)

struct copy {
    int to_root;
    struct inode_set *links;
    bool no_clone;
    char *path; /* of what is being copied, for words and links; owned */
};

static void free_name(void *p)
{
    free(p);
}

static void copy_fini(struct copy *c)
{
    inode_set_free(c->links, free_name);
    free(c->path);
}

static int copy_range(int from, int to, off_t start, off_t end)
{
    off_t in = start, out = start;
    while (in < end) {
        ssize_t n = copy_file_range(from, &in, to, &out, (size_t)(end - in), 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            return 0; /* it was shortened meanwhile */
    }
    return 0;
}

static int copy_by_hand(int from, int to, off_t start, off_t end)
{
    _cleanup_(freep) char *block = malloc(BLOCK);
    if (!block)
        return -ENOMEM;
    while (start < end) {
        size_t want = end - start < (off_t)BLOCK ? (size_t)(end - start) : BLOCK;
        ssize_t n = pread(from, block, want, start);
        if (n <= 0)
            return n < 0 ? -errno : 0;
        for (ssize_t done = 0; done < n;) {
            ssize_t w = pwrite(to, block + done, (size_t)(n - done), start + done);
            if (w < 0)
                return -errno;
            done += w;
        }
        start += n;
    }
    return 0;
}

static int copy_data(struct copy *c, int from, int to, off_t size)
{
    if (!c->no_clone && size > 0) {
        if (ioctl(to, FICLONE, from) == 0)
            return 0;
        c->no_clone = errno == EOPNOTSUPP || errno == ENOTTY || errno == EXDEV;
    }
    if (ftruncate(to, size) < 0)
        return -errno;
    for (off_t end = 0; end < size;) {
        off_t start = lseek(from, end, SEEK_DATA);
        if (start < 0)
            return errno == ENXIO ? 0 : -errno;
        end = lseek(from, start, SEEK_HOLE);
        if (end < 0)
            return -errno;
        int r = copy_range(from, to, start, end);
        if (r == -EXDEV || r == -EINVAL || r == -EOPNOTSUPP || r == -ENOSYS)
            r = copy_by_hand(from, to, start, end);
        if (r < 0)
            return r;
    }
    return 0;
}

/* Names and values of links can only be reached by path; through the directory's descriptor, so that nothing is followed. */
static int proc_path(int dir, const char *name, char **out)
{
    int n = *name ? asprintf(out, "/proc/self/fd/%d/%s", dir, name)
                  : asprintf(out, "/proc/self/fd/%d/.", dir);
    if (n < 0)
        *out = NULL;
    return n < 0 ? -ENOMEM : 0;
}

static int copy_xattr(const char *from, const char *to, const char *name)
{
    ssize_t n = lgetxattr(from, name, NULL, 0);
    if (n < 0)
        return errno == ENODATA ? 0 : -errno;
    _cleanup_(freep) char *value = malloc((size_t)n + 1);
    if (!value)
        return -ENOMEM;
    n = lgetxattr(from, name, value, (size_t)n);
    if (n < 0)
        return -errno;
    return lsetxattr(to, name, value, (size_t)n, 0) < 0 ? -errno : 0;
}

static int copy_xattrs(int from_dir, int to_dir, const char *name)
{
    _cleanup_(freep) char *from = NULL;
    _cleanup_(freep) char *to = NULL;
    if (proc_path(from_dir, name, &from) < 0 || proc_path(to_dir, name, &to) < 0)
        return -ENOMEM;
    ssize_t n = llistxattr(from, NULL, 0);
    if (n <= 0)
        return n < 0 && errno != EOPNOTSUPP ? -errno : 0;
    _cleanup_(freep) char *list = malloc((size_t)n + 1);
    if (!list || (n = llistxattr(from, list, (size_t)n)) < 0)
        return list ? -errno : -ENOMEM;
    list[n] = '\0';
    for (const char *p = list; p < list + n; p += strlen(p) + 1) {
        int r = copy_xattr(from, to, p);
        if (r < 0)
            return r;
    }
    return 0;
}

/* `name` "" is the directory itself. */
static int copy_attributes(int from, int to, const char *name, const struct stat *st)
{
    int flags = *name ? AT_SYMLINK_NOFOLLOW : AT_EMPTY_PATH;
    const struct timespec times[2] = {st->st_atim, st->st_mtim};
    if (fchownat(to, name, st->st_uid, st->st_gid, flags) < 0)
        return -errno;
    if (!S_ISLNK(st->st_mode)) {
        int r =
            *name ? fchmodat(to, name, st->st_mode & 07777, 0) : fchmod(to, st->st_mode & 07777);
        if (r < 0)
            return -errno;
    }
    int r = copy_xattrs(from, to, name);
    if (r < 0)
        return r;
    r = *name ? utimensat(to, name, times, AT_SYMLINK_NOFOLLOW) : futimens(to, times);
    return r < 0 ? -errno : 0;
}

static int copy_file(struct copy *c, int from, int to, const char *name, off_t size)
{
    _cleanup_(closep) int in = openat(from, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (in < 0)
        return -errno;
    _cleanup_(closep) int out =
        openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    return out < 0 ? -errno : copy_data(c, in, out, size);
}

static int copy_symlink(int from, int to, const char *name, off_t size)
{
    _cleanup_(freep) char *target = malloc((size_t)size + 1);
    if (!target)
        return -ENOMEM;
    ssize_t n = readlinkat(from, name, target, (size_t)size + 1);
    if (n < 0 || n > size)
        return n < 0 ? -errno : -EAGAIN;
    target[n] = '\0';
    return symlinkat(target, to, name) < 0 ? -errno : 0;
}

static int copy_dir(struct copy *c, int from, int to, int depth);

static int copy_subdir(struct copy *c, int from, int to, const char *name, int depth)
{
    if (depth >= TREE_DEPTH)
        return -ELOOP;
    if (mkdirat(to, name, 0700) < 0)
        return -errno;
    _cleanup_(closep) int in = openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    _cleanup_(closep) int out = openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return in < 0 || out < 0 ? -errno : copy_dir(c, in, out, depth + 1);
}

/* 1: it is a further name of what was copied already, and is one in the copy too. */
static int copy_link(struct copy *c, int to, const char *name, const struct stat *st)
{
    void **slot;
    if (S_ISDIR(st->st_mode) || st->st_nlink < 2)
        return 0;
    int r = inode_set_put(&c->links, st, &slot);
    if (r == 0)
        *slot = strdup(c->path);
    if (r <= 0)
        return r == 0 && !*slot ? -ENOMEM : r;
    return linkat(c->to_root, *slot, to, name, 0) < 0 ? -errno : 1;
}

static int copy_entry(struct copy *c, int from, int to, const char *name, int depth)
{
    struct stat st;
    if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    int r = copy_link(c, to, name, &st);
    if (r)
        return r < 0 ? r : 0;
    if (S_ISDIR(st.st_mode))
        return copy_subdir(c, from, to, name, depth);
    if (S_ISREG(st.st_mode))
        r = copy_file(c, from, to, name, st.st_size);
    else if (S_ISLNK(st.st_mode))
        r = copy_symlink(from, to, name, st.st_size);
    else
        r = mknodat(to, name, st.st_mode & (S_IFMT | 07777), st.st_rdev) < 0 ? -errno : 0;
    return r < 0 ? r : copy_attributes(from, to, name, &st);
}

/* Sets c->path to DIR/name and returns the length of DIR, or a negative errno. */
static ssize_t path_push(struct copy *c, const char *name)
{
    char *path = NULL;
    size_t n = strlen(c->path);
    if (asprintf(&path, "%s%s%s", c->path, n ? "/" : "", name) < 0)
        return -ENOMEM;
    free(c->path);
    c->path = path;
    return (ssize_t)n;
}

static int copy_dir(struct copy *c, int from, int to, int depth)
{
    struct stat st;
    _cleanup_(closedirp) DIR *d = tree_opendir(from, ".");
    if (!d || fstat(from, &st) < 0)
        return -errno;
    for (struct dirent *e; (errno = 0, e = readdir(d));) {
        if (is_dot(e->d_name))
            continue;
        ssize_t n = path_push(c, e->d_name);
        int r = n < 0 ? (int)n : copy_entry(c, from, to, e->d_name, depth);
        if (r < 0)
            return r;
        c->path[n] = '\0';
    }
    return errno ? -errno : copy_attributes(from, to, "", &st);
}

int copy_tree(int from, int to, struct berth_err *err)
{
    _cleanup_(copy_fini) struct copy c = {.to_root = to, .path = strdup("")};
    if (!c.path)
        return berth_err_set(err, -ENOMEM, "out of memory");
    int r = copy_dir(&c, from, to, 0);
    if (r == -ELOOP)
        return berth_err_set(err, r,
                             "copying the parent layer: directories are nested more than "
                             "%d deep",
                             TREE_DEPTH);
    return r < 0 ? berth_err_set(err, r, "copying the parent layer: /%s: %s", c.path, strerror(-r))
                 : 0;
}
