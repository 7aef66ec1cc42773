/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pause
 *
 * The freezer is the truth, the row follows it: a container is frozen first and called paused second, thawed first and called running second, and
 * start-up brings the row in line with the kernel. A kill does not wait for a pause in progress; whichever of the two comes second sees the
 * other's mark and thaws, for a frozen process does not die.
 */
#include "engine/pause.h"

#include <errno.h>

#include "base/failpoint.h"
#include "base/log.h"
#include "engine/health.h"
#include "engine/live.h"
#include "engine/restart-policy.h"
#include "runtime/cgroup.h"

struct pausing {
    struct engine *engine;
    bool paused; /* wanted */
    bool stop_was, changed;
};

static void mark_paused(struct state_container *row, void *arg)
{
    struct pausing *p = arg;
    if (p->paused && row->stop_requested && !p->stop_was)
        return;
    p->changed = str_eq(row->status, p->paused ? "running" : "paused");
    if (!p->changed)
        return;
    free(row->status);
    row->status = xstrdup(p->paused ? "paused" : "running");
    if (p->paused)
        health_note_rest(p->engine, row);
}

static int note(struct engine *e, const char *id, struct pausing *p, struct err *err)
{
    _cleanup_(state_container_freep) struct state_container *row = NULL;
    p->engine = e;
    int r = container_modify(e, id, mark_paused, p, &row, err);
    if (r < 0 || !p->changed)
        return r;
    health_paused(e, id, p->paused);
    container_event(e, row, p->paused ? "pause" : "unpause", NULL);
    return 0;
}

void container_thaw(struct engine *e, const char *id)
{
    _cleanup_(err_fini) struct err err = {0};
    struct pausing p = {.paused = false};
    if (!cgroup_is_frozen(e->cgroup, id))
        return;
    int r = cgroup_freeze(e->cgroup, id, false, &err);
    if (r == 0)
        r = note(e, id, &p, &err);
    if (r < 0)
        log_error("container %s cannot be thawed: %s", id, err_msg(&err));
}

void container_pause_look(struct engine *e, const struct state_container *row)
{
    _cleanup_(err_fini) struct err err = {0};
    struct pausing p = {.paused = cgroup_is_frozen(e->cgroup, row->id),
                        .stop_was = row->stop_requested};
    if (p.paused == str_eq(row->status, "paused"))
        return;
    log_info("container %s: it is %s", row->id, p.paused ? "paused" : "not paused any more");
    if (note(e, row->id, &p, &err) < 0)
        log_error("container %s: %s", row->id, err_msg(&err));
}

static int check_pausable(struct engine *e, const struct state_container *row, struct err *err)
{
    _cleanup_(shim_unrefp) struct shim *shim = NULL;
    if (container_is_resting(row))
        return err_set(err, -EBUSY,
                       "Container %s is restarting, wait until the container is running", row->id);
    if (str_eq(row->status, "paused"))
        return err_set(err, -EBUSY, "Container %s is already paused", row->id);
    return live_shim(e, row, &shim, err);
}

int container_freeze(struct engine *e, const struct state_container *row, struct err *err)
{
    int r = cgroup_freeze(e->cgroup, row->id, true, err);
    if (r == -ENODEV || r == -ENOENT) /* it has ended meanwhile, and its group is being removed */
        r = err_set(err, -EBUSY, "container %s is not running", row->id);
    if (r == 0)
        r = failpoint("pause.frozen", err);
    struct pausing p = {.paused = true, .stop_was = row->stop_requested};
    if (r == 0)
        r = note(e, row->id, &p, err);
    if (r == 0 && !p.changed)
        r = err_set(err, -EBUSY, "container %s is not running", row->id);
    if (r < 0 && cgroup_is_frozen(e->cgroup, row->id) && !str_eq(row->status, "paused"))
        (void)cgroup_freeze(e->cgroup, row->id, false, NULL);
    return r;
}

int engine_container_pause(struct engine *e, const char *ref, struct err *err)
{
    _cleanup_(state_container_freep) struct state_container *row = NULL;
    int r = container_claim(e, ref, "pause", CLAIM_LIMIT_MS, &row, err);
    if (r < 0)
        return r;
    _cleanup_(claim_end) struct claim claim = {e, row->id};
    r = check_pausable(e, row, err);
    return r < 0 ? r : container_freeze(e, row, err);
}

int engine_container_unpause(struct engine *e, const char *ref, struct err *err)
{
    _cleanup_(state_container_freep) struct state_container *row = NULL;
    int r = container_claim(e, ref, "unpause", CLAIM_LIMIT_MS, &row, err);
    if (r < 0)
        return r;
    _cleanup_(claim_end) struct claim claim = {e, row->id};
    if (!str_eq(row->status, "paused"))
        return err_set(err, -EBUSY, "Container %s is not paused", row->id);
    r = cgroup_freeze(e->cgroup, row->id, false, err);
    if (r == 0)
        r = failpoint("unpause.thawed", err);
    struct pausing p = {.paused = false};
    if (r == 0)
        r = note(e, row->id, &p, err);
    if (r < 0 && !cgroup_is_frozen(e->cgroup, row->id))
        (void)cgroup_freeze(e->cgroup, row->id, true, NULL);
    return r;
}
