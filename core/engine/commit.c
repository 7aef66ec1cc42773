/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Commit
 *
 * The container is claimed, frozen while its changes are read (unless the client says otherwise), and thawed whatever comes of it: a
 * daemon that dies meanwhile leaves the claim, by which the next one knows to thaw.
 */
#include <errno.h>

#include "base/fs.h"
#include "base/json.h"
#include "engine/body.h"
#include "engine/diff.h"
#include "engine/pause.h"
#include "engine/root.h"
#include "engine/spec.h"
#include "engine/storage.h"
#include "image/archive.h"
#include "image/store.h"
#include "runtime/host-config.h"

struct committing {
    struct engine *engine;
    const struct state_container *row;
};

typedef int put_fn(void *ctx, const void *data, size_t n, struct err *err);

/* For drivers that keep whole trees: the changed paths, as a mount shows them. */
static int write_changes(const struct committing *c, put_fn *put, void *ctx, struct err *err)
{
    _cleanup_(changes_fini) struct changes all = {0};
    int r = changes_read(c->engine, c->row->layer_id, &all, err);
    _cleanup_(closep) int fd = r < 0 ? -1 : container_layer_open(c->engine, c->row, err);
    if (r < 0 || fd < 0)
        return r < 0 ? r : fd;
    _cleanup_(freep) struct archive_change *list = xcalloc(all.n + 1, sizeof(*list));
    for (size_t i = 0; i < all.n; i++)
        list[i] = (struct archive_change){.path = all.v[i].path,
                                          .deleted = all.v[i].kind == BERTH_CHANGE_DELETED};
    const struct archive_source src = {
        .fd = fd, .form = BERTH_WHITEOUT_OCI, .alone = true, .changes = list, .nchanges = all.n};
    return archive_write(&src, put, ctx, err);
}

static int write_diff(void *arg, put_fn *put, void *ctx, struct err *err)
{
    const struct committing *c = arg;
    _cleanup_(closep) int fd = -1;
    uint32_t form;
    int r = storage_diff_read(c->engine->storage, c->row->layer_id, &fd, &form, err);
    if (r == -ENOSYS)
        return write_changes(c, put, ctx, err);
    if (r < 0)
        return r;
    const struct archive_source src = {.fd = fd, .form = form};
    return archive_write(&src, put, ctx, err);
}

/* Docker's rule: the client's configuration, the changes on it, and what it leaves open is the container's. */
static int make_config(const struct state_container *row, const struct commit_opts *opts,
                       json_t **out, struct err *err)
{
    bool given = json_object_size(opts->config) > 0;
    json_auto_t *config = NULL;
    int r = given ? config_read(opts->config, &config, err) : 0;
    if (r < 0)
        return r;
    if (!given)
        config = json_deep_copy(row->config);
    r = image_changes_apply(opts->changes, config, err);
    if (r == 0)
        r = runtime_merge_image_config(config, row->config, err);
    if (r == 0)
        *out = steal_ptr(&config);
    return r;
}

static char *join_words(const json_t *list)
{
    struct buf b = {0};
    buf_adds(&b, "");
    for (size_t i = 0; i < json_array_size(list); i++)
        buf_printf(&b, "%s%s", i ? " " : "", json_string_value(json_array_get(list, i)));
    return buf_steal(&b);
}

static int check(const struct state_container *row, struct err *err)
{
    if (str_eq(row->status, "dead") || str_eq(row->status, "removing"))
        return err_set(err, -EBUSY, "You cannot commit container %s which is %s", row->id,
                       str_eq(row->status, "dead") ? "Dead" : "being removed");
    if (!row->image_id)
        return err_set(err, -ENOENT, "the image of container %s is not known", row->name);
    return 0;
}

static int commit(struct engine *e, const struct state_container *row,
                  const struct commit_opts *opts, char **id, struct err *err)
{
    json_auto_t *config = NULL;
    struct committing c = {e, row};
    int r = make_config(row, opts, &config, err);
    if (r < 0)
        return r;
    _cleanup_(freep) char *by = join_words(json_arr(row->config, "Cmd"));
    const struct image_commit in = {.parent = row->image_id,
                                    .container = row->id,
                                    .reference = opts->reference,
                                    .comment = opts->comment,
                                    .author = opts->author,
                                    .created_by = by,
                                    .config = config,
                                    .diff = write_diff,
                                    .ctx = &c};
    return image_commit(e->images, &in, id, err);
}

static void tell(struct engine *e, const struct state_container *row,
                 const struct commit_opts *opts, const char *id)
{
    json_t *attributes = json_object();
    json_put_str(attributes, "comment", opts->comment ? opts->comment : "");
    json_put_str(attributes, "imageID", id);
    json_put_str(attributes, "imageRef", opts->reference ? opts->reference : "");
    container_event(e, row, "commit", attributes);
}

/* One that its user has paused stays so, also when the daemon dies. */
static const char *claim_name(struct engine *e, const char *ref, const struct commit_opts *opts)
{
    _cleanup_(state_container_freep) struct state_container *row = NULL;
    bool freeze = opts->pause && state_container_find(e->state, ref, &row, NULL) == 0 &&
                  str_eq(row->status, "running");
    return freeze ? CLAIM_COMMIT_FROZEN : "commit";
}

int engine_container_commit(struct engine *e, const char *ref, const struct commit_opts *opts,
                            char **id, struct err *err)
{
    _cleanup_(state_container_freep) struct state_container *row = NULL;
    const char *verb = claim_name(e, ref, opts);
    int r = container_claim(e, ref, verb, CLAIM_LIMIT_MS, &row, err);
    if (r < 0)
        return r;
    _cleanup_(claim_end) struct claim claim = {e, row->id};
    r = check(row, err);
    bool freeze = r == 0 && str_eq(verb, CLAIM_COMMIT_FROZEN) && str_eq(row->status, "running");
    if (freeze)
        r = container_freeze(e, row, err);
    if (r == 0)
        r = commit(e, row, opts, id, err);
    if (freeze)
        container_thaw(e, row->id);
    if (r == 0)
        tell(e, row, opts, *id);
    return r;
}
