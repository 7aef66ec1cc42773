/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Archives: tar in and out
 *
 * The code stands in a shared object of ours, loaded at first use: libarchive brings a dozen libraries along, which a
 * daemon that only runs containers need not carry. BERTH_ARCHIVE_SO in the environment names another file (tests).
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct archive_stats {
    int64_t entries;
    int64_t bytes;          /* of regular files, hard links counted once */
    int64_t xattrs_skipped; /* the file system below has no place for them */
};

/* Unpacks a tar (compressed or plain) from `tar_fd` into the directory `dir_fd`; whiteouts in the form `form` (enum
 * berth_whiteout). Nothing is written outside the directory. -EINVAL for an archive that is damaged or hostile, naming
 * the entry; other errors are the file system's. The caller throws the directory away then. `stats` may be NULL. */
int archive_unpack(int tar_fd, int dir_fd, uint32_t form, struct archive_stats *stats,
                   struct err *err);
/* Writes the tree of `dir_fd`, in which whiteouts have the form `form`, to `tar_fd` as PAX, sorted by name: the same tree
 * gives the same bytes. */
int archive_pack(int dir_fd, int tar_fd, uint32_t form, struct err *err);
/* Hands the plain bytes of what `fd` holds (gzip, bzip2, xz, zstd or plain) to `put` in order. */
int archive_decompress(int fd, int (*put)(void *ctx, const void *data, size_t n, struct err *err),
                       void *ctx, struct err *err);

enum archive_kind { ARCHIVE_FILE, ARCHIVE_DIR, ARCHIVE_SYMLINK, ARCHIVE_HARDLINK, ARCHIVE_OTHER };
struct archive_member {
    const char *name; /* as it stands in the archive: any bytes */
    enum archive_kind kind;
    const char *link; /* of the two kinds of links, else "" */
    int64_t size;
};
struct archive_visitor {
    void *ctx;
    int (*member)(void *ctx, const struct archive_member *m, struct err *err);
    int (*data)(void *ctx, const void *data, size_t n, struct err *err);
};
/* Reads a tar (compressed or plain) once: member() for each entry, and for a regular file data() with its bytes in order.
 * Ends with what one of them returned when that is negative. -EINVAL for an archive that is damaged. */
int archive_walk(int fd, const struct archive_visitor *v, struct err *err);
