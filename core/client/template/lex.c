/* SPDX-License-Identifier: Apache-2.0 */
/* Cuts a template into tokens. Spaces inside actions are tokens, for `.A .B` and `.A.B` differ. */
#include "client/template/lex.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "base/str.h"
#include "base/utf8.h"
#include "client/template/ast.h"

struct lexer {
    const char *s;
    size_t at, n;
    struct tokens *out;
    struct err *err;
};

static void emit(struct lexer *l, enum token_kind kind, size_t at, size_t len, json_t *literal)
{
    struct tokens *t = l->out;
    if (t->n == t->cap) {
        t->cap = t->cap ? t->cap * 2 : 32;
        t->v = xrealloc(t->v, t->cap * sizeof(*t->v));
    }
    t->v[t->n++] = (struct token){.kind = kind, .at = at, .len = len, .literal = literal};
}

void tokens_fini(struct tokens *t)
{
    for (size_t i = 0; i < t->n; i++)
        json_decref(t->v[i].literal);
    free(t->v);
    *t = (struct tokens){0};
}

static bool is_word(char c)
{
    return isalnum((unsigned char)c) || c == '_' || (unsigned char)c >= 0x80;
}

static size_t word_end(const struct lexer *l, size_t at)
{
    while (at < l->n && is_word(l->s[at]))
        at++;
    return at;
}

/* One escape of Go's strings at s[*i] == '\\'; appends its bytes. */
static int unescape(struct lexer *l, size_t *i, struct buf *b)
{
    static const char from[] = "abfnrtv\\'\"", to[] = "\a\b\f\n\r\t\v\\'\"";
    char c = l->s[++*i];
    const char *simple = c ? strchr(from, c) : NULL;
    if (simple) {
        buf_addc(b, to[simple - from]);
        (*i)++;
        return 0;
    }
    int digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
    unsigned int code = 0;
    if (!digits)
        return template_error(l->s, *i, l->err, "invalid syntax");
    for (int k = 0; k < digits; k++) {
        char h = l->s[++*i];
        if (!isxdigit((unsigned char)h))
            return template_error(l->s, *i, l->err, "invalid syntax");
        code = code * 16 + (unsigned int)(isdigit((unsigned char)h)
                                              ? h - '0'
                                              : tolower((unsigned char)h) - 'a' + 10);
    }
    (*i)++;
    if (digits == 2)
        buf_addc(b, (char)code);
    else
        utf8_add(b, code);
    return 0;
}

static int lex_string(struct lexer *l)
{
    struct buf b = {0};
    size_t start = l->at, i = start + 1;
    int r = 0;
    while (r == 0 && i < l->n && l->s[i] != '"') {
        if (l->s[i] == '\n')
            r = template_error(l->s, start, l->err, "unterminated quoted string");
        else if (l->s[i] == '\\')
            r = unescape(l, &i, &b);
        else
            buf_addc(&b, l->s[i++]);
    }
    if (r == 0 && i >= l->n)
        r = template_error(l->s, start, l->err, "unterminated quoted string");
    if (r == 0) {
        _cleanup_(freep) char *clean = str_to_utf8(b.s ? b.s : "", b.len);
        emit(l, TOK_LITERAL, start, i + 1 - start, json_string(clean));
        l->at = i + 1;
    }
    buf_fini(&b);
    return r;
}

static int lex_raw_string(struct lexer *l)
{
    const char *end = memchr(l->s + l->at + 1, '`', l->n - l->at - 1);
    if (!end)
        return template_error(l->s, l->at, l->err, "unterminated raw quoted string");
    size_t len = (size_t)(end - l->s) + 1 - l->at;
    emit(l, TOK_LITERAL, l->at, len, json_stringn(l->s + l->at + 1, len - 2));
    l->at += len;
    return 0;
}

