/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Statistics of containers
 *
 * One clock for all: each second a sample of each container that somebody watches, however many they are. The public side stands in
 * engine/engine.h (engine_container_stats_*).
 */
#pragma once

#include "engine/internal.h"

struct stats *stats_new(struct engine *e);
/* Ends every subscription; they stay the readers' to close, before stats_free(). */
void stats_end(struct stats *s);
void stats_free(struct stats *s);
/* A container's row has changed: what is known of it is looked up again before its next sample. */
void stats_row_changed(struct stats *s, const char *id);
