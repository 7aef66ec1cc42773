/* SPDX-License-Identifier: Apache-2.0 */
/* Network namespaces: making, entering, and the pool. */
#include "network/netns.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/log.h"

#define OWN_NETNS "/proc/thread-self/ns/net"

static int lo_up(void)
{
    _cleanup_(closep) int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct ifreq ifr = {.ifr_name = "lo", .ifr_flags = IFF_UP};
    return s < 0 || ioctl(s, SIOCSIFFLAGS, &ifr) < 0 ? -errno : 0;
}

static int own_netns(struct err *err)
{
    int fd = open(OWN_NETNS, O_RDONLY | O_CLOEXEC);
    return fd < 0 ? err_errno(err, -errno, "cannot open %s", OWN_NETNS) : fd;
}

int netns_enter(int fd, int *home, struct err *err)
{
    _cleanup_(closep) int back = own_netns(err);
    if (back < 0)
        return back;
    if (setns(fd, CLONE_NEWNET) < 0)
        return err_errno(err, -errno, "cannot enter the network namespace");
    *home = steal_fd(&back);
    return 0;
}

void netns_leave(int home)
{
    if (setns(home, CLONE_NEWNET) < 0) {
        log_error("cannot return to the host's network namespace: %s", strerror(errno));
        abort();
    }
    close_fd(home);
}

int netns_create(struct err *err)
{
    _cleanup_(closep) int home = own_netns(err);
    if (home < 0)
        return home;
    if (unshare(CLONE_NEWNET) < 0)
        return err_errno(err, -errno, "cannot make a network namespace");
    int fd = own_netns(err);
    int r = fd < 0 ? fd : lo_up();
    netns_leave(steal_fd(&home));
    if (fd >= 0 && r < 0) {
        close_fd(fd);
        return err_errno(err, r, "cannot bring up lo in a new network namespace");
    }
    return fd;
}

#define POOL_MAX  16
#define REFILL_MS 10

struct netns_pool {
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t wake;
    pthread_t thread;
    bool stop;
    unsigned size, n;
    int64_t due_ns; /* when the next one is made, unless none is left */
    int ready[POOL_MAX];
    int *done; /* to be closed */
    size_t ndone, cap;
};

/* With the lock held: nanoseconds until the next one is made. One that was taken is made anew a little later, for the start that took it
 * needs the processors now; the last one at once. INT64_MAX: there are enough. */
static int64_t fill_in(const struct netns_pool *p)
{
    if (p->n >= p->size)
        return INT64_MAX;
    return p->n == 0 ? 0 : MAX(p->due_ns - time_mono_ns(), 0);
}

static void wait_at_most(struct netns_pool *p, int64_t span_ns)
{
    struct timespec at;
    if (span_ns == INT64_MAX) {
        pthread_cond_wait(&p->wake, &p->lock);
        return;
    }
    clock_gettime(CLOCK_MONOTONIC, &at);
    int64_t ns = at.tv_nsec + span_ns;
    at.tv_sec += (time_t)(ns / NS_PER_SEC);
    at.tv_nsec = (long)(ns % NS_PER_SEC);
    (void)pthread_cond_timedwait(&p->wake, &p->lock, &at);
}

/* What the thread does next, taken under the lock: a descriptor to close in *fd, or -1 for making one. False: stop. */
static bool pool_next(struct netns_pool *p, int *fd)
{
    int64_t span_ns;
    pthread_mutex_lock(&p->lock);
    while ((span_ns = fill_in(p)) > 0 && !p->stop && !p->ndone)
        wait_at_most(p, span_ns);
    *fd = p->ndone && (span_ns > 0 || p->stop) ? p->done[--p->ndone] : -1;
    bool more = !p->stop || *fd >= 0;
    pthread_mutex_unlock(&p->lock);
    return more;
}

/* Keeps a fresh one; when making failed the pool shrinks, and takers make their own and get the words. */
static void pool_add(struct netns_pool *p, int fd)
{
    pthread_mutex_lock(&p->lock);
    if (fd >= 0)
        p->ready[p->n++] = fd;
    else
        p->size = p->n;
    pthread_mutex_unlock(&p->lock);
}

static void *pool_thread(void *arg)
{
    struct netns_pool *p = arg;
    for (int fd; pool_next(p, &fd);) {
        if (fd >= 0) {
            close_fd(fd);
            continue;
        }
        _cleanup_(err_fini) struct err err = {0};
        int fresh = netns_create(&err);
        if (fresh < 0)
            log_warn("the pool of network namespaces is off: %s", err_msg(&err));
        pool_add(p, fresh);
    }
    return NULL;
}

struct netns_pool *netns_pool_open(unsigned size, struct err *err)
{
    struct netns_pool *p = xcalloc(1, sizeof(*p));
    pthread_mutex_init(&p->lock, NULL);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&p->wake, &attr);
    pthread_condattr_destroy(&attr);
    p->size = MIN(size, POOL_MAX);
    int r = pthread_create(&p->thread, NULL, pool_thread, p);
    if (r) {
        err_errno(err, -r, "cannot start the thread for network namespaces");
        free(p);
        return NULL;
    }
    return p;
}

void netns_pool_close(struct netns_pool *p)
{
    if (!p)
        return;
    pthread_mutex_lock(&p->lock);
    p->stop = true;
    pthread_cond_signal(&p->wake);
    pthread_mutex_unlock(&p->lock);
    pthread_join(p->thread, NULL);
    for (unsigned i = 0; i < p->n; i++)
        close_fd(p->ready[i]);
    free(p->done);
    pthread_cond_destroy(&p->wake);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

int netns_pool_take(struct netns_pool *p, struct err *err)
{
    pthread_mutex_lock(&p->lock);
    int fd = p->n ? p->ready[--p->n] : -1;
    p->due_ns = time_mono_ns() + REFILL_MS * NS_PER_MS;
    pthread_cond_signal(&p->wake);
    pthread_mutex_unlock(&p->lock);
    return fd >= 0 ? fd : netns_create(err);
}

void netns_pool_dispose(struct netns_pool *p, int fd)
{
    if (fd < 0)
        return;
    pthread_mutex_lock(&p->lock);
    if (p->ndone == p->cap) {
        p->cap = p->cap ? p->cap * 2 : 16;
        p->done = xrealloc(p->done, p->cap * sizeof(*p->done));
    }
    p->done[p->ndone++] = fd;
    pthread_cond_signal(&p->wake);
    pthread_mutex_unlock(&p->lock);
}
