/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A container's files as archives: export, copies out of it and into it
 *
 * In two steps, so that what is wrong is known before the answer begins. Nothing of the container is executed or loaded: owners are
 * looked up in its passwd by our own code, and every path is resolved below its root's descriptor.
 */
#include <berth/host.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/userdb.h"
#include "engine/root-path.h"
#include "engine/root.h"
#include "image/archive.h"

struct container_archive {
    struct container_root root;
    struct root_path path;
    int place;
    json_t *stat;
    dev_t devices; /* of the /dev that every container gets */
    bool empty;    /* the place is one of the kernel's own directories */
};

void engine_container_archive_close(struct container_archive *a)
{
    close_fd(a->place);
    container_root_fini(&a->root);
    root_path_fini(&a->path);
    json_decref(a->stat);
    free(a);
}
DEFINE_CLEANUP(struct container_archive *, engine_container_archive_close);

const json_t *engine_container_archive_stat(const struct container_archive *a)
{
    return a->stat;
}

static struct container_archive *archive_new(const char *path)
{
    struct container_archive *a = xcalloc(1, sizeof(*a));
    a->root.fd = a->root.held = a->place = -1;
    root_path_parse(path, &a->path);
    return a;
}

/* --- export */

int engine_container_export_open(struct engine *e, const char *ref, struct container_archive **out,
                                 struct err *err)
{
    _cleanup_(engine_container_archive_closep) struct container_archive *a = archive_new("/");
    int r = container_root_open(e, ref, ROOT_LAYER, "export", &a->root, err);
    if (r < 0)
        return r;
    container_event(e, a->root.row, "export", NULL);
    *out = steal_ptr(&a);
    return 0;
}

/* --- out */

static int not_found(const char *ref, const char *path, struct err *err)
{
    return err_set(err, -ENOENT, "Could not find the file %s in container %s", path, ref);
}

static int path_error(const char *ref, const char *path, int code, struct err *err)
{
    if (code == -ENOENT || code == -ENAMETOOLONG)
        return not_found(ref, path, err);
    if (code == -ENOTDIR || code == -ELOOP)
        return err_set(err, -EINVAL, "%s in container %s: %s", path, ref,
                       code == -ELOOP ? "too many links" : "not a directory");
    return err_errno(err, code, "%s in container %s", path, ref);
}

static dev_t devices_of(int root)
{
    struct stat st, top;
    _cleanup_(closep) int dev = fs_open_in_root(root, "dev", O_PATH | O_DIRECTORY | O_NOFOLLOW, 0);
    if (dev < 0 || fstat(dev, &st) < 0 || fstat(root, &top) < 0 || st.st_dev == top.st_dev)
        return 0;
    return st.st_dev;
}

static int open_place(struct container_archive *a, const char *ref, const char *path,
                      struct err *err)
{
    struct stat st;
    a->place = root_path_open(a->root.fd, &a->path);
    if (a->place < 0)
        return path_error(ref, path, a->place, err);
    a->stat = root_path_stat(a->root.fd, &a->path, a->place);
    if (!a->stat || fstat(a->place, &st) < 0)
        return err_errno(err, -errno, "%s in container %s", path, ref);
    a->empty = root_is_pseudo(a->place);
    return a->empty && !S_ISDIR(st.st_mode) ? not_found(ref, path, err) : 0;
}

int engine_container_archive_open(struct engine *e, const char *ref, const char *path,
                                  struct container_archive **out, struct err *err)
{
    _cleanup_(engine_container_archive_closep) struct container_archive *a = archive_new(path);
    int r = container_root_open(e, ref, ROOT_READ, "copy", &a->root, err);
    if (r == 0)
        r = open_place(a, ref, path, err);
    if (r < 0)
        return r;
    a->devices = a->root.running ? devices_of(a->root.fd) : 0;
    *out = steal_ptr(&a);
    return 0;
}

/* What the kernel or the engine has put into a running container is no file of it: as Docker shows it, the places are empty. */
static bool is_hidden(void *ctx, int dir_fd)
{
    const struct container_archive *a = ctx;
    struct stat st;
    if (root_is_pseudo(dir_fd))
        return true;
    return a->devices && fstat(dir_fd, &st) == 0 && st.st_dev == a->devices;
}

