/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trees of volumes
 *
 * A volume's directory comes and goes by one rename, so that a crash never leaves something that could be taken for a volume, or a
 * volume that could be taken for rubbish. Names that begin with a dot are no volume's: ".new-HEX-NAME" was never one, ".gone-HEX-NAME"
 * is none any more once its row is deleted.
 */
#pragma once

#include "engine/internal.h"

/* An empty tree under a name of its own in *staged (the caller's), on disk. */
int volume_tree_new(struct engine *e, const char *name, char **staged, struct err *err);
/* Whether one of that name is being made or removed. */
bool volume_tree_pending(struct engine *e, const char *name);
/* Makes it the volume's; a directory that is there already stays and is taken. */
int volume_tree_keep(struct engine *e, const char *name, const char *staged, struct err *err);
void volume_tree_drop(struct engine *e, const char *staged);

/* *aside (the caller's): where it is put. Absent is fine. Negative errno. */
int volume_tree_aside(struct engine *e, const char *name, char **aside);
void volume_tree_back(struct engine *e, const char *name, const char *aside);
int volume_tree_remove(struct engine *e, const char *aside, struct err *err);
