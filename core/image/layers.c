/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making and removing layers
 *
 * Row (not ready), driver, row (ready): whatever a crash leaves, the row says what it was. Removing goes the other way
 * round. `held` keeps two threads off one chain id; its mutex guards the map only.
 */
#include <errno.h>
#include <string.h>

#include "base/failpoint.h"
#include "base/id.h"
#include "base/log.h"
#include "image/internal.h"
#include "plugin/err-bridge.h"

void layer_hold(struct image_store *s, const char *chain_id)
{
    pthread_mutex_lock(&s->lock);
    while (map_get(&s->held, chain_id))
        pthread_cond_wait(&s->freed, &s->lock);
    map_set(&s->held, chain_id, s);
    pthread_mutex_unlock(&s->lock);
}

void layer_release(struct image_store *s, const char *chain_id)
{
    pthread_mutex_lock(&s->lock);
    map_del(&s->held, chain_id);
    pthread_cond_broadcast(&s->freed);
    pthread_mutex_unlock(&s->lock);
}

void layer_pin(struct image_store *s, const char *chain_id)
{
    pthread_mutex_lock(&s->lock);
    uintptr_t n = (uintptr_t)map_get(&s->pins, chain_id);
    map_set(&s->pins, chain_id, (void *)(n + 1));
    while (map_get(&s->held, chain_id)) /* by a collection, perhaps, that has not seen the pin */
        pthread_cond_wait(&s->freed, &s->lock);
    pthread_mutex_unlock(&s->lock);
}

void layer_unpin(struct image_store *s, const char *chain_id)
{
    pthread_mutex_lock(&s->lock);
    uintptr_t n = (uintptr_t)map_del(&s->pins, chain_id);
    if (n > 1)
        map_set(&s->pins, chain_id, (void *)(n - 1));
    pthread_mutex_unlock(&s->lock);
}

static bool is_pinned(struct image_store *s, const char *chain_id)
{
    pthread_mutex_lock(&s->lock);
    bool pinned = map_get(&s->pins, chain_id) != NULL;
    pthread_mutex_unlock(&s->lock);
    return pinned;
}

char *layer_chain_id(const char *parent, const char *diff_id)
{
    char digest[DIGEST_MAX];
    if (!parent)
        return xstrdup(diff_id);
    _cleanup_(freep) char *text = str_printf("%s %s", parent, diff_id);
    digest_of(text, strlen(text), digest);
    return xstrdup(digest);
}

int layer_ready(struct image_store *s, const char *chain_id, struct state_layer **out,
                struct err *err)
{
    _cleanup_(state_layer_freep) struct state_layer *l = NULL;
    int r = state_layer_get(s->state, s->driver, chain_id, &l, err);
    if (r < 0)
        return r;
    if (!l->ready)
        return err_set(err, -ENOENT, "layer %s is not complete", chain_id);
    *out = steal_ptr(&l);
    return 0;
}

static void disk_forget(struct image_store *s, const char *chain_id)
{
    pthread_mutex_lock(&s->lock);
    (void)map_del(&s->disk, chain_id);
    pthread_mutex_unlock(&s->lock);
}

static int driver_remove(struct image_store *s, const char *layer_id, struct err *err)
{
    PLUGIN_ERR(perr, err);
    int r = plugin_result(s->ops->layer_remove(s->self, layer_id, &perr.base), err, s->driver,
                          "layer_remove");
    if (r != -ENOENT)
        return r;
    err_clear(err);
    return 0;
}

static int drop_blob(void *arg, const char *digest)
{
    struct image_store *s = arg;
    return blob_put_aside(s->blobs, digest);
}

static int row_deleted(struct image_store *s, const char *blob, int r)
{
    if (!blob)
        return r;
    if (r < 0)
        blob_put_back(s->blobs, blob);
    else
        blob_forget(s->blobs, blob);
    return r;
}

