/* SPDX-License-Identifier: Apache-2.0 */
/* Event loop: epoll, and a sorted list of timers. */
#include "base/loop.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/epoll.h>

#include "base/cleanup.h"
#include "base/clock.h"

struct loop_io {
    struct loop *loop;
    int fd;
    void (*fn)(void *, uint32_t);
    void *arg;
    struct loop_io *next_dead;
};

struct loop_timer {
    struct loop *loop;
    int64_t due_ns;
    void (*fn)(void *);
    void *arg;
    struct loop_timer *next;
};

struct loop {
    int epfd;
    bool done;
    int code;
    struct loop_timer *timers; /* soonest first */
    struct loop_io *dead;      /* freed when no event of this round can name them any more */
};

struct loop *loop_new(void)
{
    struct loop *l = xcalloc(1, sizeof(*l));
    l->epfd = epoll_create1(EPOLL_CLOEXEC);
    if (l->epfd >= 0)
        return l;
    free(l);
    return NULL;
}

static void bury(struct loop *l)
{
    while (l->dead) {
        struct loop_io *io = l->dead;
        l->dead = io->next_dead;
        free(io);
    }
}

void loop_free(struct loop *l)
{
    while (l->timers)
        loop_timer_del(l->timers);
    bury(l);
    close_fd(l->epfd);
    free(l);
}

void loop_quit(struct loop *l, int code)
{
    l->done = true;
    l->code = code;
}

struct loop_io *loop_io_add(struct loop *l, int fd, uint32_t events, void (*fn)(void *, uint32_t),
                            void *arg)
{
    struct loop_io *io = xcalloc(1, sizeof(*io));
    *io = (struct loop_io){.loop = l, .fd = fd, .fn = fn, .arg = arg};
    struct epoll_event e = {.events = events, .data.ptr = io};
    if (epoll_ctl(l->epfd, EPOLL_CTL_ADD, fd, &e) == 0)
        return io;
    free(io);
    return NULL;
}

int loop_io_set(struct loop_io *io, uint32_t events)
{
    struct epoll_event e = {.events = events, .data.ptr = io};
    return epoll_ctl(io->loop->epfd, EPOLL_CTL_MOD, io->fd, &e) < 0 ? -errno : 0;
}

void loop_io_del(struct loop_io *io)
{
    epoll_ctl(io->loop->epfd, EPOLL_CTL_DEL, io->fd, NULL);
    io->fn = NULL;
    io->next_dead = io->loop->dead;
    io->loop->dead = io;
}

struct loop_timer *loop_timer_add(struct loop *l, int64_t ms, void (*fn)(void *), void *arg)
{
    struct loop_timer *t = xcalloc(1, sizeof(*t)), **at = &l->timers;
    *t = (struct loop_timer){
        .loop = l, .due_ns = time_mono_ns() + ms * NS_PER_MS, .fn = fn, .arg = arg};
    while (*at && (*at)->due_ns <= t->due_ns)
        at = &(*at)->next;
    t->next = *at;
    *at = t;
    return t;
}

void loop_timer_del(struct loop_timer *t)
{
    struct loop_timer **at = &t->loop->timers;
    while (*at != t)
        at = &(*at)->next;
    *at = t->next;
    free(t);
}

static int next_timeout(const struct loop *l)
{
    if (!l->timers)
        return -1;
    int64_t ns = l->timers->due_ns - time_mono_ns();
    return ns <= 0 ? 0 : (int)MIN((ns + NS_PER_MS - 1) / NS_PER_MS, 1 << 30);
}

static void fire_timers(struct loop *l)
{
    int64_t now = time_mono_ns();
    while (l->timers && l->timers->due_ns <= now && !l->done) {
        struct loop_timer *t = l->timers;
        void (*fn)(void *) = t->fn;
        void *arg = t->arg;
        loop_timer_del(t);
        fn(arg);
    }
}

int loop_run(struct loop *l)
{
    struct epoll_event events[32];
    while (!l->done) {
        int n = epoll_wait(l->epfd, events, ARRAY_SIZE(events), next_timeout(l));
        if (n < 0 && errno != EINTR)
            return -errno;
        for (int i = 0; i < n && !l->done; i++) {
            struct loop_io *io = events[i].data.ptr;
            if (io->fn)
                io->fn(io->arg, events[i].events);
        }
        fire_timers(l);
        bury(l);
    }
    return l->code;
}
