/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The small values of flags, bodies and configuration from any bytes: numbers, sizes, durations, times, truths, -p and
 * --mount. What was read as a time is written as one that reads the same.
 */
#include <stdint.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/json.h"
#include "client/run-options.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void numbers(const char *text)
{
    int64_t i;
    uint64_t u;
    bool b;
    parse_i64(text, INT64_MIN, INT64_MAX, &i);
    parse_u64(text, UINT64_MAX, &u);
    parse_duration(text, &i);
    parse_bool(text, &b);
    if (parse_size(text, &i) == 0 && i < 0)
        abort();
}

static void times(const char *text)
{
    int64_t ns, again;
    char out[TIME_RFC3339_MAX];
    time_parse_loose(text, &ns);
    if (time_parse(text, &ns) < 0 || ns == INT64_MIN || ns == INT64_MAX)
        return;
    time_format(ns, out);
    if (time_parse(out, &again) < 0 || again != ns)
        abort();
}

static void specs(const char *text)
{
    json_auto_t *exposed = json_object(), *bindings = json_object(), *mount = NULL;
    _cleanup_(err_fini) struct err err = {0};
    publish_spec(text, exposed, bindings, &err);
    expose_spec(text, exposed, &err);
    if (mount_spec(text, &mount, &err) == 0 && !*json_str(mount, "Target", ""))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n > 1024)
        return 0;
    _cleanup_(freep) char *text = xstrndup((const char *)data, n);
    numbers(text);
    times(text);
    specs(text);
    free(fs_clean_path(text));
    _cleanup_(freep) char *utf8 = str_to_utf8((const char *)data, n);
    json_auto_t *string = json_string(utf8);
    if (!string)
        abort();
    return 0;
}
