/* SPDX-License-Identifier: Apache-2.0 */
/* The functions that docker's formats add. */
#include <errno.h>

#include "base/json.h"
#include "base/utf8.h"
#include "client/template/funcs.h"

#define PAD_MAX 4096

/* A value without JSON of its own (a field that is not there) has its type's zero. */
static char *json_of(const struct value *v)
{
    static const char *const zero[] = {[GO_STRUCT] = "{}",
                                       [GO_STRING] = "\"\"",
                                       [GO_INT] = "0",
                                       [GO_FLOAT] = "0",
                                       [GO_BOOL] = "false"};
    enum go_kind kind = value_kind(v);
    struct buf own = {0};
    if (v->type && v->type->json) {
        v->type->json(v->json, &own);
        return buf_steal(&own);
    }
    if (!json_is_null(v->json) || value_is_nil(v) || kind >= ARRAY_SIZE(zero) || !zero[kind])
        return json_text(v->json);
    return xstrdup(zero[kind]);
}

static int fn_json(const struct value *args, size_t n, struct value *out, struct err *err)
{
    _cleanup_(freep) char *text = json_of(&args[0]);
    *out = value_string(text, strlen(text));
    return 0;
}

static int fn_join(const struct value *args, size_t n, struct value *out, struct err *err)
{
    struct buf b = {0};
    size_t len;
    const char *sep = value_text(&args[1], &len);
    for (size_t i = 0; i < json_array_size(args[0].json); i++) {
        const char *item = json_string_value(json_array_get(args[0].json, i));
        if (i)
            buf_add(&b, sep, len);
        buf_adds(&b, item ? item : "");
    }
    *out = value_string(b.s, b.len);
    buf_fini(&b);
    return 0;
}

/* Without a separator: into characters. */
static int fn_split(const struct value *args, size_t n, struct value *out, struct err *err)
{
    size_t len, sep_len;
    const char *s = value_text(&args[0], &len), *sep = value_text(&args[1], &sep_len),
               *end = s + len;
    json_t *list = json_array();
    while (s < end || sep_len > 0) {
        uint32_t c;
        const char *at = sep_len ? memmem(s, (size_t)(end - s), sep, sep_len)
                                 : s + utf8_next(s, (size_t)(end - s), &c);
        json_array_append_new(list, json_stringn(s, (size_t)((at ? at : end) - s)));
        if (!at)
            break;
        s = at + sep_len;
    }
    *out = value_take(list, &go_strings);
    return 0;
}

static struct value mapped(const struct value *v, uint32_t (*map)(uint32_t), bool starts_only)
{
    struct buf b = {0};
    size_t n;
    const char *s = value_text(v, &n);
    bool inside = false;
    for (size_t i = 0; i < n;) {
        uint32_t c;
        i += utf8_next(s + i, n - i, &c);
        utf8_add(&b, starts_only && inside ? c : map(c));
        inside = utf8_is_word(c);
    }
    struct value out = value_string(b.s, b.len);
    buf_fini(&b);
    return out;
}

static int fn_lower(const struct value *args, size_t n, struct value *out, struct err *err)
{
    *out = mapped(&args[0], utf8_lower, false);
    return 0;
}

static int fn_upper(const struct value *args, size_t n, struct value *out, struct err *err)
{
    *out = mapped(&args[0], utf8_upper, false);
    return 0;
}

static int fn_title(const struct value *args, size_t n, struct value *out, struct err *err)
{
    *out = mapped(&args[0], utf8_upper, true);
    return 0;
}

static int fn_pad(const struct value *args, size_t n, struct value *out, struct err *err)
{
    size_t len;
    const char *s = value_text(&args[0], &len);
    json_int_t left = value_int(&args[1]), right = value_int(&args[2]);
    if (left < 0 || right < 0)
        return err_set(err, -EINVAL, "strings: negative Repeat count");
    if (left > PAD_MAX || right > PAD_MAX)
        return err_set(err, -EINVAL, "more than %d spaces", PAD_MAX);
    _cleanup_(freep) char *text =
        len ? str_printf("%*s%s%*s", (int)left, "", s, (int)right, "") : xstrdup("");
    *out = value_string(text, strlen(text));
    return 0;
}

static int fn_truncate(const struct value *args, size_t n, struct value *out, struct err *err)
{
    size_t len;
    const char *s = value_text(&args[0], &len);
    json_int_t keep = value_int(&args[1]);
    if (keep < 0)
        return err_set(err, -EINVAL, "slice bounds out of range [:%lld]", (long long)keep);
    *out = value_string(s, MIN(len, (size_t)keep));
    return 0;
}

const struct template_fn template_docker_functions[] = {
    {"json", "v", 1, 1, fn_json, true},
    {"join", "Ss", 2, 2, fn_join},
    {"split", "ss", 2, 2, fn_split},
    {"lower", "s", 1, 1, fn_lower, true},
    {"upper", "s", 1, 1, fn_upper, true},
    {"title", "s", 1, 1, fn_title, true},
    {"pad", "sii", 3, 3, fn_pad},
    {"truncate", "si", 2, 2, fn_truncate, true},
    {NULL},
};
