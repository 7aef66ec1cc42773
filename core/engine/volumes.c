/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Volumes
 *
 * Named directories below data_root/volumes that outlive containers. The API's constant "local" names the one driver that is
 * built in: Docker's clients send and expect that word.
 */
#include "engine/volumes.h"

#include <errno.h>
#include <fcntl.h>

#include "base/clock.h"
#include "base/failpoint.h"
#include "base/fs.h"
#include "base/id.h"
#include "base/json.h"
#include "base/log.h"
#include "engine/body.h"
#include "engine/filters.h"
#include "engine/mounts.h"
#include "engine/volume-tree.h"
#include "state/volume.h"

char *volume_path(struct engine *e, const char *name)
{
    return str_printf("%s/volumes/%s/_data", state_data_root(e->state), name);
}

int64_t volume_bytes(struct engine *e, const char *name)
{
    _cleanup_(freep) char *path = str_printf("%s/volumes/%s", state_data_root(e->state), name);
    int64_t bytes = 0;
    return fs_tree_bytes(AT_FDCWD, path, &bytes) < 0 ? -1 : bytes;
}

static void volume_event(struct engine *e, const char *name, const char *action, json_t *attributes)
{
    json_t *all = attributes ? attributes : json_object();
    json_put_str(all, "driver", "local");
    event_publish(e->events, "volume", action, name, all);
}

static int check_driver(const char *name, const char *driver, const json_t *options,
                        struct err *err)
{
    if (!str_empty(driver) && !str_eq(driver, "local"))
        return err_set(err, -ENOENT,
                       "create %s: error looking up volume plugin %s: plugin \"%s\" not found "
                       "(\"local\" is there)",
                       name, driver, driver);
    if (json_object_size(options) > 0)
        return err_set(err, -EINVAL,
                       "create %s: options of volumes of the driver \"local\" are not supported",
                       name);
    return 0;
}

int volume_ensure(struct engine *e, const char *name, const char *driver, const json_t *labels,
                  const json_t *options, bool anonymous, bool *made, struct err *err)
{
    _cleanup_(state_volume_freep) struct state_volume *there = NULL;
    if (made)
        *made = false;
    int r = check_driver(name, driver, options, err);
    if (r < 0)
        return r;
    r = state_volume_get(e->state, name, &there, err);
    if (r != -ENOENT)
        return r;
    err_clear(err);
    _cleanup_(freep) char *staged = NULL;
    r = volume_tree_new(e, name, &staged, err);
    if (r == 0)
        r = failpoint("volume.tree", err);
    json_auto_t *none = json_null(); /* which is not {}: what was asked for is shown */
    struct state_volume v = {.name = (char *)name,
                             .driver = "local",
                             .created_ns = time_now_ns(),
                             .labels = labels ? (json_t *)labels : none,
                             .options = options ? (json_t *)options : none,
                             .anonymous = anonymous};
    if (r == 0)
        r = state_volume_insert(e->state, &v, err);
    if (r < 0) {
        volume_tree_drop(e, staged);
        if (r != -EEXIST)
            return r;
        err_clear(err); /* somebody was quicker: theirs is as good */
        return 0;
    }
    (void)failpoint("volume.row", NULL);
    r = volume_tree_keep(e, name, staged, err);
    if (r < 0) {
        (void)state_volume_delete(e->state, name, NULL, NULL, NULL, NULL);
        volume_tree_drop(e, staged);
        return r;
    }
    if (made)
        *made = true;
    volume_event(e, name, "create", NULL);
    return 0;
}

struct destroying {
    struct engine *engine;
    char *aside;
};

static int put_aside(void *arg, const char *name)
{
    struct destroying *d = arg;
    _cleanup_(err_fini) struct err ignored = {0};
    int r = volume_tree_aside(d->engine, name, &d->aside);
    return r < 0 ? r : failpoint("volume.aside", &ignored);
}

/* The tree leaves its place with the row, in one step; that it takes up no space any more comes later. */
int volume_destroy(struct engine *e, const char *name, const char *user, struct err *err)
{
    struct destroying d = {.engine = e};
    int r = state_volume_delete(e->state, name, user, put_aside, &d, err);
    _cleanup_(freep) char *aside = d.aside;
    if (r < 0) {
        if (aside)
            volume_tree_back(e, name, aside);
        return r;
    }
    (void)failpoint("volume.deleted", NULL);
    _cleanup_(err_fini) struct err why = {0};
    if (volume_tree_remove(e, aside, &why) < 0)
        log_warn("volume %s is removed, its files are not all: %s", name, err_msg(&why));
    volume_event(e, name, "destroy", NULL);
    return 0;
}

void volumes_event(struct engine *e, const struct state_container *row, const char *action)
{
    const json_t *mounts = json_arr(row->runtime, "mounts");
    for (size_t i = 0; i < json_array_size(mounts); i++) {
        const json_t *m = json_array_get(mounts, i);
        if (!str_eq(json_str(m, "Type", ""), "volume"))
            continue;
        json_t *attributes = json_object();
        json_put_str(attributes, "container", row->id);
        if (str_eq(action, "mount")) {
            json_put_str(attributes, "destination", json_str(m, "Destination", ""));
            json_put_str(attributes, "propagation", json_str(m, "Propagation", ""));
            json_put_str(attributes, "read/write", json_bool(m, "RW", true) ? "true" : "false");
        }
        volume_event(e, json_str(m, "Name", ""), action, attributes);
    }
}

