/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Volumes
 */
#include "api/reply.h"
#include "api/resources.h"
#include "base/json.h"
#include "engine/engine.h"

int volumes_create(struct request *r, struct err *err)
{
    json_auto_t *body = NULL;
    json_t *out = NULL;
    int c = request_json(r, &schema_volume_create, &body, err);
    if (c < 0)
        return c;
    if (!body)
        body = json_object();
    c = engine_volume_create(r->engine, body, &out, err);
    return c < 0 ? c : reply_json(r, 201, out);
}

int volumes_list(struct request *r, struct err *err)
{
    json_auto_t *filters = NULL;
    json_t *out = NULL;
    int c = query_filters(r, &filters, err);
    if (c == 0)
        c = engine_volume_list(r->engine, filters, &out, err);
    return c < 0 ? c : reply_json(r, 200, out);
}

int volumes_inspect(struct request *r, struct err *err)
{
    json_t *out = NULL;
    int c = engine_volume_inspect(r->engine, r->match.param, &out, err);
    return c < 0 ? c : reply_json(r, 200, out);
}

int volumes_remove(struct request *r, struct err *err)
{
    int c = engine_volume_remove(r->engine, r->match.param, query_bool(r, "force"), err);
    return c < 0 ? c : reply_empty(r, 204);
}
