/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of volumes, and which containers use them. Durable when the function returns. */
#pragma once

#include <stdbool.h>

#include "base/str.h"
#include "state/state.h"

struct state_volume {
    char *name, *driver;
    int64_t created_ns;
    json_t *labels, *options; /* objects of strings; NULL is stored as {} */
    bool anonymous;
};
void state_volume_fini(struct state_volume *v);
void state_volume_free(struct state_volume *v);
DEFINE_CLEANUP(struct state_volume *, state_volume_free);

struct state_volumes {
    struct state_volume **v;
    size_t n;
};
void state_volumes_fini(struct state_volumes *list);

/* -EEXIST. */
int state_volume_insert(struct state *s, const struct state_volume *v, struct err *err);
/* -ENOENT; -EBUSY "remove NAME: volume is in use - [ID, …]". `user` (may be NULL): a container that is being removed itself and
 * whose use does not count. `last` (may be NULL) is called when nothing but the commit is left to do: its failure undoes the
 * deletion. It may touch one name of a file, nothing slower, for it runs under the writer's lock. */
int state_volume_delete(struct state *s, const char *name, const char *user,
                        int (*last)(void *arg, const char *name), void *arg, struct err *err);
/* -ENOENT "get NAME: no such volume". */
int state_volume_get(struct state *s, const char *name, struct state_volume **out, struct err *err);
/* By name. */
int state_volume_list(struct state *s, struct state_volumes *out, struct err *err);

/* Notes that a container mounts a volume at `target`; gone with the container's row. Repeating is fine. -ENOENT when
 * either has no row. */
int state_volume_use(struct state *s, const char *container_id, const char *volume,
                     const char *target, struct err *err);
/* Ids of the containers that use it, added to `out`. */
int state_volume_users(struct state *s, const char *volume, struct strv *out, struct err *err);
/* Names of the volumes that a container uses, added to `out`. `anonymous_only`: for rm -v and --rm. */
int state_volume_of_container(struct state *s, const char *container_id, bool anonymous_only,
                              struct strv *out, struct err *err);