/* As clients see them. */
static json_t *volume_labels(const struct state_volume *v)
{
    json_t *labels = json_deep_copy(v->labels);
    if (v->anonymous && !json_is_object(labels)) {
        json_decref(labels);
        labels = json_object();
    }
    if (v->anonymous) /* how Docker marks them, and what its prune goes by */
        json_put_str(labels, "com.docker.volume.anonymous", "");
    return labels;
}

json_t *volume_view(struct engine *e, const struct state_volume *v)
{
    _cleanup_(freep) char *path = volume_path(e, v->name);
    json_t *o = json_object(), *labels = volume_labels(v);
    json_put_time(o, "CreatedAt", v->created_ns / NS_PER_SEC * NS_PER_SEC);
    json_put_str(o, "Driver", v->driver);
    json_put(o, "Labels", labels);
    json_put_str(o, "Mountpoint", path);
    json_put_str(o, "Name", v->name);
    json_put(o, "Options", v->options);
    json_put_str(o, "Scope", "local");
    json_decref(labels);
    return o;
}

bool volume_matches_prune(const struct state_volume *v, const json_t *filters)
{
    json_auto_t *labels = volume_labels(v);
    return filters_match_prune(filters, labels);
}

static const struct member volume_members[] = {
    {"Name", MEMBER_STRING, "\"\""},
    {"Driver", MEMBER_STRING, "\"\""},
    {"DriverOpts", MEMBER_STRING_MAP, NULL},
    {"Labels", MEMBER_STRING_MAP, NULL},
    {"ClusterVolumeSpec", MEMBER_OBJECT, NULL},
};

int engine_volume_create(struct engine *e, const json_t *body, json_t **out, struct err *err)
{
    json_auto_t *spec = NULL;
    int r = body_read(body, volume_members, ARRAY_SIZE(volume_members), "VolumeCreateOptions",
                      &spec, err);
    if (r < 0)
        return r;
    if (json_obj(spec, "ClusterVolumeSpec"))
        return err_set(err, -ENOTSUP, "cluster volumes are not supported");
    char made_up[ID_MAX];
    const char *name = json_str(spec, "Name", "");
    bool anonymous = !*name;
    if (anonymous) {
        id_new(made_up);
        name = made_up;
    }
    r = volume_name_check(name, err);
    if (r == 0)
        r = volume_ensure(e, name, json_str(spec, "Driver", ""), json_obj(spec, "Labels"),
                          json_obj(spec, "DriverOpts"), anonymous, NULL, err);
    return r < 0 ? r : engine_volume_inspect(e, name, out, err);
}

int engine_volume_inspect(struct engine *e, const char *name, json_t **out, struct err *err)
{
    _cleanup_(state_volume_freep) struct state_volume *v = NULL;
    int r = state_volume_get(e->state, name, &v, err);
    if (r == 0)
        *out = volume_view(e, v);
    return r;
}

int engine_volume_remove(struct engine *e, const char *name, bool force, struct err *err)
{
    int r = volume_destroy(e, name, NULL, err);
    if (r == -ENOENT && force) {
        err_clear(err);
        return 0;
    }
    return r;
}

static int matches_dangling(struct engine *e, const struct state_volume *v, const json_t *filters,
                            bool *match, struct err *err)
{
    bool want = false;
    *match = true;
    int r = filters_bool(filters, "dangling", &want, err);
    if (r < 0 || !filters_has(filters, "dangling"))
        return r;
    _cleanup_(strv_fini) struct strv users = {0};
    r = state_volume_users(e->state, v->name, &users, err);
    *match = (users.n == 0) == want;
    return r;
}

int engine_volume_list(struct engine *e, const json_t *filters, json_t **out, struct err *err)
{
    static const char *const allowed[] = {"dangling", "driver", "label", "name", NULL};
    _cleanup_(state_volumes_fini) struct state_volumes list = {0};
    int r = filters_check(filters, allowed, err);
    if (r == 0)
        r = state_volume_list(e->state, &list, err);
    json_auto_t *volumes = json_array();
    for (size_t i = 0; r == 0 && i < list.n; i++) {
        const struct state_volume *v = list.v[i];
        json_auto_t *labels = volume_labels(v);
        bool match;
        r = matches_dangling(e, v, filters, &match, err);
        if (r == 0 && match && filters_match_regex(filters, "name", v->name) &&
            filters_match_exact(filters, "driver", v->driver) &&
            filters_match_labels(filters, "label", labels))
            json_push_take(volumes, volume_view(e, v));
    }
    if (r < 0)
        return r;
    *out = json_object();
    json_put_take(*out, "Volumes", steal_ptr(&volumes));
    json_put_take(*out, "Warnings", json_null());
    return 0;
}
