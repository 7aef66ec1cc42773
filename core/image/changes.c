/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes: the Dockerfile instructions that import and commit take
 *
 * One instruction a line. Values that Docker expands ($NAME, ${NAME}) are expanded from the ENV set so far; words may be
 * quoted as in a shell.
 */
#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/fs.h"
#include "base/json.h"
#include "image/internal.h"

struct change {
    const char *verb; /* as the instruction's table has it: upper case */
    const char *rest;
    json_t *config;
};

static int bad(const struct change *c, struct err *err, const char *what)
{
    return err_set(err, -EINVAL, "%s %s: %s", c->verb, c->rest, what);
}

static json_t *member(json_t *o, const char *key, json_t *(*make)(void))
{
    const json_t *v = json_object_get(o, key);
    if (!v || json_is_null(v))
        json_put_take(o, key, make());
    return json_object_get(o, key);
}

static const char *env_value(const json_t *config, const char *name, size_t n)
{
    size_t i;
    json_t *v;
    json_array_foreach (json_arr(config, "Env"), i, v) {
        const char *text = json_string_value(v);
        if (text && strncmp(text, name, n) == 0 && text[n] == '=')
            return text + n + 1;
    }
    return "";
}

/* "$NAME" or "${NAME}" at *p; leaves *p behind it. Another form stays as it stands. */
static void expand(const json_t *config, const char **p, struct buf *out)
{
    const char *s = *p + 1;
    bool brace = *s == '{';
    s += brace;
    size_t n = 0;
    while (isalnum((unsigned char)s[n]) || s[n] == '_')
        n++;
    if (n == 0 || (brace && s[n] != '}')) {
        buf_addc(out, *(*p)++);
        return;
    }
    buf_adds(out, env_value(config, s, n));
    *p = s + n + brace;
}

/* One word as a shell reads it: up to white space, quotes taken off. NULL at the end; *p behind it. */
static char *next_word(const struct change *c, const char **p)
{
    const char *s = *p;
    while (isspace((unsigned char)*s))
        s++;
    *p = s;
    if (!*s)
        return NULL;
    struct buf out = {0};
    char quote = 0;
    while (*s && (quote || !isspace((unsigned char)*s))) {
        if (quote ? *s == quote : (*s == '"' || *s == '\'')) {
            quote = quote ? 0 : *s;
            s++;
        } else if (*s == '\\' && quote != '\'' && s[1]) {
            buf_addc(&out, s[1]);
            s += 2;
        } else if (*s == '$' && quote != '\'') {
            expand(c->config, &s, &out);
        } else {
            buf_addc(&out, *s++);
        }
    }
    *p = s;
    return buf_steal(&out);
}

/* JSON list of strings, or NULL: then it is the shell form. */
static json_t *exec_form(const char *text)
{
    json_t *v = NULL;
    if (*text != '[' || json_parse(text, strlen(text), &v, NULL) < 0)
        return NULL;
    size_t i;
    json_t *item;
    bool fits = json_is_array(v);
    json_array_foreach (v, i, item)
        fits = fits && json_is_string(item);
    if (fits)
        return v;
    json_decref(v);
    return NULL;
}

static json_t *shell_form(const char *text)
{
    json_t *v = json_array();
    json_push_str(v, "/bin/sh");
    json_push_str(v, "-c");
    json_push_str(v, text);
    return v;
}

static json_t *command(const char *text)
{
    json_t *v = exec_form(text);
    return v ? v : shell_form(text);
}

static int do_cmd(struct change *c, struct err *err)
{
    json_put_take(c->config, "Cmd", command(c->rest));
    return 0;
}

static int do_entrypoint(struct change *c, struct err *err)
{
    json_put_take(c->config, "Entrypoint", command(c->rest));
    return 0;
}

static void set_env(json_t *config, const char *pair)
{
    json_t *env = member(config, "Env", json_array), *v;
    size_t n = strcspn(pair, "=") + 1, i;
    json_array_foreach (env, i, v)
        if (strncmp(json_string_value(v), pair, n) == 0) {
            json_array_set_new(env, i, json_string_any(pair));
            return;
        }
    json_push_str(env, pair);
}

static void set_label(json_t *config, const char *pair)
{
    _cleanup_(freep) char *key = xstrdup(pair);
    char *value = strchr(key, '=');
    *value++ = '\0';
    json_put_str(member(config, "Labels", json_object), key, value);
}

/* "NAME VALUE TO THE END", the old form. */
static int old_pair(struct change *c, void (*set)(json_t *, const char *), struct err *err)
{
    const char *p = c->rest;
    _cleanup_(freep) char *name = next_word(c, &p);
    while (isspace((unsigned char)*p))
        p++;
    if (!name || !*p)
        return err_set(err, -EINVAL, "%s must have two arguments", c->verb);
    struct change value = *c;
    struct buf out = {0};
    while (*p)
        if (*p == '$')
            expand(value.config, &p, &out);
        else
            buf_addc(&out, *p++);
    _cleanup_(freep) char *text = buf_steal(&out);
    _cleanup_(freep) char *pair = str_printf("%s=%s", name, text);
    set(c->config, pair);
    return 0;
}

