/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plan
 *
 * What a driver asked for: an ordered list of links, addresses, routes and sysctls, with the properties that the
 * firewall keys on. It is JSON from the start, for it is stored as such, so that it can be taken back after a
 * restart:
 *   {"netns": 1, "device": "berth0", "publish": "172.29.0.2", "flags": {"icc": true, …},
 *    "ops": [{"op": "link", "kind": "veth", …}, {"op": "address", …}, {"op": "route", …}, {"op": "sysctl", …}]}
 */
#pragma once

#include <jansson.h>

#include "berth/network.h"

#include "base/err.h"

struct plan {
    struct berth_plan api; /* what the driver gets */
    json_t *json;
    struct err err; /* why a call of the driver's was refused; empty when none was */
};

void plan_init(struct plan *p);
void plan_fini(struct plan *p);
