/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reactor of all shims
 *
 * One thread on an epoll set with two descriptors a shim: its connection and its pidfd. What epoll hands back is a number, looked up in a
 * table under the lock, so that an event for a shim that was removed meanwhile finds nothing instead of freed memory.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/log.h"
#include "base/map.h"
#include "base/str.h"
#include "runtime/shim-internal.h"

#define EVENTS_AT_ONCE 64

enum { KIND_SOCKET = 0, KIND_PIDFD = 1 };

struct shim_reactor {
    int epoll, wake;
    pthread_t thread;
    bool started, stop; /* stop: under the lock */
    pthread_mutex_t lock;
    struct map shims; /* key in decimal → struct shim, one reference each */
    uint64_t next_key;
};

static void key_text(uint64_t key, char out[24])
{
    snprintf(out, 24, "%llu", (unsigned long long)key);
}

static struct shim *look_up(struct shim_reactor *r, uint64_t key)
{
    char text[24];
    key_text(key, text);
    pthread_mutex_lock(&r->lock);
    struct shim *s = map_get(&r->shims, text);
    if (s)
        shim_ref(s);
    pthread_mutex_unlock(&r->lock);
    return s;
}

/* False when the shim was closed: its owner wants no more of it. */
static bool begin(struct shim *s)
{
    pthread_mutex_lock(&s->lock);
    bool ok = !s->closed;
    s->dispatching = ok;
    pthread_mutex_unlock(&s->lock);
    return ok;
}

static void end(struct shim *s)
{
    pthread_mutex_lock(&s->lock);
    s->dispatching = false;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

static void dispatch(struct shim_reactor *r, uint64_t data)
{
    _cleanup_(shim_unrefp) struct shim *s = look_up(r, data >> 1);
    if (!s || !begin(s))
        return;
    if ((data & 1) == KIND_PIDFD)
        shim_on_death(s);
    else
        shim_on_socket(s);
    end(s);
}

static bool is_stopping(struct shim_reactor *r)
{
    pthread_mutex_lock(&r->lock);
    bool stop = r->stop;
    pthread_mutex_unlock(&r->lock);
    return stop;
}

static void *run(void *arg)
{
    struct shim_reactor *r = arg;
    struct epoll_event events[EVENTS_AT_ONCE];
    while (!is_stopping(r)) {
        int n = epoll_wait(r->epoll, events, EVENTS_AT_ONCE, -1);
        if (n < 0 && errno != EINTR) {
            log_error("shim reactor: epoll_wait: %s", strerror(errno));
            break;
        }
        for (int i = 0; i < n; i++) {
            if (events[i].data.u64 != UINT64_MAX)
                dispatch(r, events[i].data.u64);
        }
    }
    return NULL;
}

static int watch(struct shim_reactor *r, int fd, uint64_t data)
{
    struct epoll_event e = {.events = EPOLLIN, .data.u64 = data};
    return epoll_ctl(r->epoll, EPOLL_CTL_ADD, fd, &e) < 0 ? -errno : 0;
}

void shim_reactor_forget(struct shim_reactor *r, int fd)
{
    (void)epoll_ctl(r->epoll, EPOLL_CTL_DEL, fd, NULL);
}

bool shim_reactor_is_self(const struct shim_reactor *r)
{
    return pthread_equal(pthread_self(), r->thread);
}

int shim_reactor_add(struct shim_reactor *r, struct shim *s, struct err *err)
{
    char text[24];
    pthread_mutex_lock(&r->lock);
    s->key = r->next_key++;
    key_text(s->key, text);
    map_set(&r->shims, text, shim_ref(s));
    pthread_mutex_unlock(&r->lock);
    int n = watch(r, s->sock, s->key << 1 | KIND_SOCKET);
    if (n == 0)
        n = watch(r, s->pidfd, s->key << 1 | KIND_PIDFD);
    if (n < 0) {
        shim_reactor_remove(r, s);
        return err_errno(err, n, "watching shim %d", (int)s->pid);
    }
    return 0;
}

void shim_reactor_remove(struct shim_reactor *r, struct shim *s)
{
    char text[24];
    key_text(s->key, text);
    shim_reactor_forget(r, s->sock);
    shim_reactor_forget(r, s->pidfd);
    pthread_mutex_lock(&r->lock);
    struct shim *had = map_get(&r->shims, text);
    if (had == s)
        map_del(&r->shims, text);
    pthread_mutex_unlock(&r->lock);
    if (had == s)
        shim_unref(s);
}

static void drop(void *shim)
{
    shim_unref(shim);
}

void shim_reactor_close(struct shim_reactor *r)
{
    if (!r)
        return;
    if (r->started) {
        uint64_t one = 1;
        pthread_mutex_lock(&r->lock);
        r->stop = true;
        pthread_mutex_unlock(&r->lock);
        if (write(r->wake, &one, sizeof one) < 0)
            log_error("shim reactor: %s", strerror(errno));
        pthread_join(r->thread, NULL);
    }
    close_fd(r->epoll);
    close_fd(r->wake);
    map_fini(&r->shims, drop);
    pthread_mutex_destroy(&r->lock);
    free(r);
}
DEFINE_CLEANUP(struct shim_reactor *, shim_reactor_close);

int shim_reactor_open(struct shim_reactor **out, struct err *err)
{
    _cleanup_(shim_reactor_closep) struct shim_reactor *r = xcalloc(1, sizeof *r);
    pthread_mutex_init(&r->lock, NULL);
    r->epoll = epoll_create1(EPOLL_CLOEXEC);
    r->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (r->epoll < 0 || r->wake < 0)
        return err_errno(err, -errno, "starting the reactor of shims");
    int n = watch(r, r->wake, UINT64_MAX);
    if (n == 0)
        n = -pthread_create(&r->thread, NULL, run, r);
    if (n < 0)
        return err_errno(err, n, "starting the reactor of shims");
    r->started = true;
    *out = steal_ptr(&r);
    return 0;
}
