/* SPDX-License-Identifier: Apache-2.0 */
/* What the live view shows: the containers' numbers as sorted lines, one of them selected. */
#pragma once

#include "client/stats-feed.h"
#include "client/stats-row.h"

enum top_key { TOP_CPU, TOP_MEMORY, TOP_NETWORK, TOP_BLOCK, TOP_PIDS, TOP_NAME, TOP_KEYS };

struct top_row {
    char *id, *name;
    bool known; /* numbers have come */
    struct stats_numbers n;
};

struct top_rows {
    struct top_row *v;
    size_t n;
    enum top_key key;
    bool reversed;  /* largest last; of names: z first */
    char *selected; /* an id; stays with its container */
    size_t first;   /* the row at the top of the screen */
};

/* Takes the feed's newest numbers. The selection stays, or goes to the first row. */
void top_rows_take(struct top_rows *r, const struct stats_feed *f);
void top_rows_fini(struct top_rows *r);
/* Sorts by that key; once more by the same one turns the order. */
void top_rows_sort(struct top_rows *r, enum top_key key);
/* NULL: there are no rows. */
const struct top_row *top_rows_selected(const struct top_rows *r, size_t *index);
/* Moves the selection, so far as there are rows, and scrolls to it on a screen of `lines`. */
void top_rows_move(struct top_rows *r, int by, int lines);
/* Exactly `columns` cells, without what has no place; row NULL: the titles. The caller frees. */
char *top_row_line(const struct top_rows *r, const struct top_row *row, int columns);
/* "3 containers, CPU 12.5 %, 120MiB" */
char *top_rows_summary(const struct top_rows *r);
