/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A shim in reserve
 *
 * From posix_spawn to a shim that listens takes longer than the rest of a start's preparations. So the next one is brought up when a start is
 * over, and waits without a container; it ends with the daemon that started it. A thread makes it, which sleeps otherwise.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>

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
    bool stop, wanted;
    struct shim *ready;
};

static void let_go(struct shim *s)
{
    if (!s)
        return;
    shim_process_end(s);
    shim_unref(s);
}

static struct shim *bring_up(struct shim_spare *p)
{
    _cleanup_(err_fini) struct err err = {0};
    struct shim *s = shim_new(p->reactor, SHIM_SPARE_ID, NULL, NULL);
    if (shim_process_start(s, p->image, -1, &err) == 0)
        return s;
    log_warn("a shim in reserve: %s",
             err_msg(&err)); /* a start makes its own then, and says why it cannot */
    shim_unref(s);
    return NULL;
}

static bool is_wanted(struct shim_spare *p)
{
    pthread_mutex_lock(&p->lock);
    while (!p->stop && !(p->wanted && !p->ready))
        pthread_cond_wait(&p->changed, &p->lock);
    bool stop = p->stop;
    p->wanted = false;
    pthread_mutex_unlock(&p->lock);
    return !stop;
}

static void *keep(void *arg)
{
    struct shim_spare *p = arg;
    while (is_wanted(p)) {
        struct shim *s = bring_up(p);
        pthread_mutex_lock(&p->lock);
        p->ready = s;
        pthread_mutex_unlock(&p->lock);
    }
    return NULL;
}

int shim_spare_open(struct shim_reactor *r, int image, struct shim_spare **out, struct err *err)
{
    struct shim_spare *p = xcalloc(1, sizeof(*p));
    *p = (struct shim_spare){.reactor = r, .image = image};
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->changed, NULL);
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

void shim_spare_close(struct shim_spare *p)
{
    if (!p)
        return;
    pthread_mutex_lock(&p->lock);
    p->stop = true;
    pthread_cond_signal(&p->changed);
    pthread_mutex_unlock(&p->lock);
    pthread_join(p->thread, NULL);
    let_go(p->ready);
    pthread_cond_destroy(&p->changed);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

void shim_spare_want(struct shim_spare *p)
{
    pthread_mutex_lock(&p->lock);
    p->wanted = true;
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

static struct shim *take_ready(struct shim_spare *p)
{
    pthread_mutex_lock(&p->lock);
    struct shim *s = steal_ptr(&p->ready);
    pthread_mutex_unlock(&p->lock);
    return s;
}

void shim_spare_renew(struct shim_spare *p)
{
    struct shim *old = take_ready(p);
    if (!old)
        return;
    let_go(old);
    shim_spare_want(p);
}

static bool is_alive(const struct shim *s)
{
    struct pollfd p = {.fd = s->pidfd, .events = POLLIN};
    return poll(&p, 1, 0) == 0;
}

/* Its container, and the descriptor of the run directory. */
static int assign(struct shim *s, const char *id, int rundir)
{
    json_auto_t *m = json_object();
    json_put_str(m, "type", "assign");
    json_put_str(m, "id", id);
    return frame_send(s->sock, m, &rundir, 1);
}

struct shim *shim_spare_take(struct shim_spare *p, const char *id, int rundir,
                             const struct shim_events *events, void *arg)
{
    struct shim *s = p ? take_ready(p) : NULL;
    if (!s)
        return NULL;
    if (!is_alive(s) || assign(s, id, rundir) < 0) {
        let_go(s);
        return NULL;
    }
    free(s->id);
    s->id = xstrdup(id);
    s->events = *events;
    s->arg = arg;
    return s;
}
