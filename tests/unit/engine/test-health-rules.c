/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/health-rules.h"

#include <errno.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/str.h"
#include "unit.h"

#define START (1000 * NS_PER_SEC)
#define MS(n) ((n)*NS_PER_MS)

static json_t *parsed(const char *text)
{
    json_t *v = NULL;
    assert_int_equal(json_parse(text, strlen(text), &v, NULL), 0);
    return v;
}

static struct health_rule rule_of(const char *config)
{
    json_auto_t *c = parsed(config);
    struct health_rule rule;
    health_rule_read(c, NULL, &rule);
    return rule;
}

/* A result `after_ms` behind the start. */
static bool take(json_t *health, const struct health_rule *rule, int64_t after_ms, int64_t code)
{
    const struct health_result r = {START + MS(after_ms), START + MS(after_ms + 10), code, "out"};
    return health_take(health, rule, START, &r);
}

static void assert_health(const json_t *health, const char *status, int64_t streak, size_t results)
{
    assert_string_equal(json_str(health, "Status", ""), status);
    assert_int_equal(json_int(health, "FailingStreak", -1), streak);
    assert_int_equal(json_array_size(json_arr(health, "Log")), results);
}

static void defaults_are_dockers(void **state)
{
    struct health_rule rule = rule_of("{\"Healthcheck\":{\"Test\":[\"CMD\",\"x\"]}}");
    assert_int_equal(rule.kind, HEALTH_EXEC);
    assert_int_equal(rule.action, HEALTH_LEAVE);
    assert_int_equal(rule.interval_ns, 30 * NS_PER_SEC);
    assert_int_equal(rule.timeout_ns, 30 * NS_PER_SEC);
    assert_int_equal(rule.start_period_ns, 0);
    assert_int_equal(rule.start_interval_ns, 5 * NS_PER_SEC);
    assert_int_equal(rule.retries, 3);
}

static void a_span_without_end_is_a_year(void **state)
{
    struct health_rule rule =
        rule_of("{\"Healthcheck\":{\"Test\":[\"CMD\",\"x\"],\"Interval\":9223372036854775807}}");
    assert_int_equal(rule.interval_ns, 365 * 24 * 3600 * NS_PER_SEC);
}

static void none_and_what_is_unknown_is_not_checked(void **state)
{
    static const char *const configs[] = {
        "{}",
        "{\"Healthcheck\":{}}",
        "{\"Healthcheck\":{\"Test\":[]}}",
        "{\"Healthcheck\":{\"Test\":[\"NONE\"]}}",
        "{\"Healthcheck\":{\"Test\":[\"MAYBE\",\"x\"]}}",
    };
    for (size_t i = 0; i < ARRAY_SIZE(configs); i++)
        assert_int_equal(rule_of(configs[i]).kind, HEALTH_NONE);
}

static void the_third_failure_in_a_row_makes_it_unhealthy(void **state)
{
    struct health_rule rule = rule_of("{\"Healthcheck\":{\"Test\":[\"CMD\",\"x\"]}}");
    json_auto_t *health = health_new();
    assert_health(health, "starting", 0, 0);
    assert_false(take(health, &rule, 0, 1));
    assert_false(take(health, &rule, 100, -1));
    assert_health(health, "starting", 2, 2);
    assert_false(health_is_failing(health, &rule));
    assert_true(take(health, &rule, 200, 1));
    assert_health(health, "unhealthy", 3, 3);
    assert_true(health_is_failing(health, &rule));
    assert_false(take(health, &rule, 300, 1));
    assert_health(health, "unhealthy", 4, 4);
    assert_true(take(health, &rule, 400, 0));
    assert_health(health, "healthy", 0, 5);
    assert_false(take(health, &rule, 500, 1));
    assert_health(health, "healthy", 1, 5);
}

static void failures_of_the_start_period_do_not_count(void **state)
{
    struct health_rule rule = rule_of("{\"Healthcheck\":{\"Test\":[\"CMD\",\"x\"],\"Retries\":1,"
                                      "\"StartPeriod\":1000000000}}");
    json_auto_t *health = health_new();
    assert_false(take(health, &rule, 999, 1));
    assert_health(health, "starting", 0, 1);
    assert_true(take(health, &rule, 1000, 1));
    assert_health(health, "unhealthy", 1, 2);
}

