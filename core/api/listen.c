/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Listening
 *
 * A unix socket is made under a temporary name beside its place, gets its owner and mode, and is
 * renamed: nobody can connect before the permissions stand. A socket that is there already is
 * replaced only when nobody answers on it. A socket that the service manager bound to that path is taken as it is.
 */
#include "api/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/str.h"

#define BACKLOG 512

void listeners_fini(struct listeners *l)
{
    for (size_t i = 0; i < l->n; i++)
        close_fd(l->fds[i]);
    l->n = 0;
    free(steal_ptr(&l->path));
}

/* Of the directory, so that no path meets the 108 bytes of sockaddr_un. */
static int address_at(struct sockaddr_un *sa, int dir, const char *name, struct err *err)
{
    *sa = (struct sockaddr_un){.sun_family = AF_UNIX};
    int n = snprintf(sa->sun_path, sizeof(sa->sun_path), "/proc/self/fd/%d/%s", dir, name);
    if (n < 0 || (size_t)n >= sizeof(sa->sun_path))
        return err_set(err, -ENAMETOOLONG, "the socket's name %s is too long", name);
    return 0;
}

static int stale_remove(int dir, const char *name, const char *path, struct err *err)
{
    struct stat st;
    struct sockaddr_un sa;
    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : err_errno(err, -errno, "cannot look at %s", path);
    if (!S_ISSOCK(st.st_mode))
        return err_set(err, -EEXIST, "cannot listen on %s: something that is no socket is there",
                       path);
    int r = address_at(&sa, dir, name, err);
    if (r < 0)
        return r;
    _cleanup_(closep) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return err_errno(err, -errno, "cannot make a socket");
    if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0 || errno == EAGAIN)
        return err_set(err, -EADDRINUSE, "cannot listen on %s: another daemon answers there", path);
    if (unlinkat(dir, name, 0) < 0 && errno != ENOENT)
        return err_errno(err, -errno, "cannot remove the stale socket %s", path);
    return 0;
}

static int group_lookup(const char *group, const char *path, gid_t *gid)
{
    if (str_empty(group))
        return -ENOENT;
    struct group entry, *found = NULL;
    size_t size = 4096;
    _cleanup_(freep) char *buffer = xmalloc(size);
    int r;
    while ((r = getgrnam_r(group, &entry, buffer, size, &found)) == ERANGE && size < (4u << 20))
        buffer = xrealloc(buffer, size *= 2);
    if (!found) {
        log_warn("group %s does not exist: only root can use %s", group, path);
        return -ENOENT;
    }
    *gid = found->gr_gid;
    return 0;
}

static int unix_publish(int dir, const char *temp, const char *name, const char *path,
                        const char *group, struct err *err)
{
    gid_t gid = 0;
    if (group_lookup(group, path, &gid) == 0 && fchownat(dir, temp, 0, gid, 0) < 0)
        log_warn("cannot give %s to group %s: %m; only root can use it", path, group);
    if (fchmodat(dir, temp, 0660, 0) < 0 || renameat(dir, temp, dir, name) < 0)
        return err_errno(err, -errno, "cannot put the socket at %s", path);
    return 0;
}

static int unix_listen_in(int dir, const char *name, const char *path, const char *group,
                          struct listeners *out, struct err *err)
{
    struct sockaddr_un sa;
    _cleanup_(freep) char *temp = str_printf(".%s.new", name);
    int r = stale_remove(dir, name, path, err);
    if (r == 0)
        r = address_at(&sa, dir, temp, err);
    if (r < 0)
        return r;
    unlinkat(dir, temp, 0);
    _cleanup_(closep) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    /* The mode of a bound socket is the umask's until fchmodat(): nobody but root before. */
    if (fd < 0 || fchmod(fd, 0600) < 0 || bind(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0)
        return err_errno(err, -errno, "cannot make the socket %s", path);
    if (listen(fd, BACKLOG) < 0)
        return err_errno(err, -errno, "cannot listen on %s", path);
    r = unix_publish(dir, temp, name, path, group, err);
    if (r < 0) {
        unlinkat(dir, temp, 0);
        return r;
    }
    out->fds[out->n++] = steal_fd(&fd);
    out->path = xstrdup(path);
    return 0;
}

static int unix_listen(const char *path, const char *group, struct listeners *out, struct err *err)
{
    const char *slash = strrchr(path, '/');
    if (path[0] != '/' || !slash[1])
        return err_set(err, -EINVAL, "unix:// needs an absolute path of a socket, got \"%s\"",
                       path);
    _cleanup_(freep) char *parent = xstrndup(path, MAX((size_t)(slash - path), (size_t)1));
    int r = fs_mkdir_p(parent, 0755);
    if (r < 0)
        return err_errno(err, r, "cannot make the directory %s", parent);
    _cleanup_(closep) int dir = fs_open_dir(AT_FDCWD, parent);
    if (dir < 0)
        return err_errno(err, dir, "cannot open the directory %s", parent);
    return unix_listen_in(dir, slash + 1, path, group, out, err);
}

static bool is_loopback(const struct sockaddr *sa)
{
    if (sa->sa_family == AF_INET)
        return ntohl(((const struct sockaddr_in *)sa)->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
    return IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)sa)->sin6_addr);
}

