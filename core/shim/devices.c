/* SPDX-License-Identifier: Apache-2.0 */
/* Devices, links in /dev, and sysctls. */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "base/fs.h"
#include "shim/child.h"

/* Where mknod is not allowed, the host's own device is bound. */
static void bind_device(struct child *c, const struct device_op *d)
{
    _cleanup_(closep) int tree = open_tree(AT_FDCWD, d->path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    struct stat st;
    if (tree < 0 || fstat(tree, &st) < 0)
        child_fail(c, STAGE_DEVICE, errno, d->path);
    if ((st.st_mode & S_IFMT) != (d->mode & S_IFMT) || st.st_rdev != d->dev)
        child_fail(c, STAGE_DEVICE, EPERM, d->path);
    _cleanup_(closep) int target = child_target(c, d->path, false, STAGE_DEVICE);
    if (move_mount(tree, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
        child_fail(c, STAGE_DEVICE, errno, d->path);
}

static void make_device(struct child *c, const struct device_op *d)
{
    const char *name;
    _cleanup_(closep) int dir = child_parent(c, d->path, &name);
    if (dir < 0)
        child_fail(c, STAGE_DEVICE, -dir, d->path);
    if (mknodat(dir, name, d->mode, d->dev) < 0) {
        if (errno == EPERM) {
            bind_device(c, d);
            return;
        }
        struct stat st;
        if (errno != EEXIST)
            child_fail(c, STAGE_DEVICE, errno, d->path);
        if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || st.st_rdev != d->dev ||
            (st.st_mode & S_IFMT) != (d->mode & S_IFMT))
            child_fail(c, STAGE_DEVICE, EEXIST, d->path);
    }
    if ((d->uid || d->gid) && fchownat(dir, name, d->uid, d->gid, AT_SYMLINK_NOFOLLOW) < 0)
        child_fail(c, STAGE_DEVICE, errno, d->path);
}

void child_make_devices(struct child *c)
{
    const struct plan *p = c->plan;
    for (size_t i = 0; i < p->ndevices; i++)
        make_device(c, &p->devices[i]);
    for (size_t i = 0; i < p->nlinks; i++) {
        const char *name;
        _cleanup_(closep) int dir = child_parent(c, p->links[i].path, &name);
        if (dir < 0)
            child_fail(c, STAGE_LINK, -dir, p->links[i].path);
        if (symlinkat(p->links[i].target, dir, name) < 0 && errno != EEXIST)
            child_fail(c, STAGE_LINK, errno, p->links[i].path);
    }
}

void child_write_sysctls(struct child *c)
{
    for (size_t i = 0; i < c->plan->nsysctls; i++) {
        const struct sysctl_op *s = &c->plan->sysctls[i];
        struct statfs fs;
        _cleanup_(closep) int fd = fs_open_in_root(c->root, s->path, O_WRONLY, 0);
        if (fd < 0)
            child_fail(c, STAGE_SYSCTL, -fd, s->path);
        /* An image may have a file where the container has no procfs: that is no sysctl. */
        if (fstatfs(fd, &fs) < 0 || fs.f_type != PROC_SUPER_MAGIC)
            child_fail(c, STAGE_SYSCTL, ENOTSUP, s->path);
        if (write(fd, s->value, strlen(s->value)) < 0)
            child_fail(c, STAGE_SYSCTL, errno, s->path);
    }
}
