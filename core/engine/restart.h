/* SPDX-License-Identifier: Apache-2.0 */
/* Restart inside the engine. */
#pragma once

#include "engine/internal.h"

/* Restarts a container, if the run that began at `started_ns` still runs and nobody wants its end: -ECANCELED otherwise. */
int container_restart_run(struct engine *e, const char *id, int64_t started_ns, struct err *err);
