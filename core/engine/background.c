/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads of their own
 *
 * For work that may block as long as a client likes: the pool is too small for that. They are counted, and closing the
 * engine waits for the last.
 */
#include <errno.h>

#include "engine/internal.h"

int background_start(struct engine *e, void *(*fn)(void *arg), void *arg, struct err *err)
{
    pthread_mutex_lock(&e->lock);
    e->background++;
    pthread_mutex_unlock(&e->lock);
    pthread_t thread;
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    int r = -pthread_create(&thread, &attr, fn, arg);
    pthread_attr_destroy(&attr);
    if (r < 0) {
        background_end(e);
        return err_errno(err, r, "starting a thread");
    }
    return 0;
}

void background_end(struct engine *e)
{
    pthread_mutex_lock(&e->lock);
    e->background--;
    pthread_cond_broadcast(&e->changed);
    pthread_mutex_unlock(&e->lock);
}

void background_wait(struct engine *e)
{
    pthread_mutex_lock(&e->lock);
    while (e->background > 0)
        pthread_cond_wait(&e->changed, &e->lock);
    pthread_mutex_unlock(&e->lock);
}
