/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The list of containers, kept
 *
 * One item per container, as text, newest first; made of the committed row when it is asked for, and made anew only when the row or its
 * endpoints have changed since. Bounded by the number of containers.
 */
#pragma once

#include "engine/internal.h"

struct list_item {
    unsigned refs;
    /* What filters and the status need; of `config` Labels and of `runtime` the health's Status only, no other documents. */
    struct state_container row;
    char *head, *tail; /* the entry's JSON before and after the value of Status */
};

struct list_snapshot {
    struct list_item **v; /* newest first */
    size_t n;
};
void list_snapshot_fini(struct list_snapshot *s);

struct list_cache *list_cache_new(struct engine *e);
/* To be told of each change of a row, once it is committed. */
void list_cache_row_changed(struct list_cache *c, const char *id);
void list_cache_free(struct list_cache *c);
/* What was committed before the call, at least. Nothing of it changes any more. */
int list_cache_take(struct list_cache *c, struct list_snapshot *out, struct err *err);
