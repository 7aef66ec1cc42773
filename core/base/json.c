/* SPDX-License-Identifier: Apache-2.0 */
/* JSON helpers over jansson. */
#include "base/json.h"

#include <errno.h>
#include <stdarg.h>
#include <strings.h>

#include "base/str.h"
#include "base/clock.h"

#define JSON_TEXT_MAX (8u << 20)

int json_parse(const char *text, size_t n, json_t **out, struct err *err)
{
    json_error_t why;
    if (n > JSON_TEXT_MAX)
        return err_set(err, -EINVAL, "JSON of %zu bytes is too large (at most %u)", n,
                       JSON_TEXT_MAX);
    *out = json_loadb(text, n, JSON_DECODE_ANY, &why);
    if (!*out)
        return err_set(err, -EINVAL, "invalid JSON at line %d, column %d: %s", why.line, why.column,
                       why.text);
    return 0;
}

char *json_text(const json_t *v)
{
    char *s = v ? json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
    return s ? s : xstrdup("null");
}

const char *json_str(const json_t *o, const char *key, const char *dflt)
{
    const char *s = json_string_value(json_object_get(o, key));
    return s ? s : dflt;
}

int64_t json_int(const json_t *o, const char *key, int64_t dflt)
{
    const json_t *v = json_object_get(o, key);
    return json_is_integer(v) ? json_integer_value(v) : dflt;
}

bool json_bool(const json_t *o, const char *key, bool dflt)
{
    const json_t *v = json_object_get(o, key);
    return json_is_boolean(v) ? json_is_true(v) : dflt;
}

json_t *json_obj(const json_t *o, const char *key)
{
    json_t *v = json_object_get(o, key);
    return json_is_object(v) ? v : NULL;
}

json_t *json_arr(const json_t *o, const char *key)
{
    json_t *v = json_object_get(o, key);
    return json_is_array(v) ? v : NULL;
}

json_t *json_string_any(const char *s)
{
    json_t *v = json_string(s);
    if (v)
        return v;
    _cleanup_(freep) char *clean = str_to_utf8(s, strlen(s));
    return json_string(clean);
}

void json_put_str(json_t *o, const char *key, const char *s)
{
    json_object_set_new(o, key, s ? json_string_any(s) : json_null());
}

void json_put_strf(json_t *o, const char *key, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    _cleanup_(freep) char *s = str_vprintf(fmt, ap);
    va_end(ap);
    json_put_str(o, key, s);
}

void json_put_int(json_t *o, const char *key, int64_t v)
{
    json_object_set_new(o, key, json_integer(v));
}

void json_put_bool(json_t *o, const char *key, bool v)
{
    json_object_set_new(o, key, json_boolean(v));
}

void json_put_take(json_t *o, const char *key, json_t *v)
{
    json_object_set_new(o, key, v ? v : json_null());
}

void json_put(json_t *o, const char *key, const json_t *v)
{
    json_put_take(o, key, json_incref((json_t *)(uintptr_t)v));
}

void json_push_str(json_t *array, const char *s)
{
    json_array_append_new(array, json_string_any(s));
}

void json_push_take(json_t *array, json_t *v)
{
    json_array_append_new(array, v);
}

void json_put_time(json_t *o, const char *key, int64_t ns)
{
    char text[TIME_RFC3339_MAX];
    time_format(ns, text);
    json_put_str(o, key, text);
}

void json_default_take(json_t *o, const char *key, json_t *v)
{
    if (json_object_get(o, key))
        json_decref(v);
    else
        json_put_take(o, key, v);
}

json_t *json_get_fold(const json_t *o, const char *key)
{
    json_t *exact = json_object_get(o, key);
    if (exact || !json_is_object(o))
        return exact;
    const char *k;
    json_t *v;
    json_object_foreach ((json_t *)(uintptr_t)o, k, v)
        if (strcasecmp(k, key) == 0)
            return v;
    return NULL;
}
