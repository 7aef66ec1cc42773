/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Archives of images: load and save
 *
 * As in Docker, the answer to a load is 200 and its failure a line of the stream. It begins when the whole body has been read.
 */
#include <errno.h>
#include <sys/socket.h>

#include "api/reply.h"
#include "api/resources.h"
#include "api/stream.h"
#include "api/upload.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "engine/engine.h"

/* --- load */
struct load {
    struct engine *engine;
    char *platform;
    bool quiet;
    struct image_load *load; /* NULL: it failed */
    struct err err;
    int out;
    bool gone; /* the client hears no more: the load goes on */
};

static void load_free(void *arg)
{
    struct load *l = arg;
    if (l->load)
        engine_image_load_free(l->load);
    free(l->platform);
    err_fini(&l->err);
    free(l);
}

static int load_read(void *ctx, int fd, struct err *err)
{
    struct load *l = ctx;
    return engine_image_load_read(l->engine, fd, l->platform, &l->load, err);
}

int images_load_begin(struct request *r, struct err *err)
{
    struct load *l = xcalloc(1, sizeof(*l));
    r->state = l;
    r->state_free = load_free;
    l->engine = r->engine;
    l->quiet = query_bool(r, "quiet");
    l->platform = xstrdup0(query_str(r, "platform"));
    return upload_start(&r->upload, load_read, l, err);
}

static void load_line(void *ctx, json_t *line)
{
    struct load *l = ctx;
    _cleanup_(freep) char *text = json_text(line), *whole = str_printf("%s\r\n", text);
    json_decref(line);
    if (!l->gone)
        l->gone = fs_write_all(l->out, whole, strlen(whole)) < 0;
}

static void error_line(struct load *l)
{
    json_t *line = json_object(), *detail = json_object();
    json_put_str(detail, "message", err_msg(&l->err));
    json_put_take(line, "errorDetail", detail);
    json_put_str(line, "error", err_msg(&l->err));
    load_line(l, line);
}

static int load_run(void *ctx, int out)
{
    struct load *l = ctx;
    l->out = out;
    if (l->err.code == 0)
        (void)engine_image_load_run(l->engine, l->load, l->quiet, load_line, l, &l->err);
    if (l->err.code < 0)
        error_line(l);
    return 0;
}

static void load_close(void *ctx)
{
    (void)ctx; /* the request's */
}

int images_load(struct request *r, struct err *err)
{
    static const struct producer_ops ops = {load_run, load_close};
    struct load *l = r->state;
    int c = upload_finish(r->upload, &l->err);
    if (c < 0 && l->err.code == 0)
        err_errno(&l->err, c, "loading images");
    return reply_produced(r, TYPE_JSON, &ops, l, err);
}

/* --- save */
static int save_run(void *ctx, int out)
{
    _cleanup_(err_fini) struct err err = {0};
    int r = engine_image_save_write(ctx, out, &err);
    if (r < 0 && r != -EPIPE && r != -ECONNRESET)
        log_warn("save: %s", err_msg(&err));
    return r;
}

static void save_close(void *ctx)
{
    engine_image_save_close(ctx);
}

static int save(struct request *r, const struct strv *refs, struct err *err)
{
    static const struct producer_ops ops = {save_run, save_close};
    struct image_save *sv = NULL;
    if (refs->n == 0)
        return err_set(err, -EINVAL, "missing parameter: names");
    int c = engine_image_save_open(r->engine, refs, query_str(r, "platform"), &sv, err);
    return c < 0 ? c
                 : reply_sized(r, "application/x-tar", engine_image_save_size(sv), &ops, sv, err);
}

int images_save(struct request *r, struct err *err)
{
    _cleanup_(strv_fini) struct strv refs = {0};
    query_all(r, "names", &refs);
    return save(r, &refs, err);
}

int images_save_one(struct request *r, struct err *err)
{
    _cleanup_(strv_fini) struct strv refs = {0};
    strv_add(&refs, r->match.param);
    return save(r, &refs, err);
}
