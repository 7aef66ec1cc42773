/* SPDX-License-Identifier: Apache-2.0 */
/* Values of templates: truth, types, printing and printf. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "client/template/funcs.h"

#define FIELD_WIDTH_MAX 4096

bool template_truth(const json_t *v)
{
    switch (v ? (int)json_typeof(v) : JSON_NULL) {
    case JSON_OBJECT:
        return json_object_size(v) > 0;
    case JSON_ARRAY:
        return json_array_size(v) > 0;
    case JSON_STRING:
        return json_string_length(v) > 0;
    case JSON_INTEGER:
        return json_integer_value(v) != 0;
    case JSON_REAL:
        return json_real_value(v) < 0 || json_real_value(v) > 0;
    case JSON_TRUE:
        return true;
    default:
        return false;
    }
}

const char *template_type(const json_t *v)
{
    switch (v ? (int)json_typeof(v) : JSON_NULL) {
    case JSON_OBJECT:
        return "map[string]interface {}";
    case JSON_ARRAY:
        return "[]interface {}";
    case JSON_STRING:
        return "string";
    case JSON_INTEGER:
        return "int";
    case JSON_REAL:
        return "float64";
    case JSON_TRUE:
    case JSON_FALSE:
        return "bool";
    default:
        return "<nil>";
    }
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

const char **template_keys(json_t *object, size_t *n)
{
    const char **keys = xcalloc(json_object_size(object), sizeof(*keys));
    const char *k;
    json_t *v;
    *n = 0;
    json_object_foreach (object, k, v)
        keys[(*n)++] = k;
    qsort(keys, *n, sizeof(*keys), by_name);
    return keys;
}

static void print_real(double d, struct buf *out)
{
    char text[40];
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(text, sizeof(text), "%.*g", digits, d);
        double back = strtod(text, NULL);
        if (!(back < d) && !(back > d))
            break;
    }
    buf_adds(out, text);
}

static void print_object(const json_t *v, struct buf *out)
{
    size_t n;
    json_t *o = (json_t *)(uintptr_t)v;
    _cleanup_(freep) const char **keys = template_keys(o, &n);
    buf_adds(out, "map[");
    for (size_t i = 0; i < n; i++) {
        buf_printf(out, "%s%s:", i ? " " : "", keys[i]);
        template_print(json_object_get(o, keys[i]), out);
    }
    buf_addc(out, ']');
}

void template_print(const json_t *v, struct buf *out)
{
    size_t i;
    const json_t *item;
    switch (v ? (int)json_typeof(v) : JSON_NULL) {
    case JSON_OBJECT:
        print_object(v, out);
        return;
    case JSON_ARRAY:
        buf_addc(out, '[');
        json_array_foreach ((json_t *)(uintptr_t)v, i, item) {
            if (i)
                buf_addc(out, ' ');
            template_print(item, out);
        }
        buf_addc(out, ']');
        return;
    case JSON_STRING:
        buf_add(out, json_string_value(v), json_string_length(v));
        return;
    case JSON_INTEGER:
        buf_printf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
        return;
    case JSON_REAL:
        print_real(json_real_value(v), out);
        return;
    case JSON_TRUE:
    case JSON_FALSE:
        buf_adds(out, json_is_true(v) ? "true" : "false");
        return;
    default:
        buf_adds(out, "<nil>");
    }
}

/* --- printf */

struct verb {
    bool minus, plus, zero, space, sharp;
    int width, precision; /* -1: none */
    char letter;
};

static const char *parse_verb(const char *s, struct verb *v)
{
    *v = (struct verb){.width = -1, .precision = -1};
    for (;; s++) {
        bool *flag = *s == '-'   ? &v->minus
                     : *s == '+' ? &v->plus
                     : *s == '0' ? &v->zero
                     : *s == ' ' ? &v->space
                     : *s == '#' ? &v->sharp
                                 : NULL;
        if (!flag)
            break;
        *flag = true;
    }
    for (; isdigit((unsigned char)*s); s++)
        v->width = MIN((v->width < 0 ? 0 : v->width) * 10 + (*s - '0'), FIELD_WIDTH_MAX);
    if (*s == '.')
        for (v->precision = 0, s++; isdigit((unsigned char)*s); s++)
            v->precision = MIN(v->precision * 10 + (*s - '0'), FIELD_WIDTH_MAX);
    v->letter = *s;
    return *s ? s + 1 : s;
}

static void quote(const json_t *arg, struct buf *text)
{
    struct buf raw = {0};
    template_print(arg, &raw);
    json_auto_t *s = json_string_any(raw.s ? raw.s : "");
    char *quoted = json_dumps(s, JSON_ENCODE_ANY);
    buf_adds(text, quoted ? quoted : "\"\"");
    free(quoted);
    buf_fini(&raw);
}

static void hex_text(const json_t *arg, bool upper, struct buf *text)
{
    const char *s = json_string_value(arg);
    if (!s) {
        buf_printf(text, upper ? "%llX" : "%llx", (long long)json_integer_value(arg));
        return;
    }
    for (; *s; s++)
        buf_printf(text, upper ? "%02X" : "%02x", (unsigned char)*s);
}

