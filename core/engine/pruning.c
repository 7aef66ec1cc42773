/* SPDX-License-Identifier: Apache-2.0 */
/* What prunes share. */
#include "engine/pruning.h"

#include "base/json.h"
#include "engine/filters.h"

bool pruning_begin(struct engine *e, bool *flag)
{
    pthread_mutex_lock(&e->lock);
    bool free = !*flag;
    *flag = true;
    pthread_mutex_unlock(&e->lock);
    return free;
}

void pruning_end(struct engine *e, bool *flag)
{
    pthread_mutex_lock(&e->lock);
    *flag = false;
    pthread_mutex_unlock(&e->lock);
}

json_t *pruning_report(struct engine *e, const char *type, const char *name, json_t *deleted,
                       int64_t bytes)
{
    json_t *o = json_object(), *attributes = json_object();
    json_put_strf(attributes, "reclaimed", "%lld", (long long)bytes);
    event_publish(e->events, type, "prune", "", attributes);
    json_put_take(o, name, deleted);
    json_put_int(o, "SpaceReclaimed", bytes);
    return o;
}

/* Networks that a user has made are not there yet, so there are none that could go; the same holds for the build cache. Clients prune all kinds
 * in one command. */
int engine_network_prune(struct engine *e, const json_t *filters, json_t **out, struct err *err)
{
    static const char *const allowed[] = {"label", "label!", "until", NULL};
    int64_t until;
    int r = filters_check(filters, allowed, err);
    if (r < 0 || (r = filters_until(filters, &until, err)) < 0)
        return r;
    *out = pruning_report(e, "network", "NetworksDeleted", json_null(), 0);
    json_object_del(*out, "SpaceReclaimed");
    return 0;
}

int engine_build_prune(struct engine *e, const json_t *filters, json_t **out, struct err *err)
{
    static const char *const allowed[] = {"description", "id",     "inuse", "label", "parent",
                                          "private",     "shared", "type",  "until", NULL};
    int r = filters_check(filters, allowed, err);
    if (r < 0)
        return r;
    *out = pruning_report(e, "builder", "CachesDeleted", json_null(), 0);
    return 0;
}
