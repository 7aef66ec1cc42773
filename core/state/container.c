/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of containers. */
#include "state/container.h"

#include <errno.h>

#include "base/str.h"
#include "state/db.h"
#include "state/network.h"

#define BRIEF                                                                                      \
    "id, name, created_ns, image_id, image_ref, layer_id, status, verb, verb_since_ns, pid,"       \
    " pid_start, shim_pid, shim_start, boot_id, exit_code, error, oom, started_ns, finished_ns,"   \
    " restart_count, stop_requested, auto_remove"
#define COLUMNS BRIEF ", config, host_config, runtime"

void state_container_fini(struct state_container *c)
{
    free(c->id);
    free(c->name);
    free(c->image_id);
    free(c->image_ref);
    free(c->layer_id);
    free(c->status);
    free(c->verb);
    free(c->boot_id);
    free(c->error);
    json_decref(c->config);
    json_decref(c->host_config);
    json_decref(c->runtime);
    *c = (struct state_container){0};
}

DEFINE_ROW(struct state_container, state_container, struct state_containers, state_containers_fini);

static struct state_container *read_row(sqlite3_stmt *st)
{
    struct state_container *c = xcalloc(1, sizeof(*c));
    int i = 0;
    c->id = col_str(st, i++);
    c->name = col_str(st, i++);
    c->created_ns = sqlite3_column_int64(st, i++);
    c->image_id = col_str(st, i++);
    c->image_ref = col_str(st, i++);
    c->layer_id = col_str(st, i++);
    c->status = col_str(st, i++);
    c->verb = col_str(st, i++);
    c->verb_since_ns = sqlite3_column_int64(st, i++);
    c->pid = sqlite3_column_int(st, i++);
    c->pid_start = (uint64_t)sqlite3_column_int64(st, i++);
    c->shim_pid = sqlite3_column_int(st, i++);
    c->shim_start = (uint64_t)sqlite3_column_int64(st, i++);
    c->boot_id = col_str(st, i++);
    c->exit_code = sqlite3_column_int64(st, i++);
    c->error = col_str(st, i++);
    c->oom = sqlite3_column_int(st, i++);
    c->started_ns = sqlite3_column_int64(st, i++);
    c->finished_ns = sqlite3_column_int64(st, i++);
    c->restart_count = sqlite3_column_int64(st, i++);
    c->stop_requested = sqlite3_column_int(st, i++);
    c->auto_remove = sqlite3_column_int(st, i++);
    if (sqlite3_column_count(st) == i)
        return c; /* brief */
    c->config = col_json(st, i++);
    c->host_config = col_json(st, i++);
    c->runtime = col_json(st, i);
    return c;
}

static int commit(struct state *s, struct txn *t, const char *id, struct err *err)
{
    int r = txn_commit(t, err);
    if (r == 0)
        state_container_changed(s, id);
    return r;
}

/* Docker's words, with the owner's id. */
static int name_taken(struct conn *c, const char *name, struct err *err)
{
    _cleanup_(stmt_donep) sqlite3_stmt *st = NULL;
    int r = stmt_query(c, &st, err, "SELECT id FROM container WHERE name = ?", "s", name);
    if (r < 0 || (r = stmt_step(st, err)) < 0)
        return r;
    _cleanup_(freep) char *owner = r > 0 ? col_str(st, 0) : NULL;
    return err_set(err, -EEXIST,
                   "Conflict. The container name \"/%s\" is already in use by container \"%s\". "
                   "You have to remove (or rename) that container to be able to reuse that name.",
                   name, owner ? owner : "");
}

#define INSERT                                                                                     \
    "INSERT INTO container (" COLUMNS ") VALUES "                                                  \
    "(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"

static int insert(struct txn *t, const struct state_container *c, struct err *err)
{
    int r =
        stmt_exec(t->c, err, INSERT,
                  "ssissss"
                  "siiiiisis"
                  "biiibbjjj",
                  c->id, c->name, c->created_ns, c->image_id, c->image_ref, c->layer_id, c->status,
                  c->verb, c->verb_since_ns, (int64_t)c->pid, (int64_t)c->pid_start,
                  (int64_t)c->shim_pid, (int64_t)c->shim_start, c->boot_id, c->exit_code,
                  c->error ? c->error : "", c->oom, c->started_ns, c->finished_ns, c->restart_count,
                  c->stop_requested, c->auto_remove, c->config, c->host_config, c->runtime);
    return r == -EEXIST ? name_taken(t->c, c->name, err) : r;
}

