/* SPDX-License-Identifier: Apache-2.0 */
/* Taking an archive of images apart. */
#include "image/bundle.h"

#include <errno.h>
#include <string.h>

#include "base/fs.h"
#include "base/map.h"
#include "base/str.h"
#include "image/archive.h"

#define ENTRIES_MAX 20000
#define NAME_MAX_   1024
#define LINKS_MAX   8

struct entry {
    struct blob_writer *file; /* or NULL: a link */
    char *link;               /* the clean name that it stands for */
};

struct bundle {
    struct blob_store *blobs;
    struct map entries;
    struct blob_writer *current; /* an entry's, which is being read */
};

static void entry_free(void *p)
{
    struct entry *e = p;
    if (!e)
        return;
    blob_writer_free(e->file);
    free(e->link);
    free(e);
}

void bundle_free(struct bundle *b)
{
    if (!b)
        return;
    map_fini(&b->entries, entry_free);
    free(b);
}

/* "./a//b" and "/a/b" become "a/b"; NULL for what leads out of the archive. The caller frees. */
static char *clean_name(const char *name)
{
    _cleanup_(freep) char *clean = fs_clean_path(name);
    const char *rest = clean + strspn(clean, "/");
    return str_eq(rest, "..") || str_after(rest, "../") ? NULL : xstrdup(rest);
}

static char *link_target(const char *name, const struct archive_member *m)
{
    const char *slash = strrchr(name, '/');
    if (m->kind == ARCHIVE_HARDLINK || m->link[0] == '/')
        return clean_name(m->link);
    _cleanup_(freep) char *path =
        str_printf("%.*s%s", slash ? (int)(slash - name) + 1 : 0, name, m->link);
    return clean_name(path);
}

static int add_entry(struct bundle *b, const char *name, struct entry *e, struct err *err)
{
    if (b->entries.n >= ENTRIES_MAX) {
        entry_free(e);
        return err_set(err, -EINVAL, "the archive has more than %d files", ENTRIES_MAX);
    }
    entry_free(map_set(&b->entries, name, e)); /* as on a disk, the last one stays */
    return 0;
}

static int take_file(struct bundle *b, const char *name, struct err *err)
{
    struct entry *e = xcalloc(1, sizeof(*e));
    int r = blob_writer_new(b->blobs, &e->file, err);
    if (r < 0) {
        entry_free(e);
        return r;
    }
    b->current = e->file;
    return add_entry(b, name, e, err);
}

static int take_link(struct bundle *b, const char *name, const struct archive_member *m,
                     struct err *err)
{
    char *to = strlen(m->link) < NAME_MAX_ ? link_target(name, m) : NULL;
    if (!to)
        return err_set(err, -EINVAL, "tar entry %.200s: its link %.200s leads out of the archive",
                       m->name, m->link);
    struct entry *e = xcalloc(1, sizeof(*e));
    e->link = to;
    return add_entry(b, name, e, err);
}

static int take_member(void *ctx, const struct archive_member *m, struct err *err)
{
    struct bundle *b = ctx;
    if (b->current)
        blob_writer_park(steal_ptr(&b->current));
    _cleanup_(freep) char *name = strlen(m->name) < NAME_MAX_ ? clean_name(m->name) : NULL;
    if (!name)
        return err_set(err, -EINVAL, "tar entry %.200s: its name %s", m->name,
                       strlen(m->name) < NAME_MAX_ ? "leads out of the archive" : "is too long");
    switch (m->kind) {
    case ARCHIVE_FILE:
        return take_file(b, name, err);
    case ARCHIVE_SYMLINK:
    case ARCHIVE_HARDLINK:
        return take_link(b, name, m, err);
    case ARCHIVE_DIR:
    case ARCHIVE_OTHER:
        break;
    }
    return 0;
}

static int take_data(void *ctx, const void *data, size_t n, struct err *err)
{
    struct bundle *b = ctx;
    return blob_writer_write(b->current, data, n, err);
}

int bundle_read(struct blob_store *bs, int fd, struct bundle **out, struct err *err)
{
    _cleanup_(bundle_freep) struct bundle *b = xcalloc(1, sizeof(*b));
    const struct archive_visitor v = {.ctx = b, .member = take_member, .data = take_data};
    b->blobs = bs;
    int r = archive_walk(fd, &v, err);
    if (r < 0)
        return r;
    if (b->current)
        blob_writer_park(steal_ptr(&b->current));
    *out = steal_ptr(&b);
    return 0;
}

static struct entry *resolve(struct bundle *b, const char *clean)
{
    struct entry *e = map_get(&b->entries, clean);
    for (int i = 0; e && !e->file; i++)
        e = i < LINKS_MAX ? map_get(&b->entries, e->link) : NULL;
    return e;
}

bool bundle_has(struct bundle *b, const char *name)
{
    _cleanup_(freep) char *clean = clean_name(name);
    return clean && resolve(b, clean);
}

static int check_digest(const char *name, const struct blob_writer *file, struct err *err)
{
    char have[DIGEST_MAX];
    const char *hex = str_after(name, "blobs/sha256/");
    if (!hex)
        return 0;
    blob_writer_digest(file, have);
    return str_eq(digest_hex(have), hex)
               ? 0
               : err_set(err, -EINVAL, "%.200s: its content has the digest %s", name, have);
}

int bundle_find(struct bundle *b, const char *name, struct blob_writer **out, struct err *err)
{
    _cleanup_(freep) char *clean = clean_name(name);
    if (!clean)
        return err_set(err, -EINVAL, "the name %.200s leads out of the archive", name);
    struct entry *e = resolve(b, clean);
    if (!e)
        return err_set(err, -EINVAL, "the archive has no file %.200s", name);
    *out = e->file;
    return check_digest(clean, e->file, err);
}

int bundle_text(struct bundle *b, const char *name, char **text, size_t *n, struct err *err)
{
    struct blob_writer *file = NULL;
    int r = bundle_find(b, name, &file, err);
    if (r < 0)
        return r;
    if (blob_writer_size(file) > BUNDLE_TEXT_MAX)
        return err_set(err, -EINVAL, "%.200s: larger than the %u bytes that are taken of it", name,
                       BUNDLE_TEXT_MAX);
    int fd = blob_writer_fd(file);
    if (fd < 0)
        return err_errno(err, fd, "reading %.200s", name);
    if (lseek(fd, 0, SEEK_SET) < 0 || (r = fs_read_fd(fd, BUNDLE_TEXT_MAX, text, n)) < 0)
        r = err_errno(err, r < 0 ? r : -errno, "reading %.200s", name);
    blob_writer_park(file);
    return r;
}
