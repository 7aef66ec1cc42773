/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Import: a root file system's tar becomes an image of one layer
 *
 * The stream is decompressed into a blob whose digest is the layer's diff id, then unpacked from there. All that a
 * client can get wrong is checked before the first byte is read.
 */
#include <errno.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/clock.h"
#include "base/json.h"
#include "image/archive.h"
#include "image/internal.h"
#include "image/platform.h"

struct import {
    struct image_store *s;
    const struct image_import *in;
    char *reference; /* canonical, or NULL */
    json_t *config;
    char *os, *arch, *variant; /* variant may be NULL */
    struct blob_writer *blob;
};

static void import_fini(struct import *im)
{
    free(im->reference);
    json_decref(im->config);
    free(im->os);
    free(im->arch);
    free(im->variant);
    blob_writer_free(im->blob);
}

static int set_platform(struct import *im, struct err *err)
{
    struct utsname u;
    const char *text = im->in->platform;
    _cleanup_(strv_fini) struct strv parts = {0};
    if (!str_empty(text))
        strv_split(&parts, text, "/");
    const char *part;
    strv_foreach (part, &parts)
        if (!str_only(part, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-"))
            return err_set(err, -EINVAL,
                           "\"%s\" is an invalid component of \"%s\": platform "
                           "specifier is invalid",
                           part, text);
    if (parts.n > 3)
        return err_set(err, -EINVAL,
                       "\"%s\": cannot parse platform specifier: it is "
                       "os/arch/variant",
                       text);
    if (parts.n > 0 && strcmp(parts.v[0], "linux") != 0)
        return err_set(err, -EINVAL, "operating system \"%s\" is not supported: it is linux",
                       parts.v[0]);
    if (uname(&u) < 0)
        return err_errno(err, -errno, "uname");
    im->os = xstrdup("linux");
    im->arch = xstrdup(parts.n > 1 ? parts.v[1] : platform_arch(u.machine));
    im->variant = xstrdup0(parts.n > 2 ? parts.v[2] : NULL);
    return 0;
}

static int set_reference(struct import *im, struct err *err)
{
    if (str_empty(im->in->reference))
        return 0;
    _cleanup_(reference_fini) struct reference r = {0};
    int rc = reference_parse_tagged(im->in->reference, &r, err);
    if (rc == 0)
        im->reference = reference_canonical(&r);
    return rc;
}

static int put_block(void *ctx, const void *data, size_t n, struct err *err)
{
    return blob_writer_write(ctx, data, n, err);
}

static json_t *make_document(const struct import *im, const char *diff_id, int64_t now)
{
    const char *source = str_empty(im->in->source) ? "-" : im->in->source;
    _cleanup_(freep) char *words = str_empty(im->in->message)
                                       ? str_printf("Imported from %s", source)
                                       : xstrdup(im->in->message);
    json_t *doc = json_object(), *entry = json_object(), *history = json_array();
    json_t *rootfs = json_object(), *diffs = json_array();
    json_put_str(doc, "architecture", im->arch);
    if (im->variant)
        json_put_str(doc, "variant", im->variant);
    json_put_str(doc, "comment", words);
    json_put(doc, "config", im->config);
    json_put_time(doc, "created", now);
    json_put_time(entry, "created", now);
    json_put_str(entry, "comment", words);
    json_push_take(history, entry);
    json_put_take(doc, "history", history);
    json_put_str(doc, "os", im->os);
    json_put_str(rootfs, "type", "layers");
    json_push_str(diffs, diff_id);
    json_put_take(rootfs, "diff_ids", diffs);
    json_put_take(doc, "rootfs", rootfs);
    return doc;
}

static int commit_image(struct import *im, const char *chain_id, int64_t size, char **id,
                        struct err *err)
{
    int64_t now = time_now_ns();
    json_auto_t *doc = make_document(im, chain_id, now);
    _cleanup_(strv_fini) struct strv layers = {0};
    strv_add(&layers, chain_id);
    const struct image_row row = {
        .doc = doc, .layers = &layers, .created_ns = now, .size = size, .reference = im->reference};
    return image_row_make(im->s, &row, id, err);
}

static int make_image(struct import *im, const char *diff_id, char **id, struct err *err)
{
    _cleanup_(state_layer_freep) struct state_layer *layer = NULL;
    const struct layer_plan plan = {.chain_id = diff_id, /* of the lowest layer, they are one */
                                    .diff_id = diff_id,
                                    .blob = diff_id,
                                    .fill = layer_tar_fill,
                                    .tar = layer_tar_give,
                                    .ctx = im->blob};
    int r = layer_ensure(im->s, &plan, &layer, err);
    return r < 0 ? r : commit_image(im, diff_id, layer->size, id, err);
}

int image_import(struct image_store *s, const struct image_import *in, char **id, struct err *err)
{
    _cleanup_(import_fini) struct import im = {.s = s, .in = in, .config = json_object()};
    char diff_id[DIGEST_MAX];
    int r = set_reference(&im, err);
    if (r < 0 || (r = set_platform(&im, err)) < 0)
        return r;
    if (in->changes && (r = changes_apply(in->changes, im.config, err)) < 0)
        return r;
    r = blob_writer_new(s->blobs, &im.blob, err);
    if (r < 0 || (r = archive_decompress(in->tar_fd, put_block, im.blob, err)) < 0)
        return r;
    blob_writer_digest(im.blob, diff_id);
    layer_hold(s, diff_id);
    r = make_image(&im, diff_id, id, err);
    layer_release(s, diff_id);
    if (r < 0)
        layer_collect(s, NULL, NULL); /* the layer, when only the image did not come about */
    return r;
}
