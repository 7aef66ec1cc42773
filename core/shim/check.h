/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Health checks
 *
 * berthd says when; the shim runs one check at a time, gathers the first bytes of what it prints, and ends it when its time is up, with
 * all that it started, whether berthd is still there or not. A check is in no `status` and no `state`: its only trace is `checked`.
 */
#pragma once

#include <jansson.h>

#include "base/err.h"

struct check;
struct conn;
struct exec;
struct shim;

/* The message `check`. One that is still running is ended first, unheard. */
int check_order(struct shim *s, struct conn *from, const json_t *msg, struct err *err);
/* The message `check_stop`: ends it, unheard, if it is this one (id NULL: any). */
void check_stop(struct shim *s, const char *id);
/* Who ordered it is gone, and with him the wish for its result. */
void check_forsake(struct shim *s, const struct conn *who);
/* exec.c's news of a check's process. */
void check_failed(struct check *c, const struct err *why);
void check_output(struct check *c, const char *data, size_t n);
void check_exited(struct check *c, int code);
/* An earlier image's check: what is left of it is killed, and its orderer told. */
void check_resume(struct shim *s, const json_t *doc);
/* For the next image. */
void check_save(const struct shim *s, json_t *doc);
void check_free_all(struct shim *s);
