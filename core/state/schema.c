/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The schema and its migrations
 *
 * Each step brings the database from its index to the next version. They only ever grow at the end; a database is
 * brought forward in one transaction, so that a crash leaves the old version.
 */
#include <errno.h>

#include "base/str.h"
#include "state/db.h"

static const char version_1[] =
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE container ("
    " id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, created_ns INTEGER NOT NULL,"
    " image_id TEXT, image_ref TEXT, layer_id TEXT, status TEXT NOT NULL,"
    " verb TEXT, verb_since_ns INTEGER NOT NULL DEFAULT 0,"
    " pid INTEGER NOT NULL, pid_start INTEGER NOT NULL,"
    " shim_pid INTEGER NOT NULL, shim_start INTEGER NOT NULL, boot_id TEXT,"
    " exit_code INTEGER NOT NULL, error TEXT NOT NULL, oom INTEGER NOT NULL,"
    " started_ns INTEGER NOT NULL, finished_ns INTEGER NOT NULL,"
    " restart_count INTEGER NOT NULL, stop_requested INTEGER NOT NULL,"
    " auto_remove INTEGER NOT NULL,"
    " config TEXT NOT NULL, host_config TEXT NOT NULL, runtime TEXT NOT NULL);"
    "CREATE INDEX container_created ON container (created_ns);"
    "CREATE INDEX container_image ON container (image_id);"
    "CREATE TABLE exec ("
    " id TEXT PRIMARY KEY,"
    " container_id TEXT NOT NULL REFERENCES container (id) ON DELETE CASCADE,"
    " created_ns INTEGER NOT NULL, config TEXT NOT NULL, running INTEGER NOT NULL,"
    " pid INTEGER NOT NULL, exit_code INTEGER, error TEXT NOT NULL,"
    " started_ns INTEGER NOT NULL, finished_ns INTEGER NOT NULL);"
    "CREATE INDEX exec_container ON exec (container_id);"
    "CREATE TABLE network ("
    " id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, driver TEXT NOT NULL,"
    " created_ns INTEGER NOT NULL, predefined INTEGER NOT NULL,"
    " verb TEXT, verb_since_ns INTEGER NOT NULL DEFAULT 0,"
    " config TEXT NOT NULL, plan TEXT NOT NULL);"
    "CREATE TABLE endpoint ("
    " seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE,"
    " network_id TEXT NOT NULL REFERENCES network (id),"
    " container_id TEXT NOT NULL REFERENCES container (id) ON DELETE CASCADE,"
    " config TEXT NOT NULL, attachment TEXT NOT NULL, UNIQUE (network_id, container_id));"
    "CREATE INDEX endpoint_container ON endpoint (container_id);"
    "CREATE TABLE volume ("
    " name TEXT PRIMARY KEY, driver TEXT NOT NULL, created_ns INTEGER NOT NULL,"
    " labels TEXT NOT NULL, options TEXT NOT NULL, anonymous INTEGER NOT NULL);"
    "CREATE TABLE container_volume ("
    " container_id TEXT NOT NULL REFERENCES container (id) ON DELETE CASCADE,"
    " volume TEXT NOT NULL REFERENCES volume (name), target TEXT NOT NULL,"
    " PRIMARY KEY (container_id, volume, target)) WITHOUT ROWID;"
    "CREATE INDEX container_volume_volume ON container_volume (volume);"
    "CREATE TABLE image ("
    " id TEXT PRIMARY KEY, created_ns INTEGER NOT NULL, tagged_ns INTEGER NOT NULL,"
    " size INTEGER NOT NULL, config TEXT NOT NULL);"
    "CREATE TABLE image_layer ("
    " image_id TEXT NOT NULL REFERENCES image (id) ON DELETE CASCADE,"
    " position INTEGER NOT NULL, chain_id TEXT NOT NULL,"
    " PRIMARY KEY (image_id, position)) WITHOUT ROWID;"
    "CREATE INDEX image_layer_chain ON image_layer (chain_id);"
    "CREATE TABLE reference ("
    " reference TEXT PRIMARY KEY,"
    " image_id TEXT NOT NULL REFERENCES image (id) ON DELETE CASCADE) WITHOUT ROWID;"
    "CREATE INDEX reference_image ON reference (image_id);"
    "CREATE TABLE layer ("
    " driver TEXT NOT NULL, chain_id TEXT NOT NULL, diff_id TEXT NOT NULL, parent TEXT,"
    " blob TEXT, layer_id TEXT NOT NULL, size INTEGER NOT NULL,"
    " ready INTEGER NOT NULL, init INTEGER NOT NULL,"
    " PRIMARY KEY (driver, chain_id)) WITHOUT ROWID;"
    "CREATE INDEX layer_parent ON layer (driver, parent);";

static const char *const steps[SCHEMA_VERSION] = {version_1};

static int read_version(struct conn *c, int64_t *version, struct err *err)
{
    _cleanup_(stmt_donep) sqlite3_stmt *st = NULL;
    int r = stmt_query(c, &st, err, "PRAGMA user_version", "");
    if (r < 0 || (r = stmt_step(st, err)) < 0)
        return r;
    *version = r > 0 ? sqlite3_column_int64(st, 0) : 0;
    return 0;
}

static int run(struct conn *c, const char *sql, struct err *err)
{
    return sqlite3_exec(c->h, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : db_error(c, err, "schema");
}

int schema_migrate(struct conn *c, struct err *err)
{
    int64_t version = 0;
    int r = read_version(c, &version, err);
    if (r < 0)
        return r;
    if (version > SCHEMA_VERSION)
        return err_set(err, -EUCLEAN,
                       "database: its schema has version %lld, this berthd knows up to %d",
                       (long long)version, SCHEMA_VERSION);
    if (version < 0)
        return err_set(err, -EUCLEAN, "database: its schema has version %lld", (long long)version);
    if (version == SCHEMA_VERSION)
        return 0;
    r = run(c, "BEGIN IMMEDIATE", err);
    for (int64_t i = version; r == 0 && i < SCHEMA_VERSION; i++)
        r = run(c, steps[i], err);
    _cleanup_(freep) char *stamp = str_printf("PRAGMA user_version=%d; COMMIT", SCHEMA_VERSION);
    if (r == 0)
        r = run(c, stamp, err);
    if (r < 0 && !sqlite3_get_autocommit(c->h))
        sqlite3_exec(c->h, "ROLLBACK", NULL, NULL, NULL);
    return r;
}
