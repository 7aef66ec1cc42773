/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reaper of links
 *
 * To delete a link the kernel waits until nobody can be looking at it any more, which takes longer than everything else of a
 * container's end, but as long for fifty links as for one. So a link that is done is taken off its bridge, brought down
 * and put into this instance's link group, at once, and a thread deletes the group.
 */
#pragma once

#include <jansson.h>
#include <stdint.h>

#include "base/err.h"

struct reaper;

/* The link group of an instance's links that wait for their deletion. */
uint32_t reaper_group(const char *instance);

/* Deletes what an earlier run left, too. NULL with err set. */
struct reaper *reaper_open(const char *instance, struct err *err);
/* Deletes what is left. */
void reaper_close(struct reaper *r);

/* The link is no bridge's port, is down and belongs to the reaper when this answers; what is not there is fine. `sock`: rtnetlink's. */
int reaper_take(struct reaper *r, int sock, const char *name, struct err *err);
