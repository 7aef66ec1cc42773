/* SPDX-License-Identifier: Apache-2.0 */
/* What prunes share: one of a kind at a time, and the report with its event. */
#pragma once

#include "engine/internal.h"

/* False while another one of that kind works; `flag` is the engine's, and guarded by its lock. */
bool pruning_begin(struct engine *e, bool *flag);
void pruning_end(struct engine *e, bool *flag);
/* {NAME: deleted, "SpaceReclaimed"}; `deleted` is taken over. */
json_t *pruning_report(struct engine *e, const char *type, const char *name, json_t *deleted,
                       int64_t bytes);
