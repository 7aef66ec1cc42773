/* SPDX-License-Identifier: Apache-2.0 */
/* Statements: prepared once per connection, bound by a type string, read as owned values. */
#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/str.h"
#include "state/db.h"

static int prepare(struct conn *c, sqlite3_stmt **st, const char *sql, struct err *err)
{
    *st = map_get(&c->stmts, sql);
    if (*st)
        return 0;
    if (sqlite3_prepare_v3(c->h, sql, -1, SQLITE_PREPARE_PERSISTENT, st, NULL) != SQLITE_OK)
        return db_error(c, err, sql);
    map_set(&c->stmts, sql, *st);
    return 0;
}

static int bind_json(sqlite3_stmt *st, int i, const json_t *v)
{
    if (!v)
        return sqlite3_bind_text(st, i, "{}", -1, SQLITE_STATIC);
    return sqlite3_bind_text(st, i, json_text(v), -1, free);
}

static int bind_all(sqlite3_stmt *st, const char *types, va_list *ap)
{
    int rc = SQLITE_OK;
    for (int i = 1; *types && rc == SQLITE_OK; types++, i++)
        switch (*types) {
        case 's':
            rc = sqlite3_bind_text(st, i, va_arg(*ap, const char *), -1, SQLITE_TRANSIENT);
            break;
        case 'i':
            rc = sqlite3_bind_int64(st, i, va_arg(*ap, int64_t));
            break;
        case 'b':
            rc = sqlite3_bind_int(st, i, va_arg(*ap, int) != 0);
            break;
        case 'j':
            rc = bind_json(st, i, va_arg(*ap, const json_t *));
            break;
        default:
            rc = SQLITE_MISUSE;
        }
    return rc;
}

static int query(struct conn *c, sqlite3_stmt **st, struct err *err, const char *sql,
                 const char *types, va_list *ap)
{
    int r = prepare(c, st, sql, err);
    if (r < 0)
        return r;
    return bind_all(*st, types, ap) == SQLITE_OK ? 0 : db_error(c, err, sql);
}

int stmt_query(struct conn *c, sqlite3_stmt **st, struct err *err, const char *sql,
               const char *types, ...)
{
    va_list ap;
    va_start(ap, types);
    int r = query(c, st, err, sql, types, &ap);
    va_end(ap);
    return r;
}

int stmt_step(sqlite3_stmt *st, struct err *err)
{
    int rc = sqlite3_step(st);
    if (rc == SQLITE_ROW || rc == SQLITE_DONE)
        return rc == SQLITE_ROW;
    struct conn c = {.h = sqlite3_db_handle(st)};
    return db_error(&c, err, sqlite3_sql(st));
}

void stmt_done(sqlite3_stmt *st)
{
    sqlite3_reset(st);
    sqlite3_clear_bindings(st);
}

int stmt_exec(struct conn *c, struct err *err, const char *sql, const char *types, ...)
{
    va_list ap;
    va_start(ap, types);
    _cleanup_(stmt_donep) sqlite3_stmt *st = NULL;
    int r = query(c, &st, err, sql, types, &ap);
    va_end(ap);
    if (r == 0)
        r = stmt_step(st, err);
    return r < 0 ? r : sqlite3_changes(c->h);
}

char *col_str(sqlite3_stmt *st, int i)
{
    return xstrdup0((const char *)sqlite3_column_text(st, i));
}

json_t *col_json(sqlite3_stmt *st, int i)
{
    const char *text = (const char *)sqlite3_column_text(st, i);
    json_t *v = NULL;
    if (!text || json_parse(text, strlen(text), &v, NULL) < 0)
        return json_object();
    return v;
}

/* The first column of the only row: 1, 0 (none) or -EMLINK (several). */
static int only_row(struct conn *c, struct err *err, const char *sql, const char *a, const char *b,
                    char **out)
{
    _cleanup_(stmt_donep) sqlite3_stmt *st = NULL;
    int r = stmt_query(c, &st, err, sql, b ? "ss" : "s", a, b);
    if (r < 0 || (r = stmt_step(st, err)) <= 0)
        return r;
    _cleanup_(freep) char *id = col_str(st, 0);
    r = stmt_step(st, err);
    if (r != 0)
        return r < 0 ? r : -EMLINK;
    *out = steal_ptr(&id);
    return 1;
}

int ref_resolve(struct conn *c, const char *const *exact, const char *prefix, const char *ref,
                char **id, struct err *err)
{
    for (; *exact; exact++) {
        int r = only_row(c, err, *exact, ref, NULL, id);
        if (r != 0)
            return r;
    }
    size_t n = strlen(ref);
    if (n == 0 || n > 64 || strspn(ref, "0123456789abcdef") != n)
        return 0;
    _cleanup_(freep) char *end = str_printf("%sg", ref); /* the first letter after hex */
    int r = only_row(c, err, prefix, ref, end, id);
    return r == -EMLINK ? -EINVAL : r;
}

int claim_in(struct txn *t, const char *update, const char *look, const char *what, const char *id,
             const char *verb, struct err *err)
{
    int r = stmt_exec(t->c, err, update, "sis", verb, time_now_ns(), id);
    if (r != 0)
        return MIN(r, 0);
    _cleanup_(freep) char *busy = NULL;
    r = only_row(t->c, err, look, id, NULL, &busy);
    if (r < 0)
        return r;
    if (r == 0)
        return err_set(err, -ENOENT, "No such %s: %s", what, id);
    return err_set(err, -EBUSY, "%s %s is busy: %s is in progress", what, id, busy ? busy : "?");
}

int claim_take(struct state *s, const char *update, const char *look, const char *what,
               const char *id, const char *verb, struct err *err)
{
    _cleanup_(txn_fini) struct txn t = {0};
    int r = txn_write(s, false, &t, err);
    if (r == 0)
        r = claim_in(&t, update, look, what, id, verb, err);
    return r < 0 ? r : txn_commit(&t, err);
}
