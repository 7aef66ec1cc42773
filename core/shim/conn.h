/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Control connections
 *
 * berthd's, by the descriptor it gave at the start or through `sock`. Requests are answered at once or through a
 * struct pending; events go to every connection that has said hello.
 */
#pragma once

#include <jansson.h>

#include "base/err.h"
#include "shim/shim.h"

struct task;

/* Takes `fd` over. `first`: the connection that the shim was born with. */
int conn_add(struct shim *s, int fd, bool first);
int conn_listen(struct shim *s, struct err *err);
void conns_free(struct shim *s);

/* Answers what is owed, if it still is: `reply` (taken, may be NULL) gets its type, seq and error. */
void pending_reply(struct pending *p, json_t *reply, const struct err *why);
/* As above for a request that failed with an exit code. */
void pending_fail(struct pending *p, const struct err *why, int exit_code);
/* Sends an event (taken) to all that listen. */
void conn_broadcast(struct shim *s, json_t *event);
/* Sends `log_error` (`now` as there), or keeps it for the next that says hello. */
void conn_log_error(struct shim *s, const char *driver, const char *message, const char *now);
json_t *conns_save(const struct shim *s, struct saving *v);
void conns_load(struct shim *s, const json_t *list, const struct restoring *r);
/* A client of the task's streams has left. */
void conn_detached(struct shim *s, const struct task *t);

/* verbs.c */
struct request {
    struct shim *shim;
    struct conn *conn;
    const json_t *msg;
    int64_t seq;
    int fds[32];
    size_t nfds;
    json_t *reply; /* members of the answer */
    int reply_fd;  /* rides on it, borrowed; or -1 */
    bool deferred; /* the answer comes later */
    int exit_code; /* told with an error unless 0 */
};
int verb_run(struct request *rq, struct err *err);
/* The connection wants events from now on. */
void conn_subscribe(struct conn *c);
