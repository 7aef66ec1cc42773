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
#include "image/inflate.h"
#include "image/internal.h"
#include "plugin/err-bridge.h"

#define CONFIG_MAX (8 << 20)

struct recovery {
    struct image_store *s;
    struct strv configs; /* digests of what may be configurations */
    struct strv layers;  /* ids that the driver has */
    struct strv blobs;   /* digests of all */
    bool inflated;       /* `packed` is complete */
    struct map packed;   /* diff id → digest (owned) of the compressed blob that holds it */
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

/* Whether it is a layer of an image that stands on that parent. */
static bool fits(struct image_store *s, const char *id, const char *parent_layer)
{
    char parent[128] = "";
    struct berth_layer_stat st = {.size = sizeof(st), .parent = parent};
    PLUGIN_ERR(perr, NULL);
    if (!BERTH_HAS(s->ops, layer_stat))
        return false;
    return s->ops->layer_stat(s->self, id, &st, &perr.base) == 0 && !st.writable &&
           str_eq(parent, parent_layer ? parent_layer : "");
}

static int add_size(void *ctx, const struct archive_member *m, struct err *err)
{
    (void)err;
    *(int64_t *)ctx += m->kind == ARCHIVE_FILE ? m->size : 0;
    return 0;
}

static int skip_data(void *ctx, const void *data, size_t n, struct err *err)
{
    (void)ctx;
    (void)data;
    (void)n;
    (void)err;
    return 0;
}

/* Bytes of the files in a layer's tar, as they were counted when it was unpacked; 0 where it cannot be read. */
static int64_t layer_bytes(int fd)
{
    int64_t bytes = 0;
    const struct archive_visitor v = {&bytes, add_size, skip_data};
    if (fd >= 0 && (archive_walk(fd, &v, NULL) < 0 || lseek(fd, 0, SEEK_SET) < 0))
        return 0;
    return bytes;
}

/* Gives a layer that the driver still has its row again; containers stand on it. Without one it is made anew. `fd`: its tar, or -1. */
static int adopt_layer(struct recovery *rc, const struct layer_plan *p, int fd, struct err *err)
{
    struct image_store *s = rc->s;
    _cleanup_(freep) char *prefix = layer_id_prefix(p->chain_id);
    const char *id;
    strv_foreach (id, &rc->layers) {
        if (!str_after(id, prefix) || !fits(s, id, p->parent_layer))
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
        return r < 0 ? r
                     : state_layer_ready(s->state, s->driver, p->chain_id, layer_bytes(fd), err);
    }
    return 0;
}

static int note_blob(void *ctx, const char *digest, int64_t size)
{
    struct recovery *rc = ctx;
    strv_add(&rc->blobs, digest);
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

static int count_block(void *ctx, const void *data, size_t n, struct err *err)
{
    (void)err;
    digest_update(ctx, data, n);
    return 0;
}

/* What a compressed blob holds; 0 when it is none. */
static int inflate_digest(struct image_store *s, const char *blob, char diff_id[DIGEST_MAX])
{
    struct digest d;
    _cleanup_(closep) int fd = blob_open(s->blobs, blob, NULL);
    digest_init(&d);
    if (fd < 0 || layer_packing(fd) <= LAYER_PLAIN ||
        archive_decompress(fd, count_block, &d, NULL) < 0)
        return 0;
    digest_final(&d, diff_id);
    return 1;
}

/* The blob of a layer that is not there under its diff id: loaded and pulled ones are kept as they came. Nothing says which is which, so
 * each compressed one is read, once. */
static const char *packed_blob(struct recovery *rc, const char *diff_id)
{
    const char *blob;
    char have[DIGEST_MAX];
    if (!rc->inflated)
        strv_foreach (blob, &rc->blobs)
            if (inflate_digest(rc->s, blob, have))
                free(map_set(&rc->packed, have, xstrdup(blob)));
    rc->inflated = true;
    return map_get(&rc->packed, diff_id);
}

static int open_layer(struct recovery *rc, const char *diff_id, const char **blob, struct err *err)
{
    int fd = blob_open(rc->s->blobs, diff_id, err);
    *blob = fd < 0 ? packed_blob(rc, diff_id) : diff_id;
    if (fd >= 0 || !*blob)
        return fd;
    err_clear(err);
    return blob_open(rc->s->blobs, *blob, err);
}

static int make_layer(struct recovery *rc, const char *diff_id, const struct state_layer *below,
                      struct state_layer **out, struct err *err)
{
    struct image_store *s = rc->s;
    const char *blob = NULL;
    _cleanup_(closep) int fd = open_layer(rc, diff_id, &blob, err);
    if (fd < 0)
        return fd;
    _cleanup_(freep) char *chain = layer_chain_id(below ? below->chain_id : NULL, diff_id);
    const struct layer_plan plan = {.chain_id = chain,
                                    .diff_id = diff_id,
                                    .parent = below ? below->chain_id : NULL,
                                    .parent_layer = below ? below->layer_id : NULL,
                                    .fill = fill,
                                    .ctx = &fd};
    layer_hold(s, chain);
    int r = adopt_layer(rc, &plan, fd, err);
    if (r == 0)
        r = layer_ensure(s, &plan, out, err);
    if (r == 0) /* only now: an unfinished layer's blob is deleted with it */
        r = state_layer_set_blob(s->state, s->driver, chain, blob, err);
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
    return adopt_layer(rc, &plan, -1, err);
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
        if ((r = adopt_init(rc, layer, err)) < 0)
            return r;
    }
    return 0;
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
    int r = blob_each(s->blobs, note_blob, &rc, err);
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
    strv_fini(&rc.blobs);
    map_fini(&rc.packed, free);
    return r;
}
