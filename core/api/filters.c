/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Filters
 *
 * Old clients send lists, newer ones sets as objects; the engine sees lists only.
 */
#include "api/filters.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "base/str.h"

bool bool_parse(const char *value)
{
    if (!value)
        return false;
    _cleanup_(freep) char *copy = xstrdup(value);
    const char *word = str_trim(copy);
    static const char *const no[] = {"", "0", "no", "false", "none"};
    for (size_t i = 0; i < ARRAY_SIZE(no); i++)
        if (strcasecmp(word, no[i]) == 0)
            return false;
    return true;
}

static int values_from_set(const char *name, json_t *set, json_t *list, struct err *err)
{
    const char *value;
    json_t *on;
    json_object_foreach (set, value, on) {
        if (!json_is_boolean(on))
            return err_set(err, -EINVAL,
                           "invalid filter: value \"%s\" of \"%s\" has to be true or false", value,
                           name);
        if (json_is_true(on))
            json_push_str(list, value);
    }
    return 0;
}

static int values_from_list(const char *name, json_t *values, json_t *list, struct err *err)
{
    size_t i;
    json_t *value;
    json_array_foreach (values, i, value) {
        if (!json_is_string(value))
            return err_set(err, -EINVAL, "invalid filter: the values of \"%s\" have to be strings",
                           name);
        json_array_append(list, value);
    }
    return 0;
}

static int values_parse(const char *name, json_t *values, json_t **out, struct err *err)
{
    json_auto_t *list = json_array();
    int r = -EINVAL;
    if (json_is_object(values))
        r = values_from_set(name, values, list, err);
    else if (json_is_array(values))
        r = values_from_list(name, values, list, err);
    else
        err_set(err, r, "invalid filter: \"%s\" has to be a map or a list of strings", name);
    if (r == 0)
        *out = steal_ptr(&list);
    return r;
}

int filters_parse(const char *text, json_t **out, struct err *err)
{
    *out = NULL;
    if (str_empty(text))
        return 0;
    json_auto_t *given = NULL;
    if (json_parse(text, strlen(text), &given, err) < 0)
        return err_wrap(err, "invalid filter");
    if (!json_is_object(given))
        return err_set(err, -EINVAL,
                       "invalid filter: expected an object such as {\"status\":[\"running\"]}");
    json_auto_t *filters = json_object();
    const char *name;
    json_t *values;
    json_object_foreach (given, name, values) {
        json_t *list = NULL;
        int r = values_parse(name, values, &list, err);
        if (r < 0)
            return r;
        json_put_take(filters, name, list);
    }
    *out = steal_ptr(&filters);
    return 0;
}
