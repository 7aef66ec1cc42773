/* SPDX-License-Identifier: Apache-2.0 */
/* Trees that are gone: moved away, then deleted by a thread. */
#include "common/reaper.h"

#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>

#include "common/tree.h"
#include "common/util.h"

/* With more than this waiting, who removes deletes: trees must not be made faster than they go. */
#define WAITING_MAX 64

struct reaper {
    const struct berth_host *host;
    int tmp_fd;
    pthread_t thread;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t more;
    bool started, stop;
    uint64_t taken; /* counts */
    uint64_t waiting[WAITING_MAX];
    size_t n;
};

static void name_of(uint64_t number, char out[32])
{
    snprintf(out, 32, "gone.%" PRIu64, number);
}

static void delete (const struct reaper *r, uint64_t number)
{
    char name[32];
    name_of(number, name);
    int e = tree_remove(r->tmp_fd, name);
    if (e < 0)
        berth_log(r->host, BERTH_LOG_WARN, "%s/tmp/%s stays until the next start: %s",
                  r->host->data_dir, name, strerror(-e));
}

static void *run(void *arg)
{
    struct reaper *r = arg;
    pthread_mutex_lock(&r->lock);
    for (;;) {
        while (r->n == 0 && !r->stop)
            pthread_cond_wait(&r->more, &r->lock);
        if (r->stop)
            break;
        uint64_t number = r->waiting[--r->n];
        pthread_mutex_unlock(&r->lock);
        delete (r, number);
        pthread_mutex_lock(&r->lock);
    }
    pthread_mutex_unlock(&r->lock);
    return NULL;
}

struct reaper *reaper_new(const struct berth_host *host, int tmp_fd)
{
    struct reaper *r = calloc(1, sizeof(*r));
    if (!r)
        return NULL;
    r->host = host;
    r->tmp_fd = tmp_fd;
    pthread_mutex_init(&r->lock, NULL);
    pthread_cond_init(&r->more, NULL);
    return r;
}

void reaper_free(struct reaper *r)
{
    if (!r)
        return;
    pthread_mutex_lock(&r->lock);
    bool started = r->started;
    r->stop = true;
    pthread_cond_signal(&r->more);
    pthread_mutex_unlock(&r->lock);
    if (started)
        pthread_join(r->thread, NULL);
    pthread_cond_destroy(&r->more);
    pthread_mutex_destroy(&r->lock);
    free(r);
}

static uint64_t number_new(struct reaper *r)
{
    pthread_mutex_lock(&r->lock);
    uint64_t number = r->taken++;
    pthread_mutex_unlock(&r->lock);
    return number;
}

static bool queue(struct reaper *r, uint64_t number)
{
    pthread_mutex_lock(&r->lock);
    if (!r->started)
        r->started = pthread_create(&r->thread, NULL, run, r) == 0;
    bool room = r->started && r->n < WAITING_MAX;
    if (room)
        r->waiting[r->n++] = number;
    pthread_cond_signal(&r->more);
    pthread_mutex_unlock(&r->lock);
    return room;
}

int reaper_take(struct reaper *r, int dir, const char *name)
{
    char to[32];
    uint64_t number = number_new(r);
    name_of(number, to);
    if (renameat(dir, name, r->tmp_fd, to) < 0)
        return errno == ENOENT ? 0 : -errno;
    if (!queue(r, number))
        delete (r, number);
    return 0;
}
