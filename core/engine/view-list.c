/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The list of containers
 *
 * Built from committed rows alone, so it answers whatever the verbs are doing; the text of most entries is kept.
 */
#include <errno.h>

#include "base/clock.h"
#include "base/json.h"
#include "engine/filters.h"
#include "engine/health-rules.h"
#include "engine/list-cache.h"
#include "engine/networks.h"
#include "engine/storage.h"
#include "engine/view.h"
#include "image/store.h"

#define MINUTE 60
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

char *duration_words(int64_t ns)
{
    long long s = ns / NS_PER_SEC;
    if (s < 1)
        return xstrdup("Less than a second");
    if (s == 1)
        return xstrdup("1 second");
    if (s < MINUTE)
        return str_printf("%lld seconds", s);
    if (s < 2 * MINUTE)
        return xstrdup("About a minute");
    if (s < HOUR)
        return str_printf("%lld minutes", s / MINUTE);
    long long hours = (s + HOUR / 2) / HOUR;
    if (hours == 1)
        return xstrdup("About an hour");
    if (hours < 48)
        return str_printf("%lld hours", hours);
    if (hours < 24 * 7 * 2)
        return str_printf("%lld days", hours / 24);
    if (hours < 24 * 30 * 2)
        return str_printf("%lld weeks", hours / 24 / 7);
    if (hours < 24 * 365 * 2)
        return str_printf("%lld months", hours / 24 / 30);
    return str_printf("%lld years", s / DAY / 365);
}

char *status_words(const struct state_container *row, int64_t now_ns)
{
    if (str_eq(row->status, "created"))
        return xstrdup("Created");
    if (str_eq(row->status, "dead"))
        return xstrdup("Dead");
    if (str_eq(row->status, "removing"))
        return xstrdup("Removal In Progress");
    if (str_eq(row->status, "restarting")) {
        _cleanup_(freep) char *since = duration_words(now_ns - row->finished_ns);
        return str_printf("Restarting (%lld) %s ago", (long long)row->exit_code, since);
    }
    if (container_is_running(row)) {
        _cleanup_(freep) char *since = duration_words(now_ns - row->started_ns);
        const char *health = health_word(row);
        if (str_eq(row->status, "paused"))
            return str_printf("Up %s (Paused)", since);
        if (str_eq(health, "none"))
            return str_printf("Up %s", since);
        return str_printf("Up %s (%s%s)", since, str_eq(health, "starting") ? "health: " : "",
                          health);
    }
    _cleanup_(freep) char *since = duration_words(now_ns - row->finished_ns);
    return str_printf("Exited (%lld) %s ago", (long long)row->exit_code, since);
}

int container_sizes(struct engine *e, const struct state_container *row, int64_t *rw,
                    int64_t *rootfs, struct err *err)
{
    _cleanup_(state_image_freep) struct state_image *image = NULL;
    int r = storage_usage(e->storage, row->layer_id, rw, err);
    *rootfs = *rw;
    if (r == 0 && row->image_id && state_image_get(e->state, row->image_id, &image, NULL) == 0)
        *rootfs += image->size;
    return r;
}

/* --- filters */
static const char *const list_filters[] = {
    "ancestor", "before", "expose",  "exited",  "health", "id",     "isolation", "is-task",
    "label",    "name",   "network", "publish", "since",  "status", "volume",    NULL};
static const char *const statuses[] = {"created", "restarting", "running", "removing",
                                       "paused",  "exited",     "dead",    NULL};
static const char *const healths[] = {"none", "starting", "healthy", "unhealthy", NULL};

struct list_query {
    struct engine *engine;
    const json_t *filters;
    struct strv ancestors; /* image ids */
    int64_t before_ns, since_ns;
    bool is_task; /* asked for: there are none */
};

static int check_words(const json_t *filters, struct err *err)
{
    int r = filters_check_words(filters, "status", statuses, err);
    if (r == 0)
        r = filters_check_words(filters, "health", healths, err);
    const json_t *values = json_arr(filters, "exited");
    for (size_t i = 0; r == 0 && i < json_array_size(values); i++) {
        int64_t code;
        const char *word = json_string_value(json_array_get(values, i));
        if (parse_i64(word, INT32_MIN, INT32_MAX, &code) < 0)
            r = err_set(err, -EINVAL, "invalid filter 'exited=%s': an exit code is a number", word);
    }
    return r;
}

