/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections and transactions
 *
 * Locks: `write` (held through a write transaction: it orders writers, as SQLite's own lock would, without its
 * polling), `pool` (the list of idle readers), `checkpoint.lock` (whether there is something to write back). They are
 * never nested.
 */
#include "state/db.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/statvfs.h>

#include "base/failpoint.h"
#include "base/log.h"
#include "base/str.h"

#define IDLE_READERS_MAX 3
/* Pages in the log after which it is written back (4 KiB each). */
#define CHECKPOINT_PAGES 1000
/* Room that log and database are given at the start, so that a full disk does not keep containers from being stopped and removed. */
#define RESERVE_PAGES 64
#define PAGE_BYTES    4096
/* With less than this left on the disk the log is written back before it needs more room than it has. */
#define TIGHT_BYTES (4 << 20)

struct db {
    char *path;
    pthread_mutex_t write;
    struct conn *writer;
    pthread_mutex_t pool;
    struct conn *idle;
    size_t n_idle;
    struct {
        pthread_mutex_t lock;
        pthread_cond_t wake;
        pthread_t thread;
        struct conn *conn;
        bool due, stop, running;
    } checkpoint;
};

static int errno_of(int rc)
{
    switch (rc & 0xff) {
    case SQLITE_NOMEM:
        return -ENOMEM;
    case SQLITE_FULL:
        return -ENOSPC;
    case SQLITE_READONLY:
        return -EROFS;
    case SQLITE_PERM:
    case SQLITE_AUTH:
        return -EACCES;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return -EUCLEAN;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return -EAGAIN;
    case SQLITE_CONSTRAINT:
        return rc == SQLITE_CONSTRAINT_FOREIGNKEY ? -ENOENT : -EEXIST;
    }
    return -EIO;
}

int db_error(struct conn *c, struct err *err, const char *what)
{
    return err_set(err, errno_of(sqlite3_extended_errcode(c->h)), "database: %s: %s", what,
                   sqlite3_errmsg(c->h));
}

static void finalize(void *stmt)
{
    sqlite3_finalize(stmt);
}

static void conn_close(struct conn *c)
{
    if (!c)
        return;
    map_fini(&c->stmts, finalize);
    sqlite3_close(c->h);
    free(c);
}
DEFINE_CLEANUP(struct conn *, conn_close);

static int conn_open(const char *path, bool create, struct conn **out, struct err *err)
{
    _cleanup_(conn_closep) struct conn *c = xcalloc(1, sizeof(*c));
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | (create ? SQLITE_OPEN_CREATE : 0);
    if (sqlite3_open_v2(path, &c->h, flags, NULL) != SQLITE_OK)
        return db_error(c, err, path);
    sqlite3_extended_result_codes(c->h, 1);
    /* Only a checkpoint that resets the log can make another connection wait, and only for microseconds. */
    sqlite3_busy_timeout(c->h, 10000);
    if (sqlite3_exec(c->h, "PRAGMA foreign_keys=ON; PRAGMA synchronous=NORMAL;", NULL, NULL,
                     NULL) != SQLITE_OK)
        return db_error(c, err, path);
    *out = steal_ptr(&c);
    return 0;
}

static void *checkpoint_thread(void *arg)
{
    struct db *db = arg;
    pthread_mutex_lock(&db->checkpoint.lock);
    while (!db->checkpoint.stop) {
        if (!db->checkpoint.due) {
            pthread_cond_wait(&db->checkpoint.wake, &db->checkpoint.lock);
            continue;
        }
        db->checkpoint.due = false;
        pthread_mutex_unlock(&db->checkpoint.lock);
        int rc = sqlite3_wal_checkpoint_v2(db->checkpoint.conn->h, NULL, SQLITE_CHECKPOINT_PASSIVE,
                                           NULL, NULL);
        if (rc != SQLITE_OK && rc != SQLITE_BUSY)
            log_warn("database: writing the log back: %s", sqlite3_errstr(rc));
        pthread_mutex_lock(&db->checkpoint.lock);
    }
    pthread_mutex_unlock(&db->checkpoint.lock);
    return NULL;
}

