/* SPDX-License-Identifier: Apache-2.0 */
/* Effective values with their origins, and what differs between two configurations. */
#include "base/json.h"
#include "config/config.h"
#include "config/node.h"
#include "config/schema.h"

struct value {
    char *path;
    const struct config_node *node;
    const struct config_key *key;
};
struct values {
    struct value *v;
    size_t n;
};

static void values_fini(struct values *all)
{
    for (size_t i = 0; i < all->n; i++)
        free(all->v[i].path);
    free(all->v);
}

/* Keys of the schema as a whole, groups of drivers and modules value by value. */
static void collect(struct values *all, const struct config_key *key,
                    const struct config_node *node, const char *path)
{
    bool groups = key->type == CONFIG_DRIVERS || key->type == CONFIG_FREE;
    if (groups && node->type == NODE_GROUP) {
        for (size_t i = 0; i < node->n; i++) {
            _cleanup_(freep) char *below = str_printf("%s.%s", path, node->children[i]->name);
            collect(all, key, node->children[i], below);
        }
        return;
    }
    all->v = xrealloc(all->v, (all->n + 1) * sizeof(*all->v));
    all->v[all->n++] = (struct value){.path = xstrdup(path), .node = node, .key = key};
}

static void values_of(const struct config *cfg, struct values *all)
{
    for (size_t i = 0; i < config_schema_n; i++) {
        const struct config_node *node = config_node_find(cfg->tree, config_schema[i].path);
        if (node)
            collect(all, &config_schema[i], node, config_schema[i].path);
    }
}

static const struct config_node *find(const struct values *all, const char *path)
{
    for (size_t i = 0; i < all->n; i++)
        if (str_eq(all->v[i].path, path))
            return all->v[i].node;
    return NULL;
}

static bool same(const struct config_node *a, const struct config_node *b)
{
    json_auto_t *x = config_node_json(a, true), *y = config_node_json(b, true);
    return json_equal(x, y);
}

static void write_string(struct buf *b, const char *s)
{
    buf_addc(b, '"');
    for (; *s; s++) {
        if (*s == '"' || *s == '\\')
            buf_addc(b, '\\');
        if (*s == '\n')
            buf_adds(b, "\\n");
        else
            buf_addc(b, *s);
    }
    buf_addc(b, '"');
}

static void write_value(struct buf *b, const struct config_node *node);

static void write_children(struct buf *b, const struct config_node *node)
{
    bool scalars = node->n == 0 || node->children[0]->type != NODE_GROUP;
    const char *const marks = node->type == NODE_GROUP ? "{}" : scalars ? "[]" : "()";
    buf_printf(b, "%c ", marks[0]);
    for (size_t i = 0; i < node->n; i++) {
        if (node->type == NODE_GROUP)
            buf_printf(b, "%s = ", node->children[i]->name);
        write_value(b, node->children[i]);
        buf_adds(b, node->type == NODE_GROUP ? "; " : i + 1 < node->n ? ", " : " ");
    }
    buf_addc(b, marks[1]);
}

static void write_value(struct buf *b, const struct config_node *node)
{
    _cleanup_(freep) char *text = config_node_text(node);
    if (node->secret)
        write_string(b, "(hidden)");
    else if (!text)
        write_children(b, node);
    else if (node->type == NODE_STRING)
        write_string(b, text);
    else
        buf_printf(b, "%s%s", text,
                   node->type == NODE_INT && (node->number > INT32_MAX || node->number < INT32_MIN)
                       ? "L"
                       : "");
}

/* What a new daemon would have instead: whether that is something else; *later is NULL where it has nothing. */
static bool differs_later(const struct values *next, const struct value *now,
                          const struct config_node **later)
{
    *later = find(next, now->path);
    return next->n > 0 && (!*later || !same(now->node, *later));
}

static json_t *shown(const struct config_node *node)
{
    json_t *entry = json_object();
    json_put_take(entry, "Value", node ? config_node_json(node, false) : json_null());
    json_put_str(entry, "Origin", node ? node->origin : "");
    return entry;
}

static void read_both(const struct config *cfg, struct values *now, struct values *next)
{
    values_of(cfg, now);
    if (cfg->next)
        values_of(cfg->next, next);
}

json_t *config_dump(const struct config *cfg)
{
    _cleanup_(values_fini) struct values now = {0}, next = {0};
    const struct config_node *later;
    json_t *all = json_object();
    read_both(cfg, &now, &next);
    for (size_t i = 0; i < now.n; i++) {
        json_t *entry = shown(now.v[i].node);
        if (differs_later(&next, &now.v[i], &later))
            json_put_take(entry, "AfterRestart", shown(later));
        json_put_take(all, now.v[i].path, entry);
    }
    for (size_t i = 0; i < next.n; i++) {
        if (find(&now, next.v[i].path))
            continue;
        json_t *entry = shown(NULL);
        json_put_take(entry, "AfterRestart", shown(next.v[i].node));
        json_put_take(all, next.v[i].path, entry);
    }
    return all;
}

static void write_later(struct buf *b, const char *path, const struct config_node *later)
{
    buf_printf(b, "#   when berthd is started again: %s", path);
    buf_adds(b, later ? " = " : " is not set");
    if (later)
        write_value(b, later);
    buf_printf(b, ";  # %s\n", later ? later->origin : "");
}

char *config_dump_text(const struct config *cfg)
{
    _cleanup_(values_fini) struct values now = {0}, next = {0};
    _cleanup_(buf_fini) struct buf b = {0};
    const struct config_node *later;
    read_both(cfg, &now, &next);
    for (size_t i = 0; i < now.n; i++) {
        buf_printf(&b, "%s = ", now.v[i].path);
        write_value(&b, now.v[i].node);
        buf_printf(&b, ";  # %s\n", now.v[i].node->origin);
        if (differs_later(&next, &now.v[i], &later))
            write_later(&b, now.v[i].path, later);
    }
    for (size_t i = 0; i < next.n; i++)
        if (!find(&now, next.v[i].path))
            write_later(&b, next.v[i].path, next.v[i].node);
    return buf_steal(&b);
}

static json_t *difference(const struct value *v, const struct config_node *from,
                          const struct config_node *to)
{
    json_t *entry = json_object();
    json_put_str(entry, "Key", v->path);
    json_put_take(entry, "From", from ? config_node_json(from, false) : json_null());
    json_put_take(entry, "To", to ? config_node_json(to, false) : json_null());
    json_put_str(entry, "Origin", to ? to->origin : "");
    json_put_bool(entry, "Restart", !v->key->live);
    return entry;
}

json_t *config_diff(const struct config *from, const struct config *to)
{
    _cleanup_(values_fini) struct values a = {0}, b = {0};
    json_t *all = json_array();
    values_of(from, &a);
    values_of(to, &b);
    for (size_t i = 0; i < a.n; i++) {
        const struct config_node *other = find(&b, a.v[i].path);
        if (!other || !same(a.v[i].node, other))
            json_push_take(all, difference(&a.v[i], a.v[i].node, other));
    }
    for (size_t i = 0; i < b.n; i++)
        if (!find(&a, b.v[i].path))
            json_push_take(all, difference(&b.v[i], NULL, b.v[i].node));
    return all;
}
