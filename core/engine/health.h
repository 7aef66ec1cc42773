/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Health checks of running containers
 *
 * One thread knows when which container is due: it orders the check from the container's shim, hears what it came to, and notes it. It
 * waits for no check, so a check that hangs holds up nobody; the shim ends it in time.
 *
 * The health in the row is behind by at most WRITE_NS where only the log has changed; a change of the status is in the row before its event.
 */
#pragma once

#include "engine/internal.h"
#include "runtime/shim.h"

struct health;

struct health *health_new_engine(struct engine *e);
/* Ends the thread; what was not written yet is. Nothing is checked from then on. */
void health_quit(struct health *h);
void health_free(struct health *h);

/* A container runs, by this row: its checks begin. */
void health_begin(struct engine *e, const struct state_container *row);
/* The same for one that ran before this daemon, by its id: its checks go on. */
void health_take_up(struct engine *e, const char *id);
/* It does not run any more. */
void health_end(struct engine *e, const char *id);
void health_paused(struct engine *e, const char *id, bool paused);
/* Inside a change of a row that notes a pause or an end: the health as it is now, at rest. */
void health_note_rest(struct engine *e, struct state_container *row);
/* Inside a change of a row that notes a start. */
void health_note_start(struct state_container *row);
/* Something has changed in its row. Called under any lock. */
void health_row_changed(struct engine *e, const char *id);
/* The shim's word; on the reactor's thread. */
void health_checked(struct engine *e, const char *id, const struct shim_checked *c);
/* The shim was lost meanwhile: what it was doing is not heard of any more. */
void health_lost(struct engine *e, const char *id);

/* For inspect: a copy of the health as it is now, or NULL. */
json_t *health_view(struct engine *e, const struct state_container *row);
