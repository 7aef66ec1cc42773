/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Timers of drivers
 *
 * One thread, started with the first timer, calls functions when their time has come, one after the other. Handles are
 * numbers, never pointers, so that a handle of a timer that has fired is harmless.
 */
#pragma once

#include <stdint.h>

#include "base/cleanup.h"

struct timers;

struct timers *timers_new(void);
/* Cancels all, ends the thread. Not from inside a timer. */
void timers_free(struct timers *t);
DEFINE_CLEANUP(struct timers *, timers_free);

/* Calls fn(arg) once after `ms` milliseconds (CLOCK_MONOTONIC). 0 when the thread could not be started. */
uint64_t timers_start(struct timers *t, int64_t ms, void (*fn)(void *arg), void *arg);
/* Afterwards fn is not running and will not run. Inside fn of the same timer it returns at once. */
void timers_cancel(struct timers *t, uint64_t id);
