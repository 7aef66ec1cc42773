/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Recovery: images from blobs
 *
 * A configuration is a blob of its own and names its layers by digest, so an image whose tars are there can be made
 * again without the database. Its names cannot: they stood in rows only.
 */
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "image/archive.h"
#include "image/internal.h"
#include "plugin/err-bridge.h"

#define CONFIG_MAX (8 << 20)

struct recovery {
    struct image_store *s;
    struct strv configs; /* digests of what may be configurations */
    struct strv layers;  /* ids that the driver has */
};

static int note_layer(void *ctx, const char *id)
{
    struct recovery *rc = ctx;
    strv_add(&rc->layers, id);
    return 0;
}

static int list_layers(struct recovery *rc, struct err *err)
{
    struct image_store *s = rc->s;
    PLUGIN_ERR(perr, err);
    return plugin_result(s->ops->layer_list(s->self, note_layer, rc, &perr.base), err, s->driver,
                         "layer_list");
}

/* Whether it is a layer of an image that stands on that parent; `bytes`: what it takes. */
static bool fits(struct image_store *s, const char *id, const char *parent_layer, int64_t *bytes)
{
    char parent[128] = "";
    struct berth_layer_stat st = {.size = sizeof(st), .parent = parent};
    struct berth_usage usage = {.size = sizeof(usage)};
    PLUGIN_ERR(perr, NULL);
    if (!BERTH_HAS(s->ops, layer_stat) || !BERTH_HAS(s->ops, usage))
        return false;
    if (s->ops->layer_stat(s->self, id, &st, &perr.base) < 0 || st.writable ||
        !str_eq(parent, parent_layer ? parent_layer : ""))
        return false;
    if (s->ops->usage(s->self, id, &usage, &perr.base) == 0)
        *bytes = usage.bytes;
    return true;
}

/* Gives a layer that the driver still has its row again; containers stand on it. Without one it is made anew. */
static int adopt_layer(struct recovery *rc, const struct layer_plan *p, struct err *err)
{
    struct image_store *s = rc->s;
    _cleanup_(freep) char *prefix = layer_id_prefix(p->chain_id);
    const char *id;
    int64_t bytes = 0;
    strv_foreach (id, &rc->layers) {
        if (!str_after(id, prefix) || !fits(s, id, p->parent_layer, &bytes))
            continue;
        const struct state_layer row = {.driver = s->driver,
                                        .chain_id = (char *)(uintptr_t)p->chain_id,
                                        .diff_id = (char *)(uintptr_t)p->diff_id,
                                        .parent = (char *)(uintptr_t)p->parent,
                                        .layer_id = (char *)(uintptr_t)id,
                                        .init = p->init};
        int r = state_layer_insert(s->state, &row, err);
        if (r == -EEXIST) { /* a recovery that was interrupted, and begins again */
            err_clear(err);
            return 0;
        }
        return r < 0 ? r : state_layer_ready(s->state, s->driver, p->chain_id, bytes, err);
    }
    return 0;
}

static int note_small(void *ctx, const char *digest, int64_t size)
{
    struct recovery *rc = ctx;
    if (size < CONFIG_MAX)
        strv_add(&rc->configs, digest);
    return 0;
}

/* The document of a blob that is a configuration, else NULL. */
static json_t *read_config(struct image_store *s, const char *digest, char **text)
{
    size_t n;
    json_t *doc = NULL;
    _cleanup_(closep) int fd = blob_open(s->blobs, digest, NULL);
    if (fd < 0 || fs_read_fd(fd, CONFIG_MAX, text, &n) < 0 || **text != '{' ||
        json_parse(*text, n, &doc, NULL) < 0)
        return NULL;
    if (json_array_size(json_arr(json_obj(doc, "rootfs"), "diff_ids")) > 0)
        return doc;
    json_decref(doc);
    return NULL;
}

static int fill(void *ctx, struct berth_diff *diff, int64_t *bytes, struct err *err)
{
    struct archive_stats stats = {0};
    int r = archive_unpack(*(int *)ctx, diff->dir_fd, diff->whiteout_form, &stats, err);
    *bytes = stats.bytes;
    return r;
}

