/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection
 *
 * HTTP/1.0 and 1.1 on one socket: requests in, one after the other, and the answer of each. All of
 * it on one thread; sending blocks while the client does not read, until it leaves or the server
 * ends.
 */
#pragma once

#include <http_parser.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

struct server;
struct request;

struct connection {
    struct server *server;
    int fd;
    char *in; /* WORKER_BUFFER of what was received; [at, n) is not parsed yet */
    size_t at, n;
    http_parser parser;
    struct buf url, headers; /* headers: name, NUL, value, NUL, … */
    struct buf out;          /* the head of an answer, kept for its memory */
    bool in_value, complete;
    unsigned refuse;         /* status to refuse the request with, or 0 */
    struct request *request; /* from the end of its header */
    bool close;              /* after this answer */
    bool broken;             /* the client does not take any more */
};

/* Once, before the first. */
void connection_setup(void);
/* Serves the socket until its client or the server has had enough; the socket stays open. */
void connection_serve(struct server *s, int fd, char *buffer);

/* NULL: there is none. */
const char *connection_header(const struct connection *c, const char *name);

/* --- an answer: a head, and what belongs to it */
#define LENGTH_STREAM (-1) /* chunked; with HTTP/1.0 the connection's end ends it */
#define LENGTH_NONE   (-2) /* no body, or none of HTTP's business */

/* `extra` are header lines with their ends. body NULL: the bytes that `length` promises are sent behind it. */
void connection_answer(struct connection *c, unsigned status, const char *extra, int64_t length,
                       const char *body);
/* After a head with LENGTH_STREAM. 0, or -EPIPE. */
int connection_chunk(struct connection *c, const char *data, size_t n);
void connection_chunks_end(struct connection *c);
/* Bytes as they are. 0, or -EPIPE. */
int connection_send(struct connection *c, const char *data, size_t n);
