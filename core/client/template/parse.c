/* SPDX-License-Identifier: Apache-2.0 */
/* Builds the tree of a template from its tokens. */
#include <errno.h>
#include <string.h>

#include "client/template/ast.h"
#include "client/template/funcs.h"
#include "client/template/print.h"

#define NESTING_MAX 100

struct parser {
    struct template *t;
    struct tokens tokens;
    size_t at;
    int depth, loops, parens;
    struct strv vars; /* in scope */
    struct err *err;
};

static struct token *peek(struct parser *p)
{
    return &p->tokens.v[p->at];
}

static struct token *take(struct parser *p)
{
    struct token *t = peek(p);
    if (t->kind != TOK_EOF)
        p->at++;
    return t;
}

static void skip_space(struct parser *p)
{
    while (peek(p)->kind == TOK_SPACE)
        p->at++;
}

static bool is_named(const struct parser *p, const struct token *t, const char *word)
{
    return t->kind == TOK_WORD && t->len == strlen(word) &&
           memcmp(p->t->source + t->at, word, t->len) == 0;
}

static char *token_text(const struct parser *p, const struct token *t, size_t skip)
{
    return xstrndup(p->t->source + t->at + skip, t->len - skip);
}

/* A token as Go writes it: keywords and the dot in angle brackets, the rest quoted, at most ten bytes of it. */
static char *token_words(const struct parser *p, const struct token *t)
{
    static const char keywords[] =
        " break block continue define else end if range nil template with ";
    _cleanup_(freep) char *text = token_text(p, t, 0), *word = str_printf(" %s ", text);
    struct buf b = {0};
    if (t->kind == TOK_EOF)
        return xstrdup("EOF");
    if (t->kind == TOK_DOT || (t->kind == TOK_WORD && strstr(keywords, word)))
        return str_printf("<%s>", text);
    print_quoted(text, MIN(t->len, (size_t)10), &b);
    if (t->len > 10)
        buf_adds(&b, "...");
    return buf_steal(&b);
}

static int unexpected(struct parser *p, const struct token *t, const char *context)
{
    if (t->kind == TOK_EOF)
        return template_error(p->t->source, t->at, p->err, "unexpected EOF");
    if (t->kind == TOK_RPAREN)
        return template_error(p->t->source, t->at, p->err, "unexpected right paren");
    if (t->kind == TOK_CLOSE && p->parens > 0)
        return template_error(p->t->source, t->at, p->err, "unclosed left paren");
    _cleanup_(freep) char *words = token_words(p, t);
    return template_error(p->t->source, t->at, p->err, "unexpected %s in %s", words, context);
}

static int parse_pipe(struct parser *p, enum token_kind end, const char *context,
                      struct pipe **out);

static int word_term(struct parser *p, struct token *t, struct term *out)
{
    if (is_named(p, t, "true") || is_named(p, t, "false")) {
        out->kind = TERM_LITERAL;
        out->literal = json_boolean(is_named(p, t, "true"));
        return 0;
    }
    if (is_named(p, t, "nil")) {
        out->kind = TERM_NIL;
        return 0;
    }
    out->kind = TERM_FUNCTION;
    out->name = token_text(p, t, 0);
    if (!template_function(out->name))
        return template_error(p->t->source, t->at, p->err, "function \"%s\" not defined",
                              out->name);
    return 0;
}

static int variable_term(struct parser *p, struct token *t, struct term *out)
{
    out->kind = TERM_VARIABLE;
    out->name = token_text(p, t, 0);
    if (strcmp(out->name, "$") != 0 && !strv_has(&p->vars, out->name))
        return template_error(p->t->source, t->at, p->err, "undefined variable \"%s\"", out->name);
    return 0;
}

static int parse_parens(struct parser *p, struct pipe **out)
{
    p->parens++;
    int r = parse_pipe(p, TOK_RPAREN, "parenthesized pipeline", out);
    p->parens--;
    return r;
}

static int parse_operand(struct parser *p, const char *context, struct term *out)
{
    struct token *t = take(p);
    out->at = t->at;
    switch ((int)t->kind) {
    case TOK_DOT:
        out->kind = TERM_DOT;
        return 0;
    case TOK_FIELD:
        out->kind = TERM_FIELD;
        strv_take(&out->fields, token_text(p, t, 1));
        return 0;
    case TOK_VARIABLE:
        return variable_term(p, t, out);
    case TOK_WORD:
        return word_term(p, t, out);
    case TOK_LITERAL:
        out->kind = TERM_LITERAL;
        out->literal = json_incref(t->literal);
        return 0;
    case TOK_LPAREN:
        out->kind = TERM_PAREN;
        return parse_parens(p, &out->pipe);
    default:
        return unexpected(p, t, context);
    }
}

