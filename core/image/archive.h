/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Archives: tar in and out
 *
 * The code stands in a shared object of ours, loaded at first use: libarchive brings a dozen libraries along, which a
 * daemon that only runs containers need not carry. BERTH_ARCHIVE_SO in the environment names another file (tests).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

struct archive_stats {
    int64_t entries;
    int64_t bytes;          /* of regular files, hard links counted once */
    int64_t xattrs_skipped; /* the file system below has no place for them */
};

/* Where the entries of an archive go. */
struct archive_target {
    int root; /* nothing is written outside this directory */
    const char *
        prefix; /* the directory below it that names are relative to; NULL: itself. Links are followed, inside the root */
    uint32_t form;   /* enum berth_whiteout */
    bool keep_top;   /* an entry for the directory itself changes nothing */
    bool no_replace; /* a directory and what is none are not put in each other's place */
    bool no_owner;   /* files become the caller's, and what only root may set is left out */
    bool chown;      /* all become uid:gid */
    uid_t uid;
    gid_t gid;
    /* The first part of each name, `from` ("": there is none), becomes `to`. NULL: names stay. */
    const char *from, *to;
};
/* Unpacks a tar (compressed or plain) from `tar_fd`. -EINVAL for an archive that is damaged or hostile, naming the entry; other
 * errors are the file system's. What was unpacked until then stays. `stats` may be NULL. */
int archive_extract(int tar_fd, const struct archive_target *to, struct archive_stats *stats,
                    struct err *err);
/* The same for a new tree in `dir_fd`, which the caller throws away after a failure. */
int archive_unpack(int tar_fd, int dir_fd, uint32_t form, struct archive_stats *stats,
                   struct err *err);

struct archive_change {
    const char *path; /* in the tree */
    bool deleted;     /* becomes a whiteout */
};
/* What an archive is made of. */
struct archive_source {
    int fd; /* a directory; with a name also a file, a link or a device (O_PATH is enough) */
    const char *
        name; /* what it is called: "etc", "." or "/"; NULL: it has no entry, and what is in it no prefix */
    uint32_t form; /* of the whiteouts that stand in the tree */
    bool alone;    /* directories without what is in them */
    /* Not the whole tree but these paths, each alone; NULL: the whole. */
    const struct archive_change *changes;
    size_t nchanges;
    /* Asked of a directory on another file system than the one above it: true, and it is shown empty. May be NULL. */
    bool (*hidden)(void *ctx, int dir_fd);
    void *ctx;
};
/* Writes it as PAX, sorted by name: the same tree gives the same bytes. put() takes them in order and ends it by failing. */
int archive_write(const struct archive_source *src,
                  int (*put)(void *ctx, const void *data, size_t n, struct err *err), void *ctx,
                  struct err *err);
/* The tree of `dir_fd` to a descriptor. */
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
