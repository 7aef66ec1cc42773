/* SPDX-License-Identifier: Apache-2.0 */
/* The storage driver that the configuration names: its life, and its slots as the engine calls them. */
#pragma once

#include <berth/storage.h>

#include "engine/internal.h"
#include "plugin/host.h"

struct storage {
    struct plugin *plugin; /* the registry's */
    struct plugin_host *host;
    const struct berth_storage_ops *ops;
    void *self;
    char *place; /* a directory that stands throughout: what private mounts cover */
};

int storage_open(struct engine *e, struct storage **out, struct err *err);
void storage_close(struct storage *s);
/* What the host gives to drivers; valid as long as the engine. */
const struct host_services *engine_host_services(struct engine *e);

/* options: HostConfig.StorageOpt, or NULL; checked by storage_check_options() before. */
int storage_check_options(struct storage *s, const json_t *daemon, const json_t *options,
                          struct err *err);
int storage_layer_create(struct storage *s, const char *id, const char *parent,
                         const json_t *daemon, const json_t *options, struct err *err);
/* A layer that is gone is fine. */
/* 0 when the driver has it, -ENOENT, or another negative errno. */
int storage_layer_look(struct storage *s, const char *id);
int storage_layer_remove(struct storage *s, const char *id, struct err *err);
/* plan.rootfs of a layer; flags: enum berth_mount_flags. */
int storage_rootfs(struct storage *s, const char *id, uint32_t flags, json_t **rootfs,
                   struct err *err);
int storage_usage(struct storage *s, const char *id, int64_t *bytes, struct err *err);
/* Calls each(ctx, path, kind) for what a layer has changed in its parent, in no order. */
int storage_changes(struct storage *s, const char *id,
                    int (*each)(void *ctx, const char *path, uint32_t kind), void *ctx,
                    struct err *err);
/* The difference itself as a directory: *fd, and the form of its whiteouts. -ENOSYS without words where the driver has none. */
int storage_diff_read(struct storage *s, const char *id, int *fd, uint32_t *form, struct err *err);
/* DriverStatus of /info: [["Backing Filesystem", "extfs"], …]. */
json_t *storage_status(struct storage *s);
/* Mounts a layer over the directory `place` in the mount namespace that the calling thread has for itself; *fd: its root. */
int storage_attach(struct storage *s, const char *id, bool writable, int place, int *fd,
                   struct err *err);
/* The layer's own directory, for drivers whose layers are one: a descriptor, -ENODATA where it has to be mounted, or a negative
 * errno with words. */
int storage_bind_fd(struct storage *s, const char *id, struct err *err);
/* A descriptor of a layer's root as it would be mounted, not attached anywhere: for looking into it and copying. */
int storage_root_fd(struct storage *s, const char *id, int *fd, struct err *err);
