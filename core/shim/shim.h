/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The shim
 *
 * One container's monitor: its state, and the parts that act on it. Everything here runs on the main thread; only the
 * logger has a thread of its own. docs/shim-protocol.md is the contract.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/loop.h"
#include "shim/plan.h"
#include "shim/reexec.h"
#include "shim/task.h"

#define SHIM_PROTOCOL 1
#define SHIM_MINOR    2 /* 1: upgrade, 2: check */

enum shim_phase {
    PHASE_NEW,
    PHASE_PREPARING,
    PHASE_PREPARED,
    PHASE_STARTING,
    PHASE_RUNNING,
    PHASE_EXITING,
    PHASE_EXITED,
    PHASE_ENDING
};

struct conn;

/* An answer that is still owed. The connection may be gone by then. */
struct pending {
    struct conn *conn;
    int64_t seq; /* 0: nothing is owed */
};

struct exit_info {
    int code, signal;
    bool oom;
    int64_t time_ns;
    char *error; /* or NULL */
};

/* Which log the container has after its driver's faults. */
enum log_stage { LOG_DRIVER, LOG_FALLBACK, LOG_DROPPED };
struct log_choice {
    enum log_stage stage;
    bool cache_off;
    char *words; /* why it is not the driver, or NULL */
};

struct shim {
    const char *id;
    struct loop *loop;
    struct loop_io *listener_io, *signals_io, *reexec_io;
    int rundir, memfd, listener, signals;
    int pidns; /* our own, to come back to after a child was made in the container's */
    struct conn *conns;
    enum shim_phase phase;
    struct plan *plan;
    struct task *init;
    struct exec *execs;
    struct check *check;   /* the one that runs, or whose processes are not gone yet */
    json_t *check_next;    /* waits for that */
    json_t *check_process; /* of the last one, for those that say "again" */
    struct conn *check_next_from;
    struct check_group *check_group; /* from the first check on */
    struct shared *spare_shared;     /* of the last check, for the next one */
    struct logger *log;
    struct oom *oom;
    int root;  /* the container's root, O_PATH, or -1 */
    int ns[3]; /* mnt, net, ipc: held until the exit was told */
    bool init_ready, log_ready;
    struct err failure; /* why a prepared container cannot go */
    struct pending prepare, go, abort;
    struct exit_info exit;
    struct loop_timer *exit_timer;
    uint64_t log_progress;      /* logger_progress() when the timer was set */
    bool exit_known;            /* init was reaped */
    bool output_done, log_done; /* what the exit waits for */
    bool log_closed;            /* the driver has taken all and was closed */
    bool released;
    /* reexec.c */
    enum reexec_cause reexec; /* what is to come */
    int image;                /* the program to come, or -1 for our own */
    struct loop_timer *reexec_turn;
    int64_t reexec_deadline_ns;
    int reexec_wake;
    char *plan_text; /* the plan as it was taken */
    struct pending upgrade;
    struct probe *probe; /* probe.c: the new image is being looked at */
    struct log_choice log_choice;
    json_t *log_note; /* a log_error that nobody has heard yet */
    struct {
        json_t *rootfs;
        int tree; /* detached; -1: not mounted */
    } early;
};

/* container.c: the container's life */
int container_prepare(struct shim *s, json_t *plan, int *fds, size_t nfds, struct err *err);
int container_go(struct shim *s, struct err *err);
/* Ends what was prepared; the process exits once init is reaped. */
void container_abort(struct shim *s);
int container_release(struct shim *s, struct err *err);
/* Whether there is another log to go to. */
bool container_log_can_give_way(const struct shim *s);
/* The log driver's thread has crashed before the container ran. */
void container_log_crashed(struct shim *s, int sig);
/* s->init, not running yet. */
void container_new_init(struct shim *s);
/* Starts the log that `log_choice` names. */
int container_open_log(struct shim *s, struct err *err);
/* Goes on where an earlier image was; phase and tasks are there. */
void container_resume(struct shim *s);
/* Init was reaped. */
void container_init_exited(struct shim *s);
/* Called when attached clients have left: a released shim may be able to go. */
void container_settle(struct shim *s);
bool container_is_up(const struct shim *s);

/* exec.c */
struct exec *exec_find(struct shim *s, const char *id);
struct task *exec_task(struct exec *x);
/* The reply follows through `owed`. */
int exec_start(struct shim *s, const json_t *msg, int *fds, size_t nfds, struct pending owed,
               struct err *err);
int exec_forget(struct shim *s, const char *id, struct err *err);
json_t *execs_save(const struct shim *s, struct saving *v);
void execs_load(struct shim *s, const json_t *list, const struct restoring *r);
struct exec *exec_next(struct exec *x);
struct pending *exec_pending(struct exec *x);
/* NULL for init. */
const char *exec_id_of(const struct shim *s, const struct task *t);
json_t *exec_status(const struct exec *x);
/* The `exec_exited` event, or NULL while it runs. */
json_t *exec_exit_event(const struct exec *x);
void execs_free(struct shim *s);
/* The process of a health check: `check` hears of it, and ends it with exec_drop(). `group` (NULL: the container's) has to last as long. */
struct check_group;
int exec_start_check(struct shim *s, const char *id, json_t *process, struct check *check,
                     const struct check_group *group, struct exec **out, struct err *err);
void exec_drop(struct exec *x);
bool exec_is_check(const struct exec *x);
/* The container is gone: so are its execs. */
void execs_settle(struct shim *s);

/* spare.c: waits for a container, writes its id over the placeholder `id` and opens its run directory as `rundir`. *rootfs (the caller's):
 * its root, where it came along, else NULL. 1: there is one, 0: none will come, else negative errno. */
int spare_wait(char *id, int control, int rundir, int memfd, json_t **rootfs, struct err *err);

/* early.c: mounts the root before its plan is there; where that fails the plan's child will say why. */
void early_root_mount(struct shim *s);
/* The mounted root, the caller's, or -1 where `rootfs` is another one than was mounted, or none was. */
int early_root_take(struct shim *s, const json_t *rootfs);

/* state.c */
void state_write(struct shim *s);
/* Renames `exit` into place. */
int state_write_exit(struct shim *s);
json_t *state_status(const struct shim *s);
void state_exit_load(struct shim *s, const json_t *o);
json_t *state_exit(const struct shim *s);
const char *state_phase_name(enum shim_phase phase);

/* oom.c: watches the memory cgroup's counter of kills */
struct oom *oom_open(struct shim *s, const char *path);
/* True when the kernel killed something since oom_open(). */
bool oom_happened(struct oom *o);
/* The counter at oom_open(), to be carried on. */
int64_t oom_first(const struct oom *o);
void oom_set_first(struct oom *o, int64_t first);
void oom_free(struct oom *o);

/* signals.c: kill and reap */
/* Collects whoever has ended. */
void shim_reap(struct shim *s);
int shim_signals_open(struct shim *s, struct err *err);
int shim_kill(struct shim *s, const json_t *msg, struct err *err);
