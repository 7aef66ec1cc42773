/* SPDX-License-Identifier: Apache-2.0 */
/* Ends of containers, and their run directories, inside the engine. */
#pragma once

#include "engine/internal.h"

struct shim;

/* Network and control groups of a container whose processes are gone (or are killed by this). Fails where its row still says that it is
 * attached; may be repeated. */
int container_give_back(struct engine *e, const struct state_container *row, struct err *err);
/* The same, where nobody tries again: what fails is logged, and the container's next start or removal meets it. */
void container_take_back(struct engine *e, const struct state_container *row);
struct container_end {
    int64_t code, time_ns; /* time_ns 0: now */
    bool oom;
    const char *error; /* borrowed; may be NULL */
};
/* Gives back, writes the row, publishes the events; may be repeated after a failure. A container without a row is fine. *going (the
 * caller's; `going` may be NULL): the row of one that goes with its end; it is claimed for its removal already, and marked. */
int container_ended(struct engine *e, const char *id, const struct container_end *end,
                    struct state_container **going, struct err *err);

/* run_root/c/<first 16 digits>: a descriptor or a negative errno; `make`: fresh and empty. */
int rundir_open(struct engine *e, const char *id, bool make);
void rundir_remove(struct engine *e, const char *id);
/* Whether the monitor of a run directory (its name) lives; *pid and *id (the container's, the caller's) may be NULL. */
bool rundir_monitor(struct engine *e, const char *name, pid_t *pid, char **id);
/* The exit was taken: the shim ends, its run directory goes. Closes `shim`; the reference stays the caller's. */
void shim_let_go(struct engine *e, const char *id, struct shim *shim);
/* Its two halves. After the first the container's root is unmounted where that gave 0; the second takes its result. */
int shim_let_go_begin(const char *id, struct shim *shim);
void shim_let_go_end(struct engine *e, const char *id, struct shim *shim, int r);
