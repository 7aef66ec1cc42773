/* SPDX-License-Identifier: Apache-2.0 */
/*
 * File systems by fsopen, and by mount(2) where the kernel or the file system is too old for that
 *
 * Both give a descriptor of the mount. Safe in a forked child: nothing here allocates.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mount_option {
    const char *key, *value; /* value NULL: a flag */
    bool is_path;            /* value is an absolute path, however long */
};

struct fscontext {
    const char *type, *source;
    uint64_t attr; /* MOUNT_ATTR_* */
    const struct mount_option *options;
    size_t noptions;
};

/* A detached mount, or -errno. -ENOSYS: use fscontext_mount_legacy(). `why` (may be NULL) gets the kernel's words. */
int fscontext_mount(const struct fscontext *fs, char *why, size_t n);
/* Mounts on `target` and gives the mount, or -errno. */
int fscontext_mount_legacy(const struct fscontext *fs, int target);
/* As fscontext_mount(), by mount(2): in a mount namespace of a thread's own, where it covers the directory `place`, so that nothing of
 * it is seen outside or left behind by a crash. Not for a forked child. */
int fscontext_mount_private(const struct fscontext *fs, const char *place);
