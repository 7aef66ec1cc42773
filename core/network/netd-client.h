/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Client of berth-netd
 *
 * Starts it when none serves the run directory, talks to it, and starts another one when it dies: that takes up what
 * the dead one held. Safe from any thread; several requests run at once, each on a connection of its own.
 */
#pragma once

#include <jansson.h>
#include <sys/types.h>

#include "base/err.h"

struct netd_client;

/* run_root/netd/ is made. NULL with err set. */
struct netd_client *netd_client_open(const char *netd_path, const char *run_root, struct err *err);
/* netd goes on. */
void netd_client_close(struct netd_client *c);

/* Reserves all ports (as ports_request() makes them) or none; *out: the same with "host_port". They are tied to this
 * process until netd_watch(). -EADDRINUSE names the address. */
int netd_reserve(struct netd_client *c, const char *container_id, const json_t *ports, json_t **out,
                 struct err *err);
/* From now on the ports live as long as that process (the shim). start: field 22 of /proc/PID/stat; 0: not known. */
int netd_watch(struct netd_client *c, const char *container_id, pid_t pid, int64_t start,
               struct err *err);
/* What is not there is fine. */
int netd_release(struct netd_client *c, const char *container_id, struct err *err);
/* {"holders": [{"id","pid","start","ports"}]} */
int netd_state(struct netd_client *c, json_t **out, struct err *err);
/* Ends netd and all that it holds: for an engine that stops with no container left. */
int netd_shutdown(struct netd_client *c, struct err *err);
