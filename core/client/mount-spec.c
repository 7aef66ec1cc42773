/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The small language of --mount
 *
 * One record of comma-separated values: "key=value", or "key" alone where the value is a truth. A table says where each
 * key's value goes and of which type the mount must be.
 */
#include <ctype.h>
#include <errno.h>

#include "base/fs.h"
#include "base/json.h"
#include "client/run-options.h"

enum value_kind { TEXT, PATH, TRUTH, SIZE, OCTAL, PAIR, RECURSION };

static const struct mount_key {
    const char *key, *object, *member;
    enum value_kind kind;
} keys[] = {
    {"type", NULL, "Type", TEXT},
    {"source", NULL, "Source", PATH},
    {"src", NULL, "Source", PATH},
    {"target", NULL, "Target", TEXT},
    {"destination", NULL, "Target", TEXT},
    {"dst", NULL, "Target", TEXT},
    {"readonly", NULL, "ReadOnly", TRUTH},
    {"ro", NULL, "ReadOnly", TRUTH},
    {"consistency", NULL, "Consistency", TEXT},
    {"bind-propagation", "BindOptions", "Propagation", TEXT},
    {"bind-nonrecursive", "BindOptions", "NonRecursive", TRUTH},
    {"bind-recursive", "BindOptions", NULL, RECURSION},
    {"bind-create-src", "BindOptions", "CreateMountpoint", TRUTH},
    {"volume-nocopy", "VolumeOptions", "NoCopy", TRUTH},
    {"volume-subpath", "VolumeOptions", "Subpath", TEXT},
    {"volume-label", "VolumeOptions", "Labels", PAIR},
    {"volume-driver", "VolumeOptions", "Name", TEXT},
    {"volume-opt", "VolumeOptions", "Options", PAIR},
    {"image-subpath", "ImageOptions", "Subpath", TEXT},
    {"tmpfs-size", "TmpfsOptions", "SizeBytes", SIZE},
    {"tmpfs-mode", "TmpfsOptions", "Mode", OCTAL},
};

static const struct {
    const char *object, *type;
} types[] = {{"BindOptions", "bind"},
             {"VolumeOptions", "volume"},
             {"ImageOptions", "image"},
             {"TmpfsOptions", "tmpfs"}};

char *absolute_path(const char *path)
{
    _cleanup_(freep) char *cwd = path[0] == '/' ? NULL : getcwd(NULL, 0);
    _cleanup_(freep) char *joined = str_printf("%s/%s", cwd ? cwd : "", path);
    return fs_clean_path(joined);
}

/* Cuts one CSV record: a field in quotes may hold commas, and quotes that are doubled. */
static int csv_cut(const char *s, struct strv *out)
{
    for (;; s++) {
        struct buf field = {0};
        if (*s == '"') {
            for (s++; *s && (*s != '"' || s[1] == '"'); s++) {
                s += *s == '"';
                buf_addc(&field, *s);
            }
            bool closed = *s == '"' && (s[1] == ',' || !s[1]);
            strv_take(out, buf_steal(&field));
            if (!closed)
                return -EINVAL;
            s++;
        } else {
            size_t n = strcspn(s, ",");
            strv_take(out, xstrndup(s, n));
            s += n;
        }
        if (!*s)
            return 0;
    }
}

static json_t *member_object(json_t *o, const char *name)
{
    json_default_take(o, name, json_object());
    return json_obj(o, name);
}

static void put_pair(json_t *map, const char *pair)
{
    const char *eq = strchr(pair, '=');
    _cleanup_(freep) char *name = eq ? xstrndup(pair, (size_t)(eq - pair)) : xstrdup(pair);
    json_put_str(map, name, eq ? eq + 1 : "");
}

static int put_recursion(json_t *o, const char *value)
{
    if (str_eq(value, "enabled"))
        return 0;
    if (str_eq(value, "disabled"))
        json_put_bool(o, "NonRecursive", true);
    else if (str_eq(value, "writable"))
        json_put_bool(o, "ReadOnlyNonRecursive", true);
    else if (str_eq(value, "readonly"))
        json_put_bool(o, "ReadOnlyForceRecursive", true);
    else
        return -EINVAL;
    return 0;
}

