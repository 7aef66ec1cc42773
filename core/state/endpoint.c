/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of endpoints. */
#include <errno.h>

#include "state/db.h"
#include "state/network.h"

#define COLUMNS "id, network_id, container_id, config, attachment"

void state_endpoint_fini(struct state_endpoint *e)
{
    free(e->id);
    free(e->network_id);
    free(e->container_id);
    json_decref(e->config);
    json_decref(e->attachment);
    *e = (struct state_endpoint){0};
}

DEFINE_ROW(struct state_endpoint, state_endpoint, struct state_endpoints, state_endpoints_fini);

static struct state_endpoint *read_row(sqlite3_stmt *st)
{
    struct state_endpoint *e = xcalloc(1, sizeof(*e));
    e->id = col_str(st, 0);
    e->network_id = col_str(st, 1);
    e->container_id = col_str(st, 2);
    e->config = col_json(st, 3);
    e->attachment = col_json(st, 4);
    return e;
}

static int not_found(const char *id, struct err *err)
{
    return err_set(err, -ENOENT, "endpoint %s not found", id);
}

static int commit(struct state *s, struct txn *t, const char *container_id, struct err *err)
{
    int r = txn_commit(t, err);
    if (r == 0 && container_id)
        state_container_changed(s, container_id);
    return r;
}

/* Whose it is; NULL: there is no such endpoint. */
static int owner(struct conn *c, const char *id, char **container_id, struct err *err)
{
    _cleanup_(stmt_donep) sqlite3_stmt *st = NULL;
    int r = stmt_query(c, &st, err, "SELECT container_id FROM endpoint WHERE id = ?", "s", id);
    if (r == 0)
        r = stmt_step(st, err);
    if (r > 0)
        *container_id = col_str(st, 0);
    return MIN(r, 0);
}

int endpoint_insert_in(struct txn *t, const struct state_endpoint *e, struct err *err)
{
    int r = stmt_exec(t->c, err, "INSERT INTO endpoint (" COLUMNS ") VALUES (?,?,?,?,?)", "sssjj",
                      e->id, e->network_id, e->container_id, e->config, e->attachment);
    if (r == -EEXIST)
        return err_set(err, r, "container %s is already attached to network %s", e->container_id,
                       e->network_id);
    if (r == -ENOENT)
        return err_set(err, r, "network %s or container %s does not exist", e->network_id,
                       e->container_id);
    return MIN(r, 0);
}

int state_endpoint_insert(struct state *s, const struct state_endpoint *e, struct err *err)
{
    _cleanup_(txn_fini) struct txn t = {0};
    int r = txn_write(s, false, &t, err);
    if (r == 0)
        r = endpoint_insert_in(&t, e, err);
    return r < 0 ? r : commit(s, &t, e->container_id, err);
}

int state_endpoint_update(struct state *s, const struct state_endpoint *e, struct err *err)
{
    _cleanup_(txn_fini) struct txn t = {0};
    int r = txn_write(s, false, &t, err);
    _cleanup_(freep) char *container = NULL;
    if (r == 0)
        r = owner(t.c, e->id, &container, err);
    if (r < 0)
        return r;
    r = stmt_exec(t.c, err, "UPDATE endpoint SET config=?, attachment=? WHERE id=?", "jjs",
                  e->config, e->attachment, e->id);
    if (r == 0)
        return not_found(e->id, err);
    return r < 0 ? r : commit(s, &t, container, err);
}

int state_endpoint_delete(struct state *s, const char *id, struct err *err)
{
    _cleanup_(txn_fini) struct txn t = {0};
    int r = txn_write(s, false, &t, err);
    _cleanup_(freep) char *container = NULL;
    if (r == 0)
        r = owner(t.c, id, &container, err);
    if (r < 0)
        return r;
    r = stmt_exec(t.c, err, "DELETE FROM endpoint WHERE id = ?", "s", id);
    if (r == 0)
        return not_found(id, err);
    return r < 0 ? r : commit(s, &t, container, err);
}

/* A query of its own for each case, so that each can use its index. */
static int query(struct conn *c, sqlite3_stmt **st, const char *network_id,
                 const char *container_id, struct err *err)
{
    if (network_id && container_id)
        return stmt_query(c, st, err,
                          "SELECT " COLUMNS " FROM endpoint WHERE network_id = ?"
                          " AND container_id = ?",
                          "ss", network_id, container_id);
    if (network_id)
        return stmt_query(c, st, err,
                          "SELECT " COLUMNS " FROM endpoint WHERE network_id = ? ORDER BY seq", "s",
                          network_id);
    if (container_id)
        return stmt_query(c, st, err,
                          "SELECT " COLUMNS " FROM endpoint WHERE container_id = ? ORDER BY seq",
                          "s", container_id);
    return stmt_query(c, st, err, "SELECT " COLUMNS " FROM endpoint ORDER BY seq", "");
}

static int collect(sqlite3_stmt *st, struct state_endpoints *out, struct err *err)
{
    int r;
    while ((r = stmt_step(st, err)) > 0)
        list_push(out, read_row(st));
    if (r < 0)
        state_endpoints_fini(out);
    return r;
}

int state_endpoint_list_attached(struct state *s, struct state_endpoints *out, struct err *err)
{
    *out = (struct state_endpoints){0};
    _cleanup_(txn_fini) struct txn t = {0};
    _cleanup_(stmt_donep) sqlite3_stmt *st = NULL;
    int r = txn_read(s, &t, err);
    if (r == 0)
        r = stmt_query(t.c, &st, err,
                       "SELECT " COLUMNS " FROM endpoint WHERE attachment <> '{}' ORDER BY seq",
                       "");
    return r < 0 ? r : collect(st, out, err);
}

int state_endpoint_list(struct state *s, const char *network_id, const char *container_id,
                        struct state_endpoints *out, struct err *err)
{
    *out = (struct state_endpoints){0};
    _cleanup_(txn_fini) struct txn t = {0};
    _cleanup_(stmt_donep) sqlite3_stmt *st = NULL;
    int r = txn_read(s, &t, err);
    if (r == 0)
        r = query(t.c, &st, network_id, container_id, err);
    return r < 0 ? r : collect(st, out, err);
}
