/* SPDX-License-Identifier: Apache-2.0 */
/* Flags of the command line. */
#include "client/flags.h"

#include <errno.h>

static const struct flag *find(const struct flag *f, const char *name, size_t n, char letter)
{
    for (; f && f->name; f++)
        if (name ? strlen(f->name) == n && strncmp(f->name, name, n) == 0 : f->letter == letter)
            return f;
    return NULL;
}

static int set_value(struct args *a, const struct flag *f, const char *value, struct err *err)
{
    bool b;
    int64_t n;
    if (f->kind == FLAG_BOOL && parse_bool(value, &b) < 0)
        return err_set(err, -EINVAL, "invalid value \"%s\" for --%s: true or false", value,
                       f->name);
    if (f->kind == FLAG_INT && parse_i64(value, INT64_MIN, INT64_MAX, &n) < 0)
        return err_set(err, -EINVAL, "invalid value \"%s\" for --%s: a whole number", value,
                       f->name);
    if (str_eq(f->value, "filter") && !strchr(value, '='))
        return err_set(err, -EINVAL, "invalid value \"%s\" for --%s: KEY=VALUE", value, f->name);
    struct strv *values = map_get(&a->values, f->name);
    if (!values) {
        values = xcalloc(1, sizeof(*values));
        map_set(&a->values, f->name, values);
    }
    strv_add(values, value);
    return 0;
}

static const char *nearest(const struct flag *flags, const struct flag *more, const char *name)
{
    const char *names[160];
    size_t n = 0;
    for (const struct flag *f = flags; f && f->name && n < ARRAY_SIZE(names); f++)
        names[n++] = f->name;
    for (const struct flag *f = more; f && f->name && n < ARRAY_SIZE(names); f++)
        names[n++] = f->name;
    return str_nearest(name, names, n);
}

/* --name, --name=value, --name value; *i moves over a value that was taken. */
static int parse_long(struct args *a, const struct flag *flags, const struct flag *more, int argc,
                      char **argv, int *i, struct err *err)
{
    const char *name = argv[*i] + 2, *eq = strchr(name, '=');
    size_t n = eq ? (size_t)(eq - name) : strlen(name);
    const struct flag *f = find(flags, name, n, 0);
    if (!f)
        f = find(more, name, n, 0);
    if (!f && strcmp(name, "help") == 0) {
        a->help = true;
        return 0;
    }
    if (!f) {
        _cleanup_(freep) char *word = xstrndup(name, n);
        const char *near = nearest(flags, more, word);
        return err_set(err, -EINVAL,
                       near ? "unknown flag: --%s (did you mean --%s?)" : "unknown flag: --%s",
                       word, near);
    }
    if (eq)
        return set_value(a, f, eq + 1, err);
    if (f->kind == FLAG_BOOL)
        return set_value(a, f, "true", err);
    if (*i + 1 >= argc)
        return err_set(err, -EINVAL, "flag needs an argument: --%s", f->name);
    return set_value(a, f, argv[++*i], err);
}

/* -a, -abc, -nvalue, -n value, -n=value */
static int parse_short(struct args *a, const struct flag *flags, const struct flag *more, int argc,
                       char **argv, int *i, struct err *err)
{
    const char *group = argv[*i];
    for (const char *s = group + 1; *s; s++) {
        const struct flag *f = find(flags, NULL, 0, *s);
        if (!f)
            f = find(more, NULL, 0, *s);
        if (!f && *s == 'h') {
            a->help = true;
            return 0;
        }
        if (!f)
            return err_set(err, -EINVAL, "unknown shorthand flag: '%c' in %s", *s, group);
        if (f->kind == FLAG_BOOL && s[1] != '=') {
            int r = set_value(a, f, "true", err);
            if (r < 0)
                return r;
            continue;
        }
        if (s[1])
            return set_value(a, f, s[1] == '=' ? s + 2 : s + 1, err);
        if (*i + 1 >= argc)
            return err_set(err, -EINVAL, "flag needs an argument: '%c' in %s", *s, group);
        return set_value(a, f, argv[++*i], err);
    }
    return 0;
}

int args_parse(struct args *a, const struct flag *flags, const struct flag *more,
               bool stop_at_first, int argc, char **argv, struct err *err)
{
    for (int i = 0; i < argc; i++) {
        int r = 0;
        if (strcmp(argv[i], "--") == 0 || (stop_at_first && argv[i][0] != '-')) {
            for (i += argv[i][0] == '-'; i < argc; i++)
                strv_add(&a->rest, argv[i]);
            return 0;
        }
        if (argv[i][0] != '-' || argv[i][1] == '\0')
            strv_add(&a->rest, argv[i]);
        else if (argv[i][1] == '-')
            r = parse_long(a, flags, more, argc, argv, &i, err);
        else
            r = parse_short(a, flags, more, argc, argv, &i, err);
        if (r < 0 || a->help)
            return r;
        if (stop_at_first && a->rest.n > 0) {
            for (i++; i < argc; i++)
                strv_add(&a->rest, argv[i]);
            return 0;
        }
    }
    return 0;
}

static void free_values(void *p)
{
    strv_fini(p);
    free(p);
}

void args_fini(struct args *a)
{
    map_fini(&a->values, free_values);
    strv_fini(&a->rest);
}

const struct strv *args_list(const struct args *a, const char *name)
{
    static const struct strv none;
    const struct strv *values = map_get(&a->values, name);
    return values ? values : &none;
}

bool args_given(const struct args *a, const char *name)
{
    return args_list(a, name)->n > 0;
}

const char *args_str(const struct args *a, const char *name, const char *dflt)
{
    const struct strv *values = args_list(a, name);
    return values->n ? values->v[values->n - 1] : dflt;
}

bool args_bool_or(const struct args *a, const char *name, bool dflt)
{
    bool b = dflt;
    return parse_bool(args_str(a, name, ""), &b) == 0 ? b : dflt;
}

bool args_bool(const struct args *a, const char *name)
{
    return args_bool_or(a, name, false);
}

int64_t args_int(const struct args *a, const char *name, int64_t dflt)
{
    int64_t n;
    return parse_i64(args_str(a, name, ""), INT64_MIN, INT64_MAX, &n) == 0 ? n : dflt;
}
