/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the shim's client share. */
#pragma once

#include <pthread.h>
#include <time.h>

#include "base/frame.h"
#include "runtime/shim.h"

/* A request that waits for its reply; on the stack of the thread that asked. */
struct shim_waiter {
    int64_t seq;
    const char *type; /* of the request */
    struct timespec end;
    bool done;
    int error;     /* negative errno when there was no reply */
    json_t *reply; /* owned */
    int fd;        /* a descriptor that came with it, or -1 */
    struct shim_waiter *next;
};

struct shim {
    int refs; /* atomic */
    struct shim_reactor *reactor;
    uint64_t key; /* in the reactor's table */
    char *id;
    pid_t pid;
    uint64_t start;
    int sock, pidfd;
    int minor; /* of its protocol */
    struct shim_events events;
    void *arg;

    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t changed;
    struct shim_waiter *waiters;
    int64_t seq;
    bool closed;      /* shim_close() was called: no more callbacks */
    bool lost;        /* the connection has ended */
    bool leaving;     /* it was told to go */
    bool met;         /* it has said hello: the reactor has it */
    bool dead;        /* the process has ended */
    bool sending;     /* somebody's frame is going out */
    bool dispatching; /* the reactor works on it */

    struct frame_reader reader; /* the reactor's alone once registered */
};

/* shim-start.c: the process and its end of the control connection; rundir -1: without a container. */
int shim_process_start(struct shim *s, int image, int rundir, struct err *err);
/* A shim that came up wrong, or is not wanted, must not stay. */
void shim_process_end(struct shim *s);

/* shim-spare.c: as long as an id, for the id takes its place. */
#define SHIM_SPARE_ID "----------------------------------------------------------------"
/* NULL: there is none. */
struct shim *shim_spare_take(struct shim_spare *p, const char *id, int rundir, const json_t *rootfs,
                             const struct shim_events *events, void *arg);

/* shim-reactor.c. Adding takes a reference that removing gives back. */
int shim_reactor_add(struct shim_reactor *r, struct shim *s, struct err *err);
void shim_reactor_remove(struct shim_reactor *r, struct shim *s);
bool shim_reactor_is_self(const struct shim_reactor *r);
/* Takes one fd out of the set that the reactor watches. */
void shim_reactor_forget(struct shim_reactor *r, int fd);

/* shim.c, called by the reactor: something is on the socket; the process has ended. */
void shim_on_socket(struct shim *s);
void shim_on_death(struct shim *s);
