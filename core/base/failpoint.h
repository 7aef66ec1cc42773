/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Failpoints: named places after durable steps where a test can make the process die or a step fail
 *
 * Compiled to nothing unless configured with -Dfailpoints=true. BERTH_FAILPOINTS in the environment holds "NAME=ACTION", or "@FILE" with
 * that as its first line, which is read at each place. NAME is a failpoint's or "*" for any of berthd's own (those of others begin with
 * "netd." or "shim."); ACTION is "crash", "stop" (SIGSTOP to itself), an errno's name ("ENOSPC") or "trace", which only logs what is
 * passed; "@N" behind it: only the Nth time since the text has changed. Tests read the
 * names out of the binaries, where each begins with FAILPOINT_MARK: one that no test passes is a failure.
 */
#pragma once

#include "base/err.h"
#include "build-config.h"

#define FAILPOINT_MARK "failpoint:"

#if BERTH_FAILPOINTS
/* 0, or the negative errno that the step has to return, with words; does not return at all when the test asked for a crash. err NULL:
 * a place where one can only die, for the step is done. */
#define failpoint(name, err) failpoint_pass(FAILPOINT_MARK name, err)
int failpoint_pass(const char *marked, struct err *err);
#else
#define failpoint(name, err) ((void)sizeof(err), 0)
#endif
