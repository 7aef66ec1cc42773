/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Image store
 *
 * Images of one storage driver: imported, found, shown, tagged, removed, and the layers that containers stand on. An
 * image's id is its configuration's digest; layers are shared by chain id. Rows are in the database, bytes in the
 * blob store, trees in the driver. All functions are safe from any thread; no lock is held while a layer is made.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "base/err.h"
#include "base/str.h"
#include "state/image.h"

struct berth_storage_ops;
struct image_store;

struct image_store_params {
    struct state *state; /* outlives the store, as do the driver and the strings */
    const struct berth_storage_ops *ops;
    void *self;
    const char *driver; /* its name, in the rows */
    const char *shown;  /* what clients see (GraphDriver.Name): the first alias, or NULL */
};

/* Makes its directories below data_root and takes away what a crash left half-made: tmp/, and the layers whose rows
 * say that they were being made. */
int image_store_open(const struct image_store_params *p, struct image_store **out, struct err *err);
void image_store_close(struct image_store *s);
DEFINE_CLEANUP(struct image_store *, image_store_close);

/* For start-up: calls unknown(ctx, layer_id) for each layer of the driver that neither an image's row nor a container's
 * knows. Removes nothing. */
int image_store_check(struct image_store *s, void (*unknown)(void *ctx, const char *layer_id),
                      void *ctx, struct err *err);

/* For `system check`. `object` is an image's id, a chain id, a driver's layer or a digest. */
enum image_fault {
    IMAGE_CONFIG_MISSING,
    IMAGE_CONFIG_DAMAGED,
    IMAGE_LAYERLESS,
    IMAGE_LAYER_MISSING,
    IMAGE_LAYER_UNFINISHED,
    IMAGE_LAYER_STRAY,
    IMAGE_BLOB_MISSING,
    IMAGE_BLOB_DAMAGED,
    IMAGE_BLOB_STRAY,
};
typedef void image_found_fn(void *arg, enum image_fault fault, const char *object,
                            const char *words);
/* Holds rows, driver and blobs against each other and tells what does not fit; `deep`: reads every blob. Puts Images, Layers and Blobs
 * into `counts`. Beside imports and removals that are at work. */
int image_store_verify(struct image_store *s, bool deep, image_found_fn *found, void *arg,
                       json_t *counts, struct err *err);
/* Writes an image's configuration, which its row holds, as a blob again. */
int image_store_mend(struct image_store *s, const char *image_id, struct err *err);

/* For --recover, with a new database: makes the images again whose configuration and layers are among the blobs; *n: how
 * many. Their names are lost; an image that cannot be made is said in the log. */
int image_store_recover(struct image_store *s, int64_t *n, struct err *err);

struct image_import {
    int tar_fd;         /* file, pipe or socket; plain, gzip, bzip2, xz or zstd; read to its end */
    const char *source; /* for the history: NULL or "-" is "Imported from -" */
    const char *reference; /* as the client gave it ("x", "x:tag", "host:5000/x"); NULL: untagged */
    const char *message;   /* NULL: "Imported from SOURCE" */
    const struct strv *changes; /* Dockerfile instructions; may be NULL */
    const char *platform;       /* "os[/arch[/variant]]"; NULL: the host's */
};
/* *id: "sha256:…". On failure nothing is left. -EINVAL: what the client gave was wrong (changes, reference, archive). */
int image_import(struct image_store *s, const struct image_import *in, char **id, struct err *err);

/* A load in two steps, so that a client hears of the second while it goes on. The first reads the archive (docker's, or an OCI layout; plain
 * or compressed) to its end and checks all that can be checked without unpacking; what it took is in tmp/ only. `platform` (JSON, may be
 * NULL): only images for it. -EINVAL with words for what is wrong with the archive. */
struct image_load;
int image_load_read(struct image_store *s, int tar_fd, const char *platform,
                    struct image_load **out, struct err *err);
struct image_load_watch {
    void *ctx;
    /* A layer is being unpacked: `done` of `total` bytes of its file. May be NULL. */
    void (*layer)(void *ctx, const char *diff_id, int64_t done, int64_t total);
    /* An image is there, once for each of its names (as people see them), or with NULL when it has none. `before`: the image that had the
     * name, or NULL. */
    void (*image)(void *ctx, const char *id, const char *name, const char *before);
};
/* Makes all of its images and names, or none. */
int image_load_run(struct image_load *l, const struct image_load_watch *watch, struct err *err);
void image_load_free(struct image_load *l);
DEFINE_CLEANUP(struct image_load *, image_load_free);

