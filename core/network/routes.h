/* SPDX-License-Identifier: Apache-2.0 */
/* Routes of the host: which of them a subnet would overlap. */
#pragma once

#include "base/err.h"
#include "network/addr.h"

/* 0 when no route of the calling thread's namespace (but default routes) overlaps `subnet`, save through `device` (may
 * be NULL); else -EADDRINUSE and words that name both and the owner. */
int routes_check(const struct cidr *subnet, const char *device, struct err *err);
