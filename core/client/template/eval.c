/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pipelines of a template: operands, fields, methods, functions
 *
 * The order of evaluation, and the place that a message names, are those of
 * Go's text/template: the last node that was looked at.
 */
#include <errno.h>
#include <stdarg.h>

#include "base/json.h"
#include "client/template/eval.h"
#include "client/template/funcs.h"
#include "client/template/print.h"

static const struct value missing; /* no value behind a | */

static size_t where_text(const struct eval *e, struct buf *text)
{
    const struct where *w = &e->where;
    const char *source = e->t->source;
    if (w->term) {
        term_text(source, w->term, text);
        return w->term->place;
    }
    if (w->command) {
        command_text(source, w->command, text);
        return w->command->terms[0].place;
    }
    if (w->pipe) {
        pipe_text(source, w->pipe, text);
        return w->pipe->at;
    }
    if (!w->node)
        return 0;
    if (w->node->kind == NODE_TEMPLATE)
        node_text(source, w->node, text);
    return w->node->at;
}

int eval_fail(struct eval *e, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    _cleanup_(freep) char *words = str_vprintf(fmt, ap);
    va_end(ap);
    struct buf text = {0};
    size_t at = where_text(e, &text);
    int r = template_error(e->t->source, at, e->err, "executing \"\" at <%s>: %s",
                           text.s ? text.s : "", words);
    buf_fini(&text);
    return r;
}

void eval_var_push(struct eval *e, const char *name, const struct value *value)
{
    if (e->nvars == e->cap) {
        e->cap = e->cap ? e->cap * 2 : 8;
        e->vars = xrealloc(e->vars, e->cap * sizeof(*e->vars));
    }
    e->vars[e->nvars++] = (struct variable){name, value_copy(value)};
}

void eval_vars_pop(struct eval *e, size_t to)
{
    while (e->nvars > to)
        value_fini(&e->vars[--e->nvars].value);
}

static struct variable *var_find(struct eval *e, const char *name)
{
    for (size_t i = e->nvars; i > 0; i--)
        if (strcmp(e->vars[i - 1].name, name) == 0)
            return &e->vars[i - 1];
    return NULL;
}

void eval_var_assign(struct eval *e, const char *name, const struct value *value)
{
    struct variable *v = var_find(e, name);
    if (!v)
        return;
    struct value before = v->value;
    v->value = value_copy(value);
    value_fini(&before);
}

/* A method of the caller's or of the type: 1 and *out, 0: there is none. */
static int eval_method(struct eval *e, const struct value *v, const char *name,
                       const struct value *args, size_t n, struct value *out)
{
    json_t *list[TEMPLATE_ARGS_MAX + 1] = {NULL}, *result = NULL;
    for (size_t i = 0; i < n; i++)
        list[i] = args[i].json;
    int r = e->env && e->env->method
                ? e->env->method(e->env->ctx, v->json, name, list, n, &result, e->err)
                : 0;
    if (r == 0 && n == 0 && v->type->method)
        r = v->type->method(v->json, name, &result);
    if (r > 0) {
        *out = value_take(result, NULL);
        value_unwrap(out);
        if (json_is_integer(out->json))
            out->type = &go_int;
    }
    if (r >= 0)
        return r;
    _cleanup_(freep) char *words = xstrdup(err_msg(e->err));
    return eval_fail(e, "%s", words);
}

static int map_field(struct eval *e, const struct value *v, const char *name, bool has_args,
                     struct value *out)
{
    if (has_args)
        return eval_fail(e, "%s is not a method but has arguments", name);
    if (value_member(v, name, out))
        return 0;
    if (e->env && e->env->missing_is_error)
        return eval_fail(e, "map has no entry for key \"%s\"", name);
    *out = missing;
    return 0;
}