static int parse_term(struct parser *p, const char *context, struct term *out)
{
    int r = parse_operand(p, context, out);
    const struct token *last = &p->tokens.v[p->at - 1];
    out->place = out->at;
    out->end = last->at + last->len;
    if (r == 0 && peek(p)->kind == TOK_FIELD)
        out->place = peek(p)->at;
    while (r == 0 && peek(p)->kind == TOK_FIELD) {
        if (out->kind == TERM_LITERAL || out->kind == TERM_DOT || out->kind == TERM_NIL)
            return unexpected(p, peek(p), "operand");
        strv_take(&out->fields, token_text(p, take(p), 1));
    }
    return r;
}

static int parse_command(struct parser *p, enum token_kind end, const char *context,
                         struct command *out)
{
    for (;;) {
        skip_space(p);
        struct token *t = peek(p);
        if (t->kind == end || t->kind == TOK_PIPE || t->kind == TOK_EOF)
            break;
        out->terms = xrealloc(out->terms, (out->n + 1) * sizeof(*out->terms));
        out->terms[out->n] = (struct term){0};
        int r = parse_term(p, context, &out->terms[out->n++]);
        if (r < 0)
            return r;
        enum token_kind next = peek(p)->kind;
        if (next != TOK_SPACE && next != TOK_PIPE && next != end && next != TOK_RPAREN)
            return unexpected(p, peek(p), "operand");
    }
    return 0;
}

/* The variables of `$a :=`, `$a =` or `$i, $a :=` come into scope. */
static int declare(struct parser *p, struct pipe *pipe, const char *context)
{
    bool range = strcmp(context, "range") == 0;
    if (pipe->vars.n > (range ? 2 : 1))
        return template_error(p->t->source, peek(p)->at, p->err, "too many declarations in %s",
                              context);
    for (size_t i = 0; i < pipe->vars.n; i++) {
        if (pipe->assign && !strv_has(&p->vars, pipe->vars.v[i]))
            return template_error(p->t->source, peek(p)->at, p->err, "undefined variable \"%s\"",
                                  pipe->vars.v[i]);
        strv_add(&p->vars, pipe->vars.v[i]);
    }
    return 0;
}

/* Leaves the parser where it was when no variables are declared or assigned. */
static int parse_vars(struct parser *p, struct pipe *pipe, const char *context)
{
    size_t start = p->at;
    struct strv vars = {0};
    while (peek(p)->kind == TOK_VARIABLE) {
        strv_take(&vars, token_text(p, take(p), 0));
        skip_space(p);
        enum token_kind k = peek(p)->kind;
        if (k == TOK_COMMA) {
            take(p);
            skip_space(p);
            if (peek(p)->kind != TOK_VARIABLE) {
                strv_fini(&vars);
                return template_error(p->t->source, peek(p)->at, p->err,
                                      "%s can only initialize variables", context);
            }
            continue;
        }
        if (k != TOK_DECLARE && k != TOK_ASSIGN)
            break;
        pipe->assign = take(p)->kind == TOK_ASSIGN;
        pipe->vars = vars;
        return declare(p, pipe, context);
    }
    strv_fini(&vars);
    p->at = start;
    return 0;
}

/* What Go refuses of a whole pipeline: that there is none, and values behind the first | that take nothing. */
static int check_pipe(struct parser *p, const struct pipe *pipe, size_t at, const char *context)
{
    if (pipe->n == 0)
        return template_error(p->t->source, at, p->err, "missing value for %s", context);
    for (size_t i = 1; i < pipe->n; i++) {
        const struct term *head = &pipe->commands[i].terms[0];
        if (head->kind == TERM_LITERAL || head->kind == TERM_NIL || head->kind == TERM_DOT)
            return template_error(p->t->source, head->at, p->err,
                                  "non executable command in pipeline stage %zu", i + 1);
    }
    return 0;
}

