/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Commit: what a container has changed becomes a layer on its image's
 *
 * The layer's tar comes from the caller, is written as a blob, whose digest is the diff id, and unpacked from there. Where nothing has
 * changed there is no layer, only the history says so.
 */
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/failpoint.h"
#include "base/json.h"
#include "build-config.h"
#include "image/archive.h"
#include "image/internal.h"

/* Of a tar without entries: its end alone. */
#define TAR_EMPTY 1024

struct commit {
    struct image_store *s;
    const struct image_commit *in;
    char *reference; /* canonical, or NULL */
    struct state_image *parent;
    json_t *doc; /* the parent's, becoming the new one's */
    struct blob_writer *blob;
    char diff_id[DIGEST_MAX];
    char *chain_id; /* NULL: nothing has changed */
    int64_t now, size;
};

static void commit_fini(struct commit *c)
{
    free(c->reference);
    free(c->chain_id);
    json_decref(c->doc);
    if (c->parent)
        state_image_free(c->parent);
    blob_writer_free(c->blob);
}

int image_changes_apply(const struct strv *changes, json_t *config, struct err *err)
{
    return changes_apply(changes, config, err);
}

static int set_reference(struct commit *c, struct err *err)
{
    if (str_empty(c->in->reference))
        return 0;
    _cleanup_(reference_fini) struct reference r = {0};
    int rc = reference_parse_tagged(c->in->reference, &r, err);
    if (rc == 0)
        c->reference = reference_canonical(&r);
    return rc;
}

static int read_parent(struct commit *c, struct err *err)
{
    int r = state_image_get(c->s->state, c->in->parent, &c->parent, err);
    if (r < 0)
        return err_wrap(err, "the container's image");
    if (c->parent->layers.n == 0)
        return err_set(err, -ENOENT, "image %s has no layers", c->parent->id);
    return image_parse(c->parent, &c->doc, err);
}

static int put_block(void *ctx, const void *data, size_t n, struct err *err)
{
    return blob_writer_write(ctx, data, n, err);
}

static int write_tar(struct commit *c, struct err *err)
{
    int r = blob_writer_new(c->s->blobs, &c->blob, err);
    if (r == 0)
        r = c->in->diff(c->in->ctx, put_block, c->blob, err);
    if (r == 0)
        r = failpoint("commit.packed", err);
    if (r < 0)
        return r;
    const char *top = c->parent->layers.v[c->parent->layers.n - 1];
    blob_writer_digest(c->blob, c->diff_id);
    if (blob_writer_size(c->blob) > TAR_EMPTY)
        c->chain_id = layer_chain_id(top, c->diff_id);
    return 0;
}

static void put_if(json_t *o, const char *key, const char *text)
{
    if (!str_empty(text))
        json_put_str(o, key, text);
}

static json_t *member(json_t *o, const char *key, json_t *(*make)(void))
{
    json_default_take(o, key, make());
    return json_object_get(o, key);
}

static void change_document(struct commit *c)
{
    const struct image_commit *in = c->in;
    json_t *entry = json_object();
    json_put_time(entry, "created", c->now);
    put_if(entry, "author", in->author);
    put_if(entry, "created_by", in->created_by);
    put_if(entry, "comment", in->comment);
    if (!c->chain_id)
        json_put_bool(entry, "empty_layer", true);
    json_push_take(member(c->doc, "history", json_array), entry);
    if (c->chain_id)
        json_push_str(member(member(c->doc, "rootfs", json_object), "diff_ids", json_array),
                      c->diff_id);
    json_object_del(c->doc, "author");
    json_object_del(c->doc, "comment");
    json_object_del(c->doc, "container_config");
    put_if(c->doc, "author", in->author);
    put_if(c->doc, "comment", in->comment);
    json_put_str(c->doc, "container", in->container);
    json_put(c->doc, "config", in->config);
    json_put_time(c->doc, "created", c->now);
    json_put_str(c->doc, "docker_version", BERTH_VERSION);
}

static int make_layer(struct commit *c, struct err *err)
{
    _cleanup_(state_layer_freep) struct state_layer *below = NULL, *layer = NULL;
    const char *top = c->parent->layers.v[c->parent->layers.n - 1];
    int r = layer_ready(c->s, top, &below, err);
    if (r < 0)
        return r;
    const struct layer_plan plan = {.chain_id = c->chain_id,
                                    .diff_id = c->diff_id,
                                    .parent = top,
                                    .parent_layer = below->layer_id,
                                    .blob = c->diff_id,
                                    .fill = layer_tar_fill,
                                    .tar = layer_tar_give,
                                    .ctx = c->blob};
    r = layer_ensure(c->s, &plan, &layer, err);
    if (r == 0)
        c->size += layer->size;
    return r;
}

static int make_image(struct commit *c, char **id, struct err *err)
{
    _cleanup_(strv_fini) struct strv layers = {0};
    const char *chain;
    int r = c->chain_id ? make_layer(c, err) : 0;
    if (r < 0)
        return r;
    strv_foreach (chain, &c->parent->layers)
        strv_add(&layers, chain);
    if (c->chain_id)
        strv_add(&layers, c->chain_id);
    change_document(c);
    const struct image_row row = {.doc = c->doc,
                                  .layers = &layers,
                                  .created_ns = c->now,
                                  .size = c->size,
                                  .reference = c->reference};
    return image_row_make(c->s, &row, id, err);
}

int image_commit(struct image_store *s, const struct image_commit *in, char **id, struct err *err)
{
    _cleanup_(commit_fini) struct commit c = {.s = s, .in = in, .now = time_now_ns()};
    int r = set_reference(&c, err);
    if (r == 0)
        r = read_parent(&c, err);
    if (r == 0)
        r = write_tar(&c, err);
    if (r < 0)
        return r;
    c.size = c.parent->size;
    if (c.chain_id)
        layer_hold(s, c.chain_id);
    r = make_image(&c, id, err);
    if (c.chain_id)
        layer_release(s, c.chain_id);
    if (r < 0)
        layer_collect(s, NULL, NULL); /* the layer, when only the image did not come about */
    return r;
}
