/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packing
 *
 * One tree gives one stream of bytes: names sorted, PAX, owners by number only, no access times. Hard links name the
 * first path at which the inode was met; holes stay holes; whiteouts become OCI's.
 *
 * The tree may be one in which a container works. Each name is opened once, as a place (O_PATH) that cannot become another file;
 * what is told of it and read from it comes through that descriptor, and only regular files are opened: a device or a pipe that
 * is put there meanwhile is never touched. What has gone meanwhile is left out.
 */
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "base/fs.h"
#include "berth/host.h"
#include "image/archive/target.h"
#include "image/archive/unpack.h"

#define BLOCK (256u << 10)

struct pack {
    struct archive *a;
    const struct archive_source *src;
    int (*put)(void *ctx, const void *data, size_t n, struct err *err);
    void *ctx;
    struct err *err;
    int put_code;     /* what put() failed with; `err` has the words */
    struct map links; /* dev:ino → path (owned) */
    char *block;
};

static void pack_fini(struct pack *p)
{
    map_fini(&p->links, free);
    free(p->block);
    if (p->a)
        archive_write_free(p->a);
}

static void entry_freep(struct archive_entry **e)
{
    if (*e)
        archive_entry_free(*e);
}

static int fail(struct pack *p, const char *path, struct err *err)
{
    int number = archive_errno(p->a);
    if (p->put_code)
        return p->put_code;
    return err_set(err, number > 0 && number < 4096 ? -number : -EIO, "packing %s: %s", path,
                   archive_error_string(p->a) ?: "failed");
}

static int write_header(struct pack *p, struct archive_entry *e, const char *path, struct err *err)
{
    return archive_write_header(p->a, e) < ARCHIVE_WARN ? fail(p, path, err) : 0;
}

/* Notes where the data is, when there are holes at all. */
static void note_holes(struct archive_entry *e, int fd, const struct stat *st)
{
    if ((int64_t)st->st_blocks * 512 >= st->st_size)
        return;
    for (off_t at = 0; at < st->st_size;) {
        off_t data = lseek(fd, at, SEEK_DATA);
        if (data < 0)
            break;
        off_t hole = lseek(fd, data, SEEK_HOLE);
        if (hole < 0)
            break;
        archive_entry_sparse_add_entry(e, data, hole - data);
        at = hole;
    }
    if (archive_entry_sparse_count(e) == 0)
        archive_entry_sparse_add_entry(e, st->st_size, 0);
}

static int write_file(struct pack *p, int fd, const char *path, int64_t size, struct err *err)
{
    for (int64_t at = 0; at < size;) {
        ssize_t n = pread(fd, p->block, MIN((size_t)BLOCK, (size_t)(size - at)), at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_errno(err, -errno, "packing %s", path);
        if (n == 0)
            break; /* it shrank meanwhile: the rest becomes zeros */
        if (archive_write_data(p->a, p->block, (size_t)n) < 0)
            return fail(p, path, err);
        at += n;
    }
    return archive_write_finish_entry(p->a) < ARCHIVE_WARN ? fail(p, path, err) : 0;
}

static int write_whiteout(struct pack *p, const char *path, const struct stat *st, struct err *err)
{
    const char *slash = strrchr(path, '/');
    const char *base = slash ? slash + 1 : path;
    _cleanup_(entry_freep) struct archive_entry *e = archive_entry_new();
    _cleanup_(freep) char *name = str_printf("%.*s.wh.%s", (int)(base - path), path, base);
    archive_entry_set_pathname(e, name);
    archive_entry_set_filetype(e, AE_IFREG);
    archive_entry_set_perm(e, 0600);
    archive_entry_set_size(e, 0);
    archive_entry_set_mtime(e, st->st_mtim.tv_sec, st->st_mtim.tv_nsec);
    return write_header(p, e, name, err);
}

static char *read_target(int place)
{
    char to[ENTRY_NAME_MAX]; /* no link of Linux is longer */
    ssize_t n = readlinkat(place, "", to, sizeof(to));
    return n < 0 ? NULL : xstrndup(to, (size_t)n);
}

/* The path at which this inode was written before, or NULL: then it is noted. */
static const char *link_of(struct pack *p, const struct stat *st, const char *path)
{
    if (st->st_nlink < 2 || S_ISDIR(st->st_mode))
        return NULL;
    _cleanup_(freep) char *key =
        str_printf("%llx:%llx", (unsigned long long)st->st_dev, (unsigned long long)st->st_ino);
    const char *first = map_get(&p->links, key);
    if (!first)
        map_set(&p->links, key, xstrdup(path));
    return first;
}

static void fill(struct archive_entry *e, const char *path, const struct stat *st)
{
    bool slash = S_ISDIR(st->st_mode) && !str_eq(path, "/");
    _cleanup_(freep) char *dir = slash ? str_printf("%s/", path) : NULL;
    archive_entry_set_pathname(e, dir ? dir : path);
    archive_entry_set_mode(e, st->st_mode);
    archive_entry_set_uid(e, st->st_uid);
    archive_entry_set_gid(e, st->st_gid);
    archive_entry_set_mtime(e, st->st_mtim.tv_sec, st->st_mtim.tv_nsec);
    archive_entry_set_size(e, S_ISREG(st->st_mode) ? st->st_size : 0);
    if (S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode))
        archive_entry_set_rdev(e, st->st_rdev);
}

