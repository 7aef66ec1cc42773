/* SPDX-License-Identifier: Apache-2.0 */
/* Flags about health → the body of a create. */
#include "client/health-options.h"

#include <errno.h>

#include "base/json.h"

#define ACTION_LABEL "berth.on-unhealthy"

static const struct {
    const char *flag, *member;
} spans[] = {
    {"health-interval", "Interval"},
    {"health-timeout", "Timeout"},
    {"health-start-period", "StartPeriod"},
    {"health-start-interval", "StartInterval"},
};
static const char *const tests[] = {"health-cmd", "health-tcp", "health-http"};

static int put_spans(const struct args *a, json_t *health, struct err *err)
{
    for (size_t i = 0; i < ARRAY_SIZE(spans); i++) {
        const char *text = args_str(a, spans[i].flag, NULL);
        int64_t ns = 0;
        if (text && parse_duration(text, &ns) < 0)
            return err_set(err, -EINVAL,
                           "invalid argument \"%s\" for \"--%s\" flag: a duration such as 1m30s or "
                           "500ms is expected",
                           text, spans[i].flag);
        if (ns < 0)
            return err_set(err, -EINVAL, "--%s cannot be negative", spans[i].flag);
        if (ns)
            json_put_int(health, spans[i].member, ns);
    }
    int64_t retries = args_int(a, "health-retries", 0);
    if (retries < 0)
        return err_set(err, -EINVAL, "--health-retries cannot be negative");
    if (retries)
        json_put_int(health, "Retries", retries);
    return 0;
}

static int put_test(const struct args *a, json_t *health, struct err *err)
{
    static const char *const kinds[] = {"CMD-SHELL", "TCP", "HTTP"};
    const char *given = NULL;
    for (size_t i = 0; i < ARRAY_SIZE(tests); i++) {
        const char *text = args_str(a, tests[i], "");
        if (!*text)
            continue;
        if (given)
            return err_set(err, -EINVAL, "--%s conflicts with --%s: a container has one check",
                           tests[i], given);
        given = tests[i];
        json_put_take(health, "Test", json_pack("[ss]", kinds[i], text));
    }
    return 0;
}

static bool any_given(const struct args *a)
{
    bool any = args_given(a, "health-retries");
    for (size_t i = 0; i < ARRAY_SIZE(spans); i++)
        any |= args_given(a, spans[i].flag);
    for (size_t i = 0; i < ARRAY_SIZE(tests); i++)
        any |= !str_empty(args_str(a, tests[i], ""));
    return any;
}

static int put_action(const struct args *a, json_t *config, struct err *err)
{
    const char *action = args_str(a, "on-unhealthy", NULL);
    if (!action)
        return 0;
    if (!str_eq(action, "none") && !str_eq(action, "restart") && !str_eq(action, "kill"))
        return err_set(err, -EINVAL,
                       "invalid argument \"%s\" for \"--on-unhealthy\" flag: none, restart or kill",
                       action);
    if (!json_obj(config, "Labels"))
        json_put_take(config, "Labels", json_object());
    json_put_str(json_obj(config, "Labels"), ACTION_LABEL, action);
    return 0;
}

int health_options(const struct args *a, json_t *config, struct err *err)
{
    bool none = args_bool(a, "no-healthcheck");
    if (none && any_given(a))
        return err_set(err, -EINVAL, "--no-healthcheck conflicts with --health-* options");
    int r = put_action(a, config, err);
    if (r < 0)
        return r;
    if (none)
        json_put_take(config, "Healthcheck", json_pack("{s[s]}", "Test", "NONE"));
    if (none || !any_given(a))
        return 0;
    json_t *health = json_object();
    json_put_take(config, "Healthcheck", health);
    r = put_test(a, health, err);
    return r < 0 ? r : put_spans(a, health, err);
}
