/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Images
 *
 * An archive to import is read by the engine while the client sends it; nothing of it is held here.
 */
#include <errno.h>

#include "api/reply.h"
#include "api/resources.h"
#include "api/upload.h"
#include "api/versions.h"
#include "base/json.h"
#include "engine/engine.h"

int images_list(struct request *r, struct err *err)
{
    json_auto_t *filters = NULL;
    json_t *out = NULL;
    int c = query_filters(r, &filters, err);
    if (c < 0)
        return c;
    const struct image_list_opts opts = {
        .all = query_bool(r, "all"),
        .digests = query_bool(r, "digests"),
        .shared_size = query_bool(r, "shared-size"),
        .filters = filters,
    };
    c = engine_image_list(r->engine, &opts, &out, err);
    if (c < 0)
        return c;
    answer_trim_list(ANSWER_IMAGE_ITEM, r->match.version, out);
    return reply_json(r, 200, out);
}

int images_inspect(struct request *r, struct err *err)
{
    json_t *out = NULL;
    int c = engine_image_inspect(r->engine, r->match.param, &out, err);
    if (c < 0)
        return c;
    answer_trim(ANSWER_IMAGE, r->match.version, out);
    return reply_json(r, 200, out);
}

/* --- import */
struct import {
    struct engine *engine;
    char *source, *reference, *message, *platform;
    struct strv changes;
    char *id;
};

static void import_free(void *arg)
{
    struct import *im = arg;
    free(im->source);
    free(im->reference);
    free(im->message);
    free(im->platform);
    free(im->id);
    strv_fini(&im->changes);
    free(im);
}

static int import_run(void *ctx, int fd, struct err *err)
{
    struct import *im = ctx;
    return engine_image_import(im->engine, fd, im->source, im->reference, im->message, &im->changes,
                               im->platform, &im->id, err);
}

static char *text_or_null(const char *s)
{
    return str_empty(s) ? NULL : xstrdup(s);
}

/* "repo" and "tag", where a tag may also be a digest; NULL without a repo. */
static char *reference_join(const char *repo, const char *tag)
{
    if (str_empty(repo))
        return NULL;
    if (str_empty(tag))
        return xstrdup(repo);
    return str_printf("%s%c%s", repo, strchr(tag, ':') ? '@' : ':', tag);
}

int images_create_begin(struct request *r, struct err *err)
{
    const char *source = query_str(r, "fromSrc");
    if (str_empty(source) || !str_empty(query_str(r, "fromImage")))
        return 0;
    if (!str_eq(source, "-"))
        return err_set(
            err, -ENOTSUP,
            "berth does not support importing from an address (%s) yet: send the archive "
            "as the request's body (fromSrc=-)",
            source);
    struct import *im = xcalloc(1, sizeof(*im));
    r->state = im;
    r->state_free = import_free;
    im->engine = r->engine;
    im->source = xstrdup(source);
    im->reference = reference_join(query_str(r, "repo"), query_str(r, "tag"));
    im->message = text_or_null(query_str(r, "message"));
    im->platform = text_or_null(query_str(r, "platform"));
    query_all(r, "changes", &im->changes);
    return upload_start(&r->upload, import_run, im, err);
}

static int status_reply(struct request *r, const char *words)
{
    json_t *line = json_object();
    json_put_str(line, "status", words);
    return reply_json(r, 200, line);
}

static int images_import(struct request *r, struct err *err)
{
    const struct import *im = r->state;
    int c = upload_finish(r->upload, err);
    return c < 0 ? c : status_reply(r, im->id);
}

int images_create(struct request *r, struct err *err)
{
    if (r->upload)
        return images_import(r, err);
    const char *image = query_str(r, "fromImage"), *platform = query_str(r, "platform");
    _cleanup_(freep) char *reference = reference_join(image, query_str(r, "tag"));
    if (!reference)
        return err_set(err, -EINVAL, "missing parameter: either fromImage or fromSrc is needed");
    int c = engine_image_pull(r->engine, reference, str_empty(platform) ? NULL : platform, err);
    if (c < 0)
        return c;
    _cleanup_(freep) char *words = str_printf("Status: Image is up to date for %s", reference);
    return status_reply(r, words);
}

int images_tag(struct request *r, struct err *err)
{
    const char *repo = query_str(r, "repo"), *tag = query_str(r, "tag");
    if (str_empty(repo))
        return err_set(err, -EINVAL, "missing parameter: repo");
    int c = engine_image_tag(r->engine, r->match.param, repo, str_empty(tag) ? NULL : tag, err);
    return c < 0 ? c : reply_empty(r, 201);
}

int images_remove(struct request *r, struct err *err)
{
    json_t *out = NULL;
    int c = engine_image_remove(r->engine, r->match.param, query_bool(r, "force"),
                                query_bool(r, "noprune"), &out, err);
    return c < 0 ? c : reply_json(r, 200, out);
}

int images_history(struct request *r, struct err *err)
{
    json_t *out = NULL;
    int c = engine_image_history(r->engine, r->match.param, query_str(r, "platform"), &out, err);
    return c < 0 ? c : reply_json(r, 200, out);
}
