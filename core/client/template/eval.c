/* SPDX-License-Identifier: Apache-2.0 */
/* Executes a template's tree on a value. */
#include <errno.h>
#include <stdarg.h>

#include "base/json.h"
#include "client/template/ast.h"
#include "client/template/funcs.h"

#define CALLS_MAX  100
#define OUTPUT_MAX (64u << 20)
#define ARGS_MAX   100

struct variable {
    const char *name; /* the tree's */
    json_t *value;
};

struct eval {
    const struct template *t;
    const struct template_env *env;
    struct buf *out;
    struct err *err;
    struct variable *vars;
    size_t nvars, cap;
    int calls;
    enum { FLOW_ON, FLOW_BREAK, FLOW_CONTINUE } flow;
};

static int eval_pipe(struct eval *e, const struct pipe *p, json_t *dot, json_t **out);

static int fail_at(struct eval *e, size_t at, size_t end, const char *fmt, ...) _printf_(4, 5);
static int fail_at(struct eval *e, size_t at, size_t end, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    _cleanup_(freep) char *words = str_vprintf(fmt, ap);
    va_end(ap);
    return template_error(e->t->source, at, e->err, "executing \"\" at <%.*s>: %s",
                          (int)(end > at ? end - at : 0), e->t->source + at, words);
}

/* Gives an error of a function or method its place. */
static int place(struct eval *e, const struct term *t, int r)
{
    if (r >= 0)
        return r;
    _cleanup_(freep) char *words = xstrdup(err_msg(e->err));
    return fail_at(e, t->at, t->end, "%s", words);
}

static void var_push(struct eval *e, const char *name, json_t *value)
{
    if (e->nvars == e->cap) {
        e->cap = e->cap ? e->cap * 2 : 8;
        e->vars = xrealloc(e->vars, e->cap * sizeof(*e->vars));
    }
    e->vars[e->nvars++] = (struct variable){name, json_incref(value)};
}

static void vars_pop(struct eval *e, size_t to)
{
    while (e->nvars > to)
        json_decref(e->vars[--e->nvars].value);
}

static struct variable *var_find(struct eval *e, const char *name)
{
    for (size_t i = e->nvars; i > 0; i--)
        if (strcmp(e->vars[i - 1].name, name) == 0)
            return &e->vars[i - 1];
    return NULL;
}

static void var_assign(struct eval *e, const char *name, json_t *value)
{
    struct variable *v = var_find(e, name);
    if (!v)
        return;
    json_decref(v->value);
    v->value = json_incref(value);
}

/* One field of `v`, with the arguments of a method. */
static int eval_field(struct eval *e, const struct term *t, json_t *v, const char *name,
                      json_t *const *args, size_t n, json_t **out)
{
    json_t *member = json_object_get(v, name);
    if (member && n == 0) {
        *out = json_incref(member);
        return 0;
    }
    int r =
        e->env && e->env->method ? e->env->method(e->env->ctx, v, name, args, n, out, e->err) : 0;
    if (r != 0)
        return r < 0 ? place(e, t, r) : 0;
    if (n > 0)
        return fail_at(e, t->at, t->end, "%s has arguments but cannot be invoked as function",
                       name);
    if (json_is_null(v))
        return fail_at(e, t->at, t->end, "nil pointer evaluating interface {}.%s", name);
    if (!json_is_object(v))
        return fail_at(e, t->at, t->end, "can't evaluate field %s in type %s", name,
                       template_type(v));
    if (e->env && e->env->missing_is_error)
        return fail_at(e, t->at, t->end, "map has no entry for key \"%s\"", name);
    *out = json_string("<no value>");
    return 0;
}

static int eval_base(struct eval *e, const struct term *t, json_t *dot, json_t **out)
{
    struct variable *v;
    switch (t->kind) {
    case TERM_LITERAL:
        *out = json_incref(t->literal);
        return 0;
    case TERM_VARIABLE:
        v = var_find(e, t->name);
        if (!v)
            return fail_at(e, t->at, t->end, "undefined variable %s", t->name);
        *out = json_incref(v->value);
        return 0;
    case TERM_PAREN:
        return eval_pipe(e, t->pipe, dot, out);
    default:
        *out = json_incref(dot);
        return 0;
    }
}

static int call_function(struct eval *e, const struct term *t, json_t *const *args, size_t n,
                         json_t **out)
{
    const struct template_fn *fn = template_function(t->name);
    if (n < fn->min || n > fn->max)
        return fail_at(e, t->at, t->end, "wrong number of args for %s: want %s%zu got %zu", t->name,
                       fn->max > fn->min ? "at least " : "", fn->min, n);
    return place(e, t, fn->call(args, n, out, e->err));
}

