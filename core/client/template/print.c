/* SPDX-License-Identifier: Apache-2.0 */
/* Go's fmt: one value by one verb, and whole formats. */
#include "client/template/print.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/utf8.h"

#define FIELD_MAX 4096 /* of widths and precisions */

struct verb {
    bool minus, plus, sharp, space, zero;
    bool names;           /* %+v: of fields */
    int width, precision; /* -1: none */
    unsigned int letter;
};

static void one_value(struct buf *out, const struct verb *v, const struct value *val, int depth);

/* Zeros go behind the sign of a number; in front of text they stand, too. */
static void pad(struct buf *out, const struct verb *v, const char *s, size_t len, bool is_number)
{
    size_t chars = utf8_count(s, len);
    size_t fill = v->width > 0 && (size_t)v->width > chars ? (size_t)v->width - chars : 0;
    if (is_number && v->zero && !v->minus && fill && len > 0 &&
        (*s == '-' || *s == '+' || *s == ' ')) {
        buf_addc(out, *s++);
        len--;
    }
    for (size_t i = 0; !v->minus && i < fill; i++)
        buf_addc(out, v->zero ? '0' : ' ');
    buf_add(out, s, len);
    for (size_t i = 0; v->minus && i < fill; i++)
        buf_addc(out, ' ');
}

static void pad_take(struct buf *out, const struct verb *v, struct buf *text)
{
    pad(out, v, text->s ? text->s : "", text->len, false);
    buf_fini(text);
}

static void pad_number(struct buf *out, const struct verb *v, struct buf *text)
{
    pad(out, v, text->s ? text->s : "", text->len, true);
    buf_fini(text);
}

void print_quoted(const char *s, size_t n, struct buf *out)
{
    static const char from[] = "\a\b\f\n\r\t\v\\\"", to[] = "abfnrtv\\\"";
    buf_addc(out, '"');
    for (size_t i = 0; i < n;) {
        uint32_t c;
        size_t len = utf8_next(s + i, n - i, &c);
        const char *simple = c && c < 0x80 ? strchr(from, (int)c) : NULL;
        if (simple)
            buf_printf(out, "\\%c", to[simple - from]);
        else if (c == UTF8_BAD || c < 0x20 || c == 0x7f)
            buf_printf(out, "\\x%02x", (unsigned char)s[i]);
        else if (!utf8_printable(c))
            buf_printf(out, c < 0x10000 ? "\\u%04x" : "\\U%08x", (unsigned int)c);
        else
            buf_add(out, s + i, len);
        i += len;
    }
    buf_addc(out, '"');
}

/* "%!d(string=x)" */
static void bad_verb(struct buf *out, const struct verb *v, const struct value *val)
{
    const struct verb plain = {.width = -1, .precision = -1, .letter = 'v'};
    buf_adds(out, "%!");
    utf8_add(out, v->letter);
    if (value_kind(val) == GO_NIL) {
        buf_adds(out, "(<nil>)");
        return;
    }
    buf_printf(out, "(%s=", value_type(val));
    one_value(out, &plain, val, 0);
    buf_addc(out, ')');
}

static void number_bool(struct buf *out, const struct verb *v, const struct value *val)
{
    struct buf text = {0};
    if (v->letter != 't' && v->letter != 'v') {
        bad_verb(out, v, val);
        return;
    }
    buf_adds(&text, json_is_true(val->json) ? "true" : "false");
    pad_take(out, v, &text);
}

/* The digits of |n| in a base, without sign. */
static void digits(struct buf *text, unsigned long long n, unsigned int base, bool upper)
{
    char reversed[64];
    size_t len = 0;
    do
        reversed[len++] = (upper ? "0123456789ABCDEF" : "0123456789abcdef")[n % base];
    while ((n /= base) > 0);
    while (len > 0)
        buf_addc(text, reversed[--len]);
}