static bool disk_is_tight(const struct db *db)
{
    struct statvfs fs;
    return statvfs(db->path, &fs) == 0 && fs.f_bavail * fs.f_frsize < TIGHT_BYTES;
}

static int on_commit(void *arg, sqlite3 *h, const char *name, int pages)
{
    struct db *db = arg;
    if (pages < CHECKPOINT_PAGES && (pages < RESERVE_PAGES / 2 || !disk_is_tight(db)))
        return SQLITE_OK;
    pthread_mutex_lock(&db->checkpoint.lock);
    db->checkpoint.due = true;
    pthread_cond_signal(&db->checkpoint.wake);
    pthread_mutex_unlock(&db->checkpoint.lock);
    return SQLITE_OK;
}

static int checkpoint_start(struct db *db, struct err *err)
{
    int r = conn_open(db->path, false, &db->checkpoint.conn, err);
    if (r < 0)
        return r;
    sqlite3_wal_hook(db->writer->h, on_commit, db);
    r = pthread_create(&db->checkpoint.thread, NULL, checkpoint_thread, db);
    if (r != 0)
        return err_errno(err, -r, "starting the database's thread");
    db->checkpoint.running = true;
    return 0;
}

static void checkpoint_stop(struct db *db)
{
    if (db->checkpoint.running) {
        pthread_mutex_lock(&db->checkpoint.lock);
        db->checkpoint.stop = true;
        pthread_cond_signal(&db->checkpoint.wake);
        pthread_mutex_unlock(&db->checkpoint.lock);
        pthread_join(db->checkpoint.thread, NULL);
    }
    conn_close(db->checkpoint.conn);
}

void db_close(struct db *db)
{
    if (!db)
        return;
    checkpoint_stop(db);
    for (struct conn *c; (c = db->idle);) {
        db->idle = c->next;
        conn_close(c);
    }
    conn_close(db->writer);
    pthread_mutex_destroy(&db->write);
    pthread_mutex_destroy(&db->pool);
    pthread_mutex_destroy(&db->checkpoint.lock);
    pthread_cond_destroy(&db->checkpoint.wake);
    free(db->path);
    free(db);
}
DEFINE_CLEANUP(struct db *, db_close);

/* One text value of a pragma, or NULL. */
static char *pragma_text(struct conn *c, const char *sql)
{
    sqlite3_stmt *st = NULL;
    char *text = NULL;
    if (sqlite3_prepare_v2(c->h, sql, -1, &st, NULL) == SQLITE_OK && sqlite3_step(st) == SQLITE_ROW)
        text = col_str(st, 0);
    sqlite3_finalize(st);
    return text;
}

static int check_whole(struct conn *c, struct err *err)
{
    _cleanup_(freep) char *verdict = pragma_text(c, "PRAGMA quick_check(1)");
    if (str_eq(verdict, "ok"))
        return 0;
    if (!verdict)
        return db_error(c, err, "quick_check");
    return err_set(err, -EUCLEAN, "database: %s", verdict);
}

static int use_wal(struct conn *c, struct err *err)
{
    _cleanup_(freep) char *mode = pragma_text(c, "PRAGMA journal_mode=WAL");
    if (!mode)
        return db_error(c, err, "journal_mode");
    if (!str_eq(mode, "wal"))
        return err_set(err, -EOPNOTSUPP,
                       "database: the file system cannot carry a write-ahead log (mode %s)", mode);
    return 0;
}

/* The log keeps its length when it begins anew, and the database its free pages: writing something large and deleting it makes room
 * in both. Without success (the disk is full) it is as good as before. */
