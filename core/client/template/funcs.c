/* SPDX-License-Identifier: Apache-2.0 */
/* The functions of templates: text/template's predefined ones and those of docker's formats. */
#include "client/template/funcs.h"

#include <ctype.h>
#include <errno.h>

#include "base/json.h"

static int fail(struct err *err, const char *fn, const char *words)
{
    return err_set(err, -EINVAL, "error calling %s: %s", fn, words);
}

static char *text_of(const json_t *v)
{
    struct buf b = {0};
    template_print(v, &b);
    return buf_steal(&b);
}

/* --- comparison */

static bool same_kind(const json_t *a, const json_t *b)
{
    return json_typeof(a) == json_typeof(b) || (json_is_boolean(a) && json_is_boolean(b)) ||
           (json_is_number(a) && json_is_number(b));
}

static int order(const json_t *a, const json_t *b, int *out)
{
    if (json_is_string(a) && json_is_string(b)) {
        *out = strcmp(json_string_value(a), json_string_value(b));
        return 0;
    }
    if (json_is_integer(a) && json_is_integer(b)) {
        json_int_t x = json_integer_value(a), y = json_integer_value(b);
        *out = (x > y) - (x < y);
        return 0;
    }
    if (json_is_number(a) && json_is_number(b)) {
        double x = json_number_value(a), y = json_number_value(b);
        *out = (x > y) - (x < y);
        return 0;
    }
    return -EINVAL;
}

static int fn_eq(json_t *const *args, size_t n, json_t **out, struct err *err)
{
    for (size_t i = 1; i < n; i++) {
        if (!same_kind(args[0], args[i]) && !json_is_null(args[0]) && !json_is_null(args[i]))
            return fail(err, "eq", "incompatible types for comparison");
        int c;
        bool equal = order(args[0], args[i], &c) == 0 ? c == 0 : json_equal(args[0], args[i]);
        if (equal) {
            *out = json_true();
            return 0;
        }
    }
    *out = json_false();
    return 0;
}

static int fn_ne(json_t *const *args, size_t n, json_t **out, struct err *err)
{
    json_auto_t *equal = NULL;
    int r = fn_eq(args, n, &equal, err);
    if (r == 0)
        *out = json_boolean(!json_is_true(equal));
    return r;
}

static int compare(const char *fn, json_t *const *args, int *c, struct err *err)
{
    return order(args[0], args[1], c) < 0 ? fail(err, fn, "incompatible types for comparison") : 0;
}