static void integer(struct buf *out, const struct verb *v, const struct value *val, json_int_t i)
{
    struct buf text = {0}, number = {0};
    unsigned int base = v->letter == 'b'               ? 2
                        : strchr("oO", (int)v->letter) ? 8
                        : strchr("xX", (int)v->letter) ? 16
                                                       : 10;
    digits(&number, i < 0 ? -(unsigned long long)i : (unsigned long long)i, base, v->letter == 'X');
    if (i < 0 || v->plus || v->space)
        buf_addc(&text, i < 0 ? '-' : v->plus ? '+' : ' ');
    if (v->sharp && base == 16)
        buf_adds(&text, v->letter == 'x' ? "0x" : "0X");
    if (v->letter == 'O' || (v->sharp && base == 8))
        buf_adds(&text, v->letter == 'O' ? "0o" : "0");
    if (v->sharp && base == 2)
        buf_adds(&text, "0b");
    for (size_t k = number.len; v->precision > 0 && k < (size_t)v->precision; k++)
        buf_addc(&text, '0');
    buf_adds(&text, number.s);
    buf_fini(&number);
    pad_number(out, v, &text);
    (void)val;
}

static void character(struct buf *out, const struct verb *v, json_int_t i)
{
    struct buf text = {0}, quoted = {0};
    uint32_t c = i < 0 || i > 0x10FFFF || (i >= 0xD800 && i <= 0xDFFF) ? 0xFFFD : (uint32_t)i;
    if (v->letter == 'U') {
        buf_printf(&text, "U+%04llX", (long long)i);
    } else if (v->letter == 'q') {
        utf8_add(&quoted, c);
        print_quoted(quoted.s, quoted.len, &text);
        text.s[0] = text.s[text.len - 1] = '\'';
        buf_fini(&quoted);
    } else {
        utf8_add(&text, c);
    }
    pad_take(out, v, &text);
}

/* The shortest digits that give the number back, as "d.ddde±xx". */
static void shortest(double d, char text[40])
{
    for (int precision = 0; precision <= 17; precision++) {
        snprintf(text, 40, "%.*e", precision, d);
        double back = strtod(text, NULL);
        if (!(back < d) && !(back > d))
            return;
    }
}

/* %g of Go: with an exponent below -4, and from 6 or the precision on. */
static void general(struct buf *text, double d, int precision)
{
    char scientific[40];
    if (precision >= 0) {
        buf_printf(text, "%.*g", precision ? precision : 1, d);
        return;
    }
    shortest(d, scientific);
    int exponent = atoi(strchr(scientific, 'e') + 1), given = (int)strcspn(scientific, "e");
    given -= (scientific[0] == '-') + (strchr(scientific, '.') != NULL);
    if (exponent < -4 || exponent >= 6)
        buf_adds(text, scientific);
    else
        buf_printf(text, "%.*f", MAX(given - 1 - exponent, 0), d);
}

static void real(struct buf *out, const struct verb *v, const struct value *val)
{
    struct buf text = {0};
    double d = value_float(val);
    if (!strchr("vgGeEfF", (int)v->letter)) {
        bad_verb(out, v, val);
        return;
    }
    if ((v->plus || v->space) && !signbit(d))
        buf_addc(&text, v->plus ? '+' : ' ');
    if (v->letter == 'f' || v->letter == 'F')
        buf_printf(&text, "%.*f", v->precision < 0 ? 6 : v->precision, d);
    else if (v->letter == 'e' || v->letter == 'E')
        buf_printf(&text, v->letter == 'e' ? "%.*e" : "%.*E", v->precision < 0 ? 6 : v->precision,
                   d);
    else
        general(&text, d, v->precision);
    pad_number(out, v, &text);
}

static void hex_bytes(struct buf *text, const struct verb *v, const char *s, size_t n)
{
    if (v->sharp && n > 0)
        buf_adds(text, v->letter == 'x' ? "0x" : "0X");
    for (size_t i = 0; i < n; i++)
        buf_printf(text, v->letter == 'x' ? "%s%02x" : "%s%02X", i && v->space ? " " : "",
                   (unsigned char)s[i]);
}

