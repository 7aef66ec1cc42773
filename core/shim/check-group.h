/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control group of a health check
 *
 * A check runs in a group of its own below its container's, so that whatever it has started can be found again however it was
 * forked: by double forks, in sessions of its own, with the output still open. On version 2 the group is below the container's
 * one group; on version 1 in one hierarchy only (the freezer's, else that of pids), all others are the container's.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "shim/plan.h"

#define CHECK_JOIN_MAX 64

struct check_group {
    char *dir;     /* NULL: this machine has no hierarchy for it */
    char *parent;  /* the container's own group */
    size_t member; /* version 1: which of the plan's `join` this one replaces */
    /* Open from one check to the next: version 1's files to join by, version 2's directory (or -1). */
    int join[CHECK_JOIN_MAX], at;
    size_t njoin;
};

/* Names the group; makes nothing. */
void check_group_init(struct check_group *g, const struct plan *p);
void check_group_fini(struct check_group *g);
/* Makes it and opens what a process joins it by. False: it cannot be made, and the check runs in the container's group. */
bool check_group_make(struct check_group *g, const struct plan *p);
/* Sends SIGKILL to all that is in it. 0: nothing was; else a pid of what was. */
pid_t check_group_kill(const struct check_group *g);
/* What is in it stays with the container. */
void check_group_empty(const struct check_group *g);
/* Without a group: SIGKILL to a process and to those descendants that can be found. */
void check_tree_kill(pid_t pid);
