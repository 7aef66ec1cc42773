/* SPDX-License-Identifier: Apache-2.0 */
/* The files of the fake engine's containers: one that is called "missing" is not there, and an upload is counted. */
#include <errno.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/str.h"
#include "engine/engine.h"

struct container_archive {
    json_t *stat;
};

static int find(const char *ref, struct err *err)
{
    return str_eq(ref, "missing") ? err_set(err, -ENOENT, "No such container: %s", ref) : 0;
}

int engine_container_changes(struct engine *e, const char *ref, json_t **out, struct err *err)
{
    (void)e;
    *out = json_null();
    return find(ref, err);
}

static int archive_new(const char *ref, const char *name, struct container_archive **out,
                       struct err *err)
{
    int r = find(ref, err);
    if (r < 0)
        return r;
    *out = xcalloc(1, sizeof(**out));
    (*out)->stat = json_object();
    json_put_str((*out)->stat, "name", name);
    return 0;
}

int engine_container_export_open(struct engine *e, const char *ref, struct container_archive **out,
                                 struct err *err)
{
    (void)e;
    return archive_new(ref, "/", out, err);
}

int engine_container_archive_open(struct engine *e, const char *ref, const char *path,
                                  struct container_archive **out, struct err *err)
{
    (void)e;
    return archive_new(ref, path, out, err);
}

const json_t *engine_container_archive_stat(const struct container_archive *a)
{
    return a->stat;
}

/* "cut" breaks off in the middle. */
int engine_container_archive_write(struct container_archive *a,
                                   int (*put)(void *ctx, const void *data, size_t n,
                                              struct err *err),
                                   void *ctx, struct err *err)
{
    int r = put(ctx, "archive", 7, err);
    if (r == 0 && str_eq(json_str(a->stat, "name", ""), "cut"))
        r = err_set(err, -EIO, "cut off");
    return r;
}

void engine_container_archive_close(struct container_archive *a)
{
    json_decref(a->stat);
    free(a);
}

int engine_container_archive_put(struct engine *e, const char *ref, const char *path,
                                 const struct archive_put_opts *opts, int tar_fd, struct err *err)
{
    _cleanup_(freep) char *body = NULL;
    size_t n;
    (void)e;
    int r = find(ref, err);
    if (r == 0)
        r = fs_read_fd(tar_fd, 1 << 20, &body, &n);
    if (r < 0)
        return r;
    if (str_eq(path, "/ro"))
        return err_set(err, -EPERM, "container rootfs is marked read-only");
    return opts->copy_uid_gid
               ? err_set(err, -EINVAL, "%zu bytes, %d", n, opts->no_overwrite_dir_non_dir)
               : 0;
}

int engine_container_commit(struct engine *e, const char *ref, const struct commit_opts *opts,
                            char **id, struct err *err)
{
    (void)e;
    int r = find(ref, err);
    if (r == 0)
        *id = str_printf("%s %s %d %zu", opts->reference ? opts->reference : "-",
                         opts->comment ? opts->comment : "-", opts->pause, opts->changes->n);
    return r;
}
