/* SPDX-License-Identifier: Apache-2.0 */
/* Host sockets that reserve a port. */
#include "netd/sock.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "base/str.h"

#define BACKLOG 128

int proto_parse(const char *s)
{
    return str_eq(s, "tcp")    ? IPPROTO_TCP
           : str_eq(s, "udp")  ? IPPROTO_UDP
           : str_eq(s, "sctp") ? IPPROTO_SCTP
                               : -EINVAL;
}

static int sock_bind(int fd, const struct addr *host, uint16_t port)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    uint8_t bytes[16];
    addr_bytes(host, bytes);
    memcpy(&in.sin_addr, bytes, 4);
    memcpy(&in6.sin6_addr, bytes, 16);
    int r = host->family == AF_INET ? bind(fd, (struct sockaddr *)&in, sizeof(in))
                                    : bind(fd, (struct sockaddr *)&in6, sizeof(in6));
    return r < 0 ? -errno : 0;
}

static int bound_port(int fd, uint16_t *port)
{
    struct sockaddr_storage a;
    socklen_t n = sizeof(a);
    if (getsockname(fd, (struct sockaddr *)&a, &n) < 0)
        return -errno;
    *port = ntohs(a.ss_family == AF_INET ? ((struct sockaddr_in *)&a)->sin_port
                                         : ((struct sockaddr_in6 *)&a)->sin6_port);
    return 0;
}

int sock_reserve(int proto, const struct addr *host, uint16_t *port)
{
    int on = 1, type = proto == IPPROTO_UDP ? SOCK_DGRAM : SOCK_STREAM;
    _cleanup_(closep) int fd = socket(host->family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, proto);
    if (fd < 0)
        return -errno;
    if (host->family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
    if (proto != IPPROTO_UDP) /* past connections in TIME_WAIT are no users of the port */
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    int r = sock_bind(fd, host, *port);
    if (r == 0 && proto != IPPROTO_UDP && listen(fd, BACKLOG) < 0)
        r = -errno;
    if (r == 0 && *port == 0)
        r = bound_port(fd, port);
    return r < 0 ? r : steal_fd(&fd);
}
