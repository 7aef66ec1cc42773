/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Filters
 *
 * Matching of Docker's `filters` against what an object has. The API has parsed the text; here are the rules by which a
 * value is compared, one function each.
 */
#include "engine/filters.h"

#include <errno.h>
#include <regex.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/str.h"
#include "engine/ports.h"

static bool allowed_has(const char *const *allowed, const char *key)
{
    for (size_t i = 0; allowed[i]; i++)
        if (str_eq(allowed[i], key))
            return true;
    return false;
}

int filters_check(const json_t *filters, const char *const *allowed, struct err *err)
{
    const char *key;
    json_t *values;
    json_object_foreach ((json_t *)filters, key, values) {
        if (!allowed_has(allowed, key))
            return err_set(err, -EINVAL, "invalid filter '%s'", key);
        if (!json_is_array(values))
            return err_set(err, -EINVAL, "invalid filter '%s': its values must be a list", key);
        size_t i;
        json_t *v;
        json_array_foreach (values, i, v)
            if (!json_is_string(v))
                return err_set(err, -EINVAL, "invalid filter '%s': a value must be a string", key);
    }
    return 0;
}

static const json_t *values_of(const json_t *filters, const char *key)
{
    const json_t *values = json_arr(filters, key);
    return json_array_size(values) > 0 ? values : NULL;
}

bool filters_has(const json_t *filters, const char *key)
{
    return values_of(filters, key) != NULL;
}

const char *filters_first(const json_t *filters, const char *key)
{
    return json_string_value(json_array_get(values_of(filters, key), 0));
}

static bool match_any(const json_t *filters, const char *key, const char *value,
                      bool (*match)(const char *want, const char *value))
{
    const json_t *values = values_of(filters, key);
    if (!values)
        return true;
    if (!value)
        return false;
    for (size_t i = 0; i < json_array_size(values); i++)
        if (match(json_string_value(json_array_get(values, i)), value))
            return true;
    return false;
}

static bool match_prefix(const char *want, const char *value)
{
    return str_after(value, want) != NULL;
}

static bool match_regex(const char *want, const char *value)
{
    regex_t re;
    if (regcomp(&re, want, REG_EXTENDED | REG_NOSUB) != 0)
        return strstr(value, want) != NULL;
    bool hit = regexec(&re, value, 0, NULL, 0) == 0;
    regfree(&re);
    return hit;
}

bool filters_match_exact(const json_t *filters, const char *key, const char *value)
{
    return match_any(filters, key, value, str_eq);
}

bool filters_match_prefix(const json_t *filters, const char *key, const char *value)
{
    return match_any(filters, key, value, match_prefix);
}

bool filters_match_regex(const json_t *filters, const char *key, const char *value)
{
    return match_any(filters, key, value, match_regex);
}

static bool label_matches(const char *want, const json_t *labels)
{
    const char *eq = strchr(want, '=');
    if (!eq)
        return json_str(labels, want, NULL) != NULL;
    _cleanup_(freep) char *name = xstrndup(want, (size_t)(eq - want));
    return str_eq(json_str(labels, name, NULL), eq + 1);
}

bool filters_match_labels(const json_t *filters, const char *key, const json_t *labels)
{
    const json_t *values = values_of(filters, key);
    for (size_t i = 0; i < json_array_size(values); i++)
        if (!label_matches(json_string_value(json_array_get(values, i)), labels))
            return false;
    return true;
}

static int check_ports(const json_t *values, struct err *err)
{
    for (size_t i = 0; i < json_array_size(values); i++) {
        struct port_range range;
        int r = port_range_parse(json_string_value(json_array_get(values, i)), &range, err);
        if (r < 0)
            return r;
    }
    return 0;
}

int filters_check_ports(const json_t *filters, struct err *err)
{
    int r = check_ports(values_of(filters, "publish"), err);
    return r < 0 ? r : check_ports(values_of(filters, "expose"), err);
}

static bool port_named(const json_t *values, const json_t *port, const char *member)
{
    int64_t number = json_int(port, member, 0);
    for (size_t i = 0; number > 0 && i < json_array_size(values); i++) {
        struct port_range range;
        if (port_range_parse(json_string_value(json_array_get(values, i)), &range, NULL) == 0 &&
            str_eq(range.proto, json_str(port, "Type", "")) && number >= range.first &&
            number <= range.last)
            return true;
    }
    return false;
}

bool filters_match_ports(const json_t *filters, const json_t *ports)
{
    const json_t *publish = values_of(filters, "publish"), *expose = values_of(filters, "expose");
    if (!publish && !expose)
        return true;
    for (size_t i = 0; i < json_array_size(ports); i++) {
        const json_t *port = json_array_get(ports, i);
        if (port_named(publish, port, "PublicPort") || port_named(expose, port, "PrivatePort"))
            return true;
    }
    return false;
}

int filters_bool(const json_t *filters, const char *key, bool *out, struct err *err)
{
    const char *word = filters_first(filters, key);
    if (word && parse_bool(word, out) < 0)
        return err_set(err, -EINVAL, "invalid filter '%s=%s': true or false would be right", key,
                       word);
    return 0;
}

static bool is_among(const char *const *words, const char *word)
{
    for (size_t i = 0; words[i]; i++)
        if (str_eq(words[i], word))
            return true;
    return false;
}

int filters_check_words(const json_t *filters, const char *key, const char *const *words,
                        struct err *err)
{
    const json_t *values = values_of(filters, key);
    for (size_t i = 0; i < json_array_size(values); i++) {
        const char *word = json_string_value(json_array_get(values, i));
        if (is_among(words, word))
            continue;
        _cleanup_(strv_fini) struct strv right = {0};
        for (size_t k = 0; words[k]; k++)
            strv_add(&right, words[k]);
        _cleanup_(freep) char *list = strv_join(&right, ", ");
        return err_set(err, -EINVAL, "invalid filter '%s=%s': one of %s would be right", key, word,
                       list);
    }
    return 0;
}

int filters_until(const json_t *filters, int64_t *ns, struct err *err)
{
    const json_t *values = values_of(filters, "until");
    *ns = INT64_MAX;
    if (!values)
        return 0;
    if (json_array_size(values) > 1)
        return err_set(err, -EINVAL, "more than one until filter specified");
    const char *text = json_string_value(json_array_get(values, 0));
    int64_t span;
    if (parse_duration(text, &span) == 0)
        *ns = time_now_ns() - span;
    else if (time_parse_loose(text, ns) < 0)
        return err_set(err, -EINVAL, "failed to parse value as time or duration: \"%s\"", text);
    return 0;
}

bool filters_match_prune(const json_t *filters, const json_t *labels)
{
    return filters_match_labels(filters, "label", labels) &&
           !(filters_has(filters, "label!") && filters_match_labels(filters, "label!", labels));
}
