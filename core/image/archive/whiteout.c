/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whiteouts
 *
 * OCI image-spec, layer.md: ".wh.NAME" hides NAME of the layers below, ".wh..wh..opq" all that the directory holds
 * there. Neither touches what the same archive brought.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "base/fs.h"
#include "berth/host.h"
#include "image/archive/target.h"

#define WHITEOUT        ".wh."
#define WHITEOUT_META   ".wh..wh."
#define WHITEOUT_OPAQUE ".wh..wh..opq"

bool whiteout_is_overlay(const struct stat *st)
{
    return S_ISCHR(st->st_mode) && st->st_rdev == makedev(0, 0);
}

static int set_opaque(int dir, const char *name, const char *path, struct err *err)
{
    _cleanup_(closep) int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fsetxattr(fd, "trusted.overlay.opaque", "y", 1, 0) < 0)
        return err_errno(err, -errno, "tar entry %s: marking the directory opaque", path);
    return 0;
}

static char *join(const char *dir, const char *name)
{
    return *dir ? str_printf("%s/%s", dir, name) : xstrdup(name);
}

/* Removes what stands in `dir_path` but what this archive brought. */
static int clear_below(struct unpack *u, int dir, const char *name, const char *dir_path)
{
    int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOTDIR || errno == ELOOP ? 0 : -errno;
    _cleanup_(closedirp) DIR *d = fdopendir(fd);
    if (!d) {
        close_fd(fd);
        return -ENOMEM;
    }
    for (struct dirent *e; (errno = 0, e = readdir(d));) {
        if (str_eq(e->d_name, ".") || str_eq(e->d_name, ".."))
            continue;
        _cleanup_(freep) char *child = join(dir_path, e->d_name);
        int r = map_get(&u->seen, child) ? clear_below(u, fd, e->d_name, child)
                                         : fs_rm_rf(fd, e->d_name);
        if (r < 0)
            return r;
    }
    return -errno;
}

static int apply(struct unpack *u, const char *base, const char *path, struct err *err)
{
    const char *name = base + strlen(WHITEOUT);
    _cleanup_(freep) char *above = xstrndup(path, base > path ? (size_t)(base - path) - 1 : 0);
    _cleanup_(freep) char *victim = join(above, name);
    target_forget(u);
    _cleanup_(closep) int at = target_open(u, above, O_PATH | O_DIRECTORY);
    if (at < 0)
        return at == -ENOENT ? 0 : err_errno(err, at, "tar entry %s", path);
    int r;
    if (str_eq(base, WHITEOUT_OPAQUE))
        r = clear_below(u, at, ".", above);
    else
        r = map_get(&u->seen, victim) ? clear_below(u, at, name, victim) : fs_rm_rf(at, name);
    return r < 0 ? err_errno(err, r, "tar entry %s: applying the whiteout", path) : 0;
}

static int to_overlay(int dir, const char *base, const char *path, struct err *err)
{
    struct stat st;
    if (str_eq(base, WHITEOUT_OPAQUE))
        return set_opaque(dir, ".", path, err);
    const char *name = base + strlen(WHITEOUT);
    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
        return S_ISDIR(st.st_mode) ? set_opaque(dir, name, path, err) : 0;
    if (mknodat(dir, name, S_IFCHR | 0600, makedev(0, 0)) < 0)
        return err_errno(err, -errno, "tar entry %s: making the whiteout", path);
    return 0;
}

int whiteout_entry(struct unpack *u, const char *path, struct err *err)
{
    const char *slash = strrchr(path, '/');
    const char *base = slash ? slash + 1 : path;
    if (u->form == BERTH_WHITEOUT_OCI || !str_after(base, WHITEOUT))
        return 0;
    bool opaque = str_eq(base, WHITEOUT_OPAQUE);
    if (!opaque && str_after(base, WHITEOUT_META))
        return 1; /* another union file system's own */
    const char *name = base + strlen(WHITEOUT);
    if (!*name || str_eq(name, ".") || str_eq(name, ".."))
        return err_set(err, -EINVAL, "tar entry %s: a whiteout of nothing", path);
    int dir, r;
    if (u->form == BERTH_WHITEOUT_APPLY)
        r = apply(u, base, path, err);
    else if ((r = target_parent(u, path, &dir, &base, err)) == 0)
        r = to_overlay(dir, base, path, err);
    return r < 0 ? r : 1;
}
