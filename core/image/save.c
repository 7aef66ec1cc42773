/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Save: images as one archive
 *
 * The archive is docker's (manifest.json, repositories) and an OCI layout (index.json, oci-layout) at once, over the same blobs. Nothing of it
 * depends on when or where it is made. All sizes are known before the first byte is written, and layers are sent from their blobs as they are.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>

#include "base/fs.h"
#include "base/json.h"
#include "image/inflate.h"
#include "image/internal.h"
#include "image/platform.h"
#include "image/tar-head.h"

#define SEND_MAX      (1u << 30)
#define TYPE_CONFIG   "application/vnd.oci.image.config.v1+json"
#define TYPE_MANIFEST "application/vnd.oci.image.manifest.v1+json"
#define TYPE_INDEX    "application/vnd.oci.image.index.v1+json"
#define TYPE_LAYER    "application/vnd.oci.image.layer.v1.tar"

/* A file of the archive: a text, or where there is none the blob of its name. */
struct part {
    char *name;
    char *text;
    char digest[DIGEST_MAX]; /* of a blob */
    int64_t size;
};

struct chosen {
    struct state_image *image;
    char *ref; /* as it was asked for */
    json_t *config;
    struct strv names;  /* canonical, with a tag */
    json_t *layers;     /* OCI descriptors, with the diff id as a member of our own */
    json_t *descriptor; /* of its manifest */
};

struct image_save {
    struct image_store *s;
    struct chosen *v;
    size_t n;
    struct strv ids;
    struct part *parts;
    size_t nparts;
    struct map seen; /* names of parts */
};

static void chosen_fini(struct chosen *c)
{
    state_image_free(c->image);
    free(c->ref);
    json_decref(c->config);
    strv_fini(&c->names);
    json_decref(c->layers);
    json_decref(c->descriptor);
}

void image_save_close(struct image_save *sv)
{
    if (!sv)
        return;
    for (size_t i = 0; i < sv->n; i++) {
        const char *chain;
        strv_foreach (chain, &sv->v[i].image->layers)
            layer_unpin(sv->s, chain);
    }
    if (sv->n > 0) /* what was removed meanwhile */
        (void)layer_collect(sv->s, NULL, NULL);
    for (size_t i = 0; i < sv->n; i++)
        chosen_fini(&sv->v[i]);
    for (size_t i = 0; i < sv->nparts; i++) {
        free(sv->parts[i].name);
        free(sv->parts[i].text);
    }
    free(sv->v);
    free(sv->parts);
    strv_fini(&sv->ids);
    map_fini(&sv->seen, NULL);
    free(sv);
}

const struct strv *image_save_ids(const struct image_save *sv)
{
    return &sv->ids;
}

/* --- what is asked for */

static struct chosen *find_chosen(struct image_save *sv, const char *id)
{
    for (size_t i = 0; i < sv->n; i++)
        if (str_eq(sv->v[i].image->id, id))
            return &sv->v[i];
    return NULL;
}

static int add_chosen(struct image_save *sv, struct state_image *image, const char *ref,
                      struct chosen **out, struct err *err)
{
    json_t *config = NULL;
    const char *chain;
    int r = image_parse(image, &config, err);
    if (r < 0) {
        state_image_free(image);
        return r;
    }
    sv->v = xrealloc(sv->v, (sv->n + 1) * sizeof(*sv->v));
    *out = &sv->v[sv->n++];
    **out = (struct chosen){
        .image = image, .config = config, .ref = xstrdup(ref), .layers = json_array()};
    strv_add(&sv->ids, image->id);
    strv_foreach (chain, &image->layers)
        layer_pin(sv->s, chain);
    return 0;
}

/* Adds an image, and one of its names unless NULL. `image` is taken over. */
static int add_image(struct image_save *sv, struct state_image *image, const char *ref,
                     const char *name, struct err *err)
{
    struct chosen *c = find_chosen(sv, image->id);
    int r = 0;
    if (c)
        state_image_free(image);
    else
        r = add_chosen(sv, image, ref, &c, err);
    if (r == 0 && name && !strv_has(&c->names, name))
        strv_add(&c->names, name);
    return r;
}