static int lex_char(struct lexer *l)
{
    struct buf b = {0};
    uint32_t c = 0;
    size_t start = l->at, i = start + 1;
    int r = i < l->n && l->s[i] == '\\' ? unescape(l, &i, &b) : 0;
    while (r == 0 && i < l->n && l->s[i] != '\'' && l->s[i] != '\n')
        buf_addc(&b, l->s[i++]);
    if (r == 0 && (i >= l->n || l->s[i] == '\n'))
        r = template_error(l->s, start, l->err, "unterminated character constant");
    if (r == 0 && (b.len == 0 || utf8_next(b.s, b.len, &c) != b.len))
        r = template_error(l->s, start, l->err, "malformed character constant: %.*s",
                           (int)(i + 1 - start), l->s + start);
    if (r == 0) {
        emit(l, TOK_LITERAL, start, i + 1 - start, json_integer(c == UTF8_BAD ? 0xFFFD : c));
        l->at = i + 1;
    }
    buf_fini(&b);
    return r;
}

/* Go lets underscores stand between digits. */
static json_t *number_of(const char *text)
{
    char digits[64], *rest, *to = digits;
    for (const char *s = text; *s && to < digits + sizeof(digits) - 1; s++)
        if (*s != '_')
            *to++ = *s;
    *to = '\0';
    bool octal = digits[0] == '0' && strchr("oO", digits[1]) && digits[1],
         binary = digits[0] == '0' && strchr("bB", digits[1]) && digits[1];
    errno = 0;
    long long v = strtoll(octal || binary ? digits + 2 : digits, &rest, octal ? 8 : binary ? 2 : 0);
    if (!*rest && rest > digits && errno == 0 && !str_ends(digits, "x"))
        return json_integer(v);
    double d = strtod(digits, &rest);
    return *rest || rest == digits || octal || binary ? NULL : json_real(d);
}

static int lex_number(struct lexer *l)
{
    size_t end = l->at + 1;
    while (end < l->n && (is_word(l->s[end]) || l->s[end] == '.' ||
                          ((l->s[end] == '+' || l->s[end] == '-') && strchr("eE", l->s[end - 1]))))
        end++;
    _cleanup_(freep) char *text = xstrndup(l->s + l->at, end - l->at);
    json_t *literal = number_of(text);
    if (!literal)
        return template_error(l->s, l->at, l->err, "bad number syntax: \"%s\"", text);
    emit(l, TOK_LITERAL, l->at, end - l->at, literal);
    l->at = end;
    return 0;
}

static bool lex_mark(struct lexer *l)
{
    static const struct {
        const char *text;
        enum token_kind kind;
    } marks[] = {{":=", TOK_DECLARE}, {"=", TOK_ASSIGN}, {"|", TOK_PIPE},
                 {"(", TOK_LPAREN},   {")", TOK_RPAREN}, {",", TOK_COMMA}};
    for (size_t i = 0; i < ARRAY_SIZE(marks); i++) {
        size_t len = strlen(marks[i].text);
        if (strncmp(l->s + l->at, marks[i].text, len) != 0)
            continue;
        emit(l, marks[i].kind, l->at, len, NULL);
        l->at += len;
        return true;
    }
    return false;
}

static int bad_character(struct lexer *l, size_t at)
{
    uint32_t c;
    size_t n = utf8_next(l->s + at, l->n - at, &c);
    if (c == UTF8_BAD || !utf8_printable(c))
        return template_error(l->s, at, l->err, "bad character U+%04X",
                              (unsigned int)(c == UTF8_BAD ? 0xFFFD : c));
    return template_error(l->s, at, l->err, "bad character U+%04X '%.*s'", (unsigned int)c, (int)n,
                          l->s + at);
}

