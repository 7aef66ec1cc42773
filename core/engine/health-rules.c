/* SPDX-License-Identifier: Apache-2.0 */
/* Health checks: the rules. */
#include "engine/health-rules.h"

#include <errno.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/str.h"

#define RETRIES     3
#define SPAN_MAX_NS (365 * 24 * 3600 * NS_PER_SEC)

/* --- the document */

json_t *health_new(void)
{
    json_t *health = json_object();
    json_put_str(health, "Status", "starting");
    json_put_int(health, "FailingStreak", 0);
    json_put_take(health, "Log", json_array());
    return health;
}

void health_begin_doc(json_t *health)
{
    json_put_str(health, "Status", "starting");
    json_put_int(health, "FailingStreak", 0);
}

void health_rest_doc(json_t *health)
{
    json_put_str(health, "Status", "unhealthy");
}

static bool is(const json_t *health, const char *status)
{
    return str_eq(json_str(health, "Status", ""), status);
}

static void log_result(json_t *health, const struct health_result *result)
{
    if (!json_arr(health, "Log"))
        json_put_take(health, "Log", json_array());
    json_t *log = json_arr(health, "Log"), *entry = json_object();
    json_put_time(entry, "Start", result->start_ns);
    json_put_time(entry, "End", result->end_ns);
    json_put_int(entry, "ExitCode", result->code);
    json_put_str(entry, "Output", result->output);
    while (json_array_size(log) >= HEALTH_LOG_MAX)
        json_array_remove(log, 0);
    json_push_take(log, entry);
}

bool health_is_failing(const json_t *health, const struct health_rule *rule)
{
    return json_int(health, "FailingStreak", 0) >= rule->retries;
}

/* A failure that counts; one within the start period does not while nothing has succeeded yet. */
static void count_failure(json_t *health, const struct health_rule *rule, int64_t since_start_ns)
{
    if (is(health, "starting") && since_start_ns < rule->start_period_ns)
        return;
    json_put_int(health, "FailingStreak", json_int(health, "FailingStreak", 0) + 1);
    if (health_is_failing(health, rule))
        json_put_str(health, "Status", "unhealthy");
}

bool health_take(json_t *health, const struct health_rule *rule, int64_t started_ns,
                 const struct health_result *result)
{
    _cleanup_(freep) char *before = xstrdup(json_str(health, "Status", ""));
    log_result(health, result);
    if (result->code == 0) {
        json_put_int(health, "FailingStreak", 0);
        json_put_str(health, "Status", "healthy");
    } else {
        count_failure(health, rule, result->start_ns - started_ns);
    }
    return !is(health, before);
}

int64_t health_pause_ns(const json_t *health, const struct health_rule *rule, int64_t started_ns,
                        int64_t now_ns)
{
    bool early = now_ns - started_ns < rule->start_period_ns;
    return early && is(health, "starting") ? rule->start_interval_ns : rule->interval_ns;
}

const char *health_word(const struct state_container *row)
{
    return json_str(json_obj(row->runtime, "health"), "Status", "none");
}

/* --- the rule */

static int64_t span(const json_t *check, const char *key, int64_t dflt_ns)
{
    int64_t ns = json_int(check, key, 0);
    return ns == 0 ? dflt_ns : MIN(ns, SPAN_MAX_NS);
}

static enum health_kind kind_of(const char *word)
{
    if (str_eq(word, "CMD") || str_eq(word, "CMD-SHELL"))
        return HEALTH_EXEC;
    return str_eq(word, "TCP") || str_eq(word, "HTTP") ? HEALTH_NET : HEALTH_NONE;
}

/* An annotation is the container's own; a label may be its image's. */
static const char *action_word(const json_t *config, const json_t *host_config)
{
    const char *label = json_str(json_obj(config, "Labels"), "berth.on-unhealthy", NULL);
    return json_str(json_obj(host_config, "Annotations"), "berth.on-unhealthy", label);
}

static bool action_of(const char *word, enum health_action *out)
{
    static const char *const names[] = {
        [HEALTH_LEAVE] = "none", [HEALTH_RESTART] = "restart", [HEALTH_KILL] = "kill"};
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (str_eq(word, names[i])) {
            *out = (enum health_action)i;
            return true;
        }
    return false;
}

