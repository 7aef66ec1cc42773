/* SPDX-License-Identifier: Apache-2.0 */
/* The tests' own engine: archives of images, disk usage, prunes. An archive that begins with '!' is none, one with '?' has images that cannot be made. */
#include <errno.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/json.h"
#include "engine/engine.h"

struct image_load {
    char first;
    int64_t bytes;
};

struct image_save {
    char *text;
};

int engine_image_load_read(struct engine *e, int tar_fd, const char *platform,
                           struct image_load **out, struct err *err)
{
    char data[4096];
    ssize_t n;
    struct image_load load = {0};
    while ((n = read(tar_fd, data, sizeof(data))) > 0) {
        if (load.bytes == 0)
            load.first = data[0];
        load.bytes += n;
    }
    if (n < 0)
        return err_errno(err, -errno, "reading the archive");
    if (load.first == '!')
        return err_set(err, -EINVAL, "this is no archive");
    *out = xcalloc(1, sizeof(**out));
    **out = load;
    return 0;
}

int engine_image_load_run(struct engine *e, struct image_load *load, bool quiet,
                          void (*line)(void *ctx, json_t *line), void *ctx, struct err *err)
{
    if (!quiet)
        line(ctx, json_pack("{s:s}", "status", "Loading layer"));
    if (load->first == '?')
        return err_set(err, -EIO, "the disk is full");
    line(ctx, json_pack("{s:s, s:I}", "stream", "Loaded image: x:1\n", "bytes",
                        (json_int_t)load->bytes));
    return 0;
}

void engine_image_load_free(struct image_load *load)
{
    free(load);
}

int engine_image_save_open(struct engine *e, const struct strv *refs, const char *platform,
                           struct image_save **out, struct err *err)
{
    if (strv_has(refs, "missing"))
        return err_set(err, -ENOENT, "No such image: missing:latest");
    *out = xcalloc(1, sizeof(**out));
    (*out)->text = strv_join(refs, "+");
    return 0;
}

int64_t engine_image_save_size(const struct image_save *save)
{
    return (int64_t)strlen(save->text);
}

int engine_image_save_write(struct image_save *save, int fd, struct err *err)
{
    bool breaks = str_eq(save->text, "breaks");
    int r = fs_write_all(fd, save->text, strlen(save->text) - breaks);
    return r < 0 || breaks ? -EIO : 0;
}

void engine_image_save_close(struct image_save *save)
{
    free(save->text);
    free(save);
}

int engine_system_df(struct engine *e, unsigned kinds, json_t **out, struct err *err)
{
    *out = json_pack("{s:i, s:[{s:s, s:i}], s:n}", "Kinds", (int)kinds, "Images", "Id", "sha256:1",
                     "Size", 7, "Containers");
    return 0;
}

int engine_image_prune(struct engine *e, const json_t *filters, json_t **out, struct err *err)
{
    *out = json_pack("{s:n, s:i}", "ImagesDeleted", "SpaceReclaimed", 0);
    return 0;
}

/* Tells what it was asked for. */
int engine_volume_prune(struct engine *e, const json_t *filters, json_t **out, struct err *err)
{
    *out = json_pack("{s:O?}", "Filters", filters);
    return 0;
}

int engine_network_prune(struct engine *e, const json_t *filters, json_t **out, struct err *err)
{
    *out = json_pack("{s:n}", "NetworksDeleted");
    return 0;
}

int engine_build_prune(struct engine *e, const json_t *filters, json_t **out, struct err *err)
{
    *out = json_pack("{s:n, s:i}", "CachesDeleted", "SpaceReclaimed", 0);
    return 0;
}
