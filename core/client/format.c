/* SPDX-License-Identifier: Apache-2.0 */
/* Lists on the terminal. */
#include "client/format.h"

#include <errno.h>
#include <time.h>

#include "base/utf8.h"
#include "client/template/print.h"
#include "client/types.h"

#define TABS_MAX  64
#define GAP       3
#define WIDTH_MIN 10 /* of a column with its gap: docker's tables, which scripts cut, have that */

/* Bytes of the character at `s` and the cells that it takes. */
static size_t next_char(const char *s, size_t *cells)
{
    uint32_t c;
    size_t n = utf8_next(s, strlen(s), &c);
    *cells = utf8_width(c);
    return n;
}

size_t display_width(const char *s)
{
    size_t width = 0, cells;
    while (*s) {
        s += next_char(s, &cells);
        width += cells;
    }
    return width;
}

char *format_ellipsis(const char *s, size_t max)
{
    if (display_width(s) <= max)
        return xstrdup(s);
    size_t width = 0, cells;
    const char *end = s;
    for (;;) {
        size_t n = next_char(end, &cells);
        if (width + cells + 1 > max)
            break;
        width += cells;
        end += n;
    }
    return str_printf("%.*s\xE2\x80\xA6", (int)(end - s), s);
}

char *format_quoted(const char *s)
{
    struct buf b = {0};
    print_quoted(s, strlen(s), &b);
    return buf_steal(&b);
}

/* One line of cells: measures those that a tab ends, or prints them padded. */
static void align_line(const char *line, size_t widths[TABS_MAX], bool print)
{
    _cleanup_(freep) char *copy = xstrdup(line);
    char *cell = copy;
    for (size_t k = 0; cell; k++) {
        char *next = k < TABS_MAX ? strchr(cell, '\t') : NULL;
        if (next)
            *next++ = '\0';
        size_t w = next ? display_width(cell) : 0;
        if (print)
            printf("%s%*s", cell, next ? (int)(widths[k] - w) : 0, "");
        else if (next)
            widths[k] = MAX(widths[k], MAX(w + GAP, WIDTH_MIN));
        cell = next;
    }
    if (print)
        putchar('\n');
}

