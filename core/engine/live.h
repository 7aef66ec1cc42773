/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Living containers
 *
 * One object per container that has a shim. It is the target of the shim's events: they are queued in order and handled one by
 * one on a thread of the pool, once the container's start is committed (the gate), so that an exit can never be written
 * before the start that it belongs to.
 */
#pragma once

#include "engine/internal.h"
#include "runtime/shim.h"

enum news_kind {
    NEWS_EXITED,
    NEWS_EXEC_EXITED,
    NEWS_LOG_ERROR,
    NEWS_OOM,
    NEWS_DETACHED,
    NEWS_LOST,
    NEWS_DIED,
};

struct news {
    struct news *next;
    enum news_kind kind;
    int code;
    bool oom;
    int64_t time_ns;
    char *name; /* of the exec or the log driver */
    char *text; /* words of an error */
    char *now;  /* the log driver that has taken over */
};
void news_free(struct news *n);
DEFINE_CLEANUP(struct news *, news_free);

struct live {
    struct engine *engine;
    char *id;
    /* Guarded by the engine's lock. */
    unsigned refs;
    struct shim *shim; /* NULL until it was spawned */
    bool open;         /* the gate */
    bool draining, done;
    char *unnoted;     /* it has ended, but its row could not be written: why */
    bool again;        /* the first of the news could not be handled and waits for another try */
    unsigned retry_ms; /* the pause before that */
    struct news *first, **last;
};

/* What the shim's client is given, with the live object as argument. */
extern const struct shim_events live_events;

/* Makes the object and puts it into the engine's table; -EEXIST. The caller has a reference, the table another. */
int live_new(struct engine *e, const char *id, struct live **out, struct err *err);
/* A reference, or NULL. */
struct live *live_get(struct engine *e, const char *id);
void live_unref(struct live *l);
DEFINE_CLEANUP(struct live *, live_unref);
void live_set_shim(struct live *l, struct shim *shim);
/* The start is committed: news are handled from now on. */
void live_open(struct live *l);
/* The container is no more: out of the table; who waits for that is told. */
void live_done(struct live *l);
/* Waits until it is done. -ETIMEDOUT; -ENOTRECOVERABLE: it has ended, but that could not be noted (live_check_noted()). */
int live_wait_done(struct live *l, int64_t deadline_ns);
/* A start that has not come to its end yet fails: its monitor is killed. */
void live_break_start(struct engine *e, const char *ref);
/* News of it wait, or are being handled. */
bool live_is_busy(struct live *l);
/* With words where the container's end could not be noted; else 0. */
int live_check_noted(struct live *l, struct err *err);
/* Handles news again that could not be handled; false: there are none. */
bool live_retry(struct live *l);
/* The shim of a running container, a reference; -EALREADY "container ID is not running". */
int live_shim(struct engine *e, const struct state_container *row, struct shim **out,
              struct err *err);

/* exit.c: handles one piece of news, on a thread of the pool. A negative errno, with words: it has to be handled again. */
int live_handle(struct live *l, const struct news *n, struct err *err);