/* Tasks are a swarm's. */
static int read_is_task(struct list_query *q, struct err *err)
{
    const json_t *values = json_arr(q->filters, "is-task");
    int r = filters_bool(q->filters, "is-task", &q->is_task, err);
    for (size_t i = 1; r == 0 && i < json_array_size(values); i++) {
        bool other;
        const char *word = json_string_value(json_array_get(values, i));
        if (parse_bool(word, &other) < 0 || other != q->is_task)
            r = err_set(err, -EINVAL, "invalid filter 'is-task': true or false would be right");
    }
    return r;
}

/* An image that is not there has no containers: not an error. */
static void read_ancestors(struct list_query *q)
{
    const json_t *values = json_arr(q->filters, "ancestor");
    for (size_t i = 0; i < json_array_size(values); i++) {
        _cleanup_(state_image_freep) struct state_image *image = NULL;
        const char *ref = json_string_value(json_array_get(values, i));
        if (image_find(q->engine->images, ref, &image, NULL) == 0)
            strv_add(&q->ancestors, image->id);
    }
}

static int read_time(struct list_query *q, const char *key, int64_t *out, struct err *err)
{
    const char *ref = filters_first(q->filters, key);
    _cleanup_(state_container_freep) struct state_container *row = NULL;
    if (!ref)
        return 0;
    int r = state_container_find(q->engine->state, ref, &row, err);
    if (r == 0)
        *out = row->created_ns;
    return r;
}

static int list_query_init(struct list_query *q, struct err *err)
{
    int r = filters_check(q->filters, list_filters, err);
    if (r == 0)
        r = check_words(q->filters, err);
    if (r == 0)
        r = filters_check_ports(q->filters, err);
    if (r == 0)
        r = read_time(q, "before", &q->before_ns, err);
    if (r == 0)
        r = read_time(q, "since", &q->since_ns, err);
    if (r == 0)
        r = read_is_task(q, err);
    if (r == 0)
        read_ancestors(q);
    return r;
}

static bool matches_name(const json_t *filters, const char *name)
{
    _cleanup_(freep) char *slashed = str_printf("/%s", name);
    return filters_match_regex(filters, "name", name) ||
           filters_match_regex(filters, "name", slashed);
}

static bool matches_volume(const json_t *filters, const json_t *mounts)
{
    if (!filters_has(filters, "volume"))
        return true;
    for (size_t i = 0; i < json_array_size(mounts); i++) {
        const json_t *m = json_array_get(mounts, i);
        if (filters_match_exact(filters, "volume", json_str(m, "Name", NULL)) ||
            filters_match_exact(filters, "volume", json_str(m, "Destination", NULL)))
            return true;
    }
    return false;
}

static bool matches_network(struct engine *e, const json_t *filters,
                            const struct state_container *row)
{
    if (!filters_has(filters, "network"))
        return true;
    json_auto_t *settings = network_settings_short(e, row);
    const char *name;
    json_t *ep;
    json_object_foreach (json_obj(settings, "Networks"), name, ep)
        if (filters_match_exact(filters, "network", name) ||
            filters_match_prefix(filters, "network", json_str(ep, "NetworkID", "")))
            return true;
    return false;
}

static bool matches_ports(struct engine *e, const json_t *filters,
                          const struct state_container *row)
{
    if (!filters_has(filters, "publish") && !filters_has(filters, "expose"))
        return true;
    json_auto_t *ports = network_ports_list(e, row);
    return filters_match_ports(filters, ports);
}

static bool matches_exited(const json_t *filters, const struct state_container *row)
{
    if (!filters_has(filters, "exited"))
        return true;
    _cleanup_(freep) char *code = str_printf("%lld", (long long)row->exit_code);
    return !container_is_running(row) && row->started_ns > 0 &&
           filters_match_exact(filters, "exited", code);
}