static void print_aligned(const char *text)
{
    _cleanup_(strv_fini) struct strv lines = {0};
    size_t widths[TABS_MAX] = {0};
    const char *line;
    strv_split(&lines, text, "\n");
    strv_foreach (line, &lines)
        align_line(line, widths, false);
    strv_foreach (line, &lines)
        align_line(line, widths, true);
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

/* Parses; a template that is none is FORMAT_SYNTAX. */
static int parse(const char *format, struct template **t, struct err *err)
{
    if (template_parse(format, t, err) == 0)
        return 0;
    _cleanup_(freep) char *words = xstrdup(err_msg(err));
    return err_set(err, FORMAT_SYNTAX, "template parsing error: %s", words);
}

static int wrap(int r, struct err *err)
{
    return r < 0 ? err_wrap(err, "template parsing error") : 0;
}

/* What {{.Label "com.example.some-name"}} is over its column: "some name". */
static char *label_header(const char *label)
{
    const char *dot = strrchr(label, '.');
    char *header = xstrdup(dot ? dot + 1 : label);
    for (char *c = header; *c; c++)
        *c = *c == '-' || *c == '_' ? ' ' : *c;
    return header;
}

/* {{.Label "x"}}: ctx is the API's object, NULL in the header. */
static int row_method(void *ctx, json_t *receiver, const char *name, json_t *const *args, size_t n,
                      json_t **out, struct err *err)
{
    if (!str_eq(name, "Label"))
        return 0;
    if (n != 1 || !json_is_string(args[0]))
        return err_set(err, -EINVAL, "wrong number of args for Label: want 1 got %zu", n);
    const char *label = json_string_value(args[0]);
    _cleanup_(freep) char *header = ctx ? NULL : label_header(label);
    *out = json_string_any(ctx ? json_str(json_obj(ctx, "Labels"), label, "") : header);
    return 1;
}

/* As Go marshals a map: sorted, and with what HTML would take for its own escaped. */
static void print_row_json(const json_t *row, struct buf *out)
{
    char *text = json_dumps(row, JSON_COMPACT | JSON_SORT_KEYS);
    for (const char *s = text; s && *s; s++) {
        if (strchr("<>&", *s))
            buf_printf(out, "\\u%04x", (unsigned int)*s);
        else
            buf_addc(out, *s);
    }
    free(text);
}

/* The type of a row: its columns are the fields. The caller frees the fields. */
static struct go_type row_type(const struct list_format *f, struct go_field **fields)
{
    size_t n = 0;
    while (f->columns[n].field)
        n++;
    *fields = xcalloc(n + 1, sizeof(**fields));
    for (size_t i = 0; i < n; i++)
        (*fields)[i] = (struct go_field){f->columns[i].field, &go_string, f->columns[i].field};
    return (struct go_type){.name = f->type ? f->type : "*formatter.Context",
                            .kind = GO_STRUCT,
                            .fields = *fields,
                            .json = print_row_json};
}

static int exec_rows(const struct list_format *f, const struct template *t, bool table,
                     const json_t *rows, struct buf *out, struct err *err)
{
    _cleanup_(freep) struct go_field *fields = NULL;
    struct go_type type = row_type(f, &fields);
    struct template_env env = {.method = f->sources ? row_method : NULL, .type = &type};
    struct buf body = {0};
    int r = 0;
    size_t i;
    json_t *row;
    json_array_foreach ((json_t *)(uintptr_t)rows, i, row) {
        if (r < 0)
            break;
        env.ctx = json_array_get(f->sources, i);
        r = template_exec(t, &env, row, &body, err);
        buf_addc(&body, '\n');
    }
    if (r == 0 && table) {
        json_auto_t *header = header_row(f->columns);
        r = template_exec(t, &(struct template_env){.method = env.method, .header = true}, header,
                          out, err);
        buf_addc(out, '\n');
    }
    buf_add(out, body.s ? body.s : "", body.len);
    buf_fini(&body);
    return r;
}

static int format_rows(const struct list_format *f, const char *format, bool table,
                       const json_t *rows, struct err *err)
{
    _cleanup_(template_freep) struct template *t = NULL;
    _cleanup_(freep) char *text = unescape_tabs(format);
    _cleanup_(buf_fini) struct buf out = {0};
    char *trimmed = text + strspn(text, " ");
    for (size_t n = strlen(trimmed); n > 0 && trimmed[n - 1] == ' '; n--)
        trimmed[n - 1] = '\0';
    int r = parse(trimmed, &t, err);
    if (r < 0)
        return r;
    r = wrap(exec_rows(f, t, table, rows, &out, err), err);
    if (r < 0)
        return r;
    if (table)
        print_aligned(out.s);
    else
        fwrite(out.s ? out.s : "", 1, out.len, stdout);
    return 0;
}

/* What stands before the quiet field in --format raw: "container_id: ". */
static char *quiet_label(const struct list_format *f)
{
    _cleanup_(freep) char *field = str_printf("{{.%s}}", f->quiet_field);
    const char *end = strstr(f->raw, field), *start = end ? end : f->raw;
    while (start > f->raw && start[-1] != '\n')
        start--;
    return xstrndup(start, end ? (size_t)(end - start) : 0);
}

static void print_quiet(const struct list_format *f, const json_t *rows, const char *before)
{
    size_t i;
    json_t *row;
    json_array_foreach ((json_t *)(uintptr_t)rows, i, row)
        printf("%s%s\n", before, json_str(row, f->quiet_field, ""));
}

int format_list(const struct list_format *f, const json_t *rows, struct err *err)
{
    const char *format = str_empty(f->format) || str_eq(f->format, "table") ? f->dflt : f->format;
    bool raw = str_eq(format, "raw") && f->raw;
    if (f->quiet_field && (format == f->dflt || raw)) {
        _cleanup_(freep) char *before = raw ? quiet_label(f) : xstrdup("");
        print_quiet(f, rows, before);
        return 0;
    }
    if (raw)
        format = f->raw;
    if (str_eq(format, "json"))
        format = "{{json .}}";
    const char *table = str_after(format, "table");
    return format_rows(f, table ? table : format, table != NULL, rows, err);
}

static int exec_one(const struct template *t, const struct template_env *env, json_t *value,
                    struct err *err)
{
    struct buf out = {0};
    int r = template_exec(t, env, value, &out, err);
    if (r == 0) {
        fwrite(out.s ? out.s : "", 1, out.len, stdout);
        putchar('\n');
    }
    buf_fini(&out);
    return r;
}

int format_one(const char *format, json_t *value, bool strict, struct err *err)
{
    _cleanup_(template_freep) struct template *t = NULL;
    struct template_env env = {.missing_is_error = strict};
    int r = parse(str_eq(format, "json") ? "{{json .}}" : format, &t, err);
    return r < 0 ? r : wrap(exec_one(t, &env, value, err), err);
}

int format_typed(const char *format, json_t *value, const struct go_type *type, struct err *err)
{
    _cleanup_(template_freep) struct template *t = NULL;
    struct template_env env = {.type = type};
    int r = parse(str_eq(format, "json") ? "{{json .}}" : format, &t, err);
    return r < 0 ? r : exec_one(t, &env, value, err);
}

int format_inspect(const char *format, json_t *value, const struct go_type *type, struct err *err)
{
    _cleanup_(template_freep) struct template *t = NULL;
    const struct template_env typed = {.type = type},
                              raw = {.type = &go_raw, .missing_is_error = true};
    int r = parse(format, &t, err);
    if (r < 0)
        return r;
    if (exec_one(t, &typed, value, err) == 0)
        return 0;
    err_clear(err);
    return wrap(exec_one(t, &raw, value, err), err);
}

int format_check(const char *format, struct err *err)
{
    _cleanup_(template_freep) struct template *t = NULL;
    return parse(format, &t, err);
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

/* `limit` is where the digits that are shown would round up to the next unit. */
static char *scaled(double v, double base, double limit, int digits, const char *const *units,
                    size_t n)
{
    size_t u = 0;
    while (v >= limit && u + 1 < n) {
        v /= base;
        u++;
    }
    return str_printf("%.*g%s", digits, v, units[u]);
}

char *format_size(int64_t bytes)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
    return scaled((double)bytes, 1000.0, 999.5, 3, units, ARRAY_SIZE(units));
}

char *format_size_fine(int64_t bytes)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
    return scaled((double)bytes, 1000.0, 999.95, 4, units, ARRAY_SIZE(units));
}

char *format_size_binary(int64_t bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    return scaled((double)bytes, 1024.0, 1023.5, 4, units, ARRAY_SIZE(units));
}

char *format_time(int64_t seconds)
{
    char text[64];
    time_t t = (time_t)seconds;
    struct tm tm = {0};
    localtime_r(&t, &tm);
    strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S %z %Z", &tm);
    return xstrdup(text);
}
