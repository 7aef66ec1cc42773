/* SPDX-License-Identifier: Apache-2.0 */
/* The files of a log. */
#include "files.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <zlib.h>

#include "common/util.h"
#include "kept.h"

/* Rotations that may come between while a set is opened. */
#define SET_TRIES 100
#define FILES_MAX 10000
/* The field of the gzip header: "be", 16 bytes, both numbers with the lowest byte first. */
#define EXTRA_LEN 20

char *logfile_name(const char *id, unsigned index, const char *suffix)
{
    char *name = NULL;
    int n = index ? asprintf(&name, "%s-json.log.%u%s", id, index, suffix)
                  : asprintf(&name, "%s-json.log%s", id, suffix);
    return n < 0 ? NULL : name;
}

bool ident_equal(const struct ident *a, const struct ident *b)
{
    return a->ino == b->ino && a->birth_ns == b->birth_ns;
}

static int ident_at(int dir, const char *name, int flags, struct ident *out, int64_t *mtime_ns)
{
    struct statx st;
    if (statx(dir, name, flags, STATX_INO | STATX_BTIME | STATX_MTIME, &st) < 0)
        return -errno;
    out->ino = st.stx_ino;
    out->birth_ns = st.stx_mask & STATX_BTIME
                        ? (uint64_t)st.stx_btime.tv_sec * 1000000000u + st.stx_btime.tv_nsec
                        : 0;
    if (mtime_ns)
        *mtime_ns = st.stx_mtime.tv_sec * 1000000000 + st.stx_mtime.tv_nsec;
    return 0;
}

int ident_of_fd(int fd, struct ident *out, int64_t *mtime_ns)
{
    return ident_at(fd, "", AT_EMPTY_PATH, out, mtime_ns);
}

int ident_of_current(int dir, const char *id, struct ident *out)
{
    _cleanup_(freep) char *name = logfile_name(id, 0, "");
    return name ? ident_at(dir, name, AT_SYMLINK_NOFOLLOW, out, NULL) : -ENOMEM;
}

static void put64(unsigned char *p, uint64_t v)
{
    for (int i = 0; i < 8; i++, v >>= 8)
        p[i] = (unsigned char)v;
}

static uint64_t get64(const unsigned char *p)
{
    uint64_t v = 0;
    for (int i = 7; i >= 0; i--)
        v = v << 8 | p[i];
    return v;
}

static void extra_write(unsigned char extra[EXTRA_LEN], const struct ident *ident)
{
    memcpy(extra, "be\x10\0", 4);
    put64(extra + 4, ident->ino);
    put64(extra + 12, ident->birth_ns);
}

/* The identity that a compressed file had before; it keeps its own where its header has none. */
static void extra_read(int fd, struct ident *ident)
{
    unsigned char head[12 + EXTRA_LEN];
    if (pread(fd, head, sizeof(head), 0) != (ssize_t)sizeof(head) || head[0] != 0x1f ||
        head[1] != 0x8b || !(head[3] & 4) || memcmp(head + 12, "be\x10\0", 4) != 0)
        return;
    ident->ino = get64(head + 16);
    ident->birth_ns = get64(head + 24);
}

static int logfile_open(int dir, const char *name, bool gz, struct logfile *out)
{
    _cleanup_(closep) int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode))
        return -EINVAL;
    *out = (struct logfile){.gz = gz};
    int r = ident_of_fd(fd, &out->ident, &out->mtime_ns);
    if (r < 0)
        return r;
    if (gz)
        extra_read(fd, &out->ident);
    out->fd = steal_fd(&fd);
    return 0;
}

void logset_drop(struct logset *set, size_t n)
{
    for (size_t i = 0; i < n; i++)
        closep(&set->files[i].fd);
    set->n -= n;
    memmove(set->files, set->files + n, set->n * sizeof(*set->files));
}

void logset_fini(struct logset *set)
{
    for (size_t i = 0; i < set->n; i++)
        closep(&set->files[i].fd);
    free(set->files);
    *set = (struct logset){0};
}

/* Adds the next older file. One that is there already was renamed meanwhile: what was added after it is newer. */
static int logset_add(struct logset *set, struct logfile *f)
{
    for (size_t i = 0; i < set->n; i++) {
        if (!ident_equal(&set->files[i].ident, &f->ident))
            continue;
        closep(&f->fd);
        while (set->n > i + 1)
            closep(&set->files[--set->n].fd);
        return 0;
    }
    struct logfile *files = reallocarray(set->files, set->n + 1, sizeof(*files));
    if (!files) {
        closep(&f->fd);
        return -ENOMEM;
    }
    set->files = files;
    set->files[set->n++] = *f;
    return 0;
}

struct scan {
    int dir;
    struct logset *set;
};

/* What is no file of ours is passed over; -ENOENT when there is none of that name. */
static int scan_name(struct scan *s, const char *name, bool gz)
{
    struct logfile f;
    int r = name ? logfile_open(s->dir, name, gz, &f) : -ENOMEM;
    if (r == 0)
        r = logset_add(s->set, &f);
    return r == -EINVAL || r == -ELOOP ? 0 : r;
}

