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
    if (u->top != u->to->root)
        close_fd(u->top);
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

int target_path(const struct unpack *u, const char *name, const char *what, char **out,
                struct err *err)
{
    _cleanup_(freep) char *clean = NULL;
    const char *from = u->to->from;
    int r = path_clean(name, what, &clean, err);
    if (r < 0)
        return r;
    if (!from) {
        *out = steal_ptr(&clean);
        return 0;
    }
    const char *rest = *from ? str_after(clean, from) : clean;
    if (!rest || (*from && *rest && *rest != '/'))
        return err_set(err, -EINVAL, "%s: it is not below %s", what, from);
    rest += *rest == '/';
    *out = *rest ? str_printf("%s/%s", u->to->to, rest) : xstrdup(u->to->to);
    return 0;
}

int target_open(const struct unpack *u, const char *path, int flags)
{
    const char *prefix = u->to->prefix;
    if (!prefix)
        return fs_open_in_root(u->to->root, *path ? path : ".", flags, 0);
    _cleanup_(freep) char *full = str_printf("%s/%s", prefix, *path ? path : ".");
    return fs_open_in_root(u->to->root, full, flags, 0);
}

static int make_parent(const struct unpack *u, const char *path)
{
    if (!u->to->prefix)
        return fs_mkdir_in_root(u->to->root, path, 0755);
    _cleanup_(freep) char *full = str_printf("%s/%s", u->to->prefix, path);
    return fs_mkdir_in_root(u->to->root, full, 0755);
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
        *fd = u->top;
        return 0;
    }
    _cleanup_(freep) char *parent = xstrndup(path, (size_t)(slash - path));
    if (!str_eq(parent, u->parent_path)) {
        target_forget(u);
        int r = target_open(u, parent, O_PATH | O_DIRECTORY);
        if (r == -ENOENT)
            r = make_parent(u, parent);
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
