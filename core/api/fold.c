/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Folding of request bodies
 *
 * Go's decoder takes "hostconfig" for "HostConfig", ignores what it does not know and refuses a
 * value of the wrong type. The same is done here once, so that nothing behind the door has to think
 * of it. Recursion is as deep as the schema, not as the body.
 */
#include "api/fold.h"

#include <errno.h>
#include <strings.h>

#include "base/json.h"
#include "base/str.h"

static int value_fold(const json_t *v, const struct value_type *t, const char *path, json_t **out,
                      struct err *err);

static const char *kind_name(enum value_kind kind)
{
    static const char *const names[] = {
        [VALUE_ANY] = "a value",
        [VALUE_BOOL] = "true or false",
        [VALUE_INT] = "an integer",
        [VALUE_STR] = "a string",
        [VALUE_CMD] = "a string or an array of strings",
        [VALUE_OBJ] = "an object",
        [VALUE_SET] = "an object",
        [VALUE_LIST] = "an array",
        [VALUE_MAP] = "an object",
    };
    return names[kind];
}

static const char *value_name(const json_t *v)
{
    static const char *const names[] = {
        [JSON_OBJECT] = "an object",
        [JSON_ARRAY] = "an array",
        [JSON_STRING] = "a string",
        [JSON_INTEGER] = "a number",
        [JSON_REAL] = "a number with a fraction or an exponent",
        [JSON_TRUE] = "true",
        [JSON_FALSE] = "false",
        [JSON_NULL] = "null",
    };
    return names[json_typeof(v)];
}

static int value_refuse(const json_t *v, const struct value_type *t, const char *path,
                        struct err *err)
{
    return err_set(err, -EINVAL, "invalid value for %s: expected %s, got %s",
                   str_empty(path) ? "the body" : path, kind_name(t->kind), value_name(v));
}

static const struct member *member_find(const struct schema *s, const char *name)
{
    for (size_t i = 0; i < s->n; i++)
        if (strcasecmp(s->members[i].name, name) == 0)
            return &s->members[i];
    return NULL;
}

static int object_fold(const json_t *v, const struct schema *s, const char *path, json_t **out,
                       struct err *err)
{
    json_auto_t *object = json_object();
    const char *key;
    json_t *value;
    json_object_foreach ((json_t *)v, key, value) {
        const struct member *m = member_find(s, key);
        if (!m || json_is_null(value))
            continue;
        _cleanup_(freep) char *at = str_printf("%s%s%s", path, *path ? "." : "", m->name);
        json_t *folded = NULL;
        int r = value_fold(value, m->type, at, &folded, err);
        if (r < 0)
            return r;
        json_put_take(object, m->name, folded);
    }
    *out = steal_ptr(&object);
    return 0;
}

static int list_fold(const json_t *v, const struct value_type *t, const char *path, json_t **out,
                     struct err *err)
{
    json_auto_t *list = json_array();
    size_t i;
    json_t *value;
    json_array_foreach ((json_t *)v, i, value) {
        _cleanup_(freep) char *at = str_printf("%s[%zu]", path, i);
        json_t *folded = NULL;
        int r = value_fold(value, t->item, at, &folded, err);
        if (r < 0)
            return r;
        json_push_take(list, folded);
    }
    *out = steal_ptr(&list);
    return 0;
}

static int map_fold(const json_t *v, const struct value_type *t, const char *path, json_t **out,
                    struct err *err)
{
    json_auto_t *map = json_object();
    const char *key;
    json_t *value;
    json_object_foreach ((json_t *)v, key, value) {
        _cleanup_(freep) char *at = str_printf("%s[\"%s\"]", path, key);
        json_t *folded = NULL;
        int r = value_fold(value, t->item, at, &folded, err);
        if (r < 0)
            return r;
        json_put_take(map, key, folded);
    }
    *out = steal_ptr(&map);
    return 0;
}

/* The zero value of Go's type: what null means inside lists and maps. */
static json_t *value_zero(const struct value_type *t)
{
    switch (t->kind) {
    case VALUE_BOOL:
        return json_false();
    case VALUE_INT:
        return json_integer(0);
    case VALUE_STR:
        return json_string("");
    case VALUE_LIST:
    case VALUE_CMD:
        return json_array();
    case VALUE_ANY:
    case VALUE_OBJ:
    case VALUE_SET:
    case VALUE_MAP:
        break;
    }
    return json_object();
}

/* A set's members are objects or null; what is in them is not looked at. */
static int set_fold(const json_t *v, const char *path, json_t **out, struct err *err)
{
    static const struct value_type member = {VALUE_SET};
    json_auto_t *object = json_object();
    const char *key;
    json_t *value;
    json_object_foreach ((json_t *)v, key, value) {
        _cleanup_(freep) char *at = str_printf("%s[\"%s\"]", path, key);
        if (!json_is_object(value) && !json_is_null(value))
            return value_refuse(value, &member, at, err);
        json_put_take(object, key, json_object());
    }
    *out = steal_ptr(&object);
    return 0;
}

static int command_fold(const json_t *v, const struct value_type *t, const char *path, json_t **out,
                        struct err *err)
{
    static const struct value_type string = {VALUE_STR};
    static const struct value_type strings = {VALUE_LIST, &string};
    if (json_is_array(v))
        return list_fold(v, &strings, path, out, err);
    if (!json_is_string(v))
        return value_refuse(v, t, path, err);
    *out = json_array();
    json_array_append(*out, (json_t *)v);
    return 0;
}

static bool kind_is(const json_t *v, enum value_kind kind)
{
    switch (kind) {
    case VALUE_BOOL:
        return json_is_boolean(v);
    case VALUE_INT:
        return json_is_integer(v);
    case VALUE_STR:
        return json_is_string(v);
    case VALUE_LIST:
        return json_is_array(v);
    case VALUE_OBJ:
    case VALUE_SET:
    case VALUE_MAP:
        return json_is_object(v);
    case VALUE_ANY:
    case VALUE_CMD:
        break;
    }
    return true;
}

static int value_fold(const json_t *v, const struct value_type *t, const char *path, json_t **out,
                      struct err *err)
{
    if (json_is_null(v)) {
        *out = value_zero(t);
        return 0;
    }
    if (!kind_is(v, t->kind))
        return value_refuse(v, t, path, err);
    switch (t->kind) {
    case VALUE_OBJ:
        return object_fold(v, t->of, path, out, err);
    case VALUE_LIST:
        return list_fold(v, t, path, out, err);
    case VALUE_MAP:
        return map_fold(v, t, path, out, err);
    case VALUE_SET:
        return set_fold(v, path, out, err);
    case VALUE_CMD:
        return command_fold(v, t, path, out, err);
    case VALUE_ANY:
    case VALUE_BOOL:
    case VALUE_INT:
    case VALUE_STR:
        break;
    }
    *out = json_incref((json_t *)v);
    return 0;
}

int body_fold(const json_t *body, const struct schema *schema, json_t **out, struct err *err)
{
    const struct value_type root = {VALUE_OBJ, NULL, schema};
    *out = NULL;
    return value_fold(body, &root, "", out, err);
}
