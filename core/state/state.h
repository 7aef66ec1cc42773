/* SPDX-License-Identifier: Apache-2.0 */
/*
 * State: the database of one data_root
 *
 * SQLite in WAL mode, the one source of truth. Writes are serialised and short; readers have connections of their own
 * and never wait for a writer. Rows of containers, execs, networks and endpoints survive kill -9 at once and a power
 * cut after seconds; volumes, images and layers are on disk when their function returns.
 *
 * All functions are safe from any thread. Rows are copies: a struct that was read belongs to the caller, and what
 * happens to it changes nothing until it is written back. The objects stand in state/container.h, exec.h, network.h,
 * volume.h and image.h.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct state;

/* Opens data_root (made when it is missing) and holds it: -EBUSY, naming the owner's pid, while another daemon has it.
 * A database that is missing beside existing data, corrupt, or of a newer schema is refused (-EUCLEAN) in words that
 * name `berthd --recover`. */
int state_open(const char *data_root, struct state **out, struct err *err);
void state_close(struct state *s);
DEFINE_CLEANUP(struct state *, state_close);

/* A pair that state_recover() leaves in the new database, until what can be found again has its rows. */
#define STATE_RECOVERY "recovery"

/* Moves the database aside (berth.db.bad-TIME, said in the log) and makes a new one that holds STATE_RECOVERY only; the data stays.
 * Call it before state_open(), which then accepts the data_root. -EBUSY while a daemon has it. */
int state_recover(const char *data_root, struct err *err);

/* 8 hex digits, made once per data_root; part of every name that the host can see. */
const char *state_instance(const struct state *s);
const char *state_data_root(const struct state *s);

/* Free pairs, for what has no table. get: -ENOENT; *value is the caller's. set with NULL removes. */
int state_meta_get(struct state *s, const char *key, char **value, struct err *err);
int state_meta_set(struct state *s, const char *key, const char *value, struct err *err);

/* Tells each(arg, words) what is wrong inside the database; `deep`: with every index. */
int state_verify(struct state *s, bool deep, void (*each)(void *arg, const char *words), void *arg,
                 struct err *err);

/* A verb that was at work on an object when the daemon died. */
struct state_claim {
    char *kind; /* "container" or "network" */
    char *id, *verb;
    int64_t since_ns;
};
struct state_claims {
    struct state_claim *v;
    size_t n;
};
void state_claims_fini(struct state_claims *c);

/* For start-up: the claims that there are, oldest first, so that the caller can repair and then give each back. */
int state_claims_list(struct state *s, struct state_claims *out, struct err *err);
