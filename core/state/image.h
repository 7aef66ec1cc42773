/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of images, references and layers
 *
 * An image is its configuration's text, byte for byte, and a list of layers. A layer is a chain id with the storage
 * driver's layer that holds it; images share layers, and a layer without an image is collected. Durable when the
 * function returns. The image store (image/store.h) is what the engine talks to.
 */
#pragma once

#include <stdbool.h>

#include "base/str.h"
#include "state/state.h"

struct state_image {
    char *id; /* "sha256:…", digest of `config` */
    int64_t created_ns;
    int64_t size; /* bytes of all layers, unpacked */
    char *config; /* the text behind the id */
    int64_t tagged_ns;
    struct strv layers; /* chain ids, lowest first */
};
void state_image_fini(struct state_image *i);
void state_image_free(struct state_image *i);
DEFINE_CLEANUP(struct state_image *, state_image_free);

struct state_images {
    struct state_image **v;
    size_t n;
};
void state_images_fini(struct state_images *list);

/* Writes image and layer order, and `reference` unless NULL (taken from the image that had it), in one transaction.
 * An image that is there already stays as it is; only the reference moves. */
int state_image_insert(struct state *s, const struct state_image *i, const char *reference,
                       struct err *err);
/* The same for several at once: all of them, or none. */
struct state_image_named {
    const struct state_image *image;
    const struct strv *references;
};
int state_images_insert(struct state *s, const struct state_image_named *images, size_t n,
                        struct err *err);
/* Called when nothing but the commit is left of a row's deletion, with a blob that no row has any more; a failure undoes the
 * deletion. It may touch one name of a file, nothing slower, for it runs under the writer's lock. */
struct state_blob_last {
    int (*drop)(void *arg, const char *digest);
    void *arg;
};

/* With its references. `last` may be NULL. */
int state_image_delete(struct state *s, const char *id, const struct state_blob_last *last,
                       struct err *err);
int state_image_get(struct state *s, const char *id, struct state_image **out, struct err *err);
/* Ids that begin with `prefix` ("sha256:…"), at most `max`, added to `out`. */
int state_image_match(struct state *s, const char *prefix, size_t max, struct strv *out,
                      struct err *err);
/* Newest first. */
int state_image_list(struct state *s, struct state_images *out, struct err *err);

/* References, normalised ("docker.io/library/x:tag"). set takes it from another image. -ENOENT. */
int state_reference_set(struct state *s, const char *reference, const char *image_id,
                        struct err *err);
int state_reference_delete(struct state *s, const char *reference, struct err *err);
int state_reference_get(struct state *s, const char *reference, char **image_id, struct err *err);
/* Those that begin with `prefix`, which ends with a colon; sorted, added to `out`. */
int state_reference_match(struct state *s, const char *prefix, struct strv *out, struct err *err);
/* Of one image, sorted, added to `out`. */
int state_reference_list(struct state *s, const char *image_id, struct strv *out, struct err *err);

/* A chain id may stand in several drivers: rows are by driver and chain id. */
struct state_layer {
    char *driver, *chain_id, *diff_id, *parent; /* parent: chain id, or NULL */
    char *blob;                                 /* digest of the blob it was made from, or NULL */
    char *layer_id;                             /* the driver's */
    int64_t size;
    bool ready; /* false: being made */
    bool init;  /* an init layer: lives as long as an image has `parent` */
};
void state_layer_fini(struct state_layer *l);
void state_layer_free(struct state_layer *l);
DEFINE_CLEANUP(struct state_layer *, state_layer_free);

struct state_layers {
    struct state_layer **v;
    size_t n;
};
void state_layers_fini(struct state_layers *list);

/* A layer that is about to be made (ready is ignored). -EEXIST when this chain id is there or being made. */
int state_layer_insert(struct state *s, const struct state_layer *l, struct err *err);
/* It is made: notes its size. */
int state_layer_ready(struct state *s, const char *driver, const char *chain_id, int64_t size,
                      struct err *err);
/* The blob of a layer that was made from one which outlives a failure to make it. */
int state_layer_set_blob(struct state *s, const char *driver, const char *chain_id,
                         const char *blob, struct err *err);
/* About to be removed: it is being made again, so to say, until its row is deleted. -EBUSY as delete. */
int state_layer_doom(struct state *s, const char *driver, const char *chain_id, struct err *err);
/* -EBUSY while another layer stands on it, or an image when no other driver has it. */
int state_layer_delete(struct state *s, const char *driver, const char *chain_id,
                       const struct state_blob_last *last, struct err *err);
int state_layer_get(struct state *s, const char *driver, const char *chain_id,
                    struct state_layer **out, struct err *err);
/* All of a driver. */
int state_layer_list(struct state *s, const char *driver, struct state_layers *out,
                     struct err *err);
/* Whether any driver has this chain id ready: 1, 0, or a negative errno. */
int state_layer_anywhere(struct state *s, const char *chain_id);
/* Ready layers of a driver on which no image and no layer stands. */
int state_layer_unused(struct state *s, const char *driver, struct state_layers *out,
                       struct err *err);
/* Whether an image or a layer of any driver has this blob: 1, 0, or a negative errno. */
int state_blob_used(struct state *s, const char *digest, struct err *err);
/* The same inside a transaction that deletes: drops the blob when nobody has it. */
struct conn;
int state_blob_drop(struct conn *c, const char *digest, const struct state_blob_last *last,
                    struct err *err);
