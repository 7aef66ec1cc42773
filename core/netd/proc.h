/* SPDX-License-Identifier: Apache-2.0 */
/* Processes that are watched: told apart from a later one with the same number by their start time. */
#pragma once

#include <stdint.h>
#include <sys/types.h>

/* Field 22 of /proc/PID/stat; negative errno (-ESRCH: no such process). */
int64_t proc_start(pid_t pid);
/* A pidfd of the process that has this start time (0: whatever it is); -ESRCH when it is gone. */
int proc_open(pid_t pid, int64_t start);
