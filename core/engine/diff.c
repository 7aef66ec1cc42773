/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a container has changed
 *
 * The storage driver tells it of the writable layer, in its own order; clients get it by path, a directory before what is in it.
 * The places that every container mounts something on stand in the init layer below and are no change.
 */
#include "engine/diff.h"

#include <errno.h>
#include <stdlib.h>

#include "base/json.h"
#include "engine/storage.h"

void changes_fini(struct changes *c)
{
    for (size_t i = 0; i < c->n; i++)
        free(c->v[i].path);
    free(c->v);
    *c = (struct changes){0};
}

static int note(void *ctx, const char *path, uint32_t kind)
{
    struct changes *c = ctx;
    if (c->n == c->cap) {
        c->cap = c->cap ? c->cap * 2 : 64;
        c->v = xrealloc(c->v, c->cap * sizeof(*c->v));
    }
    c->v[c->n++] = (struct change){.path = xstrdup(path), .kind = kind};
    return 0;
}

/* As a walk meets them: "/a/b" before "/a.b", so the slash is the least of all bytes. */
static int by_path(const void *a, const void *b)
{
    const unsigned char *p = (const unsigned char *)((const struct change *)a)->path;
    const unsigned char *q = (const unsigned char *)((const struct change *)b)->path;
    while (*p && *p == *q)
        p++, q++;
    int x = *p == '/' ? 1 : *p > 0 ? *p + 1 : 0, y = *q == '/' ? 1 : *q > 0 ? *q + 1 : 0;
    return x - y;
}

int changes_read(struct engine *e, const char *layer_id, struct changes *out, struct err *err)
{
    int r = storage_changes(e->storage, layer_id, note, out, err);
    if (r == 0 && out->n > 0)
        qsort(out->v, out->n, sizeof(*out->v), by_path);
    return r;
}

int engine_container_changes(struct engine *e, const char *ref, json_t **out, struct err *err)
{
    _cleanup_(state_container_freep) struct state_container *row = NULL;
    _cleanup_(changes_fini) struct changes changes = {0};
    int r = state_container_find(e->state, ref, &row, err);
    if (r == 0)
        r = changes_read(e, row->layer_id, &changes, err);
    if (r < 0)
        return r;
    if (changes.n == 0) {
        *out = json_null();
        return 0;
    }
    *out = json_array();
    for (size_t i = 0; i < changes.n; i++) {
        json_t *change = json_object();
        json_put_str(change, "Path", changes.v[i].path);
        json_put_int(change, "Kind", changes.v[i].kind);
        json_push_take(*out, change);
    }
    return 0;
}
