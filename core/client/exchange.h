/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One exchange with the daemon: a request that is sent, and its answer as it comes
 *
 * The parser is libhttp-parser's; why not libcurl: docs/decisions/006-http-parser-in-the-client.md.
 */
#pragma once

#include <http_parser.h>
#include <stdbool.h>

#include "base/str.h"

struct meter;

struct exchange {
    int fd;
    struct http_parser parser;
    long status; /* 0 until the headers are there */
    bool headers, complete, keep_alive, stopped, too_long;
    bool upgrade;     /* the request asks for one: after 101 or 200 the rest is not HTTP */
    bool multiplexed; /* by the answer's content type */
    const char *want; /* a header whose value is kept, too; NULL: none */
    struct buf *into; /* of the header that is being read, when it is kept */
    bool in_value;
    struct buf name, type, wanted;
    struct buf
        body; /* of errors, and of whole answers; after an upgrade what came right behind the headers */
    int (*each)(void *ctx, const char *data, size_t n); /* != 0 ends it; not for errors */
    void *ctx;
    struct meter *meter; /* is told the length of the answer, and its bytes; NULL: none */
};

/* `fd` is taken over. */
void exchange_init(struct exchange *x, int fd);
void exchange_fini(struct exchange *x);
/* The request line and headers; length -1: a chunked body follows. `upgrade` asks for a raw stream. */
char *exchange_head(const char *method, const char *path, const char *type, int64_t length,
                    bool upgrade);
/* All of it, or a negative errno. */
int exchange_send(struct exchange *x, const void *data, size_t n);
/* One read of the answer; -ECONNRESET at an end that comes too early, -EPROTO for what is no HTTP. */
int exchange_read(struct exchange *x);
/* Until the headers are there; until the answer is complete (or `each` has ended it). */
int exchange_read_headers(struct exchange *x);
int exchange_read_all(struct exchange *x);
