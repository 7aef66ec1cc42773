/* SPDX-License-Identifier: Apache-2.0 */
/* From the merged tree to the typed struct: unknown keys, types, ranges, defaults. */
#include "config/apply.h"

#include <errno.h>
#include <inttypes.h>

#include "base/str.h"
#include "config/parse.h"
#include "config/schema.h"

/* The layout that all lists of groups in struct config share. */
struct objects {
    void *v;
    size_t n;
};

static void *field(void *base, const struct config_key *key)
{
    return (char *)base + key->offset;
}

static const char *right_type(const struct config_key *key)
{
    static const char *const words[] = {[CONFIG_STRING] = "a string in quotes",
                                        [CONFIG_BOOL] = "true or false",
                                        [CONFIG_STRINGS] = "a list of strings: [ \"…\", \"…\" ]",
                                        [CONFIG_OBJECTS] = "a list of groups",
                                        [CONFIG_DRIVERS] = "a group of groups named after drivers",
                                        [CONFIG_FREE] = "a group of groups"};
    return words[key->type];
}

static int wrong_type(const struct config_node *node, const char *path, const char *right,
                      struct err *err)
{
    _cleanup_(freep) char *text = config_node_text(node);
    if (text && node->type != NODE_BOOL)
        return err_set(err, -EINVAL, "%s: %s is %s (%.100s), it must be %s", node->origin, path,
                       config_node_type_words(node), text, right);
    return err_set(err, -EINVAL, "%s: %s is %s, it must be %s", node->origin, path,
                   text ? text : config_node_type_words(node), right);
}

/* Puts the place and the key before what a check said. */
static int misfit(const struct config_node *node, const char *path, struct err *err)
{
    return err_wrap(err, "%s: %s", node->origin, path);
}

static int apply_string(void *base, const struct config_key *key, const struct config_node *node,
                        const char *path, struct err *err)
{
    if (node->type != NODE_STRING)
        return wrong_type(node, path, right_type(key), err);
    if (key->check && key->check(node->text, err) < 0)
        return misfit(node, path, err);
    *(char **)field(base, key) = xstrdup(node->text);
    return 0;
}

static int apply_int(void *base, const struct config_key *key, const struct config_node *node,
                     const char *path, struct err *err)
{
    _cleanup_(freep) char *right =
        str_printf("a whole number from %" PRId64 " to %" PRId64, key->min, key->max);
    if (node->type != NODE_INT || node->number < key->min || node->number > key->max)
        return wrong_type(node, path, right, err);
    *(int64_t *)field(base, key) = node->number;
    return 0;
}

static int apply_size(void *base, const struct config_key *key, const struct config_node *node,
                      const char *path, struct err *err)
{
    int64_t bytes = node->number;
    bool ok = node->type == NODE_INT ||
              (node->type == NODE_STRING && parse_size(node->text, &bytes) == 0);
    if (!ok || bytes < key->min || bytes > key->max)
        return wrong_type(node, path, "a size such as \"64m\", or a number of bytes", err);
    *(int64_t *)field(base, key) = bytes;
    return 0;
}

static int apply_bool(void *base, const struct config_key *key, const struct config_node *node,
                      const char *path, struct err *err)
{
    if (node->type != NODE_BOOL)
        return wrong_type(node, path, right_type(key), err);
    *(bool *)field(base, key) = node->number;
    return 0;
}

static int apply_strings(void *base, const struct config_key *key, const struct config_node *node,
                         const char *path, struct err *err)
{
    struct strv *sv = field(base, key);
    if (node->type != NODE_LIST)
        return wrong_type(node, path, right_type(key), err);
    for (size_t i = 0; i < node->n; i++) {
        const struct config_node *item = node->children[i];
        _cleanup_(freep) char *item_path = str_printf("%s[%zu]", path, i);
        if (item->type != NODE_STRING)
            return wrong_type(item, item_path, "a string in quotes", err);
        if (key->check && key->check(item->text, err) < 0)
            return misfit(item, item_path, err);
        strv_add(sv, item->text);
    }
    return 0;
}

static int unknown_member(const struct config_element *e, const struct config_node *member,
                          const char *path, struct err *err)
{
    const char *names[8];
    for (size_t i = 0; i < e->n; i++)
        names[i] = e->keys[i].path;
    const char *near = str_nearest(member->name, names, e->n);
    if (near)
        return err_set(err, -EINVAL, "%s: unknown key \"%s\" in %s (did you mean \"%s\"?)",
                       member->origin, member->name, path, near);
    return err_set(err, -EINVAL, "%s: unknown key \"%s\" in %s, it must be %s", member->origin,
                   member->name, path, e->example);
}

static int apply_element(void *base, const struct config_element *e, const struct config_node *node,
                         const char *path, struct err *err)
{
    size_t known = 0;
    if (node->type != NODE_GROUP)
        return wrong_type(node, path, e->example, err);
    for (size_t i = 0; i < e->n; i++) {
        const struct config_key *key = &e->keys[i];
        const struct config_node *member = config_node_get(node, key->path);
        if (!member)
            continue;
        _cleanup_(freep) char *member_path = str_printf("%s.%s", path, key->path);
        int r = key->type == CONFIG_INT ? apply_int(base, key, member, member_path, err)
                                        : apply_string(base, key, member, member_path, err);
        if (r < 0)
            return r;
        known++;
    }
    for (size_t i = 0; i < node->n && known < node->n; i++) {
        size_t k = 0;
        while (k < e->n && !str_eq(node->children[i]->name, e->keys[k].path))
            k++;
        if (k == e->n)
            return unknown_member(e, node->children[i], path, err);
    }
    if (known == e->n)
        return 0;
    return err_set(err, -EINVAL, "%s: %s lacks a key, it must be %s", node->origin, path,
                   e->example);
}

