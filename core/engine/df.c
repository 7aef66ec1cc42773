/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Disk usage
 *
 * What is counted is what the disk holds, in whole blocks: layers with the blobs that they were made from, writable layers, logs, volumes. Their
 * sum is what `du` says of the data directory, but for the database. Each tree is measured without any lock; what goes meanwhile counts nothing.
 */
#include <errno.h>
#include <fcntl.h>

#include "base/fs.h"
#include "base/json.h"
#include "engine/internal.h"
#include "engine/volumes.h"
#include "image/store.h"
#include "state/volume.h"

static int put_images(struct engine *e, json_t *o, struct err *err)
{
    const struct image_list_opts opts = {.all = true, .containers = true};
    json_t *list = NULL;
    int64_t total = 0;
    int r = engine_image_list(e, &opts, &list, err);
    if (r == 0)
        r = image_list_sizes(e->images, list, true, &total, err);
    if (r < 0) {
        json_decref(list);
        return r;
    }
    json_put_int(o, "LayersSize", total);
    json_put_take(o, "Images", list);
    return 0;
}

/* Its log, and the small files that are made for each start. */
static int64_t logs_bytes(struct engine *e, const char *id)
{
    _cleanup_(freep) char *path = container_path(e, id, NULL);
    int64_t bytes = 0;
    return fs_tree_bytes(AT_FDCWD, path, &bytes) < 0 ? 0 : bytes;
}

static int put_containers(struct engine *e, json_t *o, struct err *err)
{
    const struct container_list_opts opts = {.all = true, .size = true};
    _cleanup_(freep) char *text = NULL;
    json_t *list = NULL, *c;
    size_t i;
    int r = engine_container_list(e, &opts, &text, err);
    if (r == 0)
        list = json_loads(text, 0, NULL);
    if (r == 0 && !list)
        r = err_set(err, -EIO, "the list of containers cannot be read");
    if (r < 0)
        return r;
    json_array_foreach (list, i, c) {
        json_default_take(c, "SizeRw", json_integer(0));
        json_default_take(c, "SizeRootFs", json_integer(0));
        json_put_int(c, "SizeLogs", logs_bytes(e, json_str(c, "Id", "")));
    }
    json_put_take(o, "Containers", list);
    return 0;
}

static json_t *usage_view(struct engine *e, const char *name)
{
    _cleanup_(strv_fini) struct strv users = {0};
    json_t *o = json_object();
    json_put_int(o, "Size", volume_bytes(e, name));
    json_put_int(o, "RefCount",
                 state_volume_users(e->state, name, &users, NULL) < 0 ? -1 : (int64_t)users.n);
    return o;
}

static int put_volumes(struct engine *e, json_t *o, struct err *err)
{
    _cleanup_(state_volumes_fini) struct state_volumes list = {0};
    int r = state_volume_list(e->state, &list, err);
    if (r < 0)
        return r;
    json_t *volumes = json_array();
    for (size_t i = 0; i < list.n; i++) {
        json_t *v = volume_view(e, list.v[i]);
        json_put_take(v, "UsageData", usage_view(e, list.v[i]->name));
        json_push_take(volumes, v);
    }
    json_put_take(o, "Volumes", volumes);
    return 0;
}

int engine_system_df(struct engine *e, unsigned kinds, json_t **out, struct err *err)
{
    json_auto_t *o = json_object();
    json_put_int(o, "LayersSize", 0);
    json_put_take(o, "Images", json_null());
    json_put_take(o, "Containers", json_null());
    json_put_take(o, "Volumes", json_null());
    json_put_take(o, "BuildCache", kinds & DF_BUILD_CACHE ? json_array() : json_null());
    int r = kinds & DF_IMAGES ? put_images(e, o, err) : 0;
    if (r == 0 && kinds & DF_CONTAINERS)
        r = put_containers(e, o, err);
    if (r == 0 && kinds & DF_VOLUMES)
        r = put_volumes(e, o, err);
    if (r == 0)
        *out = json_incref(o);
    return r;
}
