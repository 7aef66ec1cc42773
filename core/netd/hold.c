/* SPDX-License-Identifier: Apache-2.0 */
/* Reservations: holders, their sockets, the processes they are tied to, the state file. */
#include "netd/hold.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/failpoint.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "base/map.h"
#include "base/str.h"
#include "netd/proc.h"
#include "netd/protocol.h"
#include "netd/relay.h"
#include "netd/sock.h"
#include "network/addr.h"

#define STATE_MAX       (16u << 20)
#define PORTS_MAX       16384
#define EPHEMERAL_TRIES 64

struct holder {
    struct holds *all;
    char *id;
    pid_t pid;
    int64_t start;
    int pidfd;
    struct loop_io *io;
    json_t *ports;
    int *fds; /* bound only; -1: none */
    struct relay_listener **listeners;
    size_t n;
};

struct holds {
    struct loop *loop;
    struct relay *relay;
    struct map map; /* id → struct holder */
    int dirfd;
    char *boot; /* the kernel's boot id: process numbers of another boot mean nothing */
    void (*changed)(void *arg);
    void *arg;
};

/* --- a holder's process */

static void holder_unwatch(struct holder *o)
{
    if (o->io)
        loop_io_del(o->io);
    o->io = NULL;
    close_fd(o->pidfd);
    o->pidfd = -1;
}

static void holder_free(void *p)
{
    struct holder *o = p;
    holder_unwatch(o);
    for (size_t i = 0; i < o->n; i++) {
        close_fd(o->fds[i]);
        if (o->listeners[i])
            relay_listener_free(o->listeners[i]);
    }
    free(o->fds);
    free(o->listeners);
    json_decref(o->ports);
    free(o->id);
    free(o);
}
DEFINE_CLEANUP(struct holder *, holder_free);

static void process_gone(void *arg, uint32_t events)
{
    (void)events;
    struct holder *o = arg;
    struct holds *h = o->all;
    log_info("container %.12s: its process is gone, its ports are free again", o->id);
    _cleanup_(freep) char *id = xstrdup(o->id);
    holds_release(h, id);
}

static int holder_watch(struct holder *o, pid_t pid, int64_t start)
{
    _cleanup_(closep) int fd = proc_open(pid, start);
    if (fd < 0)
        return fd;
    struct loop_io *io = loop_io_add(o->all->loop, fd, EPOLLIN, process_gone, o);
    if (!io)
        return -errno;
    holder_unwatch(o);
    o->io = io;
    o->pidfd = steal_fd(&fd);
    o->pid = pid;
    o->start = start ? start : proc_start(pid);
    return 0;
}

/* --- the state file */

json_t *holds_state(const struct holds *h)
{
    json_t *list = json_array();
    const char *id;
    void *value;
    for (size_t i = 0; map_next(&h->map, &i, &id, &value);) {
        const struct holder *o = value;
        json_t *one = json_object();
        json_put_str(one, "id", id);
        json_put_int(one, "pid", o->pid);
        json_put_int(one, "start", o->start);
        json_put(one, "ports", o->ports);
        json_push_take(list, one);
    }
    return list;
}

static int holds_save(struct holds *h, struct err *err)
{
    json_auto_t *whole = json_object();
    json_put_int(whole, "protocol", 1);
    json_put_str(whole, "boot", h->boot);
    json_put_take(whole, "holders", holds_state(h));
    _cleanup_(freep) char *text = json_text(whole);
    int r = failpoint("netd.save", err);
    if (r < 0)
        return r;
    r = fs_write_atomic(h->dirfd, NETD_STATE, text, strlen(text), 0600, false);
    if (r < 0)
        return err_errno(err, r, "cannot write the state of reserved ports");
    (void)failpoint("netd.saved", NULL);
    return 0;
}

/* --- taking ports */

struct want {
    int proto;
    struct addr host, target;
    uint16_t lo, hi, target_port;
    int64_t group;
    bool optional,
        again; /* again: held before; the rest is held also when this one was taken meanwhile */
};

