/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests to the daemon
 *
 * Paths begin with a slash and have no version prefix. Errors carry the daemon's own words ("Error response from daemon: …"); the
 * errno is made of the status (404 ENOENT, 409 EBUSY, 400 EINVAL, 304 EALREADY, else EIO), -ECONNREFUSED when nobody answers.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "base/err.h"

struct client;
struct exchange;
struct buf;

/* One request with an optional JSON body; *out (may be NULL) is the caller's, NULL for an empty body. */
int http_json(struct client *c, const char *method, const char *path, const json_t *body,
              json_t **out);
/* The same with an err of one's own, for failures that are not the command's. */
int http_json_from(const struct client *c, const char *method, const char *path, const json_t *body,
                   json_t **out, struct err *err);
/* Streams an answer: each(ctx, data, n) != 0 ends it. */
int http_stream(struct client *c, const char *method, const char *path,
                int (*each)(void *ctx, const char *data, size_t n), void *ctx);
/* Sends what can be read from fd as the body; streams the answer. */
int http_upload(struct client *c, const char *path, int fd,
                int (*each)(void *ctx, const char *data, size_t n), void *ctx);
/* As http_stream(), and *value (the caller's, NULL: it did not come) is that of a header, which is there before the first of the answer is
 * handed out. HEAD: there is no answer but headers; each may be NULL. */
int http_stream_header(struct client *c, const char *method, const char *path, const char *header,
                       char **value, int (*each)(void *ctx, const char *data, size_t n), void *ctx);
/* Sends what `produce` puts as the body of a PUT; a body that it does not finish is never taken for a whole one. */
typedef int http_put_fn(void *put_ctx, const void *data, size_t n, struct err *err);
int http_put(struct client *c, const char *path,
             int (*produce)(void *ctx, http_put_fn *put, void *put_ctx, struct err *err),
             void *ctx);
/* A POST that is sent now and whose answer is read later. */
struct http_later {
    struct exchange *exchange; /* NULL: not sent */
};
int http_later_send(struct client *c, const char *path, struct http_later *later);
/* The same on the connection that an earlier request has left, where there is one. */
int http_later_send_on_kept(struct client *c, const char *path, struct http_later *later);
/* Waits until it is accepted, which the daemon says by the answer's headers. */
int http_later_accepted(struct client *c, struct http_later *later);
/* Waits for the answer; *out (may be NULL) is the caller's. */
int http_later_end(struct client *c, struct http_later *later, json_t **out);
void http_later_fini(struct http_later *later);

/* Upgrades: *fd is a raw connection, the caller's; *early (the caller's) what came right behind the headers. *raw: the stream
 * is not multiplexed (by its content type). */
int http_hijack(struct client *c, const char *path, const json_t *body, int *fd, struct buf *early,
                bool *raw);
/* Its two halves. */
int http_hijack_send(struct client *c, const char *path, const json_t *body,
                     struct http_later *later);
int http_hijack_end(struct client *c, struct http_later *later, int *fd, struct buf *early,
                    bool *raw);

/* Sends a request without a body on a connection of its own, which goes into `x` (initialised, with a descriptor of -1); the answer is the
 * caller's to read, with exchange_read(). */
int http_open(struct client *c, const char *method, const char *path, struct exchange *x);
/* What has come of it so far: `r` is what reading gave; words for what failed and for what the daemon has refused. */
int http_outcome(const struct client *c, const struct exchange *x, int r, struct err *err);

/* Escapes one path segment or query value; the caller frees. */
char *http_escape(const char *s);
/* str_printf() whose %s arguments stand escaped. */
#define http_path_1(fmt, a)                                                                        \
    __extension__({                                                                                \
        _cleanup_(freep) char *_a = http_escape(a);                                                \
        str_printf(fmt, _a);                                                                       \
    })
