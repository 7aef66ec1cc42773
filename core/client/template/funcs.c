/* SPDX-License-Identifier: Apache-2.0 */
/* The functions that text/template has by itself. */
#include "client/template/funcs.h"

#include <ctype.h>
#include <errno.h>

#include "base/json.h"
#include "base/utf8.h"
#include "client/template/print.h"

struct value value_string(const char *s, size_t n)
{
    _cleanup_(freep) char *clean = str_to_utf8(s ? s : "", n);
    return value_take(json_string(clean), &go_string);
}

static struct value take_text(struct buf *b)
{
    struct value v = value_string(b->s, b->len);
    buf_fini(b);
    return v;
}

static struct value boolean(bool b)
{
    return value_take(json_boolean(b), &go_bool);
}

/* --- comparison */

/* The text of a string or json.Number; the caller frees. */
static char *text_of(const struct value *v)
{
    size_t n;
    return json_is_number(v->json) ? json_text(v->json) : xstrdup(value_text(v, &n));
}

static int order(const struct value *a, const struct value *b, enum go_kind kind)
{
    if (kind == GO_INT)
        return (value_int(a) > value_int(b)) - (value_int(a) < value_int(b));
    if (kind == GO_FLOAT)
        return (value_float(a) > value_float(b)) - (value_float(a) < value_float(b));
    if (kind == GO_BOOL)
        return json_is_true(a->json) != json_is_true(b->json);
    _cleanup_(freep) char *x = text_of(a), *y = text_of(b);
    return strcmp(x, y);
}

static bool is_basic(enum go_kind k)
{
    return k == GO_INT || k == GO_FLOAT || k == GO_BOOL || k == GO_STRING;
}

static int not_comparable(const struct value *v, struct err *err)
{
    struct buf b = {0};
    print_value(v, &b);
    int r = err_set(err, -EINVAL, "non-comparable type %s: %s", b.s ? b.s : "", value_type(v));
    buf_fini(&b);
    return r;
}

static int equal(const struct value *a, const struct value *b, bool *out, struct err *err)
{
    enum go_kind x = value_kind(a), y = value_kind(b);
    *out = false;
    if (value_is_nil(a) || value_is_nil(b) || x == GO_NIL || y == GO_NIL) {
        *out = json_is_null(a->json) && json_is_null(b->json);
        return 0;
    }
    if (is_basic(x) != is_basic(y) || (is_basic(x) && x != y))
        return err_set(err, -EINVAL, "incompatible types for comparison");
    if (x == GO_MAP || x == GO_SLICE)
        return not_comparable(a, err);
    *out = is_basic(x) ? order(a, b, x) == 0 : json_equal(a->json, b->json);
    return 0;
}

static int fn_eq(const struct value *args, size_t n, struct value *out, struct err *err)
{
    bool same = false;
    int r = n > 1 ? 0 : err_set(err, -EINVAL, "missing argument for comparison");
    for (size_t i = 1; r == 0 && !same && i < n; i++)
        r = equal(&args[0], &args[i], &same, err);
    if (r == 0)
        *out = boolean(same);
    return r;
}

static int fn_ne(const struct value *args, size_t n, struct value *out, struct err *err)
{
    bool same = false;
    int r = equal(&args[0], &args[1], &same, err);
    if (r == 0)
        *out = boolean(!same);
    return r;
}

static int compare(const struct value *args, int *c, struct err *err)
{
    enum go_kind x = value_kind(&args[0]), y = value_kind(&args[1]);
    if (!is_basic(x) || !is_basic(y) || (x == y && x == GO_BOOL))
        return err_set(err, -EINVAL, "invalid type for comparison");
    if (x != y)
        return err_set(err, -EINVAL, "incompatible types for comparison");
    *c = order(&args[0], &args[1], x);
    return 0;
}

#define ORDERED(name, op)                                                                          \
    static int fn_##name(const struct value *args, size_t n, struct value *out, struct err *err)   \
    {                                                                                              \
        int c = 0, r = compare(args, &c, err);                                                     \
        if (r == 0)                                                                                \
            *out = boolean(c op 0);                                                                \
        return r;                                                                                  \
    }
ORDERED(lt, <)
ORDERED(le, <=)
ORDERED(gt, >)
ORDERED(ge, >=)

static int fn_not(const struct value *args, size_t n, struct value *out, struct err *err)
{
    *out = boolean(!value_truth(&args[0]));
    return 0;
}

static int fn_last(const struct value *args, size_t n, struct value *out, struct err *err)
{
    *out = value_copy(&args[n - 1]);
    return 0;
}

/* --- access */

/* A position: 0 … limit. */
static int position(const struct value *v, size_t limit, size_t *out, struct err *err)
{
    if (value_kind(v) == GO_NIL)
        return err_set(err, -EINVAL, "cannot index slice/array with nil");
    if (value_kind(v) != GO_INT)
        return err_set(err, -EINVAL, "cannot index slice/array with type %s", value_type(v));
    json_int_t i = value_int(v);
    if (i < 0 || (unsigned long long)i > limit)
        return err_set(err, -EINVAL, "index out of range: %lld", (long long)i);
    *out = (size_t)i;
    return 0;
}

