/* SPDX-License-Identifier: Apache-2.0 */
/* Filters and times of the command line. */
#include "client/filters.h"

#include <errno.h>

#include "base/clock.h"
#include "base/json.h"
#include "client/http.h"

char *filters_query(const struct args *a, struct err *err)
{
    json_auto_t *all = json_object();
    const char *item;
    strv_foreach (item, args_list(a, "filter")) {
        const char *eq = strchr(item, '=');
        if (!eq) {
            err_set(err, -EINVAL, "invalid filter \"%s\": KEY=VALUE", item);
            return NULL;
        }
        _cleanup_(freep) char *key = xstrndup(item, (size_t)(eq - item));
        json_default_take(all, key, json_object());
        json_put_bool(json_obj(all, key), eq + 1, true);
    }
    if (json_object_size(all) == 0)
        return xstrdup("");
    _cleanup_(freep) char *text = json_text(all), *escaped = http_escape(text);
    return str_printf("&filters=%s", escaped);
}

char *time_argument(const char *s)
{
    int64_t span;
    if (parse_duration(s, &span) < 0 || str_eq(s, "0"))
        return xstrdup(s);
    int64_t ns = time_now_ns() - span;
    return str_printf("%lld.%09lld", (long long)(ns / NS_PER_SEC), (long long)(ns % NS_PER_SEC));
}
