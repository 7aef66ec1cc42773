/* SPDX-License-Identifier: Apache-2.0 */
/* Socket activation: which sockets were passed, and who takes which. */
#include "api/activation.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/log.h"
#include "base/str.h"

#define LISTEN_FDS_START 3

static int int_option(int fd, int option)
{
    int value = 0;
    socklen_t size = sizeof(value);
    return getsockopt(fd, SOL_SOCKET, option, &value, &size) < 0 ? -1 : value;
}

static bool is_remote(int fd)
{
    struct sockaddr_storage sa = {0};
    socklen_t size = sizeof(sa);
    if (getsockname(fd, (struct sockaddr *)&sa, &size) < 0)
        return true;
    if (sa.ss_family == AF_INET)
        return ntohl(((struct sockaddr_in *)&sa)->sin_addr.s_addr) >> 24 != IN_LOOPBACKNET;
    if (sa.ss_family == AF_INET6)
        return !IN6_IS_ADDR_LOOPBACK(&((struct sockaddr_in6 *)&sa)->sin6_addr);
    return sa.ss_family != AF_UNIX;
}

static int check(int fd, struct err *err)
{
    if (int_option(fd, SO_ACCEPTCONN) != 1 || int_option(fd, SO_TYPE) != SOCK_STREAM)
        return err_set(err, -EINVAL,
                       "socket activation: descriptor %d is no listening stream socket", fd);
    if (is_remote(fd))
        return err_set(err, -EINVAL,
                       "socket activation: descriptor %d listens beyond this machine without TLS: "
                       "use a unix socket or an address of the loopback device",
                       fd);
    return 0;
}

static void add(struct passed *p, int fd, const char *name)
{
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    p->v[p->n++] = (struct passed_socket){.fd = fd, .number = fd, .name = xstrdup(name)};
}

int passed_open(struct passed *p, struct err *err)
{
    const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");
    _cleanup_(freep) char *names = xstrdup0(getenv("LISTEN_FDNAMES"));
    int64_t owner = 0, n = 0;
    *p = (struct passed){0};
    bool ours = pid && count && parse_i64(pid, 1, INT32_MAX, &owner) == 0 && owner == getpid();
    int r = ours ? parse_i64(count, 0, PASSED_MAX, &n) : 0;
    if (r < 0)
        r = err_set(err, -EINVAL, "socket activation: LISTEN_FDS is \"%s\", at most %d are served",
                    count, PASSED_MAX);
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
    char *rest = names;
    for (int fd = LISTEN_FDS_START; r == 0 && fd < LISTEN_FDS_START + n; fd++) {
        const char *name = rest ? strsep(&rest, ":") : "";
        r = check(fd, err);
        if (r == 0)
            add(p, fd, name);
    }
    return r;
}

void passed_fini(struct passed *p)
{
    for (size_t i = 0; i < p->n; i++) {
        struct passed_socket *s = &p->v[i];
        if (s->fd >= 0)
            log_warn("socket activation: no address of listen takes descriptor %d (%s)", s->number,
                     s->name);
        close_fd(s->fd);
        free(s->name);
    }
    p->n = 0;
}

static int take(struct passed_socket *s)
{
    int fd = s->fd;
    s->fd = -1;
    return fd;
}

int passed_take_path(struct passed *p, const char *path)
{
    for (size_t i = 0; i < p->n; i++) {
        struct sockaddr_un sa = {0};
        socklen_t size = sizeof(sa) - 1;
        if (p->v[i].fd >= 0 && getsockname(p->v[i].fd, (struct sockaddr *)&sa, &size) == 0 &&
            sa.sun_family == AF_UNIX && str_eq(sa.sun_path, path))
            return take(&p->v[i]);
    }
    return -1;
}

int passed_take(struct passed *p, const char *which)
{
    int64_t number = 0;
    bool any = !*which || str_eq(which, "*");
    bool by_number = !any && parse_i64(which, 0, INT32_MAX, &number) == 0;
    for (size_t i = 0; i < p->n; i++) {
        struct passed_socket *s = &p->v[i];
        if (s->fd >= 0 && (any || (by_number ? s->number == number : str_eq(s->name, which))))
            return take(s);
    }
    return -1;
}
