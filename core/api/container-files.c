/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Containers: their files
 *
 * Archives are opened first, so that what is wrong has its status, and written while the client reads. One that fails in the middle is
 * cut off.
 */
#include <errno.h>
#include <nettle/base64.h>

#include "api/reply.h"
#include "api/resources.h"
#include "api/stream.h"
#include "api/upload.h"
#include "base/json.h"
#include "base/log.h"
#include "engine/engine.h"

#define TYPE_TAR         "application/x-tar"
#define TYPE_OCTETS      "application/octet-stream"
#define PATH_STAT_HEADER "X-Docker-Container-Path-Stat"

int containers_changes(struct request *r, struct err *err)
{
    json_t *out = NULL;
    int c = engine_container_changes(r->engine, r->match.param, &out, err);
    return c < 0 ? c : reply_json(r, 200, out);
}

/* --- out */

static int archive_send(void *ctx, reply_put_fn *put, void *put_ctx)
{
    _cleanup_(err_fini) struct err err = {0};
    int c = engine_container_archive_write(ctx, put, put_ctx, &err);
    if (c < 0 && c != -EPIPE) /* that is a client that has left */
        log_error("an archive of a container's files was cut off: %s", err_msg(&err));
    return c;
}

static int reply_archive(struct request *r, const char *type, struct container_archive *a,
                         struct err *err)
{
    int c = reply_written(r, type, archive_send, a, err);
    engine_container_archive_close(a);
    return c;
}

int containers_export(struct request *r, struct err *err)
{
    struct container_archive *a = NULL;
    int c = engine_container_export_open(r->engine, r->match.param, &a, err);
    return c < 0 ? c : reply_archive(r, TYPE_OCTETS, a, err);
}

static int path_of(struct request *r, const char **path, struct err *err)
{
    *path = query_str(r, "path");
    return str_empty(*path) ? err_set(err, -EINVAL, "bad parameter: path cannot be empty") : 0;
}

/* The answer's header that says what the place is. */
static void set_stat_header(struct request *r, const struct container_archive *a)
{
    _cleanup_(freep) char *text = json_text(engine_container_archive_stat(a));
    size_t n = strlen(text);
    _cleanup_(freep) char *coded = xmalloc(BASE64_ENCODE_RAW_LENGTH(n) + 1);
    base64_encode_raw(coded, n, (const uint8_t *)text);
    coded[BASE64_ENCODE_RAW_LENGTH(n)] = '\0';
    r->extra = str_printf(PATH_STAT_HEADER ": %s\r\n", coded);
}

static int archive_open(struct request *r, struct container_archive **a, struct err *err)
{
    const char *path;
    int c = path_of(r, &path, err);
    if (c == 0)
        c = engine_container_archive_open(r->engine, r->match.param, path, a, err);
    if (c == 0)
        set_stat_header(r, *a);
    return c;
}

int containers_archive_head(struct request *r, struct err *err)
{
    struct container_archive *a = NULL;
    int c = archive_open(r, &a, err);
    if (c < 0)
        return c;
    engine_container_archive_close(a);
    return reply_empty(r, 200);
}

int containers_archive_get(struct request *r, struct err *err)
{
    struct container_archive *a = NULL;
    int c = archive_open(r, &a, err);
    return c < 0 ? c : reply_archive(r, TYPE_TAR, a, err);
}

/* --- in */

struct copy_in {
    struct engine *engine;
    char *ref, *path;
    struct archive_put_opts opts;
};

static void copy_in_free(void *arg)
{
    struct copy_in *in = arg;
    free(in->ref);
    free(in->path);
    free(in);
}

static int copy_in_run(void *ctx, int fd, struct err *err)
{
    struct copy_in *in = ctx;
    return engine_container_archive_put(in->engine, in->ref, in->path, &in->opts, fd, err);
}

int containers_archive_put_begin(struct request *r, struct err *err)
{
    const char *path;
    int c = path_of(r, &path, err);
    if (c < 0)
        return c;
    struct copy_in *in = xcalloc(1, sizeof(*in));
    *in = (struct copy_in){
        .engine = r->engine,
        .ref = xstrdup(r->match.param),
        .path = xstrdup(path),
        .opts = {query_bool(r, "noOverwriteDirNonDir"), query_bool(r, "copyUIDGID")}};
    r->state = in;
    r->state_free = copy_in_free;
    return upload_start(&r->upload, copy_in_run, in, err);
}

int containers_archive_put(struct request *r, struct err *err)
{
    int c = upload_finish(r->upload, err);
    return c < 0 ? c : reply_empty(r, 200);
}
