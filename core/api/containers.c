/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Containers: the verbs (their streams are in container-streams.c)
 */
#include <errno.h>

#include "api/reply.h"
#include "api/resources.h"
#include "api/versions.h"
#include "base/json.h"
#include "engine/engine.h"

/* Docker's clients and its daemon before 1.22 sent a configuration with start. */
#define START_BODY_MAX 7

int containers_create(struct request *r, struct err *err)
{
    json_auto_t *body = NULL;
    json_t *out = NULL;
    int c = request_json(r, &schema_container_create, &body, err);
    if (c < 0)
        return c;
    if (!body)
        return err_set(err, -EINVAL, "config cannot be empty in order to create a container");
    const char *name = query_str(r, "name"), *platform = query_str(r, "platform");
    c = engine_container_create(r->engine, str_empty(name) ? NULL : name,
                                str_empty(platform) ? NULL : platform, body, &out, err);
    return c < 0 ? c : reply_json(r, 201, out);
}

int containers_list(struct request *r, struct err *err)
{
    json_auto_t *filters = NULL;
    struct container_list_opts opts = {.all = query_bool(r, "all"), .size = query_bool(r, "size")};
    char *out = NULL;
    int c = query_filters(r, &filters, err);
    if (c == 0)
        c = query_int(r, "limit", 0, &opts.limit, err);
    if (c < 0)
        return c;
    opts.limit = MAX(opts.limit, 0);
    opts.filters = filters;
    c = engine_container_list(r->engine, &opts, &out, err);
    if (c < 0)
        return c;
    if (!answer_differs(ANSWER_CONTAINER_ITEM, r->match.version))
        return reply_text(r, 200, TYPE_JSON, out);
    _cleanup_(freep) char *text = out;
    json_t *list = NULL;
    c = json_parse(text, strlen(text), &list, err);
    if (c < 0)
        return c;
    answer_trim_list(ANSWER_CONTAINER_ITEM, r->match.version, list);
    return reply_json(r, 200, list);
}

int containers_inspect(struct request *r, struct err *err)
{
    json_t *out = NULL;
    int c = engine_container_inspect(r->engine, r->match.param, query_bool(r, "size"), &out, err);
    if (c < 0)
        return c;
    answer_trim(ANSWER_CONTAINER, r->match.version, out);
    return reply_json(r, 200, out);
}

int containers_start(struct request *r, struct err *err)
{
    if (r->body_bytes > START_BODY_MAX)
        return err_set(err, -EINVAL,
                       "starting container with non-empty request body was deprecated since API "
                       "v1.22 and removed in v1.24");
    int c = engine_container_start(r->engine, r->match.param, err);
    return c < 0 ? c : reply_empty(r, 204);
}

/* A verb that stops, with the query of one. */
static int with_stop(struct request *r,
                     int (*verb)(struct engine *e, const char *ref, const char *signal,
                                 bool has_timeout, int64_t timeout_s, struct err *err),
                     struct err *err)
{
    int64_t timeout_s;
    const char *signal = query_str(r, "signal");
    bool has_timeout = !str_empty(query_str(r, "t"));
    int c = query_int(r, "t", 0, &timeout_s, err);
    if (c < 0)
        return c;
    if (timeout_s < 0)
        timeout_s = INT64_MAX;
    c = verb(r->engine, r->match.param, str_empty(signal) ? NULL : signal, has_timeout, timeout_s,
             err);
    return c < 0 ? c : reply_empty(r, 204);
}

int containers_stop(struct request *r, struct err *err)
{
    return with_stop(r, engine_container_stop, err);
}

int containers_restart(struct request *r, struct err *err)
{
    return with_stop(r, engine_container_restart, err);
}

int containers_pause(struct request *r, struct err *err)
{
    int c = engine_container_pause(r->engine, r->match.param, err);
    return c < 0 ? c : reply_empty(r, 204);
}

int containers_unpause(struct request *r, struct err *err)
{
    int c = engine_container_unpause(r->engine, r->match.param, err);
    return c < 0 ? c : reply_empty(r, 204);
}

int containers_kill(struct request *r, struct err *err)
{
    const char *signal = query_str(r, "signal");
    int c =
        engine_container_kill(r->engine, r->match.param, str_empty(signal) ? "KILL" : signal, err);
    return c < 0 ? c : reply_empty(r, 204);
}

int containers_remove(struct request *r, struct err *err)
{
    if (query_bool(r, "link"))
        return err_set(err, -ENOTSUP, "berth does not support removing links");
    int c = engine_container_remove(r->engine, r->match.param, query_bool(r, "force"),
                                    query_bool(r, "v"), err);
    return c < 0 ? c : reply_empty(r, 204);
}

int containers_resize(struct request *r, struct err *err)
{
    int64_t rows, cols;
    int c = query_int(r, "h", 0, &rows, err);
    if (c == 0)
        c = query_int(r, "w", 0, &cols, err);
    if (c == 0)
        c = engine_container_resize(r->engine, r->match.param, rows, cols, err);
    return c < 0 ? c : reply_empty(r, 200);
}
