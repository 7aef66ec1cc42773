/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading manifest.json and index.json
 *
 * The forms: docker's archive as tarexport writes it; OCI image-spec, image-layout.md, image-index.md and manifest.md. Docker's manifest
 * and list of version 2.2 are the same documents under other media types.
 */
#include "image/layout.h"

#include <errno.h>
#include <string.h>

#include "base/id.h"
#include "base/json.h"
#include "image/reference.h"

#define DEPTH_MAX  4
#define IMAGES_MAX 1000
#define LAYERS_MAX 500
#define VISITS_MAX 2000

#define MANIFEST "manifest.json"
#define INDEX    "index.json"

static void image_fini(struct layout_image *i)
{
    free(i->config);
    strv_fini(&i->layers);
    strv_fini(&i->names);
}

void layout_fini(struct layout *l)
{
    for (size_t i = 0; i < l->n; i++)
        image_fini(&l->v[i]);
    free(l->v);
    *l = (struct layout){0};
}

static int add_image(struct layout *l, struct layout_image **out, struct err *err)
{
    if (l->n >= IMAGES_MAX)
        return err_set(err, -EINVAL, "the archive has more than %d images", IMAGES_MAX);
    l->v = xrealloc(l->v, (l->n + 1) * sizeof(*l->v));
    l->v[l->n] = (struct layout_image){0};
    *out = &l->v[l->n++];
    return 0;
}

static int read_json(const struct layout_source *s, const char *name, json_t **out, struct err *err)
{
    _cleanup_(freep) char *text = NULL;
    size_t n;
    int r = s->text(s->ctx, name, &text, &n, err);
    if (r < 0)
        return r;
    return json_parse(text, n, out, err) < 0 ? err_wrap(err, "%s", name) : 0;
}

/* --- docker's archive */

static int add_tag(struct layout_image *i, const char *text, struct err *err)
{
    _cleanup_(reference_fini) struct reference r = {0};
    if (reference_parse(text, &r, err) < 0)
        return err_wrap(err, MANIFEST ": %.200s", text);
    if (!r.tag || r.digest)
        return err_set(err, -EINVAL, "invalid tag \"%.200s\"", text);
    strv_take(&i->names, reference_canonical(&r));
    return 0;
}

/* Each string of `list` (which may be missing or null) to add(); -EINVAL for what is none. */
static int each_string(const json_t *item, const char *key, struct layout_image *i,
                       int (*add)(struct layout_image *i, const char *text, struct err *err),
                       struct err *err)
{
    const json_t *list = json_object_get(item, key);
    if (list && !json_is_array(list) && !json_is_null(list))
        return err_set(err, -EINVAL, "invalid manifest, %s has to be a list of strings", key);
    for (size_t k = 0; k < json_array_size(list); k++) {
        const char *text = json_string_value(json_array_get(list, k));
        if (!text)
            return err_set(err, -EINVAL, "invalid manifest, %s has to be a list of strings", key);
        int r = add(i, text, err);
        if (r < 0)
            return r;
    }
    return 0;
}

static int add_layer(struct layout_image *i, const char *name, struct err *err)
{
    if (i->layers.n >= LAYERS_MAX)
        return err_set(err, -EINVAL, "an image with more than %d layers", LAYERS_MAX);
    strv_add(&i->layers, name);
    return 0;
}

static int read_item(const json_t *item, struct layout *l, struct err *err)
{
    struct layout_image *i;
    const char *config = json_str(item, "Config", NULL);
    if (str_empty(config))
        return err_set(err, -EINVAL, "invalid manifest, an image has no Config");
    int r = add_image(l, &i, err);
    if (r < 0)
        return r;
    i->config = xstrdup(config);
    r = each_string(item, "RepoTags", i, add_tag, err);
    return r < 0 ? r : each_string(item, "Layers", i, add_layer, err);
}

static int read_manifest(const struct layout_source *s, struct layout *l, struct err *err)
{
    json_auto_t *list = NULL;
    int r = read_json(s, MANIFEST, &list, err);
    if (r < 0)
        return r;
    if (!json_is_array(list))
        return err_set(err, -EINVAL,
                       "invalid manifest, manifest cannot be null (but can be []): a list of "
                       "images is expected");
    for (size_t k = 0; r == 0 && k < json_array_size(list); k++)
        r = read_item(json_array_get(list, k), l, err);
    return r;
}

/* --- OCI's */

enum media { MEDIA_UNKNOWN, MEDIA_INDEX, MEDIA_MANIFEST, MEDIA_CONFIG, MEDIA_LAYER };

