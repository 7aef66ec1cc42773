/* SPDX-License-Identifier: Apache-2.0 */
/* Lists on the terminal. */
#include "client/format.h"

#include <errno.h>
#include <wchar.h>

#include "base/clock.h"

size_t display_width(const char *s)
{
    size_t width = 0;
    mbstate_t state = {0};
    while (*s) {
        wchar_t c;
        size_t n = mbrtowc(&c, s, strlen(s), &state);
        if (n == (size_t)-1 || n == (size_t)-2 || n == 0) {
            state = (mbstate_t){0};
            n = 1;
            width++;
        } else {
            int w = wcwidth(c);
            width += w > 0 ? (size_t)w : 0;
        }
        s += n;
    }
    return width;
}

/* Lines of cells parted by tabs, padded to columns three spaces apart. */
static void print_aligned(const char *text)
{
    struct strv lines = {0};
    size_t widths[64] = {0};
    strv_split(&lines, text, "\n");
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < lines.n; i++) {
            _cleanup_(freep) char *copy = xstrdup(lines.v[i]);
            char *cell = copy;
            for (size_t k = 0; cell && k < ARRAY_SIZE(widths); k++) {
                char *next = strchr(cell, '\t');
                if (next)
                    *next++ = '\0';
                size_t w = display_width(cell);
                if (pass == 0)
                    widths[k] = MAX(widths[k], w);
                else
                    printf("%s%*s", cell, next ? (int)(widths[k] - w + 3) : 0, "");
                cell = next;
            }
            if (pass)
                putchar('\n');
        }
    }
    strv_fini(&lines);
}

static json_t *header_row(const struct column *columns)
{
    json_t *row = json_object();
    for (; columns->field; columns++)
        json_put_str(row, columns->field, columns->header);
    return row;
}

static char *unescape_tabs(const char *s)
{
    struct buf b = {0};
    for (; *s; s++) {
        if (s[0] == '\\' && (s[1] == 't' || s[1] == 'n'))
            buf_addc(&b, *++s == 't' ? '\t' : '\n');
        else
            buf_addc(&b, *s);
    }
    return buf_steal(&b);
}

static int wrap(int r, struct err *err)
{
    return r < 0 ? err_wrap(err, "template parsing error") : 0;
}

static int format_rows(const struct list_format *f, const char *format, bool table,
                       const json_t *rows, struct err *err)
{
    _cleanup_(template_freep) struct template *t = NULL;
    _cleanup_(freep) char *text = unescape_tabs(format);
    struct template_env env = {.missing_is_error = true};
    struct buf out = {0};
    size_t i;
    json_t *row;
    int r = wrap(template_parse(text, &t, err), err);
    if (r == 0 && table) {
        json_auto_t *header = header_row(f->columns);
        struct template_env lenient = {0};
        r = template_exec(t, &lenient, header, &out, err);
        buf_addc(&out, '\n');
    }
    json_array_foreach ((json_t *)(uintptr_t)rows, i, row) {
        if (r < 0)
            break;
        r = wrap(template_exec(t, &env, row, &out, err), err);
        buf_addc(&out, '\n');
    }
    if (r == 0 && table)
        print_aligned(out.s);
    else if (r == 0)
        fwrite(out.s ? out.s : "", 1, out.len, stdout);
    buf_fini(&out);
    return r;
}

int format_list(const struct list_format *f, const json_t *rows, struct err *err)
{
    size_t i;
    json_t *row;
    if (f->quiet_field && !f->format) {
        json_array_foreach ((json_t *)(uintptr_t)rows, i, row)
            puts(json_str(row, f->quiet_field, ""));
        return 0;
    }
    const char *format = str_empty(f->format) || str_eq(f->format, "table") ? f->dflt : f->format;
    if (str_eq(format, "json"))
        format = "{{json .}}";
    const char *table = str_after(format, "table ");
    return format_rows(f, table ? table : format, table != NULL, rows, err);
}

int format_one(const char *format, json_t *value, bool strict, struct err *err)
{
    _cleanup_(template_freep) struct template *t = NULL;
    struct template_env env = {.missing_is_error = strict};
    struct buf out = {0};
    int r = wrap(template_parse(str_eq(format, "json") ? "{{json .}}" : format, &t, err), err);
    if (r == 0)
        r = wrap(template_exec(t, &env, value, &out, err), err);
    if (r == 0) {
        fwrite(out.s ? out.s : "", 1, out.len, stdout);
        putchar('\n');
    }
    buf_fini(&out);
    return r;
}

char *format_span(int64_t s)
{
    if (s < 1)
        return xstrdup("Less than a second");
    if (s == 1)
        return xstrdup("1 second");
    if (s < 60)
        return str_printf("%d seconds", (int)s);
    int64_t minutes = s / 60, hours = (s + 1800) / 3600;
    if (minutes == 1)
        return xstrdup("About a minute");
    if (minutes < 60)
        return str_printf("%d minutes", (int)minutes);
    if (hours == 1)
        return xstrdup("About an hour");
    if (hours < 48)
        return str_printf("%d hours", (int)hours);
    if (hours < 24 * 7 * 2)
        return str_printf("%d days", (int)(hours / 24));
    if (hours < 24 * 30 * 2)
        return str_printf("%d weeks", (int)(hours / 24 / 7));
    if (hours < 24 * 365 * 2)
        return str_printf("%d months", (int)(hours / 24 / 30));
    return str_printf("%d years", (int)(hours / 24 / 365));
}

char *format_size(int64_t bytes)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB"};
    double v = (double)bytes;
    size_t u = 0;
    while (v >= 1000.0 && u + 1 < ARRAY_SIZE(units)) {
        v /= 1000.0;
        u++;
    }
    return str_printf("%.4g%s", v, units[u]);
}
