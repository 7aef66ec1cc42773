/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Create
 *
 * The row comes first, born busy with "create": what a crash leaves half-made is named by it and removed at start-up. Every step
 * that fails takes back the earlier ones.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/failpoint.h"
#include "base/fs.h"
#include "base/id.h"
#include "base/json.h"
#include "base/log.h"
#include "config/config.h"
#include "engine/copy-tree.h"
#include "engine/internal.h"
#include "engine/names.h"
#include "engine/record.h"
#include "engine/remove.h"
#include "engine/spec.h"
#include "engine/storage.h"
#include "engine/volumes.h"
#include "image/store.h"
#include "runtime/plan.h"
#include "state/network.h"
#include "state/volume.h"

#define NAME_ATTEMPTS 8

/* What was made so far. */
struct making {
    struct engine *engine;
    struct state_container row; /* owns its strings */
    bool has_row, done;
    bool changed;        /* the row, since it was inserted */
    struct strv volumes; /* those that did not exist before */
};

static void making_end(struct making *m)
{
    if (m->has_row && !m->done) {
        _cleanup_(err_fini) struct err err = {0};
        if (container_purge(m->engine, &m->row, &err) < 0) {
            log_error("taking back container %s: %s", m->row.id, err_msg(&err));
            claim_stays(m->engine, m->row.id); /* so that `rm` can do it once it is possible */
        }
        char *name;
        strv_foreach (name, &m->volumes) {
            err_clear(&err);
            if (volume_destroy(m->engine, name, NULL, &err) < 0)
                log_warn("taking back volume %s: %s", name, err_msg(&err));
        }
    }
    strv_fini(&m->volumes);
    state_container_fini(&m->row);
}

/* Path, Args and what else is the engine's own. */
static json_t *runtime_doc(const struct create_spec *spec)
{
    json_t *doc = json_object();
    json_auto_t *argv = runtime_argv(spec->config);
    json_t *args = json_array();
    for (size_t i = 1; i < json_array_size(argv); i++)
        json_array_append(args, json_array_get(argv, i));
    json_put_str(doc, "path", json_string_value(json_array_get(argv, 0)));
    json_put_take(doc, "args", args);
    json_put(doc, "mounts", spec->mounts);
    json_put(doc, "inherited", spec->inherited);
    return doc;
}

static void row_fill(struct state_container *row, const struct create_spec *spec)
{
    char id[ID_MAX];
    id_new(id);
    *row = (struct state_container){
        .id = xstrdup(id),
        .created_ns = time_now_ns(),
        .image_id = xstrdup(spec->image_id),
        .image_ref = xstrdup(spec->image_ref),
        .layer_id = xstrdup(id),
        .status = xstrdup("created"),
        .verb = xstrdup("create"),
        .error = xstrdup(""),
        .auto_remove = json_bool(spec->host_config, "AutoRemove", false),
        .config = json_incref(spec->config),
        .host_config = json_incref(spec->host_config),
        .runtime = runtime_doc(spec),
    };
    row->verb_since_ns = row->created_ns;
}

/* Docker's default host name: the short id, or the host's own where the host's network is used. */
static void default_hostname(struct state_container *row)
{
    if (!str_empty(json_str(row->config, "Hostname", "")))
        return;
    char name[256] = "";
    bool host = str_eq(json_str(row->host_config, "NetworkMode", ""), "host") ||
                str_eq(json_str(row->host_config, "UTSMode", ""), "host");
    if (!host || gethostname(name, sizeof(name) - 1) < 0)
        memcpy(name, row->id, 12);
    json_put_str(row->config, "Hostname", name);
}

static int insert_row(struct making *m, const struct create_spec *spec, struct err *err)
{
    struct state_container *row = &m->row;
    const char *name = spec->name;
    char id[ID_MAX];
    id_new(id);
    const struct state_endpoint ep = {
        .id = id, .network_id = spec->network, .container_id = row->id, .config = spec->endpoint};
    int r = -EEXIST;
    for (unsigned attempt = 0; r == -EEXIST && attempt < (name ? 1 : NAME_ATTEMPTS); attempt++) {
        free(row->name);
        row->name = name ? xstrdup(name) : name_generate(attempt);
        err_clear(err);
        r = state_container_insert(m->engine->state, row, &ep, err);
    }
    m->has_row = r == 0;
    return r;
}

static int make_volumes(struct making *m, struct err *err)
{
    struct engine *e = m->engine;
    json_t *mounts = json_arr(m->row.runtime, "mounts");
    for (size_t i = 0; i < json_array_size(mounts); i++) {
        json_t *mount = json_array_get(mounts, i);
        if (!str_eq(json_str(mount, "Type", ""), "volume"))
            continue;
        bool made;
        const char *name = json_str(mount, "Name", "");
        int r = volume_ensure(e, name, json_str(mount, "Driver", ""), json_obj(mount, "Labels"),
                              json_obj(mount, "DriverOpts"), json_bool(mount, "Anonymous", false),
                              &made, err);
        if (r < 0)
            return r;
        if (made)
            strv_add(&m->volumes, name);
        r = state_volume_use(e->state, m->row.id, name, json_str(mount, "Destination", ""), err);
        if (r < 0)
            return r;
        _cleanup_(freep) char *path = volume_path(e, name);
        json_put_str(mount, "Source", path);
        m->changed = true;
    }
    return 0;
}