/* OCI image-spec, config.md: the chain id of a layer is the digest of its parent's, a space and its diff id. */
static char *chain_of(const char *parent, const char *diff_id)
{
    char digest[DIGEST_MAX];
    if (!parent)
        return xstrdup(diff_id);
    _cleanup_(freep) char *text = str_printf("%s %s", parent, diff_id);
    digest_of(text, strlen(text), digest);
    return xstrdup(digest);
}

static int make_layer(struct recovery *rc, const char *diff_id, const struct state_layer *below,
                      struct state_layer **out, struct err *err)
{
    struct image_store *s = rc->s;
    _cleanup_(closep) int fd = blob_open(s->blobs, diff_id, err);
    if (fd < 0)
        return fd;
    _cleanup_(freep) char *chain = chain_of(below ? below->chain_id : NULL, diff_id);
    const struct layer_plan plan = {.chain_id = chain,
                                    .diff_id = diff_id,
                                    .parent = below ? below->chain_id : NULL,
                                    .parent_layer = below ? below->layer_id : NULL,
                                    .fill = fill,
                                    .ctx = &fd};
    layer_hold(s, chain);
    int r = adopt_layer(rc, &plan, err);
    if (r == 0)
        r = layer_ensure(s, &plan, out, err);
    if (r == 0) /* only now: an unfinished layer's blob is deleted with it */
        r = state_layer_set_blob(s->state, s->driver, chain, diff_id, err);
    layer_release(s, chain);
    return r;
}

/* The init layer that containers stand on, where there is one; otherwise the next create makes it. */
static int adopt_init(struct recovery *rc, const struct state_layer *top, struct err *err)
{
    _cleanup_(freep) char *chain = str_printf("init:%s", top->chain_id);
    const struct layer_plan plan = {.chain_id = chain,
                                    .diff_id = "",
                                    .parent = top->chain_id,
                                    .parent_layer = top->layer_id,
                                    .init = true};
    return adopt_layer(rc, &plan, err);
}

static int make_layers(struct recovery *rc, const json_t *doc, struct state_image *row,
                       struct err *err)
{
    _cleanup_(state_layer_freep) struct state_layer *below = NULL;
    size_t i;
    json_t *v;
    json_array_foreach (json_arr(json_obj(doc, "rootfs"), "diff_ids"), i, v) {
        struct state_layer *layer = NULL;
        int r = make_layer(rc, json_string_value(v) ?: "", below, &layer, err);
        if (r < 0) {
            state_layer_free(layer);
            return r;
        }
        strv_add(&row->layers, layer->chain_id);
        row->size += layer->size;
        state_layer_free(below);
        below = layer;
    }
    return below ? adopt_init(rc, below, err) : 0;
}

static int recover_one(struct recovery *rc, const char *digest, bool *made, struct err *err)
{
    struct image_store *s = rc->s;
    _cleanup_(freep) char *text = NULL;
    json_auto_t *doc = read_config(s, digest, &text);
    if (!doc)
        return 0;
    struct state_image row = {.id = (char *)(uintptr_t)digest, .config = text};
    time_parse(json_str(doc, "created", ""), &row.created_ns);
    int r = make_layers(rc, doc, &row, err);
    if (r == 0)
        r = state_image_insert(s->state, &row, NULL, err);
    strv_fini(&row.layers);
    *made = r == 0;
    return r;
}

int image_store_recover(struct image_store *s, int64_t *n, struct err *err)
{
    struct recovery rc = {.s = s};
    int r = blob_each(s->blobs, note_small, &rc, err);
    if (r == 0)
        r = list_layers(&rc, err);
    const char *digest;
    *n = 0;
    if (r == 0)
        strv_foreach (digest, &rc.configs) {
            _cleanup_(err_fini) struct err why = {0};
            bool made = false;
            if (recover_one(&rc, digest, &made, &why) < 0)
                log_warn("recovery: image %s: %s", digest, err_msg(&why));
            *n += made;
        }
    strv_fini(&rc.configs);
    strv_fini(&rc.layers);
    return r;
}
