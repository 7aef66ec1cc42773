/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Health checks: what is done for a container that fails them
 *
 * Restart and kill may take as long as the container's stop does, so a few threads of their own do it. What was decided is looked at again
 * with the row in hand: the run that failed has to be the one that runs, and nobody may want its end already.
 */
#include "base/json.h"
#include "base/log.h"
#include "engine/health-internal.h"
#include "engine/restart.h"
#include "engine/stop.h"

#define ACTORS 4

struct action {
    struct action *next;
    char *id;
    int64_t started_ns;
    enum health_action kind;
};

static void action_free(struct action *a)
{
    free(a->id);
    free(a);
}
DEFINE_CLEANUP(struct action *, action_free);

/* The next one; NULL: this thread ends. */
static struct action *take(struct health *h)
{
    pthread_mutex_lock(&h->lock);
    struct action *a = h->quit ? NULL : h->actions;
    if (a)
        h->actions = a->next;
    else
        h->actors--;
    pthread_mutex_unlock(&h->lock);
    return a;
}

static void acted(struct health *h, const struct action *a)
{
    pthread_mutex_lock(&h->lock);
    struct watched *w = map_get(&h->table, a->id);
    if (w && w->started_ns == a->started_ns)
        w->acting = false;
    pthread_mutex_unlock(&h->lock);
}

static void act(struct health *h, const struct action *a)
{
    _cleanup_(err_fini) struct err err = {0};
    bool kill = a->kind == HEALTH_KILL;
    log_warn("container %s is unhealthy: %s it", a->id, kill ? "killing" : "restarting");
    int r = kill ? container_kill_run(h->engine, a->id, a->started_ns, &err)
                 : container_restart_run(h->engine, a->id, a->started_ns, &err);
    if (r < 0)
        log_warn("container %s is unhealthy: %s", a->id, err_msg(&err));
    acted(h, a);
}

static void *actor(void *arg)
{
    struct health *h = arg;
    struct engine *e = h->engine;
    for (struct action *next; (next = take(h));) {
        _cleanup_(action_freep) struct action *a = next;
        act(h, a);
    }
    background_end(e);
    return NULL;
}

void health_act(struct health *h, struct watched *w)
{
    _cleanup_(err_fini) struct err err = {0};
    struct action *a = xcalloc(1, sizeof(*a));
    *a = (struct action){.id = xstrdup(w->id)};
    pthread_mutex_lock(&h->lock);
    bool want = !w->acting && !w->gone, more = want && h->actors < ACTORS;
    a->started_ns = w->started_ns;
    a->kind = w->rule.action;
    if (want) {
        struct action **at = &h->actions;
        while (*at)
            at = &(*at)->next;
        *at = a;
        w->acting = true;
        h->actors += more;
    }
    pthread_mutex_unlock(&h->lock);
    if (!want) {
        action_free(a);
    } else if (more && background_start(h->engine, actor, h, &err) < 0) {
        log_error("container %s is unhealthy: %s", w->id, err_msg(&err));
        pthread_mutex_lock(&h->lock);
        h->actors--;
        pthread_mutex_unlock(&h->lock);
    }
}

void health_drop_actions(struct health *h)
{
    while (h->actions) {
        struct action *next = h->actions->next;
        action_free(h->actions);
        h->actions = next;
    }
}