static int write_entry(struct pack *p, int place, const char *path, const struct stat *st,
                       struct err *err)
{
    char at[FD_PATH_MAX];
    _cleanup_(entry_freep) struct archive_entry *e = archive_entry_new();
    _cleanup_(closep) int fd = -1;
    fill(e, path, st);
    const char *first = link_of(p, st, path);
    if (first) {
        archive_entry_set_hardlink(e, first);
        archive_entry_set_size(e, 0);
        return write_header(p, e, path, err);
    }
    if (S_ISLNK(st->st_mode)) {
        _cleanup_(freep) char *to = read_target(place);
        if (!to)
            return err_errno(err, -errno, "packing %s", path);
        archive_entry_set_symlink(e, to);
    }
    int r = attrs_read(fs_fd_path(place, at), e);
    if (r < 0)
        return err_errno(err, r, "packing %s: its extended attributes", path);
    if (!S_ISREG(st->st_mode))
        return write_header(p, e, path, err);
    fd = open(at, O_RDONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return err_errno(err, -errno, "packing %s", path);
    note_holes(e, fd, st);
    r = write_header(p, e, path, err);
    return r < 0 ? r : write_file(p, fd, path, st->st_size, err);
}

static int write_opaque(struct pack *p, int dir, const char *path, const struct stat *st,
                        struct err *err)
{
    char value[2] = "";
    if (p->src->form != BERTH_WHITEOUT_OVERLAY ||
        fgetxattr(dir, "trusted.overlay.opaque", value, sizeof(value)) != 1 || value[0] != 'y')
        return 0;
    _cleanup_(freep) char *name = str_printf("%s/.wh..opq", path);
    return write_whiteout(p, name, st, err);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int read_names(int dir, struct strv *names)
{
    int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    _cleanup_(closedirp) DIR *d = fdopendir(fd);
    if (!d) {
        close_fd(fd);
        return -ENOMEM;
    }
    for (struct dirent *e; (errno = 0, e = readdir(d));)
        if (!str_eq(e->d_name, ".") && !str_eq(e->d_name, ".."))
            strv_add(names, e->d_name);
    if (names->n)
        qsort(names->v, names->n, sizeof(*names->v), by_name);
    return -errno;
}

static int walk(struct pack *p, int dir, dev_t dev, const char *above, struct err *err);

static bool is_hidden(const struct pack *p, int dir, const struct stat *st, dev_t dev)
{
    return p->src->hidden && st->st_dev != dev && p->src->hidden(p->src->ctx, dir);
}

/* What `place` is, and all that is in it; `dev` is that of the directory above. */
static int write_place(struct pack *p, int place, dev_t dev, const char *path, struct err *err)
{
    struct stat st;
    if (fstat(place, &st) < 0)
        return err_errno(err, -errno, "packing %s", path);
    if (p->src->form == BERTH_WHITEOUT_OVERLAY && whiteout_is_overlay(&st))
        return write_whiteout(p, path, &st, err);
    if (S_ISSOCK(st.st_mode))
        return 0; /* tar has no word for it */
    int r = write_entry(p, place, path, &st, err);
    if (r < 0 || !S_ISDIR(st.st_mode) || p->src->alone)
        return r;
    _cleanup_(closep) int fd = openat(place, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return err_errno(err, -errno, "packing %s", path);
    if (is_hidden(p, fd, &st, dev))
        return 0;
    r = write_opaque(p, fd, path, &st, err);
    return r < 0 ? r : walk(p, fd, st.st_dev, path, err);
}

static char *join(const char *above, const char *name)
{
    if (str_eq(above, "/"))
        return str_printf("/%s", name);
    return *above ? str_printf("%s/%s", above, name) : xstrdup(name);
}

static int walk(struct pack *p, int dir, dev_t dev, const char *above, struct err *err)
{
    _cleanup_(strv_fini) struct strv names = {0};
    int r = read_names(dir, &names);
    if (r < 0)
        return err_errno(err, r, "packing %s", *above ? above : "/");
    const char *name;
    strv_foreach (name, &names) {
        _cleanup_(freep) char *path = join(above, name);
        _cleanup_(closep) int place = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        if (place < 0 && errno == ENOENT)
            continue;
        r = place < 0 ? err_errno(err, -errno, "packing %s", path)
                      : write_place(p, place, dev, path, err);
        if (r < 0)
            return r;
    }
    return 0;
}

static int write_change(struct pack *p, const struct archive_change *c, struct err *err)
{
    const char *path = c->path + strspn(c->path, "/");
    const struct stat gone = {0};
    if (c->deleted)
        return write_whiteout(p, path, &gone, err);
    _cleanup_(closep) int place = fs_open_in_root(p->src->fd, path, O_PATH | O_NOFOLLOW, 0);
    if (place == -ENOENT || place == -ENOTDIR)
        return 0;
    return place < 0 ? err_errno(err, place, "packing %s", path)
                     : write_place(p, place, 0, path, err);
}

static int write_all(struct pack *p, struct err *err)
{
    const struct archive_source *src = p->src;
    struct stat st;
    int r = 0;
    for (size_t i = 0; r == 0 && i < src->nchanges; i++)
        r = write_change(p, &src->changes[i], err);
    if (src->changes)
        return r;
    if (fstat(src->fd, &st) < 0)
        return err_errno(err, -errno, "packing");
    return src->name ? write_place(p, src->fd, st.st_dev, src->name, err)
                     : walk(p, src->fd, st.st_dev, "", err);
}

static la_ssize_t put_block(struct archive *a, void *arg, const void *data, size_t n)
{
    struct pack *p = arg;
    int r = p->put(p->ctx, data, n, p->err);
    if (r == 0)
        return (la_ssize_t)n;
    p->put_code = r;
    archive_set_error(a, -r, "writing");
    return -1;
}

static int setup(struct pack *p, struct err *err)
{
    if (!p->a)
        return err_errno(err, -ENOMEM, "packing");
    p->block = xmalloc(BLOCK);
    archive_write_set_format_pax(p->a);
    if (archive_write_set_bytes_per_block(p->a, BLOCK) != ARCHIVE_OK ||
        archive_write_set_bytes_in_last_block(p->a, 1) != ARCHIVE_OK ||
        archive_write_open(p->a, p, NULL, put_block, NULL) != ARCHIVE_OK)
        return fail(p, "the tree", err);
    return 0;
}

/* Names are bytes. In a locale of UTF-8 those that are UTF-8 are written as they stand, and only what is none makes libarchive mark the entry
 * as binary, which other programs warn of. */
static locale_t utf8_begin(locale_t *made)
{
    *made = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    return *made ? uselocale(*made) : (locale_t)0;
}

static void utf8_end(locale_t made, locale_t before)
{
    if (!made)
        return;
    uselocale(before);
    freelocale(made);
}

static int pack(struct pack *p, struct err *err)
{
    int r = setup(p, err);
    if (r == 0)
        r = write_all(p, err);
    if (r == 0 && archive_write_close(p->a) != ARCHIVE_OK)
        r = fail(p, "the tree", err);
    if (r < 0 && p->a) /* what is buffered stays unwritten */
        archive_write_fail(p->a);
    return r;
}

int pack_run(const struct archive_source *src,
             int (*put)(void *ctx, const void *data, size_t n, struct err *err), void *ctx,
             struct err *err)
{
    _cleanup_(pack_fini) struct pack p = {
        .a = archive_write_new(), .src = src, .put = put, .ctx = ctx, .err = err};
    locale_t made, before = utf8_begin(&made);
    int r = pack(&p, err);
    utf8_end(made, before);
    return r;
}
