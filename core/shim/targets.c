/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Targets inside the root
 *
 * Every path of the container's is resolved below the root's descriptor (openat2, RESOLVE_IN_ROOT), so that a link in
 * the image cannot lead a mount or a device out of it. What is missing is made, as Docker does.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "shim/child.h"

#define LINKS_MAX 8

static int mkdirs(int root, const char *path, mode_t mode, int depth);

/* A dangling link stands where a directory is needed: makes what it points at. `sofar` is its path. */
static int mend_link(int root, int parent, const char *sofar, size_t dir_len, const char *name,
                     mode_t mode, int depth)
{
    char to[PATH_MAX], full[PATH_MAX];
    ssize_t n = readlinkat(parent, name, to, sizeof(to) - 1);
    if (n < 0)
        return -errno;
    to[n] = '\0';
    size_t head = to[0] == '/' ? 0 : dir_len;
    if (head + 1 + (size_t)n >= sizeof(full))
        return -ENAMETOOLONG;
    memcpy(full, sofar, head);
    full[head] = '/';
    memcpy(full + head + 1, to, (size_t)n + 1);
    return mkdirs(root, full, mode, depth + 1);
}

/* One step: `path` up to `end` must become a directory below `parent` (the open directory before it). */
static int step(int root, int parent, char *path, size_t begin, mode_t mode, int depth)
{
    int fd = fs_open_in_root(root, path, O_PATH | O_DIRECTORY, 0);
    if (fd != -ENOENT)
        return fd;
    const char *name = path + begin;
    if (mkdirat(parent, name, mode) < 0) {
        if (errno != EEXIST)
            return -errno;
        if (depth >= LINKS_MAX)
            return -ELOOP;
        int r = mend_link(root, parent, path, begin, name, mode, depth);
        if (r < 0 && r != -EINVAL)
            return r;
    }
    return fs_open_in_root(root, path, O_PATH | O_DIRECTORY, 0);
}

/* Where all but the last directory is there. -ENOENT: it is not. */
static int mkdir_last(int root, const char *path, mode_t mode)
{
    char dir[PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t n = slash ? (size_t)(slash - path) : 0;
    if (!slash || !slash[1] || n >= sizeof(dir))
        return -ENOENT;
    memcpy(dir, path, n);
    dir[n] = '\0';
    _cleanup_(closep) int at = fs_open_in_root(root, n ? dir : "/", O_PATH | O_DIRECTORY, 0);
    if (at < 0)
        return -ENOENT;
    return mkdirat(at, slash + 1, mode) < 0 ? -ENOENT : 0;
}

static int mkdirs(int root, const char *path, mode_t mode, int depth)
{
    char copy[PATH_MAX];
    size_t n = strlen(path);
    if (n >= sizeof(copy))
        return -ENAMETOOLONG;
    if (mkdir_last(root, path, mode) == 0)
        return 0;
    memcpy(copy, path, n + 1);
    _cleanup_(closep) int at = fs_open_in_root(root, "/", O_PATH | O_DIRECTORY, 0);
    for (size_t i = 0; at >= 0 && i < n;) {
        while (copy[i] == '/')
            i++;
        size_t begin = i;
        while (copy[i] && copy[i] != '/')
            i++;
        if (i == begin)
            break;
        char kept = copy[i];
        copy[i] = '\0';
        int next = step(root, at, copy, begin, mode, depth);
        copy[i] = kept;
        close_fd(at);
        at = next;
    }
    return at < 0 ? at : 0;
}

int child_mkdirs(struct child *c, const char *path, mode_t mode)
{
    return mkdirs(c->root, path, mode, 0);
}

int child_parent(struct child *c, const char *path, const char **name)
{
    char dir[PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t n = slash ? (size_t)(slash - path) : 0;
    if (n >= sizeof(dir))
        return -ENAMETOOLONG;
    memcpy(dir, path, n);
    dir[n] = '\0';
    *name = slash ? slash + 1 : path;
    if (**name == '\0' || strcmp(*name, ".") == 0 || strcmp(*name, "..") == 0)
        return -EINVAL;
    int r = child_mkdirs(c, dir, 0755);
    return r < 0 ? r : fs_open_in_root(c->root, n ? dir : "/", O_PATH | O_DIRECTORY, 0);
}

static int make_file(struct child *c, const char *path)
{
    const char *name;
    _cleanup_(closep) int dir = child_parent(c, path, &name);
    if (dir < 0)
        return dir;
    _cleanup_(closep) int fd =
        fs_open_in_root(c->root, path, O_CREAT | O_WRONLY | O_NOCTTY | O_NONBLOCK, 0755);
    return fd < 0 ? fd : 0;
}

int child_target(struct child *c, const char *path, bool directory, enum stage stage)
{
    int fd = fs_open_in_root(c->root, path, O_PATH, 0);
    if (fd == -ENOENT) {
        int r = directory ? child_mkdirs(c, path, 0755) : make_file(c, path);
        if (r < 0)
            child_fail(c, stage, -r, path);
        fd = fs_open_in_root(c->root, path, O_PATH, 0);
    }
    if (fd < 0)
        child_fail(c, stage, -fd, path);
    return fd;
}
