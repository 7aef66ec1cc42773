/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Jobs
 *
 * The reactor that hears the shims must not block, and an exit means disk, netlink and database work: it is queued here. One
 * mutex guards the queue.
 */
#include "engine/jobs.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>

struct job {
    struct job *next;
    void (*fn)(void *arg);
    void *arg;
};

struct jobs {
    pthread_mutex_t lock;
    pthread_cond_t more;
    struct job *first, **last;
    bool closing;
    unsigned n;
    pthread_t threads[];
};

static struct job *jobs_take(struct jobs *j)
{
    pthread_mutex_lock(&j->lock);
    while (!j->first && !j->closing)
        pthread_cond_wait(&j->more, &j->lock);
    struct job *job = j->first;
    if (job) {
        j->first = job->next;
        if (!j->first)
            j->last = &j->first;
    }
    pthread_mutex_unlock(&j->lock);
    return job;
}

static void *jobs_main(void *arg)
{
    struct jobs *j = arg;
    struct job *job;
    while ((job = jobs_take(j))) {
        job->fn(job->arg);
        free(job);
    }
    return NULL;
}

int jobs_open(unsigned threads, struct jobs **out, struct err *err)
{
    struct jobs *j = xcalloc(1, sizeof(*j) + threads * sizeof(pthread_t));
    pthread_mutex_init(&j->lock, NULL);
    pthread_cond_init(&j->more, NULL);
    j->last = &j->first;
    for (; j->n < threads; j->n++) {
        int r = -pthread_create(&j->threads[j->n], NULL, jobs_main, j);
        if (r < 0) {
            jobs_close(j);
            return err_errno(err, r, "starting a thread");
        }
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
    pthread_mutex_unlock(&j->lock);
    for (unsigned i = 0; i < j->n; i++)
        pthread_join(j->threads[i], NULL);
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
    pthread_cond_signal(&j->more);
    pthread_mutex_unlock(&j->lock);
}
