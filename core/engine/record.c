/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records
 *
 * A database that is lost must not take the containers with it: each container's directory has a copy of its row and of its place on
 * the network, as of its last create, start or end. Recovery makes rows of these copies; start-up then holds the rows against
 * what lives, as it always does.
 */
#include "engine/record.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>

#include "base/failpoint.h"
#include "base/fs.h"
#include "base/id.h"
#include "base/json.h"
#include "base/log.h"
#include "state/network.h"
#include "state/volume.h"

#define RECORD_NAME "plan.json"
#define RECORD_MAX  (16 << 20)
#define VERSION     1

/* --- writing */

static json_t *row_document(const struct state_container *row)
{
    json_t *doc = json_object();
    json_put_int(doc, "version", VERSION);
    json_put_str(doc, "id", row->id);
    json_put_str(doc, "name", row->name);
    json_put_str(doc, "image_id", row->image_id ? row->image_id : "");
    json_put_str(doc, "image_ref", row->image_ref ? row->image_ref : "");
    json_put_str(doc, "layer_id", row->layer_id ? row->layer_id : "");
    json_put_str(doc, "status", row->status);
    json_put_str(doc, "boot_id", row->boot_id ? row->boot_id : "");
    json_put_str(doc, "error", row->error ? row->error : "");
    json_put_int(doc, "created_ns", row->created_ns);
    json_put_int(doc, "started_ns", row->started_ns);
    json_put_int(doc, "finished_ns", row->finished_ns);
    json_put_int(doc, "pid", row->pid);
    json_put_int(doc, "pid_start", (int64_t)row->pid_start);
    json_put_int(doc, "shim_pid", row->shim_pid);
    json_put_int(doc, "shim_start", (int64_t)row->shim_start);
    json_put_int(doc, "exit_code", row->exit_code);
    json_put_int(doc, "restart_count", row->restart_count);
    json_put_bool(doc, "stop_requested", row->stop_requested);
    json_put_bool(doc, "oom", row->oom);
    json_put_bool(doc, "auto_remove", row->auto_remove);
    json_put(doc, "config", row->config);
    json_put(doc, "host_config", row->host_config);
    json_put(doc, "runtime", row->runtime);
    return doc;
}

/* Networks by name: their ids are the database's. */
static int put_endpoints(struct engine *e, const char *id, json_t *doc, struct err *err)
{
    _cleanup_(state_endpoints_fini) struct state_endpoints list = {0};
    int r = state_endpoint_list(e->state, NULL, id, &list, err);
    json_t *all = json_array();
    for (size_t i = 0; r == 0 && i < list.n; i++) {
        _cleanup_(state_network_freep) struct state_network *network = NULL;
        r = state_network_find(e->state, list.v[i]->network_id, &network, err);
        if (r < 0)
            break;
        json_t *one = json_object();
        json_put_str(one, "id", list.v[i]->id);
        json_put_str(one, "network", network->name);
        json_put(one, "config", list.v[i]->config);
        json_put(one, "attachment", list.v[i]->attachment);
        json_push_take(all, one);
    }
    json_put_take(doc, "endpoints", all);
    return r;
}

int record_make(struct engine *e, const struct state_container *row, struct err *err)
{
    json_auto_t *doc = row_document(row);
    int r = put_endpoints(e, row->id, doc, err);
    if (r == 0)
        r = failpoint("record.write", err);
    if (r < 0)
        return r;
    _cleanup_(freep) char *text = json_text(doc);
    _cleanup_(freep) char *path = container_path(e, row->id, RECORD_NAME);
    r = fs_write_atomic(AT_FDCWD, path, text, strlen(text), 0600, false);
    return r < 0 ? err_errno(err, r, "writing %s", path) : 0;
}

void record_sweep(struct engine *e, const char *id)
{
    _cleanup_(freep) char *path = container_path(e, id, NULL);
    _cleanup_(closep) int dir = fs_open_dir(AT_FDCWD, path);
    if (dir >= 0)
        fs_sweep_tmp(dir, RECORD_NAME);
}

void record_write(struct engine *e, const char *id)
{
    _cleanup_(err_fini) struct err err = {0};
    _cleanup_(state_container_freep) struct state_container *row = NULL;
    int r = state_container_get(e->state, id, &row, &err);
    if (r == 0)
        r = record_make(e, row, &err);
    if (r < 0 && r != -ENOENT) /* removed meanwhile */
        log_warn("the record of container %s, for a recovery, is not the newest: %s", id,
                 err_msg(&err));
}

/* --- reading */

static int read_record(struct engine *e, const char *id, json_t **doc, struct err *err)
{
    size_t n;
    _cleanup_(freep) char *text = NULL;
    _cleanup_(freep) char *path = container_path(e, id, RECORD_NAME);
    int r = fs_read(AT_FDCWD, path, RECORD_MAX, &text, &n);
    if (r < 0)
        return err_errno(err, r, "reading %s", path);
    r = json_parse(text, n, doc, err);
    if (r == 0 && json_int(*doc, "version", 0) != VERSION)
        r = err_set(err, -EINVAL, "version %lld of the record is not known",
                    (long long)json_int(*doc, "version", 0));
    if (r == 0 && (!str_eq(json_str(*doc, "id", ""), id) || !json_str(*doc, "name", NULL) ||
                   !json_str(*doc, "status", NULL)))
        r = err_set(err, -EINVAL, "not the record of this container");
    return r < 0 ? err_wrap(err, "%s", path) : 0;
}

