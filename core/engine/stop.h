/* SPDX-License-Identifier: Apache-2.0 */
/* Ending a running container, for the verbs that do. */
#pragma once

#include "engine/internal.h"

/* Notes that the end is wanted, sends `signal`, waits `timeout_s` seconds (INT64_MAX: no limit), then SIGKILL. Returns when
 * the exit is handled: everything that the container held is free. The caller has the claim. */
int container_end(struct engine *e, const struct state_container *row, int signal,
                  int64_t timeout_s, struct err *err);
/* Stop, as the verb does it: signal 0 is its stop signal, the time-out its own where none is given; with the event. */
int container_stop_claimed(struct engine *e, const struct state_container *row, int signal,
                           bool has_timeout, int64_t timeout_s, struct err *err);
/* SIGKILL to the run that began at `started_ns`, by nobody's wish: the restart policy decides what follows. -ECANCELED where it does not run any more,
 * or its end is wanted already. */
int container_kill_run(struct engine *e, const char *id, int64_t started_ns, struct err *err);