static int want_read(const json_t *port, struct want *w, struct err *err)
{
    int64_t lo = json_int(port, "lo", 0), hi = json_int(port, "hi", 0);
    int64_t target_port = json_int(port, "target_port", 0);
    w->proto = proto_parse(json_str(port, "proto", "tcp"));
    w->group = json_int(port, "group", -1);
    w->optional = json_bool(port, "optional", false);
    if (w->proto < 0 || addr_parse(json_str(port, "host", ""), &w->host) < 0 ||
        addr_parse(json_str(port, "target", ""), &w->target) < 0 || lo < 0 || hi > 65535 ||
        lo > hi || target_port < 1 || target_port > 65535)
        return err_set(err, -EINVAL, "a port to reserve is malformed");
    w->lo = (uint16_t)lo;
    w->hi = (uint16_t)hi;
    w->target_port = (uint16_t)target_port;
    return 0;
}

static char *want_text(const struct want *w, unsigned port)
{
    static const char *const names[] = {[IPPROTO_TCP] = "tcp", [IPPROTO_UDP] = "udp"};
    const char *proto = w->proto == IPPROTO_SCTP ? "sctp" : names[w->proto];
    char host[ADDR_TEXT_MAX];
    addr_format(&w->host, host);
    return w->host.family == AF_INET6 ? str_printf("[%s]:%u/%s", host, port, proto)
                                      : str_printf("%s:%u/%s", host, port, proto);
}

/* Which of our own containers has the port, or NULL. */
static const char *port_owner(const struct holds *h, const struct want *w, unsigned port)
{
    const char *id;
    void *value;
    for (size_t i = 0; map_next(&h->map, &i, &id, &value);) {
        size_t k;
        json_t *p;
        json_array_foreach (((struct holder *)value)->ports, k, p) {
            struct addr a;
            if (json_int(p, "host_port", 0) == port &&
                proto_parse(json_str(p, "proto", "tcp")) == w->proto &&
                addr_parse(json_str(p, "host", ""), &a) == 0 && a.family == w->host.family &&
                (a.v == 0 || w->host.v == 0 || a.v == w->host.v))
                return id;
        }
    }
    return NULL;
}

static int port_refused(const struct holds *h, const struct want *w, unsigned port, int r,
                        struct err *err)
{
    _cleanup_(freep) char *text = want_text(w, port);
    if (w->lo != w->hi)
        return err_set(err, r, "no port of %u-%u is free at address %s", w->lo, w->hi, text);
    if (r != -EADDRINUSE)
        return err_errno(err, r, "cannot publish at address %s", text);
    const char *owner = port ? port_owner(h, w, port) : NULL;
    if (owner)
        return err_set(err, r,
                       "address %s is already in use: port is already allocated by container %.12s",
                       text, owner);
    return err_set(err, r, "address %s is already in use", text);
}

/* May the container live without this one? */
static bool dispensable(const struct want *w, int r)
{
    if (w->again && r < 0) {
        _cleanup_(freep) char *text = want_text(w, w->lo);
        log_warn("%s is no longer reserved: %s", text, strerror(-r));
        return true;
    }
    return w->optional && (r == -EAFNOSUPPORT || r == -EADDRNOTAVAIL);
}

/* Opens all sockets of a group at one port. *port 0: any. On failure none is open, and *bad says which it was. */
static int group_open(const struct want *w, size_t n, uint16_t *port, int *fds, size_t *bad)
{
    for (size_t i = 0; i < n; i++) {
        fds[i] = sock_reserve(w[i].proto, &w[i].host, port);
        if (fds[i] >= 0 || dispensable(&w[i], fds[i]))
            continue;
        int r = fds[i];
        *bad = i;
        while (i-- > 0)
            close_fd(fds[i]);
        return r;
    }
    return 0;
}

