/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mounts of the container
 *
 * Binds are cloned first, while the host's propagation still holds (a shared or slave bind stays a peer), then the
 * namespace is made private, then everything is put on its target by descriptor.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/fs.h"
#include "shim/child.h"
#include "shim/sys.h"

#define SHARED_OR_SLAVE (MS_SHARED | MS_SLAVE)

static int clone_tree(int dir, const char *path, bool recursive)
{
    unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (*path ? 0 : AT_EMPTY_PATH) |
                     (recursive ? AT_RECURSIVE : 0);
    int fd = open_tree(dir, path, flags);
    return fd < 0 ? -errno : fd;
}

/* The older form of a bind makes its source, as a directory. Here and not in the daemon, for a dead server's file system may never
 * answer. */
static int make_source(const char *source)
{
    char path[PATH_MAX];
    size_t n = strnlen(source, sizeof(path));
    if (n == sizeof(path))
        return -ENAMETOOLONG;
    memcpy(path, source, n + 1);
    for (char *p = path + 1; *p; p++) {
        if (*p != '/')
            continue;
        *p = '\0';
        if (mkdir(path, 0755) < 0 && errno != EEXIST)
            return -errno;
        *p = '/';
    }
    return mkdir(path, 0755) < 0 && errno != EEXIST ? -errno : 0;
}

static int clone_source(struct child *c, const struct mount_op *op)
{
    int tree = clone_tree(AT_FDCWD, op->source, op->recursive);
    if (tree != -ENOENT || !op->make_source)
        return tree;
    int r = make_source(op->source);
    if (r < 0)
        child_fail(c, STAGE_BIND_MAKE, -r, op->source);
    return clone_tree(AT_FDCWD, op->source, op->recursive);
}

void child_clone_binds(struct child *c)
{
    for (size_t i = 0; i < c->plan->nmounts; i++) {
        struct mount_op *op = &c->plan->mounts[i];
        if (op->fstype || op->remount || op->symlink)
            continue;
        op->tree = clone_source(c, op);
        if (op->tree < 0)
            child_fail_detail(c, STAGE_BIND_SOURCE, -op->tree, op->source, op->target);
    }
}