/* One field of `v`, with the arguments of a method. */
static int eval_field(struct eval *e, const struct value *v, const char *name,
                      const struct value *args, size_t n, struct value *out)
{
    const char *type = value_type(v);
    if (!v->type || v->type->kind == GO_NIL) {
        *out = missing;
        return e->env && e->env->missing_is_error
                   ? eval_fail(e, "nil data; no entry for key \"%s\"", name)
                   : 0;
    }
    if (v->type->kind == GO_ANY && json_is_null(v->json))
        return eval_fail(e, "nil pointer evaluating %s.%s", type, name);
    int r = eval_method(e, v, name, args, n, out);
    if (r != 0)
        return r < 0 ? r : 0;
    struct value held = *v;
    value_unwrap(&held);
    if (value_kind(&held) == GO_MAP)
        return map_field(e, &held, name, n > 0, out);
    if (value_kind(&held) != GO_STRUCT || !value_field(&held, name, out))
        return eval_fail(e, "can't evaluate field %s in type %s", name, type);
    if (n > 0 || value_is_nil(&held)) {
        value_fini(out);
        return n > 0 ? eval_fail(e, "%s has arguments but cannot be invoked as function", name)
                     : eval_fail(e, "nil pointer evaluating %s.%s", type, name);
    }
    return 0;
}

/* The fields behind an operand; only the last takes the arguments. `v` is taken
 * over. */
static int eval_chain(struct eval *e, const struct term *t, struct value v,
                      const struct value *args, size_t n, struct value *out)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < t->fields.n; i++) {
        struct value next = {0};
        bool last = i + 1 == t->fields.n;
        r = eval_field(e, &v, t->fields.v[i], last ? args : NULL, last ? n : 0, &next);
        value_fini(&v);
        v = next;
    }
    *out = v;
    return r;
}

static int not_a_function(struct eval *e, const struct term *t, size_t n)
{
    if (n == 0)
        return 0;
    struct buf text = {0};
    term_text(e->t->source, t, &text);
    int r = eval_fail(e, "can't give argument to non-function %s", text.s ? text.s : "");
    buf_fini(&text);
    return r;
}

static struct value literal(const json_t *v)
{
    return value_ref(v, json_is_integer(v)   ? &go_int
                        : json_is_real(v)    ? &go_float
                        : json_is_boolean(v) ? &go_bool
                                             : &go_string);
}

static int eval_command(struct eval *e, const struct command *c, const struct value *dot,
                        const struct value *final, struct value *out);

/* What a term is without arguments, its fields left out. */
static int eval_base(struct eval *e, const struct term *t, const struct value *dot,
                     struct value *out)
{
    const struct command alone = {.terms = (struct term *)(uintptr_t)t, .n = 1};
    switch (t->kind) {
    case TERM_LITERAL:
        *out = literal(t->literal);
        return 0;
    case TERM_VARIABLE:
        *out = value_copy(&var_find(e, t->name)->value);
        return 0;
    case TERM_PAREN:
        return eval_pipe(e, t->pipe, dot, out);
    case TERM_NIL:
        *out = value_take(NULL, &go_nil);
        return 0;
    case TERM_FUNCTION: {
        struct term bare = *t;
        struct command call = {.terms = &bare, .n = 1};
        bare.fields = (struct strv){0};
        int r = eval_command(e, t->fields.n ? &call : &alone, dot, &missing, out);
        if (t->fields.n)
            e->where = (struct where){.term = t};
        return r;
    }
    default:
        *out = value_copy(dot);
        return 0;
    }
}

/* A term as an argument. */
static int eval_operand(struct eval *e, const struct term *t, const struct value *dot,
                        struct value *out)
{
    struct value base = {0};
    e->where = (struct where){.term = t};
    int r = eval_base(e, t, dot, &base);
    if (r < 0 || t->fields.n == 0) {
        *out = base;
        return r;
    }
    return eval_chain(e, t, base, NULL, 0, out);
}

