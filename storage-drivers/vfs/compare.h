/* SPDX-License-Identifier: Apache-2.0 */
/* What two trees differ in. */
#pragma once

#include <stdint.h>

#include "berth/err.h"

/* Errors and calls as changes() of the driver's table. `before` -1: an empty tree. */
int compare_trees(int before, int after, int (*each)(void *ctx, const char *path, uint32_t kind),
                  void *ctx, struct berth_err *err);