int layer_delete_row(struct image_store *s, const char *chain_id, const char *blob, struct err *err)
{
    disk_forget(s, chain_id);
    const struct state_blob_last last = {drop_blob, s};
    return row_deleted(s, blob, state_layer_delete(s->state, s->driver, chain_id, &last, err));
}

int image_delete_row(struct image_store *s, const char *id, struct err *err)
{
    const struct state_blob_last last = {drop_blob, s};
    return row_deleted(s, id, state_image_delete(s->state, id, &last, err));
}

static int make_by_ingest(struct image_store *s, const struct layer_plan *p, const char *layer_id,
                          int64_t *bytes, struct err *err)
{
    int fd = -1;
    int r = p->tar(p->ctx, &fd, bytes, err);
    if (r < 0)
        return r;
    const char *parent = p->parent_layer;
    PLUGIN_ERR(perr, err);
    return plugin_result(s->ops->layer_ingest(s->self, layer_id, parent, fd, &perr.base), err,
                         s->driver, "layer_ingest");
}

static int make_by_diff(struct image_store *s, const struct layer_plan *p, const char *layer_id,
                        int64_t *bytes, struct err *err)
{
    struct berth_diff diff = {.size = sizeof(diff), .dir_fd = -1};
    PLUGIN_ERR(perr, err);
    int r = s->ops->diff_begin(s->self, layer_id, p->parent_layer, &diff, &perr.base);
    r = plugin_result(r, err, s->driver, "diff_begin");
    if (r < 0)
        return r;
    r = p->fill(p->ctx, &diff, bytes, err);
    if (r < 0) {
        s->ops->diff_abort(s->self, layer_id, &diff);
        return r;
    }
    PLUGIN_ERR(perr2, err);
    return plugin_result(s->ops->diff_commit(s->self, layer_id, &diff, &perr2.base), err, s->driver,
                         "diff_commit");
}

/* Takes back a layer that did not come about; what cannot be taken back now is at the next start. */
static void undo(struct image_store *s, const struct layer_plan *p, const char *layer_id, bool made)
{
    _cleanup_(err_fini) struct err err = {0};
    int r = made ? driver_remove(s, layer_id, &err) : 0;
    if (r == 0)
        r = layer_delete_row(s, p->chain_id, p->blob, &err);
    if (r < 0)
        log_warn("image store: taking back layer %s: %s", p->chain_id, err_msg(&err));
}

char *layer_id_prefix(const char *chain_id)
{
    const char *below = str_after(chain_id, "init:");
    const char *hex = strchr(below ? below : chain_id, ':');
    return str_printf("%s%s-", below ? "init-" : "", hex ? hex + 1 : chain_id);
}

static char *layer_id_new(const char *chain_id)
{
    char hex[9];
    _cleanup_(freep) char *prefix = layer_id_prefix(chain_id);
    id_random_hex(hex, 4);
    return str_printf("%s%s", prefix, hex);
}

static int make(struct image_store *s, const struct layer_plan *p, struct err *err)
{
    _cleanup_(freep) char *layer_id = layer_id_new(p->chain_id);
    int64_t bytes = 0;
    const struct state_layer row = {.driver = s->driver,
                                    .chain_id = (char *)(uintptr_t)p->chain_id,
                                    .diff_id = (char *)(uintptr_t)p->diff_id,
                                    .parent = (char *)(uintptr_t)p->parent,
                                    .blob = (char *)(uintptr_t)p->blob,
                                    .layer_id = layer_id,
                                    .init = p->init};
    int r = state_layer_insert(s->state, &row, err);
    if (r < 0)
        return r;
    r = failpoint("layer.row", err);
    if (r == 0)
        r = p->tar && BERTH_HAS(s->ops, layer_ingest) ? make_by_ingest(s, p, layer_id, &bytes, err)
                                                      : make_by_diff(s, p, layer_id, &bytes, err);
    bool made = r == 0;
    if (r == 0)
        r = failpoint("layer.made", err);
    if (r == 0)
        r = state_layer_ready(s->state, s->driver, p->chain_id, bytes, err);
    if (r < 0)
        undo(s, p, layer_id, made);
    return r;
}

