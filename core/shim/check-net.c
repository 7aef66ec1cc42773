/* SPDX-License-Identifier: Apache-2.0 */
/* A health check by a connection: TCP, and HTTP on top. */
#include "shim/check-net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/json.h"
#include "base/log.h"
#include "shim/check-http.h"
#include "shim/shim.h"

#define HOSTS_MAX   4
#define REQUEST_MAX 16384
#define ANSWER_MAX  (64u << 10) /* of an answer that has no length; the rest is not waited for */
#define READ_CHUNK  8192

struct check_net {
    struct shim *shim;
    struct strv hosts;
    size_t at; /* the host that is being tried */
    int error; /* of the first */
    uint16_t port;
    char *request;
    size_t sent, got, output_max;
    int fd;
    struct loop_io *io;
    struct loop_timer *soon; /* for an end that is known at once */
    struct buf answer;       /* its first bytes: as many as a head may take, and the output */
    int code;
    struct buf output;
    void (*done)(void *arg, int code, const struct buf *output);
    void *arg;
};

static void drop_socket(struct check_net *n)
{
    if (n->io)
        loop_io_del(n->io);
    n->io = NULL;
    close_fd(steal_fd(&n->fd));
}

void check_net_free(struct check_net *n)
{
    if (!n)
        return;
    drop_socket(n);
    if (n->soon)
        loop_timer_del(n->soon);
    strv_fini(&n->hosts);
    free(n->request);
    buf_fini(&n->answer);
    buf_fini(&n->output);
    free(n);
}
DEFINE_CLEANUP(struct check_net *, check_net_free);

static char *where(const struct check_net *n)
{
    const char *host = n->at < n->hosts.n ? n->hosts.v[n->at] : "";
    return strchr(host, ':') ? str_printf("[%s]:%u", host, n->port)
                             : str_printf("%s:%u", host, n->port);
}

char *check_net_words(const struct check_net *n)
{
    _cleanup_(freep) char *place = where(n);
    return n->request && n->sent > 0 ? str_printf("waiting for the answer of %s", place)
                                     : str_printf("connecting to %s", place);
}

/* --- the end */

static void on_soon(void *arg)
{
    struct check_net *n = arg;
    n->soon = NULL;
    n->done(n->arg, n->code, &n->output);
}

/* The owner frees this in `done`, so it is told from the loop. */
static void finish(struct check_net *n, int code)
{
    drop_socket(n);
    n->code = code;
    n->soon = loop_timer_add(n->shim->loop, 0, on_soon, n);
}

static void finish_words(struct check_net *n, int code, char *words)
{
    buf_adds(&n->output, words);
    free(words);
    finish(n, code);
}

/* Status line and as much of the body as there is room for. */
static void finish_answer(struct check_net *n, const struct http_answer *a)
{
    size_t body = MIN(n->answer.len - a->head, n->output_max);
    if (a->length >= 0 && (uint64_t)a->length < body)
        body = (size_t)a->length;
    buf_add(&n->output, n->answer.s, a->line);
    buf_addc(&n->output, '\n');
    buf_add(&n->output, n->answer.s + a->head, body);
    finish(n, a->status >= 200 && a->status < 400 ? 0 : 1);
}

/* --- the socket */

static socklen_t address_of(const char *host, uint16_t port, struct sockaddr_storage *ss)
{
    struct sockaddr_in *in = (struct sockaddr_in *)ss;
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ss;
    memset(ss, 0, sizeof(*ss));
    if (inet_pton(AF_INET, host, &in->sin_addr) == 1) {
        in->sin_family = AF_INET;
        in->sin_port = htons(port);
        return sizeof(*in);
    }
    if (inet_pton(AF_INET6, host, &in6->sin6_addr) == 1) {
        in6->sin6_family = AF_INET6;
        in6->sin6_port = htons(port);
        return sizeof(*in6);
    }
    return 0;
}

/* -1: there is none but the host's. */
static int netns_of(const struct shim *s)
{
    static const int net = 1; /* of s->ns */
    switch (s->plan->ns[NS_NET]) {
    case NS_FD:
        return s->plan->netns_fd;
    case NS_NEW:
        return s->ns[net];
    default:
        return -1;
    }
}

/* A socket of the container's network: the namespace is entered for its making only. */
static int socket_inside(struct shim *s, int family)
{
    const int type = SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK;
    int inside = netns_of(s);
    if (s->plan->ns[NS_NET] == NS_HOST) {
        int fd = socket(family, type, 0);
        return fd < 0 ? -errno : fd;
    }
    _cleanup_(closep) int own = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    if (own < 0 || setns(inside, CLONE_NEWNET) < 0)
        return -errno;
    int fd = socket(family, type, 0), r = fd < 0 ? -errno : fd;
    if (setns(own, CLONE_NEWNET) < 0)
        log_error("container %s: cannot come back to the own network namespace: errno %d", s->id,
                  errno);
    return r;
}

static void on_socket(void *arg, uint32_t events);

