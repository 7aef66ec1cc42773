/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bundles: an archive of images, taken apart
 *
 * An archive's table of contents may come last, so each of its files is put into tmp/ as it arrives, with its digest, and can become a
 * blob by a rename. Names are looked up as in a file system whose root is the archive: links are followed, and lead nowhere else. A file
 * that is named after a digest ("blobs/sha256/HEX") is only given out when it has that digest.
 */
#pragma once

#include "image/blob.h"

#define BUNDLE_TEXT_MAX (8u << 20)

struct bundle;

/* Reads `fd` to its end. -EINVAL: not a tar, or a hostile one. Memory is bounded; disk is the archive's size. */
int bundle_read(struct blob_store *bs, int fd, struct bundle **out, struct err *err);
void bundle_free(struct bundle *b);
DEFINE_CLEANUP(struct bundle *, bundle_free);

bool bundle_has(struct bundle *b, const char *name);
/* The file, the bundle's. -EINVAL: there is none, or it is not what its name says. */
int bundle_find(struct bundle *b, const char *name, struct blob_writer **out, struct err *err);
/* A file's text; *text is the caller's. -EINVAL also when it is larger than BUNDLE_TEXT_MAX. */
int bundle_text(struct bundle *b, const char *name, char **text, size_t *n, struct err *err);
