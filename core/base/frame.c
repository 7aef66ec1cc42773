/* SPDX-License-Identifier: Apache-2.0 */
/* Frames: length-prefixed JSON with descriptors over unix sockets. */
#include "base/frame.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>

#include "base/json.h"
#include "base/clock.h"

/* A connection mostly waits: what a larger message took is not kept for it. */
#define KEEP_MAX 4096

union control {
    struct cmsghdr align;
    char space[CMSG_SPACE(sizeof(int) * FRAME_FDS_MAX)];
};

/* Until a time of time_mono_ns(); INT64_MAX: for ever. */
static int wait_until(int fd, short events, int64_t deadline_ns)
{
    struct pollfd p = {.fd = fd, .events = events};
    int timeout_ms = -1;
    if (deadline_ns != INT64_MAX) {
        int64_t left = deadline_ns - time_mono_ns();
        if (left <= 0)
            return -ETIMEDOUT;
        timeout_ms = (int)MIN((left + NS_PER_MS - 1) / NS_PER_MS, INT32_MAX);
    }
    int r = poll(&p, 1, timeout_ms);
    return r < 0 ? -errno : r == 0 ? -ETIMEDOUT : 0;
}

/* Sends the first byte together with the descriptors. */
static ssize_t send_with_fds(int sock, struct iovec *iov, const int *fds, size_t nfds)
{
    union control c = {0};
    struct msghdr m = {.msg_iov = iov, .msg_iovlen = 1};
    if (nfds) {
        m.msg_control = c.space;
        m.msg_controllen = CMSG_SPACE(sizeof(int) * nfds);
        struct cmsghdr *h = CMSG_FIRSTHDR(&m);
        h->cmsg_level = SOL_SOCKET;
        h->cmsg_type = SCM_RIGHTS;
        h->cmsg_len = CMSG_LEN(sizeof(int) * nfds);
        memcpy(CMSG_DATA(h), fds, sizeof(int) * nfds);
    }
    return sendmsg(sock, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* Writes all of it. -EPIPE where the time is up and a part has left: what follows would be read as its rest. */
static int send_all(int sock, char *frame, size_t n, const int *fds, size_t nfds,
                    int64_t deadline_ns)
{
    for (size_t done = 0; done < n;) {
        struct iovec iov = {.iov_base = frame + done, .iov_len = n - done};
        ssize_t sent = send_with_fds(sock, &iov, fds, nfds);
        if (sent > 0) {
            done += (size_t)sent;
            nfds = 0;
        } else if (errno == EAGAIN) {
            int r = wait_until(sock, POLLOUT, deadline_ns);
            if (r < 0 && r != -EINTR)
                return r == -ETIMEDOUT && done > 0 ? -EPIPE : r;
        } else if (errno != EINTR) {
            return -errno;
        }
    }
    return 0;
}

int frame_send_within(int sock, const json_t *msg, const int *fds, size_t nfds, int64_t timeout_ms)
{
    if (nfds > FRAME_FDS_MAX)
        return -E2BIG;
    _cleanup_(freep) char *text = json_text(msg);
    size_t n = strlen(text);
    if (n > FRAME_MAX)
        return -EMSGSIZE;
    _cleanup_(freep) char *frame = xmalloc(n + 4);
    uint32_t le = (uint32_t)n;
    for (int i = 0; i < 4; i++)
        frame[i] = (char)(le >> (8 * i) & 0xff);
    memcpy(frame + 4, text, n);
    int64_t deadline = timeout_ms < 0 ? INT64_MAX : time_mono_ns() + timeout_ms * NS_PER_MS;
    return send_all(sock, frame, n + 4, fds, nfds, deadline);
}

int frame_send(int sock, const json_t *msg, const int *fds, size_t nfds)
{
    return frame_send_within(sock, msg, fds, nfds, -1);
}

void frame_reader_fini(struct frame_reader *r)
{
    buf_fini(&r->in);
    for (size_t i = 0; i < r->nfds; i++)
        close_fd(r->fds[i]);
    r->nfds = 0;
}

static void keep_fds(struct frame_reader *r, struct msghdr *m)
{
    for (struct cmsghdr *h = CMSG_FIRSTHDR(m); h; h = CMSG_NXTHDR(m, h)) {
        if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS)
            continue;
        size_t n = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < n; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(h) + i * sizeof(int), sizeof(int));
            if (r->nfds < FRAME_FDS_MAX)
                r->fds[r->nfds++] = fd;
            else
                close_fd(fd);
        }
    }
}

