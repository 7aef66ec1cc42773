/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reservations
 *
 * What netd holds for containers: host sockets, so that nobody else takes a published port. TCP sockets listen and are
 * relayed, UDP sockets are only bound. A holder lives as long as the process that it is tied to (the daemon until
 * the container's shim is known, then the shim), or until it is released. Everything stands in a state file.
 */
#pragma once

#include <jansson.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/loop.h"

struct holds;

/* dirfd: the run directory, borrowed; holds what the state file there says, as far as its processes live. `changed` is
 * called whenever a holder is gone. */
struct holds *holds_open(struct loop *l, int dirfd, void (*changed)(void *arg), void *arg);
void holds_free(struct holds *h);
size_t holds_count(const struct holds *h);

/* Reserves all or nothing. ports: [{"proto":"tcp","host":"0.0.0.0","lo":n,"hi":n,"group":n,"optional":bool,
 * "target":"172.29.0.2","target_port":80}]; lo 0: any free port; entries of one group get one port. *out: the
 * same with "host_port", 0 for an optional one that this host cannot have. -EADDRINUSE names the address. */
int holds_reserve(struct holds *h, const char *id, pid_t pid, const json_t *ports, json_t **out,
                  struct err *err);
/* Ties the holder to another process. -ENOENT. -ESRCH: that process is gone, and so is the holder. */
int holds_watch(struct holds *h, const char *id, pid_t pid, int64_t start, struct err *err);
/* What is not there is fine. */
void holds_release(struct holds *h, const char *id);
/* [{"id","pid","start","ports":[…]}] */
json_t *holds_state(const struct holds *h);
