/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One option of a schema
 *
 * Reads struct berth_option as its driver built it (fields beyond its `size` count as not given) and parses a text
 * by its type. Internal to plugin/.
 */
#pragma once

#include <berth/options.h>

#include "base/err.h"

/* As much of an option as its driver has. False when it is too small to be one. */
bool schema_read(const struct berth_option *from, struct berth_option *to);
/* Finds an option by name. */
bool schema_find(const struct berth_option *const *schema, const char *name,
                 struct berth_option *to);
/* Parses `text` by the option's type; *number is what get_int() gives (0 for texts). -EINVAL in words. */
int schema_parse(const struct berth_option *o, const char *text, int64_t *number, struct err *err);
/* True for the types that have a number. */
bool schema_is_number(const struct berth_option *o);