/* What a literal must be where a function wants a string or a number. */
static int check_literal(struct eval *e, const struct term *t, char param)
{
    const char *want = param == 's' ? "string" : param == 'S' ? "[]string" : "int";
    e->where = (struct where){.term = t};
    if (param == 'v')
        return 0;
    if (t->kind == TERM_NIL)
        return param == 'S' ? 0 : eval_fail(e, "cannot assign nil to %s", want);
    if (t->kind != TERM_LITERAL || (param == 's' && json_is_string(t->literal)) ||
        (param == 'i' && json_is_integer(t->literal)))
        return 0;
    int len = (int)(t->end - t->at);
    const char *text = e->t->source + t->at;
    if (param == 'S')
        return eval_fail(e, "can't handle %.*s for arg of type %s", len, text, want);
    return eval_fail(e, "expected %s; found %.*s", param == 's' ? "string" : "integer", len, text);
}

/* A list of any values that are strings will do, unless docker would have read
 * it raw. */
static bool is_strings(const struct value *v)
{
    const struct go_type *elem = v->type->elem;
    if (value_kind(v) != GO_SLICE || !elem || elem->kind == GO_STRING)
        return value_kind(v) == GO_SLICE && elem;
    bool strings = elem == &go_any;
    for (size_t i = 0; strings && i < json_array_size(v->json); i++)
        strings = json_is_string(json_array_get(v->json, i));
    return strings;
}

static int check_value(struct eval *e, struct value *v, char param)
{
    const char *want = param == 's' ? "string" : param == 'S' ? "[]string" : "int";
    value_unwrap(v);
    if (!v->type && param == 'v')
        *v = value_take(NULL, &go_nil);
    if (param == 'v' || (param == 'S' && v->type && v->type->kind == GO_NIL))
        return 0;
    if (!v->type || v->type->kind == GO_NIL)
        return eval_fail(e, "invalid value; expected %s", want);
    bool fits = param == 's'   ? v->type->kind == GO_STRING && v->type != &go_number
                : param == 'i' ? v->type->kind == GO_INT
                               : is_strings(v);
    return fits ? 0
                : eval_fail(e, "wrong type for value; expected %s; got %s", want, value_type(v));
}

static char param_of(const struct template_fn *fn, size_t i)
{
    size_t n = strlen(fn->params);
    return fn->params[MIN(i, n - 1)];
}

static int eval_args(struct eval *e, const struct template_fn *fn, const struct command *c,
                     const struct value *dot, const struct value *final, struct value *args,
                     size_t *n)
{
    int r = 0;
    for (size_t i = 1; r == 0 && i < c->n; i++) {
        char param = fn ? param_of(fn, i - 1) : 'v';
        r = check_literal(e, &c->terms[i], param);
        if (r == 0)
            r = eval_operand(e, &c->terms[i], dot, &args[*n]);
        *n += r == 0;
        if (r == 0)
            r = check_value(e, &args[*n - 1], param);
    }
    if (r == 0 && final->type) {
        args[(*n)++] = value_copy(final);
        r = check_value(e, &args[*n - 1], fn ? param_of(fn, *n - 1) : 'v');
    }
    return r;
}

/* and, or: arguments are evaluated until one decides. */
static int eval_logic(struct eval *e, const struct command *c, const struct value *dot,
                      const struct value *final, struct value *out)
{
    bool is_and = strcmp(c->terms[0].name, "and") == 0;
    struct value v = {0};
    for (size_t i = 1; i < c->n; i++) {
        value_fini(&v);
        int r = eval_operand(e, &c->terms[i], dot, &v);
        value_unwrap(&v);
        *out = v;
        if (r < 0 || value_truth(&v) != is_and)
            return r;
    }
    if (final->type) {
        value_fini(&v);
        v = value_copy(final);
    }
    *out = v;
    return 0;
}

