/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bodies: the members of a request's object, as a table
 *
 * The table says each member's kind and what stands there when the client gave none. A body that passed holds values of the
 * right kind only, so what follows reads it with plain getters.
 */
#pragma once

#include <jansson.h>
#include <stddef.h>

#include "base/err.h"

enum member_kind {
    MEMBER_STRING,
    MEMBER_INT,
    MEMBER_BOOL,
    MEMBER_STRINGS,    /* array of strings; a bare string counts as one, as in Docker's StrSlice */
    MEMBER_INTS,       /* array of integers */
    MEMBER_OBJECTS,    /* array of objects */
    MEMBER_OBJECT,     /* anything inside */
    MEMBER_STRING_MAP, /* object of strings */
    MEMBER_SET,        /* object of empty objects: {"80/tcp": {}} */
};

struct member {
    const char *name;
    enum member_kind kind;
    /* JSON text of the value to use when there is none; NULL: the member is left out. */
    const char *dflt;
};

/* A new object with the table's members in the table's order; unknown members are dropped, as Go does. `where` names the
 * object in errors ("HostConfig"). -EINVAL. */
int body_read(const json_t *body, const struct member *members, size_t n, const char *where,
              json_t **out, struct err *err);