/* Removes an unfinished layer. One that something stands on is whole after all: it was about to be removed. */
static int clear_unfinished(struct image_store *s, const struct state_layer *l, struct err *err)
{
    int r = driver_remove(s, l->layer_id, err);
    if (r == -EBUSY) {
        err_clear(err);
        return state_layer_ready(s->state, s->driver, l->chain_id, l->size, err);
    }
    return r < 0 ? r : layer_delete_row(s, l->chain_id, l->blob, err);
}

int layer_ensure(struct image_store *s, const struct layer_plan *p, struct state_layer **out,
                 struct err *err)
{
    _cleanup_(state_layer_freep) struct state_layer *old = NULL;
    int r = state_layer_get(s->state, s->driver, p->chain_id, &old, err);
    if (r < 0 && r != -ENOENT)
        return r;
    err_clear(err);
    if (old && !old->ready && (r = clear_unfinished(s, old, err)) < 0)
        return r;
    if (layer_ready(s, p->chain_id, out, NULL) == 0)
        return 0;
    r = make(s, p, err);
    return r < 0 ? r : layer_ready(s, p->chain_id, out, err);
}

int layer_repair(struct image_store *s, struct err *err)
{
    _cleanup_(state_layers_fini) struct state_layers all = {0};
    int r = state_layer_list(s->state, s->driver, &all, err);
    for (size_t i = 0; r == 0 && i < all.n; i++) {
        _cleanup_(err_fini) struct err why = {0};
        if (all.v[i]->ready)
            continue;
        log_info("image store: layer %s was not finished: removing it", all.v[i]->chain_id);
        if (clear_unfinished(s, all.v[i], &why) < 0)
            log_warn("image store: layer %s: %s", all.v[i]->chain_id, err_msg(&why));
    }
    return r;
}

/* 1: it is gone; 0: something stands on it. */
static int collect_one(struct image_store *s, const struct state_layer *l, struct err *err)
{
    int r = state_layer_doom(s->state, s->driver, l->chain_id, err);
    if (r == 0)
        r = failpoint("layer.doomed", err);
    if (r == 0)
        r = driver_remove(s, l->layer_id, err);
    if (r == 0)
        r = failpoint("layer.removed", err);
    if (r == 0 && (r = layer_delete_row(s, l->chain_id, l->blob, err)) == 0)
        return 1;
    if (r != -EBUSY && r != -ENOENT)
        return r;
    err_clear(err); /* a container's layer, or a new image, stands on it */
    return r == -ENOENT ? 0 : state_layer_ready(s->state, s->driver, l->chain_id, l->size, err);
}

static int collect_round(struct image_store *s, struct strv *gone, size_t *removed, struct err *err)
{
    _cleanup_(state_layers_fini) struct state_layers unused = {0};
    int r = state_layer_unused(s->state, s->driver, &unused, err);
    for (size_t i = 0; r >= 0 && i < unused.n; i++) {
        layer_hold(s, unused.v[i]->chain_id);
        r = is_pinned(s, unused.v[i]->chain_id) ? 0 : collect_one(s, unused.v[i], err);
        layer_release(s, unused.v[i]->chain_id);
        if (r <= 0)
            continue;
        (*removed)++;
        if (gone && !unused.v[i]->init)
            strv_add(gone, unused.v[i]->chain_id);
    }
    return MIN(r, 0);
}

int layer_collect(struct image_store *s, struct strv *gone, struct err *err)
{
    for (;;) {
        size_t removed = 0;
        int r = collect_round(s, gone, &removed, err);
        if (r < 0 || removed == 0)
            return r;
    }
}