static int apply_objects(void *base, const struct config_key *key, const struct config_node *node,
                         const char *path, struct err *err)
{
    struct objects *o = field(base, key);
    if (node->type != NODE_LIST) {
        _cleanup_(freep) char *right =
            str_printf("a list of groups: ( %s )", key->element->example);
        return wrong_type(node, path, right, err);
    }
    o->v = xcalloc(node->n + 1, key->element->size);
    o->n = node->n;
    for (size_t i = 0; i < node->n; i++) {
        _cleanup_(freep) char *item_path = str_printf("%s[%zu]", path, i);
        int r = apply_element((char *)o->v + i * key->element->size, key->element,
                              node->children[i], item_path, err);
        if (r < 0)
            return r;
    }
    return 0;
}

/* A group of groups; what is inside is somebody else's to check. */
static int apply_groups(const struct config_key *key, const struct config_node *node,
                        const char *path, struct err *err)
{
    if (node->type != NODE_GROUP)
        return wrong_type(node, path, right_type(key), err);
    for (size_t i = 0; i < node->n; i++) {
        _cleanup_(freep) char *member = str_printf("%s.%s", path, node->children[i]->name);
        if (node->children[i]->type != NODE_GROUP)
            return wrong_type(node->children[i], member, "a group", err);
    }
    return 0;
}

static int apply_key(void *base, const struct config_key *key, const struct config_node *node,
                     struct err *err)
{
    switch (key->type) {
    case CONFIG_STRING:
        return apply_string(base, key, node, key->path, err);
    case CONFIG_INT:
        return apply_int(base, key, node, key->path, err);
    case CONFIG_SIZE:
        return apply_size(base, key, node, key->path, err);
    case CONFIG_BOOL:
        return apply_bool(base, key, node, key->path, err);
    case CONFIG_STRINGS:
        return apply_strings(base, key, node, key->path, err);
    case CONFIG_OBJECTS:
        return apply_objects(base, key, node, key->path, err);
    default:
        return apply_groups(key, node, key->path, err);
    }
}

static int unknown_key(const struct config_node *node, const char *path, struct err *err)
{
    _cleanup_(freep) char *all = NULL, *near = config_schema_nearest(path, &all);
    if (near)
        return err_set(err, -EINVAL, "%s: unknown key \"%s\" (did you mean \"%s\"?)", node->origin,
                       path, near);
    return err_set(err, -EINVAL, "%s: unknown key \"%s\"; there are: %s", node->origin, path, all);
}

/* Refuses what no key of the schema stands for. `prefix` is "" or "group.". */
static int check_known(const struct config_node *group, const char *prefix, struct err *err)
{
    for (size_t i = 0; i < group->n; i++) {
        const struct config_node *node = group->children[i];
        _cleanup_(freep) char *path = str_printf("%s%s", prefix, node->name);
        _cleanup_(freep) char *below = str_printf("%s.", path);
        bool leaf = false, inner = false;
        for (size_t k = 0; k < config_schema_n; k++) {
            leaf |= str_eq(config_schema[k].path, path);
            inner |= str_after(config_schema[k].path, below) != NULL;
        }
        if (!leaf && !inner)
            return unknown_key(node, path, err);
        if (inner && node->type != NODE_GROUP) {
            _cleanup_(freep) char *right = str_printf("a group: %s: { … };", path);
            return wrong_type(node, path, right, err);
        }
        int r = inner ? check_known(node, below, err) : 0;
        if (r < 0)
            return r;
    }
    return 0;
}

int config_apply(struct config *cfg, struct config_node *tree, struct err *err)
{
    int r = check_known(tree, "", err);
    for (size_t i = 0; r == 0 && i < config_schema_n; i++) {
        const struct config_key *key = &config_schema[i];
        const struct config_node *node = config_node_find(tree, key->path);
        if (!node && key->dflt) {
            config_node_put(tree, key->path, config_parse_value(key->dflt, "default"));
            node = config_node_find(tree, key->path);
        }
        r = node ? apply_key(cfg, key, node, err) : 0;
    }
    return r;
}

static void free_objects(struct objects *o, const struct config_element *e)
{
    for (size_t i = 0; i < o->n; i++)
        for (size_t k = 0; k < e->n; k++)
            if (e->keys[k].type == CONFIG_STRING)
                free(*(char **)field((char *)o->v + i * e->size, &e->keys[k]));
    free(o->v);
}

void config_unapply(struct config *cfg)
{
    for (size_t i = 0; i < config_schema_n; i++) {
        const struct config_key *key = &config_schema[i];
        if (key->type == CONFIG_STRING)
            free(*(char **)field(cfg, key));
        else if (key->type == CONFIG_STRINGS)
            strv_fini(field(cfg, key));
        else if (key->type == CONFIG_OBJECTS)
            free_objects(field(cfg, key), key->element);
    }
}
