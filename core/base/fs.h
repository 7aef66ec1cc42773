/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files
 *
 * Whole-file reads with a bound, atomic replacement, trees made and removed through descriptors only, and paths
 * resolved inside a root (openat2). Every descriptor is O_CLOEXEC from birth. `dirfd` may be AT_FDCWD.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "base/err.h"

/* Reads at most `max` bytes; -EFBIG when there is more. *out is NUL-terminated and the caller's; *n may be NULL. */
int fs_read(int dirfd, const char *path, size_t max, char **out, size_t *n);
int fs_read_fd(int fd, size_t max, char **out, size_t *n);
/* Creates or truncates. */
int fs_write(int dirfd, const char *path, const void *data, size_t n, mode_t mode);
/* Writes a temporary beside it and renames it into place; `sync`: fsync of file and directory. */
int fs_write_atomic(int dirfd, const char *path, const void *data, size_t n, mode_t mode,
                    bool sync);
/* Removes the temporaries of `name` that writers who were killed have left in the directory. For who is the only writer, or at a time when
 * nobody writes. */
void fs_sweep_tmp(int dirfd, const char *name);
/* Writes all, whatever write(2) accepts at once; negative errno. */
int fs_write_all(int fd, const void *data, size_t n);

/* As `mkdir -p`; directories made get `mode`. An existing directory is fine. */
int fs_mkdir_p(const char *path, mode_t mode);
/* Removes a tree without following links or crossing into other mounts; absent is fine. */
int fs_rm_rf(int dirfd, const char *path);
/* Opens a directory, O_PATH unless `readable`; negative errno. */
int fs_open_dir(int dirfd, const char *path);
int fs_sync_dir(int dirfd, const char *path);
bool fs_exists(int dirfd, const char *path);

/* openat2 with RESOLVE_IN_ROOT: `path` is resolved as if `rootfd` were /, links too. flags as open(2) (O_CLOEXEC is
 * added). Negative errno. */
int fs_open_in_root(int rootfd, const char *path, int flags, mode_t mode);
/* As `mkdir -p` of `path` below `rootfd`; links on the way are resolved inside the root. Returns an O_PATH descriptor
 * of the last directory, or a negative errno. */
int fs_mkdir_in_root(int rootfd, const char *path, mode_t mode);

/* Cleans a path as Go's path.Clean does; the caller frees. */
char *fs_clean_path(const char *path);

/* Bytes that a tree takes on disk (st_blocks), each inode once. */
int fs_tree_bytes(int dirfd, const char *path, int64_t *bytes);

/* A sealed memfd with these bytes, or a negative errno. `exec`: may be executed. */
int fs_sealed_memfd(const char *name, const void *data, size_t n, bool exec);

/* "/proc/self/fd/N", without allocating. */
#define FD_PATH_MAX 32
const char *fs_fd_path(int fd, char buf[FD_PATH_MAX]);