int state_container_insert(struct state *s, const struct state_container *c,
                           const struct state_endpoint *ep, struct err *err)
{
    _cleanup_(txn_fini) struct txn t = {0};
    int r = txn_write(s, false, &t, err);
    if (r == 0)
        r = insert(&t, c, err);
    if (r >= 0 && ep)
        r = endpoint_insert_in(&t, ep, err);
    return r < 0 ? r : commit(s, &t, c->id, err);
}

static int no_such(const char *ref, struct err *err)
{
    return err_set(err, -ENOENT, "No such container: %s", ref);
}

#define MARK "UPDATE container SET verb = ?, verb_since_ns = ? WHERE id = ? AND verb IS NULL"
#define LOOK "SELECT verb FROM container WHERE id = ?"

#define UPDATE                                                                                     \
    "UPDATE container SET name=?, image_id=?, image_ref=?, layer_id=?, status=?, pid=?,"           \
    " pid_start=?, shim_pid=?, shim_start=?, boot_id=?, exit_code=?, error=?, oom=?,"              \
    " started_ns=?, finished_ns=?, restart_count=?, stop_requested=?, auto_remove=?, config=?,"    \
    " host_config=?, runtime=? WHERE id=?"

/* `verb` NULL: the mark stays as it is. */
static int update(struct state *s, const struct state_container *c, const char *verb,
                  struct err *err)
{
    _cleanup_(txn_fini) struct txn t = {0};
    int r = txn_write(s, false, &t, err);
    if (r == 0 && verb)
        r = claim_in(&t, MARK, LOOK, "container", c->id, verb, err);
    if (r < 0)
        return r;
    r = stmt_exec(t.c, err, UPDATE, "sssssiiiisisbiiibbjjjs", c->name, c->image_id, c->image_ref,
                  c->layer_id, c->status, (int64_t)c->pid, (int64_t)c->pid_start,
                  (int64_t)c->shim_pid, (int64_t)c->shim_start, c->boot_id, c->exit_code,
                  c->error ? c->error : "", c->oom, c->started_ns, c->finished_ns, c->restart_count,
                  c->stop_requested, c->auto_remove, c->config, c->host_config, c->runtime, c->id);
    if (r == -EEXIST)
        return name_taken(t.c, c->name, err);
    if (r == 0)
        return no_such(c->id, err);
    return r < 0 ? r : commit(s, &t, c->id, err);
}

int state_container_update(struct state *s, const struct state_container *c, struct err *err)
{
    return update(s, c, NULL, err);
}

int state_container_update_claim(struct state *s, const struct state_container *c, const char *verb,
                                 struct err *err)
{
    return update(s, c, verb, err);
}

int state_container_delete(struct state *s, const char *id, struct err *err)
{
    _cleanup_(txn_fini) struct txn t = {0};
    int r = txn_write(s, false, &t, err);
    if (r < 0)
        return r;
    r = stmt_exec(t.c, err, "DELETE FROM container WHERE id = ?", "s", id);
    if (r == 0)
        return no_such(id, err);
    return r < 0 ? r : commit(s, &t, id, err);
}

static int get_by(struct conn *c, const char *sql, const char *id, struct state_container **out,
                  struct err *err)
{
    _cleanup_(stmt_donep) sqlite3_stmt *st = NULL;
    int r = stmt_query(c, &st, err, sql, "s", id);
    if (r < 0 || (r = stmt_step(st, err)) < 0)
        return r;
    if (r == 0)
        return no_such(id, err);
    *out = read_row(st);
    return 0;
}

static int get(struct conn *c, const char *id, struct state_container **out, struct err *err)
{
    return get_by(c, "SELECT " COLUMNS " FROM container WHERE id = ?", id, out, err);
}

int state_container_get(struct state *s, const char *id, struct state_container **out,
                        struct err *err)
{
    _cleanup_(txn_fini) struct txn t = {0};
    int r = txn_read(s, &t, err);
    return r < 0 ? r : get(t.c, id, out, err);
}

int state_container_get_brief(struct state *s, const char *id, struct state_container **out,
                              struct err *err)
{
    _cleanup_(txn_fini) struct txn t = {0};
    int r = txn_read(s, &t, err);
    return r < 0 ? r : get_by(t.c, "SELECT " BRIEF " FROM container WHERE id = ?", id, out, err);
}