static int parse_commands(struct parser *p, enum token_kind end, const char *context,
                          struct pipe *pipe)
{
    for (;;) {
        skip_space(p);
        struct token *t = peek(p);
        if (t->kind == end) {
            take(p);
            return check_pipe(p, pipe, t->at, context);
        }
        if (t->kind == TOK_PIPE || t->kind == TOK_EOF)
            return unexpected(p, t, context);
        pipe->commands = xrealloc(pipe->commands, (pipe->n + 1) * sizeof(*pipe->commands));
        pipe->commands[pipe->n] = (struct command){0};
        int r = parse_command(p, end, context, &pipe->commands[pipe->n++]);
        if (r < 0)
            return r;
        if (peek(p)->kind == TOK_PIPE)
            take(p);
        else if (peek(p)->kind != end)
            return unexpected(p, peek(p), context);
    }
}

static int parse_pipe(struct parser *p, enum token_kind end, const char *context, struct pipe **out)
{
    if (p->depth >= NESTING_MAX)
        return template_error(p->t->source, peek(p)->at, p->err, "nested more than %d deep",
                              NESTING_MAX);
    p->depth++;
    skip_space(p);
    *out = xcalloc(1, sizeof(**out));
    (*out)->at = peek(p)->at;
    int r = end == TOK_CLOSE ? parse_vars(p, *out, context) : 0;
    if (r == 0)
        r = parse_commands(p, end, context, *out);
    p->depth--;
    return r;
}

enum stop { STOP_EOF, STOP_END, STOP_ELSE };

static int parse_list(struct parser *p, struct node **out, enum stop *stop);

static struct node *node_new(enum node_kind kind, size_t at)
{
    struct node *n = xcalloc(1, sizeof(*n));
    n->kind = kind;
    n->at = at;
    return n;
}

static int want_close(struct parser *p, const char *context)
{
    skip_space(p);
    struct token *t = take(p);
    return t->kind == TOK_CLOSE ? 0 : unexpected(p, t, context);
}

static int parse_control(struct parser *p, enum node_kind kind, const char *context, size_t at,
                         struct node **out);

/* Behind {{else: a plain else, or `else if` and `else with`, which are a control of their own without an end. */
static int parse_else(struct parser *p, struct node *n, const char *context)
{
    enum stop stop;
    skip_space(p);
    struct token *t = peek(p);
    if ((n->kind == NODE_IF && is_named(p, t, "if")) ||
        (n->kind == NODE_WITH && is_named(p, t, "with"))) {
        take(p);
        return parse_control(p, n->kind, context, t->at, &n->otherwise);
    }
    int r = want_close(p, "else");
    if (r == 0)
        r = parse_list(p, &n->otherwise, &stop);
    if (r == 0 && stop != STOP_END)
        r = template_error(p->t->source, n->at, p->err,
                           stop == STOP_EOF ? "unexpected EOF" : "expected end; found {{else}}");
    return r;
}

static int parse_control(struct parser *p, enum node_kind kind, const char *context, size_t at,
                         struct node **out)
{
    if (p->depth >= NESTING_MAX)
        return template_error(p->t->source, at, p->err, "nested more than %d deep", NESTING_MAX);
    size_t scope = p->vars.n;
    enum stop stop = STOP_END;
    struct node *n = *out = node_new(kind, at);
    p->depth++;
    int r = parse_pipe(p, TOK_CLOSE, context, &n->pipe);
    p->loops += kind == NODE_RANGE;
    if (r == 0)
        r = parse_list(p, &n->body, &stop);
    p->loops -= kind == NODE_RANGE;
    if (r == 0 && stop == STOP_EOF)
        r = template_error(p->t->source, at, p->err, "unexpected EOF");
    if (r == 0 && stop == STOP_ELSE)
        r = parse_else(p, n, context);
    p->depth--;
    while (p->vars.n > scope)
        strv_remove(&p->vars, p->vars.n - 1);
    return r;
}

/* The quoted name behind define, template, block. */
static int parse_name(struct parser *p, const char *context, char **name)
{
    skip_space(p);
    struct token *t = take(p);
    if (t->kind != TOK_LITERAL || !json_is_string(t->literal))
        return unexpected(p, t, context);
    *name = xstrdup(json_string_value(t->literal));
    return 0;
}

static int parse_define(struct parser *p, char *name, const char *context, size_t at)
{
    for (const struct definition *other = p->t->definitions; other; other = other->next) {
        if (strcmp(other->name, name) != 0)
            continue;
        int r = template_error(p->t->source, at, p->err, "multiple definition of template \"%s\"",
                               name);
        free(name);
        return r;
    }
    struct definition *d = xcalloc(1, sizeof(*d));
    d->name = name;
    d->next = p->t->definitions;
    p->t->definitions = d;
    struct strv outer = p->vars;
    p->vars = (struct strv){0};
    enum stop stop = STOP_END;
    int r = parse_list(p, &d->body, &stop);
    strv_fini(&p->vars);
    p->vars = outer;
    if (r == 0 && stop != STOP_END)
        r = template_error(p->t->source, at, p->err,
                           stop == STOP_EOF ? "unexpected EOF" : "unexpected {{else}} in %s",
                           context);
    return r;
}

