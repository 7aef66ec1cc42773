/* SPDX-License-Identifier: Apache-2.0 */
/*
 * File systems by fsopen, and by mount(2) where the kernel or the file system is too old for that
 *
 * Both give a descriptor of the mount. Safe in the child: nothing here allocates.
 */
#pragma once

#include "shim/plan.h"

/* A detached mount, or -errno. -ENOSYS: use fscontext_mount_legacy(). `why` (may be NULL) gets the kernel's words. */
int fscontext_mount(const struct mount_op *op, char *why, size_t n);
/* Mounts on `target` and gives the mount, or -errno. */
int fscontext_mount_legacy(const struct mount_op *op, int target);
