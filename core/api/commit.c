/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Commit: a container becomes an image
 */
#include <errno.h>

#include "api/reply.h"
#include "api/resources.h"
#include "base/json.h"
#include "engine/engine.h"

/* Clients that do not say whether to pause want it. */
static bool wants_pause(const struct request *r)
{
    return str_empty(query_str(r, "pause")) || query_bool(r, "pause");
}

int container_commit(struct request *r, struct err *err)
{
    const char *container = query_str(r, "container"), *repo = query_str(r, "repo"),
               *tag = query_str(r, "tag");
    json_auto_t *config = NULL;
    int c = request_json(r, &schema_container_create, &config, err);
    if (c < 0)
        return c;
    if (str_empty(container))
        return err_set(err, -ENOENT, "No such container: ");
    _cleanup_(strv_fini) struct strv changes = {0};
    query_all(r, "changes", &changes);
    _cleanup_(freep) char *reference = str_empty(repo)  ? NULL
                                       : str_empty(tag) ? xstrdup(repo)
                                                        : str_printf("%s:%s", repo, tag);
    _cleanup_(freep) char *id = NULL;
    const struct commit_opts opts = {.reference = reference,
                                     .comment = query_str(r, "comment"),
                                     .author = query_str(r, "author"),
                                     .pause = wants_pause(r),
                                     .changes = &changes,
                                     .config = config};
    c = engine_container_commit(r->engine, container, &opts, &id, err);
    if (c < 0)
        return c;
    json_t *out = json_object();
    json_put_str(out, "Id", id);
    return reply_json(r, 201, out);
}
