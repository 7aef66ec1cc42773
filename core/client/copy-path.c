/* SPDX-License-Identifier: Apache-2.0 */
/* What `cp` makes of its two arguments. */
#include "client/copy-path.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/str.h"

void copy_arg_split(const char *arg, char **container, char **path)
{
    const char *colon = strchr(arg, ':');
    bool here = arg[0] == '/' || arg[0] == '.' || !colon || colon == arg;
    *container = here ? NULL : xstrndup(arg, (size_t)(colon - arg));
    *path = xstrdup(here ? arg : colon + 1);
}

static bool ends_in_dot(const char *path)
{
    size_t n = strlen(path);
    return str_eq(path, ".") || (n > 1 && path[n - 1] == '.' && path[n - 2] == '/');
}

bool copy_path_is_dir(const char *path)
{
    size_t n = strlen(path);
    return ends_in_dot(path) || (n > 0 && path[n - 1] == '/');
}

char *copy_path_absolute(const char *path)
{
    _cleanup_(freep) char *cwd = path[0] == '/' ? xstrdup("") : get_current_dir_name();
    if (!cwd)
        return NULL;
    _cleanup_(freep) char *joined = str_printf("%s/%s", cwd, path);
    _cleanup_(freep) char *clean = fs_clean_path(joined);
    if (ends_in_dot(path))
        return str_printf("%s/.", str_eq(clean, "/") ? "" : clean);
    return copy_path_is_dir(path) && clean[1] ? str_printf("%s/", clean) : steal_ptr(&clean);
}

void copy_path_split(const char *path, char **dir, char **base)
{
    _cleanup_(freep) char *clean = fs_clean_path(path);
    if (ends_in_dot(path) && !str_eq(clean, ".")) {
        *dir = steal_ptr(&clean);
        *base = xstrdup(".");
        return;
    }
    char *slash = strrchr(clean, '/');
    *base = xstrdup(slash ? slash + 1 : clean);
    *dir = !slash ? xstrdup(".") : xstrndup(clean, slash == clean ? 1 : (size_t)(slash - clean));
}

int copy_plan_make(const struct copy_end *src, const struct copy_end *dst, struct copy_plan *out,
                   struct err *err)
{
    *out = (struct copy_plan){0};
    if (dst->exists && dst->is_dir) {
        out->dir = xstrdup(dst->path);
        out->to = xstrdup0(src->rename);
        return 0;
    }
    if (dst->exists && src->is_dir)
        return err_set(err, -EINVAL, "cannot copy directory");
    if (!dst->exists && !src->is_dir && copy_path_is_dir(dst->path))
        return err_set(err, -EINVAL, "no such directory");
    copy_path_split(dst->path, &out->dir, &out->to);
    return 0;
}

void copy_plan_fini(struct copy_plan *p)
{
    free(p->dir);
    free(p->to);
}
