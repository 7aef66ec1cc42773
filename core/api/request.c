/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests
 *
 * An error that is found before the body is answered after it: a client that is still writing would
 * meet a closed connection instead of the words.
 */
#include "api/request.h"

#include <ctype.h>
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

static int hex_value(char c)
{
    if (isdigit((unsigned char)c))
        return c - '0';
    c = (char)tolower((unsigned char)c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* %XX, and + in a query. %00 stays as it is: a NUL would silently cut the string behind it. */
static void unescape(struct buf *out, const char *s, size_t n, bool plus)
{
    for (size_t i = 0; i < n; i++) {
        size_t plain = 0;
        while (i + plain < n && s[i + plain] != '%' && s[i + plain] != '+')
            plain++;
        buf_add(out, s + i, plain);
        if ((i += plain) == n)
            break;
        int hi = s[i] == '%' && i + 2 < n ? hex_value(s[i + 1]) : -1;
        int lo = hi >= 0 ? hex_value(s[i + 2]) : -1;
        if (lo >= 0 && (hi || lo)) {
            buf_addc(out, (char)(hi << 4 | lo));
            i += 2;
        } else {
            buf_addc(out, plus && s[i] == '+' ? ' ' : s[i]);
        }
    }
}

static void query_split(struct buf *out, const char *at)
{
    while (*at) {
        size_t n = strcspn(at, "&"), name = strcspn(at, "&=");
        unescape(out, at, name, true);
        buf_addc(out, '\0');
        if (name < n)
            unescape(out, at + name + 1, n - name - 1, true);
        buf_addc(out, '\0');
        at += n + (at[n] == '&');
    }
}

struct request *request_new(struct connection *conn, const char *method, const char *url)
{
    struct request *r = xcalloc(1, sizeof(*r));
    struct buf path = {0};
    size_t n = strcspn(url, "?#");
    r->server = conn->server;
    r->engine = server_engine(conn->server);
    r->conn = conn;
    r->method = method;
    unescape(&path, url, n, false);
    r->path = buf_steal(&path);
    if (url[n] == '?')
        query_split(&r->query, url + n + 1);
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
    free(r->extra);
    free(r->match.param);
    buf_fini(&r->query);
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

void request_finish(struct request *r)
{
    _cleanup_(err_fini) struct err err = {0};
    int c = request_answer(r, &err);
    if (c < 0 && !r->replied)
        reply_error(r, c, &err);
}

int request_socket(const struct request *r)
{
    return r->conn->fd;
}

const char *request_header(const struct request *r, const char *name)
{
    return connection_header(r->conn, name);
}

/* The next of the query's pairs behind `at` (NULL: the first); NULL at the end. */
static const char *query_next(const struct request *r, const char *at, const char **value)
{
    const char *end = r->query.s + r->query.len;
    const char *name = at ? *value + strlen(*value) + 1 : r->query.s;
    if (r->query.len == 0 || name >= end)
        return NULL;
    *value = name + strlen(name) + 1;
    return name;
}

const char *query_str(const struct request *r, const char *key)
{
    const char *value;
    for (const char *at = NULL; (at = query_next(r, at, &value));)
        if (str_eq(at, key))
            return value;
    return NULL;
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

void query_all(const struct request *r, const char *key, struct strv *out)
{
    const char *value;
    for (const char *at = NULL; (at = query_next(r, at, &value));)
        if (str_eq(at, key))
            strv_add(out, value);
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
