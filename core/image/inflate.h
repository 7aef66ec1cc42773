/* SPDX-License-Identifier: Apache-2.0 */
/* Layers that came compressed: their plain bytes, and the proof that they are the ones that were promised. */
#pragma once

#include <berth/storage.h>

#include "image/blob.h"

/* OTHER (bzip2, xz): images may not hold such layers, and who takes them keeps the plain bytes. */
enum layer_packing { LAYER_PLAIN, LAYER_GZIP, LAYER_ZSTD, LAYER_OTHER };
/* By how the file begins; negative errno. */
int layer_packing(int fd);
/* Unpacks the compressed tar in `fd` into `diff`, and fails unless its plain bytes have the digest `diff_id`. -EINVAL with words. */
int layer_inflate(int fd, const char *diff_id, struct berth_diff *diff, int64_t *bytes,
                  struct err *err);
/* The plain bytes as a file of their own below tmp/; checked in the same way. */
int layer_inflate_file(struct blob_store *bs, int fd, const char *diff_id, struct blob_writer **out,
                       struct err *err);
