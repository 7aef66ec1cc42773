/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mount points
 *
 * Reads HostConfig.Binds, HostConfig.Mounts and Config.Volumes into one list. A mount point has Docker's members (Type, Name,
 * Source, Destination, Driver, Mode, RW, Propagation) and ours, which inspect leaves out: Recursive, Options (tmpfs), NoCopy,
 * Anonymous, CreateSource, Labels and DriverOpts (of a volume to be made).
 */
#pragma once

#include <jansson.h>

#include "base/err.h"

/* *mounts: a new array. A volume without a name is anonymous; its Name is made up here. Nothing is touched on disk. -EINVAL
 * in Docker's words, -ENOTSUP for kinds that are not supported. */
int mounts_read(const json_t *config, const json_t *host_config, json_t **mounts, struct err *err);
/* What inspect and list show of them: a new array. */
json_t *mounts_view(const json_t *mounts);
/* Volume names: [a-zA-Z0-9][a-zA-Z0-9_.-]*, in Docker's words. */
int volume_name_check(const char *name, struct err *err);