static int scan_kept(void *ctx, const char *name, bool gz)
{
    int r = scan_name(ctx, name, gz);
    return r == -ENOENT ? 0 : r;
}

/* Newest first. A missing number below max_file is a rotation's gap, not the end. */
static int logset_scan(int dir, const char *id, unsigned max_file, bool kept, struct logset *set)
{
    struct scan s = {dir, set};
    for (unsigned i = 0; i < FILES_MAX; i++) {
        _cleanup_(freep) char *plain = logfile_name(id, i, "");
        _cleanup_(freep) char *packed = logfile_name(id, i, ".gz");
        int r = scan_name(&s, plain, false);
        if (r == -ENOENT && i > 0)
            r = scan_name(&s, packed, true);
        if (r == -ENOENT && i >= max_file)
            break;
        if (r < 0 && r != -ENOENT)
            return r;
    }
    return kept ? kept_each(dir, id, scan_kept, &s) : 0;
}

static void logset_reverse(struct logset *set)
{
    for (size_t i = 0; i < set->n / 2; i++) {
        struct logfile f = set->files[i];
        set->files[i] = set->files[set->n - 1 - i];
        set->files[set->n - 1 - i] = f;
    }
}

int logset_open(int dir, const char *id, unsigned max_file, bool kept, struct logset *out)
{
    *out = (struct logset){0};
    for (int tries = 1;; tries++) {
        struct ident before = {0}, after = {0};
        ident_of_current(dir, id, &before);
        int r = logset_scan(dir, id, max_file, kept, out);
        if (r < 0) {
            logset_fini(out);
            return r;
        }
        ident_of_current(dir, id, &after);
        if (ident_equal(&before, &after) || tries == SET_TRIES)
            break;
        logset_fini(out);
    }
    logset_reverse(out);
    return 0;
}

static int write_all(int fd, const unsigned char *p, size_t n)
{
    while (n) {
        ssize_t w = write(fd, p, n);
        if (w < 0 && errno == EINTR)
            continue;
        if (w < 0)
            return -errno;
        p += w;
        n -= (size_t)w;
    }
    return 0;
}

static int deflate_fd(z_stream *z, int from, int to)
{
    unsigned char in[16384], out[16384];
    int flush = Z_NO_FLUSH;
    while (flush != Z_FINISH) {
        ssize_t n = read(from, in, sizeof(in));
        if (n < 0)
            return -errno;
        flush = n == 0 ? Z_FINISH : Z_NO_FLUSH;
        z->next_in = in;
        z->avail_in = (unsigned)n;
        do {
            z->next_out = out;
            z->avail_out = sizeof(out);
            deflate(z, flush);
            int r = write_all(to, out, sizeof(out) - z->avail_out);
            if (r < 0)
                return r;
        } while (z->avail_out == 0);
    }
    return 0;
}

static int compress_fd(int from, int to, const struct ident *ident)
{
    unsigned char extra[EXTRA_LEN];
    gz_header header = {.os = 3, .extra = extra, .extra_len = EXTRA_LEN};
    z_stream z = {0};
    extra_write(extra, ident);
    /* the fastest level: the container's output waits meanwhile */
    if (deflateInit2(&z, Z_BEST_SPEED, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        return -ENOMEM;
    deflateSetHeader(&z, &header);
    int r = deflate_fd(&z, from, to);
    deflateEnd(&z);
    return r;
}

static int compress_to(int dir, int from, const char *temporary)
{
    struct stat st;
    struct ident ident = {0};
    int r = ident_of_fd(from, &ident, NULL);
    if (r < 0 || fstat(from, &st) < 0)
        return r < 0 ? r : -errno;
    _cleanup_(closep) int to =
        openat(dir, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0640);
    if (to < 0 || fchmod(to, 0640) < 0)
        return -errno;
    r = compress_fd(from, to, &ident);
    if (r < 0)
        return r;
    /* its age stays that of its last line: readers pass over files by it */
    const struct timespec times[2] = {st.st_atim, st.st_mtim};
    return futimens(to, times) < 0 ? -errno : 0;
}

int logfile_compress(int dir, const char *id)
{
    _cleanup_(freep) char *plain = logfile_name(id, 1, "");
    _cleanup_(freep) char *temporary = logfile_name(id, 1, ".gz.tmp");
    _cleanup_(freep) char *packed = logfile_name(id, 1, ".gz");
    if (!plain || !temporary || !packed)
        return -ENOMEM;
    _cleanup_(closep) int from = openat(dir, plain, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (from < 0)
        return -errno;
    int r = compress_to(dir, from, temporary);
    if (r == 0 && renameat(dir, temporary, dir, packed) < 0)
        r = -errno;
    if (r < 0)
        unlinkat(dir, temporary, 0);
    else
        unlinkat(dir, plain, 0);
    return r;
}
