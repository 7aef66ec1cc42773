/* SPDX-License-Identifier: MIT */
/*
 * Storage drivers
 *
 * Keep layers: trees stacked on a parent. A layer's id is 64 hex digits, or a name of [a-z0-9-]; the core makes it
 * and never uses it twice. All slots run in berthd, from any thread; calls on different layers may run at once, two calls
 * that change one layer never do. Every durable step must leave something that open() repairs: a layer is there
 * when layer_create() or diff_commit() returned 0, and not there otherwise. The trees live below host->data_dir.
 */
#ifndef BERTH_STORAGE_H
#define BERTH_STORAGE_H

#include "berth/plugin.h"

#ifdef __cplusplus
extern "C" {
#endif

enum berth_storage_capabilities {
    BERTH_STORAGE_DIFF = 1u << 0,  /* changes() knows the difference without comparing trees */
    BERTH_STORAGE_QUOTA = 1u << 1, /* the per-layer option "size" holds */
};

struct berth_layer_stat {
    size_t size;
    uint32_t writable; /* made by layer_create(), not by diff_commit() */
    uint32_t reserved;
    /* Filled with the parent's id, or "", by the driver: at most 128 bytes with the NUL. */
    char *parent;
};

struct berth_usage {
    size_t size;
    int64_t bytes, inodes; /* that this layer alone takes */
};

/* A directory that the core unpacks a layer's difference into. */
struct berth_diff {
    size_t size;
    int32_t dir_fd;         /* an open directory; the driver closes it in commit or abort */
    uint32_t whiteout_form; /* enum berth_whiteout */
    void *priv;             /* the driver's */
};

/* How a root comes about; executed by the shim in the container's mount namespace. Filled by the calls below only;
 * exactly one of filesystem and bind. Paths are absolute. Strings are copied. */
struct berth_mount_plan {
    size_t size;
    /* A file system of this type ("overlay"). */
    int (*filesystem)(struct berth_mount_plan *plan, const char *type);
    /* An option with a text value (value NULL: a flag). In order. */
    int (*option)(struct berth_mount_plan *plan, const char *key, const char *value);
    /* An option whose value is a path; may be passed to the kernel as a descriptor. Several "lowerdir+" go from the
     * uppermost to the lowest. */
    int (*option_path)(struct berth_mount_plan *plan, const char *key, const char *path);
    /* A directory that is the root as it stands. */
    int (*bind)(struct berth_mount_plan *plan, const char *path);
};

enum berth_mount_flags {
    BERTH_MOUNT_READONLY = 1u << 0,
    /* The layer is removed when this mount has ended: what is written needs to survive neither a crash of the machine
     * nor the unmount. Core sets it for containers that remove themselves. */
    BERTH_MOUNT_EPHEMERAL = 1u << 1,
};

enum berth_change_kind {
    BERTH_CHANGE_MODIFIED = 0,
    BERTH_CHANGE_ADDED = 1,
    BERTH_CHANGE_DELETED = 2
};

struct berth_storage_ops {
    size_t size;
    /* Opens the driver's data directory, repairs what a crash left, refuses in words where the file system below cannot
     * carry it. */
    int (*open)(const struct berth_host *host, void **self, struct berth_err *err);
    void (*close)(void *self);
    /* Makes a writable layer. `parent` NULL: empty. `options` as given with --storage-opt, may be NULL.
     * -EEXIST, -ENOENT (parent). */
    int (*layer_create)(void *self, const char *id, const char *parent,
                        const struct berth_options *options, struct berth_err *err);
    /* Removes a layer. -ENOENT when it is not there, -EBUSY when another stands on it. When it returns the layer is gone for good; the driver may
     * still be freeing its space. */
    int (*layer_remove)(void *self, const char *id, struct berth_err *err);
    int (*layer_stat)(void *self, const char *id, struct berth_layer_stat *out,
                      struct berth_err *err);
    /* Begins a read-only layer: gives a directory to unpack the difference to `parent` into. */
    int (*diff_begin)(void *self, const char *id, const char *parent, struct berth_diff *diff,
                      struct berth_err *err);
    /* Makes it a layer, durably (files and directory synced). On failure the diff is aborted. */
    int (*diff_commit)(void *self, const char *id, struct berth_diff *diff, struct berth_err *err);
    void (*diff_abort)(void *self, const char *id, struct berth_diff *diff);
    /* Takes the layer's plain tar itself, for drivers that keep no trees. Optional: diff_begin and the core's own
     * unpacking. */
    int (*layer_ingest)(void *self, const char *id, const char *parent, int tar_fd,
                        struct berth_err *err);
    /* Says how to mount a layer. Makes nothing. */
    int (*mount_plan)(void *self, const char *id, uint32_t flags, struct berth_mount_plan *plan,
                      struct berth_err *err);
    /* Calls each(ctx, path, kind) for each path (absolute inside the layer) in which the layer differs from its
     * parent, parents before children. Stops with what `each` returned when that is not 0. */
    int (*changes)(void *self, const char *id,
                   int (*each)(void *ctx, const char *path, uint32_t kind), void *ctx,
                   struct berth_err *err);
    int (*usage)(void *self, const char *id, struct berth_usage *out, struct berth_err *err);
    /* Pairs for `docker info`: each(ctx, "Backing Filesystem", "extfs"). Optional. */
    int (*status)(void *self, int (*each)(void *ctx, const char *key, const char *value),
                  void *ctx);
    /* Calls each(ctx, id) for every layer there is; the start-up check compares them with the rows. */
    int (*layer_list)(void *self, int (*each)(void *ctx, const char *id), void *ctx,
                      struct berth_err *err);
    /* Gives the difference of a layer to its parent as a directory to read, with its whiteouts in diff->whiteout_form (not
     * BERTH_WHITEOUT_APPLY); the core closes diff->dir_fd. Beside whoever writes to the layer. Optional: changes(), and
     * the files as mount_plan() shows them. */
    int (*diff_read)(void *self, const char *id, struct berth_diff *diff, struct berth_err *err);
};

#ifdef __cplusplus
}
#endif
#endif