static int add_reference(struct image_save *sv, const char *name, const char *ref, struct err *err)
{
    _cleanup_(freep) char *id = NULL;
    struct state_image *image = NULL;
    int r = state_reference_get(sv->s->state, name, &id, err);
    if (r == 0)
        r = state_image_get(sv->s->state, id, &image, err);
    return r < 0 ? r : add_image(sv, image, ref, strchr(name, '@') ? NULL : name, err);
}

/* All tags of a repository: 0, or -ENOENT where there are none. */
static int add_repository(struct image_save *sv, const struct reference *r, const char *ref,
                          struct err *err)
{
    _cleanup_(freep) char *prefix = str_printf("%s/%s:", r->domain, r->path);
    _cleanup_(strv_fini) struct strv names = {0};
    int rc = state_reference_match(sv->s->state, prefix, &names, err);
    if (rc == 0 && names.n == 0)
        return -ENOENT;
    const char *name;
    strv_foreach (name, &names)
        if (rc == 0)
            rc = add_reference(sv, name, ref, err);
    return rc;
}

static int add_named(struct image_save *sv, const char *ref, struct err *err)
{
    _cleanup_(reference_fini) struct reference r = {0};
    if (id_valid(ref) || str_after(ref, "sha256:") || reference_parse(ref, &r, NULL) < 0)
        return -ENOENT;
    if (!r.tag && !r.digest)
        return add_repository(sv, &r, ref, err);
    if (r.digest) { /* the tag is not looked at */
        free(r.tag);
        r.tag = NULL;
    }
    _cleanup_(freep) char *name = reference_canonical(&r);
    return add_reference(sv, name, ref, err);
}

static int add_ref(struct image_save *sv, const char *ref, struct err *err)
{
    struct state_image *image = NULL;
    int r = add_named(sv, ref, err);
    if (r != -ENOENT)
        return r;
    err_clear(err);
    r = image_find(sv->s, ref, &image, err);
    return r < 0 ? r : add_image(sv, image, ref, NULL, err);
}

/* --- the documents */

static void add_part(struct image_save *sv, char *name, char *text, const char *digest,
                     int64_t size)
{
    if (map_get(&sv->seen, name)) {
        free(name);
        free(text);
        return;
    }
    map_set(&sv->seen, name, sv);
    sv->parts = xrealloc(sv->parts, (sv->nparts + 1) * sizeof(*sv->parts));
    struct part *p = &sv->parts[sv->nparts++];
    *p = (struct part){.name = name, .text = text, .size = size};
    if (digest)
        snprintf(p->digest, sizeof(p->digest), "%s", digest);
}

static char *blob_name(const char *digest)
{
    return str_printf("blobs/sha256/%s", digest_hex(digest));
}

static void add_text(struct image_save *sv, const char *name, const json_t *doc, const char *end)
{
    _cleanup_(freep) char *text = json_text(doc);
    char *whole = str_printf("%s%s", text, end);
    add_part(sv, xstrdup(name), whole, NULL, (int64_t)strlen(whole));
}

static json_t *descriptor(const char *type, const char *digest, int64_t size)
{
    json_t *d = json_object();
    json_put_str(d, "mediaType", type);
    json_put_str(d, "digest", digest);
    json_put_int(d, "size", size);
    return d;
}

static int layer_type(struct image_save *sv, const char *blob, const char **type, struct err *err)
{
    static const char *const names[] = {
        [LAYER_PLAIN] = TYPE_LAYER,
        [LAYER_GZIP] = TYPE_LAYER "+gzip",
        [LAYER_ZSTD] = TYPE_LAYER "+zstd",
        [LAYER_OTHER] = TYPE_LAYER,
    };
    _cleanup_(closep) int fd = blob_open(sv->s->blobs, blob, err);
    int packing = fd < 0 ? fd : layer_packing(fd);
    if (packing < 0)
        return fd < 0 ? fd : err_errno(err, packing, "reading blob %s", blob);
    *type = names[packing];
    return 0;
}

