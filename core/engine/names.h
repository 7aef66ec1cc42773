/* SPDX-License-Identifier: Apache-2.0 */
/* Names of containers: the rule that they follow, and made-up ones. */
#pragma once

#include "base/err.h"

/* [a-zA-Z0-9][a-zA-Z0-9_.-]+, at most 255 bytes; a leading slash is not part of it. -EINVAL in Docker's words. */
int name_check(const char *name, struct err *err);
/* "calm_harbor"; with `attempt` > 0 a digit follows, so that a caller who meets a taken name can try again. The caller
 * frees. */
char *name_generate(unsigned attempt);
