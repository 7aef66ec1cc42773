/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Task: a process that the shim started, init or exec
 *
 * task_launch() clones the child and goes through the hand-shake with it on the loop: identity, console, prepared, go,
 * and the end of the socket, which means that execve succeeded unless the shared page says otherwise.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"
#include "shim/child.h"
#include "shim/streams.h"

struct check_group;
struct shim;
struct loop_io;

struct task {
    struct shim *shim;
    struct process *process; /* borrowed */
    const struct check_group
        *group; /* borrowed: below the container's group; NULL: in that itself */
    bool quiet; /* what was warned of at the container's start is not said again */
    pid_t pid;
    int pidfd;
    uint64_t start; /* field 22 of /proc/PID/stat */
    struct stdio io;
    bool reaped, ready, went, running;
    bool go_sent; /* before it was ready */
    int wait_status;
    int64_t exit_ns;
    int exit_code_hint; /* 126, 127 or 128 when it never ran */
    /* the hand-shake */
    int sync;
    struct loop_io *sync_io;
    struct shared *shared;
    /* Asked while it is set up: whether it may go on to execve without being let go. NULL: no. */
    bool (*may_go)(const struct task *t);
    /* told to the owner */
    void (*on_ready)(struct task *t);
    void (*on_running)(struct task *t);
    void (*on_failed)(struct task *t, struct err *why);
    void (*on_exit)(struct task *t);
    void *owner;
};

struct task *task_new(struct shim *s, struct process *process, bool is_exec);
void task_free(struct task *t);
DEFINE_CLEANUP(struct task *, task_free);
/* `init`: the container's init, whose namespaces an exec joins; NULL makes new ones. */
int task_launch(struct task *t, const struct task *init, struct err *err);
/* Lets a ready child go on to execve. */
int task_go(struct task *t);
/* Handles what the hand-shake has to say before the exit is looked at. */
void task_reaped(struct task *t, int wait_status);
int task_kill(struct task *t, int sig);
/* The status as a shell has it: 128 + signal. */
int task_exit_code(const struct task *t, int *signal);
struct saving;
struct restoring;
json_t *task_save(const struct task *t, struct saving *v);
/* Into a new task: one that runs, or has ended. */
void task_load(struct task *t, const json_t *o, const struct restoring *r);
/* The kernel is taking it down, though it may not be reaped yet. */
bool task_is_exiting(const struct task *t);
/* Field 22 of /proc/PID/stat; 0 when it is gone. */
uint64_t task_start_time(pid_t pid);

/* words.c: what a child's report means. Returns the errno; *exit_code gets 126, 127 or 128. */
int report_words(const struct shared *sh, struct err *err, int *exit_code);

/* users.c: resolves `user` and `groups` of the process in the root's passwd and group into `who`. */
int identity_resolve(int root, const struct process *p, struct identity *who, struct err *err);
