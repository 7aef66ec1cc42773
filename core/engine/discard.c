/* SPDX-License-Identifier: Apache-2.0 */
/* Discarded directories: moved away, then deleted by a thread, one after the other. */
#include "engine/discard.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/fs.h"
#include "base/id.h"
#include "base/log.h"
#include "base/str.h"

/* With more than this waiting, who discards deletes: directories must not be made faster than they go. */
#define WAITING_MAX 64

struct discards {
    int tmp_fd;
    pthread_t thread;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t more;
    bool closing;
    struct strv names; /* in tmp */
};

/* NULL: closing, and nothing is left. The caller's. */
static char *next(struct discards *d)
{
    pthread_mutex_lock(&d->lock);
    while (d->names.n == 0 && !d->closing)
        pthread_cond_wait(&d->more, &d->lock);
    char *name = NULL;
    if (d->names.n > 0) {
        d->names.n--;
        name = steal_ptr(&d->names.v[d->names.n]);
    }
    pthread_mutex_unlock(&d->lock);
    return name;
}

static void delete (const struct discards *d, const char *name)
{
    int r = fs_rm_rf(d->tmp_fd, name);
    if (r < 0)
        log_warn("tmp/%s stays until the next start: %s", name, strerror(-r));
}

static void *discards_main(void *arg)
{
    struct discards *d = arg;
    pthread_setname_np(pthread_self(), "discards");
    for (char *name; (name = next(d)); free(name))
        delete (d, name);
    return NULL;
}

int discards_open(const char *data_root, struct discards **out, struct err *err)
{
    _cleanup_(freep) char *tmp = str_printf("%s/tmp", data_root);
    struct discards *d = xcalloc(1, sizeof(*d));
    pthread_mutex_init(&d->lock, NULL);
    pthread_cond_init(&d->more, NULL);
    d->tmp_fd = fs_open_dir(AT_FDCWD, tmp);
    int r = d->tmp_fd < 0 ? d->tmp_fd : -pthread_create(&d->thread, NULL, discards_main, d);
    if (r == 0) {
        *out = d;
        return 0;
    }
    close_fd(d->tmp_fd);
    pthread_mutex_destroy(&d->lock);
    pthread_cond_destroy(&d->more);
    free(d);
    return err_errno(err, r, "deleting in %s", tmp);
}

void discards_close(struct discards *d)
{
    if (!d)
        return;
    pthread_mutex_lock(&d->lock);
    d->closing = true;
    pthread_cond_signal(&d->more);
    pthread_mutex_unlock(&d->lock);
    pthread_join(d->thread, NULL);
    strv_fini(&d->names);
    close_fd(d->tmp_fd);
    pthread_mutex_destroy(&d->lock);
    pthread_cond_destroy(&d->more);
    free(d);
}

static bool queue(struct discards *d, const char *name)
{
    pthread_mutex_lock(&d->lock);
    bool room = d->names.n < WAITING_MAX;
    if (room)
        strv_add(&d->names, name);
    pthread_cond_signal(&d->more);
    pthread_mutex_unlock(&d->lock);
    return room;
}

int discard_directory(struct discards *d, const char *path)
{
    char suffix[17], name[32];
    id_random_hex(suffix, 8);
    snprintf(name, sizeof(name), "gone-%s", suffix);
    if (renameat(AT_FDCWD, path, d->tmp_fd, name) < 0)
        return fs_rm_rf(AT_FDCWD, path);
    if (!queue(d, name))
        delete (d, name);
    return 0;
}
