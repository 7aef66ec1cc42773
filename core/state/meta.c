/* SPDX-License-Identifier: Apache-2.0 */
/* Free pairs, and the claims that a dead daemon left. */
#include <errno.h>

#include "base/str.h"
#include "state/db.h"

int state_meta_get(struct state *s, const char *key, char **value, struct err *err)
{
    _cleanup_(txn_fini) struct txn t = {0};
    int r = txn_read(s, &t, err);
    if (r < 0)
        return r;
    _cleanup_(stmt_donep) sqlite3_stmt *st = NULL;
    r = stmt_query(t.c, &st, err, "SELECT value FROM meta WHERE key = ?", "s", key);
    if (r < 0 || (r = stmt_step(st, err)) < 0)
        return r;
    if (r == 0)
        return err_set(err, -ENOENT, "database: no entry %s", key);
    *value = col_str(st, 0);
    return 0;
}

int state_meta_set(struct state *s, const char *key, const char *value, struct err *err)
{
    _cleanup_(txn_fini) struct txn t = {0};
    int r = txn_write(s, true, &t, err);
    if (r < 0)
        return r;
    if (value)
        r = stmt_exec(t.c, err, "INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", "ss", key,
                      value);
    else
        r = stmt_exec(t.c, err, "DELETE FROM meta WHERE key = ?", "s", key);
    return r < 0 ? r : txn_commit(&t, err);
}

void state_claims_fini(struct state_claims *c)
{
    for (size_t i = 0; i < c->n; i++) {
        free(c->v[i].kind);
        free(c->v[i].id);
        free(c->v[i].verb);
    }
    free(c->v);
    *c = (struct state_claims){0};
}

static int collect_claims(struct conn *c, struct state_claims *out, struct err *err)
{
    _cleanup_(stmt_donep) sqlite3_stmt *st = NULL;
    int r = stmt_query(
        c, &st, err,
        "SELECT 'container', id, verb, verb_since_ns FROM container WHERE verb IS NOT NULL"
        " UNION ALL SELECT 'network', id, verb, verb_since_ns FROM network WHERE verb IS NOT NULL"
        " ORDER BY 4",
        "");
    while (r >= 0 && (r = stmt_step(st, err)) > 0) {
        struct state_claim claim = {.kind = col_str(st, 0),
                                    .id = col_str(st, 1),
                                    .verb = col_str(st, 2),
                                    .since_ns = sqlite3_column_int64(st, 3)};
        list_push(out, claim);
    }
    return r;
}

int state_claims_list(struct state *s, struct state_claims *out, struct err *err)
{
    *out = (struct state_claims){0};
    _cleanup_(txn_fini) struct txn t = {0};
    int r = txn_read(s, &t, err);
    if (r == 0)
        r = collect_claims(t.c, out, err);
    if (r < 0)
        state_claims_fini(out);
    return r;
}

static int verify_by(struct conn *c, const char *sql, int column,
                     void (*each)(void *arg, const char *words), void *arg, struct err *err)
{
    _cleanup_(stmt_donep) sqlite3_stmt *st = NULL;
    int r = stmt_query(c, &st, err, sql, "");
    while (r >= 0 && (r = stmt_step(st, err)) > 0) {
        _cleanup_(freep) char *words = col_str(st, column);
        if (!str_eq(words, "ok"))
            each(arg, words ? words : "a row that points nowhere");
    }
    return r;
}

int state_verify(struct state *s, bool deep, void (*each)(void *arg, const char *words), void *arg,
                 struct err *err)
{
    _cleanup_(txn_fini) struct txn t = {0};
    int r = txn_read(s, &t, err);
    if (r == 0)
        r = deep ? verify_by(t.c, "PRAGMA integrity_check(20)", 0, each, arg, err)
                 : verify_by(t.c, "PRAGMA quick_check(20)", 0, each, arg, err);
    return r < 0 ? r : verify_by(t.c, "PRAGMA foreign_key_check", 0, each, arg, err);
}
