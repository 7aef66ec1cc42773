/* SPDX-License-Identifier: Apache-2.0 */
/* What the API shows of images: inspect, history, and the list with its filters. */
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "image/internal.h"
#include "image/platform.h"

static void add_digest(json_t *digests, const struct reference *r)
{
    _cleanup_(freep) char *name = reference_familiar_name(r);
    _cleanup_(freep) char *full = str_printf("%s@%s", name, r->digest);
    json_push_str(digests, full);
}

int image_names(struct image_store *s, const char *id, json_t **tags, json_t **digests,
                struct err *err)
{
    _cleanup_(strv_fini) struct strv refs = {0};
    int r = state_reference_list(s->state, id, &refs, err);
    if (r < 0)
        return r;
    *tags = json_array();
    *digests = json_array();
    const char *text;
    strv_foreach (text, &refs) {
        _cleanup_(reference_fini) struct reference ref = {0};
        if (reference_parse(text, &ref, NULL) < 0)
            continue;
        _cleanup_(freep) char *familiar = reference_familiar(&ref);
        if (ref.digest)
            add_digest(*digests, &ref);
        else
            json_push_str(*tags, familiar);
    }
    return 0;
}

static void put_graph_driver(struct image_store *s, json_t *o)
{
    json_t *driver = json_object();
    json_put_take(driver, "Data", json_object());
    json_put_str(driver, "Name", s->shown);
    json_put_take(o, "GraphDriver", driver);
}

static bool is_empty(const json_t *v)
{
    return !v || json_is_null(v) || json_is_false(v) || str_eq(json_string_value(v), "") ||
           (json_is_array(v) && json_array_size(v) == 0) ||
           (json_is_object(v) && json_object_size(v) == 0);
}

/* Since 1.50 only what is an image's own; a committed one has the rest of its container's. */
static json_t *config_view(const json_t *config)
{
    static const char *const keys[] = {
        "User",   "ExposedPorts", "Env",         "Entrypoint",  "Cmd",     "Volumes", "WorkingDir",
        "Labels", "StopSignal",   "ArgsEscaped", "Healthcheck", "OnBuild", "Shell"};
    json_t *o = json_object(), *v;
    const char *key;
    json_object_foreach ((json_t *)(uintptr_t)config, key, v) {
        for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
            if (str_eq(key, keys[i]) && !is_empty(v))
                json_put(o, key, v);
    }
    return o;
}

static void put_rootfs(json_t *o, const json_t *doc)
{
    json_t *rootfs = json_object();
    json_t *diffs = json_arr(json_obj(doc, "rootfs"), "diff_ids");
    json_put_str(rootfs, "Type", "layers");
    json_put_take(rootfs, "Layers", diffs ? json_incref(diffs) : json_array());
    json_put_take(o, "RootFS", rootfs);
}

static void put_metadata(json_t *o, const struct state_image *i)
{
    json_t *metadata = json_object();
    json_put_time(metadata, "LastTagTime", i->tagged_ns);
    json_put_take(o, "Metadata", metadata);
}

static json_t *inspect(struct image_store *s, const struct state_image *i, const json_t *doc,
                       json_t *tags, json_t *digests)
{
    json_t *o = json_object(), *config = json_obj(doc, "config");
    const char *variant = json_str(doc, "variant", NULL);
    json_put_str(o, "Id", i->id);
    json_put_take(o, "RepoTags", tags);
    json_put_take(o, "RepoDigests", digests);
    json_put_str(o, "Parent", "");
    json_put_str(o, "Comment", json_str(doc, "comment", ""));
    json_put_str(o, "Created", json_str(doc, "created", TIME_NEVER));
    json_put_str(o, "DockerVersion", json_str(doc, "docker_version", ""));
    json_put_str(o, "Author", json_str(doc, "author", ""));
    json_put_take(o, "Config", config_view(config));
    json_put_str(o, "Architecture", json_str(doc, "architecture", ""));
    if (variant)
        json_put_str(o, "Variant", variant);
    json_put_str(o, "Os", json_str(doc, "os", ""));
    json_put_int(o, "Size", i->size);
    put_graph_driver(s, o);
    put_rootfs(o, doc);
    put_metadata(o, i);
    return o;
}

int image_inspect(struct image_store *s, const char *ref, json_t **out, struct err *err)
{
    _cleanup_(state_image_freep) struct state_image *i = NULL;
    json_auto_t *doc = NULL;
    json_t *tags = NULL, *digests = NULL;
    int r = image_find(s, ref, &i, err);
    if (r < 0 || (r = image_parse(i, &doc, err)) < 0 ||
        (r = image_names(s, i->id, &tags, &digests, err)) < 0)
        return r;
    *out = inspect(s, i, doc, tags, digests);
    return 0;
}

