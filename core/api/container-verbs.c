/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Containers: rename, update, top, statistics, prune
 */
#include <errno.h>

#include "api/reply.h"
#include "api/resources.h"
#include "api/stream.h"
#include "base/json.h"
#include "engine/engine.h"

int containers_rename(struct request *r, struct err *err)
{
    int c = engine_container_rename(r->engine, r->match.param, query_str(r, "name"), err);
    return c < 0 ? c : reply_empty(r, 204);
}

/* What versions have dropped is no wish of theirs: PidsLimit came with 1.40, the kernel memory limit went with 1.42. */
static void trim_update(int version, json_t *body)
{
    if (version < 40)
        json_object_del(body, "PidsLimit");
    if (version >= 42)
        json_object_del(body, "KernelMemory");
}

int containers_update(struct request *r, struct err *err)
{
    json_auto_t *body = NULL;
    json_t *out = NULL;
    int c = request_json(r, &schema_container_update, &body, err);
    if (c < 0)
        return c;
    if (!body)
        return err_set(err, -EINVAL, "an update needs a body: an object of what is to be changed");
    trim_update(r->match.version, body);
    c = engine_container_update(r->engine, r->match.param, body, &out, err);
    return c < 0 ? c : reply_json(r, 200, out);
}

int containers_top(struct request *r, struct err *err)
{
    json_t *out = NULL;
    int c = engine_container_top(r->engine, r->match.param, query_str(r, "ps_args"), &out, err);
    return c < 0 ? c : reply_json(r, 200, out);
}

static int stats_fill(void *ctx, struct buf *out)
{
    return engine_container_stats_next(ctx, out);
}

static void stats_close(void *ctx)
{
    engine_container_stats_close(ctx);
}

int containers_stats(struct request *r, struct err *err)
{
    static const struct live_ops ops = {stats_fill, stats_close};
    struct stats_sub *sub;
    bool stream = !query_str(r, "stream") || query_bool(r, "stream");
    bool one_shot = r->match.version >= 41 && query_bool(r, "one-shot");
    if (stream && one_shot)
        return err_set(err, -EINVAL, "cannot have stream=true and one-shot=true");
    enum stats_mode mode = stream ? STATS_STREAM : one_shot ? STATS_ONE_SHOT : STATS_ONCE;
    int c = engine_container_stats_open(r->engine, r->match.param, mode, &sub, err);
    return c < 0 ? c : reply_live(r, TYPE_JSON, engine_container_stats_fd(sub), &ops, sub, err);
}

int containers_prune(struct request *r, struct err *err)
{
    json_auto_t *filters = NULL;
    json_t *out = NULL;
    int c = query_filters(r, &filters, err);
    if (c == 0)
        c = engine_container_prune(r->engine, filters, &out, err);
    return c < 0 ? c : reply_json(r, 200, out);
}
