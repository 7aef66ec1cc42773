/* SPDX-License-Identifier: Apache-2.0 */
/* Starting inside the engine. */
#pragma once

#include "engine/internal.h"

/* Whether its row lets it be started: -EALREADY, -EBUSY. */
int container_check_startable(const struct state_container *row, struct err *err);
/* Starts a container that the caller has claimed and that does not run; *row is replaced by what was written. `by_policy`: its row says
 * "restarting"; a failure counts as an end then and its policy decides anew; -ECANCELED when somebody wanted it down meanwhile. */
int container_start_claimed(struct engine *e, struct state_container **row, bool by_policy,
                            struct err *err);
