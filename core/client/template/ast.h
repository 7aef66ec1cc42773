/* SPDX-License-Identifier: Apache-2.0 */
/* The tree of a template: shared by parser and evaluator. */
#pragma once

#include "client/template/lex.h"
#include "client/template/template.h"

enum node_kind {
    NODE_TEXT,
    NODE_ACTION,   /* pipe */
    NODE_IF,       /* pipe, body, otherwise */
    NODE_WITH,     /* the same */
    NODE_RANGE,    /* the same */
    NODE_TEMPLATE, /* name, pipe or NULL */
    NODE_BREAK,
    NODE_CONTINUE,
};

enum term_kind {
    TERM_DOT,
    TERM_FIELD,
    TERM_VARIABLE,
    TERM_FUNCTION,
    TERM_LITERAL,
    TERM_NIL,
    TERM_PAREN,
};

/* An operand and the fields behind it: `.A.B`, `$x.A`, `(pipe).A`, `"text"`, `len`. */
struct term {
    enum term_kind kind;
    size_t at, end; /* in the source; without the fields behind a function, a literal or a pipe */
    size_t place;   /* where messages point: as Go, the second of several fields */
    char *name;     /* of variable or function */
    json_t *literal;
    struct pipe *pipe;  /* of TERM_PAREN */
    struct strv fields; /* the chain */
};

struct command {
    struct term *terms;
    size_t n;
};

struct pipe {
    struct strv vars; /* declared or assigned */
    bool assign;      /* = and not := */
    struct command *commands;
    size_t n;
    size_t at;
};

struct node {
    enum node_kind kind;
    size_t at;
    char *text; /* text, or the name of a template */
    size_t len;
    struct pipe *pipe;
    struct node *body, *otherwise;
    struct node *next;
};

struct definition {
    char *name;
    struct node *body;
    struct definition *next;
};

struct template
{
    char *source;
    struct node *body;
    struct definition *definitions;
};

/* "template: :LINE:COLUMN: words", lines from 1, columns from 0, as Go counts them. */
int template_error(const char *source, size_t at, struct err *err, const char *fmt, ...)
    _printf_(4, 5);

/* What stands there, written as Go does in its messages. */
void term_text(const char *source, const struct term *t, struct buf *out);
void command_text(const char *source, const struct command *c, struct buf *out);
void pipe_text(const char *source, const struct pipe *p, struct buf *out);
/* Of {{template}}. */
void node_text(const char *source, const struct node *n, struct buf *out);
void template_nodes_free(struct node *n);
