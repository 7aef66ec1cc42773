/* SPDX-License-Identifier: Apache-2.0 */
/* Start-up: what the rows say, held against what is there. */
#pragma once

#include "engine/internal.h"

/* Before networks and containers are used: finishes or undoes the verbs that were interrupted. Then re-attaches to what lives, notes what
 * ended meanwhile, and takes away what belongs to nobody. */
int reconcile(struct engine *e, struct err *err);
/* Moves containers/NAME, which belongs to no row, to lost+found. */
int lost_found_move(struct engine *e, const char *name, struct err *err);