static int add_layer(struct image_save *sv, struct chosen *c, const char *chain, struct err *err)
{
    _cleanup_(state_layer_freep) struct state_layer *l = NULL;
    const char *type = NULL;
    int64_t size = 0;
    int r = layer_ready(sv->s, chain, &l, err);
    if (r == 0 && !l->blob)
        r = err_set(err, -EIO, "layer %s has no blob: it cannot be saved", chain);
    if (r < 0 || (r = layer_type(sv, l->blob, &type, err)) < 0 ||
        (r = blob_size(sv->s->blobs, l->blob, &size, err)) < 0) {
        err_wrap(err, "image %s", c->image->id);
        return r == -ENOENT ? -EIO : r; /* the image is there, but not whole */
    }
    json_t *d = descriptor(type, l->blob, size);
    json_put_str(d, "diffID", l->diff_id);
    json_push_take(c->layers, d);
    add_part(sv, blob_name(l->blob), NULL, l->blob, size);
    return 0;
}

static void add_manifest(struct image_save *sv, struct chosen *c)
{
    char digest[DIGEST_MAX];
    int64_t size = (int64_t)strlen(c->image->config);
    json_auto_t *m = json_object();
    json_t *layers = json_deep_copy(c->layers), *d;
    size_t i;
    json_array_foreach (layers, i, d)
        json_object_del(d, "diffID");
    json_put_int(m, "schemaVersion", 2);
    json_put_str(m, "mediaType", TYPE_MANIFEST);
    json_put_take(m, "config", descriptor(TYPE_CONFIG, c->image->id, size));
    json_put_take(m, "layers", layers);
    char *text = json_text(m);
    digest_of(text, strlen(text), digest);
    c->descriptor = descriptor(TYPE_MANIFEST, digest, (int64_t)strlen(text));
    add_part(sv, blob_name(digest), text, NULL, (int64_t)strlen(text));
    add_part(sv, blob_name(c->image->id), xstrdup(c->image->config), NULL, size);
}

static json_t *platform_of(const json_t *config)
{
    json_t *p = json_object();
    json_put_str(p, "architecture", json_str(config, "architecture", ""));
    json_put_str(p, "os", json_str(config, "os", "linux"));
    if (json_str(config, "variant", NULL))
        json_put_str(p, "variant", json_str(config, "variant", ""));
    return p;
}

static json_t *index_entry(const struct chosen *c, const char *name)
{
    json_t *d = json_deep_copy(c->descriptor);
    if (name) {
        json_t *notes = json_object();
        json_put_str(notes, "io.containerd.image.name", name);
        json_put_str(notes, "org.opencontainers.image.ref.name", strrchr(name, ':') + 1);
        json_put_take(d, "annotations", notes);
    }
    json_put_take(d, "platform", platform_of(c->config));
    return d;
}

static void add_index(struct image_save *sv)
{
    json_auto_t *index = json_object(), *layout = json_object();
    json_t *list = json_array();
    const char *name;
    for (size_t i = 0; i < sv->n; i++) {
        if (sv->v[i].names.n == 0)
            json_push_take(list, index_entry(&sv->v[i], NULL));
        strv_foreach (name, &sv->v[i].names)
            json_push_take(list, index_entry(&sv->v[i], name));
    }
    json_put_int(index, "schemaVersion", 2);
    json_put_str(index, "mediaType", TYPE_INDEX);
    json_put_take(index, "manifests", list);
    json_put_str(layout, "imageLayoutVersion", "1.0.0");
    add_text(sv, "index.json", index, "");
    add_text(sv, "oci-layout", layout, "");
}

static json_t *manifest_item(const struct chosen *c, json_t *repositories)
{
    json_t *item = json_object(), *layers = json_array(), *sources = json_object();
    json_t *tags = c->names.n > 0 ? json_array() : json_null(), *d;
    _cleanup_(freep) char *config = blob_name(c->image->id);
    const char *name, *top = "";
    size_t i;
    json_array_foreach (c->layers, i, d) {
        _cleanup_(freep) char *path = blob_name(json_str(d, "digest", ""));
        const char *diff_id = json_str(d, "diffID", "");
        json_push_str(layers, path);
        json_t *source = json_deep_copy(d);
        json_object_del(source, "diffID");
        json_put_take(sources, diff_id, source);
        top = digest_hex(diff_id);
    }
    strv_foreach (name, &c->names) {
        _cleanup_(reference_fini) struct reference r = {0};
        if (reference_parse(name, &r, NULL) < 0)
            continue;
        _cleanup_(freep) char *tag = reference_familiar(&r), *repo = reference_familiar_name(&r);
        json_push_str(tags, tag);
        json_default_take(repositories, repo, json_object());
        json_put_str(json_obj(repositories, repo), r.tag, top);
    }
    json_put_str(item, "Config", config);
    json_put_take(item, "RepoTags", tags);
    json_put_take(item, "Layers", layers);
    json_put_take(item, "LayerSources", sources);
    return item;
}

