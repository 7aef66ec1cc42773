/* SPDX-License-Identifier: Apache-2.0 */
/* What berth-archive.so offers berthd. Both are of one build: the build's version is compared when it is loaded. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "image/archive.h"

struct archive_ops {
    size_t size;
    const char *build; /* BERTH_VERSION */
    int (*extract)(int tar_fd, const struct archive_target *to, struct archive_stats *stats,
                   struct err *err);
    int (*write)(const struct archive_source *src,
                 int (*put)(void *ctx, const void *data, size_t n, struct err *err), void *ctx,
                 struct err *err);
    int (*decompress)(int fd, int (*put)(void *ctx, const void *data, size_t n, struct err *err),
                      void *ctx, struct err *err);
    int (*walk)(int fd, const struct archive_visitor *v, struct err *err);
};

#define ARCHIVE_OPS_SYMBOL "berth_archive_ops"
