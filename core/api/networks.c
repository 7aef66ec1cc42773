/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Networks
 */
#include "api/reply.h"
#include "api/resources.h"
#include "api/versions.h"
#include "engine/engine.h"

int networks_list(struct request *r, struct err *err)
{
    json_auto_t *filters = NULL;
    json_t *out = NULL;
    int c = query_filters(r, &filters, err);
    if (c == 0)
        c = engine_network_list(r->engine, filters, &out, err);
    if (c < 0)
        return c;
    answer_trim_list(ANSWER_NETWORK, r->match.version, out);
    return reply_json(r, 200, out);
}

int networks_inspect(struct request *r, struct err *err)
{
    json_t *out = NULL;
    int c = engine_network_inspect(r->engine, r->match.param, query_bool(r, "verbose"), &out, err);
    if (c < 0)
        return c;
    answer_trim(ANSWER_NETWORK, r->match.version, out);
    return reply_json(r, 200, out);
}
