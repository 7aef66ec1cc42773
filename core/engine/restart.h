/* SPDX-License-Identifier: Apache-2.0 */
/* Restart inside the engine. */
#pragma once

#include "engine/internal.h"

/* Restarts a container, if the run that began at `started_ns` still runs and nobody wants its end: -ECANCELED otherwise. */
int container_restart_run(struct engine *e, const char *id, int64_t started_ns, struct err *err);

/* A claim "restart" of an earlier daemon. Where the container has been stopped, its row says from now on that its start is due. true: its
 * end was wanted and is not noted, so both halves are to be done; until container_restart_finish() the claim has to stay. */
bool container_restart_left(struct engine *e, const char *id);
/* Does both halves on a thread of its own, once news of containers are handled, and gives the claim back. */
void container_restart_finish(struct engine *e, const char *id);
