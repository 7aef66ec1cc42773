/* SPDX-License-Identifier: Apache-2.0 */
/* Execs inside the engine. */
#pragma once

#include "engine/internal.h"

/* The shim's news: code and time are noted, the event is published. */
int exec_exited(struct engine *e, const struct state_container *row, const char *id, int code,
                int64_t time_ns, struct err *err);
/* The container has ended: what still runs by its row ended with it. */
void execs_end(struct engine *e, const struct state_container *row, int64_t time_ns);
/* Ids for inspect, or json null. */
json_t *execs_running(struct engine *e, const char *container_id);
/* After connecting to a shim: an exec that runs by its row and that the shim (its status) has never heard of was not started. */
void execs_look(struct engine *e, const struct state_container *row, const json_t *status);