static const struct {
    const char *name;
    enum media media;
} types[] = {
    {"application/vnd.oci.image.index.v1+json", MEDIA_INDEX},
    {"application/vnd.docker.distribution.manifest.list.v2+json", MEDIA_INDEX},
    {"application/vnd.oci.image.manifest.v1+json", MEDIA_MANIFEST},
    {"application/vnd.docker.distribution.manifest.v2+json", MEDIA_MANIFEST},
    {"application/vnd.oci.image.config.v1+json", MEDIA_CONFIG},
    {"application/vnd.docker.container.image.v1+json", MEDIA_CONFIG},
    {"application/vnd.oci.image.layer.v1.tar", MEDIA_LAYER},
    {"application/vnd.oci.image.layer.v1.tar+gzip", MEDIA_LAYER},
    {"application/vnd.oci.image.layer.v1.tar+zstd", MEDIA_LAYER},
    {"application/vnd.oci.image.layer.nondistributable.v1.tar", MEDIA_LAYER},
    {"application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", MEDIA_LAYER},
    {"application/vnd.oci.image.layer.nondistributable.v1.tar+zstd", MEDIA_LAYER},
    {"application/vnd.docker.image.rootfs.diff.tar", MEDIA_LAYER},
    {"application/vnd.docker.image.rootfs.diff.tar.gzip", MEDIA_LAYER},
    {"application/vnd.docker.image.rootfs.diff.tar.zstd", MEDIA_LAYER},
    {"application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", MEDIA_LAYER},
};

static enum media media_of(const char *type)
{
    for (size_t i = 0; i < ARRAY_SIZE(types); i++)
        if (str_eq(types[i].name, type))
            return types[i].media;
    return MEDIA_UNKNOWN;
}

struct oci {
    const struct layout_source *s;
    const struct platform *want;
    struct layout *l;
    size_t visits;
};

/* The file that a descriptor names. */
static int blob_name(const json_t *descriptor, char **name, struct err *err)
{
    const char *digest = json_str(descriptor, "digest", "");
    if (!digest_valid(digest))
        return err_set(err, -EINVAL,
                       "invalid digest \"%.200s\": sha256 and 64 hex digits are taken", digest);
    *name = str_printf("blobs/sha256/%s", digest_hex(digest));
    return 0;
}

static int check_media(const json_t *descriptor, enum media want, const char *what, struct err *err)
{
    const char *type = json_str(descriptor, "mediaType", "");
    return media_of(type) == want
               ? 0
               : err_set(err, -EINVAL, "%s has the media type \"%.200s\", which is not supported",
                         what, type);
}

/* The name of a descriptor: containerd's annotation is a whole one; that of OCI is a whole one (skopeo, podman) or a bare tag, which
 * names no image. */
static void read_name(const json_t *descriptor, struct layout_image *i)
{
    const json_t *notes = json_obj(descriptor, "annotations");
    const char *whole = json_str(notes, "io.containerd.image.name", NULL);
    const char *name = whole ? whole : json_str(notes, "org.opencontainers.image.ref.name", "");
    _cleanup_(reference_fini) struct reference r = {0};
    if ((!whole && !strpbrk(name, ":/")) || reference_parse_tagged(name, &r, NULL) < 0)
        return;
    strv_take(&i->names, reference_canonical(&r));
}

static int read_image_layers(const json_t *doc, struct layout_image *i, struct err *err)
{
    const json_t *layers = json_arr(doc, "layers");
    int r = 0;
    for (size_t k = 0; r == 0 && k < json_array_size(layers); k++) {
        const json_t *d = json_array_get(layers, k);
        _cleanup_(freep) char *name = NULL;
        if ((r = check_media(d, MEDIA_LAYER, "a layer", err)) == 0 &&
            (r = blob_name(d, &name, err)) == 0)
            r = add_layer(i, name, err);
    }
    return r;
}

static int read_image(struct oci *o, const json_t *named, const json_t *doc, struct err *err)
{
    struct layout_image *i;
    const json_t *config = json_obj(doc, "config");
    _cleanup_(freep) char *name = NULL;
    int r = check_media(config, MEDIA_CONFIG, "a configuration", err);
    if (r < 0 || (r = blob_name(config, &name, err)) < 0 || (r = add_image(o->l, &i, err)) < 0)
        return r;
    i->config = steal_ptr(&name);
    read_name(named, i);
    return read_image_layers(doc, i, err);
}

