/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the image store share. */
#pragma once

#include <berth/storage.h>
#include <pthread.h>

#include "base/map.h"
#include "image/blob.h"
#include "image/reference.h"
#include "image/store.h"

struct image_store {
    struct state *state;
    struct blob_store *blobs;
    const struct berth_storage_ops *ops;
    void *self;
    char *driver, *shown;
    pthread_mutex_t lock; /* guards the maps */
    pthread_cond_t freed;
    struct map held; /* chain ids that somebody makes or removes */
    struct map pins; /* chain id → how often it is pinned, an integer */
    struct map
        disk; /* chain id → bytes that the layer and its blob take, an integer; measured once */
};

/* Makes this thread the only one that makes or removes the layer; waits for the other. */
void layer_hold(struct image_store *s, const char *chain_id);
void layer_release(struct image_store *s, const char *chain_id);

/* A pinned layer is not collected: for who makes several before an image has them, or reads them while their image may go. Waits for who
 * holds the layer. */
void layer_pin(struct image_store *s, const char *chain_id);
void layer_unpin(struct image_store *s, const char *chain_id);

/* OCI image-spec, config.md: the chain id of a layer is the digest of its parent's, a space and its diff id; `parent` NULL: the lowest.
 * The caller frees. */
char *layer_chain_id(const char *parent, const char *diff_id);

struct layer_plan {
    const char *chain_id, *diff_id;
    const char *parent;       /* chain id, or NULL */
    const char *parent_layer; /* the driver's id of it, or NULL */
    const char *blob;         /* digest, or NULL */
    bool init;
    /* Fills the diff directory; says how many bytes it brought. */
    int (*fill)(void *ctx, struct berth_diff *diff, int64_t *bytes, struct err *err);
    /* Gives the plain tar for drivers that take it themselves; NULL: there is none. */
    int (*tar)(void *ctx, int *fd, int64_t *bytes, struct err *err);
    void *ctx;
};
/* What the driver's id of a chain id's layer begins with; random digits follow. It lets a recovery find the layer again. The caller
 * frees. */
char *layer_id_prefix(const char *chain_id);
/* The layer of this chain id, made when it is not there. The caller holds it. */
int layer_ensure(struct image_store *s, const struct layer_plan *plan, struct state_layer **out,
                 struct err *err);
/* The ready row of a chain id; -ENOENT. */
int layer_ready(struct image_store *s, const char *chain_id, struct state_layer **out,
                struct err *err);
/* Removes what no image has; adds the chain ids that went to `gone` (may be NULL). What a container still stands on
 * stays until a later call. */
int layer_collect(struct image_store *s, struct strv *gone, struct err *err);
/* For start-up: takes away what rows say was being made. */
int layer_repair(struct image_store *s, struct err *err);
/* Deletes the row of a layer, or an image, and the blob that no row has then: both or neither, whatever happens in between. */
int layer_delete_row(struct image_store *s, const char *chain_id, const char *blob,
                     struct err *err);
int image_delete_row(struct image_store *s, const char *id, struct err *err);

/* Bytes on disk of a layer that is ready, and of its blob. */
int layer_disk(struct image_store *s, const struct state_layer *l, int64_t *bytes, struct err *err);

/* For a layer_plan whose ctx is the blob writer that has the layer's plain tar: the blob is committed when the layer is filled. */
int layer_tar_fill(void *ctx, struct berth_diff *diff, int64_t *bytes, struct err *err);
int layer_tar_give(void *ctx, int *fd, int64_t *bytes, struct err *err);

struct image_row {
    const json_t *doc;         /* the configuration */
    const struct strv *layers; /* chain ids, lowest first */
    int64_t created_ns, size;
    const char *reference; /* canonical, or NULL */
};
/* Row and reference in one transaction, which makes the configuration, written before it, a blob. *id is the caller's. */
int image_row_make(struct image_store *s, const struct image_row *in, char **id, struct err *err);

/* The image's configuration, parsed. */
int image_parse(const struct state_image *i, json_t **out, struct err *err);
/* An image can be used with this driver when its top layer is there. */
bool image_usable(struct image_store *s, const struct state_image *i);
/* References as people see them, split in tags and digests. */
int image_names(struct image_store *s, const char *id, json_t **tags, json_t **digests,
                struct err *err);

/* Applies Dockerfile instructions to `config`, an image's config object. */
int changes_apply(const struct strv *changes, json_t *config, struct err *err);
