/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Verify: rows of images and layers against the driver's layers and the blobs
 *
 * What is being made or removed meanwhile has a row first and loses it last, so lists of things are read before the rows that they are held
 * against, and what seems to belong to nothing is looked at once more.
 */
#include <errno.h>
#include <fcntl.h>

#include "base/json.h"
#include "base/log.h"
#include "image/internal.h"
#include "plugin/err-bridge.h"
#include "state/container.h"

#define BLOCK (256 << 10)

struct verify {
    struct image_store *s;
    bool deep;
    image_found_fn *found;
    void *arg;
    struct map layers; /* ids that the driver has */
    struct strv blobs;
};

static void say(const struct verify *v, enum image_fault fault, const char *object,
                const char *words)
{
    v->found(v->arg, fault, object, words);
}

static int note_layer(void *ctx, const char *id)
{
    struct verify *v = ctx;
    map_set(&v->layers, id, v);
    return 0;
}

static int note_blob(void *ctx, const char *digest, int64_t size)
{
    struct verify *v = ctx;
    (void)size;
    strv_add(&v->blobs, digest);
    return 0;
}

static int gather(struct verify *v, struct err *err)
{
    struct image_store *s = v->s;
    PLUGIN_ERR(perr, err);
    int r = plugin_result(s->ops->layer_list(s->self, note_layer, v, &perr.base), err, s->driver,
                          "layer_list");
    return r < 0 ? r : blob_each(s->blobs, note_blob, v, err);
}

static bool has_blob(const struct verify *v, const char *digest)
{
    int64_t size;
    return blob_size(v->s->blobs, digest, &size, NULL) == 0;
}

/* --- images */

static void verify_image_layers(const struct verify *v, const struct state_image *i)
{
    const char *chain;
    strv_foreach (chain, &i->layers)
        if (state_layer_anywhere(v->s->state, chain) == 0) {
            _cleanup_(freep) char *words =
                str_printf("its layer %s is in no storage driver", chain);
            say(v, IMAGE_LAYERLESS, i->id, words);
        }
}

static int verify_images(struct verify *v, json_t *counts, struct err *err)
{
    _cleanup_(state_images_fini) struct state_images all = {0};
    int r = state_image_list(v->s->state, &all, err);
    for (size_t k = 0; r == 0 && k < all.n; k++) {
        const struct state_image *i = all.v[k];
        _cleanup_(state_image_freep) struct state_image *again = NULL;
        char digest[DIGEST_MAX];
        if (!blob_exists(v->s->blobs, i->id) &&
            state_image_get(v->s->state, i->id, &again, NULL) == 0 &&
            !blob_exists(v->s->blobs, i->id))
            say(v, IMAGE_CONFIG_MISSING, i->id,
                "its configuration is in the database only: a recovery would not find the image");
        digest_of(i->config, strlen(i->config), digest);
        if (!str_eq(digest, i->id))
            say(v, IMAGE_CONFIG_DAMAGED, i->id, "its configuration is not what its id says");
        verify_image_layers(v, i);
    }
    json_put_int(counts, "Images", (int64_t)all.n);
    return r;
}

int image_store_mend(struct image_store *s, const char *image_id, struct err *err)
{
    _cleanup_(state_image_freep) struct state_image *i = NULL;
    char digest[DIGEST_MAX];
    int r = state_image_get(s->state, image_id, &i, err);
    return r < 0 ? r : blob_put(s->blobs, i->config, strlen(i->config), digest, err);
}

/* --- layers */

static bool is_held(struct image_store *s, const char *chain_id)
{
    pthread_mutex_lock(&s->lock);
    bool held = map_get(&s->held, chain_id) != NULL;
    pthread_mutex_unlock(&s->lock);
    return held;
}

static bool driver_has(const struct verify *v, const char *layer_id)
{
    char parent[128];
    struct berth_layer_stat st = {.size = sizeof(st), .parent = parent};
    PLUGIN_ERR(perr, NULL);
    return v->s->ops->layer_stat(v->s->self, layer_id, &st, &perr.base) == 0;
}

