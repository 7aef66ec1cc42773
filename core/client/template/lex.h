/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens of a template: text outside of {{ }}, words and literals inside. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

enum token_kind {
    TOK_EOF,
    TOK_TEXT,
    TOK_OPEN,  /* {{ */
    TOK_CLOSE, /* }} */
    TOK_FIELD, /* .Name */
    TOK_DOT,
    TOK_VARIABLE, /* $ or $name */
    TOK_WORD,     /* keyword, function, true, false, nil */
    TOK_LITERAL,  /* string, character, number: value in `literal` */
    TOK_PIPE,
    TOK_LPAREN,
    TOK_RPAREN,
    TOK_DECLARE, /* := */
    TOK_ASSIGN,
    TOK_COMMA,
    TOK_SPACE,
};

struct token {
    enum token_kind kind;
    size_t at, len;  /* in the source */
    json_t *literal; /* owned by the token list */
};

struct tokens {
    struct token *v;
    size_t n, cap;
};

int template_lex(const char *source, struct tokens *out, struct err *err);
void tokens_fini(struct tokens *t);
