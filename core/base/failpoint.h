/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Failpoints: named places after durable steps where a test can make the process die or a step fail
 *
 * Compiled to nothing unless configured with -Dfailpoints=true. BERTH_FAILPOINTS in the environment holds
 * "name=crash", "name=stop" (SIGSTOP to itself) or "name=ENOSPC", comma separated.
 */
#pragma once

#include "build-config.h"

#if BERTH_FAILPOINTS
/* 0, or the negative errno that the step has to return; does not return at all when the test asked for a crash. */
int failpoint(const char *name);
#else
static inline int failpoint(const char *name)
{
    (void)name;
    return 0;
}
#endif
