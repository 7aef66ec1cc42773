/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What became of a container's log
 *
 * A driver may fail while the container runs, and another take over. The row keeps that (`runtime.log`), inspect shows it as
 * LogStatus, events tell it, and the reader learns from it where the lines are.
 */
#pragma once

#include <jansson.h>

#include "engine/internal.h"

/* News of the shim: `driver` has failed with these words; `now`: who has taken over, "" for nobody, NULL where nothing changed. */
void log_failed(struct engine *e, const char *id, const char *driver, const char *words,
                const char *now);
/* A shim that was found again says how its log is: news that no daemon has heard are taken up. */
void log_status_catch_up(struct engine *e, const struct state_container *row,
                         const json_t *shim_status);
/* In a row whose next run begins at `begun_ns`. */
void log_status_begin(struct state_container *row, int64_t begun_ns);
/* Somebody follows the log: a descriptor that becomes readable when another driver has taken over. */
struct log_watch {
    struct engine *engine;
    struct log_watch *next;
    const char *id; /* borrowed */
    int fd;         /* -1: none could be made */
};
void log_watch_open(struct log_watch *w, struct engine *e, const char *id);
void log_watch_close(struct log_watch *w);

/* {"Driver","Error","Since"} */
json_t *log_status_view(const struct state_container *row);

/* The driver that took over at some time, NULL: never. */
const char *log_status_fallback(const struct state_container *row);
/* Whether it did in the present run, or in the last. */
bool log_status_in_fallback(const struct state_container *row);
/* The times at which runs began whose forerunners had lines in the fallback, in order: an array of integers, or NULL. */
const json_t *log_status_bounds(const struct state_container *row);