/* A save in two steps: what is asked for is found first, so that a wrong name is an answer and not a broken stream. A name without a tag
 * stands for all tags of its repository, an id for the image without names. `platform` as above. -ENOENT. */
struct image_save;
int image_save_open(struct image_store *s, const struct strv *refs, const char *platform,
                    struct image_save **out, struct err *err);
/* Ids, in the order of the archive. */
const struct strv *image_save_ids(const struct image_save *sv);
/* Bytes of the archive. */
int64_t image_save_size(const struct image_save *sv);
/* Writes the archive: docker's and an OCI layout in one, each layer once; the same images give the same bytes. */
int image_save_write(struct image_save *sv, int fd, struct err *err);
/* Their layers stay until then, whatever becomes of the images. */
void image_save_close(struct image_save *sv);
DEFINE_CLEANUP(struct image_save *, image_save_close);

struct image_commit {
    const char *parent;                                    /* id of the container's image */
    const char *container;                                 /* its id, for the configuration */
    const char *reference, *comment, *author, *created_by; /* each may be NULL */
    const json_t *config;
    /* Writes the tar of what has changed, by calling put(put_ctx, …). */
    int (*diff)(void *ctx, int (*put)(void *put_ctx, const void *data, size_t n, struct err *err),
                void *put_ctx, struct err *err);
    void *ctx;
};
/* A new image of the parent's layers and one more. *id: "sha256:…". On failure nothing is left. */
int image_commit(struct image_store *s, const struct image_commit *in, char **id, struct err *err);
/* Applies Dockerfile instructions to an image's config object. -EINVAL in Docker's words. */
int image_changes_apply(const struct strv *changes, json_t *config, struct err *err);

/* By "sha256:" id, reference, or a unique prefix of the id. -ENOENT "No such image: x:latest". */
int image_find(struct image_store *s, const char *ref, struct state_image **out, struct err *err);

/* What the API answers. filters (may be NULL): reference, dangling, label, before, since, until; another is -EINVAL. */
int image_list(struct image_store *s, bool all, const json_t *filters, json_t **out,
               struct err *err);
int image_inspect(struct image_store *s, const char *ref, json_t **out, struct err *err);
/* Gives the images of a list their SharedSize: what is in layers that another image has, too. `disk`: Size and SharedSize become what the
 * disk holds of them, layers and blobs, and *total (may be NULL) what it holds of all. */
int image_list_sizes(struct image_store *s, json_t *images, bool disk, int64_t *total,
                     struct err *err);
/* Bytes on disk of each layer and its blob, {"sha256:CHAIN": N}. */
int image_layers_disk(struct image_store *s, json_t **out, struct err *err);
/* platform: a client's JSON, or NULL. */
int image_history(struct image_store *s, const char *ref, const char *platform, json_t **out,
                  struct err *err);

/* `target` as for image_import; takes it from the image that has it. */
int image_tag(struct image_store *s, const char *ref, const char *target, struct err *err);

/* Who uses an image: calls each(arg, container_id, running) for every container; the engine's. */
struct image_users {
    void *ctx;
    int (*each)(void *ctx, const char *image_id,
                void (*user)(void *arg, const char *container_id, bool running), void *arg);
};
/* Docker's rules: untags, and deletes the image with its last reference. *out: [{"Untagged":…},{"Deleted":…}]. -EBUSY
 * with Docker's words where a container or another reference is in the way. */
int image_remove(struct image_store *s, const char *ref, bool force,
                 const struct image_users *users, json_t **out, struct err *err);

/* The image's `config` object (Cmd, Env, …), never NULL on success. */
int image_config(struct image_store *s, const char *image_id, json_t **out, struct err *err);
/* The storage driver's layer that a container's writable layer is made on: the init layer, made on first use. The
 * caller frees. */
int image_init_layer(struct image_store *s, const char *image_id, char **layer_id, struct err *err);
/* The topmost layer of the image itself. */
int image_top_layer(struct image_store *s, const char *image_id, char **layer_id, struct err *err);
