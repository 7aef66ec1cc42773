/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tests' engine: rename, update, top, statistics, prune
 *
 * What a function was given is kept in its answer.
 */
#include <errno.h>
#include <sys/eventfd.h>

#include "base/json.h"
#include "engine/engine.h"

static int check(struct engine *e, const char *ref, struct err *err)
{
    json_auto_t *ignored = NULL;
    return engine_container_inspect(e, ref, false, &ignored, err);
}

int engine_container_rename(struct engine *e, const char *ref, const char *name, struct err *err)
{
    if (str_empty(name))
        return err_set(err, -EINVAL, "Neither old nor new names may be empty");
    return check(e, ref, err);
}

int engine_container_update(struct engine *e, const char *ref, const json_t *body, json_t **out,
                            struct err *err)
{
    int r = check(e, ref, err);
    if (r == 0)
        *out = json_pack("{s:n, s:O}", "Warnings", "Body", body);
    return r;
}

int engine_container_top(struct engine *e, const char *ref, const char *args, json_t **out,
                         struct err *err)
{
    int r = check(e, ref, err);
    if (r == 0)
        *out = json_pack("{s:[s?], s:n}", "Titles", args, "Processes");
    return r;
}

int engine_container_prune(struct engine *e, const json_t *filters, json_t **out, struct err *err)
{
    *out =
        json_pack("{s:n, s:i, s:O?}", "ContainersDeleted", "SpaceReclaimed", 0, "Filters", filters);
    return 0;
}

struct stats_sub {
    enum stats_mode mode;
    int fd, told;
};

int engine_container_stats_open(struct engine *e, const char *ref, enum stats_mode mode,
                                struct stats_sub **out, struct err *err)
{
    int r = check(e, ref, err);
    if (r < 0)
        return r;
    *out = xcalloc(1, sizeof(**out));
    **out = (struct stats_sub){.mode = mode, .fd = eventfd(1, EFD_CLOEXEC)};
    return 0;
}

int engine_container_stats_fd(struct stats_sub *sub)
{
    return sub->fd;
}

int engine_container_stats_next(struct stats_sub *sub, struct buf *out)
{
    if (sub->told++ > (sub->mode == STATS_STREAM))
        return -ENODATA;
    buf_printf(out, "{\"mode\":%d}\n", (int)sub->mode);
    return 1;
}

void engine_container_stats_close(struct stats_sub *sub)
{
    close_fd(sub->fd);
    free(sub);
}
