/* SPDX-License-Identifier: Apache-2.0 */
/* Ends of containers, and their run directories, inside the engine. */
#pragma once

#include "engine/internal.h"

struct shim;

/* Network and control groups of a container whose processes are gone (or are killed by this). */
void container_give_back(struct engine *e, const struct state_container *row);
/* Gives back, writes the row, publishes the events. time_ns 0: now. */
void container_ended(struct engine *e, const char *id, int64_t code, int64_t time_ns, bool oom,
                     const char *error);

/* run_root/c/<first 16 digits>: a descriptor or a negative errno; `make`: fresh and empty. */
int rundir_open(struct engine *e, const char *id, bool make);
void rundir_remove(struct engine *e, const char *id);
/* The exit was taken: the shim ends, its run directory goes. Closes `shim`; the reference stays the caller's. */
void shim_let_go(struct engine *e, const char *id, struct shim *shim);
