/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Containers that wait for their restart
 *
 * A list in order of time, and a few threads that wait for its head. The rows are the truth: the list only knows when to look at which, and
 * who wants that a container stays down says so in its row.
 */
#pragma once

#include "engine/internal.h"

struct restarts;

struct restarts *restarts_new(struct engine *e);
/* Ends the threads; starts in progress are finished. NULL is fine. */
void restarts_free(struct restarts *r);
/* Sees to a row that says "restarting" when its time has come; replaces an earlier word on the same container. */
void restarts_add(struct restarts *r, const struct state_container *row);

/* Sees to a container again after so many milliseconds: its end could not be noted, or its removal after that failed. */
void restarts_look(struct restarts *r, const char *id, int64_t ms);

/* The end is wanted: notes that, and a container between end and restart is "exited" from now on (*rested, may be NULL), with whoever
 * waits for it told. */
int container_rest(struct engine *e, const char *id, bool *rested, struct err *err);
/* When the daemon comes up: makes what its policy wants running run. */
void restarts_take_up(struct engine *e);
