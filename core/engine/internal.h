/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside the engine
 *
 * struct engine, and what its files share: claims, rows, waits. Locks: `lock` guards memory only and is innermost;
 * `row_lock` makes read-change-write of a container's row one step (no driver, shim or file is touched under it);
 * `reload_lock` makes a reload one step.
 */
#pragma once

#include <jansson.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/map.h"
#include "base/str.h"
#include "engine/engine.h"
#include "engine/events.h"
#include "engine/jobs.h"
#include "plugin/host.h"
#include "state/container.h"
#include "state/state.h"

struct cgroup;
struct config;
struct discards;
struct health;
struct image_store;
struct list_cache;
struct live;
struct log_hosts;
struct netset;
struct network_ctx;
struct registry;
struct restarts;
struct seccomp_cache;
struct shim_reactor;
struct stats;
struct storage;

struct engine {
    char *run_root;
    int run_fd; /* run_root/c */
    int shim_image;
    struct shim_spare *spare;
    char *init_path;      /* berth-init; NULL: none was found */
    const char *apparmor; /* the profile of containers; NULL: none */
    char *apparmor_words; /* why there is none though AppArmor is on; NULL */
    struct event_ring *events;
    struct jobs *jobs;
    struct state *state;
    struct registry *registry;
    struct host_services services; /* what drivers get */
    struct storage *storage;
    struct log_hosts *log_hosts;
    struct image_store *images;
    struct list_cache *list; /* of containers, as it is shown */
    struct stats *stats;
    struct cgroup *cgroup;
    struct seccomp_cache *seccomp;
    struct shim_reactor *reactor;
    struct discards *discards;
    struct network_ctx *network;
    struct netset *nets;
    struct restarts *restarts;
    struct health *health;
    pthread_mutex_t row_lock;
    pthread_mutex_t reload_lock; /* one reload at a time; outermost */
    pthread_mutex_t lock;        /* guards what follows */
    struct config *config;       /* a reload puts another in its place */
    pthread_cond_t changed;      /* claims, starts, exits: CLOCK_MONOTONIC */
    struct map live;             /* id → struct live */
    struct map stays; /* ids whose claim could not be given back: nobody is at work there */
    struct container_wait *waits;
    struct pending_attach *attaches;
    struct log_watch *log_watches;
    unsigned starting, background;
    struct start_turn *turns,
        **turns_end; /* starts that wait for their turn; the first has come first */
    int64_t execs_pruned_ns;
    uint64_t generation; /* counts changes */
    bool up;             /* start-up is done */
    bool closing;
    bool pruning, pruning_images, pruning_volumes; /* `pruning`: containers */
};

/* --- changed.c */
/* Counts changes; for a caller that looks, and then waits for what came after its look. */
uint64_t engine_generation(struct engine *e);
/* Waits until something has changed since `generation`. -ETIMEDOUT, also when the engine closes. */
int engine_wait_since(struct engine *e, uint64_t generation, int64_t deadline_ns);
/* With `lock` held: waits for a change until `deadline_ns` (of time_mono_ns; INT64_MAX: none). -ETIMEDOUT. */
int engine_wait_changed(struct engine *e, int64_t deadline_ns);
void engine_changed(struct engine *e);
/* The configuration as it is now: a reference, the caller's. */
struct config *engine_config(struct engine *e);

/* --- engine.c */
/* The file with the seccomp profile that a configuration names. */
const char *engine_seccomp_profile(const struct config *cfg);

/* --- rows.c */
#define CLAIM_LIMIT_MS 30000
/* The claim of a commit that has frozen the container: who finds it interrupted thaws. */
#define CLAIM_COMMIT_FROZEN "commit (paused)"
/* Marks a container busy, waiting while another verb has it, at most limit_ms (-1: for ever); *row is as it was
 * then. -ENOENT, -EBUSY naming the verb in progress. */
int container_claim(struct engine *e, const char *ref, const char *verb, int64_t limit_ms,
                    struct state_container **row, struct err *err);
/* The row says "exited" a little before the monitor is gone, which writes into the container's directory until then: waits for that, as
 * container_claim() does. -EBUSY with words. */
int container_ending_wait(struct engine *e, const struct state_container *row, int64_t deadline,
                          struct err *err);
void container_unclaim(struct engine *e, const char *id);
/* Notes that a claim in the database is nobody's any more: the next verb takes it over. */
void claim_stays(struct engine *e, const char *id);
/* Reads the row, lets fn change it, writes it; *row (may be NULL) is what was written. */
int container_modify(struct engine *e, const char *id,
                     void (*fn)(struct state_container *row, void *arg), void *arg,
                     struct state_container **row, struct err *err);
/* The same, and the container is claimed in the same step: -EBUSY at once when another verb is at work, and nothing is written. */
int container_modify_claim(struct engine *e, const char *id, const char *verb,
                           void (*fn)(struct state_container *row, void *arg), void *arg,
                           struct state_container **row, struct err *err);
bool container_is_running(const struct state_container *row);
/* Publishes an event of a container: its labels, image, name, and `extra` (taken over; may be NULL). */
void container_event(struct engine *e, const struct state_container *row, const char *action,
                     json_t *extra);
/* data_root/containers/<id>[/file]; the caller frees. */
char *container_path(struct engine *e, const char *id, const char *file);

/* --- wait.c */
/* After the row says so: the container has exited, or is gone. */
void waits_exited(struct engine *e, const char *id, int64_t code, const char *error);
void waits_removed(struct engine *e, const char *id, int64_t code);
/* At close: every wait is over. */
void waits_end(struct engine *e);

/* --- background.c */
/* Runs fn(arg) on a thread of its own; it calls background_end() last. */
int background_start(struct engine *e, void *(*fn)(void *arg), void *arg, struct err *err);
void background_end(struct engine *e);
void background_wait(struct engine *e);

/* --- attach.c */
/* Gives the sockets that wait for a start to the shim; without one they are closed. id NULL: every container's. */
struct shim;
void attaches_deliver(struct engine *e, const char *id, struct shim *shim);

/* A cleanup that gives a claim back. */
struct claim {
    struct engine *engine;
    const char *id;
};
void claim_end(struct claim *c);
