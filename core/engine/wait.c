/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Waits
 *
 * A wait is registered first and looks at the row second; whoever ends a container writes the row first and tells the waits
 * second. So none is missed, whichever comes first.
 */
#include <errno.h>
#include <sys/eventfd.h>

#include "base/json.h"
#include "engine/internal.h"

struct container_wait {
    struct engine *engine;
    struct container_wait *prev, *next;
    char *id;
    enum wait_condition condition;
    int fd;
    bool over;
    int64_t code;
    char *error;
};

/* With the lock held. */
static void wait_over(struct container_wait *w, int64_t code, const char *error)
{
    if (w->over)
        return;
    w->over = true;
    w->code = code;
    w->error = str_empty(error) ? NULL : xstrdup(error);
    (void)eventfd_write(w->fd, 1);
}

static void wait_link(struct container_wait *w)
{
    struct engine *e = w->engine;
    pthread_mutex_lock(&e->lock);
    w->next = e->waits;
    if (w->next)
        w->next->prev = w;
    e->waits = w;
    if (e->closing)
        wait_over(w, 0, "the daemon is shutting down");
    pthread_mutex_unlock(&e->lock);
}

void engine_container_wait_close(struct container_wait *w)
{
    if (!w)
        return;
    struct engine *e = w->engine;
    pthread_mutex_lock(&e->lock);
    if (w->prev)
        w->prev->next = w->next;
    else
        e->waits = w->next;
    if (w->next)
        w->next->prev = w->prev;
    pthread_mutex_unlock(&e->lock);
    close_fd(w->fd);
    free(w->id);
    free(w->error);
    free(w);
}
DEFINE_CLEANUP(struct container_wait *, engine_container_wait_close);

/* What the row says already. */
static int wait_look(struct container_wait *w, struct err *err)
{
    _cleanup_(state_container_freep) struct state_container *row = NULL;
    int r = state_container_get_brief(w->engine->state, w->id, &row, err);
    if (r < 0)
        return r;
    if (w->condition != WAIT_NOT_RUNNING || container_is_running(row))
        return 0;
    pthread_mutex_lock(&w->engine->lock);
    wait_over(w, row->exit_code, row->error);
    pthread_mutex_unlock(&w->engine->lock);
    return 0;
}

int engine_container_wait_open(struct engine *e, const char *ref, enum wait_condition c,
                               struct container_wait **out, struct err *err)
{
    _cleanup_(freep) char *id = NULL;
    int r = state_container_resolve(e->state, ref, &id, err);
    if (r < 0)
        return r;
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (fd < 0)
        return err_errno(err, -errno, "waiting for container %s", ref);
    _cleanup_(engine_container_wait_closep) struct container_wait *w = xcalloc(1, sizeof(*w));
    *w = (struct container_wait){.engine = e, .id = steal_ptr(&id), .condition = c, .fd = fd};
    wait_link(w);
    r = wait_look(w, err);
    if (r == 0)
        *out = steal_ptr(&w);
    return r;
}

int engine_container_wait_fd(struct container_wait *w)
{
    return w->fd;
}

int engine_container_wait_result(struct container_wait *w, json_t **out)
{
    pthread_mutex_lock(&w->engine->lock);
    bool over = w->over;
    pthread_mutex_unlock(&w->engine->lock);
    if (!over)
        return 0;
    *out = json_object();
    json_put_int(*out, "StatusCode", w->code);
    if (w->error) {
        json_t *error = json_object();
        json_put_str(error, "Message", w->error);
        json_put_take(*out, "Error", error);
    }
    return 1;
}

void waits_exited(struct engine *e, const char *id, int64_t code, const char *error)
{
    pthread_mutex_lock(&e->lock);
    for (struct container_wait *w = e->waits; w; w = w->next)
        if (w->condition != WAIT_REMOVED && str_eq(w->id, id))
            wait_over(w, code, error);
    pthread_mutex_unlock(&e->lock);
}

void waits_removed(struct engine *e, const char *id, int64_t code)
{
    pthread_mutex_lock(&e->lock);
    for (struct container_wait *w = e->waits; w; w = w->next)
        if (str_eq(w->id, id))
            wait_over(w, code, NULL);
    pthread_mutex_unlock(&e->lock);
}

void waits_end(struct engine *e)
{
    pthread_mutex_lock(&e->lock);
    for (struct container_wait *w = e->waits; w; w = w->next)
        wait_over(w, 0, "the daemon is shutting down");
    pthread_mutex_unlock(&e->lock);
}
