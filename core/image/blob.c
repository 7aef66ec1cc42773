/* SPDX-License-Identifier: Apache-2.0 */
/* Blobs: temporary file, digest while writing, fsync, rename, fsync of the directory. */
#include "image/blob.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/failpoint.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/str.h"

struct blob_store {
    int blobs_fd, gone_fd, tmp_fd;
};

struct blob_writer {
    struct blob_store *bs;
    char *name; /* in tmp; NULL once it is a blob */
    int fd;     /* -1: parked */
    int64_t size;
    struct digest digest;
};

static int open_dir(const char *data_root, const char *name, int *fd, struct err *err)
{
    _cleanup_(freep) char *path = str_printf("%s/%s", data_root, name);
    int r = fs_mkdir_p(path, 0700);
    if (r == 0)
        r = fs_open_dir(AT_FDCWD, path);
    if (r < 0)
        return err_errno(err, r, "opening %s", path);
    *fd = r;
    return 0;
}

void blob_store_close(struct blob_store *bs)
{
    if (!bs)
        return;
    close_fd(bs->blobs_fd);
    close_fd(bs->gone_fd);
    close_fd(bs->tmp_fd);
    free(bs);
}

int blob_store_open(const char *data_root, struct blob_store **out, struct err *err)
{
    _cleanup_(blob_store_closep) struct blob_store *bs = xcalloc(1, sizeof(*bs));
    bs->blobs_fd = bs->gone_fd = bs->tmp_fd = -1;
    _cleanup_(freep) char *tmp = str_printf("%s/tmp", data_root);
    int r = fs_rm_rf(AT_FDCWD, tmp);
    if (r < 0)
        return err_errno(err, r, "emptying %s", tmp);
    if ((r = open_dir(data_root, "blobs/sha256", &bs->blobs_fd, err)) < 0 ||
        (r = open_dir(data_root, "blobs/gone", &bs->gone_fd, err)) < 0 ||
        (r = open_dir(data_root, "tmp", &bs->tmp_fd, err)) < 0)
        return r;
    *out = steal_ptr(&bs);
    return 0;
}

