/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Uploads
 *
 * The body goes through a socket pair, so a worker that is slow slows the client. A pipe could not
 * tell a complete body from a client that died in the middle. Here an unread byte lies in our end
 * from the start: the kernel gives the worker ECONNRESET when an end with unread bytes is closed,
 * so the end is clean only when upload_finish() has taken the byte out.
 */
#include "api/upload.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/socket.h>

struct upload {
    int ours, theirs;
    pthread_t thread;
    bool joined, broken;
    int (*work)(void *ctx, int fd, struct err *err);
    void *ctx;
    int code;
    struct err err;
};

static void *upload_run(void *arg)
{
    struct upload *u = arg;
    u->code = u->work(u->ctx, u->theirs, &u->err);
    /* A worker that stopped reading must not leave the client's thread blocked in send(). */
    shutdown(u->theirs, SHUT_RD);
    return NULL;
}

int upload_start(struct upload **out, int (*work)(void *ctx, int fd, struct err *err), void *ctx,
                 struct err *err)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return err_errno(err, -errno, "cannot take the request's body");
    struct upload *u = xcalloc(1, sizeof(*u));
    *u = (struct upload){.ours = pair[0], .theirs = pair[1], .work = work, .ctx = ctx};
    int r = send(u->theirs, "", 1, MSG_NOSIGNAL) == 1 ? 0 : -errno;
    if (r == 0)
        r = -pthread_create(&u->thread, NULL, upload_run, u);
    if (r < 0) {
        u->joined = true;
        upload_free(u);
        return err_errno(err, r, "cannot take the request's body");
    }
    *out = u;
    return 0;
}

void upload_write(struct upload *u, const char *data, size_t n)
{
    while (n > 0 && !u->broken) {
        ssize_t done = send(u->ours, data, n, MSG_NOSIGNAL);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0) {
            u->broken = true;
            return;
        }
        data += done;
        n -= (size_t)done;
    }
}

static void upload_join(struct upload *u)
{
    if (!u->joined)
        pthread_join(u->thread, NULL);
    u->joined = true;
}

int upload_finish(struct upload *u, struct err *err)
{
    char mark;
    if (recv(u->ours, &mark, 1, MSG_DONTWAIT) != 1)
        return err_set(err, -EIO, "the request's body was lost on its way");
    shutdown(u->ours, SHUT_WR);
    upload_join(u);
    if (u->code < 0)
        err_move(err, &u->err);
    return u->code;
}

void upload_free(struct upload *u)
{
    close_fd(steal_fd(&u->ours));
    upload_join(u);
    close_fd(u->theirs);
    err_fini(&u->err);
    free(u);
}