static int make_layer(struct making *m, struct err *err)
{
    struct engine *e = m->engine;
    _cleanup_(config_unrefp) struct config *cfg = engine_config(e);
    _cleanup_(freep) char *parent = NULL;
    int r = image_init_layer(e->images, m->row.image_id, &parent, err);
    if (r < 0)
        return r;
    json_auto_t *daemon = config_driver_options(cfg, "storage", cfg->storage.driver);
    return storage_layer_create(e->storage, m->row.layer_id, parent, daemon,
                                json_obj(m->row.host_config, "StorageOpt"), err);
}

static bool dir_is_empty(int fd)
{
    int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_(closedirp) DIR *dir = copy < 0 ? NULL : fdopendir(copy);
    struct dirent *d;
    while (dir && (d = readdir(dir)))
        if (!str_eq(d->d_name, ".") && !str_eq(d->d_name, ".."))
            return false;
    return dir != NULL;
}

/* An empty volume gets what the image has at the mount's target. */
static int populate(int root, const json_t *mount, struct err *err)
{
    const char *target = json_str(mount, "Destination", ""), *path = json_str(mount, "Source", "");
    _cleanup_(closep) int from =
        fs_open_in_root(root, target, O_RDONLY | O_DIRECTORY | O_NONBLOCK, 0);
    if (from == -ENOENT || from == -ENOTDIR)
        return 0;
    if (from < 0)
        return err_errno(err, from, "reading %s of the image", target);
    _cleanup_(closep) int to = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (to < 0)
        return err_errno(err, -errno, "opening volume %s", json_str(mount, "Name", ""));
    if (!dir_is_empty(to))
        return 0;
    if (copy_tree(from, to, err) < 0)
        return err_wrap(err, "copying %s of the image into volume %s", target,
                        json_str(mount, "Name", ""));
    return 0;
}

static int populate_volumes(struct making *m, struct err *err)
{
    _cleanup_(closep) int root = -1;
    const json_t *mounts = json_arr(m->row.runtime, "mounts");
    for (size_t i = 0; i < json_array_size(mounts); i++) {
        const json_t *mount = json_array_get(mounts, i);
        if (!str_eq(json_str(mount, "Type", ""), "volume") || json_bool(mount, "NoCopy", false))
            continue;
        int r = 0;
        if (root < 0)
            r = storage_root_fd(m->engine->storage, m->row.layer_id, &root, err);
        if (r == 0)
            r = populate(root, mount, err);
        if (r < 0)
            return r;
    }
    return 0;
}

static int make_directory(struct making *m, struct err *err)
{
    _cleanup_(freep) char *dir = container_path(m->engine, m->row.id, NULL);
    int r = fs_mkdir_p(dir, 0710);
    return r < 0 ? err_errno(err, r, "making %s", dir) : 0;
}

static int make_all(struct making *m, const struct create_spec *spec, struct err *err)
{
    int r = insert_row(m, spec, err);
    if (r == 0)
        r = failpoint("create.row", err);
    if (r == 0)
        r = make_directory(m, err);
    if (r == 0)
        r = failpoint("create.directory", err);
    if (r == 0)
        r = make_layer(m, err);
    if (r == 0)
        r = failpoint("create.layer", err);
    if (r == 0)
        r = make_volumes(m, err);
    if (r == 0)
        r = populate_volumes(m, err);
    if (r == 0)
        r = failpoint("create.populated", err);
    if (r == 0 && m->changed)
        r = state_container_update(m->engine->state, &m->row, err);
    if (r == 0)
        r = failpoint("create.updated", err);
    return r < 0 ? r : record_make(m->engine, &m->row, err);
}

int engine_container_create(struct engine *e, const char *name, const char *platform,
                            const json_t *body, json_t **out, struct err *err)
{
    _cleanup_(create_spec_fini) struct create_spec spec = {0};
    int r = create_spec_read(e, name, platform, body, &spec, err);
    if (r < 0)
        return r;
    _cleanup_(making_end) struct making m = {.engine = e};
    row_fill(&m.row, &spec);
    default_hostname(&m.row);
    r = make_all(&m, &spec, err);
    if (r == 0) {
        (void)failpoint("create.recorded", NULL);
        /* Without this it would be a half-made one: not listed, and gone at the next start. */
        r = state_container_unclaim(e->state, m.row.id, err);
    }
    if (r < 0)
        return r;
    m.done = true;
    engine_changed(e);
    container_event(e, &m.row, "create", NULL);
    *out = json_object();
    json_put_str(*out, "Id", m.row.id);
    json_put(*out, "Warnings", spec.warnings);
    return 0;
}
