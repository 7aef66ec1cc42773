/* SPDX-License-Identifier: Apache-2.0 */
/* What `ps` prints, read. */
#pragma once

#include <jansson.h>
#include <sys/types.h>

#include "base/err.h"

/* Refuses arguments that give a column other than the pid's a title that begins with PID: -EIO in Docker's words. */
int top_check_args(const char *args, struct err *err);
/* `text` (changed) as {"Titles", "Processes"} with the processes whose pid is among `pids`. -EIO where it has no column PID. */
int top_parse(char *text, const pid_t *pids, size_t n, json_t **out, struct err *err);
