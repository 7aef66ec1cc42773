/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Users and groups of a container
 *
 * Names become numbers by the /etc/passwd and /etc/group of its root, read by our own code: no library of the host's or the
 * container's takes part. A number need not be listed, a name must be, as in Docker (moby/sys/user).
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

struct userdb_ids {
    uid_t uid;
    gid_t gid;
};

/* The text of a file below the root, "" when it is not there; the caller frees. */
int userdb_read(int root, const char *path, char **out, struct err *err);
/* The user's entry: *name and *home are the caller's, NULL where there is none. "" is uid 0. */
int userdb_user(int root, const char *user, struct userdb_ids *ids, char **name, char **home,
                struct err *err);
/* A group of a text of /etc/group. */
int userdb_group(const char *list, const char *group, gid_t *gid, struct err *err);
/* Calls each(ctx, gid) for the groups that list the user as a member, until it fails. */
int userdb_memberships(const char *list, const char *name,
                       int (*each)(void *ctx, gid_t gid, struct err *err), void *ctx,
                       struct err *err);
/* "user" or "user:group", numbers or names. */
int userdb_lookup(int root, const char *spec, struct userdb_ids *ids, struct err *err);