static void make_reserve(struct db *db)
{
    _cleanup_(freep) char *fill = str_printf(
        "BEGIN IMMEDIATE; INSERT OR REPLACE INTO meta VALUES ('reserve', zeroblob(%d)); COMMIT",
        RESERVE_PAGES * PAGE_BYTES);
    sqlite3 *h = db->writer->h;
    if (sqlite3_exec(h, fill, NULL, NULL, NULL) != SQLITE_OK && !sqlite3_get_autocommit(h))
        sqlite3_exec(h, "ROLLBACK", NULL, NULL, NULL);
    sqlite3_exec(h, "DELETE FROM meta WHERE key = 'reserve'", NULL, NULL, NULL);
    sqlite3_wal_checkpoint_v2(h, NULL, SQLITE_CHECKPOINT_RESTART, NULL, NULL);
}

int db_open(const char *path, struct db **out, struct err *err)
{
    _cleanup_(db_closep) struct db *db = xcalloc(1, sizeof(*db));
    db->path = xstrdup(path);
    pthread_mutex_init(&db->write, NULL);
    pthread_mutex_init(&db->pool, NULL);
    pthread_mutex_init(&db->checkpoint.lock, NULL);
    pthread_cond_init(&db->checkpoint.wake, NULL);
    int r = conn_open(path, true, &db->writer, err);
    if (r < 0 || (r = check_whole(db->writer, err)) < 0 || (r = use_wal(db->writer, err)) < 0 ||
        (r = schema_migrate(db->writer, err)) < 0)
        return r;
    make_reserve(db);
    r = checkpoint_start(db, err);
    if (r < 0)
        return r;
    *out = steal_ptr(&db);
    return 0;
}

static int reader_get(struct db *db, struct conn **out, struct err *err)
{
    pthread_mutex_lock(&db->pool);
    struct conn *c = *out = db->idle;
    if (c) {
        db->idle = c->next;
        db->n_idle--;
    }
    pthread_mutex_unlock(&db->pool);
    return c ? 0 : conn_open(db->path, false, out, err);
}

static void reader_put(struct db *db, struct conn *c)
{
    pthread_mutex_lock(&db->pool);
    bool keep = db->n_idle < IDLE_READERS_MAX;
    if (keep) {
        c->next = db->idle;
        db->idle = c;
        db->n_idle++;
    }
    pthread_mutex_unlock(&db->pool);
    if (!keep)
        conn_close(c);
}

int txn_read(struct state *s, struct txn *t, struct err *err)
{
    *t = (struct txn){.db = state_db(s)};
    int r = reader_get(t->db, &t->c, err);
    if (r == 0)
        r = stmt_exec(t->c, err, "BEGIN", "");
    return r < 0 ? r : 0;
}

/* Not through the cache: this pragma works when it is compiled, not when it runs. */
static int set_full(struct conn *c, bool full, struct err *err)
{
    const char *sql = full ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL";
    return sqlite3_exec(c->h, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : db_error(c, err, sql);
}

int txn_write(struct state *s, bool full, struct txn *t, struct err *err)
{
    struct db *db = state_db(s);
    pthread_mutex_lock(&db->write);
    *t = (struct txn){.db = db, .c = db->writer, .write = true, .full = full};
    int r = full ? set_full(t->c, true, err) : 0;
    if (r < 0)
        return r;
    r = stmt_exec(t->c, err, "BEGIN IMMEDIATE", "");
    return r < 0 ? r : 0;
}

int txn_commit(struct txn *t, struct err *err)
{
    int r = failpoint("db.commit", err);
    if (r == 0)
        r = stmt_exec(t->c, err, "COMMIT", "");
    if (r < 0)
        return r;
    t->done = true;
    (void)failpoint("db.committed", NULL);
    return 0;
}

void txn_fini(struct txn *t)
{
    if (!t->c)
        return;
    if (!t->done && !sqlite3_get_autocommit(t->c->h))
        stmt_exec(t->c, NULL, "ROLLBACK", "");
    if (t->full)
        set_full(t->c, false, NULL);
    if (t->write)
        pthread_mutex_unlock(&t->db->write);
    else
        reader_put(t->db, t->c);
    t->c = NULL;
}
