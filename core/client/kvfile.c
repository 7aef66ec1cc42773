/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NAME=value, from flags and files
 *
 * A file has one pair a line. White space before a name and lines that begin with '#' are passed over; a value is all
 * that stands behind the '=', white space at its end too.
 */
#include "client/kvfile.h"

#include <errno.h>
#include <fcntl.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/utf8.h"

#define FILE_MAX   (1u << 20)
#define WORD_BYTES "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-= "

static void add_pair(json_t *map, const char *item)
{
    const char *eq = strchr(item, '=');
    _cleanup_(freep) char *key = eq ? xstrndup(item, (size_t)(eq - item)) : xstrdup(item);
    json_put_str(map, key, eq ? eq + 1 : "");
}

json_t *pairs_map(const struct strv *items)
{
    json_t *map = json_object();
    const char *item;
    strv_foreach (item, items)
        add_pair(map, item);
    return map;
}

/* One line of a file; *line is left at the name, NULL when there is none. */
static int check_line(const char *path, const char **line, struct err *err)
{
    const char *s = *line + strspn(*line, " \t");
    size_t n = strcspn(s, "=");
    *line = *s && *s != '#' ? s : NULL;
    if (!*line)
        return 0;
    if (!utf8_valid(s, strlen(s)))
        return err_set(err, -EINVAL, "%s: bytes that are not UTF-8 behind '%.*s'", path,
                       (int)strspn(s, WORD_BYTES), s);
    if (n == 0)
        return err_set(err, -EINVAL, "%s: no variable name on line '%s'", path, s);
    if (strcspn(s, " \t") < n)
        return err_set(err, -EINVAL, "%s: variable '%.*s' contains whitespaces", path, (int)n, s);
    return 0;
}

static int read_lines(const char *path, struct strv *out, struct err *err)
{
    _cleanup_(freep) char *text = NULL;
    _cleanup_(strv_fini) struct strv lines = {0};
    size_t n;
    int r = fs_read(AT_FDCWD, path, FILE_MAX, &text, &n);
    if (r < 0)
        return err_errno(err, r, "open %s", path);
    if (strlen(text) != n)
        return err_set(err, -EINVAL, "%s: a NUL byte: not a text file", path);
    const char *bom = str_after(text, "\xEF\xBB\xBF");
    strv_split(&lines, bom ? bom : text, "\n");
    for (size_t i = 0; i < lines.n; i++) {
        size_t len = strlen(lines.v[i]);
        if (len && lines.v[i][len - 1] == '\r')
            lines.v[i][len - 1] = '\0';
        const char *line = lines.v[i];
        r = check_line(path, &line, err);
        if (r < 0)
            return r;
        if (line)
            strv_add(out, line);
    }
    return 0;
}

static int read_files(const struct strv *files, struct strv *out, struct err *err)
{
    const char *path;
    int r = 0;
    strv_foreach (path, files)
        if (r == 0)
            r = read_lines(path, out, err);
    return r;
}

static int check_items(const struct strv *items, const char *what, struct err *err)
{
    const char *item;
    strv_foreach (item, items)
        if (!*item || *item == '=')
            return err_set(err, -EINVAL, "invalid %s: \"%s\": NAME=value", what, item);
    return 0;
}

static void push_env(json_t *env, const char *item, bool always)
{
    const char *own = strchr(item, '=') ? NULL : getenv(item);
    _cleanup_(freep) char *pair = own ? str_printf("%s=%s", item, own) : NULL;
    if (pair || always || strchr(item, '='))
        json_push_str(env, pair ? pair : item);
}

int env_list(const struct strv *files, const struct strv *items, json_t **out, struct err *err)
{
    _cleanup_(strv_fini) struct strv lines = {0};
    const char *item;
    int r = check_items(items, "environment variable", err);
    if (r == 0)
        r = read_files(files, &lines, err);
    if (r < 0)
        return r;
    *out = json_array();
    strv_foreach (item, &lines)
        push_env(*out, item, false);
    strv_foreach (item, items)
        push_env(*out, item, true);
    return 0;
}

int label_map(const struct strv *files, const struct strv *items, json_t **out, struct err *err)
{
    _cleanup_(strv_fini) struct strv lines = {0};
    int r = check_items(items, "label", err);
    if (r == 0)
        r = read_files(files, &lines, err);
    if (r < 0)
        return r;
    const char *item;
    strv_foreach (item, items)
        strv_add(&lines, item);
    *out = pairs_map(&lines);
    return 0;
}
