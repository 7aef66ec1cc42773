/* SPDX-License-Identifier: Apache-2.0 */
/* Effective values with their origins, and what differs between two configurations. */
#include "base/json.h"
#include "config/config.h"
#include "config/node.h"
#include "config/schema.h"

static bool is_groups(const struct config_key *key)
{
    return key->type == CONFIG_DRIVERS || key->type == CONFIG_FREE;
}

/* Calls fn for each value: schema keys as a whole, groups of drivers and modules value by value. */
static void each_value(const struct config_node *node, const char *path, bool whole,
                       void (*fn)(void *ctx, const char *path, const struct config_node *node),
                       void *ctx)
{
    if (whole || node->type != NODE_GROUP) {
        fn(ctx, path, node);
        return;
    }
    for (size_t i = 0; i < node->n; i++) {
        _cleanup_(freep) char *below = str_printf("%s.%s", path, node->children[i]->name);
        each_value(node->children[i], below, false, fn, ctx);
    }
}

static void each_key(const struct config *cfg,
                     void (*fn)(void *ctx, const char *path, const struct config_node *node),
                     void *ctx)
{
    for (size_t i = 0; i < config_schema_n; i++) {
        const struct config_node *node = config_node_find(cfg->tree, config_schema[i].path);
        if (node)
            each_value(node, config_schema[i].path, !is_groups(&config_schema[i]), fn, ctx);
    }
}

static void dump_json(void *ctx, const char *path, const struct config_node *node)
{
    json_t *entry = json_object();
    json_put_take(entry, "value", config_node_json(node, false));
    json_put_str(entry, "origin", node->origin);
    json_put_take(ctx, path, entry);
}

json_t *config_dump(const struct config *cfg)
{
    json_t *all = json_object();
    each_key(cfg, dump_json, all);
    return all;
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

static void dump_line(void *ctx, const char *path, const struct config_node *node)
{
    struct buf *b = ctx;
    buf_printf(b, "%s = ", path);
    write_value(b, node);
    buf_printf(b, ";  # %s\n", node->origin);
}

char *config_dump_text(const struct config *cfg)
{
    _cleanup_(buf_fini) struct buf b = {0};
    each_key(cfg, dump_line, &b);
    return buf_steal(&b);
}

static json_t *value_of(const struct config *cfg, const char *path)
{
    const struct config_node *node = config_node_find(cfg->tree, path);
    return node ? config_node_json(node, true) : NULL;
}

json_t *config_diff(const struct config *from, const struct config *to)
{
    json_t *all = json_array();
    for (size_t i = 0; i < config_schema_n; i++) {
        const struct config_key *key = &config_schema[i];
        json_auto_t *a = value_of(from, key->path), *b = value_of(to, key->path);
        if (a == b || (a && b && json_equal(a, b)))
            continue;
        json_t *entry = json_object();
        json_put_str(entry, "key", key->path);
        json_put_bool(entry, "restart", !key->live);
        json_push_take(all, entry);
    }
    return all;
}
