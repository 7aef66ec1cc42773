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

enum term_kind { TERM_DOT, TERM_FIELD, TERM_VARIABLE, TERM_FUNCTION, TERM_LITERAL, TERM_PAREN };

/* An operand and the fields behind it: `.A.B`, `$x.A`, `(pipe).A`, `"text"`, `len`. */
struct term {
    enum term_kind kind;
    size_t at; /* offset in the text, for messages */
    size_t end;
    char *name; /* of variable or function */
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

/* Line and column (from 1, 0) of an offset, as Go counts them. */
void template_place(const char *source, size_t at, int *line, int *column);
/* "template: :LINE:COLUMN: words" */
int template_error(const char *source, size_t at, struct err *err, const char *fmt, ...)
    _printf_(4, 5);
