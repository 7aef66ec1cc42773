/* SPDX-License-Identifier: Apache-2.0 */
/* Who a pid is: start time, boot id, pidfd. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Field 22 of /proc/PID/stat. -ESRCH when there is no such process (a zombie counts as one that is there). */
int procfs_start_time(pid_t pid, uint64_t *out);
/* The kernel's boot id, 36 characters; static storage, read once. Never NULL. */
const char *procfs_boot_id(void);
/* True when `pid` lives and started at `start`, in this boot (boot_id may be NULL: not compared). */
bool procfs_is(pid_t pid, uint64_t start, const char *boot_id);
/* Its state as in /proc/PID/stat: 'R', 'S', 'D', 'T' (stopped), 'Z', …; 0 when it is gone. */
char procfs_state(pid_t pid);
/* What a process is at, for words of errors: "state D, in request_wait_answer". NULL when it is gone; the caller frees. */
char *procfs_waits_in(pid_t pid);
/* A pidfd (O_CLOEXEC) of the process that has this start time, or a negative errno (-ESRCH: it is another one or none). */
int procfs_pidfd(pid_t pid, uint64_t start);
/* Signals through a pidfd; negative errno. */
int procfs_pidfd_kill(int pidfd, int signal);
