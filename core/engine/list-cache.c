/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The list of containers, kept
 *
 * A change marks its container stale after it was committed and before its verb answers; who lists makes the stale items anew. So an item
 * is never older than an answer that was given. Locks: `refresh` (one at a time brings the items up to date, reading
 * rows meanwhile), then `stale_lock` (the marks; the writers take it, so nothing is done under it).
 */
#include "engine/list-cache.h"

#include <errno.h>

#include "base/clock.h"
#include "base/json.h"
#include "engine/health-rules.h"
#include "engine/health.h"
#include "engine/mounts.h"
#include "engine/networks.h"

struct list_cache {
    struct engine *engine;
    pthread_mutex_t refresh;
    struct list_item **v; /* newest first, ties by id */
    size_t n, cap;
    bool filled;
    pthread_mutex_t stale_lock;
    struct map stale; /* ids */
};

/* --- items */
static void item_unref(struct list_item *item)
{
    if (__atomic_sub_fetch(&item->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    state_container_fini(&item->row);
    free(item->head);
    free(item->tail);
    free(item);
}

static struct list_item *item_ref(struct list_item *item)
{
    __atomic_add_fetch(&item->refs, 1, __ATOMIC_RELAXED);
    return item;
}

/* Path and arguments; an argument with blanks is quoted, as Docker does. */
static char *command_words(const struct state_container *row)
{
    struct buf b = {0};
    buf_adds(&b, json_str(row->runtime, "path", ""));
    const json_t *args = json_arr(row->runtime, "args");
    for (size_t i = 0; i < json_array_size(args); i++) {
        const char *arg = json_string_value(json_array_get(args, i));
        buf_printf(&b, strchr(arg, ' ') ? " '%s'" : " %s", arg);
    }
    return buf_steal(&b);
}

/* Everything before Status. */
static json_t *entry_head(struct engine *e, const struct state_container *row)
{
    _cleanup_(freep) char *command = command_words(row), *name = str_printf("/%s", row->name);
    json_t *o = json_object(), *names = json_array();
    json_push_str(names, name);
    json_put_str(o, "Id", row->id);
    json_put_take(o, "Names", names);
    json_put_str(o, "Image", row->image_ref ? row->image_ref : "");
    json_put_str(o, "ImageID", row->image_id ? row->image_id : "");
    json_put_str(o, "Command", command);
    json_put_int(o, "Created", row->created_ns / NS_PER_SEC);
    json_put_take(o, "Ports", network_ports_list(e, row));
    const json_t *labels = json_obj(row->config, "Labels");
    json_put_take(o, "Labels", labels ? json_deep_copy(labels) : json_object());
    json_put_str(o, "State", row->status);
    return o;
}

/* Everything behind it. */
static json_t *entry_tail(struct engine *e, const struct state_container *row)
{
    json_t *o = json_object(), *hc = json_object();
    json_put_str(hc, "NetworkMode", json_str(row->host_config, "NetworkMode", ""));
    json_put_take(o, "HostConfig", hc);
    json_put_take(o, "NetworkSettings", network_settings_short(e, row));
    json_put_take(o, "Mounts", mounts_view(json_arr(row->runtime, "mounts")));
    return o;
}

static struct state_container brief_of(const struct state_container *row)
{
    const json_t *labels = json_obj(row->config, "Labels");
    struct state_container brief = {
        .id = xstrdup(row->id),
        .name = xstrdup(row->name),
        .created_ns = row->created_ns,
        .image_id = xstrdup0(row->image_id),
        .status = xstrdup(row->status),
        .verb = xstrdup0(row->verb),
        .exit_code = row->exit_code,
        .started_ns = row->started_ns,
        .finished_ns = row->finished_ns,
    };
    if (json_obj(row->runtime, "health"))
        brief.runtime = json_pack("{s{ss}}", "health", "Status", health_word(row));
    if (json_object_size(labels) > 0) {
        brief.config = json_object();
        json_put_take(brief.config, "Labels", json_deep_copy(labels));
    }
    return brief;
}

static struct list_item *item_new(struct engine *e, const struct state_container *row)
{
    json_auto_t *head = entry_head(e, row), *tail = entry_tail(e, row);
    struct list_item *item = xcalloc(1, sizeof(*item));
    *item = (struct list_item){
        .refs = 1, .row = brief_of(row), .head = json_text(head), .tail = json_text(tail)};
    item->head[strlen(item->head) - 1] = ','; /* for '}': Status comes here */
    item->tail[0] = ',';                      /* for '{' */
    return item;
}

/* --- the ordered array */
static int compare(const struct list_item *item, int64_t created_ns, const char *id)
{
    if (item->row.created_ns != created_ns)
        return item->row.created_ns > created_ns ? -1 : 1;
    return strcmp(item->row.id, id);
}

/* Where such an item stands or belongs. */
static size_t place_of(const struct list_cache *c, int64_t created_ns, const char *id)
{
    size_t low = 0, high = c->n;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (compare(c->v[middle], created_ns, id) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void insert(struct list_cache *c, size_t at, struct list_item *item)
{
    if (c->n == c->cap) {
        c->cap = c->cap ? c->cap * 2 : 64;
        c->v = xrealloc(c->v, c->cap * sizeof(struct list_item *));
    }
    memmove(&c->v[at + 1], &c->v[at], (c->n - at) * sizeof(struct list_item *));
    c->v[at] = item;
    c->n++;
}

static void put(struct list_cache *c, struct list_item *item)
{
    size_t at = place_of(c, item->row.created_ns, item->row.id);
    if (at < c->n && str_eq(c->v[at]->row.id, item->row.id)) {
        item_unref(c->v[at]);
        c->v[at] = item;
    } else {
        insert(c, at, item);
    }
}

/* The row is gone, and with it the time by which the item could be found. */
static void drop(struct list_cache *c, const char *id)
{
    size_t at = 0;
    while (at < c->n && !str_eq(c->v[at]->row.id, id))
        at++;
    if (at == c->n)
        return;
    item_unref(c->v[at]);
    c->n--;
    memmove(&c->v[at], &c->v[at + 1], (c->n - at) * sizeof(struct list_item *));
}

static void clear(struct list_cache *c)
{
    for (size_t i = 0; i < c->n; i++)
        item_unref(c->v[i]);
    c->n = 0;
}

/* --- keeping it up to date */
void list_cache_row_changed(struct list_cache *c, const char *id)
{
    pthread_mutex_lock(&c->stale_lock);
    map_set(&c->stale, id, c);
    pthread_mutex_unlock(&c->stale_lock);
    health_row_changed(c->engine, id);
}

static struct map take_stale(struct list_cache *c)
{
    pthread_mutex_lock(&c->stale_lock);
    struct map ids = c->stale;
    c->stale = (struct map){0};
    pthread_mutex_unlock(&c->stale_lock);
    return ids;
}

static int add_row(void *ctx, const struct state_container *row, struct err *err)
{
    struct list_cache *c = ctx;
    (void)err;
    insert(c, c->n, item_new(c->engine, row)); /* they come in order */
    return 0;
}

static int fill(struct list_cache *c, struct err *err)
{
    clear(c);
    int r = state_container_each(c->engine->state, add_row, c, err);
    c->filled = r == 0;
    return r;
}

static int renew(struct list_cache *c, const char *id, struct err *err)
{
    _cleanup_(state_container_freep) struct state_container *row = NULL;
    _cleanup_(err_fini) struct err words = {0};
    int r = state_container_get(c->engine->state, id, &row, &words);
    if (r == 0)
        put(c, item_new(c->engine, row));
    else if (r == -ENOENT)
        drop(c, id);
    else
        err_move(err, &words);
    return r == -ENOENT ? 0 : r;
}

static int renew_all(struct list_cache *c, struct err *err)
{
    struct map ids = take_stale(c);
    const char *id;
    void *value;
    size_t i = 0;
    int r = 0;
    if (!c->filled)
        r = fill(c, err);
    else
        while (r == 0 && map_next(&ids, &i, &id, &value))
            r = renew(c, id, err);
    if (r < 0)
        c->filled = false; /* which marks were spent is not known: all of it anew */
    map_fini(&ids, NULL);
    return r;
}

/* --- public */
void list_snapshot_fini(struct list_snapshot *s)
{
    for (size_t i = 0; i < s->n; i++)
        item_unref(s->v[i]);
    free(s->v);
}

int list_cache_take(struct list_cache *c, struct list_snapshot *out, struct err *err)
{
    *out = (struct list_snapshot){0};
    pthread_mutex_lock(&c->refresh);
    int r = renew_all(c, err);
    if (r == 0) {
        out->v = xcalloc(c->n + 1, sizeof(struct list_item *));
        for (; out->n < c->n; out->n++)
            out->v[out->n] = item_ref(c->v[out->n]);
    }
    pthread_mutex_unlock(&c->refresh);
    return r;
}

struct list_cache *list_cache_new(struct engine *e)
{
    struct list_cache *c = xcalloc(1, sizeof(*c));
    c->engine = e;
    pthread_mutex_init(&c->refresh, NULL);
    pthread_mutex_init(&c->stale_lock, NULL);
    return c;
}

void list_cache_free(struct list_cache *c)
{
    if (!c)
        return;
    clear(c);
    free(c->v);
    map_fini(&c->stale, NULL);
    pthread_mutex_destroy(&c->refresh);
    pthread_mutex_destroy(&c->stale_lock);
    free(c);
}
