/* SPDX-License-Identifier: Apache-2.0 */
/* Tars for tests, made by libarchive's writer in memory files. */
#pragma once

#include <archive.h>
#include <archive_entry.h>
#include <stdbool.h>
#include <stdint.h>

struct tar {
    struct archive *a;
    int fd;
};

/* filter: ARCHIVE_FILTER_NONE, _GZIP, … */
struct tar tar_begin(int filter);
struct archive_entry *tar_entry(const char *name, mode_t mode);
/* Writes it (and its data) and frees the entry. */
void tar_add(struct tar *t, struct archive_entry *e, const void *data, size_t n);
void tar_file(struct tar *t, const char *name, const char *text);
void tar_dir(struct tar *t, const char *name, mode_t perm);
void tar_symlink(struct tar *t, const char *name, const char *to);
void tar_hardlink(struct tar *t, const char *name, const char *to);
/* The descriptor, at its beginning; the caller closes. */
int tar_end(struct tar *t);