static void string(struct buf *out, const struct verb *v, const struct value *val, const char *s,
                   size_t n)
{
    struct buf text = {0};
    bool known = v->letter < 0x80 && strchr("vsqxX", (int)v->letter);
    if (!known) {
        bad_verb(out, v, val);
        return;
    }
    if (v->precision >= 0)
        n = utf8_offset(s, n, (size_t)v->precision);
    if (v->letter == 'q' || (v->letter == 'v' && v->sharp))
        print_quoted(s, n, &text);
    else if (v->letter == 'x' || v->letter == 'X')
        hex_bytes(&text, v, s, n);
    else
        buf_add(&text, s, n);
    pad_take(out, v, &text);
}

static void string_value(struct buf *out, const struct verb *v, const struct value *val)
{
    size_t n;
    const char *s = value_text(val, &n);
    _cleanup_(freep) char *number = json_is_number(val->json) ? json_text(val->json) : NULL;
    string(out, v, val, number ? number : s, number ? strlen(number) : n);
}

static void map(struct buf *out, const struct verb *v, const struct value *val, int depth)
{
    size_t n;
    _cleanup_(freep) const char **keys = json_sorted_keys(val->json, &n);
    buf_adds(out, "map[");
    for (size_t i = 0; i < n; i++) {
        struct value key = value_take(json_string_any(keys[i]), &go_string), item = {0};
        value_member(val, keys[i], &item);
        if (i)
            buf_addc(out, ' ');
        one_value(out, v, &key, depth + 1);
        buf_addc(out, ':');
        one_value(out, v, &item, depth + 1);
        value_fini(&key);
        value_fini(&item);
    }
    buf_addc(out, ']');
}

static void slice(struct buf *out, const struct verb *v, const struct value *val, int depth)
{
    buf_addc(out, '[');
    for (size_t i = 0; i < json_array_size(val->json); i++) {
        struct value item = value_at(val, i);
        if (i)
            buf_addc(out, ' ');
        one_value(out, v, &item, depth + 1);
        value_fini(&item);
    }
    buf_addc(out, ']');
}

static void structure(struct buf *out, const struct verb *v, const struct value *val, int depth)
{
    buf_addc(out, '{');
    for (const struct go_field *f = val->type->fields; f && f->name; f++) {
        struct value field;
        value_field(val, f->name, &field);
        if (f > val->type->fields)
            buf_addc(out, ' ');
        if (v->names)
            buf_printf(out, "%s:", f->name);
        one_value(out, v, &field, depth + 1);
        value_fini(&field);
    }
    buf_addc(out, '}');
}

static void nothing(struct buf *out, const struct verb *v, const struct value *val)
{
    struct buf text = {0};
    if (v->letter != 'v') {
        bad_verb(out, v, val);
        return;
    }
    buf_adds(&text, "<nil>");
    pad_take(out, v, &text);
}

/* What is behind a pointer that is printed itself stands behind "&", unless it is a number or text. */
static void one_kind(struct buf *out, const struct verb *v, const struct value *val, int depth)
{
    enum go_kind kind = value_kind(val);
    if (val->type && val->type->pointer &&
        (kind == GO_STRUCT || kind == GO_MAP || kind == GO_SLICE))
        buf_addc(out, '&');
    switch (kind) {
    case GO_BOOL:
        number_bool(out, v, val);
        break;
    case GO_INT:
        if (v->letter < 0x80 && strchr("vdboOxX", (int)v->letter))
            integer(out, v, val, value_int(val));
        else if (v->letter < 0x80 && strchr("cqU", (int)v->letter))
            character(out, v, value_int(val));
        else
            bad_verb(out, v, val);
        break;
    case GO_FLOAT:
        real(out, v, val);
        break;
    case GO_STRING:
        string_value(out, v, val);
        break;
    case GO_MAP:
        map(out, v, val, depth);
        break;
    case GO_SLICE:
        slice(out, v, val, depth);
        break;
    case GO_STRUCT:
        structure(out, v, val, depth);
        break;
    default:
        nothing(out, v, val);
    }
}

