/* SPDX-License-Identifier: Apache-2.0 */
/* Opening the image store, checking it, finding images. */
#include "image/store.h"

#include <errno.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "image/internal.h"
#include "plugin/err-bridge.h"
#include "state/container.h"

void image_store_close(struct image_store *s)
{
    if (!s)
        return;
    blob_store_close(s->blobs);
    map_fini(&s->held, NULL);
    map_fini(&s->pins, NULL);
    map_fini(&s->disk, NULL);
    pthread_mutex_destroy(&s->lock);
    pthread_cond_destroy(&s->freed);
    free(s->driver);
    free(s->shown);
    free(s);
}

/* A database that is new says nothing about what was meant to go. */
static int blob_in_use(void *ctx, const char *digest)
{
    struct image_store *s = ctx;
    _cleanup_(freep) char *mark = NULL;
    return state_meta_get(s->state, STATE_RECOVERY, &mark, NULL) == 0
               ? 1
               : state_blob_used(s->state, digest, NULL);
}

/* An image's row holds its configuration: a blob that a crash (or somebody) took away is written again. */
static void config_complete(struct image_store *s, const char *id)
{
    _cleanup_(err_fini) struct err err = {0};
    _cleanup_(state_image_freep) struct state_image *i = NULL;
    char digest[DIGEST_MAX];
    int64_t size;
    if (blob_size(s->blobs, id, &size, NULL) == 0)
        return;
    int r = state_image_get(s->state, id, &i, &err);
    if (r == 0)
        r = blob_put(s->blobs, i->config, strlen(i->config), digest, &err);
    if (r < 0)
        log_warn("image %s: its configuration is in the database only: %s", id, err_msg(&err));
}

static int configs_complete(struct image_store *s, struct err *err)
{
    _cleanup_(strv_fini) struct strv ids = {0};
    int r = state_image_match(s->state, "sha256:", INT64_MAX, &ids, err);
    const char *id;
    if (r == 0)
        strv_foreach (id, &ids)
            config_complete(s, id);
    return r;
}

int image_store_open(const struct image_store_params *p, struct image_store **out, struct err *err)
{
    _cleanup_(image_store_closep) struct image_store *s = xcalloc(1, sizeof(*s));
    s->state = p->state;
    s->ops = p->ops;
    s->self = p->self;
    s->driver = xstrdup(p->driver);
    s->shown = xstrdup(p->shown ? p->shown : p->driver);
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->freed, NULL);
    int r = blob_store_open(state_data_root(p->state), &s->blobs, err);
    if (r < 0 || (r = blob_settle(s->blobs, blob_in_use, s, err)) < 0 ||
        (r = configs_complete(s, err)) < 0 || (r = layer_repair(s, err)) < 0 ||
        (r = layer_collect(s, NULL, err)) < 0)
        return r;
    *out = steal_ptr(&s);
    return 0;
}

struct check {
    struct map known;
    void (*unknown)(void *ctx, const char *layer_id);
    void *ctx;
};

static int check_one(void *ctx, const char *layer_id)
{
    struct check *c = ctx;
    if (!map_get(&c->known, layer_id))
        c->unknown(c->ctx, layer_id);
    return 0;
}

static int gather_known(struct image_store *s, struct map *known, struct err *err)
{
    _cleanup_(state_layers_fini) struct state_layers layers = {0};
    _cleanup_(state_containers_fini) struct state_containers containers = {0};
    int r = state_layer_list(s->state, s->driver, &layers, err);
    if (r < 0 || (r = state_container_brief(s->state, &containers, err)) < 0)
        return r;
    for (size_t i = 0; i < layers.n; i++)
        map_set(known, layers.v[i]->layer_id, known);
    for (size_t i = 0; i < containers.n; i++)
        if (containers.v[i]->layer_id)
            map_set(known, containers.v[i]->layer_id, known);
    return 0;
}

int image_store_check(struct image_store *s, void (*unknown)(void *ctx, const char *layer_id),
                      void *ctx, struct err *err)
{
    struct check c = {.unknown = unknown, .ctx = ctx};
    int r = gather_known(s, &c.known, err);
    if (r == 0) {
        PLUGIN_ERR(perr, err);
        r = plugin_result(s->ops->layer_list(s->self, check_one, &c, &perr.base), err, s->driver,
                          "layer_list");
    }
    map_fini(&c.known, NULL);
    return r;
}