static int pairs(struct change *c, void (*set)(json_t *, const char *), struct err *err)
{
    size_t first = strcspn(c->rest, " \t");
    if (!memchr(c->rest, '=', first))
        return old_pair(c, set, err);
    _cleanup_(strv_fini) struct strv all = {0};
    const char *p = c->rest;
    for (char *w; (w = next_word(c, &p));) {
        strv_take(&all, w);
        if (!strchr(w, '=') || *w == '=')
            return err_set(err, -EINVAL,
                           "Syntax error - can't find = in \"%s\". Must be of the form: name=value",
                           w);
    }
    const char *pair;
    strv_foreach (pair, &all)
        set(c->config, pair);
    return 0;
}

static int do_env(struct change *c, struct err *err)
{
    return pairs(c, set_env, err);
}

static int do_label(struct change *c, struct err *err)
{
    return pairs(c, set_label, err);
}

static int expose_one(struct change *c, const char *word, struct err *err)
{
    _cleanup_(freep) char *text = xstrdup(word);
    char *proto = strchr(text, '/');
    if (proto)
        *proto++ = '\0';
    char *to = strchr(text, '-');
    if (to)
        *to++ = '\0';
    int64_t first = 0, last = 0;
    bool known = !proto || strcasecmp(proto, "tcp") == 0 || strcasecmp(proto, "udp") == 0 ||
                 strcasecmp(proto, "sctp") == 0;
    if (!known || parse_i64(text, 1, 65535, &first) < 0 ||
        (to ? parse_i64(to, first, 65535, &last) : 0) < 0)
        return err_set(err, -EINVAL, "invalid containerPort: %s", word);
    json_t *ports = member(c->config, "ExposedPorts", json_object);
    for (int64_t n = first; n <= (to ? last : first); n++) {
        _cleanup_(freep) char *key = str_printf("%lld/%s", (long long)n, proto ? proto : "tcp");
        for (char *k = key; *k; k++)
            *k = (char)tolower((unsigned char)*k);
        json_put_take(ports, key, json_object());
    }
    return 0;
}

static int do_expose(struct change *c, struct err *err)
{
    const char *p = c->rest;
    for (char *w; (w = next_word(c, &p));) {
        _cleanup_(freep) char *word = w;
        int r = expose_one(c, word, err);
        if (r < 0)
            return r;
    }
    return 0;
}

/* The one word that an instruction takes; the caller frees. */
static int one_word(struct change *c, char **word, struct err *err)
{
    const char *p = c->rest;
    char *first = next_word(c, &p);
    _cleanup_(freep) char *second = next_word(c, &p);
    if (!first || second) {
        free(first);
        return err_set(err, -EINVAL, "%s requires exactly one argument", c->verb);
    }
    *word = first;
    return 0;
}

static int do_user(struct change *c, struct err *err)
{
    _cleanup_(freep) char *word = NULL;
    int r = one_word(c, &word, err);
    if (r == 0)
        json_put_str(c->config, "User", word);
    return r;
}

static int do_stopsignal(struct change *c, struct err *err)
{
    _cleanup_(freep) char *word = NULL;
    int64_t number;
    int r = one_word(c, &word, err);
    if (r < 0)
        return r;
    const char *name = strncasecmp(word, "SIG", 3) == 0 ? word + 3 : word;
    bool known = parse_i64(word, 1, 64, &number) == 0 || strncasecmp(name, "RTM", 3) == 0;
    for (int i = 1; !known && i < 32; i++)
        known = sigabbrev_np(i) && strcasecmp(sigabbrev_np(i), name) == 0;
    if (!known)
        return err_set(err, -EINVAL, "invalid signal: %s", word);
    json_put_str(c->config, "StopSignal", word);
    return 0;
}

static int do_workdir(struct change *c, struct err *err)
{
    _cleanup_(freep) char *dir = NULL;
    const char *before = json_str(c->config, "WorkingDir", "/");
    /* Everything after the verb is the path, spaces too. */
    struct buf out = {0};
    for (const char *p = c->rest; *p;)
        if (*p == '$')
            expand(c->config, &p, &out);
        else
            buf_addc(&out, *p++);
    _cleanup_(freep) char *given = buf_steal(&out);
    _cleanup_(freep) char *joined =
        *given == '/' ? xstrdup(given) : str_printf("%s/%s", before, given);
    dir = fs_clean_path(joined);
    json_put_str(c->config, "WorkingDir", dir);
    return 0;
}

static int add_volume(struct change *c, const char *path, struct err *err)
{
    if (!*path)
        return err_set(err, -EINVAL, "VOLUME specified can not be an empty string");
    json_put_take(member(c->config, "Volumes", json_object), path, json_object());
    return 0;
}

static int do_volume(struct change *c, struct err *err)
{
    json_auto_t *list = exec_form(c->rest);
    size_t i;
    json_t *v;
    int r = 0;
    json_array_foreach (list, i, v)
        if (r == 0)
            r = add_volume(c, json_string_value(v), err);
    const char *p = c->rest;
    for (char *w; !list && r == 0 && (w = next_word(c, &p));) {
        _cleanup_(freep) char *word = w;
        r = add_volume(c, word, err);
    }
    return r;
}