#define ORDERED(name, op)                                                                          \
    static int fn_##name(json_t *const *args, size_t n, json_t **out, struct err *err)             \
    {                                                                                              \
        int c = 0, r = compare(#name, args, &c, err);                                              \
        if (r == 0)                                                                                \
            *out = json_boolean(c op 0);                                                           \
        return r;                                                                                  \
    }
ORDERED(lt, <)
ORDERED(le, <=)
ORDERED(gt, >)
ORDERED(ge, >=)

static int fn_not(json_t *const *args, size_t n, json_t **out, struct err *err)
{
    *out = json_boolean(!template_truth(args[0]));
    return 0;
}

/* and, or: with all arguments evaluated (the evaluator stops early and asks here only for what it has). */
static int fn_last(json_t *const *args, size_t n, json_t **out, struct err *err)
{
    *out = json_incref(args[n - 1]);
    return 0;
}

/* --- access */

static int index_one(json_t *v, const json_t *key, json_t **out, struct err *err)
{
    if (json_is_object(v)) {
        if (!json_is_string(key))
            return fail(err, "index", "value has type int; should be string");
        json_t *item = json_object_get(v, json_string_value(key));
        *out = item ? json_incref(item) : json_null();
        return 0;
    }
    if (json_is_array(v) || json_is_string(v)) {
        size_t size = json_is_array(v) ? json_array_size(v) : json_string_length(v);
        if (!json_is_integer(key))
            return fail(err, "index", "cannot index slice/array with type string");
        json_int_t i = json_integer_value(key);
        if (i < 0 || (size_t)i >= size)
            return err_set(err, -EINVAL, "error calling index: index out of range: %lld",
                           (long long)i);
        *out = json_is_array(v) ? json_incref(json_array_get(v, (size_t)i))
                                : json_integer((unsigned char)json_string_value(v)[i]);
        return 0;
    }
    return err_set(err, -EINVAL, "error calling index: can't index item of type %s",
                   template_type(v));
}

static int fn_index(json_t *const *args, size_t n, json_t **out, struct err *err)
{
    json_t *v = json_incref(args[0]);
    for (size_t i = 1; i < n; i++) {
        json_t *next = NULL;
        int r = json_is_null(v) ? fail(err, "index", "index of untyped nil")
                                : index_one(v, args[i], &next, err);
        json_decref(v);
        if (r < 0)
            return r;
        v = next;
    }
    *out = v;
    return 0;
}

static int fn_slice(json_t *const *args, size_t n, json_t **out, struct err *err)
{
    bool string = json_is_string(args[0]);
    if (!string && !json_is_array(args[0]))
        return err_set(err, -EINVAL, "error calling slice: can't slice item of type %s",
                       template_type(args[0]));
    json_int_t size = (json_int_t)(string ? json_string_length(args[0]) : json_array_size(args[0]));
    json_int_t from = n > 1 ? json_integer_value(args[1]) : 0,
               to = n > 2 ? json_integer_value(args[2]) : size;
    for (size_t i = 1; i < n; i++)
        if (!json_is_integer(args[i]) || json_integer_value(args[i]) < 0 ||
            json_integer_value(args[i]) > size)
            return fail(err, "slice", "index out of range");
    if (from > to)
        return fail(err, "slice", "invalid slice index: the start lies behind the end");
    if (string) {
        _cleanup_(freep) char *part =
            xstrndup(json_string_value(args[0]) + from, (size_t)(to - from));
        *out = json_string_any(part);
        return 0;
    }
    *out = json_array();
    for (json_int_t i = from; i < to; i++)
        json_array_append(*out, json_array_get(args[0], (size_t)i));
    return 0;
}

static int fn_len(json_t *const *args, size_t n, json_t **out, struct err *err)
{
    if (json_is_string(args[0]))
        *out = json_integer((json_int_t)json_string_length(args[0]));
    else if (json_is_array(args[0]))
        *out = json_integer((json_int_t)json_array_size(args[0]));
    else if (json_is_object(args[0]))
        *out = json_integer((json_int_t)json_object_size(args[0]));
    else
        return err_set(err, -EINVAL, "error calling len: len of type %s", template_type(args[0]));
    return 0;
}

/* --- printing */

static int print_all(json_t *const *args, size_t n, bool line, json_t **out)
{
    struct buf b = {0};
    for (size_t i = 0; i < n; i++) {
        if (i && (line || (!json_is_string(args[i]) && !json_is_string(args[i - 1]))))
            buf_addc(&b, ' ');
        template_print(args[i], &b);
    }
    if (line)
        buf_addc(&b, '\n');
    _cleanup_(freep) char *s = buf_steal(&b);
    *out = json_string_any(s);
    return 0;
}

static int fn_print(json_t *const *args, size_t n, json_t **out, struct err *err)
{
    return print_all(args, n, false, out);
}

static int fn_println(json_t *const *args, size_t n, json_t **out, struct err *err)
{
    return print_all(args, n, true, out);
}

static int fn_json(json_t *const *args, size_t n, json_t **out, struct err *err)
{
    _cleanup_(freep) char *s = json_text(args[0]);
    *out = json_string_any(s);
    return 0;
}

static int escape_with(json_t *const *args, size_t n, const char *special,
                       const char *const *replacements, json_t **out)
{
    json_auto_t *all = NULL;
    struct buf b = {0};
    print_all(args, n, false, &all);
    for (const char *s = json_string_value(all); *s; s++) {
        const char *at = strchr(special, *s);
        if (at)
            buf_adds(&b, replacements[at - special]);
        else
            buf_addc(&b, *s);
    }
    _cleanup_(freep) char *text = buf_steal(&b);
    *out = json_string(text);
    return 0;
}

static int fn_html(json_t *const *args, size_t n, json_t **out, struct err *err)
{
    static const char *const to[] = {"&lt;", "&gt;", "&amp;", "&#34;", "&#39;"};
    return escape_with(args, n, "<>&\"'", to, out);
}

static int fn_js(json_t *const *args, size_t n, json_t **out, struct err *err)
{
    static const char *const to[] = {"\\u003C", "\\u003E", "\\u0026", "\\\"",
                                     "\\'",     "\\\\",    "\\u000A"};
    return escape_with(args, n, "<>&\"'\\\n", to, out);
}

static int fn_urlquery(json_t *const *args, size_t n, json_t **out, struct err *err)
{
    json_auto_t *all = NULL;
    struct buf b = {0};
    print_all(args, n, false, &all);
    for (const char *s = json_string_value(all); *s; s++) {
        if (isalnum((unsigned char)*s) || strchr("-_.~", *s))
            buf_addc(&b, *s);
        else if (*s == ' ')
            buf_addc(&b, '+');
        else
            buf_printf(&b, "%%%02X", (unsigned char)*s);
    }
    _cleanup_(freep) char *text = buf_steal(&b);
    *out = json_string(text);
    return 0;
}

/* --- docker's */

static int fn_join(json_t *const *args, size_t n, json_t **out, struct err *err)
{
    if ((!json_is_array(args[0]) && !json_is_null(args[0])) || !json_is_string(args[1]))
        return fail(err, "join", "wants a list and a separator");
    struct buf b = {0};
    size_t i;
    const json_t *item;
    json_array_foreach (args[0], i, item) {
        if (i)
            buf_adds(&b, json_string_value(args[1]));
        template_print(item, &b);
    }
    _cleanup_(freep) char *s = buf_steal(&b);
    *out = json_string_any(s);
    return 0;
}

static int fn_split(json_t *const *args, size_t n, json_t **out, struct err *err)
{
    const char *s = json_string_value(args[0]), *sep = json_string_value(args[1]);
    if (!s || !sep)
        return fail(err, "split", "wants a string and a separator");
    *out = json_array();
    for (const char *at; *sep && (at = strstr(s, sep)); s = at + strlen(sep))
        json_array_append_new(*out, json_stringn(s, (size_t)(at - s)));
    json_push_str(*out, s);
    return 0;
}

static int map_chars(json_t *const *args, const char *fn, int (*map)(int), bool first_only,
                     json_t **out, struct err *err)
{
    if (!json_is_string(args[0]))
        return fail(err, fn, "wants a string");
    _cleanup_(freep) char *s = text_of(args[0]);
    bool start = true;
    for (char *p = s; *p; p++) {
        if (!first_only || start)
            *p = (char)((unsigned char)*p < 0x80 ? map((unsigned char)*p) : *p);
        start = *p == ' ' || *p == '-';
    }
    *out = json_string_any(s);
    return 0;
}

static int fn_lower(json_t *const *args, size_t n, json_t **out, struct err *err)
{
    return map_chars(args, "lower", tolower, false, out, err);
}

static int fn_upper(json_t *const *args, size_t n, json_t **out, struct err *err)
{
    return map_chars(args, "upper", toupper, false, out, err);
}

static int fn_title(json_t *const *args, size_t n, json_t **out, struct err *err)
{
    return map_chars(args, "title", toupper, true, out, err);
}

static int fn_pad(json_t *const *args, size_t n, json_t **out, struct err *err)
{
    if (!json_is_string(args[0]) || !json_is_integer(args[1]) || !json_is_integer(args[2]))
        return fail(err, "pad", "wants a string and two numbers");
    json_int_t left = MAX(MIN(json_integer_value(args[1]), 4096), 0),
               right = MAX(MIN(json_integer_value(args[2]), 4096), 0);
    const char *s = json_string_value(args[0]);
    *out = *s ? json_sprintf("%*s%s%*s", (int)left, "", s, (int)right, "") : json_string("");
    return 0;
}

static int fn_truncate(json_t *const *args, size_t n, json_t **out, struct err *err)
{
    if (!json_is_string(args[0]) || !json_is_integer(args[1]) || json_integer_value(args[1]) < 0)
        return fail(err, "truncate", "wants a string and a length");
    size_t keep = (size_t)json_integer_value(args[1]), len = json_string_length(args[0]);
    _cleanup_(freep) char *s = xstrndup(json_string_value(args[0]), MIN(keep, len));
    *out = json_string_any(s);
    return 0;
}

static const struct template_fn functions[] = {
    {"and", 1, 99, fn_last},
    {"or", 1, 99, fn_last},
    {"not", 1, 1, fn_not},
    {"eq", 2, 99, fn_eq},
    {"ne", 2, 2, fn_ne},
    {"lt", 2, 2, fn_lt},
    {"le", 2, 2, fn_le},
    {"gt", 2, 2, fn_gt},
    {"ge", 2, 2, fn_ge},
    {"index", 1, 99, fn_index},
    {"slice", 1, 4, fn_slice},
    {"len", 1, 1, fn_len},
    {"print", 0, 99, fn_print},
    {"println", 0, 99, fn_println},
    {"printf", 1, 99, template_printf},
    {"html", 0, 99, fn_html},
    {"js", 0, 99, fn_js},
    {"urlquery", 0, 99, fn_urlquery},
    {"json", 1, 1, fn_json},
    {"join", 2, 2, fn_join},
    {"split", 2, 2, fn_split},
    {"lower", 1, 1, fn_lower},
    {"upper", 1, 1, fn_upper},
    {"title", 1, 1, fn_title},
    {"pad", 3, 3, fn_pad},
    {"truncate", 2, 2, fn_truncate},
};

const struct template_fn *template_function(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(functions); i++)
        if (strcmp(functions[i].name, name) == 0)
            return &functions[i];
    return NULL;
}
