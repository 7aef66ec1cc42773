/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A health check without a process: a connection inside the container's network
 *
 * The socket is made while the shim stands in the container's network namespace, and belongs to it from then on; all else is the
 * shim's own loop. Nothing blocks, and no process is made.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "base/err.h"
#include "base/str.h"

struct shim;
struct check_net;

/* `net`: {"hosts": [addresses, tried in order], "port", "request": text to send and have answered, or null}. `done` is called once,
 * with the exit code of a command that had seen the same (0, 1) and what there is to read, never before this returns. */
int check_net_start(struct shim *s, const json_t *net, size_t output_max,
                    void (*done)(void *arg, int code, const struct buf *output), void *arg,
                    struct check_net **out, struct err *err);
/* Ends it; NULL is fine. */
void check_net_free(struct check_net *n);
/* What it waits for, in words. */
char *check_net_words(const struct check_net *n);