static int lex_operand(struct lexer *l)
{
    char c = l->s[l->at], next = l->at + 1 < l->n ? l->s[l->at + 1] : '\0';
    if (c == '"')
        return lex_string(l);
    if (c == '`')
        return lex_raw_string(l);
    if (c == '\'')
        return lex_char(l);
    if (isdigit((unsigned char)c) ||
        ((c == '-' || c == '+' || c == '.') && isdigit((unsigned char)next)))
        return lex_number(l);
    bool field = c == '.', variable = c == '$';
    if (!field && !variable && !is_word(c))
        return bad_character(l, l->at);
    size_t end = word_end(l, l->at + (field || variable));
    if (end < l->n && !isspace((unsigned char)l->s[end]) && !strchr(".,|:=()", l->s[end]) &&
        strncmp(l->s + end, "}}", 2) != 0)
        return bad_character(l, end);
    enum token_kind kind = variable           ? TOK_VARIABLE
                           : !field           ? TOK_WORD
                           : end == l->at + 1 ? TOK_DOT
                                              : TOK_FIELD;
    emit(l, kind, l->at, end - l->at, NULL);
    l->at = end;
    return 0;
}

/* At "}}" or " -}}"? Returns how many bytes it takes, and whether the text behind is trimmed. */
static size_t close_length(const struct lexer *l, bool *trim)
{
    *trim = false;
    if (strncmp(l->s + l->at, "}}", 2) == 0)
        return 2;
    if (isspace((unsigned char)l->s[l->at]) && strncmp(l->s + l->at + 1, "-}}", 3) == 0) {
        *trim = true;
        return 4;
    }
    return 0;
}

static void skip_spaces(struct lexer *l)
{
    while (l->at < l->n && isspace((unsigned char)l->s[l->at]))
        l->at++;
}

static int lex_comment(struct lexer *l, size_t open)
{
    const char *end = strstr(l->s + l->at, "*/");
    if (!end)
        return template_error(l->s, open, l->err, "unclosed comment");
    l->at = (size_t)(end - l->s) + 2;
    bool trim;
    size_t close = close_length(l, &trim);
    if (!close)
        return template_error(l->s, open, l->err, "comment ends before closing delimiter");
    l->at += close;
    if (trim)
        skip_spaces(l);
    return 0;
}

static int lex_action(struct lexer *l)
{
    size_t open = l->at;
    l->at += 2;
    if (l->s[l->at] == '-' && isspace((unsigned char)l->s[l->at + 1]))
        l->at += 2;
    if (strncmp(l->s + l->at, "/*", 2) == 0)
        return lex_comment(l, open);
    emit(l, TOK_OPEN, open, 2, NULL);
    while (l->at < l->n) {
        bool trim;
        size_t close = close_length(l, &trim);
        if (close) {
            emit(l, TOK_CLOSE, l->at, close, NULL);
            l->at += close;
            if (trim)
                skip_spaces(l);
            return 0;
        }
        if (isspace((unsigned char)l->s[l->at])) {
            size_t at = l->at;
            while (isspace((unsigned char)l->s[l->at]) && !(close = close_length(l, &trim)))
                l->at++;
            if (!close)
                emit(l, TOK_SPACE, at, l->at - at, NULL);
            continue;
        }
        int r = lex_mark(l) ? 0 : lex_operand(l);
        if (r < 0)
            return r;
    }
    return template_error(l->s, open, l->err, "unclosed action");
}

int template_lex(const char *source, struct tokens *out, struct err *err)
{
    struct lexer l = {.s = source, .n = strlen(source), .out = out, .err = err};
    while (l.at < l.n) {
        const char *open = strstr(source + l.at, "{{");
        size_t end = open ? (size_t)(open - source) : l.n, cut = end;
        if (open && open[2] == '-' && isspace((unsigned char)open[3]))
            while (cut > l.at && isspace((unsigned char)source[cut - 1]))
                cut--;
        if (cut > l.at)
            emit(&l, TOK_TEXT, l.at, cut - l.at, NULL);
        l.at = end;
        int r = open ? lex_action(&l) : 0;
        if (r < 0)
            return r;
    }
    emit(&l, TOK_EOF, l.n, 0, NULL);
    return 0;
}