static int index_list(const struct value *v, const struct value *at, struct value *out,
                      struct err *err)
{
    size_t i = 0, n = value_len(v);
    bool string = value_kind(v) == GO_STRING;
    int r = position(at, n, &i, err);
    if (r < 0)
        return r;
    if (i == n)
        return err_set(err, -EINVAL, "reflect: %s index out of range", string ? "string" : "slice");
    if (!string) {
        *out = value_at(v, i);
        return 0;
    }
    _cleanup_(freep) char *text = text_of(v);
    *out = value_take(json_integer((unsigned char)text[i]), &go_int);
    return 0;
}

static int index_map(const struct value *v, const struct value *key, struct value *out,
                     struct err *err)
{
    const char *want = value_key_type(v)->name;
    if (value_kind(key) == GO_NIL)
        return err_set(err, -EINVAL, "value is nil; should be of type %s", want);
    if (value_kind(key) != GO_STRING)
        return err_set(err, -EINVAL, "value has type %s; should be %s", value_type(key), want);
    _cleanup_(freep) char *text = text_of(key);
    if (!value_member(v, text, out))
        *out = value_take(NULL, v->type->elem);
    return 0;
}

static int index_one(const struct value *v, const struct value *at, struct value *out,
                     struct err *err)
{
    switch (value_kind(v)) {
    case GO_MAP:
        return index_map(v, at, out, err);
    case GO_SLICE:
    case GO_STRING:
        return index_list(v, at, out, err);
    default:
        return err_set(err, -EINVAL, "can't index item of type %s", value_type(v));
    }
}

static int fn_index(const struct value *args, size_t n, struct value *out, struct err *err)
{
    struct value v = value_copy(&args[0]);
    int r = 0;
    if (value_kind(&v) == GO_NIL && n > 1)
        r = err_set(err, -EINVAL, "index of untyped nil");
    for (size_t i = 1; r == 0 && i < n; i++) {
        struct value next = {0};
        if (value_is_nil(&v))
            r = err_set(err, -EINVAL, "index of nil pointer");
        value_unwrap(&v);
        if (r == 0)
            r = index_one(&v, &args[i], &next, err);
        value_fini(&v);
        v = next;
    }
    *out = v;
    return r;
}

static struct value part(const struct value *v, size_t from, size_t to)
{
    if (value_kind(v) == GO_STRING) {
        _cleanup_(freep) char *text = text_of(v);
        return value_string(text + from, to - from);
    }
    json_t *list = json_array();
    for (size_t i = from; i < to; i++)
        json_array_append(list, json_array_get(v->json, i));
    return value_take(list, v->type);
}

static int fn_slice(const struct value *args, size_t n, struct value *out, struct err *err)
{
    enum go_kind kind = value_kind(&args[0]);
    size_t size = value_len(&args[0]), at[3] = {0, size, size};
    int r = 0;
    if (kind == GO_NIL)
        return err_set(err, -EINVAL, "slice of untyped nil");
    if (n > 4)
        return err_set(err, -EINVAL, "too many slice indexes: %zu", n - 1);
    if (kind == GO_STRING && n == 4)
        return err_set(err, -EINVAL, "cannot 3-index slice a string");
    if (kind != GO_STRING && kind != GO_SLICE)
        return err_set(err, -EINVAL, "can't slice item of type %s", value_type(&args[0]));
    for (size_t i = 1; r == 0 && i < n; i++)
        r = position(&args[i], size, &at[i - 1], err);
    for (size_t i = 0; r == 0 && i < 2; i++)
        if (at[i] > at[i + 1])
            r = err_set(err, -EINVAL, "invalid slice index: %zu > %zu", at[i], at[i + 1]);
    if (r == 0)
        *out = part(&args[0], at[0], at[1]);
    return r;
}

static int fn_len(const struct value *args, size_t n, struct value *out, struct err *err)
{
    enum go_kind kind = value_kind(&args[0]);
    if (kind == GO_NIL || value_is_nil(&args[0]))
        return err_set(err, -EINVAL, "len of nil pointer");
    if (kind != GO_MAP && kind != GO_SLICE && kind != GO_STRING)
        return err_set(err, -EINVAL, "len of type %s", value_type(&args[0]));
    *out = value_take(json_integer((json_int_t)value_len(&args[0])), &go_int);
    return 0;
}

/* No value of JSON is a function. */
static int fn_call(const struct value *args, size_t n, struct value *out, struct err *err)
{
    if (value_kind(&args[0]) == GO_NIL)
        return err_set(err, -EINVAL, "call of nil");
    return err_set(err, -EINVAL, "non-function of type %s", value_type(&args[0]));
}

/* --- printing */

static int fn_print(const struct value *args, size_t n, struct value *out, struct err *err)
{
    struct buf b = {0};
    print_operands(args, n, false, &b);
    *out = take_text(&b);
    return 0;
}

