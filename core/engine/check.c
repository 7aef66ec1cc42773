/* SPDX-License-Identifier: Apache-2.0 */
/* Check: the report, the database, images and volumes. */
#include "engine/check.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "engine/mounts.h"
#include "engine/volume-tree.h"
#include "engine/volumes.h"
#include "image/store.h"
#include "state/network.h"
#include "state/volume.h"

void findings_add(struct findings *list, const struct check_kind *kind, const char *object,
                  const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    list->v = xrealloc(list->v, (list->n + 1) * sizeof(*list->v));
    list->v[list->n++] = (struct finding){kind, xstrdup(object), str_vprintf(fmt, ap)};
    va_end(ap);
}

void findings_fini(struct findings *list)
{
    for (size_t i = 0; i < list->n; i++) {
        free(list->v[i].object);
        free(list->v[i].words);
    }
    free(list->v);
    *list = (struct findings){0};
}

bool findings_has(const struct findings *list, const struct check_kind *kind, const char *object)
{
    for (size_t i = 0; i < list->n; i++)
        if (list->v[i].kind == kind && str_eq(list->v[i].object, object))
            return true;
    return false;
}

int check_attachments(struct engine *e, json_t **states, struct err *err)
{
    _cleanup_(state_endpoints_fini) struct state_endpoints list = {0};
    int r = state_endpoint_list(e->state, NULL, NULL, &list, err);
    if (r < 0)
        return r;
    *states = json_array();
    for (size_t i = 0; i < list.n; i++)
        if (json_object_size(list.v[i]->attachment) > 0)
            json_array_append(*states, list.v[i]->attachment);
    return 0;
}

/* --- the database */

static const struct check_kind database_damaged = {"database-damaged", NULL};

static void database_word(void *arg, const char *words)
{
    struct check *c = arg;
    findings_add(&c->found, &database_damaged, "berth.db",
                 "%s; `berthd --recover` makes a new one of what is there", words);
}

int check_database(struct check *c, struct err *err)
{
    return state_verify(c->engine->state, c->deep, database_word, c, err);
}

/* --- images */

static int repair_image(struct check *c, const struct finding *f, struct err *err)
{
    return image_store_mend(c->engine->images, f->object, err);
}

static const struct check_kind image_kinds[] = {
    [IMAGE_CONFIG_MISSING] = {"configuration-missing", repair_image},
    [IMAGE_CONFIG_DAMAGED] = {"configuration-damaged", NULL},
    [IMAGE_LAYERLESS] = {"image-layer-missing", NULL},
    [IMAGE_LAYER_MISSING] = {"layer-missing", NULL},
    [IMAGE_LAYER_UNFINISHED] = {"layer-unfinished", NULL},
    [IMAGE_LAYER_STRAY] = {"layer-stray", NULL},
    [IMAGE_BLOB_MISSING] = {"blob-missing", NULL},
    [IMAGE_BLOB_DAMAGED] = {"blob-damaged", NULL},
    [IMAGE_BLOB_STRAY] = {"blob-stray", NULL},
};

static void image_found(void *arg, enum image_fault fault, const char *object, const char *words)
{
    struct check *c = arg;
    findings_add(&c->found, &image_kinds[fault], object, "%s", words);
}

int check_images(struct check *c, struct err *err)
{
    return image_store_verify(c->engine->images, c->deep, image_found, c, c->counts, err);
}

/* --- volumes */

static int repair_volume(struct check *c, const struct finding *f, struct err *err)
{
    return volume_adopt(c->engine, f->object, err);
}

static const struct check_kind volume_missing = {"volume-missing", NULL};
static const struct check_kind volume_stray = {"volume-stray", repair_volume};

static int check_volume_rows(struct check *c, struct err *err)
{
    struct engine *e = c->engine;
    _cleanup_(state_volumes_fini) struct state_volumes list = {0};
    int r = state_volume_list(e->state, &list, err);
    for (size_t i = 0; r == 0 && i < list.n; i++) {
        _cleanup_(state_volume_freep) struct state_volume *again = NULL;
        _cleanup_(freep) char *data = volume_path(e, list.v[i]->name);
        if (!fs_exists(AT_FDCWD, data) && !volume_tree_pending(e, list.v[i]->name) &&
            state_volume_get(e->state, list.v[i]->name, &again, NULL) == 0 &&
            !fs_exists(AT_FDCWD, data))
            findings_add(&c->found, &volume_missing, list.v[i]->name, "%s is not there", data);
    }
    json_put_int(c->counts, "Volumes", (int64_t)list.n);
    return r;
}

int check_volumes(struct check *c, struct err *err)
{
    struct engine *e = c->engine;
    int r = check_volume_rows(c, err);
    if (r < 0)
        return r;
    _cleanup_(freep) char *path = str_printf("%s/volumes", state_data_root(e->state));
    _cleanup_(closedirp) DIR *dir = opendir(path);
    if (!dir)
        return err_errno(err, -errno, "reading %s", path);
    for (struct dirent *d; (d = readdir(dir));) {
        _cleanup_(state_volume_freep) struct state_volume *row = NULL;
        _cleanup_(freep) char *data = volume_path(e, d->d_name);
        if (d->d_name[0] == '.' || volume_name_check(d->d_name, NULL) < 0 ||
            !fs_exists(AT_FDCWD, data) ||
            state_volume_get(e->state, d->d_name, &row, NULL) != -ENOENT ||
            !fs_exists(AT_FDCWD, data))
            continue;
        findings_add(&c->found, &volume_stray, d->d_name, "%s is there, and no volume of that name",
                     data);
    }
    return 0;
}

/* --- the report */

static json_t *report_one(struct check *c, const struct finding *f, bool repair)
{
    _cleanup_(err_fini) struct err err = {0};
    bool can = f->kind->repair != NULL;
    int r = can && repair ? f->kind->repair(c, f, &err) : 0;
    if (can && repair && r == 0)
        log_info("check: %s %s: repaired", f->kind->name, f->object);
    json_t *o = json_object();
    json_put_str(o, "Kind", f->kind->name);
    json_put_str(o, "Object", f->object);
    json_put_str(o, "Message", f->words);
    json_put_bool(o, "Repairable", can);
    json_put_bool(o, "Repaired", can && repair && r == 0);
    json_put_str(o, "Error", r < 0 ? err_msg(&err) : "");
    return o;
}

int engine_check(struct engine *e, bool repair, bool deep, json_t **out, struct err *err)
{
    static int (*const parts[])(struct check *, struct err *) = {
        check_database, check_containers, check_strays, check_images, check_volumes};
    json_auto_t *counts = json_object();
    struct check c = {.engine = e, .deep = deep, .counts = counts};
    int r = 0;
    for (size_t i = 0; r == 0 && i < ARRAY_SIZE(parts); i++)
        r = parts[i](&c, err);
    if (r < 0) {
        findings_fini(&c.found);
        return err_wrap(err, "the check could not be made");
    }
    json_t *list = json_array();
    for (size_t i = 0; i < c.found.n; i++)
        json_push_take(list, report_one(&c, &c.found.v[i], repair));
    *out = json_object();
    json_put_take(*out, "Findings", list);
    json_put_int(*out, "Busy", c.busy);
    json_put(*out, "Checked", counts);
    findings_fini(&c.found);
    return 0;
}
