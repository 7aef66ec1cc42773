/* SPDX-License-Identifier: Apache-2.0 */
/* From text to tree, by libconfig. */
#include "config/parse.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <libconfig.h>
#include <libgen.h>

#include "base/fs.h"
#include "base/str.h"
#include "config/scan.h"

#define FILE_MAX     (1u << 20)
#define INCLUDES_MAX 10 /* libconfig's own limit of files within each other */

static struct config_node *convert(const config_setting_t *s, const char *origin, const char *name,
                                   const char *dir);

static char *origin_of(const config_setting_t *s, const char *name, const char *dir)
{
    const char *file = config_setting_source_file(s);
    if (file && dir)
        return str_printf("%s/%s:%u", dir, file, config_setting_source_line(s));
    return str_printf("%s:%u", file ? file : name, config_setting_source_line(s));
}

static void convert_children(const config_setting_t *s, struct config_node *node,
                             const char *origin, const char *name, const char *dir)
{
    for (int i = 0; i < config_setting_length(s); i++)
        config_node_add(node, convert(config_setting_get_elem(s, (unsigned)i), origin, name, dir));
}

/* `origin` NULL: file and line. */
static struct config_node *convert(const config_setting_t *s, const char *origin, const char *name,
                                   const char *dir)
{
    static const enum config_node_type types[] = {
        [CONFIG_TYPE_GROUP] = NODE_GROUP, [CONFIG_TYPE_LIST] = NODE_LIST,
        [CONFIG_TYPE_ARRAY] = NODE_LIST,  [CONFIG_TYPE_STRING] = NODE_STRING,
        [CONFIG_TYPE_INT] = NODE_INT,     [CONFIG_TYPE_INT64] = NODE_INT,
        [CONFIG_TYPE_FLOAT] = NODE_FLOAT, [CONFIG_TYPE_BOOL] = NODE_BOOL};
    _cleanup_(freep) char *own = origin ? NULL : origin_of(s, name, dir);
    struct config_node *node = config_node_new(
        config_setting_name(s), types[config_setting_type(s)], origin ? origin : own);
    switch (node->type) {
    case NODE_STRING:
        node->text = xstrdup(config_setting_get_string(s));
        break;
    case NODE_INT:
        node->number = config_setting_get_int64(s);
        break;
    case NODE_BOOL:
        node->number = config_setting_get_bool(s);
        break;
    case NODE_FLOAT:
        node->fraction = config_setting_get_float(s);
        break;
    default:
        convert_children(s, node, origin, name, dir);
    }
    return node;
}

static int parse_error(const config_t *c, const char *name, const char *dir, struct err *err)
{
    const char *file = config_error_file(c);
    return err_set(err, -EINVAL, "%s%s%s:%d: %s", file && dir ? dir : "", file && dir ? "/" : "",
                   file ? file : name, config_error_line(c), config_error_text(c));
}

/* Looks at everything that libconfig is going to open. */
static int scan_includes(const struct strv *files, const char *dir, unsigned depth, struct err *err)
{
    _cleanup_(closep) int root = files->n ? fs_open_dir(AT_FDCWD, dir) : -1;
    const char *file;
    strv_foreach (file, files) {
        _cleanup_(freep) char *path = str_printf("%s/%s", dir, file), *text = NULL;
        _cleanup_(strv_fini) struct strv more = {0};
        struct stat inside, outside;
        size_t n;
        if (depth >= INCLUDES_MAX)
            return err_set(err, -EINVAL, "%s: more than %d files include each other", path,
                           INCLUDES_MAX);
        _cleanup_(closep) int fd = fs_open_in_root(root, file, O_RDONLY | O_NONBLOCK, 0);
        if (fd < 0)
            return err_errno(err, fd, "@include: %s", path);
        if (fstat(fd, &inside) < 0 || stat(path, &outside) < 0 || !S_ISREG(inside.st_mode) ||
            inside.st_ino != outside.st_ino || inside.st_dev != outside.st_dev)
            return err_set(err, -EINVAL, "@include: %s is no file inside that directory", path);
        int r = fs_read_fd(fd, FILE_MAX, &text, &n);
        if (r < 0)
            return err_errno(err, r, "%s", path);
        r = config_scan(path, text, n, &more, err);
        if (r == 0)
            r = scan_includes(&more, dir, depth + 1, err);
        if (r < 0)
            return r;
    }
    return 0;
}

int config_parse_text(const char *name, const char *text, size_t n, const char *dir,
                      struct config_node **out, struct err *err)
{
    _cleanup_(strv_fini) struct strv includes = {0};
    int r = config_scan(name, text, n, &includes, err);
    if (r < 0)
        return r;
    if (includes.n && !dir)
        return err_set(err, -EINVAL, "%s: @include is for files only", name);
    r = scan_includes(&includes, dir, 1, err);
    if (r < 0)
        return r;
    config_t c;
    _cleanup_(freep) char *copy = xstrndup(text, n);
    config_init(&c);
    if (dir)
        config_set_include_dir(&c, dir);
    if (config_read_string(&c, copy))
        *out = convert(config_root_setting(&c), NULL, name, dir);
    else
        r = parse_error(&c, name, dir, err);
    config_destroy(&c);
    return r;
}

int config_parse_file(const char *path, struct config_node **out, struct err *err)
{
    _cleanup_(freep) char *text = NULL, *copy = xstrdup(path);
    size_t n;
    int r = fs_read(AT_FDCWD, path, FILE_MAX, &text, &n);
    if (r == -EFBIG)
        return err_set(err, r, "%s: is larger than 1 MiB", path);
    if (r < 0)
        return err_errno(err, r, "%s", path);
    return config_parse_text(path, text, n, dirname(copy), out, err);
}

/* A literal of libconfig, and nothing behind it; NULL when it is none. */
static struct config_node *parse_literal(const char *text, const char *origin)
{
    _cleanup_(freep) char *line = str_printf("v = %s\n;", text);
    _cleanup_(strv_fini) struct strv includes = {0};
    struct config_node *node = NULL;
    if (config_scan("", line, strlen(line), &includes, NULL) < 0 || includes.n)
        return NULL;
    config_t c;
    config_init(&c);
    if (config_read_string(&c, line) && config_setting_length(config_root_setting(&c)) == 1)
        node = convert(config_setting_get_elem(config_root_setting(&c), 0), origin, "", NULL);
    config_destroy(&c);
    return node;
}

static struct config_node *bare_word(const char *text, const char *origin)
{
    struct config_node *node = config_node_new(NULL, NODE_STRING, origin);
    node->text = xstrdup(text);
    return node;
}

struct config_node *config_parse_value(const char *text, const char *origin)
{
    struct config_node *node = parse_literal(text, origin);
    size_t n = strlen(text);
    if (node)
        return node;
    if (n < 2 || *text != '[' || text[n - 1] != ']')
        return bare_word(text, origin);
    _cleanup_(freep) char *inner = xstrndup(text + 1, n - 2);
    _cleanup_(strv_fini) struct strv words = {0};
    strv_split(&words, inner, ",");
    node = config_node_new(NULL, NODE_LIST, origin);
    char *word;
    strv_foreach (word, &words) {
        const char *trimmed = str_trim(word);
        struct config_node *item = parse_literal(trimmed, origin);
        config_node_add(node, item ? item : bare_word(trimmed, origin));
    }
    return node;
}
