/* SPDX-License-Identifier: Apache-2.0 */
/* Trees of volumes. */
#include "engine/volume-tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/id.h"
#include "base/log.h"
#include "engine/mounts.h"
#include "engine/volumes.h"
#include "state/volume.h"

#define NEW       ".new-"
#define GONE      ".gone-"
#define HEX_BYTES 4

static char *path_of(struct engine *e, const char *entry)
{
    return str_printf("%s/volumes/%s", state_data_root(e->state), entry);
}

static char *entry_new(const char *kind, const char *name)
{
    char hex[2 * HEX_BYTES + 1];
    id_random_hex(hex, HEX_BYTES);
    return str_printf("%s%s-%s", kind, hex, name);
}

/* The volume's name in an entry of that kind, or NULL. */
static const char *name_in(const char *entry, const char *kind)
{
    const char *rest = str_after(entry, kind);
    return rest && strlen(rest) > 2 * HEX_BYTES + 1 ? rest + 2 * HEX_BYTES + 1 : NULL;
}

static int move(struct engine *e, const char *from, const char *to)
{
    _cleanup_(freep) char *a = path_of(e, from), *b = path_of(e, to);
    return renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_NOREPLACE) < 0 ? -errno : 0;
}

int volume_tree_new(struct engine *e, const char *name, char **staged, struct err *err)
{
    char *entry = *staged = entry_new(NEW, name);
    _cleanup_(freep) char *dir = path_of(e, entry), *data = str_printf("%s/_data", dir);
    int r = fs_mkdir_p(dir, 0701);
    if (r == 0)
        r = fs_mkdir_p(data, 0755);
    if (r == 0)
        r = fs_sync_dir(AT_FDCWD, dir);
    return r < 0 ? err_errno(err, r, "making volume %s in %s", name, dir) : 0;
}

bool volume_tree_pending(struct engine *e, const char *name)
{
    _cleanup_(freep) char *path = path_of(e, "");
    _cleanup_(closedirp) DIR *dir = opendir(path);
    struct dirent *d;
    while (dir && (d = readdir(dir)))
        if (str_eq(name_in(d->d_name, NEW), name) || str_eq(name_in(d->d_name, GONE), name))
            return true;
    return false;
}

int volume_tree_keep(struct engine *e, const char *name, const char *staged, struct err *err)
{
    _cleanup_(freep) char *volumes = path_of(e, ""), *data = volume_path(e, name);
    int r = move(e, staged, name);
    if (r == -EEXIST) {
        volume_tree_drop(e, staged);
        r = fs_mkdir_p(data, 0755);
    }
    if (r == 0)
        r = fs_sync_dir(AT_FDCWD, volumes);
    return r < 0 ? err_errno(err, r, "making volume %s", name) : 0;
}

/* Nobody ever had it, so it is empty; what is not is left. */
void volume_tree_drop(struct engine *e, const char *staged)
{
    _cleanup_(freep) char *dir = path_of(e, staged), *data = str_printf("%s/_data", dir);
    if ((rmdir(data) < 0 && errno != ENOENT) || (rmdir(dir) < 0 && errno != ENOENT))
        log_warn("%s cannot be removed: %m", dir);
}

int volume_tree_aside(struct engine *e, const char *name, char **aside)
{
    *aside = entry_new(GONE, name);
    int r = move(e, name, *aside);
    return r == -ENOENT ? 0 : r;
}

void volume_tree_back(struct engine *e, const char *name, const char *aside)
{
    int r = move(e, aside, name);
    if (r < 0 && r != -ENOENT)
        log_error("volume %s stays in volumes/%s: %s", name, aside, strerror(-r));
}

int volume_tree_remove(struct engine *e, const char *aside, struct err *err)
{
    _cleanup_(freep) char *dir = path_of(e, aside);
    int r = fs_rm_rf(AT_FDCWD, dir);
    return r < 0 ? err_errno(err, r, "removing %s", dir) : 0;
}

/* --- at start-up */

static bool has_row(struct engine *e, const char *name, bool *known)
{
    _cleanup_(state_volume_freep) struct state_volume *there = NULL;
    int r = state_volume_get(e->state, name, &there, NULL);
    *known = r == 0 || r == -ENOENT;
    return r == 0;
}

static void finish_new(struct engine *e, const char *entry, const char *name)
{
    _cleanup_(err_fini) struct err err = {0};
    bool known, row = has_row(e, name, &known);
    if (row && volume_tree_keep(e, name, entry, &err) < 0)
        log_warn("volume %s: %s", name, err_msg(&err));
    else if (known && !row)
        volume_tree_drop(e, entry);
}

/* Its row tells whether the removal was meant: with one it is taken back. */
static void finish_gone(struct engine *e, const char *entry, const char *name, bool recovering)
{
    _cleanup_(err_fini) struct err err = {0};
    _cleanup_(freep) char *dir = path_of(e, name);
    bool known, row = has_row(e, name, &known);
    if ((row || recovering) && !fs_exists(AT_FDCWD, dir)) {
        volume_tree_back(e, name, entry);
        return;
    }
    if (known && !recovering && volume_tree_remove(e, entry, &err) < 0)
        log_warn("volume %s was removed: %s", name, err_msg(&err));
}

int volume_adopt(struct engine *e, const char *name, struct err *err)
{
    struct state_volume v = {.name = (char *)name, .driver = "local", .created_ns = time_now_ns()};
    int r = state_volume_insert(e->state, &v, err);
    if (r != -EEXIST)
        return r;
    err_clear(err);
    return 0;
}

static void adopt(struct engine *e, const char *name)
{
    _cleanup_(err_fini) struct err err = {0};
    _cleanup_(freep) char *data = volume_path(e, name);
    bool known;
    if (has_row(e, name, &known) || !known || !fs_exists(AT_FDCWD, data))
        return;
    if (volume_adopt(e, name, &err) < 0)
        log_warn("volume %s has no row and could not be adopted: %s", name, err_msg(&err));
    else
        log_info("volume %s had no row: adopted", name);
}

/* What is hidden first: it may become a volume. Names are gathered before anything is renamed. */
void volumes_adopt(struct engine *e, bool recovering)
{
    _cleanup_(freep) char *path = path_of(e, "");
    _cleanup_(closedirp) DIR *dir = opendir(path);
    _cleanup_(strv_fini) struct strv entries = {0};
    struct dirent *d;
    while (dir && (d = readdir(dir)))
        strv_add(&entries, d->d_name);
    const char *entry, *name;
    strv_foreach (entry, &entries) {
        if ((name = name_in(entry, NEW)) && volume_name_check(name, NULL) == 0)
            finish_new(e, entry, name);
        if ((name = name_in(entry, GONE)) && volume_name_check(name, NULL) == 0)
            finish_gone(e, entry, name, recovering);
    }
    if (dir)
        rewinddir(dir);
    while (dir && (d = readdir(dir)))
        if (d->d_name[0] != '.' && volume_name_check(d->d_name, NULL) == 0)
            adopt(e, d->d_name);
}
