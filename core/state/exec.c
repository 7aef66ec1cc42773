/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of execs. */
#include "state/exec.h"

#include <errno.h>

#include "state/db.h"

#define COLUMNS                                                                                    \
    "id, container_id, created_ns, config, running, pid, exit_code, error, started_ns, "           \
    "finished_ns"

void state_exec_fini(struct state_exec *e)
{
    free(e->id);
    free(e->container_id);
    free(e->error);
    json_decref(e->config);
    *e = (struct state_exec){0};
}

DEFINE_ROW(struct state_exec, state_exec, struct state_execs, state_execs_fini);

static struct state_exec *read_row(sqlite3_stmt *st)
{
    struct state_exec *e = xcalloc(1, sizeof(*e));
    e->id = col_str(st, 0);
    e->container_id = col_str(st, 1);
    e->created_ns = sqlite3_column_int64(st, 2);
    e->config = col_json(st, 3);
    e->running = sqlite3_column_int(st, 4);
    e->pid = sqlite3_column_int(st, 5);
    e->exited = sqlite3_column_type(st, 6) != SQLITE_NULL;
    e->exit_code = sqlite3_column_int64(st, 6);
    e->error = col_str(st, 7);
    e->started_ns = sqlite3_column_int64(st, 8);
    e->finished_ns = sqlite3_column_int64(st, 9);
    return e;
}

static int no_such(const char *id, struct err *err)
{
    return err_set(err, -ENOENT, "No such exec instance: %s", id);
}

int state_exec_insert(struct state *s, const struct state_exec *e, struct err *err)
{
    _cleanup_(txn_fini) struct txn t = {0};
    int r = txn_write(s, false, &t, err);
    if (r < 0)
        return r;
    r = stmt_exec(t.c, err,
                  "INSERT INTO exec (" COLUMNS ") VALUES (?1,?2,?3,?4,?5,?6,"
                  " CASE WHEN ?7 THEN ?8 END,?9,?10,?11)",
                  "ssijbibisii", e->id, e->container_id, e->created_ns, e->config, e->running,
                  (int64_t)e->pid, e->exited, e->exit_code, e->error ? e->error : "", e->started_ns,
                  e->finished_ns);
    if (r == -ENOENT)
        return err_set(err, r, "No such container: %s", e->container_id);
    return r < 0 ? r : txn_commit(&t, err);
}

int state_exec_update(struct state *s, const struct state_exec *e, struct err *err)
{
    _cleanup_(txn_fini) struct txn t = {0};
    int r = txn_write(s, false, &t, err);
    if (r < 0)
        return r;
    r = stmt_exec(t.c, err,
                  "UPDATE exec SET config=?1, running=?2, pid=?3,"
                  " exit_code=CASE WHEN ?4 THEN ?5 END, error=?6, started_ns=?7, finished_ns=?8"
                  " WHERE id=?9",
                  "jbibisiis", e->config, e->running, (int64_t)e->pid, e->exited, e->exit_code,
                  e->error ? e->error : "", e->started_ns, e->finished_ns, e->id);
    if (r == 0)
        return no_such(e->id, err);
    return r < 0 ? r : txn_commit(&t, err);
}

int state_exec_delete(struct state *s, const char *id, struct err *err)
{
    _cleanup_(txn_fini) struct txn t = {0};
    int r = txn_write(s, false, &t, err);
    if (r < 0)
        return r;
    r = stmt_exec(t.c, err, "DELETE FROM exec WHERE id = ?", "s", id);
    if (r == 0)
        return no_such(id, err);
    return r < 0 ? r : txn_commit(&t, err);
}

int state_exec_find(struct state *s, const char *ref, struct state_exec **out, struct err *err)
{
    static const char *const exact[] = {"SELECT id FROM exec WHERE id = ?", NULL};
    _cleanup_(txn_fini) struct txn t = {0};
    int r = txn_read(s, &t, err);
    if (r < 0)
        return r;
    _cleanup_(freep) char *id = NULL;
    r = ref_resolve(t.c, exact, "SELECT id FROM exec WHERE id >= ? AND id < ? LIMIT 2", ref, &id,
                    err);
    if (r == -EINVAL)
        return err_set(err, r, "multiple IDs found with provided prefix: %s", ref);
    if (r <= 0)
        return r < 0 ? r : no_such(ref, err);
    _cleanup_(stmt_donep) sqlite3_stmt *st = NULL;
    r = stmt_query(t.c, &st, err, "SELECT " COLUMNS " FROM exec WHERE id = ?", "s", id);
    if (r < 0 || (r = stmt_step(st, err)) < 0)
        return r;
    *out = read_row(st);
    return 0;
}

int state_exec_list(struct state *s, const char *container_id, bool open_only,
                    struct state_execs *out, struct err *err)
{
    *out = (struct state_execs){0};
    _cleanup_(txn_fini) struct txn t = {0};
    _cleanup_(stmt_donep) sqlite3_stmt *st = NULL;
    int r = txn_read(s, &t, err);
    if (r == 0 && container_id)
        r = stmt_query(t.c, &st, err,
                       "SELECT " COLUMNS " FROM exec WHERE container_id = ?1"
                       " AND (NOT ?2 OR exit_code IS NULL) ORDER BY created_ns",
                       "sb", container_id, open_only);
    else if (r == 0)
        r = stmt_query(t.c, &st, err,
                       "SELECT " COLUMNS " FROM exec WHERE NOT ?1 OR exit_code IS NULL"
                       " ORDER BY created_ns",
                       "b", open_only);
    while (r >= 0 && (r = stmt_step(st, err)) > 0)
        list_push(out, read_row(st));
    if (r < 0)
        state_execs_fini(out);
    return r;
}

int state_exec_prune(struct state *s, int64_t before_ns, struct err *err)
{
    _cleanup_(txn_fini) struct txn t = {0};
    int r = txn_write(s, false, &t, err);
    if (r == 0)
        r = stmt_exec(t.c, err, "DELETE FROM exec WHERE exit_code IS NOT NULL AND finished_ns < ?",
                      "i", before_ns);
    return r < 0 ? r : txn_commit(&t, err);
}
