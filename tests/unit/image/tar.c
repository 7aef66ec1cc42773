/* SPDX-License-Identifier: Apache-2.0 */
/* Tars for tests. */
#include "tests/unit/image/tar.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static void must(bool ok)
{
    if (!ok)
        abort();
}

struct tar tar_begin(int filter)
{
    struct tar t = {.a = archive_write_new(), .fd = memfd_create("tar", MFD_CLOEXEC)};
    archive_write_set_format_pax(t.a);
    must(archive_write_add_filter(t.a, filter) == ARCHIVE_OK);
    must(archive_write_set_options(t.a, "hdrcharset=BINARY") >= ARCHIVE_WARN);
    must(archive_write_open_fd(t.a, t.fd) == ARCHIVE_OK);
    return t;
}

struct archive_entry *tar_entry(const char *name, mode_t mode)
{
    struct archive_entry *e = archive_entry_new();
    archive_entry_set_pathname(e, name);
    archive_entry_set_mode(e, mode);
    archive_entry_set_mtime(e, 1000000000, 123456789);
    return e;
}

void tar_add(struct tar *t, struct archive_entry *e, const void *data, size_t n)
{
    if (n)
        archive_entry_set_size(e, (int64_t)n);
    must(archive_write_header(t->a, e) >= ARCHIVE_WARN);
    must(n == 0 || archive_write_data(t->a, data, n) >= 0);
    archive_entry_free(e);
}

void tar_file(struct tar *t, const char *name, const char *text)
{
    tar_add(t, tar_entry(name, S_IFREG | 0644), text, strlen(text));
}

void tar_dir(struct tar *t, const char *name, mode_t perm)
{
    tar_add(t, tar_entry(name, S_IFDIR | perm), NULL, 0);
}

void tar_symlink(struct tar *t, const char *name, const char *to)
{
    struct archive_entry *e = tar_entry(name, S_IFLNK | 0777);
    archive_entry_set_symlink(e, to);
    tar_add(t, e, NULL, 0);
}

void tar_hardlink(struct tar *t, const char *name, const char *to)
{
    struct archive_entry *e = tar_entry(name, S_IFREG | 0644);
    archive_entry_set_hardlink(e, to);
    tar_add(t, e, NULL, 0);
}

int tar_end(struct tar *t)
{
    must(archive_write_close(t->a) == ARCHIVE_OK);
    archive_write_free(t->a);
    lseek(t->fd, 0, SEEK_SET);
    return t->fd;
}