/* A term with the arguments that follow it (only its last field, or a function, takes them). */
static int eval_call(struct eval *e, const struct term *t, json_t *dot, json_t *const *args,
                     size_t n, json_t **out)
{
    json_t *v = NULL;
    bool function = t->kind == TERM_FUNCTION;
    bool last_takes = t->fields.n > 0;
    int r = function ? call_function(e, t, last_takes ? NULL : args, last_takes ? 0 : n, &v)
                     : eval_base(e, t, dot, &v);
    if (r == 0 && n > 0 && !function && !last_takes)
        r = fail_at(e, t->at, t->end, "can't give argument to non-function %.*s",
                    (int)(t->end - t->at), e->t->source + t->at);
    for (size_t i = 0; r == 0 && i < t->fields.n; i++) {
        json_t *next = NULL;
        bool last = i + 1 == t->fields.n;
        r = eval_field(e, t, v, t->fields.v[i], last ? args : NULL, last ? n : 0, &next);
        json_decref(v);
        v = next;
    }
    if (r < 0)
        json_decref(v);
    else
        *out = v;
    return r;
}

/* and, or: arguments are evaluated until one decides. */
static int eval_logic(struct eval *e, const struct command *c, json_t *dot, json_t *final,
                      json_t **out)
{
    bool is_and = strcmp(c->terms[0].name, "and") == 0;
    json_t *v = NULL;
    for (size_t i = 1; i < c->n; i++) {
        json_decref(v);
        v = NULL;
        int r = eval_call(e, &c->terms[i], dot, NULL, 0, &v);
        if (r < 0)
            return r;
        if (template_truth(v) != is_and) {
            *out = v;
            return 0;
        }
    }
    if (final) {
        json_decref(v);
        v = json_incref(final);
    }
    if (!v)
        return fail_at(e, c->terms[0].at, c->terms[0].end,
                       "wrong number of args for %s: want at least 1 got 0", c->terms[0].name);
    *out = v;
    return 0;
}

static int eval_command(struct eval *e, const struct command *c, json_t *dot, json_t *final,
                        json_t **out)
{
    const struct term *head = &c->terms[0];
    if (head->kind == TERM_FUNCTION &&
        (strcmp(head->name, "and") == 0 || strcmp(head->name, "or") == 0))
        return eval_logic(e, c, dot, final, out);
    if (c->n > ARGS_MAX)
        return fail_at(e, head->at, head->end, "more than %d arguments", ARGS_MAX);
    json_t *args[ARGS_MAX + 1];
    size_t n = 0;
    int r = 0;
    for (size_t i = 1; r == 0 && i < c->n; i++) {
        r = eval_call(e, &c->terms[i], dot, NULL, 0, &args[n]);
        n += r == 0;
    }
    if (r == 0 && final)
        args[n++] = json_incref(final);
    if (r == 0)
        r = eval_call(e, head, dot, args, n, out);
    for (size_t i = 0; i < n; i++)
        json_decref(args[i]);
    return r;
}

static int eval_pipe(struct eval *e, const struct pipe *p, json_t *dot, json_t **out)
{
    json_t *v = NULL;
    if (++e->calls > CALLS_MAX) {
        e->calls--;
        return fail_at(e, p->at, p->at, "exceeded maximum template depth (%d)", CALLS_MAX);
    }
    int r = 0;
    for (size_t i = 0; r == 0 && i < p->n; i++) {
        json_t *next = NULL;
        r = eval_command(e, &p->commands[i], dot, i ? v : NULL, &next);
        json_decref(v);
        v = next;
    }
    e->calls--;
    if (r < 0)
        return r;
    *out = v;
    return 0;
}

/* Evaluates a pipe and declares or assigns its variable (range does that itself). */
static int eval_pipe_vars(struct eval *e, const struct pipe *p, json_t *dot, json_t **out)
{
    int r = eval_pipe(e, p, dot, out);
    if (r < 0 || p->vars.n == 0)
        return r;
    if (p->assign)
        var_assign(e, p->vars.v[0], *out);
    else
        var_push(e, p->vars.v[0], *out);
    return 0;
}

static int exec_list(struct eval *e, const struct node *n, json_t *dot);

static int exec_action(struct eval *e, const struct node *n, json_t *dot)
{
    json_auto_t *v = NULL;
    int r = eval_pipe_vars(e, n->pipe, dot, &v);
    if (r < 0 || n->pipe->vars.n > 0)
        return r;
    if (json_is_null(v))
        buf_adds(e->out, "<no value>");
    else
        template_print(v, e->out);
    if (e->out->len > OUTPUT_MAX)
        return fail_at(e, n->at, n->at, "more than %u bytes of output", OUTPUT_MAX);
    return 0;
}

static int exec_branch(struct eval *e, const struct node *n, json_t *dot)
{
    size_t scope = e->nvars;
    json_auto_t *v = NULL;
    int r = eval_pipe_vars(e, n->pipe, dot, &v);
    if (r == 0) {
        bool yes = template_truth(v);
        r = exec_list(e, yes ? n->body : n->otherwise, yes && n->kind == NODE_WITH ? v : dot);
    }
    vars_pop(e, scope);
    return r;
}

