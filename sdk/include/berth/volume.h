/* SPDX-License-Identifier: MIT */
/*
 * Volume drivers
 *
 * Keep named directories. All slots run in berthd, from any thread; calls on one volume do not overlap.
 */
#ifndef BERTH_VOLUME_H
#define BERTH_VOLUME_H

#include "berth/plugin.h"

#ifdef __cplusplus
extern "C" {
#endif

struct berth_volume_ops {
    size_t size;
    int (*open)(const struct berth_host *host, void **self, struct berth_err *err);
    void (*close)(void *self);
    /* Makes a volume, durably. -EEXIST. */
    int (*create)(void *self, const char *name, const struct berth_options *options,
                  struct berth_err *err);
    /* -ENOENT, -EBUSY. */
    int (*remove)(void *self, const char *name, struct berth_err *err);
    /* Makes it usable for one more container; `user` names it. put(ctx, path) is called once with the directory.
     * Optional: path() is enough. */
    int (*mount)(void *self, const char *name, const char *user,
                 void (*put)(void *ctx, const char *path), void *ctx, struct berth_err *err);
    int (*unmount)(void *self, const char *name, const char *user, struct berth_err *err);
    int (*path)(void *self, const char *name, void (*put)(void *ctx, const char *path), void *ctx,
                struct berth_err *err);
    int (*list)(void *self, int (*each)(void *ctx, const char *name), void *ctx,
                struct berth_err *err);
};

#ifdef __cplusplus
}
#endif
#endif
