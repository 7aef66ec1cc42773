/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blob store
 *
 * Content named by its SHA-256 digest below blobs/sha256/. A blob is written to a temporary file, synced and renamed:
 * what stands under a digest is whole. Blobs are never changed.
 */
#pragma once

#include <stdint.h>

#include "base/err.h"
#include "base/id.h"

struct blob_store;

/* Makes blobs/sha256, blobs/gone and tmp below `data_root`; empties tmp. */
int blob_store_open(const char *data_root, struct blob_store **out, struct err *err);
void blob_store_close(struct blob_store *bs);
DEFINE_CLEANUP(struct blob_store *, blob_store_close);

struct blob_writer;
int blob_writer_new(struct blob_store *bs, struct blob_writer **out, struct err *err);
int blob_writer_write(struct blob_writer *w, const void *data, size_t n, struct err *err);
/* What was written so far: its descriptor (borrowed; readable by pread and after lseek), size and digest. A negative errno
 * only where one that was parked cannot be opened again. */
int blob_writer_fd(struct blob_writer *w);
/* Closes the descriptor until it is asked for again, for whoever has many; nothing may be written any more. */
void blob_writer_park(struct blob_writer *w);
int64_t blob_writer_size(const struct blob_writer *w);
void blob_writer_digest(const struct blob_writer *w, char out[DIGEST_MAX]);
/* Makes it a blob, on disk when this returns. One that is there already is fine; so is a second time. */
int blob_writer_commit(struct blob_writer *w, struct err *err);
/* Without a commit nothing stays. */
void blob_writer_free(struct blob_writer *w);
DEFINE_CLEANUP(struct blob_writer *, blob_writer_free);

/* Writes `n` bytes as one blob that stands aside until its row is there and blob_put_back() is called. */
int blob_put_new(struct blob_store *bs, const void *data, size_t n, char digest[DIGEST_MAX],
                 struct err *err);
/* Writes `n` bytes as one blob. */
int blob_put(struct blob_store *bs, const void *data, size_t n, char digest[DIGEST_MAX],
             struct err *err);
/* A descriptor to read from; -ENOENT, -EINVAL (not a digest). */
int blob_open(struct blob_store *bs, const char *digest, struct err *err);
int blob_size(struct blob_store *bs, const char *digest, int64_t *size, struct err *err);
/* What it takes of the disk. -ENOENT. */
int blob_disk(struct blob_store *bs, const char *digest, int64_t *bytes);
/* Whether it is there, or stands aside while its row comes or goes. */
bool blob_exists(struct blob_store *bs, const char *digest);
/* Calls each(ctx, digest, size) for every blob; stops with what it returned when that is not 0. */
int blob_each(struct blob_store *bs, int (*each)(void *ctx, const char *digest, int64_t size),
              void *ctx, struct err *err);
/* Deletion in two steps, so that a crash between a row's deletion and the blob's leaves neither a row without its blob nor a blob
 * that nobody knows of: first it is put aside (one rename, while the row can still come back), then, the row being gone, deleted for good.
 * What a crash leaves aside is put back or deleted by blob_settle(). Absent is fine. */
int blob_put_aside(struct blob_store *bs, const char *digest);
void blob_put_back(struct blob_store *bs, const char *digest);
void blob_forget(struct blob_store *bs, const char *digest);
/* used(ctx, digest): 1, 0, or a negative errno, with which the blob is left as it is. */
int blob_settle(struct blob_store *bs, int (*used)(void *ctx, const char *digest), void *ctx,
                struct err *err);
