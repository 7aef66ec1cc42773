/* SPDX-License-Identifier: Apache-2.0 */
/* Connecting to the daemon. */
#include "client/connection.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/cleanup.h"
#include "base/str.h"

#define DOCKER_PORT "2375" /* where none is named */

static int refused(const char *host, struct err *err)
{
    return err_set(err, -ECONNREFUSED,
                   "cannot connect to the berth daemon at %s. Is berthd running?", host);
}

/* Longer than 107 bytes: by way of its directory's descriptor. */
static int connect_unix(const char *host, const char *path, struct err *err)
{
    struct sockaddr_un sun = {.sun_family = AF_UNIX};
    _cleanup_(closep) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    _cleanup_(closep) int at = -1;
    if (fd < 0)
        return err_errno(err, -errno, "making a socket");
    if (strlen(path) < sizeof(sun.sun_path)) {
        memcpy(sun.sun_path, path, strlen(path));
    } else {
        at = open(path, O_PATH | O_CLOEXEC);
        if (at < 0)
            return refused(host, err);
        snprintf(sun.sun_path, sizeof(sun.sun_path), "/proc/self/fd/%d", at);
    }
    if (connect(fd, (const struct sockaddr *)&sun, sizeof(sun)) == 0)
        return steal_fd(&fd);
    return errno == EACCES || errno == EPERM
               ? err_set(err, -EACCES,
                         "permission denied at %s: only root and the socket's group may connect",
                         host)
               : refused(host, err);
}

/* "HOST:PORT", "[V6]:PORT" or a host alone. */
static int split_tcp(const char *text, char **host, char **port)
{
    const char *bracket = *text == '[' ? strchr(text, ']') : NULL;
    const char *colon = strrchr(bracket ? bracket : text, ':');
    size_t n = colon ? (size_t)(colon - text) : strlen(text);
    *host = bracket ? xstrndup(text + 1, (size_t)(bracket - text) - 1) : xstrndup(text, n);
    *port = xstrdup(colon && colon[1] ? colon + 1 : DOCKER_PORT);
    return **host ? 0 : -EINVAL;
}

static int connect_tcp(const char *whole, const char *text, struct err *err)
{
    _cleanup_(freep) char *host = NULL, *port = NULL;
    if (split_tcp(text, &host, &port) < 0)
        return err_set(err, -EINVAL, "the daemon's address \"%s\" has no host", whole);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list = NULL;
    int r = getaddrinfo(host, port, &hints, &list), fd = -1, one = 1;
    if (r)
        return err_set(err, -EHOSTUNREACH, "the daemon's address %s: %s", whole, gai_strerror(r));
    for (const struct addrinfo *a = list; a && fd < 0; a = a->ai_next) {
        fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, a->ai_protocol);
        if (fd >= 0 && connect(fd, a->ai_addr, a->ai_addrlen) < 0)
            close_fd(steal_fd(&fd));
    }
    freeaddrinfo(list);
    if (fd < 0)
        return refused(whole, err);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    return fd;
}

int connection_open(const char *host, struct err *err)
{
    const char *path = str_after(host, "unix://"), *tcp = str_after(host, "tcp://");
    if (path)
        return connect_unix(host, path, err);
    if (tcp)
        return connect_tcp(host, tcp, err);
    return err_set(err, -EINVAL,
                   "unable to parse the daemon's address \"%s\": unix://PATH or tcp://HOST:PORT",
                   host);
}

bool connection_is_idle(int fd)
{
    char byte;
    return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && (errno == EAGAIN || errno == EINTR);
}
