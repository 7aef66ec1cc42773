/* SPDX-License-Identifier: Apache-2.0 */
/* Statements of a template: text, actions, if, with, range, template. */
#include <errno.h>

#include "client/template/eval.h"
#include "client/template/print.h"

#define OUTPUT_MAX (64u << 20)
#define RANGE_MAX  10000000

/* Evaluates a pipe and declares or assigns its variable (range does that
 * itself). */
static int eval_pipe_vars(struct eval *e, const struct pipe *p, const struct value *dot,
                          struct value *out)
{
    int r = eval_pipe(e, p, dot, out);
    if (r < 0 || p->vars.n == 0)
        return r;
    if (p->assign)
        eval_var_assign(e, p->vars.v[0], out);
    else
        eval_var_push(e, p->vars.v[0], out);
    return 0;
}

static int exec_list(struct eval *e, const struct node *n, const struct value *dot);

/* A pointer prints as what is behind it. */
static void print_result(const struct value *v, struct buf *out)
{
    struct value shown = *v;
    struct go_type behind;
    if (!v->type || v->type->kind == GO_NIL) {
        buf_adds(out, "<no value>");
        return;
    }
    if (v->type->pointer && !value_is_nil(v)) {
        behind = *v->type;
        behind.pointer = false;
        shown.type = &behind;
    }
    print_value(&shown, out);
}

static int exec_action(struct eval *e, const struct node *n, const struct value *dot)
{
    _cleanup_(value_fini) struct value v = {0};
    int r = eval_pipe_vars(e, n->pipe, dot, &v);
    if (r < 0 || n->pipe->vars.n > 0)
        return r;
    print_result(&v, e->out);
    if (e->out->len > OUTPUT_MAX)
        return eval_fail(e, "more than %u bytes of output", OUTPUT_MAX);
    return 0;
}

static int exec_branch(struct eval *e, const struct node *n, const struct value *dot)
{
    size_t scope = e->nvars;
    _cleanup_(value_fini) struct value v = {0};
    int r = eval_pipe_vars(e, n->pipe, dot, &v);
    if (r == 0) {
        bool yes = value_truth(&v);
        r = exec_list(e, yes ? n->body : n->otherwise, yes && n->kind == NODE_WITH ? &v : dot);
    }
    eval_vars_pop(e, scope);
    return r;
}

/* One turn of a range; *more is false after break. */
static int exec_turn(struct eval *e, const struct node *n, const struct value *key,
                     const struct value *item, bool *more)
{
    const struct strv *names = &n->pipe->vars;
    size_t scope = e->nvars;
    const struct value *values[2] = {names->n == 2 ? key : item, item};
    for (size_t i = 0; i < names->n; i++) {
        if (n->pipe->assign)
            eval_var_assign(e, names->v[i], values[i]);
        else
            eval_var_push(e, names->v[i], values[i]);
    }
    int r = exec_list(e, n->body, item);
    eval_vars_pop(e, scope);
    *more = e->flow != FLOW_BREAK;
    e->flow = FLOW_ON;
    if (r == 0 && e->out->len > OUTPUT_MAX)
        r = eval_fail(e, "more than %u bytes of output", OUTPUT_MAX);
    return r;
}

static int range_slice(struct eval *e, const struct node *n, const struct value *v)
{
    bool more = true;
    int r = 0;
    for (size_t i = 0; r == 0 && more && i < value_len(v); i++) {
        struct value key = value_take(json_integer((json_int_t)i), &go_int), item = value_at(v, i);
        value_unwrap(&item);
        r = exec_turn(e, n, &key, &item, &more);
        value_fini(&key);
        value_fini(&item);
    }
    return r;
}

static int range_map(struct eval *e, const struct node *n, const struct value *v)
{
    bool more = true;
    int r = 0;
    size_t count;
    _cleanup_(freep) const char **keys = json_sorted_keys(v->json, &count);
    for (size_t i = 0; r == 0 && more && i < count; i++) {
        struct value key = value_take(json_string(keys[i]), value_key_type(v)), item = {0};
        value_member(v, keys[i], &item);
        value_unwrap(&item);
        r = exec_turn(e, n, &key, &item, &more);
        value_fini(&key);
        value_fini(&item);
    }
    return r;
}

static int range_integer(struct eval *e, const struct node *n, const struct value *v)
{
    bool more = true;
    int r = 0;
    for (json_int_t i = 0; r == 0 && more && i < value_int(v); i++) {
        struct value key = value_take(json_integer(i), &go_int);
        r = i < RANGE_MAX ? exec_turn(e, n, &key, &key, &more) : eval_fail(e, "range is too long");
        value_fini(&key);
    }
    return r;
}

static int cannot_range(struct eval *e, const struct value *v)
{
    struct buf text = {0};
    print_value(v, &text);
    int r = eval_fail(e, "range can't iterate over %s", text.s ? text.s : "");
    buf_fini(&text);
    return r;
}

static int exec_range(struct eval *e, const struct node *n, const struct value *dot)
{
    _cleanup_(value_fini) struct value v = {0};
    int r = eval_pipe(e, n->pipe, dot, &v);
    if (r < 0)
        return r;
    enum go_kind kind = value_kind(&v);
    bool can = kind == GO_SLICE || kind == GO_MAP || kind == GO_INT || kind == GO_NIL;
    if (!can)
        return cannot_range(e, &v);
    if (kind == GO_NIL || !value_truth(&v) || (kind == GO_INT && value_int(&v) < 0))
        return exec_list(e, n->otherwise, dot);
    return kind == GO_SLICE ? range_slice(e, n, &v)
           : kind == GO_MAP ? range_map(e, n, &v)
                            : range_integer(e, n, &v);
}

/* Runs a template of its own: it sees no variables but $. */
static int run_definition(struct eval *e, const struct definition *d, const struct value *dot)
{
    struct variable *outer = e->vars;
    size_t nouter = e->nvars, cap = e->cap;
    e->vars = NULL;
    e->nvars = e->cap = 0;
    eval_var_push(e, "$", dot);
    e->calls++;
    int r = exec_list(e, d->body, dot);
    e->calls--;
    eval_vars_pop(e, 0);
    free(e->vars);
    e->vars = outer;
    e->nvars = nouter;
    e->cap = cap;
    return r;
}

static int exec_template(struct eval *e, const struct node *n, const struct value *dot)
{
    const struct definition *d = e->t->definitions;
    while (d && strcmp(d->name, n->text) != 0)
        d = d->next;
    e->where = (struct where){.node = n};
    if (!d)
        return eval_fail(e, "template \"%s\" not defined", n->text);
    if (e->calls >= CALLS_MAX)
        return eval_fail(e, "exceeded maximum template depth (%d)", CALLS_MAX);
    _cleanup_(value_fini) struct value v = {0};
    int r = n->pipe ? eval_pipe(e, n->pipe, dot, &v) : 0;
    return r < 0 ? r : run_definition(e, d, &v);
}

static int exec_node(struct eval *e, const struct node *n, const struct value *dot)
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

static int exec_list(struct eval *e, const struct node *n, const struct value *dot)
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
    struct value dot = value_ref(data, env && env->type ? env->type : NULL);
    value_unwrap(&dot);
    eval_var_push(&e, "$", &dot);
    int r = exec_list(&e, t->body, &dot);
    eval_vars_pop(&e, 0);
    free(e.vars);
    value_fini(&dot);
    return r;
}
