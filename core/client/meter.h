/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Meters: how far a long transfer is
 *
 * One line on the terminal with what has been moved, how fast, and how long the rest takes; nothing where stderr is no terminal. The line is
 * drawn when something moves, at most ten times a second, and is gone at the end.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct meter {
    char label[48];      /* "Sending"; cut where it is longer */
    int64_t done, total; /* total < 0: not known */
    int64_t started_ns, drawn_ns;
    bool on; /* stderr is a terminal */
};

/* NULL is a meter that shows nothing, for all of these. */
void meter_begin(struct meter *m, const char *label, int64_t total);
/* The total becomes known. */
void meter_total(struct meter *m, int64_t total);
void meter_add(struct meter *m, int64_t bytes);
/* A position instead of a step, and another label and total: for what is told by the daemon. */
void meter_set(struct meter *m, const char *label, int64_t done, int64_t total);
/* Takes the line away, so that something else can be printed; the next step draws it again. */
void meter_clear(struct meter *m);
#define meter_end meter_clear

/* "45.3MB / 120MB  61.2MB/s  2s left"; the caller frees. */
char *meter_words(int64_t done, int64_t total, int64_t elapsed_ns);
/* The bytes that can be read from a regular file from where it stands, or -1. */
int64_t meter_total_of(int fd);
