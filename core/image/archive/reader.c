/* SPDX-License-Identifier: Apache-2.0 */
/* Readers: which compressions are taken, and how libarchive's errors are told; plain bytes of a compressed file. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "image/archive/unpack.h"

#define BLOCK (256u << 10)

struct archive *reader_new(void)
{
    struct archive *a = archive_read_new();
    if (!a)
        return NULL;
    /* By hand: "all" would also take what libarchive does by starting programs. */
    archive_read_support_filter_gzip(a);
    archive_read_support_filter_bzip2(a);
    archive_read_support_filter_xz(a);
    archive_read_support_filter_zstd(a);
    return a;
}

void reader_freep(struct archive **a)
{
    if (*a)
        archive_read_free(*a);
}

int reader_error(struct archive *a, const char *entry, struct err *err)
{
    const char *why = archive_error_string(a);
    int number = archive_errno(a);
    int code = number == EIO || number == ENOMEM || number == EISDIR ? -number : -EINVAL;
    if (entry)
        return err_set(err, code, "tar entry %s: %s", entry, why ? why : "damaged");
    return err_set(err, code, "tar: %s", why ? why : "damaged");
}

locale_t ascii_begin(locale_t *made)
{
    *made = newlocale(LC_CTYPE_MASK, "C", (locale_t)0);
    return *made ? uselocale(*made) : (locale_t)0;
}

void ascii_end(locale_t made, locale_t before)
{
    if (!made)
        return;
    uselocale(before);
    freelocale(made);
}

int decompress_run(int fd, int (*put)(void *ctx, const void *data, size_t n, struct err *err),
                   void *ctx, struct err *err)
{
    _cleanup_(reader_freep) struct archive *a = reader_new();
    struct archive_entry *e;
    if (!a)
        return err_errno(err, -ENOMEM, "tar");
    archive_read_support_format_raw(a);
    archive_read_support_format_empty(a);
    if (archive_read_open_fd(a, fd, BLOCK) != ARCHIVE_OK)
        return reader_error(a, NULL, err);
    int rc = archive_read_next_header(a, &e);
    if (rc == ARCHIVE_EOF)
        return 0;
    if (rc < ARCHIVE_WARN)
        return reader_error(a, NULL, err);
    const void *data;
    size_t n;
    int64_t at;
    while ((rc = archive_read_data_block(a, &data, &n, &at)) == ARCHIVE_OK) {
        int r = put(ctx, data, n, err);
        if (r < 0)
            return r;
    }
    return rc == ARCHIVE_EOF ? 0 : reader_error(a, NULL, err);
}
