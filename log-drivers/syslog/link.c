/* SPDX-License-Identifier: Apache-2.0 */
/* The link to a syslog server. */
#include "link.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "common/util.h"
#include "deadline.h"
#include "tls.h"

#define WAIT_MS          1000
#define BACKOFF_FIRST_MS 250
#define BACKOFF_MAX_MS   30000

/* A name that is being looked up; on the heap of its own, for a look-up that cannot be cancelled outlives the link. */
struct lookup {
    struct gaicb request;
    struct addrinfo hints;
    char *host, *port;
};

struct link {
    enum transport transport;
    char *host, *port;
    int fd;
    bool datagram;
    struct lookup *lookup; /* one that did not end in time */
    struct tls tls;
    int64_t wait_ms, next_ms, backoff_ms;
};

static void lookup_free(struct lookup *l)
{
    if (!l || (l->host && gai_cancel(&l->request) == EAI_NOTCANCELED))
        return; /* its thread still writes there */
    if (l->request.ar_result)
        freeaddrinfo(l->request.ar_result);
    free(l->host);
    free(l->port);
    free(l);
}

static void link_disconnect(struct link *link)
{
    tls_disconnect(&link->tls);
    closep(&link->fd);
    link->fd = -1;
}

void link_free(struct link *link)
{
    if (!link)
        return;
    link_disconnect(link);
    tls_fini(&link->tls);
    lookup_free(link->lookup);
    free(link->host);
    free(link->port);
    free(link);
}

int link_new(const struct address *address, const struct berth_options *options, struct link **out,
             struct berth_err *err)
{
    struct link *link = calloc(1, sizeof(*link));
    if (!link)
        return berth_err_set(err, -ENOMEM, "out of memory");
    link->fd = -1;
    link->transport = address->transport;
    link->wait_ms = berth_opt_int(options, "syslog-timeout", WAIT_MS * 1000000ll) / 1000000;
    link->datagram = address->transport == SYSLOG_LOCAL || address->transport == SYSLOG_UNIXGRAM ||
                     address->transport == SYSLOG_UDP;
    link->host = strdup(address->host);
    link->port = strdup(address->port ? address->port : "");
    int r = link->host && link->port ? 0 : berth_err_set(err, -ENOMEM, "out of memory");
    if (r == 0 && link->transport == SYSLOG_TLS)
        r = tls_init(&link->tls, options, err);
    if (r < 0) {
        link_free(link);
        return r;
    }
    *out = link;
    return 0;
}

bool link_is_datagram(const struct link *link)
{
    return link->datagram;
}

static int connect_fd(int fd, const struct sockaddr *sa, socklen_t n, int64_t deadline_ms)
{
    int error = 0;
    socklen_t len = sizeof(error);
    if (connect(fd, sa, n) == 0)
        return 0;
    if (errno != EINPROGRESS)
        return -errno;
    int r = wait_ready(fd, POLLOUT, deadline_ms);
    if (r < 0)
        return r;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
        return -errno;
    return -error;
}

static int connect_unix(struct link *link, int type, int64_t deadline_ms)
{
    struct sockaddr_un sun = {.sun_family = AF_UNIX};
    memcpy(sun.sun_path, link->host, strlen(link->host)); /* address_parse() bounds it */
    _cleanup_(closep) int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    int r = connect_fd(fd, (const struct sockaddr *)&sun, sizeof(sun), deadline_ms);
    if (r < 0)
        return r;
    link->datagram = type == SOCK_DGRAM;
    link->fd = steal_fd(&fd);
    return 0;
}

static int connect_local(struct link *link, int64_t deadline_ms)
{
    bool stream_first = link->transport == SYSLOG_UNIX;
    int r = connect_unix(link, stream_first ? SOCK_STREAM : SOCK_DGRAM, deadline_ms);
    if (r == -EPROTOTYPE && link->transport != SYSLOG_UNIXGRAM)
        r = connect_unix(link, stream_first ? SOCK_DGRAM : SOCK_STREAM, deadline_ms);
    return r;
}

static struct lookup *lookup_new(const struct link *link)
{
    struct lookup *l = calloc(1, sizeof(*l));
    if (!l)
        return NULL;
    l->hints.ai_socktype = link->transport == SYSLOG_UDP ? SOCK_DGRAM : SOCK_STREAM;
    l->hints.ai_flags = AI_NUMERICSERV;
    l->host = strdup(link->host);
    l->port = strdup(link->port);
    l->request = (struct gaicb){.ar_name = l->host, .ar_service = l->port, .ar_request = &l->hints};
    struct gaicb *list[1] = {&l->request};
    if (l->host && l->port && getaddrinfo_a(GAI_NOWAIT, list, 1, NULL) == 0)
        return l;
    free(l->host);
    free(l->port);
    free(l);
    return NULL;
}

/* Waits for the look-up within the deadline; one that is late is asked again at the next attempt. */
static int lookup_wait(struct link *link, int64_t deadline_ms, struct berth_err *err)
{
    if (!link->lookup)
        link->lookup = lookup_new(link);
    if (!link->lookup)
        return berth_err_set(err, -ENOMEM, "looking up %s: out of memory", link->host);
    const struct gaicb *list[1] = {&link->lookup->request};
    for (;;) {
        int r = gai_error(&link->lookup->request);
        if (r == 0)
            return 0;
        if (r != EAI_INPROGRESS)
            return berth_err_set(err, -EHOSTUNREACH, "looking up %s: %s", link->host,
                                 gai_strerror(r));
        int64_t left = deadline_ms - now_ms();
        struct timespec ts = {.tv_sec = left / 1000, .tv_nsec = left % 1000 * 1000000};
        if (left <= 0)
            return berth_err_set(err, -ETIMEDOUT, "looking up %s takes too long", link->host);
        gai_suspend(list, 1, &ts);
    }
}

