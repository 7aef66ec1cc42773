/* SPDX-License-Identifier: Apache-2.0 */
/* One option of a schema: reading it, and parsing a text by its type. */
#include "plugin/schema.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>

#include "base/str.h"

#define OPTION_HAS(o, field)                                                                       \
    ((o)->size >= offsetof(struct berth_option, field) + sizeof((o)->field))

bool schema_read(const struct berth_option *from, struct berth_option *to)
{
    *to = (struct berth_option){.size = sizeof(*to)};
    if (!OPTION_HAS(from, flags) || str_empty(from->name))
        return false;
    memcpy(to, from, MIN(from->size, sizeof(*to)));
    if (!OPTION_HAS(from, max)) /* half a range is none */
        to->min = to->max = 0;
    to->size = sizeof(*to);
    return true;
}

bool schema_find(const struct berth_option *const *schema, const char *name,
                 struct berth_option *to)
{
    for (size_t i = 0; schema && schema[i]; i++)
        if (schema_read(schema[i], to) && strcmp(to->name, name) == 0)
            return true;
    return false;
}

bool schema_is_number(const struct berth_option *o)
{
    return o->type == BERTH_OPT_BOOL || o->type == BERTH_OPT_INT || o->type == BERTH_OPT_SIZE ||
           o->type == BERTH_OPT_DURATION;
}

/* What a message shows of the value that was refused. */
static char *shown(const struct berth_option *o, const char *text)
{
    if (o->flags & BERTH_OPT_SECRET)
        return xstrdup("(hidden)");
    return strlen(text) > 120 ? str_printf("\"%.100s…\"", text) : str_printf("\"%s\"", text);
}

static int refuse(const struct berth_option *o, const char *text, const char *right,
                  struct err *err)
{
    _cleanup_(freep) char *what = shown(o, text);
    return err_set(err, -EINVAL, "option \"%s\": %s is not valid, it must be %s", o->name, what,
                   right);
}

/* min without max (or with 0, which -1 for "unlimited" usually brings along) has no upper end. */
static bool has_upper(const struct berth_option *o)
{
    return o->max > 0 || (o->max < 0 && o->max >= o->min) || (o->max == 0 && o->min < -1);
}

static bool in_range(const struct berth_option *o, int64_t v)
{
    if (!o->min && !o->max)
        return true;
    return v >= o->min && (!has_upper(o) || v <= o->max);
}

/* "a number from 1 to 10" */
static char *number_words(const struct berth_option *o)
{
    const char *what = o->type == BERTH_OPT_INT ? "a whole number" : "a size such as \"10m\"";
    const char *unit = o->type == BERTH_OPT_INT ? "" : " bytes";
    if (!o->min && !o->max)
        return xstrdup(what);
    if (has_upper(o))
        return str_printf("%s from %" PRId64 " to %" PRId64 "%s", what, o->min, o->max, unit);
    return str_printf("%s of at least %" PRId64 "%s", what, o->min, unit);
}

static char *duration_words(const struct berth_option *o)
{
    const char *what = "a duration such as \"1m30s\"";
    if (!o->min && !o->max)
        return xstrdup(what);
    if (has_upper(o))
        return str_printf("%s from %gs to %gs", what, (double)o->min / 1e9, (double)o->max / 1e9);
    return str_printf("%s of at least %gs", what, (double)o->min / 1e9);
}

static int parse_number(const struct berth_option *o, const char *text, int64_t *number,
                        struct err *err)
{
    int r;
    if (o->type == BERTH_OPT_INT)
        r = parse_i64(text, INT64_MIN, INT64_MAX, number);
    else if (o->type == BERTH_OPT_DURATION)
        r = parse_duration(text, number);
    else if (o->min < 0 && strcmp(text, "-1") == 0)
        r = (int)(*number = -1, 0);
    else
        r = parse_size(text, number);
    if (r == 0 && in_range(o, *number))
        return 0;
    _cleanup_(freep) char *right =
        o->type == BERTH_OPT_DURATION ? duration_words(o) : number_words(o);
    return refuse(o, text, right, err);
}

static int parse_choice(const struct berth_option *o, const char *text, struct err *err)
{
    _cleanup_(strv_fini) struct strv choices = {0};
    for (size_t i = 0; o->choices && o->choices[i]; i++) {
        if (strcmp(o->choices[i], text) == 0)
            return 0;
        strv_add(&choices, o->choices[i]);
    }
    _cleanup_(freep) char *list = strv_join(&choices, ", ");
    _cleanup_(freep) char *right = str_printf("one of: %s", list);
    return refuse(o, text, right, err);
}

static bool is_ip(const char *text, int *bits)
{
    struct in6_addr any;
    *bits = strchr(text, ':') ? 128 : 32;
    return inet_pton(*bits == 128 ? AF_INET6 : AF_INET, text, &any) == 1;
}

static bool is_cidr(const char *text)
{
    const char *slash = strchr(text, '/');
    int64_t prefix;
    int bits;
    if (!slash)
        return false;
    _cleanup_(freep) char *address = xstrndup(text, (size_t)(slash - text));
    return is_ip(address, &bits) && parse_i64(slash + 1, 0, bits, &prefix) == 0;
}

int schema_parse(const struct berth_option *o, const char *text, int64_t *number, struct err *err)
{
    bool truth;
    int bits;
    *number = 0;
    switch (o->type) {
    case BERTH_OPT_BOOL:
        if (parse_bool(text, &truth) < 0)
            return refuse(o, text, "true or false", err);
        *number = truth;
        return 0;
    case BERTH_OPT_INT:
    case BERTH_OPT_SIZE:
    case BERTH_OPT_DURATION:
        return parse_number(o, text, number, err);
    case BERTH_OPT_ENUM:
        return parse_choice(o, text, err);
    case BERTH_OPT_CIDR:
        return is_cidr(text)
                   ? 0
                   : refuse(o, text, "an address and a prefix such as \"172.29.0.0/16\"", err);
    case BERTH_OPT_IP:
        return is_ip(text, &bits) ? 0 : refuse(o, text, "an address such as \"172.29.0.1\"", err);
    default: /* a type of a newer SDK: the driver checks it itself */
        return 0;
    }
}
