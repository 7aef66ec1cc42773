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

#define WAIT_MS          800
#define ATTEMPT_MS       10000
#define BACKOFF_FIRST_MS 250
#define BACKOFF_MAX_MS   30000
/* After a wait in vain no call waits for this long: a dead server takes no more than that part of the time. */
#define IMPATIENT_MS 30000

enum stage { AWAY, LOOKING_UP, CONNECTING, SHAKING_HANDS, READY };

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
    enum stage stage;
    struct lookup *lookup;          /* one that is under way */
    struct addrinfo *found, *tried; /* `tried` is the address that `fd` connects to */
    struct tls tls;
    int64_t wait_ms, patient_ms; /* no call waits before that time */
    int64_t end_ms;              /* of the attempt at hand */
    int64_t next_ms, backoff_ms;
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
    link->stage = AWAY;
    if (link->found)
        freeaddrinfo(link->found);
    link->found = link->tried = NULL;
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

static int connect_unix(struct link *link, int type)
{
    struct sockaddr_un sun = {.sun_family = AF_UNIX};
    memcpy(sun.sun_path, link->host, strlen(link->host)); /* address_parse() bounds it */
    _cleanup_(closep) int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&sun, sizeof(sun)) < 0)
        return -errno;
    link->datagram = type == SOCK_DGRAM;
    link->fd = steal_fd(&fd);
    link->stage = READY;
    return 0;
}

static int connect_local(struct link *link, struct berth_err *err)
{
    bool stream_first = link->transport == SYSLOG_UNIX;
    int r = connect_unix(link, stream_first ? SOCK_STREAM : SOCK_DGRAM);
    if (r == -EPROTOTYPE && link->transport != SYSLOG_UNIXGRAM)
        r = connect_unix(link, stream_first ? SOCK_DGRAM : SOCK_STREAM);
    return r < 0 ? berth_err_set(err, r, "connecting to %s: %s", link->host, strerror(-r)) : 0;
}

