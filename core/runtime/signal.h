/* SPDX-License-Identifier: Apache-2.0 */
/* Signal names as Docker's clients and images write them. */
#pragma once

#include "base/err.h"

/* "SIGTERM", "term", "15", "RTMIN+3", "SIGRTMAX-1" → the number (1 … 64). -EINVAL "Invalid signal: x". */
int signal_parse(const char *word, int *out, struct err *err);
/* "TERM" without SIG, "RTMIN+3", or NULL for a number that has no name. Static storage. */
const char *signal_name(int number);
