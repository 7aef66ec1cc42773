/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Load: an archive of images becomes images
 *
 * The archive is in tmp/, its tables are read and its plain layers are known to be what the configurations say, before anything is made.
 * Then layers are made from the bottom up, each pinned, and at last one transaction brings all images and names. A crash before it leaves
 * layers without an image, which the next start collects.
 */
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/failpoint.h"
#include "base/json.h"
#include "base/log.h"
#include "image/archive.h"
#include "image/bundle.h"
#include "image/inflate.h"
#include "image/internal.h"
#include "image/layout.h"

/* One image of the archive. */
struct incoming {
    struct state_image row; /* id, text, chain ids */
    struct strv diff_ids;
    struct strv files; /* of the layers */
    struct strv names; /* canonical */
};

struct image_load {
    struct image_store *s;
    struct bundle *bundle;
    struct incoming *v;
    size_t n;
    bool pinned, done;
};

static void incoming_fini(struct incoming *in)
{
    state_image_fini(&in->row);
    strv_fini(&in->diff_ids);
    strv_fini(&in->files);
    strv_fini(&in->names);
}

static void each_chain(struct image_load *l,
                       void (*fn)(struct image_store *s, const char *chain_id))
{
    const char *chain;
    for (size_t i = 0; i < l->n; i++)
        strv_foreach (chain, &l->v[i].row.layers)
            fn(l->s, chain);
}

void image_load_free(struct image_load *l)
{
    if (!l)
        return;
    if (l->pinned)
        each_chain(l, layer_unpin);
    if (l->pinned && !l->done) /* layers, when only the images did not come about */
        (void)layer_collect(l->s, NULL, NULL);
    for (size_t i = 0; i < l->n; i++)
        incoming_fini(&l->v[i]);
    free(l->v);
    bundle_free(l->bundle);
    free(l);
}

/* --- reading */

static bool source_has(void *ctx, const char *name)
{
    return bundle_has(ctx, name);
}

static int source_text(void *ctx, const char *name, char **text, size_t *n, struct err *err)
{
    return bundle_text(ctx, name, text, n, err);
}

/* "DIR/HEX.json", as docker names configurations, has to hold what it says. */
static int check_config_name(const char *name, const char *digest, struct err *err)
{
    const char *slash = strrchr(name, '/'), *base = slash ? slash + 1 : name;
    _cleanup_(freep) char *hex = strlen(base) == 69 ? xstrndup(base, 64) : NULL;
    if (!hex || !str_eq(base + 64, ".json") || !id_valid(hex) || str_eq(hex, digest_hex(digest)))
        return 0;
    return err_set(err, -EINVAL, "%.200s: its content has the digest %s", name, digest);
}

static int read_config(struct image_load *l, const char *name, struct incoming *in, json_t **doc,
                       struct err *err)
{
    char digest[DIGEST_MAX];
    size_t n;
    int r = bundle_text(l->bundle, name, &in->row.config, &n, err);
    if (r < 0)
        return r;
    if (json_parse(in->row.config, n, doc, err) < 0 || strlen(in->row.config) != n)
        return err_wrap(err, "%.200s", name);
    digest_of(in->row.config, n, digest);
    in->row.id = xstrdup(digest);
    time_parse(json_str(*doc, "created", ""), &in->row.created_ns);
    const char *os = json_str(*doc, "os", "linux");
    if (!str_eq(os, "linux") && *os)
        return err_set(err, -EINVAL, "cannot load %.40s image on linux", os);
    return check_config_name(name, digest, err);
}

static int check_layer(struct image_load *l, size_t k, const char *name, const char *diff_id,
                       struct err *err)
{
    struct blob_writer *file = NULL;
    char have[DIGEST_MAX];
    int r = bundle_find(l->bundle, name, &file, err);
    if (r < 0)
        return r;
    int fd = blob_writer_fd(file), packed = fd < 0 ? fd : layer_packing(fd);
    blob_writer_park(file);
    if (packed < 0)
        return err_errno(err, packed, "reading %.200s", name);
    blob_writer_digest(file, have);
    if (packed == LAYER_PLAIN && !str_eq(have, diff_id))
        return err_set(err, -EINVAL, "invalid diffID for layer %zu: expected \"%s\", got \"%s\"", k,
                       diff_id, have);
    return 0;
}

static int read_layers(struct image_load *l, const json_t *doc, struct incoming *in,
                       struct err *err)
{
    const json_t *diffs = json_arr(json_obj(doc, "rootfs"), "diff_ids");
    size_t n = json_array_size(diffs);
    if (n != in->files.n)
        return err_set(err, -EINVAL,
                       "invalid manifest, layers length mismatch: expected %zu, got %zu",
                       in->files.n, n);
    if (n == 0)
        return err_set(err, -EINVAL, "an image without layers cannot be loaded");
    for (size_t k = 0; k < n; k++) {
        const char *diff_id = json_string_value(json_array_get(diffs, k));
        const char *parent = k > 0 ? in->row.layers.v[k - 1] : NULL;
        if (!diff_id || !digest_valid(diff_id))
            return err_set(err, -EINVAL, "invalid diffID for layer %zu: \"%.200s\"", k,
                           diff_id ? diff_id : "");
        int r = check_layer(l, k, in->files.v[k], diff_id, err);
        if (r < 0)
            return r;
        strv_add(&in->diff_ids, diff_id);
        strv_take(&in->row.layers, layer_chain_id(parent, diff_id));
    }
    return 0;
}