static int try_host(struct check_net *n)
{
    struct sockaddr_storage ss;
    socklen_t len = address_of(n->hosts.v[n->at], n->port, &ss);
    if (len == 0)
        return -EINVAL;
    n->fd = socket_inside(n->shim, ss.ss_family);
    if (n->fd < 0)
        return n->fd;
    if (connect(n->fd, (struct sockaddr *)&ss, len) < 0 && errno != EINPROGRESS)
        return -errno;
    n->io = loop_io_add(n->shim->loop, n->fd, EPOLLOUT, on_socket, n);
    return n->io ? 0 : -errno;
}

static void host_failed(struct check_net *n, int error)
{
    drop_socket(n);
    if (n->error == 0)
        n->error = error;
}

/* Goes through the hosts; what the first one said is told where none of them answers. */
static void try_from(struct check_net *n, size_t at)
{
    for (n->at = at; n->at < n->hosts.n; n->at++) {
        int r = try_host(n);
        if (r == 0)
            return;
        host_failed(n, r);
    }
    n->at = 0;
    _cleanup_(freep) char *place = where(n);
    finish_words(n, 1, str_printf("connecting to %s: %s", place, strerror(-n->error)));
}

/* --- the conversation */

static void answer_ended(struct check_net *n)
{
    struct http_answer a;
    _cleanup_(freep) char *place = where(n);
    int r = http_answer_read(n->answer.s ? n->answer.s : "", n->answer.len, &a);
    if (r == 1)
        finish_answer(n, &a);
    else
        finish_words(n, 1, str_printf("%s did not answer in HTTP", place));
}

/* Whether all of the answer that is wanted has come. */
static bool answer_is_whole(struct check_net *n)
{
    struct http_answer a;
    int r = http_answer_read(n->answer.s, n->answer.len, &a);
    if (r < 0 || n->got >= ANSWER_MAX)
        return true;
    return r == 1 && a.length >= 0 && n->got - a.head >= (uint64_t)a.length;
}

static void read_answer(struct check_net *n)
{
    char chunk[READ_CHUNK];
    ssize_t got = recv(n->fd, chunk, sizeof(chunk), 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got > 0) {
        n->got += (size_t)got;
        buf_add(&n->answer, chunk, MIN((size_t)got, ANSWER_MAX - n->answer.len));
        if (!answer_is_whole(n))
            return;
    }
    answer_ended(n); /* also where the connection broke: what came counts */
}

static void send_request(struct check_net *n)
{
    size_t left = strlen(n->request) - n->sent;
    ssize_t sent = send(n->fd, n->request + n->sent, left, MSG_NOSIGNAL);
    if (sent < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (sent < 0) {
        _cleanup_(freep) char *place = where(n);
        finish_words(n, 1, str_printf("sending to %s: %s", place, strerror(errno)));
        return;
    }
    n->sent += (size_t)sent;
    if ((size_t)sent == left)
        loop_io_set(n->io, EPOLLIN);
}

static void connected(struct check_net *n)
{
    int error = 0;
    socklen_t len = sizeof(error);
    (void)getsockopt(n->fd, SOL_SOCKET, SO_ERROR, &error, &len);
    if (error) {
        host_failed(n, -error);
        try_from(n, n->at + 1);
        return;
    }
    if (n->request) {
        send_request(n);
        return;
    }
    _cleanup_(freep) char *place = where(n);
    finish_words(n, 0, str_printf("connected to %s", place));
}

static void on_socket(void *arg, uint32_t events)
{
    struct check_net *n = arg;
    (void)events;
    if (!n->request || n->sent == 0)
        connected(n);
    else if (n->sent < strlen(n->request))
        send_request(n);
    else
        read_answer(n);
}

static int parse(struct check_net *n, const json_t *net, struct err *err)
{
    const json_t *hosts = json_arr(net, "hosts");
    int64_t port = json_int(net, "port", 0);
    const char *request = json_str(net, "request", NULL);
    size_t count = json_array_size(hosts);
    if (count == 0 || count > HOSTS_MAX)
        return err_set(err, -EINVAL, "check.net.hosts: %zu addresses, 1 to %d are expected", count,
                       HOSTS_MAX);
    if (port < 1 || port > UINT16_MAX)
        return err_set(err, -EINVAL, "check.net.port: %lld is not in 1 … 65535", (long long)port);
    if (request && (!*request || strlen(request) > REQUEST_MAX))
        return err_set(err, -EINVAL, "check.net.request: 1 to %d bytes are expected", REQUEST_MAX);
    for (size_t i = 0; i < count; i++) {
        struct sockaddr_storage ss;
        const char *host = json_string_value(json_array_get(hosts, i));
        if (!host || address_of(host, 1, &ss) == 0)
            return err_set(err, -EINVAL, "check.net.hosts[%zu]: an address is expected", i);
        strv_add(&n->hosts, host);
    }
    n->port = (uint16_t)port;
    n->request = xstrdup0(request);
    return 0;
}

int check_net_start(struct shim *s, const json_t *net, size_t output_max,
                    void (*done)(void *arg, int code, const struct buf *output), void *arg,
                    struct check_net **out, struct err *err)
{
    _cleanup_(check_net_freep) struct check_net *n = xcalloc(1, sizeof(*n));
    *n =
        (struct check_net){.shim = s, .fd = -1, .output_max = output_max, .done = done, .arg = arg};
    int r = parse(n, net, err);
    if (r < 0)
        return r;
    try_from(n, 0);
    *out = steal_ptr(&n);
    return 0;
}
