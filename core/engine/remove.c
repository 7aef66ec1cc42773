/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Remove
 *
 * The row goes last, marked "removing" from the start: what a crash leaves is finished at start-up.
 */
#include "engine/remove.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>

#include "base/failpoint.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "engine/live.h"
#include "engine/log-driver.h"
#include "engine/stop.h"
#include "engine/storage.h"
#include "engine/volumes.h"
#include "state/volume.h"

#define FORCE_WAIT_MS 10000

int container_purge(struct engine *e, const struct state_container *row, struct err *err)
{
    int r = row->layer_id ? storage_layer_remove(e->storage, row->layer_id, err) : 0;
    if (r < 0)
        return err_wrap(err, "removing the layer of container %s", row->id);
    _cleanup_(freep) char *dir = container_path(e, row->id, NULL);
    r = fs_rm_rf(AT_FDCWD, dir);
    if (r < 0)
        return err_errno(err, r, "removing %s", dir);
    r = state_container_delete(e->state, row->id, err);
    if (r == -ENOENT) {
        err_clear(err);
        r = 0;
    }
    return r;
}

static void mark_removing(struct state_container *row, void *arg)
{
    free(row->status);
    row->status = xstrdup("removing");
}

static void mark_dead(struct state_container *row, void *arg)
{
    free(row->status);
    row->status = xstrdup("dead");
}

/* Names are taken before the row goes, for its uses go with it. */
static void remove_volumes(struct engine *e, const struct strv *names)
{
    char *name;
    strv_foreach (name, names) {
        _cleanup_(err_fini) struct err err = {0};
        int r = volume_destroy(e, name, &err);
        if (r < 0 && r != -EBUSY && r != -ENOENT)
            log_warn("removing anonymous volume %s: %s", name, err_msg(&err));
    }
}

int container_remove_claimed(struct engine *e, struct state_container *row, bool volumes,
                             struct err *err)
{
    _cleanup_(strv_fini) struct strv anonymous = {0};
    int r = container_modify(e, row->id, mark_removing, NULL, NULL, err);
    if (r == 0)
        r = failpoint("remove-marked");
    if (r == 0 && volumes)
        r = state_volume_of_container(e->state, row->id, true, &anonymous, err);
    if (r == 0) {
        log_remove(e, row);
        r = container_purge(e, row, err);
    }
    if (r < 0) {
        (void)container_modify(e, row->id, mark_dead, NULL, NULL, NULL);
        container_unclaim(e, row->id);
        return r;
    }
    attaches_deliver(e, row->id, NULL);
    remove_volumes(e, &anonymous);
    container_event(e, row, "destroy", NULL);
    waits_removed(e, row->id, row->exit_code);
    engine_changed(e);
    return 0;
}

/* A start that hangs (its bind mount's file system does not answer, say) has the claim until its own limit; who removes by
 * force ends it. */
static int claim_by_force(struct engine *e, const char *ref, struct state_container **row,
                          struct err *err)
{
    int r = container_claim(e, ref, "remove", FORCE_WAIT_MS, row, err);
    if (r != -EBUSY)
        return r;
    live_break_start(e, ref);
    err_clear(err);
    return container_claim(e, ref, "remove", CLAIM_LIMIT_MS - FORCE_WAIT_MS, row, err);
}

int engine_container_remove(struct engine *e, const char *ref, bool force, bool volumes,
                            struct err *err)
{
    _cleanup_(state_container_freep) struct state_container *row = NULL;
    int r = force ? claim_by_force(e, ref, &row, err)
                  : container_claim(e, ref, "remove", CLAIM_LIMIT_MS, &row, err);
    if (r < 0)
        return r;
    if (container_is_running(row) && !force) {
        container_unclaim(e, row->id);
        return err_set(err, -EBUSY, "cannot remove container \"/%s\": container is %s%s", row->name,
                       row->status,
                       str_eq(row->status, "paused")
                           ? " and must be unpaused first"
                           : ": stop the container before removing or force remove");
    }
    if (container_is_running(row)) {
        r = container_end(e, row, SIGKILL, 0, err);
        struct state_container *now = NULL;
        if (r == 0)
            r = state_container_get(e->state, row->id, &now, err);
        if (r < 0) {
            container_unclaim(e, row->id);
            return r;
        }
        state_container_free(row);
        row = now;
    }
    return container_remove_claimed(e, row, volumes, err);
}

void container_auto_remove(struct engine *e, const char *id)
{
    _cleanup_(err_fini) struct err err = {0};
    _cleanup_(state_container_freep) struct state_container *row = NULL;
    int r = container_claim(e, id, "remove", -1, &row, &err);
    if (r == 0 && container_is_running(row)) { /* started again meanwhile */
        container_unclaim(e, row->id);
        return;
    }
    if (r == 0)
        r = container_remove_claimed(e, row, true, &err);
    if (r < 0 && r != -ENOENT)
        log_error("removing container %s after its end: %s", id, err_msg(&err));
}
