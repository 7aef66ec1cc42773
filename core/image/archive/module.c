/* SPDX-License-Identifier: Apache-2.0 */
/* The one symbol of berth-archive.so. */
#include "build-config.h"
#include "image/archive/unpack.h"

extern __attribute__((visibility("default"))) const struct archive_ops berth_archive_ops;
const struct archive_ops berth_archive_ops = {
    .size = sizeof(struct archive_ops),
    .build = BERTH_VERSION,
    .extract = unpack_run,
    .write = pack_run,
    .decompress = decompress_run,
    .walk = walk_run,
};
