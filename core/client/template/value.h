/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values of templates: JSON, seen as the Go type that docker's client would have read it into
 *
 * A type says which fields there are (one that is not in the JSON has its zero value), in what order they print, what "%T"
 * shows, and which methods there are. JSON that does not fit its type, and what has none, is an `interface {}`.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "base/err.h"
#include "base/str.h"

enum go_kind {
    GO_ANY,    /* an interface {}: what is in it decides */
    GO_NIL,    /* reflect's invalid value: what an empty interface {} holds */
    GO_STRUCT, /* of a JSON object */
    GO_MAP,
    GO_SLICE,
    GO_STRING,
    GO_INT,
    GO_FLOAT,
    GO_BOOL,
};

struct go_field {
    const char *name;
    const struct go_type *type;
    const char *json; /* its member, without regard to case; NULL: as `name` */
    bool embedded;    /* its fields are also those of the struct, and so in the JSON */
};

struct go_type {
    const char *name;
    enum go_kind kind;
    bool pointer;
    const struct go_field *fields;                    /* of GO_STRUCT; ends with a name of NULL */
    const struct go_type *elem, *key;                 /* of GO_MAP and GO_SLICE; key NULL: string */
    void (*string)(const json_t *v, struct buf *out); /* its String(); NULL: none */
    void (*json)(const json_t *v, struct buf *out);   /* its MarshalJSON; NULL: as it came */
    /* A method without arguments: 1 and *out (a new reference), or 0. */
    int (*method)(const json_t *v, const char *name, json_t **out);
};

/* go_raw is an interface {} that docker has read with UseNumber. */
extern const struct go_type go_any, go_raw, go_nil, go_string, go_int, go_int64, go_float, go_bool,
    go_number, go_duration, go_time, go_strings, go_string_map, go_any_map, go_any_slice;

struct value {
    json_t *json;               /* owned */
    const struct go_type *type; /* NULL: there is no value */
};

/* `json` is taken over (NULL is null). `type` NULL or unfit: interface {}. */
struct value value_take(json_t *json, const struct go_type *type);
struct value value_ref(const json_t *json, const struct go_type *type);
struct value value_copy(const struct value *v);
void value_fini(struct value *v);
/* What an interface {} holds, in place: numbers are int or float64, those below go_raw json.Number (text). */
void value_unwrap(struct value *v);

/* What it is when unwrapped. */
enum go_kind value_kind(const struct value *v);
/* A nil interface {} or pointer. */
bool value_is_nil(const struct value *v);
/* Go's truth: false, 0, "", nil and what is empty are not. */
bool value_truth(const struct value *v);
/* The name of its type as it stands there ("interface {}" for what is in one). */
const char *value_type(const struct value *v);
/* Members of maps and slices, bytes of strings. */
size_t value_len(const struct value *v);
/* The text of a string or json.Number; "" for others. */
const char *value_text(const struct value *v, size_t *n);
json_int_t value_int(const struct value *v);
double value_float(const struct value *v);

/* Whether a struct has that field; *out is new. */
bool value_field(const struct value *v, const char *name, struct value *out);
/* Member `i` of a slice; of a map the one with that key, false when there is none. */
struct value value_at(const struct value *v, size_t i);
bool value_member(const struct value *v, const char *key, struct value *out);
/* The member keys of an object in Go's (sorted) order; the caller frees the array, not the keys. */
const char **json_sorted_keys(const json_t *object, size_t *n);
const struct go_type *value_key_type(const struct value *v);
