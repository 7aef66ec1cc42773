/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of execs: one per exec instance, gone with its container. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "state/state.h"

struct state_exec {
    char *id, *container_id;
    int64_t created_ns;
    json_t *config; /* the engine's document; NULL is stored as {} */
    bool running;
    pid_t pid;   /* 0: none */
    bool exited; /* exit_code is known */
    int64_t exit_code;
    char *error;
    int64_t started_ns, finished_ns; /* 0: never */
};
void state_exec_fini(struct state_exec *e);
void state_exec_free(struct state_exec *e);
DEFINE_CLEANUP(struct state_exec *, state_exec_free);

struct state_execs {
    struct state_exec **v;
    size_t n;
};
void state_execs_fini(struct state_execs *list);

/* -ENOENT when the container has no row. */
int state_exec_insert(struct state *s, const struct state_exec *e, struct err *err);
int state_exec_update(struct state *s, const struct state_exec *e, struct err *err);
int state_exec_delete(struct state *s, const char *id, struct err *err);
/* By full id or a unique prefix. -ENOENT "No such exec instance: ID". */
int state_exec_find(struct state *s, const char *ref, struct state_exec **out, struct err *err);
/* Of one container, or all with NULL; oldest first. `open_only`: those that have not exited. */
int state_exec_list(struct state *s, const char *container_id, bool open_only,
                    struct state_execs *out, struct err *err);
/* Deletes the rows of execs that exited before that time. */
int state_exec_prune(struct state *s, int64_t before_ns, struct err *err);
