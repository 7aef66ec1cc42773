/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Relay
 *
 * Two one-way flows, each with a bounded buffer, in one poll loop. Neither ever blocks on one
 * socket while the other could move: a container that waits for its output to be read does not read
 * its input, and the other way round. The end of one direction is passed on as a half-close.
 */
#include "api/relay.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/clock.h"

#define RELAY_BUFFER (64u << 10)
#define LINGER_MS    5000

struct flow {
    int from, to;
    struct buf buf;
    size_t sent;
    bool eof;    /* nothing more comes */
    bool closed; /* and the other side was told */
    bool broken; /* the other side takes no more: what comes is dropped */
};

static bool flow_full(const struct flow *f)
{
    return f->buf.len > f->sent;
}

/* Takes what is there. */
static void flow_read(struct flow *f, struct detach *detach, bool *detached)
{
    char chunk[RELAY_BUFFER / 4];
    ssize_t n = recv(f->from, chunk, sizeof(chunk), MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        f->eof = true;
        if (detach)
            detach_flush(detach, &f->buf);
        return;
    }
    if (detach)
        *detached = detach_feed(detach, chunk, (size_t)n, &f->buf);
    else
        buf_add(&f->buf, chunk, (size_t)n);
}

static void flow_write(struct flow *f)
{
    while (flow_full(f) && !f->broken) {
        ssize_t n =
            send(f->to, f->buf.s + f->sent, f->buf.len - f->sent, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return;
        if (n < 0)
            f->broken = true;
        else
            f->sent += (size_t)n;
    }
    buf_reset(&f->buf);
    f->sent = 0;
    if (f->eof && !f->closed) {
        shutdown(f->to, SHUT_WR);
        f->closed = true;
    }
}

/* What to ask poll for on the flow's two ends. */
static void flow_want(const struct flow *f, struct pollfd *from, struct pollfd *to)
{
    if (!f->eof && !flow_full(f))
        from->events |= POLLIN;
    if (flow_full(f))
        to->events |= POLLOUT;
}

struct relay_state {
    struct flow in, out; /* client to engine, engine to client */
    bool client_gone, engine_gone, detached;
};

/* A side of which nothing is wanted and that has hung up would only keep poll awake. */
static int poll_fd(const struct pollfd *p, bool gone)
{
    return gone && !p->events ? -1 : p->fd;
}

static bool relay_over(const struct relay_state *s, enum relay_end *end)
{
    bool in_over = s->in.closed || s->in.broken;
    if (s->detached)
        *end = RELAY_DETACHED;
    else if (s->out.closed && !s->out.broken && (s->engine_gone || in_over))
        *end = RELAY_DONE;
    else if ((s->client_gone || s->out.broken) && in_over)
        *end = RELAY_GONE;
    else
        return false;
    return true;
}

/* POLLHUP with data still there shows as readable too; the data goes first. */
static void relay_events(struct relay *r, struct relay_state *s, const struct pollfd *p)
{
    const short gone = POLLHUP | POLLERR | POLLNVAL;
    s->client_gone |= (p[0].revents & gone) != 0;
    s->engine_gone |= (p[1].revents & gone) != 0;
    if (s->engine_gone)
        s->in.broken = true;
    if ((p[0].revents & (POLLIN | gone)) && (p[0].events & POLLIN))
        flow_read(&s->in, &r->detach, &s->detached);
    if ((p[1].revents & (POLLIN | gone)) && (p[1].events & POLLIN))
        flow_read(&s->out, NULL, NULL);
    flow_write(&s->in);
    flow_write(&s->out);
}

static enum relay_end relay_loop(struct relay *r, struct relay_state *s)
{
    enum relay_end end;
    flow_write(&s->in);
    while (!relay_over(s, &end)) {
        struct pollfd p[] = {
            {.fd = r->client}, {.fd = r->engine}, {.fd = r->stop, .events = POLLIN}};
        flow_want(&s->in, &p[0], &p[1]);
        flow_want(&s->out, &p[1], &p[0]);
        p[0].fd = poll_fd(&p[0], s->client_gone);
        p[1].fd = poll_fd(&p[1], s->engine_gone);
        if (poll(p, 3, -1) < 0 && errno != EINTR)
            return RELAY_STOPPED;
        if (p[2].revents)
            return RELAY_STOPPED;
        relay_events(r, s, p);
    }
    return end;
}

/* Closing a socket with unread bytes is a reset for the peer, which may then miss the end of what
 * it was sent: so the client is told the end, and what it still sends is dropped until it closes,
 * too. */
static void relay_linger(const struct relay *r)
{
    char chunk[RELAY_BUFFER / 4];
    const int64_t deadline = time_mono_ns() + LINGER_MS * NS_PER_MS;
    shutdown(r->client, SHUT_WR);
    for (;;) {
        struct pollfd p[] = {{.fd = r->client, .events = POLLIN},
                             {.fd = r->stop, .events = POLLIN}};
        int64_t left_ms = (deadline - time_mono_ns()) / NS_PER_MS;
        int n = left_ms > 0 ? poll(p, ARRAY_SIZE(p), (int)left_ms) : 0;
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0 || p[1].revents)
            return;
        ssize_t got = recv(r->client, chunk, sizeof(chunk), MSG_DONTWAIT);
        if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
            return;
    }
}

enum relay_end relay_run(struct relay *r)
{
    struct relay_state s = {
        .in = {.from = r->client, .to = r->engine},
        .out = {.from = r->engine, .to = r->client},
    };
    if (r->early_n > 0)
        s.detached = detach_feed(&r->detach, r->early, r->early_n, &s.in.buf);
    enum relay_end end = relay_loop(r, &s);
    buf_fini(&s.in.buf);
    buf_fini(&s.out.buf);
    if (end == RELAY_DETACHED || end == RELAY_DONE) {
        shutdown(r->engine, SHUT_RDWR);
        relay_linger(r);
    }
    return end;
}