static int fn_println(const struct value *args, size_t n, struct value *out, struct err *err)
{
    struct buf b = {0};
    print_operands(args, n, true, &b);
    *out = take_text(&b);
    return 0;
}

static int fn_printf(const struct value *args, size_t n, struct value *out, struct err *err)
{
    struct buf b = {0};
    _cleanup_(freep) char *format = text_of(&args[0]);
    print_format(format, args + 1, n - 1, &b);
    *out = take_text(&b);
    return 0;
}

/* Puts what `replace` says in the place of each character of the arguments; NULL leaves it. */
static struct value escaped(const struct value *args, size_t n,
                            void (*replace)(uint32_t c, const char *s, size_t n, struct buf *out))
{
    struct buf all = {0}, b = {0};
    if (n == 1 && value_kind(&args[0]) == GO_NIL)
        buf_adds(&all, "<no value>");
    else
        print_operands(args, n, false, &all);
    for (size_t i = 0; i < all.len;) {
        uint32_t c;
        size_t len = utf8_next(all.s + i, all.len - i, &c);
        replace(c, all.s + i, len, &b);
        i += len;
    }
    buf_fini(&all);
    return take_text(&b);
}

static void replace_html(uint32_t c, const char *s, size_t n, struct buf *out)
{
    static const char special[] = "<>&\"'";
    static const char *const to[] = {"&lt;", "&gt;", "&amp;", "&#34;", "&#39;"};
    const char *at = c && c < 0x80 ? strchr(special, (int)c) : NULL;
    if (at)
        buf_adds(out, to[at - special]);
    else
        buf_add(out, s, n);
}

static void replace_js(uint32_t c, const char *s, size_t n, struct buf *out)
{
    if (c < 0x80 && strchr("\\\"'", (int)c) && c)
        buf_printf(out, "\\%c", (int)c);
    else if (c < 0x20 || (c < 0x80 && strchr("<>&=", (int)c)) || !utf8_printable(c))
        buf_printf(out, "\\u%04X", (unsigned int)(c == UTF8_BAD ? 0xFFFD : c));
    else
        buf_add(out, s, n);
}

static void replace_query(uint32_t c, const char *s, size_t n, struct buf *out)
{
    for (size_t i = 0; i < n; i++) {
        unsigned char byte = (unsigned char)s[i];
        if (byte < 0x80 && (isalnum(byte) || (byte && strchr("-_.~", byte))))
            buf_addc(out, (char)byte);
        else if (byte == ' ')
            buf_addc(out, '+');
        else
            buf_printf(out, "%%%02X", byte);
    }
    (void)c;
}

static int fn_html(const struct value *args, size_t n, struct value *out, struct err *err)
{
    *out = escaped(args, n, replace_html);
    return 0;
}

static int fn_js(const struct value *args, size_t n, struct value *out, struct err *err)
{
    *out = escaped(args, n, replace_js);
    return 0;
}

static int fn_urlquery(const struct value *args, size_t n, struct value *out, struct err *err)
{
    *out = escaped(args, n, replace_query);
    return 0;
}

static const struct template_fn functions[] = {
    {"and", "v", 1, TEMPLATE_ARGS_MAX, fn_last},
    {"or", "v", 1, TEMPLATE_ARGS_MAX, fn_last},
    {"not", "v", 1, 1, fn_not},
    {"eq", "v", 1, TEMPLATE_ARGS_MAX, fn_eq},
    {"ne", "v", 2, 2, fn_ne},
    {"lt", "v", 2, 2, fn_lt},
    {"le", "v", 2, 2, fn_le},
    {"gt", "v", 2, 2, fn_gt},
    {"ge", "v", 2, 2, fn_ge},
    {"index", "v", 1, TEMPLATE_ARGS_MAX, fn_index},
    {"slice", "v", 1, TEMPLATE_ARGS_MAX, fn_slice},
    {"len", "v", 1, 1, fn_len},
    {"call", "v", 1, TEMPLATE_ARGS_MAX, fn_call},
    {"print", "v", 0, TEMPLATE_ARGS_MAX, fn_print},
    {"println", "v", 0, TEMPLATE_ARGS_MAX, fn_println},
    {"printf", "sv", 1, TEMPLATE_ARGS_MAX, fn_printf},
    {"html", "v", 0, TEMPLATE_ARGS_MAX, fn_html},
    {"js", "v", 0, TEMPLATE_ARGS_MAX, fn_js},
    {"urlquery", "v", 0, TEMPLATE_ARGS_MAX, fn_urlquery},
    {NULL},
};

const struct template_fn *template_function(const char *name)
{
    const struct template_fn *const tables[] = {functions, template_docker_functions};
    for (size_t k = 0; k < ARRAY_SIZE(tables); k++)
        for (const struct template_fn *f = tables[k]; f->name; f++)
            if (strcmp(f->name, name) == 0)
                return f;
    return NULL;
}