int blob_writer_new(struct blob_store *bs, struct blob_writer **out, struct err *err)
{
    _cleanup_(blob_writer_freep) struct blob_writer *w = xcalloc(1, sizeof(*w));
    char hex[33];
    id_random_hex(hex, 16);
    w->bs = bs;
    w->fd = openat(bs->tmp_fd, hex, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (w->fd < 0)
        return err_errno(err, -errno, "making a temporary file in tmp/");
    w->name = xstrdup(hex);
    digest_init(&w->digest);
    *out = steal_ptr(&w);
    return 0;
}

int blob_writer_write(struct blob_writer *w, const void *data, size_t n, struct err *err)
{
    int r = fs_write_all(w->fd, data, n);
    if (r < 0)
        return err_errno(err, r, "writing a blob");
    digest_update(&w->digest, data, n);
    w->size += (int64_t)n;
    return 0;
}

int blob_writer_fd(struct blob_writer *w)
{
    char digest[DIGEST_MAX];
    if (w->fd >= 0)
        return w->fd;
    blob_writer_digest(w, digest);
    w->fd = w->name
                ? openat(w->bs->tmp_fd, w->name, O_RDWR | O_NOFOLLOW | O_CLOEXEC)
                : openat(w->bs->blobs_fd, digest_hex(digest), O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    return w->fd < 0 ? -errno : w->fd;
}

void blob_writer_park(struct blob_writer *w)
{
    close_fd(w->fd);
    w->fd = -1;
}

int64_t blob_writer_size(const struct blob_writer *w)
{
    return w->size;
}

void blob_writer_digest(const struct blob_writer *w, char out[DIGEST_MAX])
{
    struct digest copy = w->digest;
    digest_final(&copy, out);
}

static int commit_to(struct blob_writer *w, int dirfd, struct err *err)
{
    char digest[DIGEST_MAX];
    if (!w->name)
        return 0;
    blob_writer_digest(w, digest);
    int fd = blob_writer_fd(w), r = fd < 0 ? err_errno(err, fd, "storing blob %s", digest) : 0;
    if (r < 0 || (r = failpoint("blob.written", err)) < 0)
        return r;
    if (fsync(fd) < 0 || renameat(w->bs->tmp_fd, w->name, dirfd, digest_hex(digest)) < 0)
        return err_errno(err, -errno, "storing blob %s", digest);
    free(steal_ptr(&w->name));
    (void)failpoint("blob.stored", NULL);
    return fsync(dirfd) < 0 ? err_errno(err, -errno, "storing blob %s", digest) : 0;
}

int blob_writer_commit(struct blob_writer *w, struct err *err)
{
    return commit_to(w, w->bs->blobs_fd, err);
}

void blob_writer_free(struct blob_writer *w)
{
    if (!w)
        return;
    if (w->name)
        unlinkat(w->bs->tmp_fd, w->name, 0);
    close_fd(w->fd);
    free(w->name);
    free(w);
}

static int put(struct blob_store *bs, int dirfd, const void *data, size_t n,
               char digest[DIGEST_MAX], struct err *err)
{
    _cleanup_(blob_writer_freep) struct blob_writer *w = NULL;
    int r = blob_writer_new(bs, &w, err);
    if (r < 0 || (r = blob_writer_write(w, data, n, err)) < 0)
        return r;
    blob_writer_digest(w, digest);
    return commit_to(w, dirfd, err);
}

int blob_put(struct blob_store *bs, const void *data, size_t n, char digest[DIGEST_MAX],
             struct err *err)
{
    return put(bs, bs->blobs_fd, data, n, digest, err);
}

int blob_put_new(struct blob_store *bs, const void *data, size_t n, char digest[DIGEST_MAX],
                 struct err *err)
{
    return put(bs, bs->gone_fd, data, n, digest, err);
}

int blob_open(struct blob_store *bs, const char *digest, struct err *err)
{
    if (!digest_valid(digest))
        return err_set(err, -EINVAL, "invalid digest \"%s\"", digest);
    int fd = openat(bs->blobs_fd, digest_hex(digest), O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? err_errno(err, -errno, "opening blob %s", digest) : fd;
}

int blob_size(struct blob_store *bs, const char *digest, int64_t *size, struct err *err)
{
    struct stat st;
    if (!digest_valid(digest))
        return err_set(err, -EINVAL, "invalid digest \"%s\"", digest);
    if (fstatat(bs->blobs_fd, digest_hex(digest), &st, AT_SYMLINK_NOFOLLOW) < 0)
        return err_errno(err, -errno, "blob %s", digest);
    *size = st.st_size;
    return 0;
}

int blob_disk(struct blob_store *bs, const char *digest, int64_t *bytes)
{
    struct stat st;
    if (!digest_valid(digest) ||
        fstatat(bs->blobs_fd, digest_hex(digest), &st, AT_SYMLINK_NOFOLLOW) < 0)
        return -ENOENT;
    *bytes = (int64_t)st.st_blocks * 512;
    return 0;
}

static bool stands_in(int dirfd, const char *digest)
{
    return faccessat(dirfd, digest_hex(digest), F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

bool blob_exists(struct blob_store *bs, const char *digest)
{
    if (!digest_valid(digest))
        return false;
    /* It may move in between: aside and back. */
    return stands_in(bs->blobs_fd, digest) || stands_in(bs->gone_fd, digest) ||
           stands_in(bs->blobs_fd, digest);
}

int blob_put_aside(struct blob_store *bs, const char *digest)
{
    if (!digest_valid(digest))
        return -EINVAL;
    const char *hex = digest_hex(digest);
    if (renameat(bs->blobs_fd, hex, bs->gone_fd, hex) < 0 && errno != ENOENT)
        return -errno;
    (void)failpoint("blob.aside", NULL);
    return 0;
}

void blob_put_back(struct blob_store *bs, const char *digest)
{
    if (!digest_valid(digest))
        return;
    const char *hex = digest_hex(digest);
    if (renameat2(bs->gone_fd, hex, bs->blobs_fd, hex, RENAME_NOREPLACE) == 0)
        return;
    if (errno == EEXIST)
        unlinkat(bs->gone_fd, hex, 0); /* it was stored anew meanwhile */
    else if (errno != ENOENT)
        log_warn("blob %s stays in blobs/gone: %m", digest);
}

void blob_forget(struct blob_store *bs, const char *digest)
{
    if (digest_valid(digest) && unlinkat(bs->gone_fd, digest_hex(digest), 0) < 0 && errno != ENOENT)
        log_warn("blob %s stays in blobs/gone: %m", digest);
}

/* Calls each(ctx, digest) for the blobs of a directory. */
static int digests_each(int dirfd, int (*each)(void *ctx, const char *digest), void *ctx,
                        struct err *err)
{
    int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_(closedirp) DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (!d) {
        int r = -errno;
        close_fd(fd);
        return err_errno(err, r, "reading the blobs");
    }
    int r = 0;
    for (struct dirent *e; r == 0 && (e = readdir(d));) {
        _cleanup_(freep) char *digest = str_printf("sha256:%s", e->d_name);
        if (digest_valid(digest))
            r = each(ctx, digest);
    }
    return r;
}

struct settling {
    struct blob_store *bs;
    int (*used)(void *ctx, const char *digest);
    void *ctx;
};

static int settle_one(void *ctx, const char *digest)
{
    const struct settling *s = ctx;
    int used = s->used(s->ctx, digest);
    if (used > 0)
        blob_put_back(s->bs, digest);
    else if (used == 0)
        blob_forget(s->bs, digest);
    return 0;
}

int blob_settle(struct blob_store *bs, int (*used)(void *ctx, const char *digest), void *ctx,
                struct err *err)
{
    struct settling s = {bs, used, ctx};
    return digests_each(bs->gone_fd, settle_one, &s, err);
}

struct sizing {
    struct blob_store *bs;
    int (*each)(void *ctx, const char *digest, int64_t size);
    void *ctx;
};

static int size_one(void *ctx, const char *digest)
{
    const struct sizing *s = ctx;
    int64_t size;
    return blob_size(s->bs, digest, &size, NULL) == 0 ? s->each(s->ctx, digest, size) : 0;
}

int blob_each(struct blob_store *bs, int (*each)(void *ctx, const char *digest, int64_t size),
              void *ctx, struct err *err)
{
    struct sizing s = {bs, each, ctx};
    return digests_each(bs->blobs_fd, size_one, &s, err);
}
