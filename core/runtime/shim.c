/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection to one shim: requests, replies, events
 *
 * A request sends its frame and sleeps until the reactor has brought the reply with its number, the connection has ended, or the time is up.
 * One frame goes out at a time, since two on one stream would mix; the shim reads always. `lock` guards memory; it is not held while a frame goes
 * out, nor in a callback.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/str.h"
#include "build-config.h"
#include "runtime/procfs.h"
#include "runtime/shim-client.h"
#include "runtime/shim-internal.h"

struct shim *shim_new(struct shim_reactor *r, const char *id, const struct shim_events *events,
                      void *arg)
{
    struct shim *s = xcalloc(1, sizeof *s);
    pthread_condattr_t attr;
    s->refs = 1;
    s->reactor = r;
    s->id = xstrdup(id);
    s->sock = s->pidfd = -1;
    s->events = events ? *events : (struct shim_events){0};
    s->arg = arg;
    pthread_mutex_init(&s->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&s->changed, &attr);
    pthread_condattr_destroy(&attr);
    return s;
}

struct shim *shim_ref(struct shim *s)
{
    __atomic_add_fetch(&s->refs, 1, __ATOMIC_RELAXED);
    return s;
}

void shim_unref(struct shim *s)
{
    if (!s || __atomic_sub_fetch(&s->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    close_fd(s->sock);
    close_fd(s->pidfd);
    frame_reader_fini(&s->reader);
    pthread_cond_destroy(&s->changed);
    pthread_mutex_destroy(&s->lock);
    free(s->id);
    free(s);
}

int shim_minor(const struct shim *s)
{
    return s->minor;
}

pid_t shim_pid(const struct shim *s)
{
    return s->pid;
}

uint64_t shim_start_time(const struct shim *s)
{
    return s->start;
}

/* Every request that waits fails; later ones are refused at once. */
static void fail_waiters(struct shim *s)
{
    pthread_mutex_lock(&s->lock);
    s->lost = true;
    for (struct shim_waiter *w = s->waiters; w; w = w->next) {
        if (!w->done) {
            w->done = true;
            w->error = -ECONNRESET;
        }
    }
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

void shim_close(struct shim *s)
{
    pthread_mutex_lock(&s->lock);
    bool was_closed = s->closed;
    s->closed = true;
    pthread_mutex_unlock(&s->lock);
    if (was_closed)
        return;
    fail_waiters(s);
    shutdown(s->sock, SHUT_RDWR);
    if (!shim_reactor_is_self(s->reactor)) {
        pthread_mutex_lock(&s->lock);
        while (s->dispatching)
            pthread_cond_wait(&s->changed, &s->lock);
        pthread_mutex_unlock(&s->lock);
    }
    shim_reactor_remove(s->reactor, s);
}

/* --- what the reactor brings */

/* Takes msg over: a message has one owner, for jansson's counts do not order what two threads do with it. */
static void take_reply(struct shim *s, json_t *msg)
{
    json_auto_t *owned = msg;
    int fd = -1;
    frame_take_fds(&s->reader, &fd, 1);
    int64_t seq = json_int(msg, "seq", 0);
    pthread_mutex_lock(&s->lock);
    for (struct shim_waiter *w = s->waiters; w; w = w->next) {
        if (w->seq != seq || w->done)
            continue;
        w->done = true;
        w->reply = steal_ptr(&owned);
        w->fd = steal_fd(&fd);
        pthread_cond_broadcast(&s->changed);
        break;
    }
    pthread_mutex_unlock(&s->lock);
    close_fd(fd); /* its asker has given up */
}

static void take_exit(struct shim *s, const json_t *msg)
{
    const json_t *e = json_obj(msg, "exit");
    struct shim_exit x;
    shim_exit_read(e, &x);
    x.error = json_str(e, "error", NULL);
    if (e && s->events.exited)
        s->events.exited(s->arg, &x);
}

static void take_checked(struct shim *s, const json_t *msg)
{
    const struct shim_checked c = {.check = json_str(msg, "check", ""),
                                   .code = (int)json_int(msg, "code", -1),
                                   .output = json_str(msg, "output", ""),
                                   .truncated = json_bool(msg, "truncated", false),
                                   .timed_out = json_bool(msg, "timed_out", false),
                                   .dropped = json_bool(msg, "dropped", false),
                                   .error = json_str(msg, "error", NULL)};
    if (s->events.checked)
        s->events.checked(s->arg, &c);
}

static void take_event(struct shim *s, const char *type, const json_t *msg)
{
    const struct shim_events *ev = &s->events;
    const char *exec = json_str(msg, "exec", NULL);
    if (str_eq(type, "exited"))
        take_exit(s, msg);
    else if (str_eq(type, "exec_exited") && exec && ev->exec_exited)
        ev->exec_exited(s->arg, exec, (int)json_int(msg, "code", -1), json_int(msg, "time_ns", 0));
    else if (str_eq(type, "checked"))
        take_checked(s, msg);
    else if (str_eq(type, "log_error") && ev->log_error)
        (ev->log_error)(s->arg, json_str(msg, "driver", ""), json_str(msg, "message", ""),
                        json_str(msg, "now", NULL));
    else if (str_eq(type, "oom") && ev->oom)
        ev->oom(s->arg);
    else if (str_eq(type, "detached") && ev->detached)
        ev->detached(s->arg, exec);
}

static void on_lost(struct shim *s)
{
    pthread_mutex_lock(&s->lock);
    bool first = !s->lost, leaving = s->leaving;
    pthread_mutex_unlock(&s->lock);
    shim_reactor_forget(s->reactor, s->sock);
    fail_waiters(s);
    if (first && !leaving && s->events.lost)
        s->events.lost(s->arg);
}

/* Whole frames that have come so far; false when the stream is broken. */
static bool take_frames(struct shim *s)
{
    for (;;) {
        json_auto_t *msg = NULL;
        int r = frame_next(&s->reader, &msg);
        if (r < 0)
            log_error("shim %d of %.12s: its stream is broken: %s", (int)s->pid, s->id,
                      strerror(-r));
        if (r <= 0)
            return r == 0;
        const char *type = json_str(msg, "type", "");
        if (str_eq(type, "reply"))
            take_reply(s, steal_ptr(&msg));
        else
            take_event(s, type, msg);
    }
}

void shim_on_socket(struct shim *s)
{
    int r;
    while ((r = frame_fill(&s->reader, s->sock)) > 0) {
        if (!take_frames(s)) {
            r = -EBADMSG;
            break;
        }
    }
    if (r != -EAGAIN && r != -EINTR)
        on_lost(s);
}

void shim_on_death(struct shim *s)
{
    shim_reactor_forget(s->reactor, s->pidfd);
    (void)waitid(P_PIDFD, (id_t)s->pidfd, &(siginfo_t){0}, WEXITED | WNOHANG);
    shim_on_socket(s); /* its last words come before the news of its end */
    pthread_mutex_lock(&s->lock);
    s->dead = true;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    if (s->events.died)
        s->events.died(s->arg);
}

/* --- requests */

static void waiter_add(struct shim *s, struct shim_waiter *w)
{
    pthread_mutex_lock(&s->lock);
    w->seq = ++s->seq;
    w->fd = -1;
    w->next = s->waiters;
    s->waiters = w;
    if (s->lost) {
        w->done = true;
        w->error = -ECONNRESET;
    }
    pthread_mutex_unlock(&s->lock);
}

/* Waits for the reply and takes the waiter out of the list. */
static void waiter_finish(struct shim *s, struct shim_waiter *w)
{
    pthread_mutex_lock(&s->lock);
    while (!w->done) {
        if (pthread_cond_timedwait(&s->changed, &s->lock, &w->end) == ETIMEDOUT && !w->done) {
            w->done = true;
            w->error = -ETIMEDOUT;
        }
    }
    for (struct shim_waiter **p = &s->waiters; *p; p = &(*p)->next) {
        if (*p == w) {
            *p = w->next;
            break;
        }
    }
    pthread_mutex_unlock(&s->lock);
}

static int64_t left_ms(const struct timespec *end)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    int64_t left = (end->tv_sec - now.tv_sec) * 1000 + (end->tv_nsec - now.tv_nsec) / NS_PER_MS;
    return MAX(left, 0);
}

/* One frame at a time on the wire. A shim that does not read holds up its callers no longer than each of them wants to wait. */
static int sending_begin(struct shim *s, const struct timespec *end)
{
    int r = 0;
    pthread_mutex_lock(&s->lock);
    while (s->sending && r == 0)
        r = -pthread_cond_timedwait(&s->changed, &s->lock, end);
    if (!s->sending)
        r = 0;
    s->sending |= r == 0;
    pthread_mutex_unlock(&s->lock);
    return r;
}

static void sending_end(struct shim *s)
{
    pthread_mutex_lock(&s->lock);
    s->sending = false;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

static int send_request(struct shim *s, const json_t *msg, const struct shim_call *call,
                        const struct timespec *end)
{
    int r = sending_begin(s, end);
    if (r < 0)
        return r;
    r = frame_send_within(s->sock, msg, call->fds, call->nfds, left_ms(end));
    sending_end(s);
    if (r == -EPIPE)
        shutdown(s->sock, SHUT_RDWR); /* half a frame may have left: the reactor makes it an end */
    return r;
}

static int judge(struct shim *s, struct shim_waiter *w, struct err *err)
{
    if (w->error == -ETIMEDOUT)
        return err_set(err, -ETIMEDOUT,
                       "the shim of container %.12s (pid %d) does not answer \"%s\"", s->id,
                       (int)s->pid, w->type);
    if (w->error < 0)
        return err_set(err, w->error, "the shim of container %.12s (pid %d) is gone", s->id,
                       (int)s->pid);
    int64_t e = json_int(w->reply, "error", 0);
    if (e == 0)
        return 0;
    const char *words = json_str(w->reply, "message", NULL);
    if (e < 0 || e > 4095)
        e = EIO;
    return words ? err_set(err, (int)-e, "%s", words)
                 : err_errno(err, (int)-e, "shim of container %.12s: %s", s->id, w->type);
}

/* The requests' names are literals. */
static const char *type_of(const json_t *msg)
{
    static const char *const types[] = {"hello", "prepare",     "go",     "abort", "status",
                                        "kill",  "resize",      "attach", "exec",  "close_stdin",
                                        "root",  "exec_forget", "release"};
    const char *type = json_str(msg, "type", "");
    for (size_t i = 0; i < ARRAY_SIZE(types); i++)
        if (str_eq(type, types[i]))
            return types[i];
    return "a request";
}

int shim_tell(struct shim *s, json_t *msg, int64_t timeout_ms)
{
    struct timespec end;
    clock_gettime(CLOCK_MONOTONIC, &end);
    int64_t ns = end.tv_nsec + timeout_ms * NS_PER_MS;
    end.tv_sec += (time_t)(ns / NS_PER_SEC);
    end.tv_nsec = (long)(ns % NS_PER_SEC);
    json_put_int(msg, "fds", 0);
    pthread_mutex_lock(&s->lock);
    bool lost = s->lost;
    pthread_mutex_unlock(&s->lock);
    return lost ? -ECONNRESET : send_request(s, msg, &(struct shim_call){0}, &end);
}

void shim_ask(struct shim *s, json_t *msg, const struct shim_call *call, struct shim_waiter *w)
{
    json_auto_t *owned = msg;
    *w = (struct shim_waiter){.type = type_of(owned)};
    clock_gettime(CLOCK_MONOTONIC, &w->end);
    w->end.tv_sec += call->timeout_ms / 1000;
    waiter_add(s, w);
    json_put_int(owned, "seq", w->seq);
    json_put_int(owned, "fds", (int64_t)call->nfds);
    int r = w->done ? 0 : send_request(s, owned, call, &w->end);
    if (r == 0)
        return;
    pthread_mutex_lock(&s->lock);
    if (!w->done) {
        w->done = true;
        w->error = r == -EPIPE ? -ECONNRESET : r;
    }
    pthread_mutex_unlock(&s->lock);
}

int shim_hear(struct shim *s, struct shim_waiter *w, json_t **reply, int *fd, struct err *err)
{
    waiter_finish(s, w);
    int r = judge(s, w, err);
    json_auto_t *answer = w->reply;
    if (fd)
        *fd = steal_fd(&w->fd);
    close_fd(w->fd);
    if (reply && answer)
        *reply = steal_ptr(&answer);
    return r;
}

int shim_request(struct shim *s, json_t *msg, const struct shim_call *call, json_t **reply, int *fd,
                 struct err *err)
{
    struct shim_waiter w;
    shim_ask(s, msg, call, &w);
    return shim_hear(s, &w, reply, fd, err);
}

void shim_mark_leaving(struct shim *s)
{
    pthread_mutex_lock(&s->lock);
    s->leaving = true;
    pthread_mutex_unlock(&s->lock);
}

int shim_destroy(struct shim *s)
{
    shim_mark_leaving(s);
    return procfs_pidfd_kill(s->pidfd, SIGKILL);
}

void shim_wake(struct shim *s)
{
    (void)procfs_pidfd_kill(s->pidfd, SIGCONT);
}

int shim_wait_dead(struct shim *s, int timeout_ms)
{
    struct pollfd p = {.fd = s->pidfd, .events = POLLIN};
    int r = poll(&p, 1, timeout_ms);
    if (r < 0)
        return -errno;
    if (r == 0)
        return -ETIMEDOUT;
    (void)waitid(P_PIDFD, (id_t)s->pidfd, &(siginfo_t){0}, WEXITED | WNOHANG);
    return 0;
}