static int connect_inet(struct link *link, int64_t deadline_ms, struct berth_err *err)
{
    int r = lookup_wait(link, deadline_ms, err);
    if (r < 0) {
        if (r != -ETIMEDOUT) {
            lookup_free(link->lookup);
            link->lookup = NULL;
        }
        return r;
    }
    r = -EHOSTUNREACH;
    for (const struct addrinfo *a = link->lookup->request.ar_result; a; a = a->ai_next) {
        int type = a->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, one = 1;
        _cleanup_(closep) int fd = socket(a->ai_family, type, a->ai_protocol);
        r = fd < 0 ? -errno : connect_fd(fd, a->ai_addr, a->ai_addrlen, deadline_ms);
        if (r < 0)
            continue;
        if (link->transport != SYSLOG_UDP)
            setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
        link->fd = steal_fd(&fd);
        break;
    }
    lookup_free(link->lookup);
    link->lookup = NULL;
    return r < 0 ? berth_err_set(err, r, "connecting to %s:%s: %s", link->host, link->port,
                                 strerror(-r))
                 : 0;
}

static int try_connect(struct link *link, int64_t deadline_ms, struct berth_err *err)
{
    if (link->transport <= SYSLOG_UNIXGRAM) {
        int r = connect_local(link, deadline_ms);
        return r < 0 ? berth_err_set(err, r, "connecting to %s: %s", link->host, strerror(-r)) : 0;
    }
    int r = connect_inet(link, deadline_ms, err);
    if (r == 0 && link->transport == SYSLOG_TLS)
        r = tls_connect(&link->tls, link->fd, link->host, deadline_ms, err);
    if (r < 0)
        link_disconnect(link);
    return r;
}

static int connect_by(struct link *link, int64_t deadline_ms, struct berth_err *err)
{
    int64_t now = now_ms();
    if (link->fd >= 0)
        return 0;
    if (now < link->next_ms)
        return berth_err_set(err, -ENOTCONN,
                             "%s cannot be reached; it is tried again in %lld milliseconds",
                             link->host, (long long)(link->next_ms - now));
    int r = try_connect(link, deadline_ms, err);
    if (r == 0) {
        link->backoff_ms = 0;
        return 0;
    }
    link->backoff_ms = link->backoff_ms ? link->backoff_ms * 2 : BACKOFF_FIRST_MS;
    if (link->backoff_ms > BACKOFF_MAX_MS)
        link->backoff_ms = BACKOFF_MAX_MS;
    link->next_ms = now_ms() + link->backoff_ms;
    return r;
}

int link_connect(struct link *link, struct berth_err *err)
{
    return connect_by(link, now_ms() + link->wait_ms, err);
}

static ssize_t send_some(struct link *link, const void *data, size_t n, short *events)
{
    *events = POLLOUT;
    if (link->tls.session)
        return tls_send(&link->tls, data, n, events);
    ssize_t r = send(link->fd, data, n, MSG_NOSIGNAL);
    return r < 0 ? (errno == EINTR ? -EAGAIN : -errno) : r;
}

/* *done is what went out, also when it fails. */
static int send_all(struct link *link, const char *data, size_t n, int64_t deadline_ms,
                    size_t *done)
{
    *done = 0;
    do {
        short events;
        ssize_t r = send_some(link, data + *done, n - *done, &events);
        if (r == -EAGAIN) {
            r = wait_ready(link->fd, events, deadline_ms);
            if (r == 0 && now_ms() >= deadline_ms)
                r = -ETIMEDOUT;
        } else if (r >= 0) {
            *done += (size_t)r;
        }
        if (r < 0)
            return (int)r;
    } while (*done < n);
    return 0;
}

/* A stream whose other end was closed takes one more send before it tells. A server has nothing to say. */
static bool is_closed(const struct link *link)
{
    char byte;
    ssize_t n =
        link->datagram || link->fd < 0 ? 1 : recv(link->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
}

int link_send(struct link *link, const void *data, size_t n, struct berth_err *err)
{
    int64_t deadline = now_ms() + link->wait_ms;
    if (is_closed(link))
        link_disconnect(link);
    for (bool again = true;; again = false) {
        size_t done = 0;
        bool fresh = link->fd < 0;
        int r = connect_by(link, deadline, err);
        if (r < 0)
            return r;
        r = send_all(link, data, n, deadline, &done);
        if (r == 0)
            return 0;
        if (link->datagram && (r == -EMSGSIZE || r == -ETIMEDOUT || r == -ENOBUFS))
            return berth_err_set(err, r, "sending %zu bytes to %s: %s", n, link->host,
                                 strerror(-r));
        link_disconnect(link);
        if (again && !fresh && done == 0 && r != -ETIMEDOUT)
            continue;
        link->next_ms = now_ms() + BACKOFF_FIRST_MS;
        return berth_err_set(err, r, "sending to %s: %s", link->host, strerror(-r));
    }
}