static void after_a_success_they_count_within_the_start_period(void **state)
{
    struct health_rule rule = rule_of("{\"Healthcheck\":{\"Test\":[\"CMD\",\"x\"],\"Retries\":1,"
                                      "\"StartPeriod\":1000000000}}");
    json_auto_t *health = health_new();
    assert_true(take(health, &rule, 10, 0));
    assert_true(take(health, &rule, 20, 1));
    assert_health(health, "unhealthy", 1, 2);
}

static void the_log_keeps_the_last_five(void **state)
{
    struct health_rule rule = rule_of("{\"Healthcheck\":{\"Test\":[\"CMD\",\"x\"]}}");
    json_auto_t *health = health_new();
    for (int i = 0; i < 12; i++)
        take(health, &rule, i * 1000, i);
    const json_t *log = json_arr(health, "Log");
    assert_int_equal(json_array_size(log), 5);
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(json_int(json_array_get(log, i), "ExitCode", -1), 7 + i);
    assert_string_equal(json_str(json_array_get(log, 0), "Start", ""), "1970-01-01T00:16:47Z");
    assert_string_equal(json_str(json_array_get(log, 0), "End", ""), "1970-01-01T00:16:47.01Z");
}

static void a_start_keeps_the_log_and_forgets_the_rest(void **state)
{
    struct health_rule rule = rule_of("{\"Healthcheck\":{\"Test\":[\"CMD\",\"x\"]}}");
    json_auto_t *health = health_new();
    take(health, &rule, 0, 0);
    take(health, &rule, 0, 1);
    health_rest_doc(health);
    assert_health(health, "unhealthy", 1, 2);
    health_begin_doc(health);
    assert_health(health, "starting", 0, 2);
}

static void the_start_interval_is_for_the_start_period_only(void **state)
{
    struct health_rule rule =
        rule_of("{\"Healthcheck\":{\"Test\":[\"CMD\",\"x\"],\"Interval\":7000000000,"
                "\"StartPeriod\":60000000000,\"StartInterval\":2000000000}}");
    json_auto_t *health = health_new();
    assert_int_equal(health_pause_ns(health, &rule, START, START), 2 * NS_PER_SEC);
    assert_int_equal(health_pause_ns(health, &rule, START, START + 60 * NS_PER_SEC),
                     7 * NS_PER_SEC);
    take(health, &rule, 0, 0);
    assert_int_equal(health_pause_ns(health, &rule, START, START), 7 * NS_PER_SEC);
}

