/* SPDX-License-Identifier: Apache-2.0 */
/* Trees: removed and measured. */
#include "common/tree.h"

#include <fcntl.h>
#include <stdio.h>

#include "common/util.h"

/* Deeper directories are moved up to the root of the removal, so that neither descriptors nor stack run out. */
#define REMOVE_DEPTH 64

struct inode_entry {
    dev_t dev;
    ino_t ino;
    void *value;
    bool used;
};

struct inode_set {
    size_t n, cap;
    struct inode_entry *slots;
};

DIR *tree_opendir(int parent, const char *name)
{
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return NULL;
    DIR *d = fdopendir(fd);
    if (!d)
        closep(&fd);
    return d;
}

struct removal {
    int root;       /* the directory that is being removed */
    uint64_t moved; /* names given to what was moved up */
};

static int remove_children(struct removal *rm, DIR *d, dev_t dev, int depth);

static int move_up(struct removal *rm, int dir, const char *name)
{
    char to[32];
    do
        snprintf(to, sizeof(to), ".deep-%llu", (unsigned long long)rm->moved++);
    while (renameat2(dir, name, rm->root, to, RENAME_NOREPLACE) < 0 && errno == EEXIST);
    return faccessat(dir, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0 ? -EBUSY : 0;
}

static int remove_entry(struct removal *rm, int dir, const char *name, dev_t dev, int depth)
{
    if (unlinkat(dir, name, 0) == 0 || errno == ENOENT)
        return 0;
    if (errno != EISDIR && errno != EPERM)
        return -errno;
    if (unlinkat(dir, name, AT_REMOVEDIR) == 0)
        return 0;
    if (depth >= REMOVE_DEPTH)
        return move_up(rm, dir, name);
    _cleanup_(closedirp) DIR *d = tree_opendir(dir, name);
    struct stat st;
    if (!d || fstat(dirfd(d), &st) < 0)
        return -errno;
    if (st.st_dev != dev)
        return -EXDEV;
    int r = remove_children(rm, d, dev, depth + 1);
    if (r < 0)
        return r;
    return unlinkat(dir, name, AT_REMOVEDIR) < 0 && errno != ENOENT ? -errno : 0;
}

static int remove_children(struct removal *rm, DIR *d, dev_t dev, int depth)
{
    int result = 0;
    for (struct dirent *e; (errno = 0, e = readdir(d));) {
        if (is_dot(e->d_name))
            continue;
        int r = remove_entry(rm, dirfd(d), e->d_name, dev, depth);
        if (r < 0)
            result = r;
    }
    return result;
}

int tree_remove(int parent, const char *name)
{
    if (unlinkat(parent, name, 0) == 0 || errno == ENOENT)
        return 0;
    if (errno != EISDIR && errno != EPERM)
        return -errno;
    for (;;) {
        _cleanup_(closedirp) DIR *d = tree_opendir(parent, name);
        struct stat st;
        if (!d || fstat(dirfd(d), &st) < 0)
            return errno == ENOENT ? 0 : -errno;
        struct removal rm = {.root = dirfd(d)};
        int r = remove_children(&rm, d, st.st_dev, 0);
        if (r < 0)
            return r;
        if (unlinkat(parent, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
            return 0;
        if (errno != ENOTEMPTY && errno != EEXIST)
            return -errno;
    }
}

static size_t inode_hash(dev_t dev, ino_t ino, size_t cap)
{
    uint64_t h = ((uint64_t)ino ^ ((uint64_t)dev << 32)) * 0x9e3779b97f4a7c15u;
    return (size_t)(h >> 20) & (cap - 1);
}

static struct inode_entry *inode_find(struct inode_set *set, dev_t dev, ino_t ino)
{
    size_t i = inode_hash(dev, ino, set->cap);
    while (set->slots[i].used && (set->slots[i].dev != dev || set->slots[i].ino != ino))
        i = (i + 1) & (set->cap - 1);
    return &set->slots[i];
}

static int inode_grow(struct inode_set *set)
{
    struct inode_set bigger = {.n = set->n, .cap = set->cap ? set->cap * 2 : 64};
    bigger.slots = calloc(bigger.cap, sizeof(*bigger.slots));
    if (!bigger.slots)
        return -ENOMEM;
    for (size_t i = 0; i < set->cap; i++)
        if (set->slots[i].used)
            *inode_find(&bigger, set->slots[i].dev, set->slots[i].ino) = set->slots[i];
    free(set->slots);
    *set = bigger;
    return 0;
}

int inode_set_put(struct inode_set **set, const struct stat *st, void ***slot)
{
    if (!*set && !(*set = calloc(1, sizeof(**set))))
        return -ENOMEM;
    struct inode_set *s = *set;
    if ((s->n + 1) * 2 > s->cap && inode_grow(s) < 0)
        return -ENOMEM;
    struct inode_entry *e = inode_find(s, st->st_dev, st->st_ino);
    if (slot)
        *slot = &e->value;
    if (e->used)
        return 1;
    *e = (struct inode_entry){.dev = st->st_dev, .ino = st->st_ino, .used = true};
    s->n++;
    return 0;
}

void inode_set_free(struct inode_set *set, void (*free_value)(void *))
{
    if (!set)
        return;
    for (size_t i = 0; free_value && i < set->cap; i++)
        if (set->slots[i].used)
            free_value(set->slots[i].value);
    free(set->slots);
    free(set);
}

static void inode_setp(struct inode_set **set)
{
    inode_set_free(*set, NULL);
}

static int usage_dir(DIR *d, struct inode_set **seen, struct berth_usage *out, int depth)
{
    if (depth > TREE_DEPTH)
        return -ELOOP;
    for (struct dirent *e; (errno = 0, e = readdir(d));) {
        struct stat st;
        if (is_dot(e->d_name))
            continue;
        if (fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
            continue; /* a running container may have removed it */
        bool dir = S_ISDIR(st.st_mode);
        int r = !dir && st.st_nlink > 1 ? inode_set_put(seen, &st, NULL) : 0;
        if (r < 0)
            return r;
        if (r == 1)
            continue;
        out->bytes += (int64_t)st.st_blocks * 512;
        out->inodes++;
        _cleanup_(closedirp) DIR *sub = dir ? tree_opendir(dirfd(d), e->d_name) : NULL;
        if (dir && !sub && errno != ENOENT)
            return -errno;
        if (sub && (r = usage_dir(sub, seen, out, depth + 1)) < 0)
            return r;
    }
    return -errno;
}

int tree_usage(int fd, struct berth_usage *out, struct berth_err *err)
{
    _cleanup_(inode_setp) struct inode_set *seen = NULL;
    _cleanup_(closedirp) DIR *d = tree_opendir(fd, ".");
    struct stat st;
    if (!d || fstat(dirfd(d), &st) < 0)
        return berth_err_set(err, -errno, "measuring a layer: %s", strerror(errno));
    out->bytes = (int64_t)st.st_blocks * 512;
    out->inodes = 1;
    int r = usage_dir(d, &seen, out, 0);
    if (r == -ELOOP)
        return berth_err_set(err, r, "measuring a layer: directories are nested more than %d deep",
                             TREE_DEPTH);
    return r < 0 ? berth_err_set(err, r, "measuring a layer: %s", strerror(-r)) : 0;
}
