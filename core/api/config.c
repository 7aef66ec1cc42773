/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon's configuration: what holds and where it came from, and a reload. Docker's API has nothing of the kind, so these
 * paths begin with /berth.
 */
#include <errno.h>

#include "api/reply.h"
#include "api/resources.h"
#include "engine/engine.h"

int config_get(struct request *r, struct err *err)
{
    const char *format = query_str(r, "format");
    if (str_eq(format, "text"))
        return reply_text(r, 200, "text/plain; charset=utf-8", engine_config_text(r->engine));
    if (!str_empty(format) && !str_eq(format, "json"))
        return err_set(err, -EINVAL, "invalid format \"%s\": it must be json or text", format);
    return reply_json(r, 200, engine_config_show(r->engine));
}

int config_reload_post(struct request *r, struct err *err)
{
    json_t *report = NULL;
    int c = engine_reload(r->engine, &report, err);
    return c < 0 ? c : reply_json(r, 200, report);
}