static int layer_now(const struct verify *v, const struct state_layer *l, struct state_layer **now)
{
    if (is_held(v->s, l->chain_id))
        return -EBUSY;
    return state_layer_get(v->s->state, v->s->driver, l->chain_id, now, NULL);
}

static void verify_layer(const struct verify *v, const struct state_layer *l)
{
    _cleanup_(state_layer_freep) struct state_layer *now = NULL, *still = NULL;
    if (layer_now(v, l, &now) < 0)
        return;
    if (!now->ready) {
        say(v, IMAGE_LAYER_UNFINISHED, l->chain_id,
            "its making or removal was interrupted; the next start or import finishes it");
        return;
    }
    bool has_tree = driver_has(v, l->layer_id),
         has_blob = !l->blob || blob_exists(v->s->blobs, l->blob);
    /* It may have been removed while we looked. */
    if ((has_tree && has_blob) || layer_now(v, l, &still) < 0 || !still->ready)
        return;
    if (!has_tree)
        say(v, IMAGE_LAYER_MISSING, l->chain_id, "the storage driver does not have it");
    if (!has_blob)
        say(v, IMAGE_BLOB_MISSING, l->blob,
            "a layer was made from it: without it a recovery cannot make the layer again");
}

static int verify_layers(struct verify *v, json_t *counts, struct err *err)
{
    _cleanup_(state_layers_fini) struct state_layers all = {0};
    _cleanup_(state_containers_fini) struct state_containers containers = {0};
    int r = state_layer_list(v->s->state, v->s->driver, &all, err);
    if (r == 0)
        r = state_container_list(v->s->state, false, &containers, err);
    for (size_t i = 0; r == 0 && i < all.n; i++) {
        verify_layer(v, all.v[i]);
        map_del(&v->layers, all.v[i]->layer_id);
    }
    for (size_t i = 0; r == 0 && i < containers.n; i++)
        if (containers.v[i]->layer_id)
            map_del(&v->layers, containers.v[i]->layer_id);
    const char *id;
    void *value;
    for (size_t i = 0; r == 0 && map_next(&v->layers, &i, &id, &value);)
        if (driver_has(v, id))
            say(v, IMAGE_LAYER_STRAY, id,
                "a layer of the storage driver that no image and no container has; it may be the "
                "data of a container that was lost, so it is left for you to look at");
    json_put_int(counts, "Layers", (int64_t)all.n);
    return r;
}

/* --- blobs */

static bool is_whole(const struct verify *v, const char *digest)
{
    _cleanup_(closep) int fd = blob_open(v->s->blobs, digest, NULL);
    _cleanup_(freep) char *block = xmalloc(BLOCK);
    struct digest d;
    char have[DIGEST_MAX];
    ssize_t n = 1;
    digest_init(&d);
    while (fd >= 0 && (n = read(fd, block, BLOCK)) > 0)
        digest_update(&d, block, (size_t)n);
    digest_final(&d, have);
    return fd == -ENOENT || (n == 0 && str_eq(have, digest));
}

static void verify_blobs(struct verify *v, json_t *counts)
{
    const char *digest;
    strv_foreach (digest, &v->blobs) {
        if (state_blob_used(v->s->state, digest, NULL) == 0 && has_blob(v, digest))
            say(v, IMAGE_BLOB_STRAY, digest,
                "a blob that no image and no layer has; it is left, for an image that was lost "
                "could be made of it");
        if (v->deep && !is_whole(v, digest))
            say(v, IMAGE_BLOB_DAMAGED, digest, "its content is not what its digest says");
    }
    json_put_int(counts, "Blobs", (int64_t)v->blobs.n);
}

int image_store_verify(struct image_store *s, bool deep, image_found_fn *found, void *arg,
                       json_t *counts, struct err *err)
{
    struct verify v = {.s = s, .deep = deep, .found = found, .arg = arg};
    int r = gather(&v, err);
    if (r == 0)
        r = verify_images(&v, counts, err);
    if (r == 0)
        r = verify_layers(&v, counts, err);
    if (r == 0)
        verify_blobs(&v, counts);
    map_fini(&v.layers, NULL);
    strv_fini(&v.blobs);
    return r;
}
