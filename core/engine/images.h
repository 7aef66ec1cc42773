/* SPDX-License-Identifier: Apache-2.0 */
/* Images inside the engine: who uses one, and its removal with the events. */
#pragma once

#include "engine/internal.h"

/* Numbers of containers by image id, {"sha256:ID": N}. */
int images_count_users(struct engine *e, json_t **counts, struct err *err);
/* For struct image_users; `ctx` is the engine. */
int image_each_user(void *ctx, const char *image_id,
                    void (*user)(void *arg, const char *container_id, bool running), void *arg);
/* image_remove() of the image `id` by `ref`, and its events. */
int image_remove_and_tell(struct engine *e, const char *id, const char *ref, bool force,
                          json_t **out, struct err *err);
