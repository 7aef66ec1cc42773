/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Workers
 *
 * Leader and followers: one thread at a time waits at the sockets. When it has a connection it
 * leaves the lead to one that idles, or to a new one, and serves. The lock guards everything but
 * what only one thread has; it is never held across a call that blocks.
 */
#include "api/workers.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/log.h"

#define THREADS_MAX 4096
/* An idle thread costs some 20 KB. */
#define IDLE_MAX 16
/* While descriptors or memory are short: what frees them tells nobody. */
#define SHORTAGE_MS 100
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define THREAD_STACK (4u << 20)
#else
#define THREAD_STACK (512u << 10)
#endif

/* A connection that is being served; on its thread's stack. */
struct serving {
    int fd;
    struct serving *next, **at;
};

struct workers {
    worker_serve_fn serve;
    void *ctx;
    int wake; /* eventfd for the leader: a new socket, or the end */
    pthread_mutex_t lock;
    pthread_cond_t lead, quiet, gone;
    bool leading, stop;
    int *fds;
    size_t fds_n;
    struct serving *serving;
    unsigned threads, idle;
    pthread_t ended; /* the last that ended, for the next to join */
    bool has_ended;
};

static void *worker_run(void *arg);

/* Under the lock. */
static int thread_add(struct workers *w)
{
    pthread_t thread;
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, THREAD_STACK);
    int r = -pthread_create(&thread, &attr, worker_run, w);
    pthread_attr_destroy(&attr);
    if (r == 0)
        w->threads++;
    return r;
}

/* What to wait for. */
static size_t poll_set(struct workers *w, struct pollfd **set)
{
    *set = xrealloc(*set, (w->fds_n + 1) * sizeof(**set));
    (*set)[0] = (struct pollfd){.fd = w->wake, .events = POLLIN};
    for (size_t i = 0; i < w->fds_n; i++)
        (*set)[i + 1] = (struct pollfd){.fd = w->fds[i], .events = POLLIN};
    return w->fds_n + 1;
}

/* A connection, -EAGAIN when there is none after all, or what the machine is short of. */
static int accept_one(const struct pollfd *set, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        if (!set[i].revents)
            continue;
        int fd = accept4(set[i].fd, NULL, NULL, SOCK_CLOEXEC);
        if (fd >= 0)
            return fd;
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
            return -errno;
    }
    return -EAGAIN;
}

/* Leads until there is a connection; -1 when another should look at what has changed. */
static int lead(struct workers *w, struct pollfd *set, size_t n)
{
    eventfd_t count;
    if (poll(set, n, -1) < 0)
        return -1;
    if (set[0].revents) {
        eventfd_read(w->wake, &count);
        return -1;
    }
    int fd = accept_one(set, n);
    if (fd < 0 && fd != -EAGAIN) {
        errno = -fd;
        log_warn("cannot accept a connection: %m");
        poll(set, 1, SHORTAGE_MS);
    }
    return fd;
}

static void serving_add(struct workers *w, struct serving *s)
{
    s->next = w->serving;
    s->at = &w->serving;
    if (s->next)
        s->next->at = &s->next;
    w->serving = s;
}

static void serving_remove(struct serving *s)
{
    *s->at = s->next;
    if (s->next)
        s->next->at = s->at;
}

/* Under the lock. At the limit nobody leads until a connection ends: the next ones wait. */
static int lead_leave(struct workers *w)
{
    if (w->idle == 0)
        return w->threads < THREADS_MAX ? thread_add(w) : 0;
    pthread_cond_signal(&w->lead);
    return 0;
}

/* Under the lock, which is dropped meanwhile. */
static void serve_one(struct workers *w, int fd, char *buffer)
{
    struct serving s = {.fd = fd};
    int r = lead_leave(w);
    if (r < 0) {
        errno = -r;
        log_warn("a connection is refused, there is no thread for the next: %m");
        close_fd(fd);
        return;
    }
    serving_add(w, &s);
    pthread_mutex_unlock(&w->lock);
    w->serve(w->ctx, fd, buffer);
    pthread_mutex_lock(&w->lock);
    serving_remove(&s);
    close_fd(fd);
}

