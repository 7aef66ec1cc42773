/* SPDX-License-Identifier: Apache-2.0 */
/* The operations of berth-archive.so; what they promise stands in image/archive.h. */
#pragma once

#include <archive.h>
#include <locale.h>

#include "image/archive/ops.h"

int unpack_run(int tar_fd, const struct archive_target *to, struct archive_stats *stats,
               struct err *err);
int pack_run(const struct archive_source *src,
             int (*put)(void *ctx, const void *data, size_t n, struct err *err), void *ctx,
             struct err *err);
int walk_run(int fd, const struct archive_visitor *v, struct err *err);
int decompress_run(int fd, int (*put)(void *ctx, const void *data, size_t n, struct err *err),
                   void *ctx, struct err *err);

/* A reader with the compressions that are taken, not yet opened; NULL when memory is gone. */
struct archive *reader_new(void);
void reader_freep(struct archive **a);
/* What libarchive said last, after "tar: ": -EINVAL, or what reading the descriptor gave. */
int reader_error(struct archive *a, const char *entry, struct err *err);
/* libarchive would bring PAX names into Unicode's composed form, which renames files. In a locale that has no Unicode it
 * gives up on what is not ASCII and hands the bytes over as they stand. For this thread, until ascii_end(). */
locale_t ascii_begin(locale_t *made);
void ascii_end(locale_t made, locale_t before);
