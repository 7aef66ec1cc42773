/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Workers
 *
 * Threads that accept connections and serve each to its end: what serves may block for as long as
 * it likes, and no connection waits for a thread to be made or for one to hand it on.
 */
#pragma once

#include <stddef.h>

#include "base/err.h"

/* Handed to each connection, the thread's own. */
#define WORKER_BUFFER (32u << 10)

struct workers;

/* `fd` is a blocking socket, closed by the caller. */
typedef void (*worker_serve_fn)(void *ctx, int fd, char *buffer);

struct workers *workers_new(worker_serve_fn serve, void *ctx, struct err *err);
/* Takes `fd`, a listening socket, whatever it returns, and serves it. */
int workers_listen(struct workers *w, int fd, struct err *err);
/* No new connections from here on: the sockets are closed. */
void workers_quiesce(struct workers *w);
/* Quiesces, cuts every connection, waits for what serves them and frees. */
void workers_free(struct workers *w);
