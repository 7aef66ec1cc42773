/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The last steps of a new image, whoever makes it: a layer from a tar that is being written as a blob, then configuration and row
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/failpoint.h"
#include "base/json.h"
#include "base/log.h"
#include "image/archive.h"
#include "image/internal.h"

static int rewind_blob(struct blob_writer *blob, struct err *err)
{
    return lseek(blob_writer_fd(blob), 0, SEEK_SET) < 0
               ? err_errno(err, -errno, "reading the archive again")
               : 0;
}

int layer_tar_fill(void *ctx, struct berth_diff *diff, int64_t *bytes, struct err *err)
{
    struct blob_writer *blob = ctx;
    struct archive_stats stats = {0};
    int r = rewind_blob(blob, err);
    if (r < 0)
        return r;
    r = archive_unpack(blob_writer_fd(blob), diff->dir_fd, diff->whiteout_form, &stats, err);
    if (r < 0)
        return r;
    if (stats.xattrs_skipped)
        log_warn("layer: %lld extended attributes cannot be kept on this file system",
                 (long long)stats.xattrs_skipped);
    *bytes = stats.bytes;
    return blob_writer_commit(blob, err);
}

int layer_tar_give(void *ctx, int *fd, int64_t *bytes, struct err *err)
{
    struct blob_writer *blob = ctx;
    int r = rewind_blob(blob, err);
    if (r < 0 || (r = blob_writer_commit(blob, err)) < 0)
        return r;
    *fd = blob_writer_fd(blob);
    *bytes = blob_writer_size(blob);
    return 0;
}

int image_row_make(struct image_store *s, const struct image_row *in, char **id, struct err *err)
{
    char digest[DIGEST_MAX];
    _cleanup_(freep) char *text = json_text(in->doc);
    digest_of(text, strlen(text), digest);
    const struct state_image row = {.id = digest,
                                    .created_ns = in->created_ns,
                                    .size = in->size,
                                    .config = text,
                                    .layers = *in->layers};
    int r = blob_put_new(s->blobs, text, strlen(text), digest, err);
    if (r == 0)
        r = failpoint("image.config", err);
    if (r == 0)
        r = state_image_insert(s->state, &row, in->reference, err);
    if (r < 0) {
        blob_forget(s->blobs, digest);
        return r;
    }
    (void)failpoint("image.row", NULL);
    blob_put_back(s->blobs, digest);
    *id = xstrdup(digest);
    return 0;
}