static void add_docker(struct image_save *sv)
{
    json_auto_t *manifest = json_array(), *repositories = json_object();
    for (size_t i = 0; i < sv->n; i++)
        json_push_take(manifest, manifest_item(&sv->v[i], repositories));
    add_text(sv, "manifest.json", manifest, "\n");
    if (json_object_size(repositories) > 0)
        add_text(sv, "repositories", repositories, "\n");
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct part *)a)->name, ((const struct part *)b)->name);
}

static int make_parts(struct image_save *sv, struct err *err)
{
    for (size_t i = 0; i < sv->n; i++) {
        const char *chain;
        strv_foreach (chain, &sv->v[i].image->layers) {
            int r = add_layer(sv, &sv->v[i], chain, err);
            if (r < 0)
                return r;
        }
        add_manifest(sv, &sv->v[i]);
    }
    add_index(sv);
    add_docker(sv);
    qsort(sv->parts, sv->nparts, sizeof(*sv->parts), by_name);
    return 0;
}

int image_save_open(struct image_store *s, const struct strv *refs, const char *platform,
                    struct image_save **out, struct err *err)
{
    _cleanup_(image_save_closep) struct image_save *sv = xcalloc(1, sizeof(*sv));
    int r = 0;
    const char *ref;
    sv->s = s;
    strv_foreach (ref, refs)
        if (r == 0)
            r = add_ref(sv, ref, err);
    for (size_t i = 0; r == 0 && i < sv->n; i++)
        r = platform_check(platform, sv->v[i].config, sv->v[i].ref, err);
    if (r < 0 || (r = make_parts(sv, err)) < 0)
        return r;
    *out = steal_ptr(&sv);
    return 0;
}

/* --- writing */

static int put(int fd, const void *data, size_t n, struct err *err)
{
    int r = fs_write_all(fd, data, n);
    return r < 0 ? err_errno(err, r, "writing the archive") : 0;
}

static int put_head(int fd, const char *name, bool dir, int64_t size, struct err *err)
{
    char head[TAR_BLOCK];
    tar_head(head, name, dir, size);
    return put(fd, head, sizeof(head), err);
}

/* Without a way through our memory. */
static int put_blob(struct image_save *sv, const struct part *p, int to, struct err *err)
{
    _cleanup_(closep) int fd = blob_open(sv->s->blobs, p->digest, err);
    if (fd < 0)
        return fd;
    for (int64_t left = p->size; left > 0;) {
        ssize_t n = sendfile(to, fd, NULL, MIN((size_t)SEND_MAX, (size_t)left));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? err_errno(err, -errno, "sending blob %s", p->digest)
                         : err_set(err, -EIO, "blob %s is cut off", p->digest);
        left -= n;
    }
    return 0;
}

static int put_part(struct image_save *sv, const struct part *p, int fd, struct err *err)
{
    static const char zeros[TAR_BLOCK];
    int r = put_head(fd, p->name, false, p->size, err);
    if (r == 0)
        r = p->text ? put(fd, p->text, (size_t)p->size, err) : put_blob(sv, p, fd, err);
    return r < 0 ? r : put(fd, zeros, (size_t)tar_pad(p->size), err);
}

int64_t image_save_size(const struct image_save *sv)
{
    int64_t bytes = 4 * TAR_BLOCK; /* two directories, and the end */
    for (size_t i = 0; i < sv->nparts; i++)
        bytes += TAR_BLOCK + sv->parts[i].size + tar_pad(sv->parts[i].size);
    return bytes;
}

int image_save_write(struct image_save *sv, int fd, struct err *err)
{
    static const char end[2 * TAR_BLOCK];
    int r = put_head(fd, "blobs/", true, 0, err);
    if (r == 0)
        r = put_head(fd, "blobs/sha256/", true, 0, err);
    for (size_t i = 0; r == 0 && i < sv->nparts; i++)
        r = put_part(sv, &sv->parts[i], fd, err);
    return r < 0 ? r : put(fd, end, sizeof(end), err);
}