/* 1: it is for another platform. */
static int read_image(struct image_load *l, struct layout_image *from, const struct platform *want,
                      struct incoming *in, struct err *err)
{
    json_auto_t *doc = NULL;
    in->files = from->layers;
    in->names = from->names;
    from->layers = from->names = (struct strv){0};
    int r = read_config(l, from->config, in, &doc, err);
    if (r == 0 && want && !platform_matches(want, doc))
        return 1;
    return r < 0 ? r : read_layers(l, doc, in, err);
}

static int read_images(struct image_load *l, struct layout *layout, const struct platform *want,
                       struct err *err)
{
    l->v = xcalloc(layout->n + 1, sizeof(*l->v));
    for (size_t i = 0; i < layout->n; i++) {
        struct incoming in = {0};
        int r = read_image(l, &layout->v[i], want, &in, err);
        if (r == 0)
            l->v[l->n++] = in;
        else
            incoming_fini(&in);
        if (r < 0)
            return r;
    }
    if (l->n > 0 || layout->n == 0)
        return 0;
    _cleanup_(freep) char *words = platform_words(want);
    return err_set(err, -EINVAL, "no image of the archive is for the platform %s", words);
}

int image_load_read(struct image_store *s, int tar_fd, const char *platform,
                    struct image_load **out, struct err *err)
{
    _cleanup_(image_load_freep) struct image_load *l = xcalloc(1, sizeof(*l));
    _cleanup_(platform_fini) struct platform want = {0};
    _cleanup_(layout_fini) struct layout layout = {0};
    l->s = s;
    int r = platform ? platform_read(platform, &want, err) : 0;
    if (r < 0 || (r = bundle_read(s->blobs, tar_fd, &l->bundle, err)) < 0)
        return r;
    const struct layout_source source = {l->bundle, source_has, source_text};
    r = layout_read(&source, platform ? &want : NULL, &layout, err);
    if (r < 0 || (r = read_images(l, &layout, platform ? &want : NULL, err)) < 0)
        return r;
    *out = steal_ptr(&l);
    return 0;
}

/* --- making */

/* `plain` (owned): for drivers that take the tar themselves, or where the file may not be kept as it came. */
struct layer_file {
    struct image_store *s;
    struct blob_writer *file, *plain;
    const char *diff_id;
    bool packed;
};

static int fill(void *ctx, struct berth_diff *diff, int64_t *bytes, struct err *err)
{
    struct layer_file *f = ctx;
    struct archive_stats stats = {0};
    int fd = blob_writer_fd(f->file), r;
    if (fd < 0 || lseek(fd, 0, SEEK_SET) < 0)
        return err_errno(err, fd < 0 ? fd : -errno, "reading layer %s", f->diff_id);
    if (f->packed)
        r = layer_inflate(fd, f->diff_id, diff, bytes, err);
    else
        r = archive_unpack(fd, diff->dir_fd, diff->whiteout_form, &stats, err);
    if (r < 0)
        return r;
    if (!f->packed)
        *bytes = stats.bytes;
    return blob_writer_commit(f->file, err);
}

static int give_tar(void *ctx, int *fd, int64_t *bytes, struct err *err)
{
    struct layer_file *f = ctx;
    int from = blob_writer_fd(f->file);
    if (from < 0 || lseek(from, 0, SEEK_SET) < 0)
        return err_errno(err, from < 0 ? from : -errno, "reading layer %s", f->diff_id);
    int r = f->packed ? layer_inflate_file(f->s->blobs, from, f->diff_id, &f->plain, err) : 0;
    if (r < 0 || (r = blob_writer_commit(f->file, err)) < 0)
        return r;
    *fd = f->packed ? blob_writer_fd(f->plain) : from;
    *bytes = blob_writer_size(f->packed ? f->plain : f->file);
    return 0;
}

static int open_layer_file(struct image_load *l, const char *name, struct layer_file *f,
                           struct err *err)
{
    int r = bundle_find(l->bundle, name, &f->file, err);
    if (r < 0)
        return r;
    int fd = blob_writer_fd(f->file), packing = fd < 0 ? fd : layer_packing(fd);
    if (packing < 0)
        return err_errno(err, packing, "reading %.200s", name);
    f->packed = packing != LAYER_PLAIN;
    if (packing != LAYER_OTHER)
        return 0;
    r = layer_inflate_file(l->s->blobs, fd, f->diff_id, &f->plain, err);
    blob_writer_park(f->file);
    f->file = f->plain;
    f->packed = false;
    return r;
}

