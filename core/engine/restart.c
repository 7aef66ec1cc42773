/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Restart, the verb
 *
 * One claim for both halves, so that nobody starts, stops or removes the container in between; the claim's word lets start-up finish what the
 * daemon has begun when it ended in between.
 */
#include "engine/restart.h"

#include <errno.h>

#include "base/clock.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "engine/remove.h"
#include "engine/restart-policy.h"
#include "engine/start.h"
#include "engine/stop.h"
#include "runtime/signal.h"

static int stop_half(struct engine *e, struct state_container **row, int signal, bool has_timeout,
                     int64_t timeout_s, struct err *err)
{
    if (!container_is_running(*row))
        return 0;
    struct state_container *now = NULL;
    int r = container_stop_claimed(e, *row, signal, has_timeout, timeout_s, err);
    if (r == 0)
        r = failpoint("restart.stopped", err);
    if (r == 0)
        r = state_container_get(e->state, (*row)->id, &now, err);
    if (r < 0)
        return r;
    state_container_free(*row);
    *row = now;
    return 0;
}

static bool is_run(const struct state_container *row, int64_t started_ns)
{
    return str_eq(row->status, "running") && row->started_ns == started_ns && !row->stop_requested;
}

/* Gives the claim back; but where the daemon ends in between it stays, for the next one to finish. */
static int restart_claimed(struct engine *e, struct state_container **row, int signal,
                           bool has_timeout, int64_t timeout_s, struct err *err)
{
    int64_t deadline = time_mono_ns() + CLAIM_LIMIT_MS * NS_PER_MS;
    int r = container_ending_wait(e, *row, deadline, err);
    if (r == 0)
        r = stop_half(e, row, signal, has_timeout, timeout_s, err);
    if (r == 0)
        r = container_check_startable(*row, err);
    if (r == 0)
        r = container_start_claimed(e, row, false, err);
    if (r == 0)
        container_event(e, *row, "restart", NULL);
    pthread_mutex_lock(&e->lock);
    bool closing = e->closing;
    pthread_mutex_unlock(&e->lock);
    if (r < 0 && closing)
        return r;
    bool gone = r < 0 && (*row)->auto_remove && !container_is_running(*row);
    container_unclaim(e, (*row)->id);
    if (gone)
        container_auto_remove(e, (*row)->id);
    return r;
}

int engine_container_restart(struct engine *e, const char *ref, const char *signal,
                             bool has_timeout, int64_t timeout_s, struct err *err)
{
    _cleanup_(state_container_freep) struct state_container *row = NULL;
    int number = 0;
    int r = str_empty(signal) ? 0 : signal_parse(signal, &number, err);
    if (r == 0)
        r = container_claim(e, ref, "restart", CLAIM_LIMIT_MS, &row, err);
    if (r < 0)
        return r;
    r = restart_claimed(e, &row, number, has_timeout, timeout_s, err);
    return r < 0 ? err_wrap(err, "Cannot restart container %s", ref) : 0;
}

int container_restart_run(struct engine *e, const char *id, int64_t started_ns, struct err *err)
{
    _cleanup_(state_container_freep) struct state_container *row = NULL;
    int r = container_claim(e, id, "restart", CLAIM_LIMIT_MS, &row, err);
    if (r < 0)
        return r;
    if (!is_run(row, started_ns)) {
        container_unclaim(e, row->id);
        return err_set(err, -ECANCELED, "it does not run any more, or its end is wanted");
    }
    return restart_claimed(e, &row, 0, false, 0, err);
}

/* --- one that a daemon has left */

static void note_half(struct state_container *row, void *arg)
{
    bool *first = arg;
    if (str_eq(row->status, "exited"))
        restart_decide_now(row);
    *first = container_is_running(row) && !container_is_resting(row) && row->stop_requested;
}

bool container_restart_left(struct engine *e, const char *id)
{
    _cleanup_(err_fini) struct err err = {0};
    bool first = false;
    int r = container_modify(e, id, note_half, &first, NULL, &err);
    if (r < 0 && r != -ENOENT)
        log_error("container %s: %s", id, err_msg(&err));
    return first;
}

struct left {
    struct engine *engine;
    char *id;
};

static void *finish(void *arg)
{
    struct left *l = arg;
    struct engine *e = l->engine;
    _cleanup_(err_fini) struct err err = {0};
    _cleanup_(state_container_freep) struct state_container *row = NULL;
    int r = state_container_get(e->state, l->id, &row, &err);
    if (r == 0)
        r = restart_claimed(e, &row, 0, false, 0, &err);
    if (r < 0)
        log_error("container %s: finishing its restart: %s", l->id, err_msg(&err));
    free(l->id);
    free(l);
    background_end(e);
    return NULL;
}

void container_restart_finish(struct engine *e, const char *id)
{
    _cleanup_(err_fini) struct err err = {0};
    struct left *l = xcalloc(1, sizeof(*l));
    *l = (struct left){.engine = e, .id = xstrdup(id)};
    if (background_start(e, finish, l, &err) == 0)
        return;
    log_error("container %s: finishing its restart: %s", id, err_msg(&err));
    container_unclaim(e, id);
    free(l->id);
    free(l);
}
