/* SPDX-License-Identifier: Apache-2.0 */
/* The difference between a layer and those below it, read from the layer's own directory. */
#pragma once

#include "common/layers.h"

/* `root` is data_dir. Errors as changes() of the driver's table. */
int overlay_changes(const char *root, const struct chain *chain,
                    int (*each)(void *ctx, const char *path, uint32_t kind), void *ctx,
                    struct berth_err *err);