static int ensure_layer(struct image_load *l, const struct incoming *in, size_t k,
                        const struct state_layer *below, struct state_layer **out, struct err *err)
{
    char blob[DIGEST_MAX];
    struct layer_file f = {.s = l->s, .diff_id = in->diff_ids.v[k]};
    int r = open_layer_file(l, in->files.v[k], &f, err);
    if (r < 0)
        return r;
    blob_writer_digest(f.file, blob);
    const char *chain = in->row.layers.v[k];
    const struct layer_plan plan = {.chain_id = chain,
                                    .diff_id = f.diff_id,
                                    .parent = below ? below->chain_id : NULL,
                                    .parent_layer = below ? below->layer_id : NULL,
                                    .blob = blob,
                                    .fill = fill,
                                    .tar = give_tar,
                                    .ctx = &f};
    layer_hold(l->s, chain);
    r = layer_ensure(l->s, &plan, out, err);
    layer_release(l->s, chain);
    blob_writer_park(f.file);
    blob_writer_free(f.plain);
    return r < 0 ? err_wrap(err, "layer %s", f.diff_id) : 0;
}

static int make_layer(struct image_load *l, const struct image_load_watch *w,
                      const struct incoming *in, size_t k, const struct state_layer *below,
                      struct state_layer **out, struct err *err)
{
    struct blob_writer *file = NULL;
    if (layer_ready(l->s, in->row.layers.v[k], out, NULL) == 0)
        return 0;
    int r = bundle_find(l->bundle, in->files.v[k], &file, err);
    if (r < 0)
        return r;
    int64_t total = blob_writer_size(file);
    if (w->layer)
        w->layer(w->ctx, in->diff_ids.v[k], 0, total);
    r = ensure_layer(l, in, k, below, out, err);
    if (r == 0 && w->layer)
        w->layer(w->ctx, in->diff_ids.v[k], total, total);
    return r;
}

static int make_layers(struct image_load *l, const struct image_load_watch *w, struct incoming *in,
                       struct err *err)
{
    _cleanup_(state_layer_freep) struct state_layer *below = NULL;
    in->row.size = 0;
    for (size_t k = 0; k < in->files.n; k++) {
        struct state_layer *layer = NULL;
        int r = make_layer(l, w, in, k, below, &layer, err);
        if (r < 0)
            return r;
        state_layer_free(below);
        below = layer;
        in->row.size += layer->size;
    }
    return 0;
}

/* --- images */

static int put_configs(struct image_load *l, struct err *err)
{
    char digest[DIGEST_MAX];
    int r = 0;
    for (size_t i = 0; r == 0 && i < l->n; i++)
        r = blob_put_new(l->s->blobs, l->v[i].row.config, strlen(l->v[i].row.config), digest, err);
    return r;
}

/* The image that has each name now, so that it can be told that it has lost it. */
static void note_owners(struct image_load *l, struct strv *owners)
{
    const char *name;
    for (size_t i = 0; i < l->n; i++)
        strv_foreach (name, &l->v[i].names) {
            char *owner = NULL;
            (void)state_reference_get(l->s->state, name, &owner, NULL);
            strv_take(owners, owner ? owner : xstrdup(""));
        }
}

static int insert_rows(struct image_load *l, struct err *err)
{
    _cleanup_(freep) struct state_image_named *rows = xcalloc(l->n + 1, sizeof(*rows));
    for (size_t i = 0; i < l->n; i++)
        rows[i] = (struct state_image_named){&l->v[i].row, &l->v[i].names};
    int r = put_configs(l, err);
    if (r == 0)
        r = failpoint("load.configs", err);
    if (r == 0)
        r = state_images_insert(l->s->state, rows, l->n, err);
    if (r == 0)
        (void)failpoint("load.rows", NULL);
    for (size_t i = 0; i < l->n; i++) {
        if (r < 0)
            blob_forget(l->s->blobs, l->v[i].row.id);
        else
            blob_put_back(l->s->blobs, l->v[i].row.id);
    }
    return r;
}

static void tell(struct image_load *l, const struct image_load_watch *w, const struct strv *owners)
{
    size_t k = 0;
    for (size_t i = 0; i < l->n; i++) {
        const struct incoming *in = &l->v[i];
        const char *name;
        if (in->names.n == 0)
            w->image(w->ctx, in->row.id, NULL, NULL);
        strv_foreach (name, &in->names) {
            _cleanup_(reference_fini) struct reference r = {0};
            const char *owner = owners->v[k++];
            if (reference_parse(name, &r, NULL) < 0)
                continue;
            _cleanup_(freep) char *familiar = reference_familiar(&r);
            w->image(w->ctx, in->row.id, familiar,
                     *owner && !str_eq(owner, in->row.id) ? owner : NULL);
        }
    }
}

int image_load_run(struct image_load *l, const struct image_load_watch *watch, struct err *err)
{
    _cleanup_(strv_fini) struct strv owners = {0};
    each_chain(l, layer_pin);
    l->pinned = true;
    int r = 0;
    for (size_t i = 0; r == 0 && i < l->n; i++)
        r = make_layers(l, watch, &l->v[i], err);
    if (r < 0)
        return r;
    note_owners(l, &owners);
    r = insert_rows(l, err);
    l->done = r == 0;
    if (r == 0)
        tell(l, watch, &owners);
    return r;
}