static int64_t seconds(const json_t *o, const char *key)
{
    int64_t ns = 0;
    time_parse(json_str(o, key, ""), &ns);
    return ns / NS_PER_SEC;
}

static json_t *history_row(const struct state_image *i, const json_t *h, bool newest, json_t *tags,
                           int64_t size)
{
    json_t *row = json_object();
    json_put_str(row, "Id", newest ? i->id : "<missing>");
    json_put_int(row, "Created", seconds(h, "created"));
    json_put_str(row, "CreatedBy", json_str(h, "created_by", ""));
    json_put_take(row, "Tags", newest && json_array_size(tags) ? json_incref(tags) : NULL);
    json_put_int(row, "Size", size);
    json_put_str(row, "Comment", json_str(h, "comment", ""));
    return row;
}

static int64_t layer_size(struct image_store *s, const char *chain_id)
{
    _cleanup_(state_layer_freep) struct state_layer *l = NULL;
    return layer_ready(s, chain_id, &l, NULL) == 0 ? l->size : 0;
}

/* Newest first; each step that is not empty has made the next layer. */
static json_t *history_rows(struct image_store *s, const struct state_image *i,
                            const json_t *history, json_t *tags)
{
    json_t *rows = json_array(), *h;
    size_t n, layers = 0, last = json_array_size(history);
    json_array_foreach (history, n, h) {
        bool made = !json_bool(h, "empty_layer", false) && layers < i->layers.n;
        int64_t size = made ? layer_size(s, i->layers.v[layers++]) : 0;
        json_array_insert_new(rows, 0, history_row(i, h, n + 1 == last, tags, size));
    }
    return rows;
}

int image_history(struct image_store *s, const char *ref, const char *platform, json_t **out,
                  struct err *err)
{
    _cleanup_(state_image_freep) struct state_image *i = NULL;
    json_auto_t *doc = NULL, *tags = NULL, *digests = NULL;
    int r = image_find(s, ref, &i, err);
    if (r < 0 || (r = image_parse(i, &doc, err)) < 0 ||
        (r = platform_check(platform, doc, ref, err)) < 0 ||
        (r = image_names(s, i->id, &tags, &digests, err)) < 0)
        return r;
    *out = history_rows(s, i, json_arr(doc, "history"), tags);
    return 0;
}

static json_t *summary(const struct state_image *i, const json_t *doc, json_t *tags,
                       json_t *digests)
{
    json_t *o = json_object(), *labels = json_obj(json_obj(doc, "config"), "Labels");
    json_put_int(o, "Containers", -1);
    json_put_int(o, "Created", i->created_ns / NS_PER_SEC);
    json_put_str(o, "Id", i->id);
    json_put_take(o, "Labels", labels ? json_incref(labels) : NULL);
    json_put_str(o, "ParentId", "");
    json_put(o, "RepoDigests", digests);
    json_put(o, "RepoTags", tags);
    json_put_int(o, "SharedSize", -1);
    json_put_int(o, "Size", i->size);
    return o;
}

/* What the filters ask for, made ready once. */
struct query {
    const json_t *reference, *label;
    int dangling;                          /* -1: not asked */
    int64_t before_ns, since_ns, until_ns; /* 0: not asked */
};

static int time_of(struct image_store *s, const json_t *refs, bool earliest, int64_t *ns,
                   struct err *err)
{
    size_t n;
    json_t *v;
    json_array_foreach (refs, n, v) {
        _cleanup_(state_image_freep) struct state_image *i = NULL;
        int r = image_find(s, json_string_value(v) ?: "", &i, err);
        if (r < 0)
            return r;
        if (*ns == 0 || (earliest ? i->created_ns < *ns : i->created_ns > *ns))
            *ns = i->created_ns;
    }
    return 0;
}

static int read_dangling(const json_t *values, struct query *q, struct err *err)
{
    bool on = false;
    const char *word = json_string_value(json_array_get(values, 0));
    if (!word || parse_bool(word, &on) < 0)
        return err_set(err, -EINVAL, "invalid filter 'dangling=[%s]'", word ? word : "");
    q->dangling = on;
    return 0;
}

static int read_until(const json_t *values, struct query *q, struct err *err)
{
    int64_t span;
    const char *text = json_string_value(json_array_get(values, 0));
    if (json_array_size(values) != 1)
        return err_set(err, -EINVAL, "more than one until filter specified");
    if (parse_duration(text, &span) == 0)
        q->until_ns = time_now_ns() - span;
    else if (time_parse_loose(text, &q->until_ns) < 0)
        return err_set(err, -EINVAL, "failed to parse value as time or duration: \"%s\"", text);
    return 0;
}