static struct lookup *lookup_new(const struct link *link, const struct addrinfo *hints)
{
    struct lookup *l = calloc(1, sizeof(*l));
    if (!l)
        return NULL;
    l->hints = *hints;
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

/* An address needs no thread to look it up; a name that is late is waited for at the next attempt, too. */
static int lookup_begin(struct link *link, struct berth_err *err)
{
    struct addrinfo hints = {.ai_socktype =
                                 link->transport == SYSLOG_UDP ? SOCK_DGRAM : SOCK_STREAM,
                             .ai_flags = AI_NUMERICSERV | AI_NUMERICHOST};
    link->stage = LOOKING_UP;
    if (getaddrinfo(link->host, link->port, &hints, &link->found) == 0)
        return 0;
    link->found = NULL;
    hints.ai_flags = AI_NUMERICSERV;
    if (!link->lookup)
        link->lookup = lookup_new(link, &hints);
    return link->lookup ? 0
                        : berth_err_set(err, -ENOMEM, "looking up %s: out of memory", link->host);
}

static int lookup_wait(struct link *link, int64_t deadline_ms, struct berth_err *err)
{
    const struct gaicb *list[1] = {&link->lookup->request};
    for (;;) {
        int r = gai_error(&link->lookup->request);
        if (r == 0) {
            link->found = link->lookup->request.ar_result;
            link->lookup->request.ar_result = NULL;
        }
        if (r != EAI_INPROGRESS) {
            lookup_free(link->lookup);
            link->lookup = NULL;
            return r == 0 ? 0
                          : berth_err_set(err, -EHOSTUNREACH, "looking up %s: %s", link->host,
                                          gai_strerror(r));
        }
        int64_t left = deadline_ms - now_ms();
        struct timespec ts = {.tv_sec = left / 1000, .tv_nsec = left % 1000 * 1000000};
        if (left <= 0)
            return berth_err_set(err, -ETIMEDOUT, "looking up %s takes too long", link->host);
        gai_suspend(list, 1, &ts);
    }
}

static int connect_begin(struct link *link)
{
    const struct addrinfo *a = link->tried;
    int one = 1;
    closep(&link->fd);
    link->fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, a->ai_protocol);
    if (link->fd < 0)
        return -errno;
    if (link->transport != SYSLOG_UDP)
        setsockopt(link->fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
    return connect(link->fd, a->ai_addr, a->ai_addrlen) < 0 && errno != EINPROGRESS ? -errno : 0;
}

static int connect_end(struct link *link, int64_t deadline_ms)
{
    int error = 0;
    socklen_t len = sizeof(error);
    int r = wait_ready(link->fd, POLLOUT, deadline_ms);
    if (r < 0)
        return r;
    return getsockopt(link->fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0 ? -errno : -error;
}

/* Tries one address after the other; a time-out leaves things so that the next call goes on. */
static int connect_inet(struct link *link, int64_t deadline_ms, struct berth_err *err)
{
    int r = -EHOSTUNREACH;
    bool begun = link->stage == CONNECTING;
    link->stage = CONNECTING;
    if (!begun)
        link->tried = link->found;
    while (link->tried) {
        r = begun ? 0 : connect_begin(link);
        if (r == 0)
            r = connect_end(link, deadline_ms);
        if (r == 0 || r == -ETIMEDOUT)
            break;
        begun = false;
        link->tried = link->tried->ai_next;
    }
    return r < 0 ? berth_err_set(err, r, "connecting to %s:%s: %s", link->host, link->port,
                                 strerror(-r))
                 : 0;
}

static int attempt_go_on(struct link *link, int64_t deadline_ms, struct berth_err *err)
{
    int r = 0;
    if (link->stage == AWAY && link->transport <= SYSLOG_UNIXGRAM)
        return connect_local(link, err);
    if (link->stage == AWAY)
        r = lookup_begin(link, err);
    if (r == 0 && link->stage == LOOKING_UP && !link->found)
        r = lookup_wait(link, deadline_ms, err);
    if (r == 0 && link->stage <= CONNECTING)
        r = connect_inet(link, deadline_ms, err);
    if (r == 0 && link->transport == SYSLOG_TLS) {
        link->stage = SHAKING_HANDS;
        r = tls_connect(&link->tls, link->fd, link->host, deadline_ms, err);
    }
    if (r == 0)
        link->stage = READY;
    return r;
}

/* When a call that begins now has waited long enough. */
static int64_t deadline(const struct link *link)
{
    int64_t now = now_ms();
    return now < link->patient_ms ? now : now + link->wait_ms;
}

/* A call waited in vain. */
static void lose_patience(struct link *link)
{
    if (now_ms() >= link->patient_ms)
        link->patient_ms = now_ms() + IMPATIENT_MS;
}

static void attempt_fail(struct link *link)
{
    link_disconnect(link);
    link->backoff_ms = link->backoff_ms ? link->backoff_ms * 2 : BACKOFF_FIRST_MS;
    if (link->backoff_ms > BACKOFF_MAX_MS)
        link->backoff_ms = BACKOFF_MAX_MS;
    link->next_ms = now_ms() + link->backoff_ms;
}

static int connect_by(struct link *link, int64_t deadline_ms, struct berth_err *err)
{
    int64_t now = now_ms();
    if (link->stage == READY)
        return 0;
    if (link->stage == AWAY && now < link->next_ms)
        return berth_err_set(err, -ENOTCONN,
                             "%s cannot be reached; it is tried again in %lld milliseconds",
                             link->host, (long long)(link->next_ms - now));
    if (link->stage == AWAY)
        link->end_ms = now + (link->wait_ms > ATTEMPT_MS ? link->wait_ms : ATTEMPT_MS);
    int r = attempt_go_on(link, deadline_ms, err);
    if (r == 0)
        link->backoff_ms = 0;
    else if (r != -ETIMEDOUT || now_ms() >= link->end_ms)
        attempt_fail(link);
    return r;
}

int link_begin(struct link *link, struct berth_err *err)
{
    int r = connect_by(link, now_ms(), err);
    return r == -ETIMEDOUT ? 0 : r;
}

int link_connect(struct link *link, struct berth_err *err)
{
    int r = connect_by(link, deadline(link), err);
    if (r == -ETIMEDOUT)
        lose_patience(link);
    return r;
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
    ssize_t n = link->datagram || link->stage != READY
                    ? 1
                    : recv(link->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
}

/* Whether what failed can be tried again on the same connection: then nothing of it went out. */
static bool is_whole(const struct link *link, int r, size_t done)
{
    if (link->datagram)
        return r == -EMSGSIZE || r == -ETIMEDOUT || r == -ENOBUFS;
    return r == -ETIMEDOUT && done == 0 && !link->tls.session;
}

int link_send(struct link *link, const void *data, size_t n, struct berth_err *err)
{
    if (is_closed(link))
        link_disconnect(link);
    for (bool again = true;; again = false) {
        size_t done = 0;
        bool fresh = link->stage != READY;
        int r = link_connect(link, err);
        if (r < 0)
            return r;
        r = send_all(link, data, n, deadline(link), &done);
        if (r == 0)
            return 0;
        if (r == -ETIMEDOUT)
            lose_patience(link);
        berth_err_set(err, r, "sending %zu bytes to %s: %s", n, link->host, strerror(-r));
        if (is_whole(link, r, done))
            return r;
        link_disconnect(link);
        if (again && !fresh && done == 0 && r != -ETIMEDOUT)
            continue;
        link->next_ms = now_ms() + BACKOFF_FIRST_MS;
        return r;
    }
}
