/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trees that are gone
 *
 * A layer that is removed leaves its place by one rename, and its files are deleted by a thread, one tree after the other: whoever removes it
 * does not wait for them. What is left when the driver is closed is emptied out when it is opened again.
 */
#pragma once

#include "berth/storage.h"

struct reaper;
/* Deletes in tmp_fd (borrowed); NULL without memory. The thread comes with the first tree. */
struct reaper *reaper_new(const struct berth_host *host, int tmp_fd);
/* Ends after the tree at hand. */
void reaper_free(struct reaper *r);
/* Moves `name` of `dir` away: 0 or a negative errno, and then it is where it was. One that is not there is fine. */
int reaper_take(struct reaper *r, int dir, const char *name);
