/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pruning of images
 *
 * Each one that no container uses goes as `rmi` removes it, name by name, so a prune that is cut off has removed whole images. What cannot go
 * is said in the log and stays.
 */
#include <errno.h>

#include "base/json.h"
#include "base/log.h"
#include "engine/filters.h"
#include "engine/images.h"
#include "engine/pruning.h"
#include "image/store.h"

struct pruning {
    struct engine *engine;
    const json_t *filters;
    json_t *users;  /* numbers of containers by image id, at the beginning; rmi asks again */
    json_t *layers; /* bytes on disk by chain id, as it was before */
    json_t *deleted;
    int64_t bytes;
};

static void prune_ref(struct pruning *p, const char *id, const char *ref)
{
    _cleanup_(err_fini) struct err err = {0};
    json_auto_t *out = NULL;
    if (image_remove_and_tell(p->engine, id, ref, false, &out, &err) < 0) {
        log_info("prune: image %s stays: %s", ref, err_msg(&err));
        return;
    }
    for (size_t i = 0; i < json_array_size(out); i++)
        p->bytes += json_int(p->layers, json_str(json_array_get(out, i), "Deleted", ""), 0);
    json_array_extend(p->deleted, out);
}

/* By its names, one after the other: the last one takes the image with it. */
static void prune_image(struct pruning *p, const json_t *image)
{
    const char *id = json_str(image, "Id", "");
    const json_t *names[] = {json_arr(image, "RepoTags"), json_arr(image, "RepoDigests")};
    bool named = false;
    if (json_int(p->users, id, 0) > 0 ||
        !filters_match_prune(p->filters, json_obj(image, "Labels")))
        return;
    for (size_t k = 0; k < ARRAY_SIZE(names); k++)
        for (size_t i = 0; i < json_array_size(names[k]); i++) {
            prune_ref(p, id, json_string_value(json_array_get(names[k], i)));
            named = true;
        }
    if (!named)
        prune_ref(p, id, id);
}

static json_t *list_filters(bool dangling, const json_t *filters)
{
    json_t *o = json_object();
    if (dangling)
        json_put_take(o, "dangling", json_pack("[s]", "true"));
    if (json_arr(filters, "until"))
        json_put(o, "until", json_arr(filters, "until"));
    return o;
}

static int prune_all(struct pruning *p, bool dangling, struct err *err)
{
    json_auto_t *wanted = list_filters(dangling, p->filters), *list = NULL;
    int r = image_layers_disk(p->engine->images, &p->layers, err);
    if (r == 0)
        r = images_count_users(p->engine, &p->users, err);
    if (r == 0)
        r = image_list(p->engine->images, true, wanted, &list, err);
    for (size_t i = 0; r == 0 && i < json_array_size(list); i++)
        prune_image(p, json_array_get(list, i));
    return r;
}

int engine_image_prune(struct engine *e, const json_t *filters, json_t **out, struct err *err)
{
    static const char *const allowed[] = {"dangling", "label", "label!", "until", NULL};
    bool dangling = true;
    int64_t until;
    int r = filters_check(filters, allowed, err);
    if (r < 0 || (r = filters_bool(filters, "dangling", &dangling, err)) < 0 ||
        (r = filters_until(filters, &until, err)) < 0)
        return r;
    if (!pruning_begin(e, &e->pruning_images))
        return err_set(err, -EBUSY, "a prune operation is already running");
    struct pruning p = {.engine = e, .filters = filters, .deleted = json_array()};
    r = prune_all(&p, dangling, err);
    pruning_end(e, &e->pruning_images);
    json_decref(p.layers);
    json_decref(p.users);
    if (r == 0)
        *out = pruning_report(e, "image", "ImagesDeleted",
                              json_array_size(p.deleted) ? json_incref(p.deleted) : json_null(),
                              p.bytes);
    json_decref(p.deleted);
    return r;
}
