/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files kept for who follows
 *
 * A file that rotation lets go is renamed to ID-json.log.kept-N while somebody follows the log, so that a follower that is some
 * rotations behind misses nothing. Who follows holds a shared lock on the directory. The oldest go when together they
 * take more than KEPT_MAX_BYTES (the newest stays), and all of them at the first rotation that nobody follows.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "files.h"

#define KEPT_MAX_BYTES (16 << 20)

/* The writer's side. Zero-initialise. */
struct kept {
    uint64_t first, next; /* the numbers in use: first … next - 1 */
    int64_t bytes;
    uint64_t lost; /* files that went although somebody followed */
};

/* `dir` is the reader's own descriptor; the lock goes with it. Negative errno. */
int kept_follow(int dir);
/* Whether somebody follows now. */
bool kept_is_followed(int dir);

/* Takes up what an earlier writer kept. */
void kept_open(struct kept *k, int dir, const char *id);
/* `name` gets the next number; `link`: beside the name it has. Negative errno. */
int kept_take(struct kept *k, int dir, const char *id, const char *name, bool gz, bool link);
/* Removes them all. */
void kept_drop(struct kept *k, int dir, const char *id);

/* Calls each(ctx, name, gz) from the newest to the oldest, until it returns not 0. Negative errno. */
int kept_each(int dir, const char *id, int (*each)(void *ctx, const char *name, bool gz),
              void *ctx);
