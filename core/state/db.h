/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections, statements and transactions: what the repositories stand on
 *
 * One writing connection behind a mutex, which is the database's own write lock brought forward; reading connections
 * from a pool that grows on demand, so that a reader waits for nobody. Statements are prepared once per connection.
 * A thread with a connection of its own writes the log back into the database, off everyone's path.
 */
#pragma once

#include <sqlite3.h>
#include <stdbool.h>

#include "base/map.h"
#include "state/state.h"

struct conn {
    sqlite3 *h;
    struct map stmts; /* SQL → sqlite3_stmt */
    struct conn *next;
};

/* Schema version that this build writes. */
#define SCHEMA_VERSION 1

struct db;

/* Opens the file, makes or migrates its schema. -EUCLEAN when it is corrupt or newer. */
int db_open(const char *path, struct db **out, struct err *err);
void db_close(struct db *db);
/* Brings the schema forward in one transaction (schema.c). */
int schema_migrate(struct conn *c, struct err *err);

struct db *state_db(struct state *s);
/* Tells who watches (state_container_watch). */
void state_container_changed(struct state *s, const char *id);

/* A transaction. It is rolled back when it goes out of scope uncommitted. */
struct txn {
    struct db *db;
    struct conn *c;
    bool write, full, done;
};
/* Reads see one moment of the database. */
int txn_read(struct state *s, struct txn *t, struct err *err);
/* `full`: on disk when txn_commit() returns; otherwise it survives the process, not a power cut. */
int txn_write(struct state *s, bool full, struct txn *t, struct err *err);
int txn_commit(struct txn *t, struct err *err);
void txn_fini(struct txn *t);

/* Binds the arguments by `types`: s text (NULL: null), i int64_t, b int as boolean, j const json_t * (NULL: "{}").
 * `sql` is the statement's name in the cache: a constant. Reset it with stmt_done(). */
int stmt_query(struct conn *c, sqlite3_stmt **st, struct err *err, const char *sql,
               const char *types, ...);
/* 1: a row, 0: the end, negative errno. */
int stmt_step(sqlite3_stmt *st, struct err *err);
void stmt_done(sqlite3_stmt *st);
DEFINE_CLEANUP(sqlite3_stmt *, stmt_done);
/* Runs a statement without rows; returns how many rows it changed, -EEXIST (unique), -ENOENT (foreign key), or another
 * negative errno. */
int stmt_exec(struct conn *c, struct err *err, const char *sql, const char *types, ...);

/* Columns as owned values. NULL stays NULL; a document that does not parse is an empty object. */
char *col_str(sqlite3_stmt *st, int i);
json_t *col_json(sqlite3_stmt *st, int i);

/* What sqlite said last, as words and errno. */
int db_error(struct conn *c, struct err *err, const char *what);

/* Appends to a list of pointers { T **v; size_t n; }. */
#define list_push(list, item)                                                                      \
    do {                                                                                           \
        (list)->v = xrealloc((list)->v, ((list)->n + 1) * sizeof(*(list)->v));                     \
        (list)->v[(list)->n++] = (item);                                                           \
    } while (0)

/* Defines NAME_free() and the list's fini from NAME_fini(). */
#define DEFINE_ROW(type, name, list_type, list_fini)                                               \
    void name##_free(type *row)                                                                    \
    {                                                                                              \
        if (row)                                                                                   \
            name##_fini(row);                                                                      \
        free(row);                                                                                 \
    }                                                                                              \
    void list_fini(list_type *list)                                                                \
    {                                                                                              \
        for (size_t i = 0; i < list->n; i++)                                                       \
            name##_free(list->v[i]);                                                               \
        free(list->v);                                                                             \
        *list = (list_type){0};                                                                    \
    }                                                                                              \
    struct row_needs_semicolon

/* Resolves `ref` to an id: `exact` (a query of one text argument) first, then a unique id prefix by `prefix` (two text
 * arguments: from, and the first string after all with that prefix). 1: found, 0: none, -EINVAL: several. */
int ref_resolve(struct conn *c, const char *const *exact, const char *prefix, const char *ref,
                char **id, struct err *err);

/* endpoint.c: inside of a transaction that is the caller's. */
struct state_endpoint;
int endpoint_insert_in(struct txn *t, const struct state_endpoint *e, struct err *err);

/* The busy mark of a table with columns id, verb, verb_since_ns; SQL is given, so that statements stay constants. */
/* Inside of a transaction that is the caller's. */
int claim_in(struct txn *t, const char *update, const char *look, const char *what, const char *id,
             const char *verb, struct err *err);
int claim_take(struct state *s, const char *update, const char *look, const char *what,
               const char *id, const char *verb, struct err *err);
