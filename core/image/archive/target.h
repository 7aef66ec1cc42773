/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the entries of one archive go
 *
 * Resolves an entry's name to an open parent directory inside the root and a last component. Parents are resolved by
 * openat2 in the root, so that a link in the archive leads nowhere else; ".." is refused.
 */
#pragma once

#include <archive.h>
#include <archive_entry.h>
#include <stdbool.h>

#include "base/map.h"
#include "base/str.h"
#include "image/archive.h"

#define ENTRY_NAME_MAX 4096

struct dir_time {
    char *path;
    struct timespec mtime;
};

struct unpack {
    const struct archive_target *to;
    uint32_t form; /* enum berth_whiteout */
    int top; /* the directory that names are relative to; the root's own where there is no prefix */
    struct archive_stats stats;
    struct map seen; /* clean paths that came from this archive; only where whiteouts are applied */
    char *parent_path;
    int parent_fd; /* of parent_path, so that a directory's files resolve it once */
    struct {
        struct dir_time *v;
        size_t n, cap;
    } dirs;
};
void unpack_fini(struct unpack *u);

/* "./a//b/" becomes "a/b", the root "". -EINVAL with words for "..", a name too long, or none; `what` is said first. */
int path_clean(const char *name, const char *what, char **out, struct err *err);
/* The clean path of an entry's name, and of a hard link's target: cleaned, and with the part of it renamed that is to be. */
int target_path(const struct unpack *u, const char *name, const char *what, char **out,
                struct err *err);
/* Opens a clean path ("" is the directory that names are relative to) inside the root; O_CREAT is not for here. */
int target_open(const struct unpack *u, const char *path, int flags);
/* Opens the parent directory of a clean path (made where it is missing) and points *base at the last component. The
 * descriptor is the cache's. */
int target_parent(struct unpack *u, const char *path, int *fd, const char **base, struct err *err);
/* The cached parent's name may lead elsewhere from now on. Its descriptor stays open until the next one is. */
void target_forget(struct unpack *u);
/* Notes that `path` and the directories above it came from this archive. */
void target_seen(struct unpack *u, const char *path);

/* Handles an entry whose last component is a whiteout: 1 done, 0 is none, negative errno. */
int whiteout_entry(struct unpack *u, const char *path, struct err *err);
/* True, and the OCI name, for what overlayfs keeps as a whiteout. */
bool whiteout_is_overlay(const struct stat *st);

/* Owner, mode, xattrs and times of what was just made; `fd` is open on it (O_PATH is enough), so that what is put in its place
 * meanwhile is not touched. `path` is the clean one. */
int attrs_apply(struct unpack *u, struct archive_entry *e, int fd, const char *path,
                struct err *err);
/* Copies what a layer keeps of a file's xattrs into the entry. `path` is of the kind /proc/self/fd/N, which leads to a link itself. */
int attrs_read(const char *path, struct archive_entry *e);
/* Kept in layers: user.* (but overlayfs' own) and security.capability. */
bool xattr_kept(const char *name);
