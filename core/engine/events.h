/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events
 *
 * A ring of the last events, with readers that each have a place in it. Publishing never waits for a reader: one that
 * falls behind the ring is told so. The public side stands in engine/engine.h (engine_events_*).
 */
#pragma once

#include <jansson.h>
#include <stdint.h>

#include "base/err.h"

struct event_ring;
struct event_sub;

struct event_ring *event_ring_new(void);
/* Ends every subscription; they stay the readers' to close, so the ring lives until the last one is closed. */
void event_ring_end(struct event_ring *r);

/* Publishes {"Type","Action","Actor",…}. `attributes` (an object of strings, or NULL) is taken over. */
void event_publish(struct event_ring *r, const char *type, const char *action, const char *id,
                   json_t *attributes);

/* How many subscriptions are open. */
int64_t event_ring_readers(struct event_ring *r);

/* As engine_events_open(). */
int event_sub_open(struct event_ring *r, const json_t *filters, int64_t since_ns, int64_t until_ns,
                   struct event_sub **out, struct err *err);
