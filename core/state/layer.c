/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of layers
 *
 * The row is there, not ready, before the driver is asked for the layer, and ready once the driver has it: so whatever
 * a crash left, a row says what it was.
 */
#include <errno.h>

#include "state/db.h"
#include "state/image.h"

#define COLUMNS "driver, chain_id, diff_id, parent, blob, layer_id, size, ready, init"

void state_layer_fini(struct state_layer *l)
{
    free(l->driver);
    free(l->chain_id);
    free(l->diff_id);
    free(l->parent);
    free(l->blob);
    free(l->layer_id);
    *l = (struct state_layer){0};
}

DEFINE_ROW(struct state_layer, state_layer, struct state_layers, state_layers_fini);

static struct state_layer *read_row(sqlite3_stmt *st)
{
    struct state_layer *l = xcalloc(1, sizeof(*l));
    l->driver = col_str(st, 0);
    l->chain_id = col_str(st, 1);
    l->diff_id = col_str(st, 2);
    l->parent = col_str(st, 3);
    l->blob = col_str(st, 4);
    l->layer_id = col_str(st, 5);
    l->size = sqlite3_column_int64(st, 6);
    l->ready = sqlite3_column_int(st, 7);
    l->init = sqlite3_column_int(st, 8);
    return l;
}

static int no_such(const char *chain_id, struct err *err)
{
    return err_set(err, -ENOENT, "no such layer: %s", chain_id);
}

int state_layer_insert(struct state *s, const struct state_layer *l, struct err *err)
{
    _cleanup_(txn_fini) struct txn t = {0};
    int r = txn_write(s, true, &t, err);
    if (r < 0)
        return r;
    r = stmt_exec(t.c, err, "INSERT INTO layer (" COLUMNS ") VALUES (?,?,?,?,?,?,?,0,?)",
                  "ssssssib", l->driver, l->chain_id, l->diff_id, l->parent, l->blob, l->layer_id,
                  l->size, l->init);
    if (r == -EEXIST)
        return err_set(err, r, "layer %s is there or being made", l->chain_id);
    return r < 0 ? r : txn_commit(&t, err);
}

int state_layer_ready(struct state *s, const char *driver, const char *chain_id, int64_t size,
                      struct err *err)
{
    _cleanup_(txn_fini) struct txn t = {0};
    int r = txn_write(s, true, &t, err);
    if (r < 0)
        return r;
    r = stmt_exec(t.c, err, "UPDATE layer SET ready=1, size=? WHERE driver=? AND chain_id=?", "iss",
                  size, driver, chain_id);
    if (r == 0)
        return no_such(chain_id, err);
    return r < 0 ? r : txn_commit(&t, err);
}

int state_layer_set_blob(struct state *s, const char *driver, const char *chain_id,
                         const char *blob, struct err *err)
{
    _cleanup_(txn_fini) struct txn t = {0};
    int r = txn_write(s, true, &t, err);
    if (r < 0)
        return r;
    r = stmt_exec(t.c, err, "UPDATE layer SET blob=? WHERE driver=? AND chain_id=?", "sss", blob,
                  driver, chain_id);
    if (r == 0)
        return no_such(chain_id, err);
    return r < 0 ? r : txn_commit(&t, err);
}

/* An image may lose a layer only where another driver has the same one, or where it never was ready. */
static int check_unused(struct conn *c, const char *driver, const char *chain_id, struct err *err)
{
    _cleanup_(stmt_donep) sqlite3_stmt *st = NULL;
    int r = stmt_query(c, &st, err,
                       "SELECT 1 FROM layer WHERE driver = ?1 AND parent = ?2"
                       " UNION ALL SELECT 1 FROM image_layer AS i JOIN layer AS l"
                       " ON l.chain_id = i.chain_id AND l.driver = ?1 AND l.ready"
                       " WHERE i.chain_id = ?2 AND NOT EXISTS (SELECT 1 FROM layer"
                       " WHERE chain_id = ?2 AND driver != ?1 AND ready) LIMIT 1",
                       "ss", driver, chain_id);
    if (r < 0 || (r = stmt_step(st, err)) <= 0)
        return r;
    return err_set(err, -EBUSY, "layer %s is in use", chain_id);
}

int state_layer_doom(struct state *s, const char *driver, const char *chain_id, struct err *err)
{
    _cleanup_(txn_fini) struct txn t = {0};
    int r = txn_write(s, true, &t, err);
    if (r < 0 || (r = check_unused(t.c, driver, chain_id, err)) < 0)
        return r;
    r = stmt_exec(t.c, err, "UPDATE layer SET ready=0 WHERE driver=? AND chain_id=?", "ss", driver,
                  chain_id);
    if (r == 0)
        return no_such(chain_id, err);
    return r < 0 ? r : txn_commit(&t, err);
}

