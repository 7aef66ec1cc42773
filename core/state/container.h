/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of containers
 *
 * One row per container, with three JSON documents: what the client gave (config, host_config) and what the engine
 * notes for itself (runtime). `verb` is the busy mark: two verbs cannot work on one container.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "state/state.h"

struct state_endpoint;

struct state_container {
    char *id;   /* 64 hex digits */
    char *name; /* without a slash */
    int64_t created_ns;
    char *image_id;  /* "sha256:…", may be NULL */
    char *image_ref; /* as the client wrote it */
    char *layer_id;  /* of the storage driver, the writable layer */
    char *status;    /* created, running, paused, restarting, removing, exited, dead */
    char *verb;      /* in progress, NULL: none. Changed by claim and unclaim only */
    int64_t verb_since_ns;
    pid_t pid, shim_pid;            /* 0: none */
    uint64_t pid_start, shim_start; /* start times of /proc/PID/stat */
    char *boot_id;                  /* of the boot in which the pids were seen */
    int64_t exit_code;
    char *error; /* "" or words for State.Error */
    bool oom;
    int64_t started_ns, finished_ns; /* 0: never */
    int64_t restart_count;
    bool stop_requested; /* a user's stop: the restart policy rests */
    bool auto_remove;
    json_t *config, *host_config, *runtime; /* objects; NULL is stored as {} */
};
void state_container_fini(struct state_container *c);
void state_container_free(struct state_container *c);
DEFINE_CLEANUP(struct state_container *, state_container_free);

struct state_containers {
    struct state_container **v;
    size_t n;
};
void state_containers_fini(struct state_containers *list);

/* Also writes c->verb: a row can be born claimed. `ep` (may be NULL): its endpoint, inserted in the same step. -EEXIST with Docker's words
 * when the name is taken. */
int state_container_insert(struct state *s, const struct state_container *c,
                           const struct state_endpoint *ep, struct err *err);
/* Writes the whole row but id, created_ns, verb and verb_since_ns. -ENOENT, -EEXIST (a new name is taken). */
int state_container_update(struct state *s, const struct state_container *c, struct err *err);
/* The same, and marks the container busy with `verb`, in one step: -EBUSY when it is already, and then nothing is written. */
int state_container_update_claim(struct state *s, const struct state_container *c, const char *verb,
                                 struct err *err);
/* With its execs, endpoints and uses of volumes. -ENOENT. */
int state_container_delete(struct state *s, const char *id, struct err *err);

/* By the full id. -ENOENT "No such container: ID". */
int state_container_get(struct state *s, const char *id, struct state_container **out,
                        struct err *err);
/* The same without the three documents (NULL), which take most of the time. */
int state_container_get_brief(struct state *s, const char *id, struct state_container **out,
                              struct err *err);
/* By full id, name (with or without the leading slash) or a unique prefix of the id, in this order. -ENOENT, or
 * -EINVAL when the prefix is not unique. */
int state_container_find(struct state *s, const char *ref, struct state_container **out,
                         struct err *err);
/* As find, for callers that need the id only. The caller frees. */
int state_container_resolve(struct state *s, const char *ref, char **id, struct err *err);
/* Newest first. `live_only`: those that are running, paused or restarting. */
int state_container_list(struct state *s, bool live_only, struct state_containers *out,
                         struct err *err);
/* The same for all, without the three documents (NULL): for counts and questions that need none, a hundred times cheaper. */
int state_container_brief(struct state *s, struct state_containers *out, struct err *err);
/* Those that a restart policy may bring back: they wait for it, or have ended and have a policy. Newest first, whole rows. */
int state_container_list_restarts(struct state *s, struct state_containers *out, struct err *err);
/* All, newest first, one in memory at a time: fn(ctx, row) != 0 ends it and is returned. `row` is borrowed. */
int state_container_each(struct state *s,
                         int (*fn)(void *ctx, const struct state_container *row, struct err *err),
                         void *ctx, struct err *err);
/* fn(ctx, id) is called after every change of a container's row or of its endpoints has been committed, on the thread that made it and
 * before its call returns; it must not call back. To be set once, before there are other threads. Marks of verbs are no
 * change, their end is one. */
void state_container_watch(struct state *s, void (*fn)(void *ctx, const char *id), void *ctx);
/* How many stand on an image. Negative errno. */
int state_container_count_image(struct state *s, const char *image_id, int64_t *n, struct err *err);

/* Marks the container busy with `verb`, atomically: -EBUSY naming the verb in progress, -ENOENT. */
int state_container_claim(struct state *s, const char *id, const char *verb, struct err *err);
/* Takes the mark away; a container that is gone or not marked is fine. */
int state_container_unclaim(struct state *s, const char *id, struct err *err);
