/* SPDX-License-Identifier: Apache-2.0 */
/* The connection, as the requests and the start of a shim use it. */
#pragma once

#include "runtime/shim.h"

#define SHIM_PROTOCOL 1

struct shim_call {
    const int *fds;
    size_t nfds;
    int64_t timeout_ms;
};

/* An unconnected shim with one reference. */
struct shim *shim_new(struct shim_reactor *r, const char *id, const struct shim_events *events,
                      void *arg);
/* Sends msg (taken over) and waits for its reply. *reply (may be NULL) is set whenever one came, also when it is an error; *fd (may be
 * NULL) is the descriptor that came with it, or -1. */
int shim_request(struct shim *s, json_t *msg, const struct shim_call *call, json_t **reply, int *fd,
                 struct err *err);
/* The same in two steps: whoever asks has to hear, whatever came of it, with the waiter where it was. */
struct shim_waiter;
void shim_ask(struct shim *s, json_t *msg, const struct shim_call *call, struct shim_waiter *w);
int shim_hear(struct shim *s, struct shim_waiter *w, json_t **reply, int *fd, struct err *err);
/* Sends a message (borrowed) that wants no answer, and waits at most so long for others' to leave before it. */
int shim_tell(struct shim *s, json_t *msg, int64_t timeout_ms);
/* The end of the connection is expected from now on. */
void shim_mark_leaving(struct shim *s);
/* Reads {code, signal, oom, time_ns}; error is left NULL. */
void shim_exit_read(const json_t *e, struct shim_exit *out);