static int call(struct eval *e, const struct template_fn *fn, const struct command *c,
                const struct value *args, size_t n, struct value *out)
{
    int r = 0;
    if (fn->text_only && e->env && e->env->header)
        *out = value_copy(&args[0]);
    else
        r = fn->call(args, n, out, e->err);
    if (r >= 0)
        return r;
    _cleanup_(freep) char *words = xstrdup(err_msg(e->err));
    const char *rest = strcmp(fn->name, "call") == 0 ? str_after(words, "non-function of") : NULL;
    e->where = (struct where){.command = c};
    if (!rest || c->n < 2)
        return eval_fail(e, "error calling %s: %s", fn->name, words);
    struct buf text = {0};
    if (c->terms[1].kind == TERM_PAREN && c->terms[1].fields.n == 0)
        pipe_text(e->t->source, c->terms[1].pipe, &text);
    else
        term_text(e->t->source, &c->terms[1], &text);
    r = eval_fail(e, "error calling call: non-function %s of%s", text.s ? text.s : "", rest);
    buf_fini(&text);
    return r;
}

static int eval_function(struct eval *e, const struct command *c, const struct value *dot,
                         const struct value *final, struct value *out)
{
    const struct term *head = &c->terms[0];
    const struct template_fn *fn = template_function(head->name);
    size_t n = c->n - 1 + (final->type != NULL), given = 0;
    e->where = (struct where){.term = head};
    if (n < fn->min || n > fn->max)
        return eval_fail(e, "wrong number of args for %s: want %s%zu got %zu", fn->name,
                         fn->max == TEMPLATE_ARGS_MAX ? "at least " : "", fn->min, n);
    if (strcmp(fn->name, "and") == 0 || strcmp(fn->name, "or") == 0)
        return eval_logic(e, c, dot, final, out);
    struct value args[TEMPLATE_ARGS_MAX + 1];
    int r = eval_args(e, fn, c, dot, final, args, &given);
    if (r == 0)
        r = call(e, fn, c, args, given, out);
    for (size_t i = 0; i < given; i++)
        value_fini(&args[i]);
    return r;
}

/* `.A.B x y`: its last field may be a method. */
static int eval_fields(struct eval *e, const struct command *c, const struct value *dot,
                       const struct value *final, struct value *out)
{
    const struct term *head = &c->terms[0];
    struct value args[TEMPLATE_ARGS_MAX + 1], base = {0};
    size_t n = 0;
    e->where = (struct where){.term = head};
    if (c->n > TEMPLATE_ARGS_MAX)
        return eval_fail(e, "more than %d arguments", TEMPLATE_ARGS_MAX);
    int r = eval_args(e, NULL, c, dot, final, args, &n);
    e->where = (struct where){.term = head};
    if (r == 0)
        r = eval_base(e, head, dot, &base);
    if (r == 0)
        r = eval_chain(e, head, base, args, n, out);
    for (size_t i = 0; i < n; i++)
        value_fini(&args[i]);
    return r;
}

static int eval_command(struct eval *e, const struct command *c, const struct value *dot,
                        const struct value *final, struct value *out)
{
    const struct term *head = &c->terms[0];
    if (head->fields.n > 0)
        return eval_fields(e, c, dot, final, out);
    if (head->kind == TERM_FUNCTION)
        return eval_function(e, c, dot, final, out);
    e->where = (struct where){.term = head};
    int r = not_a_function(e, head, c->n - 1 + (final->type != NULL));
    if (r == 0 && head->kind == TERM_NIL)
        r = eval_fail(e, "nil is not a command");
    return r < 0 ? r : eval_base(e, head, dot, out);
}

/* Without its variables. */
int eval_pipe(struct eval *e, const struct pipe *p, const struct value *dot, struct value *out)
{
    struct value v = {0};
    int r = 0;
    e->where = (struct where){.pipe = p};
    if (e->calls >= CALLS_MAX)
        return eval_fail(e, "exceeded maximum template depth (%d)", CALLS_MAX);
    e->calls++;
    for (size_t i = 0; r == 0 && i < p->n; i++) {
        struct value next = {0}, nothing = value_take(NULL, &go_nil);
        r = eval_command(e, &p->commands[i], dot, i ? (v.type ? &v : &nothing) : &missing, &next);
        value_fini(&v);
        value_fini(&nothing);
        v = next;
        value_unwrap(&v);
    }
    e->calls--;
    if (r < 0)
        value_fini(&v);
    *out = v;
    return r;
}
