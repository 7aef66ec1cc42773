/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The init layer
 *
 * Between image and writable layer stands one with the places that every container mounts something on, so that what
 * the mounts need is not seen as a change of the container. The same list as Docker's, made once per image.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "image/internal.h"

struct place {
    const char *path;
    char type; /* d directory, f file, l link */
    const char *to;
};

static const struct place places[] = {
    {"dev", 'd'},
    {"dev/pts", 'd'},
    {"dev/shm", 'd'},
    {"proc", 'd'},
    {"sys", 'd'},
    {"etc", 'd'},
    {".dockerenv", 'f'},
    {"dev/console", 'f'},
    {"etc/hostname", 'f'},
    {"etc/hosts", 'f'},
    {"etc/resolv.conf", 'f'},
    {"etc/mtab", 'l', "/proc/mounts"},
};

static int make_place(int dir, const char *base, const struct place *p)
{
    if (p->type == 'l')
        return symlinkat(p->to, dir, base) < 0 ? -errno : 0;
    if (p->type == 'd')
        return mkdirat(dir, base, 0755) < 0 || fchmodat(dir, base, 0755, 0) < 0 ? -errno : 0;
    _cleanup_(closep) int fd =
        openat(dir, base, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0755);
    return fd < 0 || fchmod(fd, 0755) < 0 ? -errno : 0;
}

/* A driver that keeps whole trees gives a directory in which the image stands: what is there stays, and links on the way
 * are resolved inside it. */
static int ensure_place(int root, const struct place *p)
{
    struct stat st;
    const char *slash = strrchr(p->path, '/');
    _cleanup_(freep) char *above =
        slash ? xstrndup(p->path, (size_t)(slash - p->path)) : xstrdup(".");
    const char *base = slash ? slash + 1 : p->path;
    _cleanup_(closep) int dir = fs_open_in_root(root, above, O_PATH | O_DIRECTORY, 0);
    if (dir < 0) /* the image has something else there: as in Docker, its own affair */
        return dir == -ENOENT || dir == -ENOTDIR || dir == -ELOOP ? 0 : dir;
    if (fstatat(dir, base, &st, AT_SYMLINK_NOFOLLOW) == 0)
        return 0;
    return make_place(dir, base, p);
}

static int fill(void *ctx, struct berth_diff *diff, int64_t *bytes, struct err *err)
{
    for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
        int r = ensure_place(diff->dir_fd, &places[i]);
        if (r < 0)
            return err_errno(err, r, "init layer: making /%s", places[i].path);
    }
    *bytes = 0;
    return 0;
}

static int ensure(struct image_store *s, const char *top, char **layer_id, struct err *err)
{
    _cleanup_(state_layer_freep) struct state_layer *below = NULL, *init = NULL;
    int r = layer_ready(s, top, &below, err);
    if (r < 0)
        return r;
    _cleanup_(freep) char *chain = str_printf("init:%s", top);
    const struct layer_plan plan = {.chain_id = chain,
                                    .diff_id = "",
                                    .parent = top,
                                    .parent_layer = below->layer_id,
                                    .init = true,
                                    .fill = fill};
    layer_hold(s, chain);
    r = layer_ensure(s, &plan, &init, err);
    layer_release(s, chain);
    if (r == 0)
        *layer_id = steal_ptr(&init->layer_id);
    return r;
}

int image_init_layer(struct image_store *s, const char *image_id, char **layer_id, struct err *err)
{
    _cleanup_(state_image_freep) struct state_image *i = NULL;
    int r = state_image_get(s->state, image_id, &i, err);
    if (r < 0)
        return r;
    if (i->layers.n == 0)
        return err_set(err, -ENOENT, "image %s has no layers", image_id);
    r = ensure(s, i->layers.v[i->layers.n - 1], layer_id, err);
    return r < 0 ? err_wrap(err, "image %s", image_id) : 0;
}
