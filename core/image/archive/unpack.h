/* SPDX-License-Identifier: Apache-2.0 */
/* The three operations of berth-archive.so; what they promise stands in image/archive.h. */
#pragma once

#include <archive.h>

#include "image/archive/ops.h"

int unpack_run(int tar_fd, int dir_fd, uint32_t form, struct archive_stats *stats, struct err *err);
int pack_run(int dir_fd, int tar_fd, uint32_t form, struct err *err);
int decompress_run(int fd, int (*put)(void *ctx, const void *data, size_t n, struct err *err),
                   void *ctx, struct err *err);

/* A reader with the compressions that are taken, not yet opened; NULL when memory is gone. */
struct archive *reader_new(void);
void reader_freep(struct archive **a);
/* What libarchive said last, after "tar: ": -EINVAL, or what reading the descriptor gave. */
int reader_error(struct archive *a, const char *entry, struct err *err);
