/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A container's root, to read its files and to write some
 *
 * While it runs this is the root that its processes see, through the monitor's descriptor, and nothing is claimed. While it does not, the
 * container is claimed, and its layer and mounts are put together in a mount namespace that nobody is in: it goes with the last
 * descriptor, whatever becomes of the daemon.
 */
#pragma once

#include "engine/internal.h"

enum root_use {
    ROOT_LAYER, /* without what is mounted on it; to read */
    ROOT_READ,
    ROOT_WRITE,
};

struct container_root {
    struct engine *engine;
    struct state_container *row;
    bool running, claimed;
    int fd;   /* O_PATH; paths are resolved below it only */
    int held; /* the mount namespace, or -1 */
};

/* `verb` stands in the claim. -EBUSY where another verb is at work for too long, or the container is being removed. */
int container_root_open(struct engine *e, const char *ref, enum root_use use, const char *verb,
                        struct container_root *out, struct err *err);
void container_root_fini(struct container_root *r);

/* The layer's root of a container whose row this is, without what is mounted on it; for a caller that has claimed it, or that is
 * content with a running one. A descriptor. */
int container_layer_open(struct engine *e, const struct state_container *row, struct err *err);

/* --- root-view.c */
/* Layer and mounts of a container that does not run, in a mount namespace: *fd is its root, *held keeps it up. */
int root_view_open(struct engine *e, const struct state_container *row, bool writable, int *fd,
                   int *held, struct err *err);
/* The root mount itself, without what is mounted on it, of a mount in the namespace of that process. -EINVAL: it is not there. */
int root_mount_clone(int pidfd, int root);