static int group_reserve(const struct holds *h, const struct want *w, size_t n, int *fds,
                         uint16_t *port, struct err *err)
{
    size_t bad = 0;
    int r = -EADDRINUSE;
    unsigned tries = w->lo ? (unsigned)(w->hi - w->lo) + 1 : EPHEMERAL_TRIES;
    for (unsigned i = 0; i < tries && r == -EADDRINUSE; i++) {
        *port = (uint16_t)(w->lo ? w->lo + i : 0);
        r = group_open(w, n, port, fds, &bad);
    }
    return r < 0 ? port_refused(h, &w[bad], *port, r, err) : 0;
}

/* Gives the sockets to the holder: TCP ones are relayed. */
static int group_keep(struct holder *o, size_t at, const struct want *w, size_t n, const int *fds,
                      uint16_t port)
{
    int r = 0;
    for (size_t i = 0; i < n; i++) {
        json_put_int(json_array_get(o->ports, at + i), "host_port", fds[i] < 0 ? 0 : port);
        if (fds[i] < 0 || w[i].proto != IPPROTO_TCP) {
            o->fds[at + i] = fds[i] < 0 ? -1 : fds[i];
            continue;
        }
        o->listeners[at + i] = relay_listen(o->all->relay, fds[i], &w[i].target, w[i].target_port);
        if (!o->listeners[at + i])
            r = -errno;
    }
    return r;
}

static int holder_reserve(struct holder *o, const struct want *w, struct err *err)
{
    for (size_t at = 0, n; at < o->n; at += n) {
        for (n = 1; at + n < o->n && w[at].group >= 0 && w[at + n].group == w[at].group; n++)
            ;
        _cleanup_(freep) int *fds = xcalloc(n, sizeof(*fds));
        uint16_t port;
        int r = group_reserve(o->all, &w[at], n, fds, &port, err);
        if (r < 0)
            return r;
        r = group_keep(o, at, &w[at], n, fds, port);
        if (r < 0)
            return err_errno(err, r, "cannot relay port %u", port);
    }
    return 0;
}

static struct holder *holder_new(struct holds *h, const char *id, const json_t *ports)
{
    struct holder *o = xcalloc(1, sizeof(*o));
    o->all = h;
    o->id = xstrdup(id);
    o->pidfd = -1;
    o->ports = json_deep_copy(ports);
    o->n = json_array_size(ports);
    o->fds = xcalloc(o->n + 1, sizeof(*o->fds));
    o->listeners = xcalloc(o->n + 1, sizeof(struct relay_listener *));
    for (size_t i = 0; i < o->n; i++)
        o->fds[i] = -1;
    return o;
}

static int holder_make(struct holds *h, const char *id, pid_t pid, int64_t start,
                       const json_t *ports, struct holder **out, struct err *err)
{
    if (!json_is_array(ports) || json_array_size(ports) > PORTS_MAX)
        return err_set(err, -EINVAL, "the ports to reserve are not a list of at most %d",
                       PORTS_MAX);
    _cleanup_(holder_freep) struct holder *o = holder_new(h, id, ports);
    _cleanup_(freep) struct want *w = xcalloc(o->n + 1, sizeof(*w));
    for (size_t i = 0; i < o->n; i++) {
        int r = want_read(json_array_get(ports, i), &w[i], err);
        if (r < 0)
            return r;
        w[i].again = start != 0;
    }
    int r = holder_reserve(o, w, err);
    if (r == 0 && (r = holder_watch(o, pid, start)) < 0)
        err_errno(err, r, "cannot watch process %d", (int)pid);
    if (r == 0)
        *out = steal_ptr(&o);
    return r;
}

/* --- the public side */

int holds_reserve(struct holds *h, const char *id, pid_t pid, const json_t *ports, json_t **out,
                  struct err *err)
{
    struct holder *o;
    if (map_get(&h->map, id))
        return err_set(err, -EEXIST, "container %.12s holds ports already", id);
    int r = holder_make(h, id, pid, 0, ports, &o, err);
    if (r < 0)
        return r;
    map_set(&h->map, id, o);
    r = holds_save(h, err);
    if (r < 0) {
        holds_release(h, id);
        return r;
    }
    *out = json_incref(o->ports);
    return 0;
}

