/* SPDX-License-Identifier: Apache-2.0 */
/* NAME=value: --env, --env-file, --label, --label-file. */
#pragma once

#include <jansson.h>

#include "base/err.h"
#include "base/str.h"

/* The files' lines and then the items, as strings of a new array. NAME alone takes our own environment's value; where
 * there is none, a line is dropped and an item stays as it is, which takes the image's variable away. */
int env_list(const struct strv *files, const struct strv *items, json_t **out, struct err *err);
/* The files' lines and then the items, as members of a new object; NAME alone has the value "". */
int label_map(const struct strv *files, const struct strv *items, json_t **out, struct err *err);
/* The items as members of a new object. */
json_t *pairs_map(const struct strv *items);
