/* SPDX-License-Identifier: Apache-2.0 */
/* Monitors of an earlier build. */
#pragma once

#include "engine/internal.h"

/* Brings them to this daemon's berth-shim, one after the other, on a thread of its own. What cannot be is said in the log, and
 * that monitor goes on as it was. */
void shims_upgrade(struct engine *e);
