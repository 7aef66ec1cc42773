/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rename
 *
 * A name is a column of the row, and unique there: whether it is free is the database's answer to the change itself. What was made with the old
 * name (a host name, tags of a log) keeps it until the next start.
 */
#include <errno.h>

#include "base/failpoint.h"
#include "base/json.h"
#include "engine/internal.h"
#include "engine/names.h"
#include "engine/record.h"

static void set_name(struct state_container *row, void *arg)
{
    free(row->name);
    row->name = xstrdup(arg);
}

static int check_name(const char *name, struct err *err)
{
    if (name_check(name, NULL) == 0)
        return 0;
    return err_set(err, -EINVAL,
                   "Error when allocating new name: Invalid container name (/%s), only "
                   "[a-zA-Z0-9][a-zA-Z0-9_.-] are allowed, 2 to 255 of them",
                   name);
}

static void rename_event(struct engine *e, const struct state_container *row, const char *old)
{
    json_t *extra = json_object();
    json_put_strf(extra, "oldName", "/%s", old);
    container_event(e, row, "rename", extra);
}

static int rename_claimed(struct engine *e, const struct state_container *row, char *name,
                          struct err *err)
{
    _cleanup_(state_container_freep) struct state_container *now = NULL;
    if (str_eq(row->name, name))
        return err_set(err, -EINVAL, "Renaming a container with the same name as its current name");
    int r = check_name(name, err);
    if (r == 0)
        r = failpoint("rename.begun", err);
    if (r < 0)
        return r;
    r = container_modify(e, row->id, set_name, name, &now, err);
    if (r < 0)
        return err_wrap(err, "Error when allocating new name");
    (void)failpoint("rename.row", NULL);
    record_write(e, row->id);
    rename_event(e, now, row->name);
    return 0;
}

int engine_container_rename(struct engine *e, const char *ref, const char *name, struct err *err)
{
    _cleanup_(state_container_freep) struct state_container *row = NULL;
    if (str_empty(name) || str_empty(ref))
        return err_set(err, -EINVAL, "Neither old nor new names may be empty");
    _cleanup_(freep) char *bare = xstrdup(name[0] == '/' ? name + 1 : name);
    int r = container_claim(e, ref, "rename", CLAIM_LIMIT_MS, &row, err);
    if (r < 0)
        return r;
    _cleanup_(claim_end) struct claim claim = {e, row->id};
    return rename_claimed(e, row, bare, err);
}