bool image_usable(struct image_store *s, const struct state_image *i)
{
    _cleanup_(state_layer_freep) struct state_layer *l = NULL;
    return i->layers.n > 0 && layer_ready(s, i->layers.v[i->layers.n - 1], &l, NULL) == 0;
}

int image_parse(const struct state_image *i, json_t **out, struct err *err)
{
    int r = json_parse(i->config, strlen(i->config), out, err);
    return r < 0 ? err_wrap(err, "image %s", i->id) : 0;
}

static int no_such(const char *ref, struct err *err)
{
    _cleanup_(reference_fini) struct reference r = {0};
    if (str_after(ref, "sha256:") || reference_parse(ref, &r, NULL) < 0)
        return err_set(err, -ENOENT, "No such image: %s", ref);
    if (!r.tag && !r.digest)
        r.tag = xstrdup("latest");
    _cleanup_(freep) char *familiar = reference_familiar(&r);
    return err_set(err, -ENOENT, "No such image: %s", familiar);
}

/* The id by reference: 0, -ENOENT (also for what is none), or what the database says. */
static int by_reference(struct image_store *s, const char *ref, char **id, struct err *err)
{
    _cleanup_(reference_fini) struct reference r = {0};
    if (reference_parse(ref, &r, NULL) < 0)
        return -ENOENT;
    if (!r.tag && !r.digest)
        r.tag = xstrdup("latest");
    if (r.digest) { /* the tag is not looked at */
        free(r.tag);
        r.tag = NULL;
    }
    _cleanup_(freep) char *name = reference_canonical(&r);
    return state_reference_get(s->state, name, id, err);
}

static int by_prefix(struct image_store *s, const char *ref, char **id, struct err *err)
{
    const char *hex = str_after(ref, "sha256:");
    hex = hex ? hex : ref;
    if (!str_only(hex, "0123456789abcdef") || strlen(hex) > 64)
        return -ENOENT;
    _cleanup_(freep) char *prefix = str_printf("sha256:%s", hex);
    _cleanup_(strv_fini) struct strv ids = {0};
    int r = state_image_match(s->state, prefix, 2, &ids, err);
    if (r < 0)
        return r;
    if (ids.n > 1)
        return err_set(err, -EINVAL, "multiple IDs found with provided prefix: %s", ref);
    if (ids.n == 0)
        return -ENOENT;
    *id = xstrdup(ids.v[0]);
    return 0;
}

int image_find(struct image_store *s, const char *ref, struct state_image **out, struct err *err)
{
    _cleanup_(freep) char *id = NULL;
    _cleanup_(reference_fini) struct reference parsed = {0};
    bool hex = id_valid(ref) || digest_valid(ref);
    if (!hex && !str_after(ref, "sha256:") && reference_parse(ref, &parsed, err) < 0)
        return -EINVAL;
    int r = hex ? -ENOENT : by_reference(s, ref, &id, err);
    if (r == -ENOENT)
        r = by_prefix(s, ref, &id, err);
    if (r == 0)
        r = state_image_get(s->state, id, out, err);
    return r == -ENOENT ? no_such(ref, err) : r;
}

int image_config(struct image_store *s, const char *image_id, json_t **out, struct err *err)
{
    _cleanup_(state_image_freep) struct state_image *i = NULL;
    json_auto_t *doc = NULL;
    int r = state_image_get(s->state, image_id, &i, err);
    if (r < 0 || (r = image_parse(i, &doc, err)) < 0)
        return r;
    json_t *config = json_obj(doc, "config");
    *out = config ? json_incref(config) : json_object();
    return 0;
}

int image_top_layer(struct image_store *s, const char *image_id, char **layer_id, struct err *err)
{
    _cleanup_(state_image_freep) struct state_image *i = NULL;
    _cleanup_(state_layer_freep) struct state_layer *l = NULL;
    int r = state_image_get(s->state, image_id, &i, err);
    if (r < 0)
        return r;
    if (i->layers.n == 0)
        return err_set(err, -ENOENT, "image %s has no layers", image_id);
    r = layer_ready(s, i->layers.v[i->layers.n - 1], &l, err);
    if (r == 0)
        *layer_id = steal_ptr(&l->layer_id);
    return r;
}
