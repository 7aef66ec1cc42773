/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pruning of containers
 *
 * Each one that does not run is removed as `rm` does it, one by one, so a prune that is cut off has removed whole containers. What another verb
 * holds is left to it.
 */
#include <errno.h>

#include "base/json.h"
#include "base/log.h"
#include "engine/filters.h"
#include "engine/list-cache.h"
#include "engine/pruning.h"
#include "engine/remove.h"
#include "engine/view.h"

#define CLAIM_MS 2000 /* an end that is just being handled */

struct pruning {
    struct engine *engine;
    const json_t *filters;
    int64_t until_ns, bytes;
    json_t *deleted;
};

static bool is_chosen(const struct pruning *p, const struct state_container *row)
{
    return !container_is_running(row) && !str_eq(row->verb, "create") &&
           row->created_ns <= p->until_ns &&
           filters_match_prune(p->filters, json_obj(row->config, "Labels"));
}

static int prune_one(struct pruning *p, const char *id, struct err *err)
{
    struct engine *e = p->engine;
    _cleanup_(state_container_freep) struct state_container *row = NULL;
    int64_t rw = 0, rootfs;
    int r = container_claim(e, id, "remove", CLAIM_MS, &row, err);
    if (r < 0)
        return r;
    if (!is_chosen(p, row)) { /* started meanwhile */
        container_unclaim(e, id);
        return -EBUSY;
    }
    (void)container_sizes(e, row, &rw, &rootfs, NULL);
    r = container_remove_claimed(e, row, false, err);
    if (r < 0)
        return r;
    p->bytes += rw;
    json_push_str(p->deleted, id);
    return 0;
}

static int prune_all(struct pruning *p, struct err *err)
{
    _cleanup_(list_snapshot_fini) struct list_snapshot list = {0};
    int r = list_cache_take(p->engine->list, &list, err);
    for (size_t i = 0; r == 0 && i < list.n; i++) {
        _cleanup_(err_fini) struct err words = {0};
        const struct state_container *row = &list.v[i]->row;
        if (is_chosen(p, row) && prune_one(p, row->id, &words) < 0 && words.code)
            log_warn("prune: container %s: %s", row->id, err_msg(&words));
    }
    return r;
}

int engine_container_prune(struct engine *e, const json_t *filters, json_t **out, struct err *err)
{
    static const char *const allowed[] = {"label", "label!", "until", NULL};
    struct pruning p = {.engine = e, .filters = filters};
    int r = filters_check(filters, allowed, err);
    if (r == 0)
        r = filters_until(filters, &p.until_ns, err);
    if (r < 0)
        return r;
    if (!pruning_begin(e, &e->pruning))
        return err_set(err, -EBUSY, "a prune operation is already running");
    json_auto_t *deleted = json_array();
    p.deleted = deleted;
    r = prune_all(&p, err);
    pruning_end(e, &e->pruning);
    if (r < 0)
        return r;
    *out =
        pruning_report(e, "container", "ContainersDeleted",
                       json_array_size(deleted) > 0 ? json_incref(deleted) : json_null(), p.bytes);
    return 0;
}
