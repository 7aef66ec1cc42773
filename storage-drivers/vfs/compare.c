/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Comparing trees
 *
 * A copy keeps every attribute, so what has the same kind, owner, mode, device, size, time of change of its content
 * and extended attributes is the same. A directory's own time does not count: it follows from its entries.
 */
#include "compare.h"

#include <fcntl.h>
#include <linux/limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "berth/storage.h"
#include "common/tree.h"
#include "common/util.h"

struct compare {
    int (*each)(void *ctx, const char *path, uint32_t kind);
    void *ctx;
};

struct place {
    struct place *parent;
    const char *path; /* "" or "/a/b" */
    bool pending;     /* to be reported as modified when something in it is */
    int depth;
};

static int flush_places(const struct compare *c, struct place *p)
{
    if (!p || !p->pending)
        return 0;
    int r = flush_places(c, p->parent);
    p->pending = false;
    return r ? r : c->each(c->ctx, p->path, BERTH_CHANGE_MODIFIED);
}

static int report(const struct compare *c, struct place *in, const char *path, uint32_t kind)
{
    int r = flush_places(c, in);
    return r ? r : c->each(c->ctx, path, kind);
}

/* The names of all extended attributes, one after the other. */
static ssize_t read_xattrs(int dir, const char *name, char **out)
{
    _cleanup_(freep) char *path = NULL;
    *out = NULL;
    if (asprintf(&path, "/proc/self/fd/%d/%s", dir, name) < 0) {
        path = NULL;
        return -ENOMEM;
    }
    ssize_t n = llistxattr(path, NULL, 0);
    if (n <= 0)
        return n < 0 && errno != EOPNOTSUPP ? -errno : 0;
    char *list = malloc((size_t)n);
    if (!list || (n = llistxattr(path, list, (size_t)n)) < 0) {
        free(list);
        return list ? -errno : -ENOMEM;
    }
    *out = list;
    return n;
}

/* -1 when it cannot be read. */
static ssize_t read_xattr(int dir, const char *file, const char *name, char *value, size_t size)
{
    _cleanup_(freep) char *path = NULL;
    if (asprintf(&path, "/proc/self/fd/%d/%s", dir, file) < 0) {
        path = NULL;
        return -1;
    }
    return lgetxattr(path, name, value, size);
}

static bool same_xattr(int a, int b, const char *file, const char *name)
{
    _cleanup_(freep) char *left = malloc(XATTR_SIZE_MAX);
    _cleanup_(freep) char *right = malloc(XATTR_SIZE_MAX);
    if (!left || !right)
        return false;
    ssize_t na = read_xattr(a, file, name, left, XATTR_SIZE_MAX);
    ssize_t nb = read_xattr(b, file, name, right, XATTR_SIZE_MAX);
    return na >= 0 && na == nb && memcmp(left, right, (size_t)na) == 0;
}

static bool same_xattrs(int a, int b, const char *file)
{
    _cleanup_(freep) char *left = NULL;
    _cleanup_(freep) char *right = NULL;
    ssize_t na = read_xattrs(a, file, &left), nb = read_xattrs(b, file, &right);
    if (na != nb || na < 0)
        return false;
    for (ssize_t i = 0; i < na; i += (ssize_t)strlen(left + i) + 1)
        if (!same_xattr(a, b, file, left + i))
            return false;
    return true;
}

static bool same_link(int a, int b, const char *name)
{
    char left[4096], right[4096];
    ssize_t na = readlinkat(a, name, left, sizeof(left));
    ssize_t nb = readlinkat(b, name, right, sizeof(right));
    return na >= 0 && na == nb && memcmp(left, right, (size_t)na) == 0;
}

static bool same_entry(int a, int b, const char *name, const struct stat *x, const struct stat *y)
{
    if (x->st_mode != y->st_mode || x->st_uid != y->st_uid || x->st_gid != y->st_gid ||
        x->st_rdev != y->st_rdev)
        return false;
    if (S_ISLNK(x->st_mode) && !same_link(a, b, name))
        return false;
    if (!S_ISDIR(x->st_mode) &&
        (x->st_size != y->st_size || x->st_mtim.tv_sec != y->st_mtim.tv_sec ||
         x->st_mtim.tv_nsec != y->st_mtim.tv_nsec))
        return false;
    return same_xattrs(a, b, name);
}

static int compare_dirs(const struct compare *c, struct place *in, int before, int after);

static int open_dir(int parent, const char *name)
{
    return openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static int compare_entry(const struct compare *c, struct place *in, int before, int after,
                         const char *name)
{
    struct stat old, new;
    _cleanup_(freep) char *path = NULL;
    if (fstatat(after, name, &new, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : -errno;
    bool had = before >= 0 && fstatat(before, name, &old, AT_SYMLINK_NOFOLLOW) == 0;
    if (asprintf(&path, "%s/%s", in->path, name) < 0) {
        path = NULL;
        return -ENOMEM;
    }
    bool same = had && same_entry(before, after, name, &old, &new);
    int r = same ? 0 : report(c, in, path, had ? BERTH_CHANGE_MODIFIED : BERTH_CHANGE_ADDED);
    if (r || !S_ISDIR(new.st_mode))
        return r;
    if (in->depth >= TREE_DEPTH)
        return -ELOOP;
    struct place here = {.parent = in, .path = path, .pending = same, .depth = in->depth + 1};
    _cleanup_(closep) int old_dir = had && S_ISDIR(old.st_mode) ? open_dir(before, name) : -1;
    _cleanup_(closep) int new_dir = open_dir(after, name);
    return new_dir < 0 ? (errno == ENOENT ? 0 : -errno) : compare_dirs(c, &here, old_dir, new_dir);
}

static int report_deleted(const struct compare *c, struct place *in, int before, int after)
{
    _cleanup_(closedirp) DIR *d = tree_opendir(before, ".");
    if (!d)
        return -errno;
    for (struct dirent *e; (errno = 0, e = readdir(d));) {
        _cleanup_(freep) char *path = NULL;
        if (is_dot(e->d_name) || faccessat(after, e->d_name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
            continue;
        if (asprintf(&path, "%s/%s", in->path, e->d_name) < 0) {
            path = NULL;
            return -ENOMEM;
        }
        int r = report(c, in, path, BERTH_CHANGE_DELETED);
        if (r)
            return r;
    }
    return -errno;
}

static int compare_dirs(const struct compare *c, struct place *in, int before, int after)
{
    _cleanup_(closedirp) DIR *d = tree_opendir(after, ".");
    if (!d)
        return -errno;
    for (struct dirent *e; (errno = 0, e = readdir(d));) {
        int r = is_dot(e->d_name) ? 0 : compare_entry(c, in, before, after, e->d_name);
        if (r)
            return r;
    }
    if (errno)
        return -errno;
    return before < 0 ? 0 : report_deleted(c, in, before, after);
}

int compare_trees(int before, int after, int (*each)(void *ctx, const char *path, uint32_t kind),
                  void *ctx, struct berth_err *err)
{
    struct compare c = {.each = each, .ctx = ctx};
    struct place root = {.path = ""};
    int r = compare_dirs(&c, &root, before, after);
    if (r == -ELOOP)
        return berth_err_set(err, r, "comparing layers: directories are nested more than %d deep",
                             TREE_DEPTH);
    return r < 0 ? berth_err_set(err, r, "comparing layers: %s", strerror(-r)) : r;
}
