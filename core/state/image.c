/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of images and the order of their layers. */
#include "state/image.h"

#include <errno.h>

#include "base/clock.h"
#include "state/db.h"

#define COLUMNS "id, created_ns, tagged_ns, size, config"

void state_image_fini(struct state_image *i)
{
    free(i->id);
    free(i->config);
    strv_fini(&i->layers);
    *i = (struct state_image){0};
}

DEFINE_ROW(struct state_image, state_image, struct state_images, state_images_fini);

static int read_layers(struct conn *c, struct state_image *i, struct err *err)
{
    _cleanup_(stmt_donep) sqlite3_stmt *st = NULL;
    int r = stmt_query(c, &st, err,
                       "SELECT chain_id FROM image_layer WHERE image_id = ? ORDER BY position", "s",
                       i->id);
    while (r >= 0 && (r = stmt_step(st, err)) > 0)
        strv_take(&i->layers, col_str(st, 0));
    return r;
}

static int read_row(struct conn *c, sqlite3_stmt *st, struct state_image **out, struct err *err)
{
    _cleanup_(state_image_freep) struct state_image *i = xcalloc(1, sizeof(*i));
    i->id = col_str(st, 0);
    i->created_ns = sqlite3_column_int64(st, 1);
    i->tagged_ns = sqlite3_column_int64(st, 2);
    i->size = sqlite3_column_int64(st, 3);
    i->config = col_str(st, 4);
    int r = read_layers(c, i, err);
    if (r == 0)
        *out = steal_ptr(&i);
    return r;
}

static int insert_layers(struct conn *c, const struct state_image *i, struct err *err)
{
    int64_t position = 0;
    const char *chain;
    strv_foreach (chain, &i->layers) {
        int r = stmt_exec(c, err,
                          "INSERT INTO image_layer (image_id, position, chain_id) VALUES (?,?,?)",
                          "sis", i->id, position++, chain);
        if (r < 0)
            return r;
    }
    return 0;
}

static int set_reference(struct conn *c, const char *reference, const char *image_id,
                         struct err *err)
{
    int r = stmt_exec(c, err,
                      "INSERT INTO reference (reference, image_id) VALUES (?,?)"
                      " ON CONFLICT (reference) DO UPDATE SET image_id = excluded.image_id",
                      "ss", reference, image_id);
    if (r == -ENOENT)
        return err_set(err, r, "No such image: %s", image_id);
    if (r >= 0)
        r = stmt_exec(c, err, "UPDATE image SET tagged_ns = ? WHERE id = ?", "is", time_now_ns(),
                      image_id);
    return MIN(r, 0);
}

static int insert_one(struct conn *c, const struct state_image_named *n, struct err *err)
{
    const struct state_image *i = n->image;
    int r = stmt_exec(c, err, "INSERT OR IGNORE INTO image (" COLUMNS ") VALUES (?,?,?,?,?)",
                      "siiis", i->id, i->created_ns, i->tagged_ns, i->size, i->config);
    if (r > 0)
        r = insert_layers(c, i, err);
    const char *reference;
    strv_foreach (reference, n->references)
        if (r >= 0)
            r = set_reference(c, reference, i->id, err);
    return MIN(r, 0);
}

int state_images_insert(struct state *s, const struct state_image_named *images, size_t n,
                        struct err *err)
{
    _cleanup_(txn_fini) struct txn t = {0};
    int r = txn_write(s, true, &t, err);
    for (size_t i = 0; r == 0 && i < n; i++)
        r = insert_one(t.c, &images[i], err);
    return r < 0 ? r : txn_commit(&t, err);
}

int state_image_insert(struct state *s, const struct state_image *i, const char *reference,
                       struct err *err)
{
    _cleanup_(strv_fini) struct strv references = {0};
    if (reference)
        strv_add(&references, reference);
    const struct state_image_named named = {i, &references};
    return state_images_insert(s, &named, 1, err);
}

int state_image_delete(struct state *s, const char *id, const struct state_blob_last *last,
                       struct err *err)
{
    _cleanup_(txn_fini) struct txn t = {0};
    int r = txn_write(s, true, &t, err);
    if (r < 0)
        return r;
    r = stmt_exec(t.c, err, "DELETE FROM image WHERE id = ?", "s", id);
    if (r == 0)
        return err_set(err, -ENOENT, "No such image: %s", id);
    if (r > 0)
        r = state_blob_drop(t.c, id, last, err);
    return r < 0 ? r : txn_commit(&t, err);
}