int frame_fill(struct frame_reader *r, int sock)
{
    char chunk[8192];
    union control c;
    struct iovec iov = {.iov_base = chunk, .iov_len = sizeof(chunk)};
    struct msghdr m = {.msg_iov = &iov,
                       .msg_iovlen = 1,
                       .msg_control = c.space,
                       .msg_controllen = sizeof(c.space)};
    ssize_t n = recvmsg(sock, &m, MSG_CMSG_CLOEXEC);
    if (n < 0)
        return errno == EINTR ? -EAGAIN : -errno;
    keep_fds(r, &m);
    if (n == 0)
        return 0;
    buf_add(&r->in, chunk, (size_t)n);
    return 1;
}

int frame_next(struct frame_reader *r, json_t **msg)
{
    if (r->in.len < 4)
        return 0;
    const unsigned char *p = (const unsigned char *)r->in.s;
    uint32_t n = (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
    if (n > FRAME_MAX)
        return -EBADMSG;
    if (r->in.len < 4 + (size_t)n)
        return 0;
    json_error_t why;
    *msg = json_loadb(r->in.s + 4, n, 0, &why);
    memmove(r->in.s, r->in.s + 4 + n, r->in.len - 4 - n);
    r->in.len -= 4 + n;
    if (r->in.len == 0 && r->in.cap > KEEP_MAX)
        buf_fini(&r->in);
    if (!json_is_object(*msg)) {
        json_decref(*msg);
        *msg = NULL;
        return -EBADMSG;
    }
    return 1;
}

size_t frame_take_fds(struct frame_reader *r, int *fds, size_t max)
{
    size_t n = MIN(r->nfds, max);
    memcpy(fds, r->fds, n * sizeof(int));
    for (size_t i = n; i < r->nfds; i++)
        close_fd(r->fds[i]);
    r->nfds = 0;
    return n;
}

size_t frame_claim_fds(struct frame_reader *r, int *fds, size_t n)
{
    n = MIN(r->nfds, n);
    memcpy(fds, r->fds, n * sizeof(int));
    r->nfds -= n;
    memmove(r->fds, r->fds + n, r->nfds * sizeof(int));
    return n;
}

int frame_recv(struct frame_reader *r, int sock, int timeout_ms, json_t **msg)
{
    int64_t deadline =
        timeout_ms < 0 ? INT64_MAX : time_mono_ns() + (int64_t)timeout_ms * NS_PER_MS;
    for (;;) {
        int got = frame_next(r, msg);
        if (got != 0)
            return got < 0 ? got : 0;
        int ready = wait_until(sock, POLLIN, deadline);
        if (ready < 0 && ready != -EINTR)
            return ready;
        got = ready < 0 ? -EAGAIN : frame_fill(r, sock);
        if (got == 0)
            return -ECONNRESET;
        if (got < 0 && got != -EAGAIN)
            return got;
    }
}

static int address_at(int dirfd, const char *name, struct sockaddr_un *a)
{
    *a = (struct sockaddr_un){.sun_family = AF_UNIX};
    int n = snprintf(a->sun_path, sizeof(a->sun_path), "/proc/self/fd/%d/%s", dirfd, name);
    return n < 0 || (size_t)n >= sizeof(a->sun_path) ? -ENAMETOOLONG : 0;
}

int frame_listen_at(int dirfd, const char *name, mode_t mode)
{
    struct sockaddr_un a;
    int r = address_at(dirfd, name, &a);
    if (r < 0)
        return r;
    _cleanup_(closep) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    unlinkat(dirfd, name, 0);
    fchmod(fd, mode); /* the socket file is born with it */
    if (bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 || fchmodat(dirfd, name, mode, 0) < 0 ||
        listen(fd, 64) < 0)
        return -errno;
    return steal_fd(&fd);
}

int frame_connect_at(int dirfd, const char *name)
{
    struct sockaddr_un a;
    int r = address_at(dirfd, name, &a);
    if (r < 0)
        return r;
    /* Whoever listens may not be taking connections any more: a full queue is said at once, not waited for. */
    _cleanup_(closep) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0)
        return errno == EAGAIN ? -ETIMEDOUT : -errno;
    return fcntl(fd, F_SETFL, O_RDWR) < 0 ? -errno : steal_fd(&fd);
}
