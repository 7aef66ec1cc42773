/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of volumes. Their transactions are on disk when they return: a volume is a user's data. */
#include "state/volume.h"

#include <errno.h>

#include "state/db.h"

#define COLUMNS "name, driver, created_ns, labels, options, anonymous"

void state_volume_fini(struct state_volume *v)
{
    free(v->name);
    free(v->driver);
    json_decref(v->labels);
    json_decref(v->options);
    *v = (struct state_volume){0};
}

DEFINE_ROW(struct state_volume, state_volume, struct state_volumes, state_volumes_fini);

static struct state_volume *read_row(sqlite3_stmt *st)
{
    struct state_volume *v = xcalloc(1, sizeof(*v));
    v->name = col_str(st, 0);
    v->driver = col_str(st, 1);
    v->created_ns = sqlite3_column_int64(st, 2);
    v->labels = col_json(st, 3);
    v->options = col_json(st, 4);
    v->anonymous = sqlite3_column_int(st, 5);
    return v;
}

static int no_such(const char *name, struct err *err)
{
    return err_set(err, -ENOENT, "get %s: no such volume", name);
}

int state_volume_insert(struct state *s, const struct state_volume *v, struct err *err)
{
    _cleanup_(txn_fini) struct txn t = {0};
    int r = txn_write(s, true, &t, err);
    if (r < 0)
        return r;
    r = stmt_exec(t.c, err, "INSERT INTO volume (" COLUMNS ") VALUES (?,?,?,?,?,?)", "ssijjb",
                  v->name, v->driver, v->created_ns, v->labels, v->options, v->anonymous);
    if (r == -EEXIST)
        return err_set(err, r, "volume %s already exists", v->name);
    return r < 0 ? r : txn_commit(&t, err);
}

/* The text column of all rows, added to `out`. */
static int collect(sqlite3_stmt *st, struct strv *out, struct err *err)
{
    int r;
    while ((r = stmt_step(st, err)) > 0)
        strv_take(out, col_str(st, 0));
    return r;
}

static int users(struct conn *c, const char *volume, struct strv *out, struct err *err)
{
    _cleanup_(stmt_donep) sqlite3_stmt *st = NULL;
    int r = stmt_query(c, &st, err,
                       "SELECT DISTINCT container_id FROM container_volume WHERE volume = ?", "s",
                       volume);
    return r < 0 ? r : collect(st, out, err);
}

static int check_unused(struct conn *c, const char *name, struct err *err)
{
    _cleanup_(strv_fini) struct strv ids = {0};
    int r = users(c, name, &ids, err);
    if (r < 0 || ids.n == 0)
        return r;
    _cleanup_(freep) char *text = strv_join(&ids, ", ");
    return err_set(err, -EBUSY, "remove %s: volume is in use - [%s]", name, text);
}

int state_volume_delete(struct state *s, const char *name, const char *user,
                        int (*last)(void *arg, const char *name), void *arg, struct err *err)
{
    _cleanup_(txn_fini) struct txn t = {0};
    int r = txn_write(s, true, &t, err);
    if (r == 0 && user)
        r = stmt_exec(t.c, err,
                      "DELETE FROM container_volume WHERE volume = ? AND container_id = ?", "ss",
                      name, user);
    if (r < 0 || (r = check_unused(t.c, name, err)) < 0)
        return r;
    r = stmt_exec(t.c, err, "DELETE FROM volume WHERE name = ?", "s", name);
    if (r == 0)
        return no_such(name, err);
    if (r > 0 && last && (r = last(arg, name)) < 0)
        return err_errno(err, r, "removing volume %s", name);
    return r < 0 ? r : txn_commit(&t, err);
}

int state_volume_get(struct state *s, const char *name, struct state_volume **out, struct err *err)
{
    _cleanup_(txn_fini) struct txn t = {0};
    _cleanup_(stmt_donep) sqlite3_stmt *st = NULL;
    int r = txn_read(s, &t, err);
    if (r == 0)
        r = stmt_query(t.c, &st, err, "SELECT " COLUMNS " FROM volume WHERE name = ?", "s", name);
    if (r < 0 || (r = stmt_step(st, err)) < 0)
        return r;
    if (r == 0)
        return no_such(name, err);
    *out = read_row(st);
    return 0;
}

int state_volume_list(struct state *s, struct state_volumes *out, struct err *err)
{
    *out = (struct state_volumes){0};
    _cleanup_(txn_fini) struct txn t = {0};
    _cleanup_(stmt_donep) sqlite3_stmt *st = NULL;
    int r = txn_read(s, &t, err);
    if (r == 0)
        r = stmt_query(t.c, &st, err, "SELECT " COLUMNS " FROM volume ORDER BY name", "");
    while (r >= 0 && (r = stmt_step(st, err)) > 0)
        list_push(out, read_row(st));
    if (r < 0)
        state_volumes_fini(out);
    return r;
}

int state_volume_use(struct state *s, const char *container_id, const char *volume,
                     const char *target, struct err *err)
{
    _cleanup_(txn_fini) struct txn t = {0};
    int r = txn_write(s, false, &t, err);
    if (r < 0)
        return r;
    r = stmt_exec(t.c, err,
                  "INSERT OR IGNORE INTO container_volume (container_id, volume, target)"
                  " VALUES (?,?,?)",
                  "sss", container_id, volume, target);
    if (r == -ENOENT)
        return err_set(err, r, "volume %s or container %s does not exist", volume, container_id);
    return r < 0 ? r : txn_commit(&t, err);
}

int state_volume_users(struct state *s, const char *volume, struct strv *out, struct err *err)
{
    _cleanup_(txn_fini) struct txn t = {0};
    int r = txn_read(s, &t, err);
    return r < 0 ? r : users(t.c, volume, out, err);
}

int state_volume_of_container(struct state *s, const char *container_id, bool anonymous_only,
                              struct strv *out, struct err *err)
{
    _cleanup_(txn_fini) struct txn t = {0};
    _cleanup_(stmt_donep) sqlite3_stmt *st = NULL;
    int r = txn_read(s, &t, err);
    if (r == 0)
        r = stmt_query(t.c, &st, err,
                       "SELECT DISTINCT v.name FROM container_volume AS u"
                       " JOIN volume AS v ON v.name = u.volume"
                       " WHERE u.container_id = ? AND v.anonymous >= ? ORDER BY v.name",
                       "sb", container_id, anonymous_only);
    return r < 0 ? r : collect(st, out, err);
}