static int parse_template_call(struct parser *p, bool block, size_t at, struct node **out)
{
    const char *context = block ? "block clause" : "template clause";
    skip_space(p);
    struct node *n = *out = node_new(NODE_TEMPLATE, peek(p)->at);
    int r = parse_name(p, context, &n->text);
    n->len = n->text ? strlen(n->text) : 0;
    skip_space(p);
    if (r == 0 && peek(p)->kind == TOK_CLOSE && !block) {
        take(p);
        return 0;
    }
    if (r == 0)
        r = parse_pipe(p, TOK_CLOSE, context, &n->pipe);
    return r == 0 && block ? parse_define(p, xstrdup(n->text), "block", at) : r;
}

static int parse_loop_word(struct parser *p, enum node_kind kind, const char *word, size_t at,
                           struct node **out)
{
    if (p->loops == 0)
        return template_error(p->t->source, at, p->err, "{{%s}} outside {{range}}", word);
    *out = node_new(kind, at);
    return want_close(p, word);
}

/* Behind "{{": 0 and a node (or none, for define), or *stop is set for end and else. */
static int parse_action(struct parser *p, struct node **out, enum stop *stop, bool *stopped)
{
    skip_space(p);
    struct token *t = peek(p);
    size_t at = t->at;
    *stopped = false;
    if (t->kind == TOK_WORD) {
        take(p);
        if (is_named(p, t, "end") || is_named(p, t, "else")) {
            *stopped = true;
            *stop = is_named(p, t, "end") ? STOP_END : STOP_ELSE;
            return *stop == STOP_END ? want_close(p, "end") : 0;
        }
        if (is_named(p, t, "if"))
            return parse_control(p, NODE_IF, "if", at, out);
        if (is_named(p, t, "range"))
            return parse_control(p, NODE_RANGE, "range", at, out);
        if (is_named(p, t, "with"))
            return parse_control(p, NODE_WITH, "with", at, out);
        if (is_named(p, t, "template") || is_named(p, t, "block"))
            return parse_template_call(p, is_named(p, t, "block"), at, out);
        if (is_named(p, t, "break"))
            return parse_loop_word(p, NODE_BREAK, "break", at, out);
        if (is_named(p, t, "continue"))
            return parse_loop_word(p, NODE_CONTINUE, "continue", at, out);
        if (is_named(p, t, "define")) {
            char *name = NULL;
            int r = parse_name(p, "define clause", &name);
            if (r == 0)
                r = want_close(p, "define clause");
            if (r < 0) {
                free(name);
                return r;
            }
            return parse_define(p, name, "define", at);
        }
        p->at--;
    }
    *out = node_new(NODE_ACTION, at);
    return parse_pipe(p, TOK_CLOSE, "command", &(*out)->pipe);
}

static int parse_list(struct parser *p, struct node **out, enum stop *stop)
{
    struct node **tail = out;
    for (;;) {
        struct token *t = take(p);
        bool stopped = false;
        int r = 0;
        if (t->kind == TOK_EOF) {
            *stop = STOP_EOF;
            return 0;
        }
        if (t->kind == TOK_TEXT) {
            *tail = node_new(NODE_TEXT, t->at);
            (*tail)->text = token_text(p, t, 0);
            (*tail)->len = t->len;
        } else {
            r = parse_action(p, tail, stop, &stopped);
        }
        if (r < 0 || stopped)
            return r;
        if (*tail)
            tail = &(*tail)->next;
    }
}

int template_parse(const char *text, struct template **out, struct err *err)
{
    _cleanup_(template_freep) struct template *t = xcalloc(1, sizeof(*t));
    t->source = xstrdup(text);
    struct parser p = {.t = t, .err = err};
    enum stop stop = STOP_EOF;
    int r = template_lex(t->source, &p.tokens, err);
    if (r == 0)
        r = parse_list(&p, &t->body, &stop);
    if (r == 0 && stop != STOP_EOF)
        r = template_error(t->source, p.tokens.v[p.at - 1].at, err, "unexpected {{%s}}",
                           stop == STOP_END ? "end" : "else");
    tokens_fini(&p.tokens);
    strv_fini(&p.vars);
    if (r == 0)
        *out = steal_ptr(&t);
    return r;
}
