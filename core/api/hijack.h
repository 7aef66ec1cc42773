/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hijacked connections
 *
 * The HTTP connection becomes a plain two-way stream of a container: with 101 when the client asked
 * for an upgrade, after a bare 200 when it did not.
 */
#pragma once

#include <stdbool.h>

#include "api/detach.h"
#include "api/request.h"

/* engine_fd is taken over. `detach` counts for terminals only; NULL: none. */
int reply_hijack(struct request *r, int engine_fd, bool tty, const struct detach *detach,
                 struct err *err);
/* The same for a stream that ends at once with these words (on stdout). */
int reply_hijack_words(struct request *r, bool tty, const char *words, struct err *err);

void hijack_free(struct hijack *h);
DEFINE_CLEANUP(struct hijack *, hijack_free);
