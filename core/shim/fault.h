/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Faults: what runs when the process itself has failed
 *
 * Holds all that a new image needs, laid ready at every change, so that a handler of fatal signals can replace the image
 * without asking anybody. Only the main thread ever replaces it: another thread that crashed calls the main thread
 * through the eventfd, and when that does not come, interrupts it wherever it is.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "shim/reexec.h"

/* Handlers, state file, eventfd (*wake, ours). `faults` of earlier images count on. */
int fault_open(const char *id, int image, const struct restoring *before, int *wake,
               struct err *err);
void fault_close(void);
/* The calling thread's own stack for the handler. */
void fault_thread_init(void);

struct laid {
    char *doc;
    size_t doc_len;
    int *fds; /* what stays open */
    size_t nfds;
    const char *plan; /* borrowed, for good */
    size_t plan_len;
    const struct plan *program; /* whose seccomp program it is */
    const struct logger *log;
};
/* From now on this is what a new image gets; taken over. */
void fault_lay(struct laid *laid);
void laid_free(struct laid *laid);

/* The signal of the crash that has called. */
int fault_signal(void);
/* On the driver's thread, between taking out of sight what the handler reads and freeing it: does not return once a new image is on its way, for
 * the handler may be reading. */
void fault_hold(void);
/* The main thread has heard of it and has no use for a new image: the crashed thread stands still for good. */
void fault_stand_still(void);

/* The state file as it is laid ready, without what the log still has to write: for somebody who only looks. */
int fault_file(void);
void fault_write_file(void);
/* Replaces the image by `image`, or by our own where that is -1. Comes back when the kernel refuses, with its errno, unless
 * our own can be run again: then the next image says so (restoring.error). The log must be frozen. */
int fault_replace(enum reexec_cause cause, int image, const struct buf *blobs);