static int read_filters(struct image_store *s, const json_t *filters, struct query *q,
                        struct err *err)
{
    const char *key;
    json_t *values;
    int r = 0;
    json_object_foreach ((json_t *)(uintptr_t)filters, key, values) {
        if (str_eq(key, "reference"))
            q->reference = values;
        else if (str_eq(key, "label"))
            q->label = values;
        else if (str_eq(key, "dangling"))
            r = read_dangling(values, q, err);
        else if (str_eq(key, "before"))
            r = time_of(s, values, true, &q->before_ns, err);
        else if (str_eq(key, "since"))
            r = time_of(s, values, false, &q->since_ns, err);
        else if (str_eq(key, "until"))
            r = read_until(values, q, err);
        else
            r = err_set(err, -EINVAL, "invalid filter '%s'", key);
        if (r < 0)
            return r;
    }
    return 0;
}

/* Go's path.Match: a star does not cross a slash, so pattern and name must have as many parts. */
static bool match_parts(const char *pattern, const char *name)
{
    _cleanup_(strv_fini) struct strv p = {0}, n = {0};
    strv_split(&p, pattern, "/");
    strv_split(&n, name, "/");
    if (p.n != n.n)
        return false;
    for (size_t i = 0; i < p.n; i++)
        if (!str_glob(p.v[i], n.v[i]))
            return false;
    return true;
}

/* "x", "x:tag", "x*", "reg/x": against the familiar name with and without what follows it. */
static bool name_matches(const char *pattern, const char *full)
{
    if (match_parts(pattern, full))
        return true;
    _cleanup_(reference_fini) struct reference r = {0};
    if (reference_parse(full, &r, NULL) < 0)
        return false;
    _cleanup_(freep) char *name = reference_familiar_name(&r);
    _cleanup_(freep) char *canonical = str_printf("%s/%s", r.domain, r.path);
    return match_parts(pattern, name) || match_parts(pattern, canonical);
}

static bool any_matches(const json_t *patterns, const char *full)
{
    size_t n;
    json_t *v;
    json_array_foreach (patterns, n, v)
        if (json_is_string(v) && name_matches(json_string_value(v), full))
            return true;
    return false;
}

/* Only the names that match; false when none is left. */
static bool keep_matching(const json_t *patterns, json_t *names)
{
    for (size_t i = json_array_size(names); i > 0; i--)
        if (!any_matches(patterns, json_string_value(json_array_get(names, i - 1))))
            json_array_remove(names, i - 1);
    return json_array_size(names) > 0;
}

static bool labels_match(const json_t *wanted, const json_t *doc)
{
    json_t *labels = json_obj(json_obj(doc, "config"), "Labels"), *v;
    size_t n;
    json_array_foreach (wanted, n, v) {
        _cleanup_(freep) char *key = xstrdup(json_string_value(v) ?: "");
        char *value = strchr(key, '=');
        if (value)
            *value++ = '\0';
        const char *have = json_str(labels, key, NULL);
        if (!have || (value && strcmp(have, value) != 0))
            return false;
    }
    return true;
}

static bool wanted(const struct query *q, const struct state_image *i, const json_t *doc,
                   json_t *tags, json_t *digests)
{
    bool dangling = json_array_size(tags) == 0 && json_array_size(digests) == 0;
    if ((q->dangling >= 0 && dangling != (q->dangling == 1)) ||
        (q->before_ns && i->created_ns >= q->before_ns) ||
        (q->since_ns && i->created_ns <= q->since_ns) ||
        (q->until_ns && i->created_ns >= q->until_ns) || !labels_match(q->label, doc))
        return false;
    if (!q->reference)
        return true;
    bool by_tag = keep_matching(q->reference, tags);
    return keep_matching(q->reference, digests) || by_tag;
}

int image_list(struct image_store *s, bool all, const json_t *filters, json_t **out,
               struct err *err)
{
    _cleanup_(state_images_fini) struct state_images images = {0};
    struct query q = {.dangling = -1};
    int r = read_filters(s, filters, &q, err);
    if (r < 0 || (r = state_image_list(s->state, &images, err)) < 0)
        return r;
    json_auto_t *rows = json_array();
    for (size_t n = 0; n < images.n; n++) {
        const struct state_image *i = images.v[n];
        json_auto_t *doc = NULL, *tags = NULL, *digests = NULL;
        if (!image_usable(s, i))
            continue;
        if ((r = image_parse(i, &doc, err)) < 0 ||
            (r = image_names(s, i->id, &tags, &digests, err)) < 0)
            return r;
        if (wanted(&q, i, doc, tags, digests))
            json_push_take(rows, summary(i, doc, tags, digests));
    }
    *out = json_incref(rows);
    return 0;
}