/* One turn of a range; *more is false after break. */
static int exec_turn(struct eval *e, const struct node *n, json_t *key, json_t *item, bool *more)
{
    const struct strv *names = &n->pipe->vars;
    size_t scope = e->nvars;
    json_t *values[2] = {names->n == 2 ? key : item, item};
    for (size_t i = 0; i < names->n; i++) {
        if (n->pipe->assign)
            var_assign(e, names->v[i], values[i]);
        else
            var_push(e, names->v[i], values[i]);
    }
    int r = exec_list(e, n->body, item);
    vars_pop(e, scope);
    *more = e->flow != FLOW_BREAK;
    e->flow = FLOW_ON;
    return r;
}

static int range_array(struct eval *e, const struct node *n, json_t *v)
{
    bool more = true;
    int r = 0;
    for (size_t i = 0; r == 0 && more && i < json_array_size(v); i++) {
        json_auto_t *key = json_integer((json_int_t)i);
        r = exec_turn(e, n, key, json_array_get(v, i), &more);
    }
    return r;
}

static int range_object(struct eval *e, const struct node *n, json_t *v)
{
    bool more = true;
    int r = 0;
    size_t count;
    _cleanup_(freep) const char **keys = template_keys(v, &count);
    for (size_t i = 0; r == 0 && more && i < count; i++) {
        json_auto_t *key = json_string(keys[i]);
        r = exec_turn(e, n, key, json_object_get(v, keys[i]), &more);
    }
    return r;
}

static int range_integer(struct eval *e, const struct node *n, json_t *v)
{
    bool more = true;
    int r = 0;
    for (json_int_t i = 0; r == 0 && more && i < json_integer_value(v); i++) {
        json_auto_t *key = json_integer(i);
        r = exec_turn(e, n, key, key, &more);
        if (e->out->len > OUTPUT_MAX || i > 10000000)
            return fail_at(e, n->at, n->at, "range is too long");
    }
    return r;
}

static int exec_range(struct eval *e, const struct node *n, json_t *dot)
{
    json_auto_t *v = NULL;
    int r = eval_pipe(e, n->pipe, dot, &v);
    if (r < 0)
        return r;
    if (json_is_array(v) || json_is_object(v) || json_is_integer(v)) {
        if (!template_truth(v))
            return exec_list(e, n->otherwise, dot);
        return json_is_array(v)    ? range_array(e, n, v)
               : json_is_object(v) ? range_object(e, n, v)
                                   : range_integer(e, n, v);
    }
    if (json_is_null(v))
        return exec_list(e, n->otherwise, dot);
    _cleanup_(freep) char *text = json_text(v);
    return fail_at(e, n->pipe->at, n->pipe->at, "range can't iterate over %s", text);
}

static int exec_template(struct eval *e, const struct node *n, json_t *dot)
{
    const struct definition *d = e->t->definitions;
    while (d && strcmp(d->name, n->text) != 0)
        d = d->next;
    if (!d)
        return fail_at(e, n->at, n->at, "template \"%s\" not defined", n->text);
    if (e->calls >= CALLS_MAX)
        return fail_at(e, n->at, n->at, "exceeded maximum template depth (%d)", CALLS_MAX);
    json_auto_t *v = json_null();
    int r = n->pipe ? eval_pipe(e, n->pipe, dot, &v) : 0;
    if (r < 0)
        return r;
    struct variable *outer = e->vars;
    size_t nouter = e->nvars, cap = e->cap;
    e->vars = NULL;
    e->nvars = e->cap = 0;
    var_push(e, "$", v);
    e->calls++;
    r = exec_list(e, d->body, v);
    e->calls--;
    vars_pop(e, 0);
    free(e->vars);
    e->vars = outer;
    e->nvars = nouter;
    e->cap = cap;
    return r;
}

static int exec_node(struct eval *e, const struct node *n, json_t *dot)
{
    switch (n->kind) {
    case NODE_TEXT:
        buf_add(e->out, n->text, n->len);
        return 0;
    case NODE_ACTION:
        return exec_action(e, n, dot);
    case NODE_IF:
    case NODE_WITH:
        return exec_branch(e, n, dot);
    case NODE_RANGE:
        return exec_range(e, n, dot);
    case NODE_TEMPLATE:
        return exec_template(e, n, dot);
    default:
        e->flow = n->kind == NODE_BREAK ? FLOW_BREAK : FLOW_CONTINUE;
        return 0;
    }
}

static int exec_list(struct eval *e, const struct node *n, json_t *dot)
{
    int r = 0;
    for (; r == 0 && n && e->flow == FLOW_ON; n = n->next)
        r = exec_node(e, n, dot);
    return r;
}

int template_exec(const struct template *t, const struct template_env *env, json_t *data,
                  struct buf *out, struct err *err)
{
    struct eval e = {.t = t, .env = env, .out = out, .err = err};
    var_push(&e, "$", data);
    int r = exec_list(&e, t->body, data);
    vars_pop(&e, 0);
    free(e.vars);
    return r;
}
