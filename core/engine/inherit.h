/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a container takes from daemon.conf
 *
 * A value that the client left out is shown in HostConfig, but it is daemon.conf's: the row notes it as inherited, and every start takes
 * it anew. Defaults that need no place in the row (ulimits, init, stop_timeout, DNS, options of log drivers) are
 * read where they are used.
 */
#pragma once

#include "engine/internal.h"

/* Names of the values of `host_config` that are daemon.conf's, as the client gave it: an array for runtime.inherited. */
json_t *inherit_names(const json_t *host_config);
/* Fills the inherited ones in. */
void inherit_fill(const struct config *cfg, const json_t *names, const char *log_driver,
                  json_t *host_config);
/* HostConfig as a start makes it real: with daemon.conf's word on seccomp and init, and the default profile of AppArmor (or NULL),
 * where the container has none of its own. A copy. */
json_t *inherit_effective(const struct config *cfg, const char *apparmor,
                          const struct state_container *row);
/* daemon.conf's limits ("nofile=1024:524288") in the form of HostConfig.Ulimits. */
json_t *inherit_ulimits(const struct config *cfg);
/* Notes in a row that is about to run what its execs need of these. */
void inherit_note_start(struct state_container *row, const json_t *host_config,
                        const json_t *ulimits);
/* HostConfig as it was at the start of what runs, a copy; *ulimits is borrowed from the row, NULL: none. */
json_t *inherit_running(const struct state_container *row, const json_t **ulimits);
/* The AppArmor profile of the last start, "" for none; the caller frees. */
char *inherit_apparmor(const struct state_container *row);
/* Before a start: *row gets today's defaults, on disk, too. */
int container_inherit(struct engine *e, struct state_container **row, struct err *err);