static bool matches(const struct list_query *q, const struct state_container *row)
{
    const json_t *f = q->filters;
    return filters_match_prefix(f, "id", row->id) && matches_name(f, row->name) &&
           filters_match_exact(f, "status", row->status) && matches_exited(f, row) &&
           filters_match_exact(f, "health", health_word(row)) && !q->is_task &&
           (!filters_has(f, "ancestor") ||
            (row->image_id && strv_has(&q->ancestors, row->image_id))) &&
           (!q->before_ns || row->created_ns < q->before_ns) &&
           (!q->since_ns || row->created_ns > q->since_ns) &&
           filters_match_labels(f, "label", json_obj(row->config, "Labels")) &&
           matches_volume(f, json_arr(row->runtime, "mounts")) &&
           matches_network(q->engine, f, row) && matches_ports(q->engine, f, row);
}

/* Filters on what the kept list does not hold. */
static bool needs_row(const json_t *filters)
{
    static const char *const keys[] = {"volume", "network", "publish", "expose"};
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
        if (filters_has(filters, keys[i]))
            return true;
    return false;
}

/* 1: it belongs to the answer, 0: not, or it is gone by now. */
static int chosen(const struct list_query *q, const struct list_item *item, struct err *err)
{
    _cleanup_(state_container_freep) struct state_container *row = NULL;
    _cleanup_(err_fini) struct err words = {0};
    if (!needs_row(q->filters))
        return matches(q, &item->row);
    int r = state_container_get(q->engine->state, item->row.id, &row, &words);
    if (r == 0)
        return matches(q, row);
    if (r != -ENOENT)
        err_move(err, &words);
    return r == -ENOENT ? 0 : r;
}

static void write_sizes(struct engine *e, const char *id, struct buf *b)
{
    int64_t rw = 0, rootfs = 0;
    _cleanup_(state_container_freep) struct state_container *row = NULL;
    if (state_container_get(e->state, id, &row, NULL) < 0 ||
        container_sizes(e, row, &rw, &rootfs, NULL) < 0)
        return;
    b->s[--b->len] = '\0'; /* the closing brace */
    buf_printf(b, ",\"SizeRw\":%lld,\"SizeRootFs\":%lld}", (long long)rw, (long long)rootfs);
}

static void write_entry(const struct list_item *item, int64_t now, struct buf *b)
{
    _cleanup_(freep) char *status = status_words(&item->row, now);
    buf_adds(b, item->head);
    buf_printf(b, "\"Status\":\"%s\"", status); /* letters, digits, blanks and parentheses */
    buf_adds(b, item->tail);
}

static int write_list(const struct list_query *q, const struct container_list_opts *opts,
                      const struct list_snapshot *list, bool all, struct buf *b, struct err *err)
{
    int64_t now = time_now_ns(), written = 0;
    buf_addc(b, '[');
    for (size_t i = 0; i < list->n && (opts->limit <= 0 || written < opts->limit); i++) {
        const struct list_item *item = list->v[i];
        if ((!all && !container_is_running(&item->row)) || str_eq(item->row.verb, "create"))
            continue;
        int r = chosen(q, item, err);
        if (r < 0)
            return r;
        if (r == 0)
            continue;
        if (written++ > 0)
            buf_addc(b, ',');
        write_entry(item, now, b);
        if (opts->size)
            write_sizes(q->engine, item->row.id, b);
    }
    buf_addc(b, ']');
    return 0;
}

int engine_container_list(struct engine *e, const struct container_list_opts *opts, char **out,
                          struct err *err)
{
    struct list_query q = {.engine = e, .filters = opts->filters};
    _cleanup_(list_snapshot_fini) struct list_snapshot list = {0};
    _cleanup_(buf_fini) struct buf b = {0};
    int r = list_query_init(&q, err);
    bool all = opts->all || opts->limit > 0 || filters_has(opts->filters, "status");
    if (r == 0)
        r = list_cache_take(e->list, &list, err);
    if (r == 0)
        r = write_list(&q, opts, &list, all, &b, err);
    strv_fini(&q.ancestors);
    if (r == 0)
        *out = buf_steal(&b);
    return r;
}