void health_rule_read(const json_t *config, const json_t *host_config, struct health_rule *out)
{
    const json_t *check = json_obj(config, "Healthcheck");
    const char *word = json_string_value(json_array_get(json_arr(check, "Test"), 0));
    int64_t retries = json_int(check, "Retries", 0);
    *out = (struct health_rule){
        .kind = kind_of(word),
        .interval_ns = span(check, "Interval", 30 * NS_PER_SEC),
        .timeout_ns = span(check, "Timeout", 30 * NS_PER_SEC),
        .start_period_ns = span(check, "StartPeriod", 0),
        .start_interval_ns = span(check, "StartInterval", 5 * NS_PER_SEC),
        .retries = retries > 0 ? retries : RETRIES,
    };
    const char *action = action_word(config, host_config);
    if (action)
        (void)action_of(action, &out->action);
}

json_t *health_command(const json_t *config)
{
    const json_t *test = json_arr(json_obj(config, "Healthcheck"), "Test");
    json_t *argv = json_array();
    if (str_eq(json_string_value(json_array_get(test, 0)), "CMD-SHELL")) {
        const json_t *shell = json_arr(config, "Shell");
        if (json_array_size(shell) > 0) {
            json_array_extend(argv, (json_t *)shell);
        } else {
            json_push_str(argv, "/bin/sh");
            json_push_str(argv, "-c");
        }
    }
    for (size_t i = 1; i < json_array_size(test); i++)
        json_array_append(argv, json_array_get(test, i));
    return argv;
}

/* --- a create */

static int check_spans(const json_t *check, struct err *err)
{
    static const char *const keys[] = {"Interval", "Timeout", "StartPeriod", "StartInterval"};
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        int64_t ns = json_int(check, keys[i], 0);
        if (ns != 0 && ns < NS_PER_MS)
            return err_set(err, -EINVAL, "%s in Healthcheck cannot be less than 1ms", keys[i]);
    }
    if (json_int(check, "Retries", 0) < 0)
        return err_set(err, -EINVAL, "Retries in Healthcheck cannot be negative");
    return 0;
}

static int check_test(const json_t *check, json_t *warnings, struct err *err)
{
    const json_t *test = json_arr(check, "Test");
    const char *word = json_string_value(json_array_get(test, 0));
    enum health_kind kind = kind_of(word);
    if (kind == HEALTH_NET) {
        json_auto_t *net = NULL;
        return health_net_read(test, &net, err);
    }
    if (kind == HEALTH_NONE && !str_empty(word) && !str_eq(word, "NONE") && warnings) {
        _cleanup_(freep) char *text =
            str_printf("Unknown healthcheck type '%s' (expected 'CMD'): the container is not "
                       "checked.",
                       word);
        json_push_str(warnings, text);
    }
    return 0;
}

int health_check_config(const json_t *config, const json_t *host_config, json_t *warnings,
                        struct err *err)
{
    const json_t *check = json_obj(config, "Healthcheck");
    const char *action = action_word(config, host_config);
    enum health_action known = HEALTH_LEAVE;
    int r = check_spans(check, err);
    if (r == 0)
        r = check_test(check, warnings, err);
    if (r < 0)
        return r;
    if (action && !action_of(action, &known))
        return err_set(err, -EINVAL,
                       "invalid berth.on-unhealthy: \"%s\": none, restart or kill would be right",
                       action);
    struct health_rule rule;
    health_rule_read(config, host_config, &rule);
    if (known != HEALTH_LEAVE && rule.kind == HEALTH_NONE && warnings)
        json_push_str(warnings, "berth.on-unhealthy has no effect: the container has no health "
                                "check.");
    return 0;
}

/* --- words */

static void put_fraction(struct buf *b, int64_t whole, int64_t rest, int64_t unit, const char *name)
{
    buf_printf(b, "%lld", (long long)whole);
    if (rest > 0) {
        buf_addc(b, '.');
        for (int64_t digit = unit / 10; rest > 0; digit /= 10) {
            buf_addc(b, (char)('0' + rest / digit));
            rest %= digit;
        }
    }
    buf_adds(b, name);
}

char *health_span(int64_t ns)
{
    struct buf b = {0};
    if (ns < 1000) {
        buf_printf(&b, ns == 0 ? "%llds" : "%lldns", (long long)ns);
    } else if (ns < NS_PER_MS) {
        put_fraction(&b, ns / 1000, ns % 1000, 1000, "µs");
    } else if (ns < NS_PER_SEC) {
        put_fraction(&b, ns / NS_PER_MS, ns % NS_PER_MS, NS_PER_MS, "ms");
    } else {
        long long minutes = ns / NS_PER_SEC / 60;
        if (minutes >= 60)
            buf_printf(&b, "%lldh", minutes / 60);
        if (minutes > 0)
            buf_printf(&b, "%lldm", minutes % 60);
        put_fraction(&b, ns / NS_PER_SEC % 60, ns % NS_PER_SEC, NS_PER_SEC, "s");
    }
    return buf_steal(&b);
}
