/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who the program runs as
 *
 * "user", "user:group", numbers or names, and the groups beside, resolved in the container's own /etc/passwd and /etc/group as
 * Docker does (moby/sys/user, GetExecUser).
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "base/userdb.h"
#include "shim/task.h"

static int add_group(void *ctx, gid_t gid, struct err *err)
{
    struct identity *who = ctx;
    for (uint32_t i = 0; i < who->ngroups; i++)
        if (who->groups[i] == gid)
            return 0;
    if (who->ngroups == IDENTITY_GROUPS)
        return err_set(err, -E2BIG, "more than %d supplementary groups", IDENTITY_GROUPS);
    who->groups[who->ngroups++] = gid;
    return 0;
}

static int set_home(struct identity *who, const char *home, struct err *err)
{
    int n = snprintf(who->home, sizeof(who->home), "HOME=%s", str_empty(home) ? "/" : home);
    return n < 0 || (size_t)n >= sizeof(who->home)
               ? err_set(err, -ENAMETOOLONG, "the home directory in /etc/passwd is too long")
               : 0;
}

int identity_resolve(int root, const struct process *p, struct identity *who, struct err *err)
{
    _cleanup_(freep) char *user = xstrdup(p->user), *name = NULL, *home = NULL, *groups = NULL;
    char *group = user;
    struct userdb_ids ids;
    strsep(&group, ":");
    who->ngroups = 0;
    int r = userdb_user(root, user, &ids, &name, &home, err);
    if (r == 0)
        r = set_home(who, home, err);
    if (r == 0)
        r = userdb_read(root, "/etc/group", &groups, err);
    if (r == 0 && !str_empty(group))
        r = userdb_group(groups, group, &ids.gid, err);
    if (r < 0)
        return r;
    who->uid = ids.uid;
    who->gid = ids.gid;
    /* Docker puts the primary group among the supplementary ones, so that setgid cannot shed it. */
    r = add_group(who, who->gid, err);
    if (r == 0 && str_empty(group) && name)
        r = userdb_memberships(groups, name, add_group, who, err);
    for (size_t i = 0; r == 0 && i < p->ngroups; i++) {
        gid_t gid;
        r = userdb_group(groups, p->groups[i], &gid, err);
        if (r == 0)
            r = add_group(who, gid, err);
    }
    return r;
}