static void the_command_has_the_shell_in_front(void **state)
{
    static const struct {
        const char *config, *argv;
    } cases[] = {
        {"{\"Healthcheck\":{\"Test\":[\"CMD\",\"a\",\"b\"]}}", "[\"a\",\"b\"]"},
        {"{\"Healthcheck\":{\"Test\":[\"CMD-SHELL\",\"a b\"]}}", "[\"/bin/sh\",\"-c\",\"a b\"]"},
        {"{\"Shell\":[\"ash\",\"-ec\"],\"Healthcheck\":{\"Test\":[\"CMD-SHELL\",\"a\"]}}",
         "[\"ash\",\"-ec\",\"a\"]"},
        {"{\"Healthcheck\":{\"Test\":[\"CMD\"]}}", "[]"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        json_auto_t *config = parsed(cases[i].config), *argv = health_command(config);
        _cleanup_(freep) char *text = json_text(argv);
        assert_string_equal(text, cases[i].argv);
    }
}

static char *net_text(const char *kind, const char *target, struct err *err)
{
    json_auto_t *test = json_pack("[ss]", kind, target);
    json_auto_t *net = NULL;
    return health_net_read(test, &net, err) < 0 ? NULL : json_text(net);
}

static void connections_are_read(void **state)
{
    static const struct {
        const char *kind, *target, *net;
    } cases[] = {
        {"TCP", "80", "{\"hosts\":[\"127.0.0.1\",\"::1\"],\"port\":80}"},
        {"TCP", "localhost:65535", "{\"hosts\":[\"127.0.0.1\",\"::1\"],\"port\":65535}"},
        {"TCP", "10.0.0.1:1", "{\"hosts\":[\"10.0.0.1\"],\"port\":1}"},
        {"TCP", "[::1]:22", "{\"hosts\":[\"::1\"],\"port\":22}"},
        {"HTTP", "http://127.0.0.1",
         "{\"hosts\":[\"127.0.0.1\"],\"port\":80,\"request\":\"GET / HTTP/1.1\\r\\nHost: "
         "127.0.0.1\\r\\nUser-Agent: berth-health\\r\\nAccept: */*\\r\\nConnection: "
         "close\\r\\n\\r\\n\"}"},
        {"HTTP", "http://[::1]:8080/a?b=c#d",
         "{\"hosts\":[\"::1\"],\"port\":8080,\"request\":\"GET /a?b=c HTTP/1.1\\r\\nHost: "
         "[::1]:8080\\r\\nUser-Agent: berth-health\\r\\nAccept: */*\\r\\nConnection: "
         "close\\r\\n\\r\\n\"}"},
        {"HTTP", "http://127.0.0.1?q",
         "{\"hosts\":[\"127.0.0.1\"],\"port\":80,\"request\":\"GET /?q HTTP/1.1\\r\\nHost: "
         "127.0.0.1\\r\\nUser-Agent: berth-health\\r\\nAccept: */*\\r\\nConnection: "
         "close\\r\\n\\r\\n\"}"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_(err_fini) struct err err = {0};
        _cleanup_(freep) char *text = net_text(cases[i].kind, cases[i].target, &err);
        if (!text)
            fail_msg("%s: %s", cases[i].target, err_msg(&err));
        assert_string_equal(text, cases[i].net);
    }
}

static void connections_that_are_none_are_refused_in_words(void **state)
{
    static const struct {
        const char *kind, *target, *words;
    } cases[] = {
        {"TCP", "", "no port"},
        {"TCP", "0", "no port"},
        {"TCP", "65536", "no port"},
        {"TCP", "80x", "no port"},
        {"TCP", "localhost", "no port"},
        {"TCP", "localhost:", "no port"},
        {"TCP", "example.com:80", "\"example.com\" is no address"},
        {"TCP", ":80", "is no address"},
        {"TCP", "[::1]80", "no port"},
        {"TCP", "[::1]", "no port"},
        {"HTTP", "https://localhost/", "https takes a command"},
        {"HTTP", "localhost:80", "does not begin with http://"},
        {"HTTP", "http://", "is no address"},
        {"HTTP", "http://localhost:0/", "no port"},
        {"HTTP", "http://user@localhost/", "is no address"},
        {"HTTP", "http://localhost/a b", "blanks"},
        {"HTTP", "http://localhost/\r\nX: y", "control characters"},
        {"HTTP", "http://localhost/\xc3\xa9", "ASCII"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_(err_fini) struct err err = {0};
        _cleanup_(freep) char *text = net_text(cases[i].kind, cases[i].target, &err);
        if (text)
            fail_msg("%s was accepted: %s", cases[i].target, text);
        if (!strstr(err_msg(&err), cases[i].words))
            fail_msg("%s: %s", cases[i].target, err_msg(&err));
    }
}

static int check(const char *config, const char *host, json_t *warnings, struct err *err)
{
    json_auto_t *c = parsed(config), *h = host ? parsed(host) : NULL;
    return health_check_config(c, h, warnings, err);
}

static void a_create_is_refused_in_dockers_words(void **state)
{
    static const struct {
        const char *config, *words;
    } cases[] = {
        {"{\"Healthcheck\":{\"Interval\":999999}}",
         "Interval in Healthcheck cannot be less than 1ms"},
        {"{\"Healthcheck\":{\"Timeout\":-1}}", "Timeout in Healthcheck cannot be less than 1ms"},
        {"{\"Healthcheck\":{\"StartPeriod\":1}}",
         "StartPeriod in Healthcheck cannot be less than 1ms"},
        {"{\"Healthcheck\":{\"StartInterval\":1}}",
         "StartInterval in Healthcheck cannot be less than 1ms"},
        {"{\"Healthcheck\":{\"Retries\":-1}}", "Retries in Healthcheck cannot be negative"},
        {"{\"Healthcheck\":{\"Test\":[\"TCP\"]}}",
         "invalid TCP health check: [\"TCP\", \"HOST:PORT\"] is expected"},
        {"{\"Healthcheck\":{\"Test\":[\"HTTP\",\"a\",\"b\"]}}",
         "invalid HTTP health check: [\"HTTP\", \"http://HOST:PORT/PATH\"] is expected"},
        {"{\"Labels\":{\"berth.on-unhealthy\":\"reboot\"}}",
         "invalid berth.on-unhealthy: \"reboot\": none, restart or kill would be right"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_(err_fini) struct err err = {0};
        assert_int_equal(check(cases[i].config, NULL, NULL, &err), -EINVAL);
        assert_string_equal(err_msg(&err), cases[i].words);
    }
    assert_int_equal(check("{\"Healthcheck\":{\"Interval\":1000000}}", NULL, NULL, NULL), 0);
    assert_int_equal(check("{}", NULL, NULL, NULL), 0);
}

static void what_has_no_effect_is_warned_of(void **state)
{
    json_auto_t *warnings = json_array();
    assert_int_equal(check("{\"Labels\":{\"berth.on-unhealthy\":\"kill\"},\"Healthcheck\":"
                           "{\"Test\":[\"FOO\"]}}",
                           NULL, warnings, NULL),
                     0);
    assert_int_equal(json_array_size(warnings), 2);
    assert_non_null(strstr(json_string_value(json_array_get(warnings, 0)),
                           "Unknown healthcheck type 'FOO' (expected 'CMD')"));
    json_array_clear(warnings);
    assert_int_equal(check("{\"Labels\":{\"berth.on-unhealthy\":\"none\"},\"Healthcheck\":"
                           "{\"Test\":[\"NONE\"]}}",
                           NULL, warnings, NULL),
                     0);
    assert_int_equal(json_array_size(warnings), 0);
}

static void an_annotation_is_stronger_than_a_label(void **state)
{
    json_auto_t *config = parsed("{\"Labels\":{\"berth.on-unhealthy\":\"kill\"}}");
    json_auto_t *host = parsed("{\"Annotations\":{\"berth.on-unhealthy\":\"restart\"}}");
    struct health_rule rule;
    health_rule_read(config, NULL, &rule);
    assert_int_equal(rule.action, HEALTH_KILL);
    health_rule_read(config, host, &rule);
    assert_int_equal(rule.action, HEALTH_RESTART);
}

static void spans_read_as_gos(void **state)
{
    static const struct {
        int64_t ns;
        const char *words;
    } cases[] = {
        {0, "0s"},
        {999, "999ns"},
        {1500, "1.5µs"},
        {MS(1), "1ms"},
        {MS(700), "700ms"},
        {1500000, "1.5ms"},
        {MS(1500), "1.5s"},
        {30 * NS_PER_SEC, "30s"},
        {90 * NS_PER_SEC, "1m30s"},
        {MS(60001), "1m0.001s"},
        {3600 * NS_PER_SEC, "1h0m0s"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_(freep) char *words = health_span(cases[i].ns);
        assert_string_equal(words, cases[i].words);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_dockers),
        cmocka_unit_test(a_span_without_end_is_a_year),
        cmocka_unit_test(none_and_what_is_unknown_is_not_checked),
        cmocka_unit_test(the_third_failure_in_a_row_makes_it_unhealthy),
        cmocka_unit_test(failures_of_the_start_period_do_not_count),
        cmocka_unit_test(after_a_success_they_count_within_the_start_period),
        cmocka_unit_test(the_log_keeps_the_last_five),
        cmocka_unit_test(a_start_keeps_the_log_and_forgets_the_rest),
        cmocka_unit_test(the_start_interval_is_for_the_start_period_only),
        cmocka_unit_test(the_command_has_the_shell_in_front),
        cmocka_unit_test(connections_are_read),
        cmocka_unit_test(connections_that_are_none_are_refused_in_words),
        cmocka_unit_test(a_create_is_refused_in_dockers_words),
        cmocka_unit_test(what_has_no_effect_is_warned_of),
        cmocka_unit_test(an_annotation_is_stronger_than_a_label),
        cmocka_unit_test(spans_read_as_gos),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
