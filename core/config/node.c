/* SPDX-License-Identifier: Apache-2.0 */
/* Tree of a configuration: groups, lists and scalars with their origins. */
#include "config/node.h"

#include <inttypes.h>

#include "base/json.h"
#include "base/str.h"

struct config_node *config_node_new(const char *name, enum config_node_type type,
                                    const char *origin)
{
    struct config_node *node = xcalloc(1, sizeof(*node));
    node->name = xstrdup0(name);
    node->origin = xstrdup(origin);
    node->type = type;
    return node;
}

void config_node_free(struct config_node *node)
{
    if (!node)
        return;
    for (size_t i = 0; i < node->n; i++)
        config_node_free(node->children[i]);
    free(node->children);
    free(node->name);
    free(node->origin);
    free(node->text);
    free(node);
}

void config_node_add(struct config_node *parent, struct config_node *child)
{
    parent->children = xrealloc(parent->children, (parent->n + 1) * sizeof(*parent->children));
    parent->children[parent->n++] = child;
}

struct config_node *config_node_get(const struct config_node *group, const char *name)
{
    for (size_t i = 0; group && group->type == NODE_GROUP && i < group->n; i++)
        if (str_eq(group->children[i]->name, name))
            return group->children[i];
    return NULL;
}

struct config_node *config_node_find(const struct config_node *root, const char *path)
{
    _cleanup_(strv_fini) struct strv parts = {0};
    strv_split(&parts, path, ".");
    struct config_node *node = NULL;
    for (size_t i = 0; i < parts.n; i++) {
        node = config_node_get(i ? node : root, parts.v[i]);
        if (!node)
            return NULL;
    }
    return node;
}

static void replace(struct config_node *group, struct config_node *child)
{
    for (size_t i = 0; i < group->n; i++) {
        if (!str_eq(group->children[i]->name, child->name))
            continue;
        config_node_free(group->children[i]);
        group->children[i] = child;
        return;
    }
    config_node_add(group, child);
}

void config_node_put(struct config_node *root, const char *path, struct config_node *value)
{
    _cleanup_(strv_fini) struct strv parts = {0};
    strv_split(&parts, path, ".");
    struct config_node *group = root;
    for (size_t i = 0; i + 1 < parts.n; i++) {
        struct config_node *next = config_node_get(group, parts.v[i]);
        if (!next || next->type != NODE_GROUP) {
            next = config_node_new(parts.v[i], NODE_GROUP, value->origin);
            replace(group, next);
        }
        group = next;
    }
    free(value->name);
    value->name = xstrdup(parts.v[parts.n - 1]);
    replace(group, value);
}

void config_node_merge(struct config_node *to, struct config_node *from)
{
    for (size_t i = 0; i < from->n; i++) {
        struct config_node *child = from->children[i], *there = config_node_get(to, child->name);
        from->children[i] = NULL;
        if (there && there->type == NODE_GROUP && child->type == NODE_GROUP)
            config_node_merge(there, child);
        else
            replace(to, child);
    }
    config_node_free(from);
}

struct config_node *config_node_clone(const struct config_node *node)
{
    struct config_node *copy = config_node_new(node->name, node->type, node->origin);
    copy->text = xstrdup0(node->text);
    copy->number = node->number;
    copy->fraction = node->fraction;
    copy->secret = node->secret;
    for (size_t i = 0; i < node->n; i++)
        config_node_add(copy, config_node_clone(node->children[i]));
    return copy;
}

void config_node_drop(struct config_node *root, const char *path)
{
    const char *dot = strrchr(path, '.');
    _cleanup_(freep) char *above = dot ? xstrndup(path, (size_t)(dot - path)) : NULL;
    struct config_node *group = dot ? config_node_find(root, above) : root;
    struct config_node *node = config_node_get(group, dot ? dot + 1 : path);
    if (!node)
        return;
    size_t i = 0;
    while (group->children[i] != node)
        i++;
    config_node_free(node);
    group->n--;
    memmove(&group->children[i], &group->children[i + 1],
            (group->n - i) * sizeof(*group->children));
}

const char *config_node_type_words(const struct config_node *node)
{
    static const char *const words[] = {
        [NODE_GROUP] = "a group", [NODE_LIST] = "a list",    [NODE_STRING] = "a string",
        [NODE_INT] = "a number",  [NODE_FLOAT] = "a number", [NODE_BOOL] = "true or false"};
    return words[node->type];
}

char *config_node_text(const struct config_node *node)
{
    switch (node->type) {
    case NODE_STRING:
        return xstrdup(node->text);
    case NODE_INT:
        return str_printf("%" PRId64, node->number);
    case NODE_BOOL:
        return xstrdup(node->number ? "true" : "false");
    case NODE_FLOAT:
        return str_printf("%.15g", node->fraction);
    default:
        return NULL;
    }
}

json_t *config_node_json(const struct config_node *node, bool reveal)
{
    if (node->secret && !reveal)
        return json_string("(hidden)");
    json_t *v = NULL;
    switch (node->type) {
    case NODE_GROUP:
        v = json_object();
        for (size_t i = 0; i < node->n; i++)
            json_put_take(v, node->children[i]->name, config_node_json(node->children[i], reveal));
        return v;
    case NODE_LIST:
        v = json_array();
        for (size_t i = 0; i < node->n; i++)
            json_push_take(v, config_node_json(node->children[i], reveal));
        return v;
    case NODE_STRING:
        return json_string_any(node->text);
    case NODE_INT:
        return json_integer(node->number);
    case NODE_FLOAT:
        v = json_real(node->fraction); /* refuses what is not finite */
        return v ? v : json_null();
    case NODE_BOOL:
        return json_boolean(node->number);
    }
    return json_null();
}
