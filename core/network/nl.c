/* SPDX-License-Identifier: Apache-2.0 */
/* Netlink: batches with acks, and a pool of sockets. */
#include "network/nl.h"

#include <errno.h>
#include <linux/netlink.h>
#include <pthread.h>
#include <sys/socket.h>

#include "base/err.h"

#define SEND_BUFFER                                                                                \
    (8 << 20) /* a bound, not an allocation: a batch of thousands of elements fits */
#define FIRST_SEQ 1u

int nl_sock_open(int protocol)
{
    _cleanup_(closep) int s = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
    struct sockaddr_nl a = {.nl_family = AF_NETLINK};
    int on = 1, size = SEND_BUFFER;
    if (s < 0 || bind(s, (struct sockaddr *)&a, sizeof(a)) < 0)
        return -errno;
    setsockopt(s, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
    setsockopt(s, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
    if (setsockopt(s, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) < 0)
        setsockopt(s, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    return steal_fd(&s);
}

void nl_batch_fini(struct nl_batch *b)
{
    buf_fini(&b->out);
}

void nl_batch_take(struct nl_batch *b, struct nl_msg *m, bool silent)
{
    if (!m) {
        b->failed = true;
        return;
    }
    struct nlmsghdr *h = nlmsg_hdr(m);
    h->nlmsg_flags |= NLM_F_REQUEST | (silent ? 0 : NLM_F_ACK);
    h->nlmsg_seq = FIRST_SEQ + b->n++;
    static const char zero[NLMSG_ALIGNTO];
    buf_add(&b->out, h, h->nlmsg_len);
    buf_add(&b->out, zero, NLMSG_ALIGN(h->nlmsg_len) - h->nlmsg_len);
    nlmsg_free(m);
}

void nl_batch_mark_last(struct nl_batch *b)
{
    b->last = b->n;
}

/* The kernel's words for a failure, or "". Borrowed from the message. */
static const char *ack_words(const struct nlmsghdr *h)
{
    const struct nlmsgerr *e = nlmsg_data(h);
    if (!(h->nlmsg_flags & NLM_F_ACK_TLVS))
        return "";
    size_t skip = sizeof(*e);
    if (!(h->nlmsg_flags & NLM_F_CAPPED))
        skip += NLMSG_ALIGN(e->msg.nlmsg_len) - sizeof(e->msg);
    if (h->nlmsg_len < NLMSG_HDRLEN + skip)
        return "";
    const struct nlattr *a = nla_find((const struct nlattr *)((const char *)e + skip),
                                      (int)(h->nlmsg_len - NLMSG_HDRLEN - skip), NLMSGERR_ATTR_MSG);
    const char *s = a ? nla_data(a) : "";
    return a && (nla_len(a) == 0 || s[nla_len(a) - 1]) ? "" : s;
}

struct answer {
    uint32_t last;
    int code;
    unsigned failed;
    bool whole; /* a transaction, opened by the first request */
    bool done;
};

static void ack_read(struct answer *a, const struct nlmsghdr *h, struct err *err)
{
    const struct nlmsgerr *e = nlmsg_data(h);
    if (h->nlmsg_type != NLMSG_ERROR || h->nlmsg_len < NLMSG_LENGTH(sizeof(*e)) ||
        h->nlmsg_seq < FIRST_SEQ || h->nlmsg_seq > a->last)
        return;
    if (e->error < 0 && a->code == 0) {
        const char *words = ack_words(h);
        a->failed = h->nlmsg_seq - FIRST_SEQ;
        a->code = err_errno(err, e->error, "%s", *words ? words : "the kernel refused");
    }
    /* A refusal of the whole batch comes with its first request's number, and nothing follows. */
    a->done |= h->nlmsg_seq == a->last || (e->error < 0 && h->nlmsg_seq == FIRST_SEQ && a->whole);
}

static int acks_receive(int sock, struct answer *a, struct err *err)
{
    char space[16384] __attribute__((aligned(NLMSG_ALIGNTO)));
    while (!a->done) {
        ssize_t n = recv(sock, space, sizeof(space), 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_errno(err, -errno, "cannot read the kernel's answer");
        int left = (int)n;
        for (struct nlmsghdr *h = (struct nlmsghdr *)space; nlmsg_ok(h, left);
             h = nlmsg_next(h, &left))
            ack_read(a, h, err);
    }
    return a->code;
}

int nl_batch_send(struct nl_batch *b, int sock, unsigned *failed, struct err *err)
{
    if (b->failed)
        return err_set(err, -ENOMEM, "no memory for a netlink message");
    if (b->n == 0)
        return 0;
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    struct answer a = {.last = FIRST_SEQ + (b->last ? b->last : b->n) - 1, .whole = b->last > 0};
    ssize_t sent =
        sendto(sock, b->out.s, b->out.len, 0, (struct sockaddr *)&kernel, sizeof(kernel));
    int r = sent < 0 ? err_errno(err, -errno, "cannot send to the kernel")
                     : acks_receive(sock, &a, err);
    if (failed)
        *failed = a.failed;
    buf_reset(&b->out);
    b->n = b->last = 0;
    return r;
}

int nl_request(int sock, struct nl_msg *m, struct err *err)
{
    _cleanup_(nl_batch_fini) struct nl_batch b = {0};
    nl_batch_take(&b, m, false);
    return nl_batch_send(&b, sock, NULL, err);
}

/* 1: the end of the list, 0: more to come, or a negative errno. */
static int dump_read(char *space, int n, void (*each)(void *arg, struct nlmsghdr *h), void *arg)
{
    for (struct nlmsghdr *h = (struct nlmsghdr *)(void *)space; nlmsg_ok(h, n);
         h = nlmsg_next(h, &n)) {
        if (h->nlmsg_type == NLMSG_DONE)
            return 1;
        if (h->nlmsg_type == NLMSG_ERROR)
            return h->nlmsg_len < NLMSG_LENGTH(sizeof(struct nlmsgerr))
                       ? -EPROTO
                       : ((struct nlmsgerr *)nlmsg_data(h))->error ?: 1;
        each(arg, h);
    }
    return 0;
}

int nl_list(int sock, struct nl_msg *m, void (*each)(void *arg, struct nlmsghdr *h), void *arg,
            struct err *err)
{
    char space[65536] __attribute__((aligned(NLMSG_ALIGNTO)));
    if (!m)
        return err_set(err, -ENOMEM, "no memory for a netlink message");
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    struct nlmsghdr *h = nlmsg_hdr(m);
    h->nlmsg_flags |= NLM_F_REQUEST | NLM_F_DUMP;
    ssize_t n = sendto(sock, h, h->nlmsg_len, 0, (struct sockaddr *)&kernel, sizeof(kernel));
    nlmsg_free(m);
    int r = n < 0 ? -errno : 0;
    while (r == 0) {
        n = recv(sock, space, sizeof(space), 0);
        if (n >= 0)
            r = dump_read(space, (int)n, each, arg);
        else if (errno != EINTR)
            r = -errno;
    }
    return r < 0 ? err_errno(err, r, "cannot read the kernel's list") : 0;
}

#define IDLE_MAX 3

struct nl_pool {
    pthread_mutex_t lock; /* guards idle, n */
    int protocol;
    int idle[IDLE_MAX];
    unsigned n;
};

struct nl_pool *nl_pool_new(int protocol, struct err *err)
{
    _cleanup_(closep) int s = nl_sock_open(protocol);
    if (s < 0) {
        err_errno(err, s, "cannot open a netlink socket");
        return NULL;
    }
    struct nl_pool *p = xcalloc(1, sizeof(*p));
    pthread_mutex_init(&p->lock, NULL);
    p->protocol = protocol;
    p->idle[p->n++] = steal_fd(&s);
    return p;
}

void nl_pool_free(struct nl_pool *p)
{
    if (!p)
        return;
    for (unsigned i = 0; i < p->n; i++)
        close_fd(p->idle[i]);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

int nl_pool_take(struct nl_pool *p)
{
    pthread_mutex_lock(&p->lock);
    int s = p->n ? p->idle[--p->n] : -1;
    pthread_mutex_unlock(&p->lock);
    return s >= 0 ? s : nl_sock_open(p->protocol);
}

void nl_pool_give(struct nl_pool *p, int sock)
{
    pthread_mutex_lock(&p->lock);
    if (p->n < IDLE_MAX)
        p->idle[p->n++] = steal_fd(&sock);
    pthread_mutex_unlock(&p->lock);
    close_fd(sock);
}
