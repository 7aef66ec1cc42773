/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs that drivers need (FUSE and the like)
 *
 * Started by posix_spawn in a session of their own, in the cgroup of whoever starts them; recorded by key in a directory
 * of the driver's run_dir, so that a new daemon finds them again. Each is watched through its pidfd on one thread.
 */
#pragma once

#include <stddef.h>

#include "base/err.h"

struct helpers;

/* `dir` is made when the first helper is started. */
struct helpers *helpers_new(const char *dir);
/* Ends the watch; the programs live on. Not from inside `died`. */
void helpers_free(struct helpers *h);
DEFINE_CLEANUP(struct helpers *, helpers_free);

/* As berth_host.helper_start(). A record of a program that died while nobody watched is answered by died(arg, -1) and
 * nothing is started; what ran before a reboot is forgotten. */
int helpers_start(struct helpers *h, const char *key, const char *const *argv, const int *fds,
                  size_t nfds, void (*died)(void *arg, int status), void *arg, struct err *err);
/* As berth_host.helper_stop(); `died` is not called. Also finds a helper of an earlier daemon. */
int helpers_stop(struct helpers *h, const char *key);
