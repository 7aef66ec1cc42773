/* SPDX-License-Identifier: Apache-2.0 */
/* Trees: removed and measured through descriptors, without following links. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/fs.h"
#include "base/map.h"
#include "base/str.h"

static bool is_dot(const char *name)
{
    return name[0] == '.' && (name[1] == '\0' || (name[1] == '.' && name[2] == '\0'));
}

static DIR *open_tree(int parent, const char *name)
{
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return NULL;
    DIR *d = fdopendir(fd);
    if (!d)
        close_fd(fd);
    return d;
}

static int remove_children(int parent, const char *name, dev_t dev)
{
    _cleanup_(closedirp) DIR *d = open_tree(parent, name);
    if (!d)
        return -errno;
    struct stat st;
    if (fstat(dirfd(d), &st) < 0)
        return -errno;
    if (st.st_dev != dev)
        return -EXDEV;
    int result = 0;
    for (struct dirent *e; (errno = 0, e = readdir(d));) {
        if (is_dot(e->d_name) || unlinkat(dirfd(d), e->d_name, 0) == 0)
            continue;
        int r =
            errno == EISDIR || errno == EPERM ? remove_children(dirfd(d), e->d_name, dev) : -errno;
        if (r == 0 && unlinkat(dirfd(d), e->d_name, AT_REMOVEDIR) < 0)
            r = -errno;
        if (r < 0 && r != -ENOENT)
            result = r;
    }
    return result;
}

int fs_rm_rf(int dirfd, const char *path)
{
    struct stat st;
    if (unlinkat(dirfd, path, 0) == 0 || errno == ENOENT)
        return 0;
    if (fstatat(dirfd, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    if (!S_ISDIR(st.st_mode))
        return -errno;
    int r = remove_children(dirfd, path, st.st_dev);
    if (r < 0)
        return r;
    return unlinkat(dirfd, path, AT_REMOVEDIR) < 0 && errno != ENOENT ? -errno : 0;
}

/* Adds what `name` takes; inodes with several links are counted once. */
static int measure(int parent, const char *name, struct map *seen, int64_t *bytes)
{
    struct stat st;
    if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : -errno;
    if (st.st_nlink > 1 && !S_ISDIR(st.st_mode)) {
        char key[48];
        snprintf(key, sizeof(key), "%llx:%llx", (unsigned long long)st.st_dev,
                 (unsigned long long)st.st_ino);
        if (map_set(seen, key, seen))
            return 0;
    }
    *bytes += (int64_t)st.st_blocks * 512;
    if (!S_ISDIR(st.st_mode))
        return 0;
    _cleanup_(closedirp) DIR *d = open_tree(parent, name);
    if (!d)
        return errno == ENOENT ? 0 : -errno;
    for (struct dirent *e; (e = readdir(d));) {
        int r = is_dot(e->d_name) ? 0 : measure(dirfd(d), e->d_name, seen, bytes);
        if (r < 0)
            return r;
    }
    return 0;
}

int fs_tree_bytes(int dirfd, const char *path, int64_t *bytes)
{
    struct map seen = {0};
    *bytes = 0;
    int r = measure(dirfd, path, &seen, bytes);
    map_fini(&seen, NULL);
    return r;
}
