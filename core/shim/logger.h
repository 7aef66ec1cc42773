/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The container's log
 *
 * Cuts output into records and queues them (bounded) for the driver, which lives on a thread of its own: a driver may
 * block there as long as it likes. Everything but the thread's own functions is for the main thread.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct logger;
struct loop;

struct logger_events {
    void *arg;
    void (*opened)(void *arg, struct err *why); /* why->code is 0 when it was */
    void (*error)(void *arg, const char *driver, const char *message);
    void (*room)(void *arg);     /* the queue is no longer full */
    void (*finished)(void *arg); /* all written, flushed and closed */
    void (*hung)(void *arg);     /* full, and the driver takes nothing */
    void (*swollen)(void *arg);  /* the process has grown beyond all reason */
};

/* `log` is the plan's; starts the thread, which opens the driver at once. */
int logger_start(struct loop *loop, const json_t *log, const char *id, const char *instance,
                 const struct logger_events *events, struct logger **out, struct err *err);
void logger_feed(struct logger *l, int stream, const char *data, size_t n);
/* The stream has ended: its last piece is a record even without a newline. */
void logger_eof(struct logger *l, int stream);
bool logger_is_full(struct logger *l);
void logger_rotate(struct logger *l);
/* Nothing more comes: write all, flush, close, then `finished`. */
void logger_finish(struct logger *l);
bool logger_is_finished(struct logger *l);
/* Changes with every driver call that comes back. */
uint64_t logger_progress(struct logger *l);

/* Puts back what an earlier image had not written, before anything is fed. */
struct restoring;
void logger_restore(struct logger *l, struct restoring *r);
/* No more comes out of the queue until the process is replaced. False when the thread died with the lock held. */
bool logger_freeze(struct logger *l);
/* What was taken and not written yet, into `fd`. Safe in a signal handler. */
void logger_dump(const struct logger *l, int fd);
/* Which driver was called last: 0, or 1 for the cache beside it. Safe in a signal handler. */
int logger_culprit(const struct logger *l);
/* {driver, error, dropped} */
json_t *logger_status(struct logger *l);
/* Frees it if the thread has ended; a thread that is stuck in its driver keeps what it uses. */
void logger_free(struct logger *l);