int state_image_get(struct state *s, const char *id, struct state_image **out, struct err *err)
{
    _cleanup_(txn_fini) struct txn t = {0};
    _cleanup_(stmt_donep) sqlite3_stmt *st = NULL;
    int r = txn_read(s, &t, err);
    if (r == 0)
        r = stmt_query(t.c, &st, err, "SELECT " COLUMNS " FROM image WHERE id = ?", "s", id);
    if (r < 0 || (r = stmt_step(st, err)) < 0)
        return r;
    if (r == 0)
        return err_set(err, -ENOENT, "No such image: %s", id);
    return read_row(t.c, st, out, err);
}

int state_image_match(struct state *s, const char *prefix, size_t max, struct strv *out,
                      struct err *err)
{
    _cleanup_(txn_fini) struct txn t = {0};
    _cleanup_(stmt_donep) sqlite3_stmt *st = NULL;
    _cleanup_(freep) char *end = str_printf("%sg", prefix); /* the first letter after hex */
    int r = txn_read(s, &t, err);
    if (r == 0)
        r = stmt_query(t.c, &st, err,
                       "SELECT id FROM image WHERE id >= ? AND id < ? ORDER BY id LIMIT ?", "ssi",
                       prefix, end, (int64_t)max);
    while (r >= 0 && (r = stmt_step(st, err)) > 0)
        strv_take(out, col_str(st, 0));
    return r;
}

int state_image_list(struct state *s, struct state_images *out, struct err *err)
{
    *out = (struct state_images){0};
    _cleanup_(txn_fini) struct txn t = {0};
    _cleanup_(stmt_donep) sqlite3_stmt *st = NULL;
    int r = txn_read(s, &t, err);
    if (r == 0)
        r = stmt_query(t.c, &st, err, "SELECT " COLUMNS " FROM image ORDER BY created_ns DESC, id",
                       "");
    while (r >= 0 && (r = stmt_step(st, err)) > 0) {
        struct state_image *i = NULL;
        r = read_row(t.c, st, &i, err);
        if (r == 0)
            list_push(out, i);
    }
    if (r < 0)
        state_images_fini(out);
    return r;
}

int state_reference_set(struct state *s, const char *reference, const char *image_id,
                        struct err *err)
{
    _cleanup_(txn_fini) struct txn t = {0};
    int r = txn_write(s, true, &t, err);
    if (r < 0 || (r = set_reference(t.c, reference, image_id, err)) < 0)
        return r;
    return txn_commit(&t, err);
}

int state_reference_delete(struct state *s, const char *reference, struct err *err)
{
    _cleanup_(txn_fini) struct txn t = {0};
    int r = txn_write(s, true, &t, err);
    if (r < 0)
        return r;
    r = stmt_exec(t.c, err, "DELETE FROM reference WHERE reference = ?", "s", reference);
    if (r == 0)
        return err_set(err, -ENOENT, "No such image: %s", reference);
    return r < 0 ? r : txn_commit(&t, err);
}

int state_reference_get(struct state *s, const char *reference, char **image_id, struct err *err)
{
    _cleanup_(txn_fini) struct txn t = {0};
    _cleanup_(stmt_donep) sqlite3_stmt *st = NULL;
    int r = txn_read(s, &t, err);
    if (r == 0)
        r = stmt_query(t.c, &st, err, "SELECT image_id FROM reference WHERE reference = ?", "s",
                       reference);
    if (r < 0 || (r = stmt_step(st, err)) < 0)
        return r;
    if (r == 0)
        return err_set(err, -ENOENT, "No such image: %s", reference);
    *image_id = col_str(st, 0);
    return 0;
}

int state_reference_list(struct state *s, const char *image_id, struct strv *out, struct err *err)
{
    _cleanup_(txn_fini) struct txn t = {0};
    _cleanup_(stmt_donep) sqlite3_stmt *st = NULL;
    int r = txn_read(s, &t, err);
    if (r == 0)
        r = stmt_query(t.c, &st, err,
                       "SELECT reference FROM reference WHERE image_id = ? ORDER BY reference", "s",
                       image_id);
    while (r >= 0 && (r = stmt_step(st, err)) > 0)
        strv_take(out, col_str(st, 0));
    return r;
}

int state_reference_match(struct state *s, const char *prefix, struct strv *out, struct err *err)
{
    _cleanup_(txn_fini) struct txn t = {0};
    _cleanup_(stmt_donep) sqlite3_stmt *st = NULL;
    size_t n = strlen(prefix);
    _cleanup_(freep) char *end = str_printf("%.*s;", (int)(n > 0 ? n - 1 : 0), prefix);
    int r = txn_read(s, &t, err);
    if (r == 0)
        r = stmt_query(t.c, &st, err,
                       "SELECT reference FROM reference WHERE reference >= ? AND reference < ?"
                       " ORDER BY reference",
                       "ss", prefix, end);
    while (r >= 0 && (r = stmt_step(st, err)) > 0)
        strv_take(out, col_str(st, 0));
    return r;
}
