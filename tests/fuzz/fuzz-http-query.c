/* SPDX-License-Identifier: Apache-2.0 */
/* What stands in the request's first line: the path, filters, booleans, detach keys. The text is
 * used as each of them. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "api/detach.h"
#include "api/filters.h"
#include "api/router.h"
#include "base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const struct route table[] = {
    {"GET", "/images/json"},
    {"GET", "/images/{}/json"},
    {NULL, "/swarm/{}"},
};

/* Bytes that hold no whole sequence arrive all, in order, however they are cut. */
static void detach_check(const char *spec, const uint8_t *data, size_t n)
{
    struct detach d;
    _cleanup_(buf_fini) struct buf out = {0};
    if (detach_parse(&d, spec, NULL) < 0)
        return;
    for (size_t i = 0; i < n; i++)
        if (detach_feed(&d, (const char *)data + i, 1, &out))
            return;
    detach_flush(&d, &out);
    if (out.len != n || (n > 0 && memcmp(out.s, data, n) != 0))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    _cleanup_(freep) char *text = xstrndup((const char *)data, n);
    struct route_match m;
    json_auto_t *filters = NULL;
    route_find(table, ARRAY_SIZE(table), "GET", text, &m, NULL);
    free(m.param);
    filters_parse(text, &filters, NULL);
    bool_parse(text);
    detach_check(text, data, n);
    detach_check("a,a,b", data, n);
    return 0;
}