/* `value` is NULL only for a truth. */
static int put_value(json_t *o, const struct mount_key *k, const char *value)
{
    int64_t n = 0;
    bool b = true;
    _cleanup_(freep) char *path = NULL;
    switch (k->kind) {
    case TEXT:
        json_put_str(o, k->member, value);
        return 0;
    case PATH:
        path = value[0] == '.' ? absolute_path(value) : NULL;
        json_put_str(o, k->member, path ? path : value);
        return 0;
    case TRUTH:
        if (value && parse_bool(value, &b) < 0)
            return -EINVAL;
        json_put_bool(o, k->member, b);
        return 0;
    case SIZE:
        if (parse_size(value, &n) < 0)
            return -EINVAL;
        json_put_int(o, k->member, n);
        return 0;
    case OCTAL:
        if (!str_only(value, "01234567") || strlen(value) > 8)
            return -EINVAL;
        json_put_int(o, k->member, strtoll(value, NULL, 8));
        return 0;
    case PAIR:
        put_pair(member_object(o, k->member), value);
        return 0;
    case RECURSION:
        return put_recursion(o, value);
    }
    return -EINVAL;
}

static int mount_field(json_t *m, char *field, const char *spec, struct err *err)
{
    char *value = strchr(field, '=');
    if (value)
        *value++ = '\0';
    for (char *s = field; *s; s++)
        *s = (char)tolower((unsigned char)*s);
    const char *names[ARRAY_SIZE(keys)];
    const struct mount_key *k = NULL;
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        names[i] = keys[i].key;
        k = str_eq(field, keys[i].key) ? &keys[i] : k;
    }
    if (!k) {
        const char *near = str_nearest(field, names, ARRAY_SIZE(keys));
        return err_set(err, -EINVAL, "unexpected key '%s' in --mount \"%s\"%s%s%s", field, spec,
                       near ? " (did you mean '" : "", near ? near : "", near ? "'?)" : "");
    }
    if (!value && k->kind != TRUTH)
        return err_set(err, -EINVAL,
                       "invalid field '%s' in --mount \"%s\": must be a key=value pair", field,
                       spec);
    json_t *o = k->object ? member_object(m, k->object) : m;
    if (str_eq(field, "volume-driver") || str_eq(field, "volume-opt"))
        o = member_object(o, "DriverConfig");
    return put_value(o, k, value) < 0
               ? err_set(err, -EINVAL, "invalid value for %s: %s", field, value)
               : 0;
}

static int check_mount(const json_t *m, const char *spec, struct err *err)
{
    const char *type = json_str(m, "Type", "");
    if (!*type)
        return err_set(err, -EINVAL, "--mount \"%s\": type is required", spec);
    if (!*json_str(m, "Target", ""))
        return err_set(err, -EINVAL, "--mount \"%s\": target is required", spec);
    for (size_t i = 0; i < ARRAY_SIZE(types); i++)
        if (json_obj(m, types[i].object) && !str_eq(type, types[i].type))
            return err_set(err, -EINVAL, "cannot mix '%s-*' options with mount type '%s'",
                           types[i].type, type);
    return 0;
}

int mount_spec(const char *spec, json_t **out, struct err *err)
{
    json_auto_t *m = json_object();
    _cleanup_(strv_fini) struct strv fields = {0};
    json_put_str(m, "Type", "volume");
    if (csv_cut(spec, &fields) < 0)
        return err_set(err, -EINVAL, "--mount \"%s\": a quote is not closed", spec);
    for (size_t i = 0; i < fields.n; i++) {
        int r = mount_field(m, fields.v[i], spec, err);
        if (r < 0)
            return r;
    }
    int r = check_mount(m, spec, err);
    if (r == 0)
        *out = json_incref(m);
    return r;
}
