/* SPDX-License-Identifier: Apache-2.0 */
/* What the file system below the layers is, and whether it can carry them. */
#pragma once

#include "berth/storage.h"

/* Refuses, in words, a kernel without overlayfs and a backing file system that cannot hold an upper directory. Leaves
 * nothing behind in `dir`. */
int backing_check(const char *dir, struct berth_err *err);
/* Its name as `docker info` has it: "extfs", "xfs", … */
const char *backing_name(const char *dir);