int holds_watch(struct holds *h, const char *id, pid_t pid, int64_t start, struct err *err)
{
    struct holder *o = map_get(&h->map, id);
    if (!o)
        return err_set(err, -ENOENT, "container %.12s holds no ports", id);
    int r = holder_watch(o, pid, start);
    if (r == -ESRCH)
        holds_release(h, id);
    return r < 0 ? err_errno(err, r, "cannot watch process %d", (int)pid) : holds_save(h, err);
}

void holds_release(struct holds *h, const char *id)
{
    struct holder *o = map_del(&h->map, id);
    if (!o)
        return;
    holder_free(o);
    _cleanup_(err_fini) struct err err = {0};
    if (holds_save(h, &err) < 0)
        log_warn("%s", err_msg(&err));
    if (h->changed)
        h->changed(h->arg);
}

size_t holds_count(const struct holds *h)
{
    return h->map.n;
}

/* What a netd before this one held. A port that somebody took meanwhile is said and left out. */
static void holder_restore(struct holds *h, const json_t *saved)
{
    _cleanup_(err_fini) struct err err = {0};
    json_auto_t *ports = json_deep_copy(json_arr(saved, "ports"));
    const char *id = json_str(saved, "id", NULL);
    struct holder *o = NULL;
    size_t i;
    json_t *p;
    json_array_foreach (ports, i, p) {
        json_put_int(p, "lo", json_int(p, "host_port", 0));
        json_put_int(p, "hi", json_int(p, "host_port", 0));
    }
    for (i = json_array_size(ports); i-- > 0;)
        if (json_int(json_array_get(ports, i), "host_port", 0) == 0)
            json_array_remove(ports, i);
    int64_t start = json_int(saved, "start", 0);
    if (!id || start <= 0 || map_get(&h->map, id))
        return;
    int r = holder_make(h, id, (pid_t)json_int(saved, "pid", 0), start, ports, &o, &err);
    if (r == 0)
        map_set(&h->map, id, o);
    else if (r != -ESRCH)
        log_warn("container %.12s: its ports cannot be held again: %s", id, err_msg(&err));
}

static void holds_restore(struct holds *h)
{
    _cleanup_(freep) char *text = NULL;
    _cleanup_(err_fini) struct err err = {0};
    size_t n;
    int r = fs_read(h->dirfd, NETD_STATE, STATE_MAX, &text, &n);
    if (r == -ENOENT)
        return;
    json_auto_t *whole = NULL;
    if (r < 0)
        err_errno(&err, r, "cannot be read");
    else
        r = json_parse(text, n, &whole, &err);
    if (r < 0) {
        log_warn("the state of reserved ports is lost: %s", err_msg(&err));
        return;
    }
    if (!str_eq(json_str(whole, "boot", ""), h->boot))
        return;
    size_t i;
    json_t *saved;
    json_array_foreach (json_arr(whole, "holders"), i, saved)
        holder_restore(h, saved);
}

struct holds *holds_open(struct loop *l, int dirfd, void (*changed)(void *arg), void *arg)
{
    struct holds *h = xcalloc(1, sizeof(*h));
    *h = (struct holds){.loop = l, .relay = relay_new(l), .dirfd = dirfd};
    if (fs_read(AT_FDCWD, "/proc/sys/kernel/random/boot_id", 128, &h->boot, NULL) < 0)
        h->boot = xstrdup("");
    holds_restore(h);
    h->changed = changed;
    h->arg = arg;
    return h;
}

void holds_free(struct holds *h)
{
    if (!h)
        return;
    map_fini(&h->map, holder_free);
    relay_free(h->relay);
    free(h->boot);
    free(h);
}
