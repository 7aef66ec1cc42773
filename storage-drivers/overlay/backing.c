/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The backing file system
 *
 * An upper directory needs directory entries with types, extended attributes of the trusted namespace, and character
 * devices 0/0 as whiteouts. They are tried out, once, when the driver is opened: a file system's name alone does not
 * tell.
 */
#include "backing.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "common/tree.h"
#include "common/util.h"

static const struct {
    unsigned long magic;
    const char *name;
    bool refused;
} known[] = {
    {EXT4_SUPER_MAGIC, "extfs", false},
    {XFS_SUPER_MAGIC, "xfs", false},
    {BTRFS_SUPER_MAGIC, "btrfs", false},
    {TMPFS_MAGIC, "tmpfs", false},
    {F2FS_SUPER_MAGIC, "f2fs", false},
    {0x2fc12fc1, "zfs", false},
    {0xca451a4e, "bcachefs", false},
    {OVERLAYFS_SUPER_MAGIC, "overlayfs", true},
    {NFS_SUPER_MAGIC, "nfs", true},
    {FUSE_SUPER_MAGIC, "fuse", true},
    {0xff534d42, "cifs", true},
    {0xfe534d42, "smb2", true},
    {ECRYPTFS_SUPER_MAGIC, "ecryptfs", true},
    {0x61756673, "aufs", true},
    {V9FS_MAGIC, "9p", true},
};

static int backing_find(const char *dir)
{
    struct statfs fs;
    if (statfs(dir, &fs) < 0)
        return -1;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (known[i].magic == ((unsigned long)fs.f_type & 0xffffffffu))
            return (int)i;
    return -1;
}

const char *backing_name(const char *dir)
{
    int i = backing_find(dir);
    return i < 0 ? "<unknown>" : known[i].name;
}

/* Where fsopen itself is not to be had, the mounts are made by mount(2), and say it themselves. */
static int kernel_check(struct berth_err *err)
{
    _cleanup_(closep) int fd = fsopen("overlay", FSOPEN_CLOEXEC);
    if (fd < 0 && errno != ENOSYS)
        return berth_err_set(err, -errno,
                             "the kernel offers no overlayfs (%s): load its module, or set "
                             "storage.driver to one that needs none",
                             strerror(errno));
    return 0;
}

/* The type of the probe's whiteout as readdir() tells it; DT_UNKNOWN where it doesn't. */
static unsigned char entry_type(int dir)
{
    _cleanup_(closedirp) DIR *d = tree_opendir(dir, ".");
    for (struct dirent *e; d && (e = readdir(d));)
        if (!is_dot(e->d_name))
            return e->d_type;
    return DT_UNKNOWN;
}

/* What is missing, or NULL. */
static const char *probe(int dir)
{
    if (fsetxattr(dir, "trusted.overlay.opaque", "y", 1, 0) < 0)
        return "it holds no extended attributes of the trusted namespace";
    if (mknodat(dir, "whiteout", S_IFCHR, makedev(0, 0)) < 0)
        return "no character device 0/0 can be made on it";
    if (entry_type(dir) != DT_CHR)
        return "its directory entries carry no type (xfs: make it with ftype=1)";
    return NULL;
}

static int probe_in(int dir, const char *path, struct berth_err *err)
{
    static const char name[] = "tmp/probe";
    if (mkdirat(dir, name, 0700) < 0 && errno != EEXIST)
        return berth_err_set(err, -errno, "making %s/%s: %s", path, name, strerror(errno));
    _cleanup_(closep) int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    const char *missing = fd < 0 ? "it cannot be opened" : probe(fd);
    tree_remove(dir, name);
    if (missing)
        return berth_err_set(err, -EOPNOTSUPP,
                             "%s is on %s, which cannot carry overlayfs: %s; move data_root to "
                             "ext4, xfs or btrfs, or set storage.driver to one that needs none",
                             path, backing_name(path), missing);
    return 0;
}

int backing_check(const char *dir, struct berth_err *err)
{
    int r = kernel_check(err);
    if (r < 0)
        return r;
    int i = backing_find(dir);
    if (i >= 0 && known[i].refused)
        return berth_err_set(err, -EOPNOTSUPP,
                             "%s is on %s, on which overlayfs has no upper directory; move "
                             "data_root to ext4, xfs or btrfs, or set storage.driver to another",
                             dir, known[i].name);
    _cleanup_(closep) int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return berth_err_set(err, -errno, "opening %s: %s", dir, strerror(errno));
    return probe_in(fd, dir, err);
}
