/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sizes: what images share, and what the disk holds of them
 *
 * An image's size is that of its files. What the disk holds is more: whole blocks, directories, and the blob that a layer was made from. Layers
 * do not change, so each is measured once.
 */
#include <errno.h>

#include "base/json.h"
#include "image/internal.h"
#include "plugin/err-bridge.h"

static bool disk_known(struct image_store *s, const char *chain_id, int64_t *bytes)
{
    pthread_mutex_lock(&s->lock);
    uintptr_t n = (uintptr_t)map_get(&s->disk, chain_id);
    pthread_mutex_unlock(&s->lock);
    *bytes = (int64_t)n;
    return n > 0;
}

static void disk_note(struct image_store *s, const char *chain_id, int64_t bytes)
{
    pthread_mutex_lock(&s->lock);
    map_set(&s->disk, chain_id, (void *)(uintptr_t)bytes);
    pthread_mutex_unlock(&s->lock);
}

int layer_disk(struct image_store *s, const struct state_layer *l, int64_t *bytes, struct err *err)
{
    struct berth_usage usage = {.size = sizeof(usage)};
    int64_t blob = 0;
    if (disk_known(s, l->chain_id, bytes))
        return 0;
    if (!BERTH_HAS(s->ops, usage))
        return err_set(err, -ENOTSUP, "the storage driver %s measures nothing", s->driver);
    PLUGIN_ERR(perr, err);
    int r = plugin_result(s->ops->usage(s->self, l->layer_id, &usage, &perr.base), err, s->driver,
                          "usage");
    if (r < 0)
        return r;
    if (l->blob)
        (void)blob_disk(s->blobs, l->blob, &blob);
    *bytes = usage.bytes + blob;
    disk_note(s, l->chain_id, *bytes);
    return 0;
}

struct sizes {
    struct state_layers layers;
    struct map size;  /* chain id → bytes, an integer */
    struct map users; /* chain id → images, an integer */
    int64_t total;
};

static void sizes_fini(struct sizes *z)
{
    state_layers_fini(&z->layers);
    map_fini(&z->size, NULL);
    map_fini(&z->users, NULL);
}

static void map_add(struct map *m, const char *key, int64_t n)
{
    map_set(m, key, (void *)((uintptr_t)map_get(m, key) + (uintptr_t)n));
}

static int measure(struct image_store *s, bool disk, struct sizes *z, struct err *err)
{
    int r = state_layer_list(s->state, s->driver, &z->layers, err);
    for (size_t i = 0; r == 0 && i < z->layers.n; i++) {
        const struct state_layer *l = z->layers.v[i];
        _cleanup_(err_fini) struct err gone = {0};
        int64_t bytes = l->size;
        if (!l->ready || (disk && layer_disk(s, l, &bytes, &gone) < 0)) /* it may just go */
            continue;
        map_add(&z->size, l->chain_id, bytes);
        z->total += bytes;
    }
    return r;
}

static int count_users(struct image_store *s, struct sizes *z, int64_t *configs, struct err *err)
{
    _cleanup_(state_images_fini) struct state_images all = {0};
    int r = state_image_list(s->state, &all, err);
    for (size_t i = 0; r == 0 && i < all.n; i++) {
        const char *chain;
        int64_t bytes = 0;
        strv_foreach (chain, &all.v[i]->layers)
            map_add(&z->users, chain, 1);
        (void)blob_disk(s->blobs, all.v[i]->id, &bytes);
        *configs += bytes;
    }
    return r;
}

static void put_sizes(struct image_store *s, const struct sizes *z, json_t *image, bool disk)
{
    _cleanup_(state_image_freep) struct state_image *i = NULL;
    int64_t size = 0, shared = 0;
    const char *chain;
    if (state_image_get(s->state, json_str(image, "Id", ""), &i, NULL) < 0)
        return;
    strv_foreach (chain, &i->layers) {
        int64_t bytes = (int64_t)(uintptr_t)map_get(&z->size, chain);
        size += bytes;
        shared += (uintptr_t)map_get(&z->users, chain) > 1 ? bytes : 0;
    }
    if (disk)
        json_put_int(image, "Size", size);
    json_put_int(image, "SharedSize", shared);
}

int image_list_sizes(struct image_store *s, json_t *images, bool disk, int64_t *total,
                     struct err *err)
{
    _cleanup_(sizes_fini) struct sizes z = {0};
    int64_t configs = 0;
    int r = measure(s, disk, &z, err);
    if (r < 0 || (r = count_users(s, &z, &configs, err)) < 0)
        return r;
    size_t i;
    json_t *image;
    json_array_foreach (images, i, image)
        put_sizes(s, &z, image, disk);
    if (total)
        *total = z.total + (disk ? configs : 0);
    return 0;
}

int image_layers_disk(struct image_store *s, json_t **out, struct err *err)
{
    _cleanup_(sizes_fini) struct sizes z = {0};
    int r = measure(s, true, &z, err);
    if (r < 0)
        return r;
    const char *chain;
    void *bytes;
    *out = json_object();
    for (size_t i = 0; map_next(&z.size, &i, &chain, &bytes);)
        json_put_int(*out, chain, (int64_t)(uintptr_t)bytes);
    return 0;
}
