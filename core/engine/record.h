/* SPDX-License-Identifier: Apache-2.0 */
/* The copy of a container's row that lies beside its files, for `berthd --recover`. */
#pragma once

#include "engine/internal.h"

/* Writes containers/<id>/plan.json anew, of the row as it is in the database. */
int record_make(struct engine *e, const struct state_container *row, struct err *err);
/* Takes away what daemons that were killed in the middle of that have left. */
void record_sweep(struct engine *e, const char *id);
/* The same after a start and an end: an older record is there, and the container lives on without a newer, so a failure is only said. */
void record_write(struct engine *e, const char *id);
/* Whether a recovery could use what lies there. */
bool record_usable(struct engine *e, const char *id);
/* With a new database, when networks and volumes are there: makes rows of the records. What cannot be read is said, and left to
 * start-up's usual treatment. *n: how many. */
int records_recover(struct engine *e, int64_t *n, struct err *err);
