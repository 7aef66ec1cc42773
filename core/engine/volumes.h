/* SPDX-License-Identifier: Apache-2.0 */
/* Volumes inside the engine: what create, start and remove of containers need of them. */
#pragma once

#include "engine/internal.h"

/* data_root/volumes/<name>/_data; the caller frees. */
char *volume_path(struct engine *e, const char *name);
struct state_volume;
/* As the API shows it. */
json_t *volume_view(struct engine *e, const struct state_volume *v);
/* What the disk holds of it; -1 where that cannot be said. */
int64_t volume_bytes(struct engine *e, const char *name);
/* `label` and `label!` of a prune. */
bool volume_matches_prune(const struct state_volume *v, const json_t *filters);
/* Makes a volume, or finds the one of that name. *made tells which (may be NULL). labels and options may be NULL. */
int volume_ensure(struct engine *e, const char *name, const char *driver, const json_t *labels,
                  const json_t *options, bool anonymous, bool *made, struct err *err);
/* Row and tree, with its event. -EBUSY while a container uses it, -ENOENT. `user` (may be NULL): a container that is being
 * removed, too, whose use does not count. */
int volume_destroy(struct engine *e, const char *name, const char *user, struct err *err);
/* The events of a container's volumes: "mount" at start, "unmount" after its end. */
void volumes_event(struct engine *e, const struct state_container *row, const char *action);
/* Gives a directory that has no row one. */
int volume_adopt(struct engine *e, const char *name, struct err *err);
/* At start-up: a directory that looks like a volume and has no row gets one. What a crash left of a volume's making or removal is
 * finished or taken back. `recovering`: there are no rows yet, so nothing says that a removal was meant. */
void volumes_adopt(struct engine *e, bool recovering);
