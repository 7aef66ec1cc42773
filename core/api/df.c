/* SPDX-License-Identifier: Apache-2.0 */
/* Disk usage, and prunes */
#include <errno.h>

#include "api/reply.h"
#include "api/resources.h"
#include "api/versions.h"
#include "base/json.h"
#include "engine/engine.h"

static int df_kinds(const struct request *r, unsigned *kinds, struct err *err)
{
    static const struct {
        const char *word;
        unsigned kind;
    } words[] = {{"container", DF_CONTAINERS},
                 {"image", DF_IMAGES},
                 {"volume", DF_VOLUMES},
                 {"build-cache", DF_BUILD_CACHE}};
    _cleanup_(strv_fini) struct strv given = {0};
    const char *word;
    *kinds = 0;
    if (r->match.version >= 42)
        query_all(r, "type", &given);
    strv_foreach (word, &given) {
        size_t i = 0;
        while (i < ARRAY_SIZE(words) && !str_eq(words[i].word, word))
            i++;
        if (i == ARRAY_SIZE(words))
            return err_set(err, -EINVAL, "unknown object type: %s", word);
        *kinds |= words[i].kind;
    }
    if (given.n == 0)
        *kinds = DF_ALL;
    return 0;
}

int system_df(struct request *r, struct err *err)
{
    json_t *out = NULL;
    unsigned kinds;
    int c = df_kinds(r, &kinds, err);
    if (c == 0)
        c = engine_system_df(r->engine, kinds, &out, err);
    if (c < 0)
        return c;
    if (r->match.version < 42)
        json_put_int(out, "BuilderSize", 0);
    answer_trim_list(ANSWER_IMAGE_ITEM, r->match.version, json_arr(out, "Images"));
    answer_trim_list(ANSWER_CONTAINER_ITEM, r->match.version, json_arr(out, "Containers"));
    return reply_json(r, 200, out);
}

static int prune(struct request *r,
                 int (*engine_prune)(struct engine *e, const json_t *filters, json_t **out,
                                     struct err *err),
                 struct err *err)
{
    json_auto_t *filters = NULL;
    json_t *out = NULL;
    int c = query_filters(r, &filters, err);
    if (c == 0)
        c = engine_prune(r->engine, filters, &out, err);
    return c < 0 ? c : reply_json(r, 200, out);
}

int images_prune(struct request *r, struct err *err)
{
    return prune(r, engine_image_prune, err);
}

int networks_prune(struct request *r, struct err *err)
{
    return prune(r, engine_network_prune, err);
}

int build_prune(struct request *r, struct err *err)
{
    return prune(r, engine_build_prune, err);
}

/* Before 1.42 a prune took all volumes, not only anonymous ones. */
int volumes_prune(struct request *r, struct err *err)
{
    json_auto_t *filters = NULL;
    json_t *out = NULL;
    int c = query_filters(r, &filters, err);
    if (c < 0)
        return c;
    if (!filters)
        filters = json_object();
    if (r->match.version < 42)
        json_put_take(filters, "all", json_pack("[s]", "true"));
    c = engine_volume_prune(r->engine, filters, &out, err);
    return c < 0 ? c : reply_json(r, 200, out);
}