int engine_container_archive_write(struct container_archive *a,
                                   int (*put)(void *ctx, const void *data, size_t n,
                                              struct err *err),
                                   void *ctx, struct err *err)
{
    bool whole = a->place < 0;
    const struct archive_source src = {.fd = whole ? a->root.fd : a->place,
                                       .name = whole ? NULL : a->path.name,
                                       .form = BERTH_WHITEOUT_OCI,
                                       .alone = a->empty,
                                       .hidden = whole ? NULL : is_hidden,
                                       .ctx = a};
    int r = archive_write(&src, put, ctx, err);
    if (r == 0 && !whole)
        container_event(a->root.engine, a->root.row, "archive-path", NULL);
    return r;
}

/* --- in */

/* The mount of the container that a resolved path is in, the deepest; NULL: it is the layer's. */
static const json_t *mount_above(const struct state_container *row, const char *path)
{
    const json_t *mounts = json_arr(row->runtime, "mounts"), *found = NULL;
    size_t best = 0;
    for (size_t i = 0; i < json_array_size(mounts); i++) {
        const json_t *m = json_array_get(mounts, i);
        const char *at = json_str(m, "Destination", "/");
        if (root_path_within(path, at) && strlen(at) >= best) {
            best = strlen(at);
            found = m;
        }
    }
    return found;
}

static bool in_tmpfs(const struct state_container *row, const char *path)
{
    const char *at;
    json_t *ignored;
    json_object_foreach (json_obj(row->host_config, "Tmpfs"), at, ignored)
        if (root_path_within(path, at))
            return true;
    return false;
}

static int check_writable(const struct container_root *root, const char *path, struct err *err)
{
    _cleanup_(freep) char *resolved = root_resolve(root->fd, path);
    const json_t *m = mount_above(root->row, resolved);
    if (m && !json_bool(m, "RW", true))
        return err_set(err, -EPERM, "mounted volume is marked read-only");
    if (!m && json_bool(root->row->host_config, "ReadonlyRootfs", false) &&
        !(root->running && in_tmpfs(root->row, resolved)))
        return err_set(err, -EPERM, "container rootfs is marked read-only");
    return 0;
}

static int check_place(const struct container_root *root, const char *ref, const char *path,
                       const struct root_path *p, struct err *err)
{
    _cleanup_(closep) int place = fs_open_in_root(root->fd, p->clean, O_PATH, 0);
    struct stat st;
    if (place < 0)
        return path_error(ref, path, place, err);
    if (fstat(place, &st) < 0)
        return err_errno(err, -errno, "%s in container %s", path, ref);
    if (!S_ISDIR(st.st_mode))
        return err_set(err, -EINVAL, "extraction point is not a directory");
    if (root_is_pseudo(place))
        return err_set(err, -EPERM,
                       "%s in container %s is the kernel's: nothing can be copied there", path,
                       ref);
    return check_writable(root, p->clean, err);
}

static int set_owner(const struct container_root *root, struct archive_target *to, struct err *err)
{
    const char *user = json_str(root->row->config, "User", "");
    struct userdb_ids ids;
    if (!*user)
        return 0;
    int r = userdb_lookup(root->fd, user, &ids, err);
    to->chown = true;
    to->uid = ids.uid;
    to->gid = ids.gid;
    return r;
}

int engine_container_archive_put(struct engine *e, const char *ref, const char *path,
                                 const struct archive_put_opts *opts, int tar_fd, struct err *err)
{
    _cleanup_(container_root_fini) struct container_root root;
    _cleanup_(root_path_fini) struct root_path p;
    root_path_parse(path, &p);
    int r = container_root_open(e, ref, ROOT_WRITE, "copy", &root, err);
    if (r < 0)
        return r;
    struct archive_target to = {.root = root.fd,
                                .prefix = p.clean,
                                .form = BERTH_WHITEOUT_OCI,
                                .keep_top = true,
                                .no_replace = opts->no_overwrite_dir_non_dir};
    r = check_place(&root, ref, path, &p, err);
    if (r == 0 && opts->copy_uid_gid)
        r = set_owner(&root, &to, err);
    if (r == 0)
        r = archive_extract(tar_fd, &to, NULL, err);
    if (r == 0)
        container_event(e, root.row, "extract-to-dir", NULL);
    return r == -ENOTDIR || r == -EEXIST || r == -EROFS ? err_set(err, -EINVAL, "%s", err_msg(err))
                                                        : r;
}