static void one_value(struct buf *out, const struct verb *v, const struct value *outer, int depth)
{
    struct value val = *outer;
    value_unwrap(&val);
    if (v->letter == 'T') {
        struct buf name = {0};
        buf_adds(&name, value_type(&val));
        pad_take(out, v, &name);
    } else if (!val.type || value_is_nil(&val)) {
        nothing(out, v, &val);
    } else if (val.type->string && v->letter < 0x80 && strchr("vsqxX", (int)v->letter)) {
        struct buf text = {0};
        val.type->string(val.json, &text);
        string(out, v, &val, text.s ? text.s : "", text.len);
        buf_fini(&text);
    } else {
        one_kind(out, v, &val, depth);
    }
}

void print_value(const struct value *v, struct buf *out)
{
    const struct verb plain = {.width = -1, .precision = -1, .letter = 'v'};
    one_value(out, &plain, v, 0);
}

void print_operands(const struct value *args, size_t n, bool line, struct buf *out)
{
    for (size_t i = 0; i < n; i++) {
        if (i &&
            (line || (value_kind(&args[i]) != GO_STRING && value_kind(&args[i - 1]) != GO_STRING)))
            buf_addc(out, ' ');
        print_value(&args[i], out);
    }
    if (line)
        buf_addc(out, '\n');
}

/* --- formats */

struct format {
    const char *s;
    const struct value *args;
    size_t n, next;
    bool reordered; /* an argument was named: extra ones are not spoken of */
    bool bad_index;
    struct buf *out;
};

static int number(const char **s)
{
    int n = 0;
    for (; isdigit((unsigned char)**s); (*s)++)
        n = MIN(n * 10 + (**s - '0'), FIELD_MAX);
    return n;
}

/* "[3]" names the next argument. */
static void argument_index(struct format *f)
{
    if (*f->s != '[')
        return;
    const char *s = f->s + 1, *end = strchr(s, ']');
    int i = number(&s);
    f->reordered = true;
    f->bad_index = f->bad_index || s != end || i < 1 || (size_t)i > f->n;
    if (!f->bad_index)
        f->next = (size_t)i - 1;
    f->s = end ? end + 1 : f->s + strlen(f->s);
}

/* A width or precision that is an argument. */
static bool star(struct format *f, int *out)
{
    const struct value *arg = f->next < f->n ? &f->args[f->next] : NULL;
    f->next++;
    f->s++;
    if (!arg || value_kind(arg) != GO_INT || llabs(value_int(arg)) > FIELD_MAX)
        return false;
    *out = (int)value_int(arg);
    return true;
}

static void flags(struct format *f, struct verb *v)
{
    for (;; f->s++) {
        bool *flag = *f->s == '-'   ? &v->minus
                     : *f->s == '+' ? &v->plus
                     : *f->s == '#' ? &v->sharp
                     : *f->s == ' ' ? &v->space
                     : *f->s == '0' ? &v->zero
                                    : NULL;
        if (!flag)
            return;
        *flag = true;
    }
}

static void width(struct format *f, struct verb *v)
{
    argument_index(f);
    if (*f->s == '*') {
        if (!star(f, &v->width))
            buf_adds(f->out, "%!(BADWIDTH)");
        if (v->width < -1) {
            v->minus = true;
            v->width = -v->width;
        }
    } else if (isdigit((unsigned char)*f->s)) {
        v->width = number(&f->s);
    }
}

static void precision(struct format *f, struct verb *v)
{
    if (*f->s != '.')
        return;
    f->s++;
    argument_index(f);
    v->precision = 0;
    if (*f->s == '*' && (!star(f, &v->precision) || v->precision < 0)) {
        buf_adds(f->out, "%!(BADPREC)");
        v->precision = -1;
    } else if (isdigit((unsigned char)*f->s)) {
        v->precision = number(&f->s);
    }
}

