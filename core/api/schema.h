/* SPDX-License-Identifier: Apache-2.0 */
/* The members of request bodies: their spelling and their types. */
#pragma once

#include <stddef.h>

enum value_kind {
    VALUE_ANY,
    VALUE_BOOL,
    VALUE_INT,
    VALUE_STR,
    VALUE_CMD, /* a string or a list of them */
    VALUE_OBJ, /* of `of` */
    VALUE_SET, /* {"80/tcp": {}}: what the members hold does not matter */
    /* Containers of `item`. Keys of a map are free. */
    VALUE_LIST,
    VALUE_MAP,
};

struct schema;
/* What a value has to be. `item` for lists and maps, `of` for objects. */
struct value_type {
    enum value_kind kind;
    const struct value_type *item;
    const struct schema *of;
};
struct member {
    const char *name;
    const struct value_type *type;
};
struct schema {
    const struct member *members;
    size_t n;
};

extern const struct schema schema_container_create;
extern const struct schema schema_container_update;
extern const struct schema schema_exec_create;
extern const struct schema schema_exec_start;
extern const struct schema schema_volume_create;
