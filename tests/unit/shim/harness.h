/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A berthd for tests
 *
 * Starts the real berth-shim with a run directory of its own, speaks the protocol to it, and builds plans around a
 * small busybox root.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <linux/filter.h>
#include <stdbool.h>
#include <string.h>
#include <sys/types.h>

#include "base/frame.h"

struct harness {
    char *dir; /* temporary: root/, run/, log/ */
    char id[65];
    int rundir;
    int control;
    struct frame_reader in;
    json_t *events; /* that came while an answer was waited for */
    int fd;         /* that came with the last answer, or -1 */
    pid_t shim;
    int64_t seq;
    int out, err;                     /* attached streams, or -1 */
    const struct sock_filter *limits; /* loaded into the shim before it starts */
    size_t nlimits;
};

/* cmocka fixtures: a root, a run directory, no shim yet. */
int harness_setup(void **state);
int harness_teardown(void **state);

void shim_start(struct harness *h);
/* Asks, and returns the answer (the caller's); events meanwhile are kept. */
json_t *ask_fd(struct harness *h, json_t *msg, int fd);
json_t *ask(struct harness *h, json_t *msg);
/* Asks and expects error 0; returns the answer. */
json_t *ask_ok(struct harness *h, json_t *msg);
json_t *msg_new(const char *type);
/* The next event of a type (the caller's), at most 10 s away. */
json_t *await_event(struct harness *h, const char *type);
/* A connection by `sock`, with its hello done; replaces h->control. */
void reattach(struct harness *h);
/* Waits for the shim's own end. */
int shim_wait(struct harness *h);

/* A plan that runs argv (NULL-terminated) with what a plain container has. */
json_t *plan_new(struct harness *h, const char *const *argv);
json_t *plan_sh(struct harness *h, const char *script);
json_t *plan_process(json_t *plan);
void plan_mount(json_t *plan, json_t *mount);
json_t *prepare_msg(json_t *plan);
/* prepare, attach stdout and stderr, go. */
void run_plan(struct harness *h, json_t *plan);
/* Reads the attached stream to its end; takes the multiplexed frames apart unless `raw`. The caller frees. */
char *read_stream(int fd, bool raw);
int attach(struct harness *h, const char *exec, bool in, bool out, bool err);
/* Waits for `exited`; the code. */
int exit_code(struct harness *h);
void release(struct harness *h);
/* All of it: output of a plan that runs to its end. *code may be NULL. The caller frees. */
char *run_output(struct harness *h, json_t *plan, int *code);
/* A sealed memfd of a filter that answers `errnum` to each of these system calls and lets the rest be. */
int filter_fd(const int *calls, size_t n, int errnum);
size_t filter_build(const int *calls, size_t n, int errnum, struct sock_filter *out);

#define CONTAINS(text, what)                                                                       \
    do {                                                                                           \
        if (!strstr(text, what))                                                                   \
            fail_msg("\"%s\" is not in:\n%s", what, text);                                         \
    } while (0)
