/* SPDX-License-Identifier: Apache-2.0 */
/* Request bodies in the schema's spelling, with the schema's types. */
#pragma once

#include <jansson.h>

#include "api/schema.h"
#include "base/err.h"

/* Makes *out from `body`: names matched without regard to case (the last of equal ones counts, as
 * in Go), members that the schema does not know and nulls dropped, strings made lists where both
 * are allowed. -EINVAL names the member and what was expected. */
int body_fold(const json_t *body, const struct schema *schema, json_t **out, struct err *err);
