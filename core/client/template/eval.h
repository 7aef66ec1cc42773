/* SPDX-License-Identifier: Apache-2.0 */
/* The state of a template's execution: what pipelines (eval.c) and statements
 * (exec.c) share. */
#pragma once

#include "client/template/ast.h"
#include "client/template/value.h"

#define CALLS_MAX 100 /* of templates and pipelines in each other */

struct variable {
    const char *name; /* the tree's */
    struct value value;
};

/* The node a message is about; one of them is set. */
struct where {
    const struct term *term;
    const struct command *command;
    const struct pipe *pipe;
    const struct node *node;
};

struct eval {
    const struct template *t;
    const struct template_env *env;
    struct buf *out;
    struct err *err;
    struct variable *vars;
    size_t nvars, cap;
    int calls;
    struct where where;
    enum { FLOW_ON, FLOW_BREAK, FLOW_CONTINUE } flow;
};

/* An error at the node that was looked at last. */
int eval_fail(struct eval *e, const char *fmt, ...) _printf_(2, 3);
/* A pipeline's value, without its variables; *out is new. */
int eval_pipe(struct eval *e, const struct pipe *p, const struct value *dot, struct value *out);

/* Variables by scope: what is pushed goes when its scope ends. */
void eval_var_push(struct eval *e, const char *name, const struct value *value);
void eval_var_assign(struct eval *e, const char *name, const struct value *value);
void eval_vars_pop(struct eval *e, size_t to);
