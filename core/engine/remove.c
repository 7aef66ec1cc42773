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
#include "engine/discard.h"
#include "engine/live.h"
#include "engine/log-driver.h"
#include "engine/networks.h"
#include "engine/ports.h"
#include "engine/restarts.h"
#include "engine/stop.h"
#include "engine/storage.h"
#include "engine/volumes.h"
#include "network/network.h"
#include "state/volume.h"

#define FORCE_WAIT_MS 10000
#define AGAIN_MS      5000

/* Everything but the row. */
static int purge_trees(struct engine *e, const struct state_container *row, struct err *err)
{
    int r = container_disconnect(e, row, err); /* what a start or an end could not take back */
    if (r < 0)
        return r;
    json_auto_t *ports = port_bindings_wanted(row->config, row->host_config);
    if (json_object_size(ports) > 0)
        (void)network_release_of(e->network, row->id, NULL);
    r = row->layer_id ? storage_layer_remove(e->storage, row->layer_id, err) : 0;
    if (r < 0)
        return err_wrap(err, "removing the layer of container %s", row->id);
    r = failpoint("remove.layer", err);
    if (r < 0)
        return r;
    _cleanup_(freep) char *dir = container_path(e, row->id, NULL);
    r = discard_directory(e->discards, dir);
    if (r < 0)
        return err_errno(err, r, "removing %s", dir);
    return failpoint("remove.directory", err);
}

static int purge_row(struct engine *e, const struct state_container *row, struct err *err)
{
    int r = state_container_delete(e->state, row->id, err);
    if (r != -ENOENT)
        return r;
    err_clear(err);
    return 0;
}

int container_purge(struct engine *e, const struct state_container *row, struct err *err)
{
    int r = purge_trees(e, row, err);
    return r < 0 ? r : purge_row(e, row, err);
}

/* With what was asked for, so that start-up does that and no more. */
void container_mark_removing(struct state_container *row, bool volumes)
{
    free(row->status);
    row->status = xstrdup("removing");
    json_t *runtime = row->runtime ? json_copy(row->runtime) : json_object();
    json_put_bool(runtime, "remove_volumes", volumes);
    json_decref(row->runtime);
    row->runtime = runtime;
}

static void mark_removing(struct state_container *row, void *arg)
{
    container_mark_removing(row, *(const bool *)arg);
}

/* After a failure: what it was before, where nothing of it was removed yet, else "dead". */
static void mark_failed(struct state_container *row, void *arg)
{
    const char *status = arg;
    free(row->status);
    row->status = xstrdup(status);
}

static bool is_untouched(struct engine *e, const struct state_container *row)
{
    _cleanup_(freep) char *dir = container_path(e, row->id, NULL);
    return row->layer_id && storage_layer_look(e->storage, row->layer_id) == 0 &&
           fs_exists(AT_FDCWD, dir) && !str_eq(row->status, "removing");
}

/* Those that it uses; a half-made container may have one that it does not use yet. */
static int anonymous_of(struct engine *e, const struct state_container *row, struct strv *names,
                        struct err *err)
{
    const json_t *mounts = json_arr(row->runtime, "mounts");
    for (size_t i = 0; i < json_array_size(mounts); i++) {
        const json_t *m = json_array_get(mounts, i);
        if (json_bool(m, "Anonymous", false))
            strv_add(names, json_str(m, "Name", ""));
    }
    return state_volume_of_container(e->state, row->id, true, names, err);
}

/* Before the row goes, for it is what knows of them after a crash. One that another container uses stays. */
static int remove_volumes(struct engine *e, const struct state_container *row, struct err *err)
{
    _cleanup_(strv_fini) struct strv names = {0};
    int r = anonymous_of(e, row, &names, err);
    for (size_t i = 0; r == 0 && i < names.n; i++) {
        r = volume_destroy(e, names.v[i], row->id, err);
        if (r != -EBUSY && r != -ENOENT)
            continue;
        err_clear(err);
        r = 0;
    }
    return r;
}

int container_remove_trees(struct engine *e, const struct state_container *row, bool volumes,
                           struct err *err)
{
    int r = volumes ? remove_volumes(e, row, err) : 0;
    if (r < 0)
        return r;
    log_remove(e, row);
    return purge_trees(e, row, err);
}

int container_remove_end(struct engine *e, const struct state_container *row, int r,
                         struct err *err)
{
    if (r == 0)
        r = purge_row(e, row, err);
    if (r < 0) {
        _cleanup_(freep) char *status = xstrdup(is_untouched(e, row) ? row->status : "dead");
        (void)container_modify(e, row->id, mark_failed, status, NULL, NULL);
        container_unclaim(e, row->id);
        return r;
    }
    attaches_deliver(e, row->id, NULL);
    container_event(e, row, "destroy", NULL);
    waits_removed(e, row->id, row->exit_code);
    engine_changed(e);
    return 0;
}

int container_remove_claimed(struct engine *e, struct state_container *row, bool volumes,
                             struct err *err)
{
    int r = container_modify(e, row->id, mark_removing, &volumes, NULL, err);
    if (r == 0)
        r = failpoint("remove.marked", err);
    if (r == 0)
        r = container_remove_trees(e, row, volumes, err);
    return container_remove_end(e, row, r, err);
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

static bool volumes_too(const struct state_container *row)
{
    return !str_eq(row->status, "removing") || json_bool(row->runtime, "remove_volumes", false);
}

void container_remove_again(struct engine *e, const char *id, const struct err *err)
{
    log_error("removing container %s after its end: %s", id, err_msg(err));
    restarts_look(e->restarts, id, AGAIN_MS);
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
        r = container_remove_claimed(e, row, volumes_too(row), &err);
    if (r < 0 && r != -ENOENT)
        container_remove_again(e, id, &err);
}