static void utf8_of(json_int_t code, struct buf *text)
{
    json_auto_t *v = NULL;
    char escaped[16];
    if (code > 0 && code < 0x10000 && (code < 0xD800 || code > 0xDFFF)) {
        snprintf(escaped, sizeof(escaped), "\"\\u%04x\"", (unsigned int)code);
        v = json_loads(escaped, JSON_DECODE_ANY, NULL);
    }
    buf_adds(text, v ? json_string_value(v) : "\xEF\xBF\xBD");
}

/* The text of one argument before padding; false where the verb does not fit the value. */
static bool verb_text(const struct verb *v, const json_t *arg, struct buf *text)
{
    bool integer = json_is_integer(arg), number = json_is_number(arg);
    switch (v->letter) {
    case 'v':
    case 's':
        template_print(arg, text);
        if (v->precision >= 0 && v->letter == 's' && text->len > (size_t)v->precision) {
            text->len = (size_t)v->precision;
            text->s[text->len] = '\0';
        }
        return true;
    case 'q':
        quote(arg, text);
        return true;
    case 'T':
        buf_adds(text, template_type(arg));
        return true;
    case 't':
        template_print(arg, text);
        return json_is_boolean(arg);
    case 'd':
        if (integer)
            buf_printf(text,
                       v->plus    ? "%+lld"
                       : v->space ? "% lld"
                                  : "%lld",
                       (long long)json_integer_value(arg));
        return integer;
    case 'o':
        if (integer)
            buf_printf(text, "%llo", (long long)json_integer_value(arg));
        return integer;
    case 'b':
        for (int bit = 63, started = 0; integer && bit >= 0; bit--) {
            started |= (int)((unsigned long long)json_integer_value(arg) >> bit & 1) | (bit == 0);
            if (started)
                buf_addc(text, (unsigned long long)json_integer_value(arg) >> bit & 1 ? '1' : '0');
        }
        return integer;
    case 'x':
    case 'X':
        if (integer || json_is_string(arg))
            hex_text(arg, v->letter == 'X', text);
        return integer || json_is_string(arg);
    case 'c':
        if (integer)
            utf8_of(json_integer_value(arg), text);
        return integer;
    case 'f':
    case 'F':
        if (number)
            buf_printf(text, "%.*f", v->precision < 0 ? 6 : v->precision, json_number_value(arg));
        return number && !integer;
    case 'e':
    case 'g':
        if (number)
            buf_printf(text, v->letter == 'e' ? "%.*e" : "%.*g",
                       v->precision < 0 ? 6 : v->precision, json_number_value(arg));
        return number && !integer;
    default:
        return false;
    }
}

static void pad(struct buf *out, const struct verb *v, const struct buf *text)
{
    size_t chars = 0;
    for (size_t i = 0; i < text->len; i++)
        chars += ((unsigned char)text->s[i] & 0xC0) != 0x80;
    size_t fill = v->width > 0 && (size_t)v->width > chars ? (size_t)v->width - chars : 0;
    const char *s = text->s ? text->s : "";
    size_t len = text->len;
    if (v->zero && !v->minus && fill && (*s == '-' || *s == '+')) {
        buf_addc(out, *s++);
        len--;
    }
    for (size_t i = 0; !v->minus && i < fill; i++)
        buf_addc(out, v->zero ? '0' : ' ');
    buf_add(out, s, len);
    for (size_t i = 0; v->minus && i < fill; i++)
        buf_addc(out, ' ');
}

static void one_verb(struct buf *out, const struct verb *v, const json_t *arg)
{
    struct buf text = {0};
    if (!arg) {
        buf_printf(out, "%%!%c(MISSING)", v->letter);
    } else if (verb_text(v, arg, &text)) {
        pad(out, v, &text);
    } else {
        buf_printf(out, "%%!%c(%s=", v->letter, template_type(arg));
        template_print(arg, out);
        buf_addc(out, ')');
    }
    buf_fini(&text);
}

int template_printf(json_t *const *args, size_t n, json_t **out, struct err *err)
{
    const char *s = json_string_value(args[0]);
    struct buf b = {0};
    size_t next = 1;
    if (!s)
        return err_set(err, -EINVAL, "error calling printf: the format must be a string, not %s",
                       template_type(args[0]));
    while (*s) {
        if (*s != '%') {
            buf_addc(&b, *s++);
            continue;
        }
        struct verb v;
        s = parse_verb(s + 1, &v);
        if (v.letter == '%')
            buf_addc(&b, '%');
        else if (v.letter == '\0')
            buf_adds(&b, "%!(NOVERB)");
        else {
            one_verb(&b, &v, next < n ? args[next] : NULL);
            next++;
        }
    }
    for (size_t i = next; i < n; i++) {
        buf_printf(&b, "%s%s=", i == next ? "%!(EXTRA " : ", ", template_type(args[i]));
        template_print(args[i], &b);
    }
    if (next < n)
        buf_addc(&b, ')');
    _cleanup_(freep) char *text = buf_steal(&b);
    *out = json_string_any(text);
    return 0;
}
