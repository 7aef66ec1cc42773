/* SPDX-License-Identifier: Apache-2.0 */
/* An update that was cut off. */
#pragma once

#include "engine/internal.h"

/* At start-up: gives the groups of a container the limits of its row. */
void container_update_finish(struct engine *e, const char *id);