/* What an index has beside images: attestations and other notes on them. */
static bool is_note(const json_t *descriptor)
{
    const json_t *platform = json_obj(descriptor, "platform");
    return json_str(json_obj(descriptor, "annotations"), "vnd.docker.reference.type", NULL) ||
           str_eq(json_str(platform, "os", ""), "unknown");
}

static int read_descriptor(struct oci *o, const json_t *descriptor, const json_t *named, int depth,
                           struct err *err);

/* Of several platforms one: what is asked for, else the host's. A single one is taken as it is where nothing is asked for, and so is one
 * that names no platform. */
static const json_t *choose(const struct platform *want, bool asked, const json_t *list)
{
    const json_t *nameless = NULL, *other = NULL;
    size_t others = 0;
    for (size_t k = 0; k < json_array_size(list); k++) {
        const json_t *d = json_array_get(list, k), *platform = json_obj(d, "platform");
        if (is_note(d))
            continue;
        if (platform && platform_matches(want, platform))
            return d;
        if (!platform && !nameless)
            nameless = d;
        other = d;
        others++;
    }
    return nameless ? nameless : !asked && others == 1 ? other : NULL;
}

static int read_index(struct oci *o, const json_t *named, const json_t *doc, int depth,
                      struct err *err)
{
    _cleanup_(platform_fini) struct platform host = {0};
    platform_host(&host);
    const struct platform *want = o->want ? o->want : &host;
    const json_t *chosen = choose(want, o->want, json_arr(doc, "manifests"));
    if (!chosen) {
        _cleanup_(freep) char *words = platform_words(want);
        return err_set(err, -EINVAL, "an index of the archive has no image for the platform %s",
                       words);
    }
    return read_descriptor(o, chosen, named, depth + 1, err);
}

static int read_descriptor(struct oci *o, const json_t *descriptor, const json_t *named, int depth,
                           struct err *err)
{
    _cleanup_(freep) char *name = NULL;
    json_auto_t *doc = NULL;
    enum media media = media_of(json_str(descriptor, "mediaType", ""));
    if (media != MEDIA_INDEX && media != MEDIA_MANIFEST)
        return check_media(descriptor, MEDIA_MANIFEST, "an entry of an index", err);
    if (depth > DEPTH_MAX || ++o->visits > VISITS_MAX)
        return err_set(err, -EINVAL, "the archive's indexes are nested too deeply");
    int r = blob_name(descriptor, &name, err);
    if (r < 0 || (r = read_json(o->s, name, &doc, err)) < 0)
        return r;
    if (!json_is_object(doc))
        return err_set(err, -EINVAL, "%s: a manifest has to be an object", name);
    return media == MEDIA_INDEX ? read_index(o, named, doc, depth, err)
                                : read_image(o, named, doc, err);
}

static int check_version(const struct layout_source *s, struct err *err)
{
    json_auto_t *doc = NULL;
    int r = s->has(s->ctx, "oci-layout") ? read_json(s, "oci-layout", &doc, err) : 0;
    if (r < 0 || !doc)
        return r;
    const char *version = json_str(doc, "imageLayoutVersion", "");
    return str_after(version, "1.")
               ? 0
               : err_set(err, -EINVAL,
                         "oci-layout: version \"%.40s\" is not supported, 1.0.0 "
                         "would be",
                         version);
}

static int read_oci(const struct layout_source *s, const struct platform *want, struct layout *l,
                    struct err *err)
{
    struct oci o = {.s = s, .want = want, .l = l};
    json_auto_t *doc = NULL;
    int r = check_version(s, err);
    if (r < 0 || (r = read_json(s, INDEX, &doc, err)) < 0)
        return r;
    const json_t *list = json_arr(doc, "manifests");
    if (!list)
        return err_set(err, -EINVAL, INDEX ": it has no list of manifests");
    for (size_t k = 0; r == 0 && k < json_array_size(list); k++) {
        const json_t *d = json_array_get(list, k);
        r = is_note(d) ? 0 : read_descriptor(&o, d, d, 0, err);
    }
    return r;
}

int layout_read(const struct layout_source *s, const struct platform *want, struct layout *out,
                struct err *err)
{
    *out = (struct layout){0};
    int r;
    if (s->has(s->ctx, MANIFEST))
        r = read_manifest(s, out, err);
    else if (s->has(s->ctx, INDEX))
        r = read_oci(s, want, out, err);
    else
        r = err_set(err, -EINVAL,
                    "no image is in the archive: it has neither " MANIFEST
                    " (docker save) nor " INDEX
                    " (an OCI layout); a root file system is imported with `import`");
    if (r < 0)
        layout_fini(out);
    return r;
}
