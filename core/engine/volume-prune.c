/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pruning of volumes
 *
 * Whether a container uses one is asked of the rows, again in the transaction that deletes it, so that one which is just being mounted stays.
 */
#include <errno.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "engine/filters.h"
#include "engine/pruning.h"
#include "engine/volumes.h"
#include "state/volume.h"

struct pruning {
    struct engine *engine;
    const json_t *filters;
    bool all;
    json_t *deleted;
    int64_t bytes;
};

static bool is_chosen(const struct pruning *p, const struct state_volume *v)
{
    _cleanup_(strv_fini) struct strv users = {0};
    return (p->all || v->anonymous) && volume_matches_prune(v, p->filters) &&
           state_volume_users(p->engine->state, v->name, &users, NULL) == 0 && users.n == 0;
}

static void prune_one(struct pruning *p, const char *name)
{
    _cleanup_(err_fini) struct err err = {0};
    int64_t bytes = volume_bytes(p->engine, name);
    int r = volume_destroy(p->engine, name, NULL, &err);
    if (r < 0) {
        if (r != -EBUSY && r != -ENOENT)
            log_warn("prune: volume %s: %s", name, err_msg(&err));
        return;
    }
    p->bytes += bytes > 0 ? bytes : 0;
    json_push_str(p->deleted, name);
}

static int prune_all(struct pruning *p, struct err *err)
{
    _cleanup_(state_volumes_fini) struct state_volumes list = {0};
    int r = state_volume_list(p->engine->state, &list, err);
    for (size_t i = 0; r == 0 && i < list.n; i++)
        if (is_chosen(p, list.v[i]))
            prune_one(p, list.v[i]->name);
    return r;
}

int engine_volume_prune(struct engine *e, const json_t *filters, json_t **out, struct err *err)
{
    static const char *const allowed[] = {"all", "label", "label!", NULL};
    struct pruning p = {.engine = e, .filters = filters};
    int r = filters_check(filters, allowed, err);
    if (r < 0 || (r = filters_bool(filters, "all", &p.all, err)) < 0)
        return r;
    if (!pruning_begin(e, &e->pruning_volumes))
        return err_set(err, -EBUSY, "a prune operation is already running");
    p.deleted = json_array();
    r = prune_all(&p, err);
    pruning_end(e, &e->pruning_volumes);
    if (r == 0)
        *out = pruning_report(e, "volume", "VolumesDeleted", json_incref(p.deleted), p.bytes);
    json_decref(p.deleted);
    return r;
}
