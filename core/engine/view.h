/* SPDX-License-Identifier: Apache-2.0 */
/* What list and inspect share. */
#pragma once

#include "engine/internal.h"

/* "About a minute", as Docker's clients know it. The caller frees. */
char *duration_words(int64_t ns);
/* "Up 3 minutes", "Exited (1) 2 hours ago", "Created" … The caller frees. */
char *status_words(const struct state_container *row, int64_t now_ns);
/* Bytes of the writable layer, and with the image below it. */
int container_sizes(struct engine *e, const struct state_container *row, int64_t *rw,
                    int64_t *rootfs, struct err *err);
