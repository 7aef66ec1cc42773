/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bodies
 *
 * Checks a client's object against a table of members. Go's decoder refuses a wrong type with the name of the field; so do
 * we, with the path of the member and both kinds.
 */
#include "engine/body.h"

#include <errno.h>

#include "base/json.h"
#include "base/str.h"

static const char *const kind_words[] = {
    [MEMBER_STRING] = "a string",           [MEMBER_INT] = "an integer",
    [MEMBER_BOOL] = "true or false",        [MEMBER_STRINGS] = "an array of strings",
    [MEMBER_INTS] = "an array of integers", [MEMBER_OBJECTS] = "an array of objects",
    [MEMBER_OBJECT] = "an object",          [MEMBER_STRING_MAP] = "an object of strings",
    [MEMBER_SET] = "an object of objects",
};

static const char *type_word(const json_t *v)
{
    switch (json_typeof(v)) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "an array";
    case JSON_STRING:
        return "a string";
    case JSON_INTEGER:
        return "an integer";
    case JSON_REAL:
        return "a number with a fraction";
    case JSON_TRUE:
    case JSON_FALSE:
        return "a boolean";
    default:
        return "null";
    }
}

static bool array_is_of(const json_t *v, json_type type)
{
    if (!json_is_array(v))
        return false;
    for (size_t i = 0; i < json_array_size(v); i++)
        if (json_typeof(json_array_get(v, i)) != type)
            return false;
    return true;
}

static bool object_is_of(const json_t *v, json_type type)
{
    if (!json_is_object(v))
        return false;
    const char *key;
    json_t *item;
    json_object_foreach ((json_t *)v, key, item)
        if (json_typeof(item) != type && !(type == JSON_OBJECT && json_is_null(item)))
            return false;
    return true;
}

static bool kind_fits(const json_t *v, enum member_kind kind)
{
    switch (kind) {
    case MEMBER_STRING:
        return json_is_string(v);
    case MEMBER_INT:
        return json_is_integer(v);
    case MEMBER_BOOL:
        return json_is_boolean(v);
    case MEMBER_STRINGS:
        return json_is_string(v) || array_is_of(v, JSON_STRING);
    case MEMBER_INTS:
        return array_is_of(v, JSON_INTEGER);
    case MEMBER_OBJECTS:
        return array_is_of(v, JSON_OBJECT);
    case MEMBER_OBJECT:
        return json_is_object(v);
    case MEMBER_STRING_MAP:
        return object_is_of(v, JSON_STRING);
    case MEMBER_SET:
        return object_is_of(v, JSON_OBJECT);
    }
    return false;
}

static json_t *value_of(const json_t *v, const struct member *m)
{
    if (!v || json_is_null(v))
        return m->dflt ? json_loads(m->dflt, JSON_DECODE_ANY, NULL) : NULL;
    if (m->kind == MEMBER_STRINGS && json_is_string(v))
        return json_pack("[O]", v);
    return json_deep_copy(v);
}

int body_read(const json_t *body, const struct member *members, size_t n, const char *where,
              json_t **out, struct err *err)
{
    if (body && !json_is_null(body) && !json_is_object(body))
        return err_set(err, -EINVAL, "invalid %s: expected an object, got %s", where,
                       type_word(body));
    json_auto_t *o = json_object();
    for (size_t i = 0; i < n; i++) {
        const struct member *m = &members[i];
        const json_t *v = json_object_get(body, m->name);
        if (v && !json_is_null(v) && !kind_fits(v, m->kind))
            return err_set(err, -EINVAL, "invalid %s.%s: expected %s, got %s", where, m->name,
                           kind_words[m->kind], type_word(v));
        json_t *value = value_of(v, m);
        if (value)
            json_put_take(o, m->name, value);
    }
    *out = steal_ptr(&o);
    return 0;
}
