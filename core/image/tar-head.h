/* SPDX-License-Identifier: Apache-2.0 */
/* Headers of a tar that is made of a few plain files: POSIX ustar, with GNU's binary sizes above 8 GiB. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define TAR_BLOCK 512

/* One file (mode 0644) or, where `dir`, one directory (0755), of root, at the epoch. `name` has at most 100 bytes. */
void tar_head(char out[TAR_BLOCK], const char *name, bool dir, int64_t size);
/* How many zeros follow `size` bytes. */
static inline int64_t tar_pad(int64_t size)
{
    return (TAR_BLOCK - size % TAR_BLOCK) % TAR_BLOCK;
}
