/* SPDX-License-Identifier: Apache-2.0 */
/* A small pool of threads for work that comes from outside any request: exits, auto-removal. It grows while all of its threads hang. */
#pragma once

#include "base/err.h"

struct jobs;

int jobs_open(unsigned threads, struct jobs **out, struct err *err);
/* Runs what is queued, then ends the threads. */
void jobs_close(struct jobs *j);
/* Calls fn(arg) on a thread of the pool. Never fails: the queue is as long as it has to be. */
void jobs_add(struct jobs *j, void (*fn)(void *arg), void *arg);
