/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of networks. */
#include "state/network.h"

#include <errno.h>

#include "state/db.h"

#define COLUMNS "id, name, driver, created_ns, predefined, config, plan"

void state_network_fini(struct state_network *n)
{
    free(n->id);
    free(n->name);
    free(n->driver);
    json_decref(n->config);
    json_decref(n->plan);
    *n = (struct state_network){0};
}

DEFINE_ROW(struct state_network, state_network, struct state_networks, state_networks_fini);

static struct state_network *read_row(sqlite3_stmt *st)
{
    struct state_network *n = xcalloc(1, sizeof(*n));
    n->id = col_str(st, 0);
    n->name = col_str(st, 1);
    n->driver = col_str(st, 2);
    n->created_ns = sqlite3_column_int64(st, 3);
    n->predefined = sqlite3_column_int(st, 4);
    n->config = col_json(st, 5);
    n->plan = col_json(st, 6);
    return n;
}

static int not_found(const char *ref, struct err *err)
{
    return err_set(err, -ENOENT, "network %s not found", ref);
}

static int taken(const char *name, struct err *err)
{
    return err_set(err, -EEXIST, "network with name %s already exists", name);
}

int state_network_insert(struct state *s, const struct state_network *n, struct err *err)
{
    _cleanup_(txn_fini) struct txn t = {0};
    int r = txn_write(s, false, &t, err);
    if (r < 0)
        return r;
    r = stmt_exec(t.c, err, "INSERT INTO network (" COLUMNS ") VALUES (?,?,?,?,?,?,?)", "sssibjj",
                  n->id, n->name, n->driver, n->created_ns, n->predefined, n->config, n->plan);
    if (r == -EEXIST)
        return taken(n->name, err);
    return r < 0 ? r : txn_commit(&t, err);
}

int state_network_update(struct state *s, const struct state_network *n, struct err *err)
{
    _cleanup_(txn_fini) struct txn t = {0};
    int r = txn_write(s, false, &t, err);
    if (r < 0)
        return r;
    r = stmt_exec(t.c, err,
                  "UPDATE network SET name=?, driver=?, predefined=?, config=?, plan=? WHERE id=?",
                  "ssbjjs", n->name, n->driver, n->predefined, n->config, n->plan, n->id);
    if (r == -EEXIST)
        return taken(n->name, err);
    if (r == 0)
        return not_found(n->id, err);
    return r < 0 ? r : txn_commit(&t, err);
}

int state_network_delete(struct state *s, const char *id, struct err *err)
{
    _cleanup_(txn_fini) struct txn t = {0};
    int r = txn_write(s, false, &t, err);
    if (r < 0)
        return r;
    r = stmt_exec(t.c, err, "DELETE FROM network WHERE id = ?", "s", id);
    if (r == -ENOENT) /* the endpoints' reference */
        return err_set(err, -EBUSY, "network %s has active endpoints", id);
    if (r == 0)
        return not_found(id, err);
    return r < 0 ? r : txn_commit(&t, err);
}

int state_network_find(struct state *s, const char *ref, struct state_network **out,
                       struct err *err)
{
    static const char *const exact[] = {"SELECT id FROM network WHERE id = ?",
                                        "SELECT id FROM network WHERE name = ?", NULL};
    _cleanup_(txn_fini) struct txn t = {0};
    _cleanup_(freep) char *id = NULL;
    int r = txn_read(s, &t, err);
    if (r < 0)
        return r;
    r = ref_resolve(t.c, exact, "SELECT id FROM network WHERE id >= ? AND id < ? LIMIT 2", ref, &id,
                    err);
    if (r == -EINVAL)
        return err_set(err, r, "network %s is ambiguous (several matches found on ID prefix)", ref);
    if (r <= 0)
        return r < 0 ? r : not_found(ref, err);
    _cleanup_(stmt_donep) sqlite3_stmt *st = NULL;
    r = stmt_query(t.c, &st, err, "SELECT " COLUMNS " FROM network WHERE id = ?", "s", id);
    if (r < 0 || (r = stmt_step(st, err)) < 0)
        return r;
    *out = read_row(st);
    return 0;
}

int state_network_list(struct state *s, struct state_networks *out, struct err *err)
{
    *out = (struct state_networks){0};
    _cleanup_(txn_fini) struct txn t = {0};
    _cleanup_(stmt_donep) sqlite3_stmt *st = NULL;
    int r = txn_read(s, &t, err);
    if (r == 0)
        r = stmt_query(t.c, &st, err, "SELECT " COLUMNS " FROM network ORDER BY created_ns, rowid",
                       "");
    while (r >= 0 && (r = stmt_step(st, err)) > 0)
        list_push(out, read_row(st));
    if (r < 0)
        state_networks_fini(out);
    return r;
}

int state_network_claim(struct state *s, const char *id, const char *verb, struct err *err)
{
    return claim_take(s,
                      "UPDATE network SET verb = ?, verb_since_ns = ?"
                      " WHERE id = ? AND verb IS NULL",
                      "SELECT verb FROM network WHERE id = ?", "network", id, verb, err);
}

int state_network_unclaim(struct state *s, const char *id, struct err *err)
{
    _cleanup_(txn_fini) struct txn t = {0};
    int r = txn_write(s, false, &t, err);
    if (r == 0)
        r = stmt_exec(t.c, err, "UPDATE network SET verb = NULL WHERE id = ?", "s", id);
    return r < 0 ? r : txn_commit(&t, err);
}