static int resolve(struct conn *c, const char *ref, char **id, struct err *err)
{
    static const char *const exact[] = {"SELECT id FROM container WHERE id = ?",
                                        "SELECT id FROM container WHERE name = ltrim(?, '/')",
                                        NULL};
    int r = ref_resolve(c, exact, "SELECT id FROM container WHERE id >= ? AND id < ? LIMIT 2", ref,
                        id, err);
    if (r == -EINVAL)
        return err_set(err, r, "multiple IDs found with provided prefix: %s", ref);
    return r == 0 ? no_such(ref, err) : MIN(r, 0);
}

int state_container_resolve(struct state *s, const char *ref, char **id, struct err *err)
{
    _cleanup_(txn_fini) struct txn t = {0};
    int r = txn_read(s, &t, err);
    return r < 0 ? r : resolve(t.c, ref, id, err);
}

int state_container_find(struct state *s, const char *ref, struct state_container **out,
                         struct err *err)
{
    _cleanup_(txn_fini) struct txn t = {0};
    _cleanup_(freep) char *id = NULL;
    int r = txn_read(s, &t, err);
    if (r < 0 || (r = resolve(t.c, ref, &id, err)) < 0)
        return r;
    return get(t.c, id, out, err);
}

static int list(struct state *s, const char *sql, struct state_containers *out, struct err *err)
{
    *out = (struct state_containers){0};
    _cleanup_(txn_fini) struct txn t = {0};
    _cleanup_(stmt_donep) sqlite3_stmt *st = NULL;
    int r = txn_read(s, &t, err);
    if (r == 0)
        r = stmt_query(t.c, &st, err, sql, "");
    while (r >= 0 && (r = stmt_step(st, err)) > 0)
        list_push(out, read_row(st));
    if (r < 0)
        state_containers_fini(out);
    return r;
}

#define NEWEST_FIRST " ORDER BY created_ns DESC, id"

int state_container_list(struct state *s, bool live_only, struct state_containers *out,
                         struct err *err)
{
    if (live_only)
        return list(s,
                    "SELECT " COLUMNS " FROM container"
                    " WHERE status IN ('running', 'paused', 'restarting')" NEWEST_FIRST,
                    out, err);
    return list(s, "SELECT " COLUMNS " FROM container" NEWEST_FIRST, out, err);
}

int state_container_brief(struct state *s, struct state_containers *out, struct err *err)
{
    return list(s, "SELECT " BRIEF " FROM container" NEWEST_FIRST, out, err);
}

int state_container_list_restarts(struct state *s, struct state_containers *out, struct err *err)
{
    return list(
        s,
        "SELECT " COLUMNS " FROM container WHERE status = 'restarting' OR (status = 'exited'"
        " AND json_valid(host_config) AND"
        " json_extract(host_config, '$.RestartPolicy.Name') NOT IN ('', 'no'))" NEWEST_FIRST,
        out, err);
}

int state_container_each(struct state *s,
                         int (*fn)(void *ctx, const struct state_container *row, struct err *err),
                         void *ctx, struct err *err)
{
    _cleanup_(txn_fini) struct txn t = {0};
    _cleanup_(stmt_donep) sqlite3_stmt *st = NULL;
    int r = txn_read(s, &t, err);
    if (r == 0)
        r = stmt_query(t.c, &st, err, "SELECT " COLUMNS " FROM container" NEWEST_FIRST, "");
    while (r >= 0 && (r = stmt_step(st, err)) > 0) {
        _cleanup_(state_container_freep) struct state_container *row = read_row(st);
        r = fn(ctx, row, err);
        if (r != 0)
            return r;
    }
    return r;
}

int state_container_count_image(struct state *s, const char *image_id, int64_t *n, struct err *err)
{
    _cleanup_(txn_fini) struct txn t = {0};
    _cleanup_(stmt_donep) sqlite3_stmt *st = NULL;
    int r = txn_read(s, &t, err);
    if (r == 0)
        r = stmt_query(t.c, &st, err, "SELECT count(*) FROM container WHERE image_id = ?", "s",
                       image_id);
    if (r < 0 || (r = stmt_step(st, err)) < 0)
        return r;
    *n = sqlite3_column_int64(st, 0);
    return 0;
}

int state_container_claim(struct state *s, const char *id, const char *verb, struct err *err)
{
    return claim_take(s, MARK, LOOK, "container", id, verb, err);
}

int state_container_unclaim(struct state *s, const char *id, struct err *err)
{
    _cleanup_(txn_fini) struct txn t = {0};
    int r = txn_write(s, false, &t, err);
    if (r == 0)
        r = stmt_exec(t.c, err, "UPDATE container SET verb = NULL WHERE id = ?", "s", id);
    return r < 0 ? r : commit(s, &t, id, err);
}
