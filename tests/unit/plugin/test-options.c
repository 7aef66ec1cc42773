/* SPDX-License-Identifier: Apache-2.0 */
/* Options of a driver: layers, types, ranges, and the words of each refusal. */
#include "plugin/options.h"

#include <errno.h>

#include "unit.h"

#include "base/json.h"
#include "base/str.h"

#define BOTH (BERTH_OPT_DAEMON | BERTH_OPT_OBJECT)

static const char *const modes[] = {"blocking", "non-blocking", NULL};
static const struct berth_option max_size = {
    sizeof(max_size), "max-size", BERTH_OPT_SIZE, BOTH, "10m", -1, 0, NULL, ""};
static const struct berth_option max_file = {
    sizeof(max_file), "max-file", BERTH_OPT_INT, BOTH, "3", 1, 100, NULL, ""};
static const struct berth_option mode = {sizeof(mode), "mode", BERTH_OPT_ENUM, BOTH, NULL, 0, 0,
                                         modes,        ""};
static const struct berth_option icc = {
    sizeof(icc), "icc", BERTH_OPT_BOOL, BERTH_OPT_DAEMON, "true", 0, 0, NULL, ""};
static const struct berth_option wait_opt = {
    sizeof(wait_opt), "wait", BERTH_OPT_DURATION, BOTH, NULL, 1000000000, 60000000000, NULL, ""};
static const struct berth_option subnet = {
    sizeof(subnet), "subnet", BERTH_OPT_CIDR, BOTH, NULL, 0, 0, NULL, ""};
static const struct berth_option gateway = {
    sizeof(gateway), "gateway", BERTH_OPT_IP, BOTH, NULL, 0, 0, NULL, ""};
static const struct berth_option token = {
    sizeof(token), "token", BERTH_OPT_INT, BOTH | BERTH_OPT_SECRET, NULL, 0, 0, NULL, ""};
static const struct berth_option tag = {
    sizeof(tag), "tag", BERTH_OPT_STRING, BERTH_OPT_OBJECT, NULL, 0, 0, NULL, ""};
/* As an older SDK would have it: nothing behind flags. */
static const struct berth_option older = {
    offsetof(struct berth_option, dflt), "older", BERTH_OPT_INT, BOTH, "not read", 5, 6, NULL, ""};
static const struct berth_option *const schema[] = {
    &max_size, &max_file, &mode, &icc, &wait_opt, &subnet, &gateway, &token, &tag, &older, NULL};

static json_t *parse(const char *text)
{
    json_t *v = NULL;
    assert_int_equal(text ? json_parse(text, strlen(text), &v, NULL) : 0, 0);
    return v;
}

static int build(const char *daemon, const char *object, bool free_keys, struct options **o,
                 struct err *err)
{
    json_auto_t *d = parse(daemon), *v = parse(object);
    return options_new(schema, BERTH_OPT_OBJECT, d, v, free_keys, o, err);
}

static void refused(const char *daemon, const char *object, const char *words)
{
    _cleanup_(err_fini) struct err err = {0};
    struct options *o = NULL;
    assert_int_equal(build(daemon, object, false, &o, &err), -EINVAL);
    assert_null(o);
    if (!strstr(err_msg(&err), words))
        fail_msg("\"%s\" is not in \"%s\"", words, err_msg(&err));
}

static void object_values_go_over_daemon_values_over_defaults(void **state)
{
    _cleanup_(options_freep) struct options *o = NULL;
    assert_int_equal(
        build("{\"max-size\":\"20m\",\"max-file\":\"5\"}", "{\"max-file\":\"7\"}", false, &o, NULL),
        0);
    const struct berth_options *t = options_table(o);
    assert_int_equal(t->get_int(t, "max-size", 0), 20 << 20);
    assert_int_equal(t->get_int(t, "max-file", 0), 7);
    assert_string_equal(t->get(t, "max-file"), "7");
    assert_true(berth_opt_bool(t, "icc", false));
    assert_null(t->get(t, "mode"));
    assert_int_equal(t->get_int(t, "wait", 42), 42);
}

static int count(void *ctx, const char *name, const char *value)
{
    assert_string_equal(name, "max-file");
    return ++*(int *)ctx == 99;
}

