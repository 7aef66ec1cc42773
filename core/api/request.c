/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests
 *
 * An error that is found before the body is answered after it: a client that is still writing would
 * meet a closed connection instead of the words.
 */
#include "api/request.h"

#include <errno.h>
#include <strings.h>

#include "api/filters.h"
#include "api/fold.h"
#include "api/hijack.h"
#include "api/reply.h"
#include "api/server.h"
#include "api/upload.h"
#include "base/clock.h"
#include "base/json.h"

struct request *request_new(struct server *s, struct MHD_Connection *conn, const char *method,
                            const char *path)
{
    struct request *r = xcalloc(1, sizeof(*r));
    r->server = s;
    r->engine = server_engine(s);
    r->conn = conn;
    r->method = xstrdup(method);
    r->path = xstrdup(path);
    r->result = MHD_NO;
    return r;
}

void request_free(struct request *r)
{
    upload_freep(&r->upload);
    hijack_freep(&r->hijack);
    if (r->state_free)
        r->state_free(r->state);
    buf_fini(&r->body);
    err_fini(&r->failed);
    free(r->match.param);
    free(r->method);
    free(r->path);
    free(r);
}

void request_begin(struct request *r)
{
    int c = route_find(routes, routes_n, r->method, r->path, &r->match, &r->failed);
    if (c == 0 && r->match.route->begin)
        r->match.route->begin(r, &r->failed);
}

void request_take_body(struct request *r, const char *data, size_t n)
{
    r->body_bytes += n;
    if (r->upload)
        upload_write(r->upload, data, n);
    else if (r->failed.code)
        return;
    else if (r->body.len + n <= BODY_MAX)
        buf_add(&r->body, data, n);
    else
        r->body_too_big = true;
}

static int request_answer(struct request *r, struct err *err)
{
    if (r->failed.code)
        return err_move(err, &r->failed);
    const struct route *route = r->match.route;
    if (!route->handle)
        return err_set(err, -ENOTSUP, "berth does not support %s yet", route->not_yet);
    return route->handle(r, err);
}

enum MHD_Result request_finish(struct request *r)
{
    _cleanup_(err_fini) struct err err = {0};
    int c = request_answer(r, &err);
    if (c < 0 && !r->replied)
        reply_error(r, c, &err);
    return r->result;
}

int request_socket(const struct request *r)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(r->conn, MHD_CONNECTION_INFO_CONNECTION_FD);
    return info ? info->connect_fd : -1;
}

const char *request_header(const struct request *r, const char *name)
{
    return MHD_lookup_connection_value(r->conn, MHD_HEADER_KIND, name);
}

const char *query_str(const struct request *r, const char *key)
{
    return MHD_lookup_connection_value(r->conn, MHD_GET_ARGUMENT_KIND, key);
}

bool query_bool(const struct request *r, const char *key)
{
    return bool_parse(query_str(r, key));
}

int query_int(const struct request *r, const char *key, int64_t dflt, int64_t *out, struct err *err)
{
    const char *text = query_str(r, key);
    *out = dflt;
    if (str_empty(text))
        return 0;
    if (parse_i64(text, INT64_MIN, INT64_MAX, out) < 0)
        return err_set(err, -EINVAL, "invalid value \"%s\" for %s: expected an integer", text, key);
    return 0;
}

int query_time(const struct request *r, const char *key, int64_t *ns, struct err *err)
{
    const char *text = query_str(r, key);
    *ns = 0;
    if (str_empty(text))
        return 0;
    if (time_parse_loose(text, ns) < 0)
        return err_set(err, -EINVAL,
                       "invalid value \"%s\" for %s: expected seconds since 1970 or an RFC 3339 "
                       "time",
                       text, key);
    *ns = MAX(*ns, 1);
    return 0;
}

int query_filters(const struct request *r, json_t **out, struct err *err)
{
    return filters_parse(query_str(r, "filters"), out, err);
}

struct query_collect {
    const char *key;
    struct strv *out;
};

static enum MHD_Result query_collect(void *ctx, enum MHD_ValueKind kind, const char *key,
                                     const char *value)
{
    struct query_collect *c = ctx;
    if (str_eq(key, c->key) && value)
        strv_add(c->out, value);
    return MHD_YES;
}

void query_all(const struct request *r, const char *key, struct strv *out)
{
    struct query_collect c = {key, out};
    MHD_get_connection_values(r->conn, MHD_GET_ARGUMENT_KIND, query_collect, &c);
}

static int content_type_check(const struct request *r, struct err *err)
{
    const char *type = request_header(r, "Content-Type");
    if (!type)
        type = "";
    size_t n = strcspn(type, "; \t");
    static const char want[] = "application/json";
    if (n == strlen(want) && strncasecmp(type, want, n) == 0)
        return 0;
    return err_set(err, -EINVAL, "unsupported Content-Type header (%s): must be '%s'", type, want);
}

int request_json(const struct request *r, const struct schema *schema, json_t **out,
                 struct err *err)
{
    *out = NULL;
    if (r->body_too_big)
        return err_set(err, -EINVAL, "the request's body is larger than %u bytes", BODY_MAX);
    if (r->body.len == 0)
        return 0;
    int c = content_type_check(r, err);
    if (c < 0)
        return c;
    json_auto_t *body = NULL;
    if (json_parse(r->body.s, r->body.len, &body, err) < 0)
        return err_wrap(err, "invalid JSON");
    if (json_is_null(body))
        return 0;
    return body_fold(body, schema, out, err);
}
