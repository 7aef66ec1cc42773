/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Layers on disk
 *
 * The book-keeping that drivers with a directory per layer share. Below data_dir:
 *   l/ID/TREE     the layer's files (the driver names TREE)
 *   l/ID/parent   a symbolic link to ../PARENT; absent without parent. A link, because it is there whole or not at
 *                 all after a power cut, without an fsync.
 *   l/ID/MARK     a directory; there when the layer is writable
 *   tmp/          what is being made or removed; emptied by layers_open()
 * A layer comes about in tmp/ and is renamed into l/ when it is complete; it goes the other way round, and its files are deleted later.
 * The index in memory is made once, at open. Its lock guards memory only.
 */
#pragma once

#include "berth/storage.h"

struct layers;
struct layer; /* one that is being made */

int layers_open(const struct berth_host *host, const char *tree, const char *mark,
                struct layers **out, struct berth_err *err);
void layers_close(struct layers *l);
/* Absolute path of data_dir. */
const char *layers_root(const struct layers *l);

/* Reserves `id` and makes its directory in tmp/, with an empty tree that has the mode and owner of the parent's root (0755
 * root without parent). At most max_depth layers may stand below one (0: no limit). -EEXIST, -ENOENT (the parent). */
int layer_begin(struct layers *l, const char *id, const char *parent, bool writable,
                unsigned max_depth, struct layer **out, struct berth_err *err);
/* Opens the tree of a layer that is being made; for reading entries. */
int layer_open_new(struct layers *l, struct layer *layer, struct berth_err *err);
/* Renames it into place; with `sync` when everything in it is on disk. Ends `layer`, also when it fails. */
int layer_commit(struct layers *l, struct layer *layer, bool sync, struct berth_err *err);
void layer_abort(struct layers *l, struct layer *layer);

/* -ENOENT; -EBUSY when another layer stands on it. */
int layer_remove(struct layers *l, const char *id, struct berth_err *err);
int layer_stat(struct layers *l, const char *id, struct berth_layer_stat *out,
               struct berth_err *err);
int layer_list(struct layers *l, int (*each)(void *ctx, const char *id), void *ctx,
               struct berth_err *err);

/* A layer and those below it, uppermost first. */
struct chain {
    size_t n;
    char **ids;
    bool writable; /* the uppermost */
};
int layer_chain(struct layers *l, const char *id, struct chain *out, struct berth_err *err);
void chain_fini(struct chain *chain);
/* Opens the tree of an existing layer, for reading entries; negative errno with words. */
int layer_open_tree(struct layers *l, const char *id, struct berth_err *err);
/* data_dir/l/ID/NAME; the caller frees. NULL without memory. */
char *layer_path(const struct layers *l, const char *id, const char *name);
