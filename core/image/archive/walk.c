/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Walking: an archive's entries one after the other
 *
 * For archives that are no root file system but a set of files, such as those of `save`. Nothing is written here.
 */
#include <archive_entry.h>
#include <errno.h>
#include <locale.h>

#include "image/archive/unpack.h"

#define BLOCK (1u << 20)

static enum archive_kind kind_of(struct archive_entry *e)
{
    if (archive_entry_hardlink(e))
        return ARCHIVE_HARDLINK;
    switch (archive_entry_filetype(e)) {
    case AE_IFREG:
        return ARCHIVE_FILE;
    case AE_IFDIR:
        return ARCHIVE_DIR;
    case AE_IFLNK:
        return ARCHIVE_SYMLINK;
    }
    return ARCHIVE_OTHER;
}

static int give_data(struct archive *a, const struct archive_member *m,
                     const struct archive_visitor *v, struct err *err)
{
    const void *data;
    size_t n;
    int64_t at, end = 0;
    int rc;
    while ((rc = archive_read_data_block(a, &data, &n, &at)) == ARCHIVE_OK) {
        if (n > 0 && at != end)
            break;
        int r = n > 0 ? v->data(v->ctx, data, n, err) : 0;
        if (r < 0)
            return r;
        end += (int64_t)n;
    }
    if (rc != ARCHIVE_EOF && rc != ARCHIVE_OK)
        return reader_error(a, m->name, err);
    if (rc == ARCHIVE_OK || end != m->size)
        return err_set(err, -EINVAL, "tar entry %.200s: a file with holes cannot stand here",
                       m->name);
    return 0;
}

static int visit(struct archive *a, struct archive_entry *e, const struct archive_visitor *v,
                 struct err *err)
{
    const char *name = archive_entry_pathname(e);
    const struct archive_member m = {
        .name = name ? name : "",
        .kind = kind_of(e),
        .link = archive_entry_hardlink(e) ?: archive_entry_symlink(e) ?: "",
        .size = archive_entry_size(e),
    };
    int r = v->member(v->ctx, &m, err);
    return r == 0 && m.kind == ARCHIVE_FILE ? give_data(a, &m, v, err) : r;
}

static int walk(struct archive *a, const struct archive_visitor *v, struct err *err)
{
    for (;;) {
        struct archive_entry *e;
        int rc = archive_read_next_header(a, &e);
        if (rc == ARCHIVE_EOF)
            return 0;
        if (rc < ARCHIVE_WARN)
            return reader_error(a, NULL, err);
        int r = visit(a, e, v, err);
        if (r < 0)
            return r;
    }
}

int walk_run(int fd, const struct archive_visitor *v, struct err *err)
{
    _cleanup_(reader_freep) struct archive *a = reader_new();
    if (!a)
        return err_errno(err, -ENOMEM, "tar");
    locale_t made, before = ascii_begin(&made);
    archive_read_support_format_tar(a);
    archive_read_support_format_empty(a);
    int r = archive_read_open_fd(a, fd, BLOCK) == ARCHIVE_OK ? walk(a, v, err)
                                                             : reader_error(a, NULL, err);
    ascii_end(made, before);
    return r;
}
