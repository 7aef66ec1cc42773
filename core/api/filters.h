/* SPDX-License-Identifier: Apache-2.0 */
/* The `filters` parameter and Docker's idea of a boolean. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "base/err.h"

/* Both forms, {"status":{"running":true}} and {"status":["running"]}, become
 * {"status":["running"]}. NULL or "" gives *out = NULL. -EINVAL in words. */
int filters_parse(const char *text, json_t **out, struct err *err);

/* NULL, "", 0, no, false and none in any case are false, all else is true. */
bool bool_parse(const char *value);
