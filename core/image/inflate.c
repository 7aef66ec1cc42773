/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inflating layers
 *
 * One thread takes the file apart and counts the digest, the caller's unpacks what it hands over through a socket: both processors work,
 * and nothing is read twice. What was unpacked before a wrong digest shows is thrown away by the caller with the diff.
 */
#include "image/inflate.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>

#include "base/str.h"
#include "image/archive.h"

#define SOCKET_BYTES (1 << 20)

int layer_packing(int fd)
{
    static const struct {
        const char *bytes;
        size_t n;
        enum layer_packing packing;
    } magics[] = {{"\x1f\x8b", 2, LAYER_GZIP},
                  {"\x28\xb5\x2f\xfd", 4, LAYER_ZSTD},
                  {"BZh", 3, LAYER_OTHER},
                  {"\xfd\x37zXZ", 5, LAYER_OTHER}};
    char head[6] = {0};
    if (pread(fd, head, sizeof(head), 0) < 0)
        return -errno;
    for (size_t i = 0; i < ARRAY_SIZE(magics); i++)
        if (memcmp(head, magics[i].bytes, magics[i].n) == 0)
            return (int)magics[i].packing;
    return LAYER_PLAIN;
}

static int check_digest(const struct digest *d, const char *diff_id, struct err *err)
{
    char have[DIGEST_MAX];
    struct digest copy = *d;
    digest_final(&copy, have);
    return str_eq(have, diff_id)
               ? 0
               : err_set(err, -EINVAL, "invalid diffID: expected \"%s\", got \"%s\"", diff_id,
                         have);
}

struct inflating {
    int from, to; /* the file; our end of the socket */
    struct digest digest;
    bool gone; /* nobody unpacks any more */
    int code;
    struct err err;
};

static int hand_over(void *ctx, const void *data, size_t n, struct err *err)
{
    struct inflating *in = ctx;
    (void)err;
    digest_update(&in->digest, data, n);
    for (const char *p = data; n > 0 && !in->gone;) {
        ssize_t done = send(in->to, p, n, MSG_NOSIGNAL);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0) {
            in->gone = true; /* its words are the ones that count */
            return -EPIPE;
        }
        p += done;
        n -= (size_t)done;
    }
    return 0;
}

static void *inflate_run(void *arg)
{
    struct inflating *in = arg;
    in->code = archive_decompress(in->from, hand_over, in, &in->err);
    shutdown(in->to, SHUT_WR);
    return NULL;
}

/* What comes behind a tar's end belongs to the digest, too. */
static void drain(int fd)
{
    char rest[4096];
    ssize_t n;
    do
        n = recv(fd, rest, sizeof(rest), 0);
    while (n > 0 || (n < 0 && errno == EINTR));
}

static int unpack(int fd, struct berth_diff *diff, int64_t *bytes, struct err *err)
{
    struct archive_stats stats = {0};
    int r = archive_unpack(fd, diff->dir_fd, diff->whiteout_form, &stats, err);
    *bytes = stats.bytes;
    if (r == 0)
        drain(fd);
    return r;
}

static int start(struct inflating *in, pthread_t *thread, int *theirs, struct err *err)
{
    int pair[2], size = SOCKET_BYTES;
    if (lseek(in->from, 0, SEEK_SET) < 0 ||
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return err_errno(err, -errno, "unpacking a layer");
    (void)setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    *theirs = pair[0];
    in->to = pair[1];
    digest_init(&in->digest);
    int r = -pthread_create(thread, NULL, inflate_run, in);
    return r < 0 ? err_errno(err, r, "unpacking a layer") : 0;
}

int layer_inflate(int fd, const char *diff_id, struct berth_diff *diff, int64_t *bytes,
                  struct err *err)
{
    struct inflating in = {.from = fd, .to = -1};
    _cleanup_(closep) int theirs = -1;
    pthread_t thread;
    int r = start(&in, &thread, &theirs, err);
    if (r == 0) {
        r = unpack(theirs, diff, bytes, err);
        shutdown(theirs, SHUT_RDWR);
        pthread_join(thread, NULL);
        if (in.code < 0 &&
            !in.gone) { /* what is wrong with the file goes before what that led to */
            err_move(err, &in.err);
            r = in.code;
        }
    }
    close_fd(in.to);
    err_fini(&in.err);
    return r < 0 ? r : check_digest(&in.digest, diff_id, err);
}

struct spooling {
    struct blob_writer *w;
    struct digest digest;
};

static int put_block(void *ctx, const void *data, size_t n, struct err *err)
{
    struct spooling *s = ctx;
    digest_update(&s->digest, data, n);
    return blob_writer_write(s->w, data, n, err);
}

int layer_inflate_file(struct blob_store *bs, int fd, const char *diff_id, struct blob_writer **out,
                       struct err *err)
{
    _cleanup_(blob_writer_freep) struct blob_writer *w = NULL;
    int r = blob_writer_new(bs, &w, err);
    if (r < 0)
        return r;
    struct spooling s = {.w = w};
    digest_init(&s.digest);
    if (lseek(fd, 0, SEEK_SET) < 0)
        return err_errno(err, -errno, "unpacking a layer");
    r = archive_decompress(fd, put_block, &s, err);
    if (r < 0 || (r = check_digest(&s.digest, diff_id, err)) < 0)
        return r;
    if (lseek(blob_writer_fd(w), 0, SEEK_SET) < 0)
        return err_errno(err, -errno, "unpacking a layer");
    *out = steal_ptr(&w);
    return 0;
}
