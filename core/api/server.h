/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP server
 *
 * Listens on any number of addresses and answers on a thread per connection.
 */
#pragma once

#include "base/err.h"

struct engine;
struct passed;
struct server;

/* The engine stays the caller's and must outlive the server. NULL with words. */
struct server *server_new(struct engine *e, struct err *err);
/* Opens one address and serves it: unix:///PATH, tcp://HOST:PORT (loopback only), fd:// (all
 * sockets that systemd passed) or fd://N. `group` owns unix sockets (0660); one that does not exist
 * is a warning and leaves them root's. */
int server_listen(struct server *s, const char *address, const char *group, struct passed *passed,
                  struct err *err);
/* Stops listening, ends the streams, waits for requests in progress, and frees. */
void server_free(struct server *s);
DEFINE_CLEANUP(struct server *, server_free);

/* --- for the request's side */
struct engine *server_engine(const struct server *s);
/* A descriptor that becomes readable, for good, when the server closes: streams poll it. */
int server_closing_fd(const struct server *s);
/* Around everything that holds a connection for long; server_free() waits for the last. -ESHUTDOWN,
 * in words, once it has begun to, and cuts the client's socket then, for the client may not be reading. */
struct server_stream;
int server_stream_begin(struct server *s, int client, struct server_stream **out, struct err *err);
void server_stream_end(struct server_stream *x);
