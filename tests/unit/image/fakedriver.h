/* SPDX-License-Identifier: Apache-2.0 */
/* A storage driver of plain directories that hold their own layer only, as an overlay's do. */
#pragma once

#include <berth/storage.h>

struct fake {
    int dir;             /* one directory per layer, "NAME.tmp" while it is made */
    const char *fail_at; /* "begin", "commit": the slot that fails */
    const char *held;    /* a layer that something stands on */
};
extern const struct berth_storage_ops fake_ops;