bool record_usable(struct engine *e, const char *id)
{
    json_auto_t *doc = NULL;
    return read_record(e, id, &doc, NULL) == 0;
}

static char *text_of(const json_t *doc, const char *key)
{
    return xstrdup(json_str(doc, key, ""));
}

static char *text_or_null(const json_t *doc, const char *key)
{
    const char *s = json_str(doc, key, "");
    return *s ? xstrdup(s) : NULL;
}

static int insert_row(struct engine *e, const json_t *doc, struct err *err)
{
    _cleanup_(state_container_fini) struct state_container row = {
        .id = text_of(doc, "id"),
        .name = text_of(doc, "name"),
        .image_id = text_or_null(doc, "image_id"),
        .image_ref = text_or_null(doc, "image_ref"),
        .layer_id = text_or_null(doc, "layer_id"),
        .status = text_of(doc, "status"),
        .boot_id = text_or_null(doc, "boot_id"),
        .error = text_of(doc, "error"),
        .created_ns = json_int(doc, "created_ns", 0),
        .started_ns = json_int(doc, "started_ns", 0),
        .finished_ns = json_int(doc, "finished_ns", 0),
        .pid = (pid_t)json_int(doc, "pid", 0),
        .pid_start = (uint64_t)json_int(doc, "pid_start", 0),
        .shim_pid = (pid_t)json_int(doc, "shim_pid", 0),
        .shim_start = (uint64_t)json_int(doc, "shim_start", 0),
        .exit_code = json_int(doc, "exit_code", 0),
        .restart_count = json_int(doc, "restart_count", 0),
        .stop_requested = json_bool(doc, "stop_requested", false),
        .oom = json_bool(doc, "oom", false),
        .auto_remove = json_bool(doc, "auto_remove", false),
        .config = json_incref(json_obj(doc, "config")),
        .host_config = json_incref(json_obj(doc, "host_config")),
        .runtime = json_incref(json_obj(doc, "runtime")),
    };
    return state_container_insert(e->state, &row, NULL, err);
}

static int insert_endpoint(struct engine *e, const char *id, const json_t *one, struct err *err)
{
    _cleanup_(state_network_freep) struct state_network *network = NULL;
    int r = state_network_find(e->state, json_str(one, "network", ""), &network, err);
    if (r < 0)
        return r;
    char fresh[ID_MAX];
    id_new(fresh);
    const char *old = json_str(one, "id", fresh);
    json_auto_t *attachment = json_copy(json_obj(one, "attachment"));
    if (json_object_size(attachment) > 0)
        json_put_str(attachment, "network_id", network->id);
    struct state_endpoint ep = {.id = (char *)(uintptr_t)old,
                                .network_id = network->id,
                                .container_id = (char *)(uintptr_t)id,
                                .config = json_obj(one, "config"),
                                .attachment = attachment};
    return state_endpoint_insert(e->state, &ep, err);
}

static int insert_all(struct engine *e, const char *id, const json_t *doc, struct err *err)
{
    size_t i;
    json_t *v;
    int r = insert_row(e, doc, err);
    json_array_foreach (json_arr(doc, "endpoints"), i, v)
        r = r < 0 ? r : insert_endpoint(e, id, v, err);
    json_array_foreach (json_arr(json_obj(doc, "runtime"), "mounts"), i, v)
        if (r == 0 && str_eq(json_str(v, "Type", ""), "volume"))
            r = state_volume_use(e->state, id, json_str(v, "Name", ""),
                                 json_str(v, "Destination", ""), err);
    return r;
}

static bool recover_one(struct engine *e, const char *id)
{
    _cleanup_(err_fini) struct err err = {0};
    json_auto_t *doc = NULL;
    int r = read_record(e, id, &doc, &err);
    if (r == 0)
        r = insert_all(e, id, doc, &err);
    if (r == 0 || r == -EEXIST) /* a recovery that was interrupted, and begins again */
        return r == 0;
    log_warn("recovery: container %s: %s", id, err_msg(&err));
    (void)state_container_delete(e->state, id, NULL);
    return false;
}

int records_recover(struct engine *e, int64_t *n, struct err *err)
{
    _cleanup_(freep) char *path = str_printf("%s/containers", state_data_root(e->state));
    _cleanup_(closedirp) DIR *dir = opendir(path);
    struct dirent *d;
    *n = 0;
    if (!dir)
        return err_errno(err, -errno, "reading %s", path);
    while ((d = readdir(dir)))
        if (id_valid(d->d_name))
            *n += recover_one(e, d->d_name);
    return 0;
}