static int do_onbuild(struct change *c, struct err *err)
{
    size_t n = strcspn(c->rest, " \t");
    if (n == 7 && strncasecmp(c->rest, "ONBUILD", n) == 0)
        return err_set(err, -EINVAL, "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed");
    if ((n == 4 && strncasecmp(c->rest, "FROM", n) == 0) ||
        (n == 10 && strncasecmp(c->rest, "MAINTAINER", n) == 0))
        return err_set(err, -EINVAL, "%.*s isn't allowed as an ONBUILD trigger", (int)n, c->rest);
    json_push_str(member(c->config, "OnBuild", json_array), c->rest);
    return 0;
}

/* --interval=5s and the like. */
static int health_flag(struct change *c, const char *flag, json_t *check, struct err *err)
{
    static const char *const spans[][2] = {{"--interval=", "Interval"},
                                           {"--timeout=", "Timeout"},
                                           {"--start-period=", "StartPeriod"},
                                           {"--start-interval=", "StartInterval"}};
    const char *value;
    int64_t n = 0;
    for (size_t i = 0; i < ARRAY_SIZE(spans); i++)
        if ((value = str_after(flag, spans[i][0]))) {
            if (parse_duration(value, &n) < 0 || (n != 0 && n < 1000000))
                return bad(c, err, "a duration is at least 1ms, like \"5s\"");
            json_put_int(check, spans[i][1], n);
            return 0;
        }
    if (!(value = str_after(flag, "--retries=")))
        return err_set(err, -EINVAL, "Unknown flag: %s", flag);
    if (parse_i64(value, 0, INT32_MAX, &n) < 0)
        return bad(c, err, "--retries is a number");
    json_put_int(check, "Retries", n);
    return 0;
}

static int health_test(struct change *c, const char *kind, const char *rest, json_t *check,
                       struct err *err)
{
    if (strcasecmp(kind, "NONE") != 0 && strcasecmp(kind, "CMD") != 0)
        return err_set(err, -EINVAL, "Unknown type \"%s\" in HEALTHCHECK (try CMD)", kind);
    json_t *test = json_array();
    json_put_take(check, "Test", test);
    bool none = strcasecmp(kind, "NONE") == 0;
    if (none != !*rest)
        return bad(c, err,
                   none ? "HEALTHCHECK NONE takes no arguments"
                        : "Missing command after HEALTHCHECK CMD");
    json_auto_t *words = exec_form(rest);
    json_push_str(test, none ? "NONE" : words ? "CMD" : "CMD-SHELL");
    if (words)
        json_array_extend(test, words);
    else if (!none)
        json_push_str(test, rest);
    return 0;
}

static int do_healthcheck(struct change *c, struct err *err)
{
    const char *p = c->rest;
    json_auto_t *check = json_object();
    _cleanup_(freep) char *word = next_word(c, &p);
    while (word && str_after(word, "--")) {
        int r = health_flag(c, word, check, err);
        if (r < 0)
            return r;
        free(word);
        word = next_word(c, &p);
    }
    if (!word)
        return err_set(err, -EINVAL, "HEALTHCHECK requires at least one argument");
    while (isspace((unsigned char)*p))
        p++;
    int r = health_test(c, word, p, check, err);
    if (r == 0)
        json_put(c->config, "Healthcheck", check);
    return r;
}

static const struct {
    const char *verb;
    int (*apply)(struct change *c, struct err *err);
} verbs[] = {
    {"CMD", do_cmd},         {"ENTRYPOINT", do_entrypoint},   {"ENV", do_env},
    {"EXPOSE", do_expose},   {"HEALTHCHECK", do_healthcheck}, {"LABEL", do_label},
    {"ONBUILD", do_onbuild}, {"STOPSIGNAL", do_stopsignal},   {"USER", do_user},
    {"VOLUME", do_volume},   {"WORKDIR", do_workdir},
};

static int apply_line(char *line, json_t *config, struct err *err)
{
    line = str_trim(line);
    if (!*line || *line == '#')
        return 0;
    size_t n = strcspn(line, " \t");
    char *rest = line[n] ? line + n + 1 : line + n;
    line[n] = '\0';
    struct change c = {.rest = str_trim(rest), .config = config};
    for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
        if (strcasecmp(line, verbs[i].verb) == 0) {
            c.verb = verbs[i].verb;
            if (!*c.rest)
                return err_set(err, -EINVAL, "%s requires at least one argument", c.verb);
            return verbs[i].apply(&c, err);
        }
    for (char *p = line; *p; p++)
        *p = (char)tolower((unsigned char)*p);
    return err_set(err, -EINVAL, "%s is not a valid change command", line);
}

int changes_apply(const struct strv *changes, json_t *config, struct err *err)
{
    const char *change;
    strv_foreach (change, changes) {
        _cleanup_(freep) char *copy = xstrdup(change);
        char *save = NULL;
        for (char *line = strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
            int r = apply_line(line, config, err);
            if (r < 0)
                return r;
        }
    }
    return 0;
}
