/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Images
 *
 * The image store does the work; the engine adds who uses an image, and the events.
 */
#include <errno.h>

#include "base/json.h"
#include "engine/images.h"
#include "image/reference.h"
#include "image/store.h"
#include "state/image.h"

static void image_event(struct engine *e, const char *action, const char *id, const char *name)
{
    json_t *attributes = json_object();
    json_put_str(attributes, "name", name ? name : id);
    event_publish(e->events, "image", action, id, attributes);
}

int images_count_users(struct engine *e, json_t **counts, struct err *err)
{
    _cleanup_(state_containers_fini) struct state_containers rows = {0};
    int r = state_container_brief(e->state, &rows, err);
    *counts = json_object();
    for (size_t i = 0; r == 0 && i < rows.n; i++)
        if (rows.v[i]->image_id)
            json_put_int(*counts, rows.v[i]->image_id,
                         json_int(*counts, rows.v[i]->image_id, 0) + 1);
    return r;
}

int engine_image_list(struct engine *e, const struct image_list_opts *opts, json_t **out,
                      struct err *err)
{
    json_auto_t *counts = NULL, *list = NULL;
    int r = image_list(e->images, opts->all, opts->filters, &list, err);
    if (r == 0 && opts->containers)
        r = images_count_users(e, &counts, err);
    if (r == 0 && opts->shared_size)
        r = image_list_sizes(e->images, list, false, NULL, err);
    if (r < 0)
        return r;
    for (size_t i = 0; counts && i < json_array_size(list); i++) {
        json_t *image = json_array_get(list, i);
        json_put_int(image, "Containers", json_int(counts, json_str(image, "Id", ""), 0));
    }
    *out = steal_ptr(&list);
    return 0;
}

int engine_image_inspect(struct engine *e, const char *ref, json_t **out, struct err *err)
{
    return image_inspect(e->images, ref, out, err);
}

int engine_image_history(struct engine *e, const char *ref, const char *platform, json_t **out,
                         struct err *err)
{
    return image_history(e->images, ref, platform, out, err);
}

int engine_image_import(struct engine *e, int tar_fd, const char *source, const char *reference,
                        const char *message, const struct strv *changes, const char *platform,
                        char **id, struct err *err)
{
    struct image_import in = {.tar_fd = tar_fd,
                              .source = source,
                              .reference = str_empty(reference) ? NULL : reference,
                              .message = str_empty(message) ? NULL : message,
                              .changes = changes,
                              .platform = str_empty(platform) ? NULL : platform};
    int r = image_import(e->images, &in, id, err);
    if (r == 0)
        image_event(e, "import", *id, in.reference);
    return r;
}

int engine_image_pull(struct engine *e, const char *reference, const char *platform,
                      struct err *err)
{
    struct reference ref = {0};
    (void)e;
    (void)platform;
    int r = reference_parse_tagged(reference, &ref, err);
    if (r < 0)
        return r;
    _cleanup_(freep) char *name = reference_familiar(&ref);
    reference_fini(&ref);
    return err_set(err, -ENOENT,
                   "pulling from a registry is not supported yet: image %s is not here; import a "
                   "root file system with `berth import`",
                   name);
}

int engine_image_tag(struct engine *e, const char *ref, const char *repo, const char *tag,
                     struct err *err)
{
    _cleanup_(freep) char *target = str_empty(tag) ? xstrdup(repo) : str_printf("%s:%s", repo, tag);
    _cleanup_(state_image_freep) struct state_image *image = NULL;
    int r = image_tag(e->images, ref, target, err);
    if (r == 0)
        r = image_find(e->images, target, &image, err);
    if (r == 0)
        image_event(e, "tag", image->id, target);
    return r;
}

int image_each_user(void *ctx, const char *image_id,
                    void (*user)(void *arg, const char *container_id, bool running), void *arg)
{
    struct engine *e = ctx;
    _cleanup_(state_containers_fini) struct state_containers rows = {0};
    int r = state_container_brief(e->state, &rows, NULL);
    for (size_t i = 0; r == 0 && i < rows.n; i++)
        if (str_eq(rows.v[i]->image_id, image_id))
            user(arg, rows.v[i]->id, container_is_running(rows.v[i]));
    return r;
}

int image_remove_and_tell(struct engine *e, const char *id, const char *ref, bool force,
                          json_t **out, struct err *err)
{
    struct image_users users = {.ctx = e, .each = image_each_user};
    int r = image_remove(e->images, ref, force, &users, out, err);
    for (size_t i = 0; r == 0 && i < json_array_size(*out); i++) {
        const json_t *item = json_array_get(*out, i);
        const char *untagged = json_str(item, "Untagged", NULL);
        if (untagged)
            image_event(e, "untag", id, untagged);
        else if (str_eq(json_str(item, "Deleted", ""), id))
            image_event(e, "delete", id, NULL);
    }
    return r;
}

int engine_image_remove(struct engine *e, const char *ref, bool force, bool noprune, json_t **out,
                        struct err *err)
{
    (void)noprune; /* an imported image has no untagged parents */
    _cleanup_(state_image_freep) struct state_image *image = NULL;
    int r = image_find(e->images, ref, &image, err);
    return r < 0 ? r : image_remove_and_tell(e, image->id, ref, force, out, err);
}
