/* SPDX-License-Identifier: Apache-2.0 */
/* Request bodies: JSON, then each schema. What comes out has to go through unchanged a second time.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "api/fold.h"
#include "base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void body_check(const json_t *body, const struct schema *schema)
{
    json_auto_t *once = NULL;
    json_auto_t *twice = NULL;
    if (body_fold(body, schema, &once, NULL) < 0 || json_is_null(body))
        return;
    if (body_fold(once, schema, &twice, NULL) < 0 || !json_equal(once, twice))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    json_auto_t *body = NULL;
    if (json_parse((const char *)data, n, &body, NULL) < 0)
        return 0;
    body_check(body, &schema_container_create);
    body_check(body, &schema_exec_create);
    body_check(body, &schema_exec_start);
    body_check(body, &schema_volume_create);
    return 0;
}