static void directive(struct format *f)
{
    struct verb v = {.width = -1, .precision = -1};
    f->bad_index = false;
    flags(f, &v);
    width(f, &v);
    precision(f, &v);
    argument_index(f);
    if (!*f->s) {
        buf_adds(f->out, "%!(NOVERB)");
        return;
    }
    f->s += utf8_next(f->s, strlen(f->s), &v.letter);
    v.names = v.letter == 'v' && v.plus;
    v.plus = v.plus && !v.names;
    if (v.letter == '%') {
        buf_addc(f->out, '%');
        return;
    }
    if (f->bad_index || f->next >= f->n) {
        buf_adds(f->out, "%!");
        utf8_add(f->out, v.letter);
        buf_adds(f->out, f->bad_index ? "(BADINDEX)" : "(MISSING)");
        return;
    }
    one_value(f->out, &v, &f->args[f->next++], 0);
}

static void extra(struct format *f)
{
    buf_adds(f->out, "%!(EXTRA ");
    for (size_t i = f->next; i < f->n; i++) {
        struct value v = f->args[i];
        value_unwrap(&v);
        if (i > f->next)
            buf_adds(f->out, ", ");
        if (value_kind(&v) != GO_NIL)
            buf_printf(f->out, "%s=", value_type(&v));
        print_value(&v, f->out);
    }
    buf_addc(f->out, ')');
}

void print_format(const char *format, const struct value *args, size_t n, struct buf *out)
{
    struct format f = {.s = format, .args = args, .n = n, .out = out};
    while (*f.s) {
        size_t plain = strcspn(f.s, "%");
        buf_add(out, f.s, plain);
        f.s += plain;
        if (!*f.s)
            break;
        f.s++;
        directive(&f);
    }
    if (!f.reordered && f.next < n)
        extra(&f);
}

/* --- time */

static void fraction(struct buf *out, int64_t n, int width_of)
{
    char text[24];
    if (n == 0)
        return;
    snprintf(text, sizeof(text), "%0*lld", width_of, (long long)n);
    size_t len = strlen(text);
    while (len > 0 && text[len - 1] == '0')
        len--;
    buf_addc(out, '.');
    buf_add(out, text, len);
}

void print_duration(const json_t *v, struct buf *out)
{
    json_int_t n = json_integer_value(v);
    unsigned long long ns = n < 0 ? -(unsigned long long)n : (unsigned long long)n;
    unsigned long long s = ns / NS_PER_SEC;
    if (n < 0)
        buf_addc(out, '-');
    if (ns == 0) {
        buf_adds(out, "0s");
    } else if (s == 0) {
        unsigned long long unit = ns < 1000 ? 1 : ns < 1000000 ? 1000 : 1000000;
        buf_printf(out, "%llu", ns / unit);
        fraction(out, (int64_t)(ns % unit), unit == 1 ? 1 : unit == 1000 ? 3 : 6);
        buf_adds(out, unit == 1 ? "ns" : unit == 1000 ? "\xC2\xB5s" : "ms");
    } else {
        if (s >= 3600)
            buf_printf(out, "%lluh", s / 3600);
        if (s >= 60)
            buf_printf(out, "%llum", s / 60 % 60);
        buf_printf(out, "%llu", s % 60);
        fraction(out, (int64_t)(ns % NS_PER_SEC), 9);
        buf_addc(out, 's');
    }
}

/* "2026-01-02T03:04:05.5+01:00" → "2026-01-02 03:04:05.5 +0100 +0100" */
void print_time(const json_t *v, struct buf *out)
{
    const char *s = json_is_string(v) ? json_string_value(v) : TIME_NEVER;
    int64_t ns;
    size_t at = strcspn(s, "T");
    if (time_parse(s, &ns) < 0 || !s[at]) {
        buf_adds(out, s);
        return;
    }
    const char *clock = s + at + 1, *zone = clock + strcspn(clock, "Z+-");
    buf_printf(out, "%.*s %.*s ", (int)at, s, (int)(zone - clock), clock);
    if (*zone == 'Z' || strlen(zone) < 6)
        buf_adds(out, "+0000 UTC");
    else
        buf_printf(out, "%.3s%.2s %.3s%.2s", zone, zone + 4, zone, zone + 4);
}
