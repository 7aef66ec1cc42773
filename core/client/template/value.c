/* SPDX-License-Identifier: Apache-2.0 */
/* Values of templates. */
#include "client/template/value.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "client/template/print.h"

const struct go_type go_any = {.name = "interface {}", .kind = GO_ANY};
const struct go_type go_raw = {.name = "interface {}", .kind = GO_ANY};
static const struct go_type raw_map = {
    .name = "map[string]interface {}", .kind = GO_MAP, .elem = &go_raw};
static const struct go_type raw_slice = {
    .name = "[]interface {}", .kind = GO_SLICE, .elem = &go_raw};
const struct go_type go_nil = {.name = "<nil>", .kind = GO_NIL};
const struct go_type go_string = {.name = "string", .kind = GO_STRING};
const struct go_type go_int = {.name = "int", .kind = GO_INT};
const struct go_type go_int64 = {.name = "int64", .kind = GO_INT};
const struct go_type go_float = {.name = "float64", .kind = GO_FLOAT};
const struct go_type go_bool = {.name = "bool", .kind = GO_BOOL};
const struct go_type go_number = {.name = "json.Number", .kind = GO_STRING};
const struct go_type go_duration = {
    .name = "time.Duration", .kind = GO_INT, .string = print_duration};
const struct go_type go_time = {.name = "time.Time", .kind = GO_STRING, .string = print_time};
const struct go_type go_strings = {.name = "[]string", .kind = GO_SLICE, .elem = &go_string};
const struct go_type go_string_map = {
    .name = "map[string]string", .kind = GO_MAP, .elem = &go_string};
const struct go_type go_any_map = {
    .name = "map[string]interface {}", .kind = GO_MAP, .elem = &go_any};
const struct go_type go_any_slice = {.name = "[]interface {}", .kind = GO_SLICE, .elem = &go_any};

/* null fits every type: its zero value, or nil. */
static bool fits(const json_t *v, const struct go_type *type)
{
    switch (json_is_null(v) ? GO_NIL : type->kind) {
    case GO_STRUCT:
    case GO_MAP:
        return json_is_object(v);
    case GO_SLICE:
        return json_is_array(v);
    case GO_STRING:
        return json_is_string(v) || (type == &go_number && json_is_number(v));
    case GO_INT:
        return json_is_integer(v);
    case GO_FLOAT:
        return json_is_number(v);
    case GO_BOOL:
        return json_is_boolean(v);
    default:
        return true;
    }
}

struct value value_take(json_t *json, const struct go_type *type)
{
    json_t *v = json ? json : json_null();
    return (struct value){v, type && fits(v, type) ? type : &go_any};
}

struct value value_ref(const json_t *json, const struct go_type *type)
{
    return value_take(json_incref((json_t *)(uintptr_t)json), type);
}

struct value value_copy(const struct value *v)
{
    return (struct value){json_incref(v->json), v->type};
}

void value_fini(struct value *v)
{
    json_decref(v->json);
    *v = (struct value){0};
}

static const struct go_type *held(const json_t *v, bool raw)
{
    switch (json_typeof(v)) {
    case JSON_OBJECT:
        return raw ? &raw_map : &go_any_map;
    case JSON_ARRAY:
        return raw ? &raw_slice : &go_any_slice;
    case JSON_STRING:
        return &go_string;
    case JSON_INTEGER:
        return raw ? &go_number : &go_int;
    case JSON_REAL:
        return raw ? &go_number : &go_float;
    case JSON_TRUE:
    case JSON_FALSE:
        return &go_bool;
    default:
        return &go_nil;
    }
}

void value_unwrap(struct value *v)
{
    if (v->type && v->type->kind == GO_ANY)
        v->type = held(v->json, v->type == &go_raw);
}

enum go_kind value_kind(const struct value *v)
{
    if (!v->type)
        return GO_NIL;
    return v->type->kind == GO_ANY ? held(v->json, v->type == &go_raw)->kind : v->type->kind;
}

bool value_is_nil(const struct value *v)
{
    return json_is_null(v->json) && (v->type->kind == GO_ANY || v->type->pointer);
}

bool value_truth(const struct value *v)
{
    if (!v->type || value_is_nil(v))
        return false;
    switch (value_kind(v)) {
    case GO_STRUCT:
        return true;
    case GO_MAP:
    case GO_SLICE:
    case GO_STRING:
        return value_len(v) > 0;
    case GO_INT:
        return value_int(v) != 0;
    case GO_FLOAT:
        return value_float(v) < 0 || value_float(v) > 0;
    case GO_BOOL:
        return json_is_true(v->json);
    default:
        return false;
    }
}

const char *value_type(const struct value *v)
{
    return v->type ? v->type->name : "<nil>";
}

const char *value_text(const struct value *v, size_t *n)
{
    *n = json_string_length(v->json);
    return json_is_string(v->json) ? json_string_value(v->json) : "";
}

size_t value_len(const struct value *v)
{
    switch (value_kind(v)) {
    case GO_MAP:
        return json_object_size(v->json);
    case GO_SLICE:
        return json_array_size(v->json);
    case GO_STRING:
        if (json_is_number(v->json)) {
            _cleanup_(freep) char *digits = json_text(v->json);
            return strlen(digits);
        }
        return json_string_length(v->json);
    default:
        return 0;
    }
}

json_int_t value_int(const struct value *v)
{
    return json_integer_value(v->json);
}

double value_float(const struct value *v)
{
    return json_number_value(v->json);
}

static const struct go_field *find_field(const struct go_type *t, const char *name,
                                         const struct go_field **through)
{
    for (const struct go_field *f = t->fields; f && f->name; f++)
        if (strcmp(f->name, name) == 0)
            return f;
    for (const struct go_field *f = t->fields; f && f->name; f++) {
        const struct go_field *inner = f->embedded ? find_field(f->type, name, through) : NULL;
        if (inner)
            return inner;
    }
    return NULL;
}

bool value_field(const struct value *v, const char *name, struct value *out)
{
    const struct go_field *f = v->type ? find_field(v->type, name, NULL) : NULL;
    if (!f)
        return false;
    const json_t *member =
        f->embedded ? v->json : json_get_fold(v->json, f->json ? f->json : f->name);
    *out = value_ref(member, f->type);
    return true;
}

struct value value_at(const struct value *v, size_t i)
{
    return value_ref(json_array_get(v->json, i), v->type->elem ? v->type->elem : &go_any);
}

bool value_member(const struct value *v, const char *key, struct value *out)
{
    const json_t *member = json_object_get(v->json, key);
    if (!member)
        return false;
    *out = value_ref(member, v->type->elem ? v->type->elem : &go_any);
    return true;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

const char **json_sorted_keys(const json_t *object, size_t *n)
{
    const char **keys = xcalloc(json_object_size(object) + 1, sizeof(*keys));
    const char *k;
    json_t *v;
    *n = 0;
    json_object_foreach ((json_t *)(uintptr_t)object, k, v)
        keys[(*n)++] = k;
    qsort(keys, *n, sizeof(*keys), by_name);
    return keys;
}

const struct go_type *value_key_type(const struct value *v)
{
    return v->type->key ? v->type->key : &go_string;
}
