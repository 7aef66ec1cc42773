/* SPDX-License-Identifier: Apache-2.0 */
/* Paused containers inside the engine. */
#pragma once

#include "engine/internal.h"

/* After a signal that is to end it: a frozen container runs again, so that it can. */
void container_thaw(struct engine *e, const char *id);
/* Freezes one that is claimed and runs, and says so in its row. */
int container_freeze(struct engine *e, const struct state_container *row, struct err *err);
/* Brings the row of a living container in line with the freezer. */
void container_pause_look(struct engine *e, const struct state_container *row);