static void each_gives_only_what_was_given(void **state)
{
    _cleanup_(options_freep) struct options *o = NULL;
    int n = 0;
    assert_int_equal(build("{\"max-file\":\"5\"}", "{\"max-file\":\"7\"}", false, &o, NULL), 0);
    assert_int_equal(options_table(o)->each(options_table(o), count, &n), 0);
    assert_int_equal(n, 1);
}

static void a_typo_names_the_nearest(void **state)
{
    refused(NULL, "{\"max-sise\":\"1m\"}",
            "unknown option \"max-sise\" (did you mean \"max-size\"?)");
    refused("{\"iccc\":\"1\"}", NULL, "did you mean \"icc\"?");
    refused(NULL, "{\"zzzzzzzzzz\":\"1m\"}", "there are: max-size, max-file");
}

static void each_type_says_what_would_be_right(void **state)
{
    refused(NULL, "{\"max-size\":\"ten\"}", "a size such as \"10m\" of at least -1 bytes");
    refused(NULL, "{\"max-file\":\"0\"}",
            "\"0\" is not valid, it must be a whole number from 1 to 100");
    refused(NULL, "{\"max-file\":\"7x\"}", "a whole number from 1 to 100");
    refused(NULL, "{\"mode\":\"fast\"}", "one of: blocking, non-blocking");
    refused("{\"icc\":\"maybe\"}", NULL, "true or false");
    refused(NULL, "{\"wait\":\"2m\"}", "a duration such as \"1m30s\" from 1s to 60s");
    refused(NULL, "{\"subnet\":\"10.0.0.0/33\"}", "an address and a prefix");
    refused(NULL, "{\"subnet\":\"10.0.0.0\"}", "an address and a prefix");
    refused(NULL, "{\"gateway\":\"10.0.0\"}", "an address such as");
    refused(NULL, "{\"max-file\":3}", "option \"max-file\" must be a string");
}

static void minus_one_is_a_size_where_the_minimum_is_minus_one(void **state)
{
    _cleanup_(options_freep) struct options *o = NULL;
    assert_int_equal(build(NULL, "{\"max-size\":\"-1\"}", false, &o, NULL), 0);
    assert_int_equal(berth_opt_int(options_table(o), "max-size", 0), -1);
}

static void a_secret_is_not_shown(void **state)
{
    _cleanup_(err_fini) struct err err = {0};
    struct options *o = NULL;
    assert_int_equal(build(NULL, "{\"token\":\"hunter2\"}", false, &o, &err), -EINVAL);
    assert_null(strstr(err_msg(&err), "hunter2"));
}

static void scopes_are_kept_apart(void **state)
{
    refused(NULL, "{\"icc\":\"true\"}", "in daemon.conf only");
    refused("{\"tag\":\"x\"}", NULL, "not for daemon.conf");
}

static void free_keys_are_kept_as_they_are(void **state)
{
    _cleanup_(options_freep) struct options *o = NULL;
    assert_int_equal(build(NULL, "{\"com.docker.x\":\"y\"}", true, &o, NULL), 0);
    assert_string_equal(berth_opt_str(options_table(o), "com.docker.x", ""), "y");
}

static void fields_beyond_the_size_of_an_option_are_not_read(void **state)
{
    _cleanup_(options_freep) struct options *o = NULL;
    assert_int_equal(build(NULL, "{\"older\":\"1000\"}", false, &o, NULL), 0);
    assert_int_equal(berth_opt_int(options_table(o), "older", 0), 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(object_values_go_over_daemon_values_over_defaults),
        cmocka_unit_test(each_gives_only_what_was_given),
        cmocka_unit_test(a_typo_names_the_nearest),
        cmocka_unit_test(each_type_says_what_would_be_right),
        cmocka_unit_test(minus_one_is_a_size_where_the_minimum_is_minus_one),
        cmocka_unit_test(a_secret_is_not_shown),
        cmocka_unit_test(scopes_are_kept_apart),
        cmocka_unit_test(free_keys_are_kept_as_they_are),
        cmocka_unit_test(fields_beyond_the_size_of_an_option_are_not_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
