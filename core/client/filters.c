/* SPDX-License-Identifier: Apache-2.0 */
/* Filters and times of the command line. */
#include "client/filters.h"

#include <ctype.h>
#include <errno.h>
#include <time.h>

#include "base/clock.h"
#include "base/json.h"
#include "client/http.h"

static int add_filter(json_t *all, const char *item, struct err *err)
{
    const char *eq = strchr(item, '=');
    if (!eq)
        return err_set(err, -EINVAL, "invalid filter \"%s\": KEY=VALUE", item);
    _cleanup_(freep) char *name = xstrndup(item, (size_t)(eq - item));
    const char *key = str_trim(name);
    for (char *s = name; *s; s++)
        *s = (char)tolower((unsigned char)*s);
    json_default_take(all, key, json_object());
    json_put_bool(json_obj(all, key), eq + 1 + strspn(eq + 1, " "), true);
    return 0;
}

char *filters_query(const struct args *a, const char *more, struct err *err)
{
    json_auto_t *all = json_object();
    const char *item;
    strv_foreach (item, args_list(a, "filter"))
        if (add_filter(all, item, err) < 0)
            return NULL;
    if (more && add_filter(all, more, err) < 0)
        return NULL;
    if (json_object_size(all) == 0)
        return xstrdup("");
    _cleanup_(freep) char *text = json_text(all), *escaped = http_escape(text);
    return str_printf("&filters=%s", escaped);
}

/* "2026-01-02T03:04:05", without a zone? */
static bool is_local(const char *s)
{
    const char *date = strchr(s, '-'), *clock = strpbrk(s, "Tt ");
    return date && date - s == 4 && !strpbrk(clock ? clock : "", "Zz+-");
}

static char *seconds_text(int64_t ns)
{
    return str_printf("%lld.%09lld", (long long)(ns / NS_PER_SEC), (long long)(ns % NS_PER_SEC));
}

char *time_argument(const char *s)
{
    int64_t ns;
    if (!str_eq(s, "0") && parse_duration(s, &ns) == 0)
        return seconds_text(time_now_ns() - ns);
    if (!is_local(s) || time_parse_loose(s, &ns) < 0 || ns < 0)
        return xstrdup(s);
    struct tm tm;
    time_t as_utc = (time_t)(ns / NS_PER_SEC);
    gmtime_r(&as_utc, &tm);
    tm.tm_isdst = -1;
    return seconds_text((int64_t)mktime(&tm) * NS_PER_SEC + ns % NS_PER_SEC);
}

char *platform_query(const struct args *a, struct err *err)
{
    const char *text = args_str(a, "platform", "");
    _cleanup_(strv_fini) struct strv parts = {0};
    if (!*text)
        return xstrdup("");
    strv_split(&parts, text, "/");
    if (parts.n < 2 || parts.n > 3) {
        err_set(err, -EINVAL, "invalid platform \"%s\": OS/ARCH or OS/ARCH/VARIANT would be right",
                text);
        return NULL;
    }
    json_auto_t *o = json_object();
    json_put_str(o, "os", parts.v[0]);
    json_put_str(o, "architecture", parts.v[1]);
    if (parts.n > 2)
        json_put_str(o, "variant", parts.v[2]);
    _cleanup_(freep) char *json = json_text(o), *escaped = http_escape(json);
    return str_printf("&platform=%s", escaped);
}
