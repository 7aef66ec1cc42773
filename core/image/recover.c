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

#define CONFIG_MAX (8 << 20)

struct recovery {
    struct image_store *s;
    struct strv configs; /* digests of what may be configurations */
};

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

static int make_layer(struct image_store *s, const char *diff_id, const struct state_layer *below,
                      struct state_layer **out, struct err *err)
{
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
    int r = layer_ensure(s, &plan, out, err);
    if (r == 0) /* only now: an unfinished layer's blob is deleted with it */
        r = state_layer_set_blob(s->state, s->driver, chain, diff_id, err);
    layer_release(s, chain);
    return r;
}

static int make_layers(struct image_store *s, const json_t *doc, struct state_image *row,
                       struct err *err)
{
    _cleanup_(state_layer_freep) struct state_layer *below = NULL;
    size_t i;
    json_t *v;
    json_array_foreach (json_arr(json_obj(doc, "rootfs"), "diff_ids"), i, v) {
        struct state_layer *layer = NULL;
        int r = make_layer(s, json_string_value(v) ?: "", below, &layer, err);
        if (r < 0) {
            state_layer_free(layer);
            return r;
        }
        strv_add(&row->layers, layer->chain_id);
        row->size += layer->size;
        state_layer_free(below);
        below = layer;
    }
    return 0;
}

static int recover_one(struct image_store *s, const char *digest, bool *made, struct err *err)
{
    _cleanup_(freep) char *text = NULL;
    json_auto_t *doc = read_config(s, digest, &text);
    if (!doc)
        return 0;
    struct state_image row = {.id = (char *)(uintptr_t)digest, .config = text};
    time_parse(json_str(doc, "created", ""), &row.created_ns);
    int r = make_layers(s, doc, &row, err);
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
    const char *digest;
    *n = 0;
    if (r == 0)
        strv_foreach (digest, &rc.configs) {
            _cleanup_(err_fini) struct err why = {0};
            bool made = false;
            if (recover_one(s, digest, &made, &why) < 0)
                log_warn("recovery: image %s: %s", digest, err_msg(&why));
            *n += made;
        }
    strv_fini(&rc.configs);
    return r;
}
