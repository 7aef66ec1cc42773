/* SPDX-License-Identifier: Apache-2.0 */
/* Options of a driver: layers of values checked against a schema, behind the table that drivers read. */
#include "plugin/options.h"

#include <errno.h>

#include "base/json.h"
#include "base/map.h"
#include "base/str.h"
#include "plugin/schema.h"

struct value {
    char *name, *text;
    int64_t number;
    bool has_number, given;
};

struct options {
    struct berth_options table; /* first: what a driver holds is a pointer to it */
    struct map by_name;
};

static void value_free(void *p)
{
    struct value *v = p;
    free(v->name);
    free(v->text);
    free(v);
}

void options_free(struct options *o)
{
    if (!o)
        return;
    map_fini(&o->by_name, value_free);
    free(o);
}

static const struct value *lookup(const struct berth_options *table, const char *name)
{
    const struct options *o = (const struct options *)(const void *)table;
    return name ? map_get(&o->by_name, name) : NULL;
}

static const char *get(const struct berth_options *table, const char *name)
{
    const struct value *v = lookup(table, name);
    return v ? v->text : NULL;
}

static int64_t get_int(const struct berth_options *table, const char *name, int64_t dflt)
{
    const struct value *v = lookup(table, name);
    return v && v->has_number ? v->number : dflt;
}

static int each(const struct berth_options *table,
                int (*fn)(void *ctx, const char *name, const char *value), void *ctx)
{
    const struct options *o = (const struct options *)(const void *)table;
    const char *name;
    void *p;
    for (size_t i = 0; map_next(&o->by_name, &i, &name, &p);) {
        const struct value *v = p;
        int r = v->given ? fn(ctx, v->name, v->text) : 0;
        if (r)
            return r;
    }
    return 0;
}

static void put(struct options *o, const char *name, const char *text, const int64_t *number,
                bool given)
{
    struct value *v = xcalloc(1, sizeof(*v));
    v->name = xstrdup(name);
    v->text = xstrdup(text);
    v->has_number = number;
    v->number = number ? *number : 0;
    v->given = given;
    struct value *old = map_set(&o->by_name, name, v);
    if (old)
        value_free(old);
}

static int unknown(const struct berth_option *const *schema, uint32_t scope, const char *name,
                   struct err *err)
{
    _cleanup_(strv_fini) struct strv names = {0};
    struct berth_option o;
    for (size_t i = 0; schema && schema[i]; i++)
        if (schema_read(schema[i], &o) && (o.flags & scope))
            strv_add(&names, o.name);
    if (!names.n)
        return err_set(err, -EINVAL, "unknown option \"%s\": the driver has none here", name);
    const char *near = str_nearest(name, (const char *const *)names.v, names.n);
    if (near)
        return err_set(err, -EINVAL, "unknown option \"%s\" (did you mean \"%s\"?)", name, near);
    _cleanup_(freep) char *list = strv_join(&names, ", ");
    return err_set(err, -EINVAL, "unknown option \"%s\"; there are: %s", name, list);
}

static int find(const struct berth_option *const *schema, uint32_t scope, const char *name,
                struct berth_option *o, struct err *err)
{
    if (!schema_find(schema, name, o))
        return unknown(schema, scope, name, err);
    if (o->flags & scope)
        return 0;
    if (scope == BERTH_OPT_DAEMON)
        return err_set(err, -EINVAL, "option \"%s\" is for single objects, not for daemon.conf",
                       name);
    return err_set(err, -EINVAL, "option \"%s\" can be set in daemon.conf only", name);
}

int options_check(const struct berth_option *const *schema, uint32_t scope, const char *name,
                  const char *value, bool *secret, struct err *err)
{
    struct berth_option o;
    int64_t number;
    int r = find(schema, scope, name, &o, err);
    if (r < 0)
        return r;
    if (secret)
        *secret = o.flags & BERTH_OPT_SECRET;
    return schema_parse(&o, value, &number, err);
}

static int put_defaults(struct options *o, const struct berth_option *const *schema,
                        struct err *err)
{
    struct berth_option opt;
    int64_t number;
    for (size_t i = 0; schema && schema[i]; i++) {
        if (!schema_read(schema[i], &opt) || !opt.dflt)
            continue;
        int r = schema_parse(&opt, opt.dflt, &number, err);
        if (r < 0)
            return err_wrap(err, "the driver's own default");
        put(o, opt.name, opt.dflt, schema_is_number(&opt) ? &number : NULL, false);
    }
    return 0;
}

static int put_layer(struct options *o, const struct berth_option *const *schema, uint32_t scope,
                     const json_t *values, bool free_keys, struct err *err)
{
    const char *name;
    json_t *value;
    json_object_foreach ((json_t *)values, name, value) {
        const char *text = json_string_value(value);
        struct berth_option opt;
        int64_t number;
        if (!text || strlen(text) != json_string_length(value))
            return err_set(err, -EINVAL, "option \"%s\" must be a string", name);
        if (free_keys && !schema_find(schema, name, &opt)) {
            put(o, name, text, NULL, true);
            continue;
        }
        int r = find(schema, scope, name, &opt, err);
        if (r == 0)
            r = schema_parse(&opt, text, &number, err);
        if (r < 0)
            return r;
        put(o, name, text, schema_is_number(&opt) ? &number : NULL, true);
    }
    return 0;
}

int options_new(const struct berth_option *const *schema, uint32_t scope,
                const json_t *daemon_values, const json_t *object_values, bool free_keys,
                struct options **out, struct err *err)
{
    if (scope == BERTH_OPT_DAEMON && object_values)
        return err_set(err, -EINVAL, "options of the daemon cannot have an object's values");
    _cleanup_(options_freep) struct options *o = xcalloc(1, sizeof(*o));
    o->table = (struct berth_options){
        .size = sizeof(o->table), .get = get, .get_int = get_int, .each = each};
    int r = put_defaults(o, schema, err);
    if (r == 0)
        r = put_layer(o, schema, BERTH_OPT_DAEMON, daemon_values, false, err);
    if (r == 0)
        r = put_layer(o, schema, BERTH_OPT_OBJECT, object_values, free_keys, err);
    if (r < 0)
        return r;
    *out = steal_ptr(&o);
    return 0;
}

const struct berth_options *options_table(const struct options *o)
{
    return &o->table;
}

int options_check_schema(const struct berth_option *const *schema, struct err *err)
{
    struct berth_option o;
    int64_t number;
    for (size_t i = 0; schema && schema[i]; i++) {
        if (!schema_read(schema[i], &o))
            return err_set(err, -EINVAL, "option %zu of its schema has no name or is too small",
                           i + 1);
        if (o.type == BERTH_OPT_ENUM && (!o.choices || !o.choices[0]))
            return err_set(err, -EINVAL, "option \"%s\" of its schema has no choices", o.name);
        if (o.dflt && schema_parse(&o, o.dflt, &number, err) < 0)
            return err_wrap(err, "the default in its schema");
    }
    return 0;
}
