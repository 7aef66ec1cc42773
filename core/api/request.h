/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request
 *
 * One HTTP request on its connection's thread, from its first line to the end of its answer: what
 * came (path, query, body) and what is held for it (an upload, a stream, an attachment).
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "api/connection.h"
#include "api/router.h"
#include "api/schema.h"
#include "base/err.h"
#include "base/str.h"

#define BODY_MAX (8u << 20)

struct engine;
struct server;
struct upload;
struct hijack;

struct request {
    struct server *server;
    struct engine *engine;
    struct connection *conn;
    const char *method; /* static */
    char *path;         /* without the query, unescaped */
    struct buf query;   /* name, NUL, value, NUL, …, unescaped */
    struct route_match match;
    struct err failed; /* found before the body was there; answered when it has been read */
    struct buf body;
    bool body_too_big;
    uint64_t body_bytes;
    struct upload *upload; /* takes the body instead, when set by the route's `begin` */
    void *state;           /* of the route, from `begin` to `handle` */
    void (*state_free)(void *state);
    struct hijack *hijack;
    char *extra; /* header lines of the route's own, for its 200 */
    bool replied;
};

/* `method` is borrowed for good; `url` is as it came. */
struct request *request_new(struct connection *conn, const char *method, const char *url);
void request_free(struct request *r);
/* Finds the route and lets it begin. Never fails: an error is kept for the reply. */
void request_begin(struct request *r);
void request_take_body(struct request *r, const char *data, size_t n);
/* The body is complete: replies; a stream is over when this returns. */
void request_finish(struct request *r);

/* The connection's socket, borrowed. */
int request_socket(const struct request *r);
const char *request_header(const struct request *r, const char *name);

/* --- query parameters. NULL when missing; the first of several. */
const char *query_str(const struct request *r, const char *key);
bool query_bool(const struct request *r, const char *key);
/* Missing or empty: dflt. -EINVAL in words. */
int query_int(const struct request *r, const char *key, int64_t dflt, int64_t *out,
              struct err *err);
/* Missing or empty: 0. A time at the epoch or before is 1 ns, so that it is still a limit. -EINVAL
 * in words. */
int query_time(const struct request *r, const char *key, int64_t *ns, struct err *err);
int query_filters(const struct request *r, json_t **out, struct err *err);
void query_all(const struct request *r, const char *key, struct strv *out);

/* The body as JSON in the schema's spelling; an empty body gives NULL. -EINVAL in Docker's words.
 */
int request_json(const struct request *r, const struct schema *schema, json_t **out,
                 struct err *err);
