/* SPDX-License-Identifier: Apache-2.0 */
/* How the files of Go types write them down; STRUCT and POINTER take the fields from `id_fields`. */
#pragma once

#include "client/types.h"

#define STRUCT(id, go_name)                                                                        \
    static const struct go_type id = {.name = go_name, .kind = GO_STRUCT, .fields = id##_fields}
#define POINTER(id, go_name)                                                                       \
    static const struct go_type id##_pointer = {                                                   \
        .name = go_name, .kind = GO_STRUCT, .pointer = true, .fields = id##_fields}
#define SLICE(id, go_name, of)                                                                     \
    static const struct go_type id = {.name = go_name, .kind = GO_SLICE, .elem = &of}
#define MAP(id, go_name, of)                                                                       \
    static const struct go_type id = {.name = go_name, .kind = GO_MAP, .elem = &of}