static int tcp_bind(const struct addrinfo *ai, const char *address, struct listeners *out,
                    struct err *err)
{
    int on = 1;
    if (!is_loopback(ai->ai_addr))
        return err_set(err, -EINVAL,
                       "cannot listen on %s without TLS: use an address of the loopback device "
                       "(127.0.0.1, [::1])",
                       address);
    _cleanup_(closep) int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return err_errno(err, -errno, "cannot make a socket for %s", address);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (ai->ai_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
    if (bind(fd, ai->ai_addr, ai->ai_addrlen) < 0 || listen(fd, BACKLOG) < 0)
        return err_errno(err, -errno, "cannot listen on %s", address);
    out->fds[out->n++] = steal_fd(&fd);
    return 0;
}

/* HOST:PORT or [V6]:PORT. */
static int tcp_split(const char *text, char **host, char **port)
{
    const char *colon = strrchr(text, ':');
    if (!colon || colon == text || !colon[1])
        return -EINVAL;
    size_t n = (size_t)(colon - text);
    bool bracket = text[0] == '[';
    if (bracket && (n < 3 || text[n - 1] != ']'))
        return -EINVAL;
    *host = bracket ? xstrndup(text + 1, n - 2) : xstrndup(text, n);
    *port = xstrdup(colon + 1);
    return 0;
}

static int tcp_listen(const char *text, const char *address, struct listeners *out, struct err *err)
{
    _cleanup_(freep) char *host = NULL;
    _cleanup_(freep) char *port = NULL;
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                                   .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    if (tcp_split(text, &host, &port) < 0)
        return err_set(err, -EINVAL, "invalid address \"%s\": expected tcp://HOST:PORT", address);
    int g = getaddrinfo(host, port, &hints, &found);
    if (g != 0)
        return err_set(err, -EINVAL, "invalid address \"%s\": %s", address, gai_strerror(g));
    int r = 0;
    for (struct addrinfo *ai = found; ai && r == 0 && out->n < LISTEN_MAX; ai = ai->ai_next)
        if (ai->ai_family == AF_INET || ai->ai_family == AF_INET6)
            r = tcp_bind(ai, address, out, err);
    freeaddrinfo(found);
    if (r == 0 && out->n == 0)
        return err_set(err, -EINVAL, "invalid address \"%s\": no IP address", address);
    return r;
}

/* The sockets of socket activation that no other address took. */
static int fd_listen(const char *which, const char *address, struct passed *passed,
                     struct listeners *out, struct err *err)
{
    int fd;
    while (out->n < LISTEN_MAX && (fd = passed_take(passed, which)) >= 0)
        out->fds[out->n++] = fd;
    if (out->n > 0)
        return 0;
    return err_set(err, -EINVAL,
                   "cannot listen on %s: no such socket was passed by socket activation", address);
}

int listen_open(const char *address, const char *group, struct passed *passed,
                struct listeners *out, struct err *err)
{
    const char *rest;
    *out = (struct listeners){0};
    int r = 0;
    if ((rest = str_after(address, "unix://"))) {
        int fd = passed_take_path(passed, rest);
        if (fd >= 0)
            out->fds[out->n++] = fd;
        else
            r = unix_listen(rest, group, out, err);
    } else if ((rest = str_after(address, "tcp://"))) {
        r = tcp_listen(rest, address, out, err);
    } else if ((rest = str_after(address, "fd://"))) {
        r = fd_listen(rest, address, passed, out, err);
    } else {
        r = err_set(err, -EINVAL,
                    "invalid address \"%s\": expected unix:///PATH, tcp://HOST:PORT or fd://",
                    address);
    }
    if (r < 0)
        listeners_fini(out);
    return r;
}