static void attach(struct child *c, const struct mount_op *op, int tree)
{
    struct stat st;
    bool directory = op->fstype || (fstat(tree, &st) == 0 && S_ISDIR(st.st_mode));
    _cleanup_(closep) int target = child_target(c, op->target, directory, STAGE_TARGET);
    if (move_mount(tree, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
        child_fail(c, STAGE_MOUNT, errno, op->target);
}

/* `flagged`: the flags are on it already. */
static void set_flags(struct child *c, const struct mount_op *op, int tree, bool flagged)
{
    int r = 0;
    if (!flagged && (op->attr_set || op->attr_clear))
        r = sys_mount_attr(tree, op->attr_set, op->attr_clear, op->readonly_tree);
    /* All of the namespace is private already; only what was cloned before that needs a word. */
    if (r == 0 && (!op->fstype || op->propagation != (MS_PRIVATE | MS_REC)))
        r = sys_mount_propagation(tree, op->propagation);
    if (r < 0)
        child_fail(c, STAGE_MOUNT_FLAGS, -r, op->target);
}

static void mount_bind(struct child *c, struct mount_op *op)
{
    attach(c, op, op->tree);
    /* One mount needs one word for both. */
    bool both = !op->recursive && sys_mount_set(op->tree, op->attr_set, op->attr_clear,
                                                op->propagation & ~MS_REC) == 0;
    if (!both)
        set_flags(c, op, op->tree, false);
    close_fd(steal_fd(&op->tree));
}

/* /dev/ptmx leads to the container's own devpts. */
static void link_ptmx(struct child *c, const struct mount_op *op)
{
    if (strcmp(op->fstype, "devpts") != 0 || strcmp(op->target, "/dev/pts") != 0)
        return;
    _cleanup_(closep) int dev = fs_open_in_root(c->root, "/dev", O_PATH | O_DIRECTORY, 0);
    if (dev < 0)
        return;
    unlinkat(dev, "ptmx", 0);
    if (symlinkat("pts/ptmx", dev, "ptmx") < 0 && errno != EEXIST && errno != EROFS)
        child_fail(c, STAGE_LINK, errno, "/dev/ptmx");
}

static void mount_filesystem(struct child *c, struct mount_op *op)
{
    char why[sizeof(c->shared->detail)] = "";
    const struct fscontext fs = mount_op_fs(op);
    _cleanup_(closep) int tree = fscontext_mount(&fs, why, sizeof(why));
    if (tree >= 0) {
        attach(c, op, tree);
        set_flags(c, op, tree, op->attr_clear == 0);
    } else if (tree == -ENOSYS) {
        _cleanup_(closep) int target = child_target(c, op->target, true, STAGE_TARGET);
        tree = fscontext_mount_legacy(&fs, target);
        if (tree < 0)
            child_fail(c, STAGE_MOUNT, -tree, op->target);
        set_flags(c, op, tree, false);
    } else {
        child_fail_detail(c, STAGE_MOUNT, -tree, op->target, why);
    }
    link_ptmx(c, op);
}

static void remount(struct child *c, const struct mount_op *op)
{
    _cleanup_(closep) int at = fs_open_in_root(c->root, op->target, O_PATH, 0);
    int r = at < 0 ? at : sys_mount_attr(at, op->attr_set, op->attr_clear, false);
    if (r < 0)
        child_fail(c, STAGE_MOUNT_FLAGS, -r, op->target);
}

/* A name that is there already stays what it is. */
static void make_link(struct child *c, const struct mount_op *op)
{
    const char *name;
    _cleanup_(closep) int dir = child_parent(c, op->target, &name);
    if (dir < 0)
        child_fail(c, STAGE_LINK, -dir, op->target);
    if (symlinkat(op->symlink, dir, name) < 0 && errno != EEXIST)
        child_fail(c, STAGE_LINK, errno, op->target);
}

void child_mount_all(struct child *c)
{
    for (size_t i = 0; i < c->plan->nmounts; i++) {
        struct mount_op *op = &c->plan->mounts[i];
        if (op->symlink)
            make_link(c, op);
        else if (op->remount)
            remount(c, op);
        else if (op->fstype)
            mount_filesystem(c, op);
        else
            mount_bind(c, op);
    }
}

/* What hides a directory. */
static const struct fscontext empty_dir = {
    .type = "tmpfs", .source = "tmpfs", .attr = MOUNT_ATTR_RDONLY};

/* The first one is made, and put in place by the caller; what is in place can be cloned (before 6.15 the kernel refuses to clone a tree
 * that is mounted nowhere). */
static int empty_tree(int *empty)
{
    if (*empty >= 0)
        return clone_tree(*empty, "", false);
    *empty = fscontext_mount(&empty_dir, NULL, 0);
    if (*empty < 0)
        return *empty;
    int tree = fcntl(*empty, F_DUPFD_CLOEXEC, 3);
    return tree < 0 ? -errno : tree;
}

static int masking_tree(struct child *c, int over, int *empty)
{
    struct stat st;
    if (fstat(over, &st) == 0 && S_ISDIR(st.st_mode))
        return empty_tree(empty);
    _cleanup_(closep) int null = fs_open_in_root(c->root, "/dev/null", O_PATH, 0);
    if (null < 0)
        return null;
    if (fstat(null, &st) < 0 || !S_ISCHR(st.st_mode) || st.st_rdev != makedev(1, 3))
        return -ENODEV; /* the image put something else there */
    return clone_tree(null, "", false);
}

/* *empty: the file system that hides directories, made for the first one; -1 before. */
static void mask(struct child *c, const char *path, int *empty)
{
    _cleanup_(closep) int over = fs_open_in_root(c->root, path, O_PATH, 0);
    if (over == -ENOENT || over == -ENOTDIR)
        return;
    if (over < 0)
        child_fail(c, STAGE_MASK, -over, path);
    _cleanup_(closep) int tree = masking_tree(c, over, empty);
    if (tree == -ENOSYS) {
        tree = fscontext_mount_legacy(&empty_dir, over);
        if (tree >= 0)
            return;
    }
    if (tree < 0)
        child_fail(c, STAGE_MASK, -tree, path);
    if (move_mount(tree, "", over, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
        child_fail(c, STAGE_MASK, errno, path);
}

static void make_readonly(struct child *c, const char *path)
{
    _cleanup_(closep) int over = fs_open_in_root(c->root, path, O_PATH, 0);
    if (over == -ENOENT || over == -ENOTDIR)
        return;
    if (over < 0)
        child_fail(c, STAGE_READONLY, -over, path);
    _cleanup_(closep) int tree = clone_tree(over, "", true);
    if (tree < 0)
        child_fail(c, STAGE_READONLY, -tree, path);
    if (move_mount(tree, "", over, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
        child_fail(c, STAGE_READONLY, errno, path);
    int r = sys_mount_attr(tree, MOUNT_ATTR_RDONLY, 0, false);
    if (r < 0)
        child_fail(c, STAGE_READONLY, -r, path);
}

void child_restrict_paths(struct child *c)
{
    const struct plan *p = c->plan;
    _cleanup_(closep) int empty = -1;
    for (size_t i = 0; i < p->nreadonly_paths; i++)
        make_readonly(c, p->readonly_paths[i]);
    for (size_t i = 0; i < p->nmasked; i++)
        mask(c, p->masked[i], &empty);
    if (p->readonly) {
        int r = sys_mount_attr(c->root, MOUNT_ATTR_RDONLY, 0, false);
        if (r < 0)
            child_fail(c, STAGE_READONLY, -r, "/");
    }
}
