/* SPDX-License-Identifier: Apache-2.0 */
/* Capability sets as 64-bit masks: names, Docker's default set, and what CapAdd and CapDrop make of it. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/* "CAP_NET_ADMIN", "net_admin" → its bit number; -EINVAL. ALL is not a capability. */
int caps_parse(const char *name, unsigned *bit);
/* "CAP_CHOWN" …; NULL when the number has no name. */
const char *caps_name(unsigned bit);
/* Docker's fourteen. */
uint64_t caps_default(void);
/* The bounding set of this process: what it can give at all. */
uint64_t caps_bounding(void);
/* The set of a container with this HostConfig (CapAdd, CapDrop, Privileged), cut to the bounding set. -EINVAL names the
 * capability that nobody knows. Those that were asked for by name or by Privileged but are not in the bounding set are pushed to `missing`
 * (an array of strings; may be NULL). */
int caps_of(const json_t *host_config, uint64_t *mask, json_t *missing, struct err *err);
