/* SPDX-License-Identifier: Apache-2.0 */
/* Attributes. */
#include "common/attrs.h"

#include <stdlib.h>

#include "common/util.h"

void attrs_fini(struct attrs *a)
{
    for (size_t i = 0; i < a->n; i++) {
        free(a->list[i].key);
        free(a->list[i].value);
    }
    free(a->list);
    *a = (struct attrs){0};
}

/* Where `key` is or belongs. */
static size_t attrs_position(const struct attrs *a, const char *key, bool *found)
{
    size_t i = 0;
    int c = 1;
    while (i < a->n && (c = strcmp(a->list[i].key, key)) < 0)
        i++;
    *found = i < a->n && c == 0;
    return i;
}

static int attrs_insert(struct attrs *a, size_t at, char *key, char *value)
{
    if (a->n == a->cap) {
        size_t cap = a->cap ? a->cap * 2 : 8;
        struct attr *list = reallocarray(a->list, cap, sizeof(*list));
        if (!list)
            return -ENOMEM;
        a->list = list;
        a->cap = cap;
    }
    memmove(a->list + at + 1, a->list + at, (a->n - at) * sizeof(*a->list));
    a->list[at] = (struct attr){key, value};
    a->n++;
    return 0;
}

int attrs_set(struct attrs *a, const char *key, size_t nkey, const char *value, size_t nvalue)
{
    bool found;
    char *k = strndup(key, nkey), *v = strndup(value, nvalue);
    size_t at = k ? attrs_position(a, k, &found) : 0;
    if (k && v && found) {
        free(k);
        free(a->list[at].value);
        a->list[at].value = v;
        return 0;
    }
    if (k && v && attrs_insert(a, at, k, v) == 0)
        return 0;
    free(k);
    free(v);
    return -ENOMEM;
}

/* Of "key=value" texts, the one whose key is the n bytes at `key`. */
static const char *value_of(const char *const *list, const char *key, size_t n)
{
    for (; list && *list; list++)
        if (strncmp(*list, key, n) == 0 && (*list)[n] == '=')
            return *list + n + 1;
    return NULL;
}

/* `keys`: separated by commas */
static int collect(struct attrs *a, const char *keys, const char *const *list)
{
    int r = 0;
    while (keys && *keys && r == 0) {
        size_t n = strcspn(keys, ",");
        const char *value = n ? value_of(list, keys, n) : NULL;
        if (value)
            r = attrs_set(a, keys, n, value, strlen(value));
        keys += n + (keys[n] == ',');
    }
    return r;
}

static void add_short(struct buf *out, const char *id)
{
    if (strncmp(id, "sha256:", 7) == 0)
        id += 7;
    buf_add(out, id, strnlen(id, 12));
}

/* A field's value; false when there is no such field. */
static bool add_field(struct buf *out, const char *name, size_t n, const struct berth_log_info *i)
{
    static const struct berth_log_info nobody = {.container_id = ""};
    if (!i)
        i = &nobody;
#define IS(s) (n == sizeof(s) - 1 && memcmp(name, s, n) == 0)
#define OR(s) ((s) ? (s) : "")
    if (IS(".ID"))
        add_short(out, OR(i->container_id));
    else if (IS(".FullID"))
        buf_adds(out, OR(i->container_id));
    else if (IS(".Name"))
        buf_adds(out, OR(i->container_name));
    else if (IS(".ImageID"))
        add_short(out, OR(i->image_id));
    else if (IS(".ImageFullID"))
        buf_adds(out, OR(i->image_id));
    else if (IS(".ImageName"))
        buf_adds(out, OR(i->image_name));
    else if (IS(".DaemonName"))
        buf_adds(out, OR(i->daemon_name));
    else
        return false;
    return true;
#undef IS
#undef OR
}

int tag_expand(const char *template, const struct berth_log_info *info, struct buf *out,
               struct berth_err *err)
{
    for (const char *p = template;;) {
        const char *open = strstr(p, "{{");
        buf_add(out, p, open ? (size_t)(open - p) : strlen(p));
        if (!open)
            return out->failed ? berth_err_set(err, -ENOMEM, "out of memory") : 0;
        const char *name = open + 2 + strspn(open + 2, " ");
        const char *close = strstr(name, "}}");
        if (!close)
            return berth_err_set(err, -EINVAL, "tag \"%s\": \"{{\" without \"}}\"", template);
        size_t n = (size_t)(close - name);
        while (n && name[n - 1] == ' ')
            n--;
        if (!add_field(out, name, n, info))
            return berth_err_set(err, -EINVAL,
                                 "tag \"%s\": no field \"%.*s\"; there are .ID, .FullID, .Name, "
                                 ".ImageID, .ImageFullID, .ImageName and .DaemonName",
                                 template, (int)n, name);
        p = close + 2;
    }
}

static int collect_tag(struct attrs *a, const struct berth_log_info *info, struct berth_err *err)
{
    const char *template = berth_opt_str(info->options, "tag", "");
    if (!*template)
        return 0;
    _cleanup_(buf_fini) struct buf tag = {0};
    int r = tag_expand(template, info, &tag, err);
    if (r < 0)
        return r;
    return attrs_set(a, "tag", 3, tag.p ? tag.p : "", tag.n);
}

int attrs_collect(const struct berth_log_info *info, struct attrs *out, struct berth_err *err)
{
    *out = (struct attrs){0};
    int r = collect(out, berth_opt_str(info->options, "labels", NULL), info->labels);
    if (r == 0)
        r = collect(out, berth_opt_str(info->options, "env", NULL), info->env);
    if (r < 0)
        berth_err_set(err, r, "out of memory");
    if (r == 0)
        r = collect_tag(out, info, err);
    if (r < 0)
        attrs_fini(out);
    return r;
}
