/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Health checks: what the files of the monitor share
 *
 * `lock` of struct health guards what is marked; the rest of a struct watched is the health thread's alone. It is a leaf: nothing else is locked
 * under it, and nothing is done under it that waits.
 */
#pragma once

#include <pthread.h>

#include "base/id.h"
#include "base/map.h"
#include "engine/health-rules.h"
#include "engine/health.h"

/* A container that is checked. */
struct watched {
    char *id;
    unsigned refs; /* guarded: the table's, the thread's */
    size_t slot;   /* guarded: its place in the heap */
    int64_t
        at_ns; /* guarded: when to look at it: the next check, or the latest end of the one in progress */
    struct health_rule rule;         /* guarded */
    int64_t started_ns;              /* guarded: which run of the container this is */
    json_t *health;                  /* guarded */
    char check[ID_MAX];              /* guarded: the id of the check in progress, or "" */
    bool gone, paused, stale, dirty; /* guarded */
    bool fresh;                      /* guarded: nothing of it is known yet but the id */
    bool known;                      /* guarded: the shim has the process of the order already */
    bool changed, failing;           /* of the last result, for who notes it */
    struct watched *next_news;       /* guarded */
    bool acting;                     /* guarded: it is being restarted or killed */
    int64_t check_ns;                /* guarded: when the check in progress began */
    int64_t written_ns;              /* time_mono_ns() of the last write of its health */
    struct state_container *row;     /* as it was when it was last read, NULL: not read yet */
    json_t *order,
        *again; /* the messages for the shim, without id: with the process, and where it has that */
    char *command; /* as events have it; NULL: it is a connection */
};

struct health {
    struct engine *engine;
    pthread_mutex_t lock; /* guards all below, and what is marked above */
    pthread_cond_t changed;
    struct map table; /* id → struct watched, one reference each */
    struct watched **heap;
    size_t n, cap;
    struct watched *news, **last_news; /* whose results have to be noted; a reference each */
    pthread_t thread;
    bool started, quit;
    struct action *actions;
    unsigned actors;
};

/* --- health.c */
void watched_unref(struct health *h, struct watched *w);
/* It is not to be checked any more. */
void watched_forget(struct health *h, struct watched *w);
/* With the lock held: when to look at it next. */
void watched_due(struct health *h, struct watched *w, int64_t at_ns);

/* --- health-run.c: without the lock. A check in progress is one thread's: whoever takes its id off. */
/* On the health thread: its time has come. */
void watched_step(struct health *h, struct watched *w);
/* What a check came to; on any thread, and does not wait. True: watched_note() has to be called. */
bool watched_heard(struct health *h, struct watched *w, const struct shim_checked *c);
/* On the health thread: writes what has changed, tells it, and does what the rule says. */
void watched_note(struct health *h, struct watched *w);
/* Writes a health that is newer than the row's. */
void watched_write(struct health *h, struct watched *w);

/* --- health-act.c */
/* It fails its checks: what its rule says is done, on another thread. */
void health_act(struct health *h, struct watched *w);
void health_drop_actions(struct health *h);
