/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Archives of images: load and save
 *
 * The image store does the work. Here its steps become docker's progress lines and events.
 */
#include "base/json.h"
#include "engine/internal.h"
#include "image/store.h"

static void archive_event(struct engine *e, const char *action, const char *id)
{
    json_t *attributes = json_object();
    json_put_str(attributes, "name", id);
    event_publish(e->events, "image", action, id, attributes);
}

int engine_image_load_read(struct engine *e, int tar_fd, const char *platform,
                           struct image_load **out, struct err *err)
{
    return image_load_read(e->images, tar_fd, str_empty(platform) ? NULL : platform, out, err);
}

struct loading {
    struct engine *engine;
    void (*line)(void *ctx, json_t *line);
    void *ctx;
    struct strv told; /* ids whose event is out */
};

static void layer_line(void *ctx, const char *diff_id, int64_t done, int64_t total)
{
    const struct loading *l = ctx;
    json_t *line = json_object(), *detail = json_object();
    const char *hex = strchr(diff_id, ':');
    json_put_int(detail, "current", done);
    json_put_int(detail, "total", total);
    json_put_str(line, "status", "Loading layer");
    json_put_take(line, "progressDetail", detail);
    json_put_strf(line, "id", "%.12s", hex ? hex + 1 : diff_id);
    l->line(l->ctx, line);
}

static void stream_line(const struct loading *l, char *words)
{
    json_t *line = json_object();
    json_put_str(line, "stream", words);
    free(words);
    l->line(l->ctx, line);
}

static void image_line(void *ctx, const char *id, const char *name, const char *before)
{
    struct loading *l = ctx;
    if (before)
        stream_line(l, str_printf("The image %s already exists, renaming the old one with ID %s to "
                                  "empty string\n",
                                  name, before));
    stream_line(l, name ? str_printf("Loaded image: %s\n", name)
                        : str_printf("Loaded image ID: %s\n", id));
    if (strv_has(&l->told, id))
        return;
    strv_add(&l->told, id);
    archive_event(l->engine, "load", id);
}

int engine_image_load_run(struct engine *e, struct image_load *load, bool quiet,
                          void (*line)(void *ctx, json_t *line), void *ctx, struct err *err)
{
    struct loading l = {.engine = e, .line = line, .ctx = ctx};
    const struct image_load_watch watch = {
        .ctx = &l, .layer = quiet ? NULL : layer_line, .image = image_line};
    int r = image_load_run(load, &watch, err);
    strv_fini(&l.told);
    return r;
}

void engine_image_load_free(struct image_load *load)
{
    image_load_free(load);
}

int engine_image_save_open(struct engine *e, const struct strv *refs, const char *platform,
                           struct image_save **out, struct err *err)
{
    int r = image_save_open(e->images, refs, str_empty(platform) ? NULL : platform, out, err);
    if (r < 0)
        return r;
    const char *id;
    strv_foreach (id, image_save_ids(*out))
        archive_event(e, "save", id);
    return 0;
}

int64_t engine_image_save_size(const struct image_save *save)
{
    return image_save_size(save);
}

int engine_image_save_write(struct image_save *save, int fd, struct err *err)
{
    return image_save_write(save, fd, err);
}

void engine_image_save_close(struct image_save *save)
{
    image_save_close(save);
}
