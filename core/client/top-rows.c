/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of the live view. */
#include "client/top-rows.h"

#include <stdlib.h>

#include "base/json.h"
#include "client/format.h"

#define NAME_MIN 12

static void row_fini(struct top_row *row)
{
    free(row->id);
    free(row->name);
}

static void clear(struct top_rows *r)
{
    for (size_t i = 0; i < r->n; i++)
        row_fini(&r->v[i]);
    free(r->v);
    r->v = NULL;
    r->n = 0;
}

void top_rows_fini(struct top_rows *r)
{
    clear(r);
    free(r->selected);
}

static double weight(const struct top_row *row, enum top_key key)
{
    const struct stats_numbers *n = &row->n;
    switch (key) {
    case TOP_CPU:
        return n->cpu_percent;
    case TOP_MEMORY:
        return (double)n->memory;
    case TOP_NETWORK:
        return (double)n->received + (double)n->sent;
    case TOP_BLOCK:
        return (double)n->read + (double)n->written;
    case TOP_PIDS:
        return (double)n->pids;
    default:
        return 0;
    }
}

/* Largest first; what is equal, and names, by name. */
static int compare(const void *a, const void *b, void *ctx)
{
    const struct top_rows *r = ctx;
    const struct top_row *x = a, *y = b;
    double wx = weight(x, r->key), wy = weight(y, r->key);
    int c = (wx < wy) - (wx > wy);
    if (c == 0)
        c = strcmp(x->name, y->name);
    return r->reversed ? -c : c;
}

static void sort(struct top_rows *r)
{
    if (r->n > 1)
        qsort_r(r->v, r->n, sizeof(*r->v), compare, r);
}

void top_rows_sort(struct top_rows *r, enum top_key key)
{
    r->reversed = r->key == key ? !r->reversed : false;
    r->key = key;
    sort(r);
}

void top_rows_take(struct top_rows *r, const struct stats_feed *f)
{
    clear(r);
    r->v = xcalloc(f->n + 1, sizeof(*r->v));
    for (size_t i = 0; i < f->n; i++) {
        const struct stats_source *s = f->v[i];
        const char *name = json_str(s->line, "name", s->ref);
        if (s->over)
            continue;
        struct top_row *row = &r->v[r->n++];
        *row = (struct top_row){.id = xstrdup(s->id ? s->id : s->ref),
                                .name = xstrdup(name + (*name == '/')),
                                .known = s->line != NULL};
        stats_numbers_of(s->line, &row->n);
    }
    sort(r);
    if (!top_rows_selected(r, NULL) && r->n > 0) {
        free(r->selected);
        r->selected = xstrdup(r->v[0].id);
    }
}

const struct top_row *top_rows_selected(const struct top_rows *r, size_t *index)
{
    for (size_t i = 0; i < r->n; i++) {
        if (!str_eq(r->v[i].id, r->selected))
            continue;
        if (index)
            *index = i;
        return &r->v[i];
    }
    return NULL;
}

void top_rows_move(struct top_rows *r, int by, int lines)
{
    size_t at = 0;
    if (!top_rows_selected(r, &at))
        return;
    long long to = (long long)at + by, last = (long long)r->n - 1, shown = MAX(lines, 1);
    to = MAX(MIN(to, last), 0);
    if (to != (long long)at) {
        free(r->selected);
        r->selected = xstrdup(r->v[to].id);
    }
    long long first = MAX(MIN((long long)r->first, to), to - shown + 1);
    r->first = (size_t)MAX(MIN(first, last - shown + 1), 0);
}

/* --- lines */

static char *percent(double v)
{
    return str_printf("%.1f", v);
}

static char *cell(const struct stats_numbers *n, int column)
{
    switch (column) {
    case 0:
        return percent(n->cpu_percent);
    case 1:
        return format_size_binary(n->memory);
    case 2:
        return percent(n->memory_percent);
    case 3:
        return str_printf("%lld", (long long)n->pids);
    case 4:
        return format_size(n->received);
    case 5:
        return format_size(n->sent);
    case 6:
        return format_size(n->read);
    default:
        return format_size(n->written);
    }
}

static const struct {
    const char *title;
    int width;
    enum top_key key;
} columns_of[] = {{"CPU %", 8, TOP_CPU},  {"MEM", 10, TOP_MEMORY},    {"MEM %", 7, TOP_MEMORY},
                  {"PIDS", 7, TOP_PIDS},  {"NET RX", 9, TOP_NETWORK}, {"NET TX", 9, TOP_NETWORK},
                  {"READ", 9, TOP_BLOCK}, {"WRITE", 9, TOP_BLOCK}};

/* How many columns have a place beside a name. */
static size_t columns_that_fit(int columns, int *name_width)
{
    int used = 0;
    size_t n = 0;
    while (n < ARRAY_SIZE(columns_of) && used + columns_of[n].width + NAME_MIN <= columns)
        used += columns_of[n++].width;
    *name_width = MAX(columns - used, 1);
    return n;
}

/* The column that is sorted by has a mark. */
static char *title(const struct top_rows *r, const char *text, enum top_key key)
{
    return str_printf("%s%s", text, r->key != key ? "" : r->reversed ? "^" : "v");
}

static void put_name(struct buf *b, const char *name, int width)
{
    _cleanup_(freep) char *cut = format_ellipsis(name, (size_t)MAX(width - 1, 0));
    buf_printf(b, "%s%*s", cut, width - (int)display_width(cut), "");
}

char *top_row_line(const struct top_rows *r, const struct top_row *row, int columns)
{
    int name_width;
    size_t n = columns_that_fit(columns, &name_width);
    struct buf b = {0};
    _cleanup_(freep) char *heading = row ? NULL : title(r, "NAME", TOP_NAME);
    put_name(&b, row ? row->name : heading, name_width);
    for (size_t i = 0; i < n; i++) {
        _cleanup_(freep) char *text = !row ? title(r, columns_of[i].title, columns_of[i].key)
                                      : row->known ? cell(&row->n, (int)i)
                                                   : xstrdup("--");
        buf_printf(&b, "%*s", columns_of[i].width, text);
    }
    return buf_steal(&b);
}

char *top_rows_summary(const struct top_rows *r)
{
    double cpu = 0;
    int64_t memory = 0;
    for (size_t i = 0; i < r->n; i++) {
        cpu += r->v[i].n.cpu_percent;
        memory += r->v[i].n.memory;
    }
    _cleanup_(freep) char *bytes = format_size_binary(memory);
    return str_printf("%zu container%s, CPU %.1f %%, memory %s", r->n, r->n == 1 ? "" : "s", cpu,
                      bytes);
}