static int blob_of(struct conn *c, const char *driver, const char *chain_id, char **blob,
                   struct err *err)
{
    _cleanup_(stmt_donep) sqlite3_stmt *st = NULL;
    int r = stmt_query(c, &st, err, "SELECT blob FROM layer WHERE driver = ? AND chain_id = ?",
                       "ss", driver, chain_id);
    if (r < 0 || (r = stmt_step(st, err)) < 0)
        return r;
    *blob = r > 0 ? col_str(st, 0) : NULL;
    return 0;
}

int state_layer_delete(struct state *s, const char *driver, const char *chain_id,
                       const struct state_blob_last *last, struct err *err)
{
    _cleanup_(txn_fini) struct txn t = {0};
    _cleanup_(freep) char *blob = NULL;
    int r = txn_write(s, true, &t, err);
    if (r < 0 || (r = check_unused(t.c, driver, chain_id, err)) < 0 ||
        (r = blob_of(t.c, driver, chain_id, &blob, err)) < 0)
        return r;
    r = stmt_exec(t.c, err, "DELETE FROM layer WHERE driver = ? AND chain_id = ?", "ss", driver,
                  chain_id);
    if (r == 0)
        return no_such(chain_id, err);
    if (r > 0 && blob)
        r = state_blob_drop(t.c, blob, last, err);
    return r < 0 ? r : txn_commit(&t, err);
}

int state_layer_get(struct state *s, const char *driver, const char *chain_id,
                    struct state_layer **out, struct err *err)
{
    _cleanup_(txn_fini) struct txn t = {0};
    _cleanup_(stmt_donep) sqlite3_stmt *st = NULL;
    int r = txn_read(s, &t, err);
    if (r == 0)
        r = stmt_query(t.c, &st, err,
                       "SELECT " COLUMNS " FROM layer WHERE driver = ? AND chain_id = ?", "ss",
                       driver, chain_id);
    if (r < 0 || (r = stmt_step(st, err)) < 0)
        return r;
    if (r == 0)
        return no_such(chain_id, err);
    *out = read_row(st);
    return 0;
}

static int list(struct state *s, const char *sql, const char *driver, struct state_layers *out,
                struct err *err)
{
    *out = (struct state_layers){0};
    _cleanup_(txn_fini) struct txn t = {0};
    _cleanup_(stmt_donep) sqlite3_stmt *st = NULL;
    int r = txn_read(s, &t, err);
    if (r == 0)
        r = stmt_query(t.c, &st, err, sql, "s", driver);
    while (r >= 0 && (r = stmt_step(st, err)) > 0)
        list_push(out, read_row(st));
    if (r < 0)
        state_layers_fini(out);
    return r;
}

int state_layer_list(struct state *s, const char *driver, struct state_layers *out, struct err *err)
{
    return list(s, "SELECT " COLUMNS " FROM layer WHERE driver = ? ORDER BY chain_id", driver, out,
                err);
}

int state_layer_anywhere(struct state *s, const char *chain_id)
{
    _cleanup_(txn_fini) struct txn t = {0};
    _cleanup_(stmt_donep) sqlite3_stmt *st = NULL;
    int r = txn_read(s, &t, NULL);
    if (r == 0)
        r = stmt_query(t.c, &st, NULL, "SELECT 1 FROM layer WHERE chain_id = ? AND ready LIMIT 1",
                       "s", chain_id);
    return r < 0 ? r : stmt_step(st, NULL);
}

int state_layer_unused(struct state *s, const char *driver, struct state_layers *out,
                       struct err *err)
{
    return list(s,
                "SELECT " COLUMNS " FROM layer AS l WHERE driver = ? AND ready"
                " AND NOT EXISTS (SELECT 1 FROM layer AS c"
                "  WHERE c.driver = l.driver AND c.parent = l.chain_id)"
                " AND NOT EXISTS (SELECT 1 FROM image_layer AS i WHERE i.chain_id ="
                "  CASE WHEN l.init THEN l.parent ELSE l.chain_id END)",
                driver, out, err);
}

static int blob_used(struct conn *c, const char *digest, struct err *err)
{
    _cleanup_(stmt_donep) sqlite3_stmt *st = NULL;
    int r = stmt_query(c, &st, err,
                       "SELECT 1 FROM layer WHERE blob = ?1"
                       " UNION ALL SELECT 1 FROM image WHERE id = ?1 LIMIT 1",
                       "s", digest);
    return r < 0 ? r : stmt_step(st, err);
}

int state_blob_used(struct state *s, const char *digest, struct err *err)
{
    _cleanup_(txn_fini) struct txn t = {0};
    int r = txn_read(s, &t, err);
    return r < 0 ? r : blob_used(t.c, digest, err);
}

int state_blob_drop(struct conn *c, const char *digest, const struct state_blob_last *last,
                    struct err *err)
{
    int r = last ? blob_used(c, digest, err) : 1;
    if (r != 0)
        return MIN(r, 0);
    r = last->drop(last->arg, digest);
    return r < 0 ? err_errno(err, r, "removing blob %s", digest) : 0;
}
