/* SPDX-License-Identifier: Apache-2.0 */
/* Removal inside the engine. */
#pragma once

#include "engine/internal.h"

/* Everything that a container which does not run has: layer, directories, row. What is missing is fine. */
int container_purge(struct engine *e, const struct state_container *row, struct err *err);
/* Removes a claimed container that does not run: anonymous volumes if asked, purge, events, waits. The claim is gone
 * with the row; on failure it is given back. */
int container_remove_claimed(struct engine *e, struct state_container *row, bool volumes,
                             struct err *err);
/* The same in parts, for who removes a container while its monitor ends: the row is marked; volumes, layer and directory go; at the end, with
 * the result of that, the row. `row` has the status that it gets back where nothing was removed. */
void container_mark_removing(struct state_container *row, bool volumes);
int container_remove_trees(struct engine *e, const struct state_container *row, bool volumes,
                           struct err *err);
int container_remove_end(struct engine *e, const struct state_container *row, int r,
                         struct err *err);
/* Says why a removal after an end has failed, and has it tried again. */
void container_remove_again(struct engine *e, const char *id, const struct err *err);
/* Removes an exited container with AutoRemove, on a thread of the pool; one whose removal was begun is removed as that was asked for. */
void container_auto_remove(struct engine *e, const char *id);
