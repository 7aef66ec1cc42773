/* SPDX-License-Identifier: Apache-2.0 */
/* The file that a helper is found again by; internal to plugin/. */
#pragma once

#include <sys/types.h>

#include "base/err.h"

/* Writes that `pid` runs for `key`. */
int helper_record_write(const char *dir, const char *key, pid_t pid, struct err *err);
void helper_record_remove(const char *dir, const char *key);
/* Finds what a record names. 1 and a pidfd: it lives; 0: there is no record, or it is from before a reboot;
 * -ESRCH: there is one, and the program has died. Other negative errno in words. */
int helper_record_open(const char *dir, const char *key, int *pidfd, struct err *err);
