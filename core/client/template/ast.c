/* SPDX-License-Identifier: Apache-2.0 */
/* The tree of a template: its end, its text, and where in it a message points. */
#include "client/template/ast.h"

#include <errno.h>
#include <stdarg.h>

#include "client/template/print.h"

static void place_of(const char *source, size_t at, int *line, int *column)
{
    *line = 1;
    *column = 0;
    for (size_t i = 0; i < at && source[i]; i++) {
        (*column)++;
        if (source[i] == '\n') {
            (*line)++;
            *column = 0;
        }
    }
}

int template_error(const char *source, size_t at, struct err *err, const char *fmt, ...)
{
    int line, column;
    place_of(source, at, &line, &column);
    va_list ap;
    va_start(ap, fmt);
    _cleanup_(freep) char *words = str_vprintf(fmt, ap);
    va_end(ap);
    return err_set(err, -EINVAL, "template: :%d:%d: %s", line, column, words);
}

void term_text(const char *source, const struct term *t, struct buf *out)
{
    const char *field;
    switch (t->kind) {
    case TERM_DOT:
        buf_addc(out, '.');
        break;
    case TERM_FIELD:
        break;
    case TERM_PAREN:
        buf_addc(out, '(');
        pipe_text(source, t->pipe, out);
        buf_addc(out, ')');
        break;
    default:
        buf_add(out, source + t->at, t->end - t->at);
    }
    strv_foreach (field, &t->fields)
        buf_printf(out, ".%s", field);
}

void command_text(const char *source, const struct command *c, struct buf *out)
{
    for (size_t i = 0; i < c->n; i++) {
        if (i)
            buf_addc(out, ' ');
        term_text(source, &c->terms[i], out);
    }
}

void pipe_text(const char *source, const struct pipe *p, struct buf *out)
{
    for (size_t i = 0; i < p->vars.n; i++)
        buf_printf(out, "%s%s", i ? ", " : "", p->vars.v[i]);
    if (p->vars.n > 0)
        buf_adds(out, p->assign ? " = " : " := ");
    for (size_t i = 0; i < p->n; i++) {
        if (i)
            buf_adds(out, " | ");
        command_text(source, &p->commands[i], out);
    }
}

void node_text(const char *source, const struct node *n, struct buf *out)
{
    buf_adds(out, "{{template ");
    print_quoted(n->text, n->len, out);
    if (n->pipe) {
        buf_addc(out, ' ');
        pipe_text(source, n->pipe, out);
    }
    buf_adds(out, "}}");
}

static void pipe_free(struct pipe *p);

static void term_fini(struct term *t)
{
    free(t->name);
    json_decref(t->literal);
    pipe_free(t->pipe);
    strv_fini(&t->fields);
}

static void pipe_free(struct pipe *p)
{
    if (!p)
        return;
    for (size_t i = 0; i < p->n; i++) {
        for (size_t k = 0; k < p->commands[i].n; k++)
            term_fini(&p->commands[i].terms[k]);
        free(p->commands[i].terms);
    }
    free(p->commands);
    strv_fini(&p->vars);
    free(p);
}

void template_nodes_free(struct node *n)
{
    while (n) {
        struct node *next = n->next;
        free(n->text);
        pipe_free(n->pipe);
        template_nodes_free(n->body);
        template_nodes_free(n->otherwise);
        free(n);
        n = next;
    }
}

void template_free(struct template *t)
{
    if (!t)
        return;
    while (t->definitions) {
        struct definition *d = t->definitions;
        t->definitions = d->next;
        template_nodes_free(d->body);
        free(d->name);
        free(d);
    }
    template_nodes_free(t->body);
    free(t->source);
    free(t);
}