/* Under the lock. false: this thread is not needed any more. */
static bool await_lead(struct workers *w)
{
    if (w->leading && w->idle >= IDLE_MAX)
        return false;
    w->idle++;
    while (w->leading && !w->stop)
        pthread_cond_wait(&w->lead, &w->lock);
    w->idle--;
    return !w->stop;
}

/* Under the lock, at the thread's end. */
static void thread_leave(struct workers *w)
{
    pthread_t before = w->ended;
    bool join = w->has_ended;
    w->ended = pthread_self();
    w->has_ended = true;
    if (--w->threads == 0)
        pthread_cond_broadcast(&w->gone);
    pthread_mutex_unlock(&w->lock);
    if (join)
        pthread_join(before, NULL);
}

static void *worker_run(void *arg)
{
    struct workers *w = arg;
    _cleanup_(freep) struct pollfd *set = NULL;
    _cleanup_(freep) char *buffer = xmalloc(WORKER_BUFFER);
    pthread_setname_np(pthread_self(), "http");
    pthread_mutex_lock(&w->lock);
    while (await_lead(w)) {
        size_t n = poll_set(w, &set);
        w->leading = true;
        pthread_mutex_unlock(&w->lock);
        int fd = lead(w, set, n);
        pthread_mutex_lock(&w->lock);
        w->leading = false;
        if (w->stop) {
            close_fd(fd);
            pthread_cond_broadcast(&w->quiet);
        } else if (fd >= 0) {
            serve_one(w, fd, buffer);
        }
    }
    thread_leave(w);
    return NULL;
}

struct workers *workers_new(worker_serve_fn serve, void *ctx, struct err *err)
{
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (fd < 0) {
        err_errno(err, -errno, "cannot make a descriptor for the server");
        return NULL;
    }
    struct workers *w = xcalloc(1, sizeof(*w));
    w->serve = serve;
    w->ctx = ctx;
    w->wake = fd;
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->lead, NULL);
    pthread_cond_init(&w->quiet, NULL);
    pthread_cond_init(&w->gone, NULL);
    return w;
}

int workers_listen(struct workers *w, int fd, struct err *err)
{
    /* A client may be gone between poll() and accept(). */
    if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0) {
        int r = -errno;
        close_fd(fd);
        return err_errno(err, r, "cannot use the socket");
    }
    pthread_mutex_lock(&w->lock);
    w->fds = xrealloc(w->fds, (w->fds_n + 1) * sizeof(*w->fds));
    w->fds[w->fds_n++] = fd;
    int r = w->threads == 0 ? thread_add(w) : 0;
    pthread_mutex_unlock(&w->lock);
    eventfd_write(w->wake, 1);
    return r < 0 ? err_errno(err, r, "cannot start the server's thread") : 0;
}

void workers_quiesce(struct workers *w)
{
    pthread_mutex_lock(&w->lock);
    w->stop = true;
    eventfd_write(w->wake, 1);
    pthread_cond_broadcast(&w->lead);
    while (w->leading)
        pthread_cond_wait(&w->quiet, &w->lock);
    while (w->fds_n > 0)
        close_fd(w->fds[--w->fds_n]);
    pthread_mutex_unlock(&w->lock);
}

void workers_free(struct workers *w)
{
    if (!w)
        return;
    workers_quiesce(w);
    pthread_mutex_lock(&w->lock);
    for (struct serving *s = w->serving; s; s = s->next)
        shutdown(s->fd, SHUT_RDWR);
    while (w->threads > 0)
        pthread_cond_wait(&w->gone, &w->lock);
    pthread_mutex_unlock(&w->lock);
    if (w->has_ended)
        pthread_join(w->ended, NULL);
    pthread_mutex_destroy(&w->lock);
    pthread_cond_destroy(&w->lead);
    pthread_cond_destroy(&w->quiet);
    pthread_cond_destroy(&w->gone);
    close_fd(w->wake);
    free(w->fds);
    free(w);
}
