/* SPDX-License-Identifier: Apache-2.0 */
/* Names of entries to places inside the root. */
#include "image/archive/target.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/fs.h"

void unpack_fini(struct unpack *u)
{
    map_fini(&u->seen, NULL);
    target_forget(u);
    close_fd(u->parent_fd);
    for (size_t i = 0; i < u->dirs.n; i++)
        free(u->dirs.v[i].path);
    free(u->dirs.v);
}

int path_clean(const char *name, const char *what, char **out, struct err *err)
{
    if (!name)
        return err_set(err, -EINVAL, "%s: the name cannot be read", what);
    if (strlen(name) > ENTRY_NAME_MAX)
        return err_set(err, -EINVAL, "%s: the name is longer than %d bytes", what, ENTRY_NAME_MAX);
    struct buf b = {0};
    for (const char *p = name; *p;) {
        size_t n = strcspn(p, "/");
        bool up = n == 2 && p[0] == '.' && p[1] == '.';
        if (up || n > 255) {
            buf_fini(&b);
            return err_set(err, -EINVAL,
                           up ? "%s: path escapes the root"
                              : "%s: a part of the name is longer than 255 bytes",
                           what);
        }
        if (n > 0 && !(n == 1 && p[0] == '.')) {
            if (b.len)
                buf_addc(&b, '/');
            buf_add(&b, p, n);
        }
        p += n;
        p += strspn(p, "/");
    }
    *out = buf_steal(&b);
    return 0;
}

void target_forget(struct unpack *u)
{
    free(u->parent_path);
    u->parent_path = NULL;
}

int target_parent(struct unpack *u, const char *path, int *fd, const char **base, struct err *err)
{
    const char *slash = strrchr(path, '/');
    *base = slash ? slash + 1 : path;
    if (!slash) {
        *fd = u->root;
        return 0;
    }
    _cleanup_(freep) char *parent = xstrndup(path, (size_t)(slash - path));
    if (!str_eq(parent, u->parent_path)) {
        target_forget(u);
        int r = fs_open_in_root(u->root, parent, O_PATH | O_DIRECTORY, 0);
        if (r == -ENOENT)
            r = fs_mkdir_in_root(u->root, parent, 0755);
        if (r < 0)
            return err_errno(err, r == -ENOTDIR || r == -ELOOP || r == -ENOENT ? -EINVAL : r,
                             "tar entry %s: its directory cannot be opened inside the root", path);
        close_fd(u->parent_fd);
        u->parent_fd = r;
        u->parent_path = steal_ptr(&parent);
    }
    *fd = u->parent_fd;
    return 0;
}

void target_seen(struct unpack *u, const char *path)
{
    _cleanup_(freep) char *p = xstrdup(path);
    while (*p && !map_set(&u->seen, p, u)) {
        char *slash = strrchr(p, '/');
        if (!slash)
            return;
        *slash = '\0';
    }
}
