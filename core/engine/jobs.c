/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Jobs
 *
 * The reactor that hears the shims must not block, and an exit means disk, netlink and database work: it is queued here. A few
 * threads do it, since more at once would only wait for the kernel's lock. Where all of them hang (a dead server's file
 * system, a driver that does not answer), the supervisor adds one whenever the oldest job has waited for a while, so that a few bad
 * containers do not hold up the rest; such threads end when they have nothing to do. One mutex guards all of it.
 */
#include "engine/jobs.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include "base/log.h"

#define LATE_S      1
#define THREADS_MAX 256

struct job {
    struct job *next;
    void (*fn)(void *arg);
    void *arg;
};

struct jobs {
    pthread_mutex_t lock;
    pthread_cond_t more;  /* for the threads */
    pthread_cond_t stuck; /* for the supervisor: a job waits, and nobody is idle */
    pthread_cond_t ended;
    struct job *first, **last;
    uint64_t taken; /* counts */
    bool closing, supervised;
    unsigned base, n, idle;
    pthread_t supervisor;
};

/* With the lock held; NULL: this thread ends. */
static struct job *jobs_take(struct jobs *j)
{
    j->idle++;
    while (!j->first && !j->closing && j->n <= j->base)
        pthread_cond_wait(&j->more, &j->lock);
    j->idle--;
    struct job *job = j->first;
    if (!job)
        return NULL;
    j->taken++;
    j->first = job->next;
    if (!j->first)
        j->last = &j->first;
    else if (j->idle == 0)
        pthread_cond_signal(&j->stuck);
    return job;
}

static void *jobs_main(void *arg)
{
    struct jobs *j = arg;
    struct job *job;
    pthread_mutex_lock(&j->lock);
    while ((job = jobs_take(j))) {
        pthread_mutex_unlock(&j->lock);
        job->fn(job->arg);
        free(job);
        pthread_mutex_lock(&j->lock);
    }
    j->n--;
    pthread_cond_signal(&j->ended);
    pthread_mutex_unlock(&j->lock);
    return NULL;
}

/* With the lock held. */
static int thread_add(struct jobs *j)
{
    pthread_t thread;
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    int r = -pthread_create(&thread, &attr, jobs_main, j);
    pthread_attr_destroy(&attr);
    if (r == 0)
        j->n++;
    return r;
}

/* With the lock held: whether no job was taken for LATE_S while one waited. */
static bool is_late(struct jobs *j)
{
    struct timespec end;
    uint64_t taken = j->taken;
    clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec += LATE_S;
    while (j->first && !j->closing && j->taken == taken)
        if (pthread_cond_timedwait(&j->stuck, &j->lock, &end) == ETIMEDOUT)
            return j->first && !j->closing && j->taken == taken;
    return false;
}

static void *supervise(void *arg)
{
    struct jobs *j = arg;
    pthread_mutex_lock(&j->lock);
    while (!j->closing) {
        if (!j->first || j->idle > 0) {
            pthread_cond_wait(&j->stuck, &j->lock);
        } else if (is_late(j) && j->n < THREADS_MAX) {
            log_warn("%u pieces of work on ends of containers hang; going on beside them", j->n);
            int r = thread_add(j);
            if (r < 0)
                log_error("starting a thread: %s", strerror(-r));
        }
    }
    pthread_mutex_unlock(&j->lock);
    return NULL;
}

static void cond_init(pthread_cond_t *c)
{
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(c, &attr);
    pthread_condattr_destroy(&attr);
}

int jobs_open(unsigned threads, struct jobs **out, struct err *err)
{
    struct jobs *j = xcalloc(1, sizeof(*j));
    pthread_mutex_init(&j->lock, NULL);
    cond_init(&j->more);
    cond_init(&j->stuck);
    cond_init(&j->ended);
    j->last = &j->first;
    j->base = threads;
    int r = 0;
    pthread_mutex_lock(&j->lock);
    while (r == 0 && j->n < threads)
        r = thread_add(j);
    pthread_mutex_unlock(&j->lock);
    if (r == 0)
        r = -pthread_create(&j->supervisor, NULL, supervise, j);
    j->supervised = r == 0;
    if (r < 0) {
        jobs_close(j);
        return err_errno(err, r, "starting a thread");
    }
    *out = j;
    return 0;
}

void jobs_close(struct jobs *j)
{
    if (!j)
        return;
    pthread_mutex_lock(&j->lock);
    j->closing = true;
    pthread_cond_broadcast(&j->more);
    pthread_cond_broadcast(&j->stuck);
    while (j->n > 0)
        pthread_cond_wait(&j->ended, &j->lock);
    pthread_mutex_unlock(&j->lock);
    if (j->supervised)
        pthread_join(j->supervisor, NULL);
    pthread_cond_destroy(&j->ended);
    pthread_cond_destroy(&j->stuck);
    pthread_cond_destroy(&j->more);
    pthread_mutex_destroy(&j->lock);
    free(j);
}

void jobs_add(struct jobs *j, void (*fn)(void *arg), void *arg)
{
    struct job *job = xcalloc(1, sizeof(*job));
    job->fn = fn;
    job->arg = arg;
    pthread_mutex_lock(&j->lock);
    *j->last = job;
    j->last = &job->next;
    pthread_cond_signal(j->idle > 0 ? &j->more : &j->stuck);
    pthread_mutex_unlock(&j->lock);
}
