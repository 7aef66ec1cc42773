/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A shim in reserve
 *
 * From posix_spawn to a shim that listens takes longer than the rest of a start's preparations. So the next one is brought up when a start is
 * over, and waits without a container; it ends with the daemon that started it. A thread makes it, which sleeps otherwise. It has loaded the
 * log driver of the last container, for the next one's is likely the same.
 *
 * It takes a processor for a millisecond: where the container that was started is one that ends at once, that would be taken from its end.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/str.h"
#include "runtime/procfs.h"
#include "runtime/shim-client.h"
#include "runtime/shim-internal.h"

struct shim_spare {
    struct shim_reactor *reactor;
    int image;
    pthread_t thread;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t changed;
    bool stop, ended, wanted;
    int64_t due_ns; /* when it is made, where it is wanted; 0: at once */
    char *preload;  /* the log driver that its container will probably have, or NULL */
    struct shim *ready;
};

static void let_go(struct shim *s)
{
    if (!s)
        return;
    shim_process_end(s);
    shim_unref(s);
}

static struct shim *take_ready(struct shim_spare *p)
{
    pthread_mutex_lock(&p->lock);
    struct shim *s = steal_ptr(&p->ready);
    pthread_mutex_unlock(&p->lock);
    return s;
}

static int preload(struct shim *s, const char *path)
{
    json_auto_t *m = json_object();
    json_put_str(m, "type", "preload");
    json_put_str(m, "path", path);
    return frame_send(s->sock, m, NULL, 0);
}

static struct shim *bring_up(struct shim_spare *p, const char *driver)
{
    _cleanup_(err_fini) struct err err = {0};
    struct shim *s = shim_new(p->reactor, SHIM_SPARE_ID, NULL, NULL);
    int r = shim_process_start(s, p->image, -1, &err);
    if (r == 0 && driver && (r = preload(s, driver)) < 0) {
        shim_process_end(s);
        err_errno(&err, r, "naming a log driver to it");
    }
    if (r == 0)
        return s;
    log_warn("a shim in reserve: %s",
             err_msg(&err)); /* a start makes its own then, and says why it cannot */
    shim_unref(s);
    return NULL;
}

/* With the lock held. */
static void wait_until(struct shim_spare *p, int64_t due_ns)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    int64_t ns = at.tv_nsec + MAX(due_ns - time_mono_ns(), 0);
    at.tv_sec += (time_t)(ns / NS_PER_SEC);
    at.tv_nsec = (long)(ns % NS_PER_SEC);
    (void)pthread_cond_timedwait(&p->changed, &p->lock, &at);
}

/* False: stop. *driver is the caller's. */
static bool is_wanted(struct shim_spare *p, char **driver)
{
    pthread_mutex_lock(&p->lock);
    while (!p->stop && !(p->wanted && !p->ready && time_mono_ns() >= p->due_ns)) {
        if (p->wanted && !p->ready)
            wait_until(p, p->due_ns);
        else
            pthread_cond_wait(&p->changed, &p->lock);
    }
    bool stop = p->stop;
    p->wanted = false;
    *driver = xstrdup0(p->preload);
    pthread_mutex_unlock(&p->lock);
    return !stop;
}

static void *keep(void *arg)
{
    struct shim_spare *p = arg;
    for (;;) {
        _cleanup_(freep) char *driver = NULL;
        if (!is_wanted(p, &driver))
            return NULL;
        struct shim *s = bring_up(p, driver);
        pthread_mutex_lock(&p->lock);
        p->ready = s;
        pthread_mutex_unlock(&p->lock);
    }
}

static void cond_init(pthread_cond_t *c)
{
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(c, &attr);
    pthread_condattr_destroy(&attr);
}

int shim_spare_open(struct shim_reactor *r, int image, struct shim_spare **out, struct err *err)
{
    struct shim_spare *p = xcalloc(1, sizeof(*p));
    *p = (struct shim_spare){.reactor = r, .image = image};
    pthread_mutex_init(&p->lock, NULL);
    cond_init(&p->changed);
    int e = -pthread_create(&p->thread, NULL, keep, p);
    if (e < 0) {
        pthread_cond_destroy(&p->changed);
        pthread_mutex_destroy(&p->lock);
        free(p);
        return err_errno(err, e, "starting the thread for shims in reserve");
    }
    *out = p;
    return 0;
}

void shim_spare_end(struct shim_spare *p)
{
    if (!p || p->ended)
        return;
    pthread_mutex_lock(&p->lock);
    p->stop = true;
    pthread_cond_signal(&p->changed);
    pthread_mutex_unlock(&p->lock);
    pthread_join(p->thread, NULL);
    p->ended = true;
    let_go(take_ready(p));
}

void shim_spare_close(struct shim_spare *p)
{
    if (!p)
        return;
    shim_spare_end(p);
    free(p->preload);
    pthread_cond_destroy(&p->changed);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

void shim_spare_want(struct shim_spare *p, const char *driver, int64_t delay_ms)
{
    int64_t due_ns = delay_ms ? time_mono_ns() + delay_ms * NS_PER_MS : 0;
    pthread_mutex_lock(&p->lock);
    if (driver && !str_eq(driver, p->preload)) {
        free(p->preload);
        p->preload = xstrdup(driver);
    }
    p->due_ns = p->wanted ? MIN(p->due_ns, due_ns) : due_ns;
    p->wanted = true;
    pthread_cond_signal(&p->changed);
    pthread_mutex_unlock(&p->lock);
}

void shim_spare_hurry(struct shim_spare *p)
{
    pthread_mutex_lock(&p->lock);
    p->due_ns = 0;
    pthread_cond_signal(&p->changed);
    pthread_mutex_unlock(&p->lock);
}

pid_t shim_spare_pid(struct shim_spare *p)
{
    pthread_mutex_lock(&p->lock);
    pid_t pid = p->ready ? p->ready->pid : 0;
    pthread_mutex_unlock(&p->lock);
    return pid;
}

void shim_spare_renew(struct shim_spare *p)
{
    struct shim *old = take_ready(p);
    if (!old)
        return;
    let_go(old);
    shim_spare_want(p, NULL, 0);
}

static bool is_alive(const struct shim *s)
{
    struct pollfd p = {.fd = s->pidfd, .events = POLLIN};
    return poll(&p, 1, 0) == 0;
}

/* Its container, the descriptor of the run directory, and the root, which it mounts while the rest of the plan is made. */
static int assign(struct shim *s, const char *id, int rundir, const json_t *rootfs)
{
    json_auto_t *m = json_object();
    json_put_str(m, "type", "assign");
    json_put_str(m, "id", id);
    if (rootfs)
        json_put(m, "rootfs", rootfs);
    return frame_send(s->sock, m, &rundir, 1);
}

struct shim *shim_spare_take(struct shim_spare *p, const char *id, int rundir, const json_t *rootfs,
                             const struct shim_events *events, void *arg)
{
    struct shim *s = p ? take_ready(p) : NULL;
    if (!s)
        return NULL;
    if (!is_alive(s) || assign(s, id, rundir, rootfs) < 0) {
        let_go(s);
        return NULL;
    }
    free(s->id);
    s->id = xstrdup(id);
    s->events = *events;
    s->arg = arg;
    return s;
}
