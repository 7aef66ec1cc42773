/* SPDX-License-Identifier: Apache-2.0 */
/* --format from any bytes: parses, and executes on a value of every kind. */
#include <stdint.h>

#include "client/template/template.h"

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
    struct template_env strict = {.missing_is_error = true};
    template_exec(t, &(struct template_env){0}, dot, &out, &err);
    template_exec(t, &strict, dot, &out, &err);
    return 0;
}
