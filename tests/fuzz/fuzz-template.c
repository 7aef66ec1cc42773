/* SPDX-License-Identifier: Apache-2.0 */
/* --format from any bytes: parses, and executes on a value of every kind, read as this and that Go type. */
#include <stdint.h>

#include "client/template/template.h"
#include "client/template/value.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const char value[] =
    "{\"Name\":\"web\",\"N\":7,\"F\":1.5,\"Yes\":true,\"Nil\":null,\"List\":[\"a\",2,[3],{\"k\":4}]"
    ","
    "\"Map\":{\"z\":1,\"k\":\"v\",\"80/tcp\":[{\"HostPort\":\"80\"}]},\"Utf\":\"\\u00e4\\u4e16\"}";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    _cleanup_(template_freep) struct template *t = NULL;
    _cleanup_(freep) char *text = xstrndup((const char *)data, n);
    _cleanup_(err_fini) struct err err = {0};
    _cleanup_(buf_fini) struct buf out = {0};
    if (n > 4096 || template_parse(text, &t, &err) < 0)
        return 0;
    json_auto_t *dot = json_loads(value, 0, NULL);
    const struct template_env envs[] = {{0},
                                        {.missing_is_error = true},
                                        {.missing_is_error = true, .type = &go_raw},
                                        {.header = true, .type = &go_string_map}};
    for (size_t i = 0; i < ARRAY_SIZE(envs); i++) {
        buf_reset(&out);
        template_exec(t, &envs[i], dot, &out, &err);
    }
    return 0;
}
