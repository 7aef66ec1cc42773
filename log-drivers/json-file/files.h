/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files of a log
 *
 * ID-json.log is written; ID-json.log.1 is the one before it, and so on, compressed ones end in .gz. A file keeps its identity
 * when it is renamed and when it is compressed (it then stands in the gzip header), so that a reader that opens
 * them while they are rotated neither reads one twice nor misses one.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "berth/err.h"

struct ident {
    uint64_t ino, birth_ns;
};

struct logfile {
    int fd;
    bool gz;
    struct ident ident;
    int64_t mtime_ns;
};

/* Oldest first. */
struct logset {
    size_t n;
    struct logfile *files;
};

/* "ID-json.log", with ".INDEX" for index > 0, and `suffix`. The caller frees; NULL without memory. */
char *logfile_name(const char *id, unsigned index, const char *suffix);
/* Opens all there are of at least max_file, those that are kept for who follows too if `kept`; an empty set is no error.
 * Negative errno. */
int logset_open(int dir, const char *id, unsigned max_file, bool kept, struct logset *out);
void logset_fini(struct logset *set);
/* Closes and drops the first n. */
void logset_drop(struct logset *set, size_t n);

bool ident_equal(const struct ident *a, const struct ident *b);
int ident_of_fd(int fd, struct ident *out, int64_t *mtime_ns);
/* Of ID-json.log now; -ENOENT. */
int ident_of_current(int dir, const char *id, struct ident *out);

/* Compresses ID-json.log.1 to ….1.gz. On failure the plain file stays. Negative errno. */
int logfile_compress(int dir, const char *id);
