/* SPDX-License-Identifier: Apache-2.0 */
/* Loading berth-archive.so, once. */
#include "image/archive.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>

#include "base/fs.h"
#include "base/str.h"
#include "build-config.h"
#include "image/archive/ops.h"

static struct {
    pthread_mutex_t lock; /* guards `ops` */
    const struct archive_ops *ops;
} module = {.lock = PTHREAD_MUTEX_INITIALIZER};

static int load(const struct archive_ops **out, struct err *err)
{
    const char *path = secure_getenv("BERTH_ARCHIVE_SO") ?: BERTH_LIBEXECDIR "/berth-archive.so";
    void *so = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!so)
        return err_set(err, -ENOENT, "loading the archive code: %s", dlerror());
    const struct archive_ops *ops = dlsym(so, ARCHIVE_OPS_SYMBOL);
    if (!ops || ops->size != sizeof(*ops) || !str_eq(ops->build, BERTH_VERSION)) {
        dlclose(so);
        return err_set(err, -EINVAL, "%s is not of this build (%s)", path, BERTH_VERSION);
    }
    *out = ops;
    return 0;
}

static int get_ops(const struct archive_ops **out, struct err *err)
{
    pthread_mutex_lock(&module.lock);
    int r = module.ops ? 0 : load(&module.ops, err);
    *out = module.ops;
    pthread_mutex_unlock(&module.lock);
    return r;
}

int archive_extract(int tar_fd, const struct archive_target *to, struct archive_stats *stats,
                    struct err *err)
{
    const struct archive_ops *ops;
    int r = get_ops(&ops, err);
    return r < 0 ? r : ops->extract(tar_fd, to, stats, err);
}

int archive_unpack(int tar_fd, int dir_fd, uint32_t form, struct archive_stats *stats,
                   struct err *err)
{
    const struct archive_target to = {.root = dir_fd, .form = form};
    return archive_extract(tar_fd, &to, stats, err);
}

int archive_write(const struct archive_source *src,
                  int (*put)(void *ctx, const void *data, size_t n, struct err *err), void *ctx,
                  struct err *err)
{
    const struct archive_ops *ops;
    int r = get_ops(&ops, err);
    return r < 0 ? r : ops->write(src, put, ctx, err);
}

static int put_to_fd(void *ctx, const void *data, size_t n, struct err *err)
{
    int r = fs_write_all(*(int *)ctx, data, n);
    return r < 0 ? err_errno(err, r, "writing the archive") : 0;
}

int archive_pack(int dir_fd, int tar_fd, uint32_t form, struct err *err)
{
    const struct archive_source src = {.fd = dir_fd, .form = form};
    return archive_write(&src, put_to_fd, &tar_fd, err);
}

int archive_decompress(int fd, int (*put)(void *ctx, const void *data, size_t n, struct err *err),
                       void *ctx, struct err *err)
{
    const struct archive_ops *ops;
    int r = get_ops(&ops, err);
    return r < 0 ? r : ops->decompress(fd, put, ctx, err);
}

int archive_walk(int fd, const struct archive_visitor *v, struct err *err)
{
    const struct archive_ops *ops;
    int r = get_ops(&ops, err);
    return r < 0 ? r : ops->walk(fd, v, err);
}
