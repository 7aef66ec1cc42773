/* SPDX-License-Identifier: Apache-2.0 */
/* What drivers own of daemon.conf is checked by a callback, with file and line. */
#include "config-fixture.h"

static int check(void *ctx, const char *section, const char *driver, const char *name,
                 const char *value, bool *secret, struct err *err)
{
    strv_addf(ctx, "%s/%s/%s=%s", section, driver, name ? name : "", value ? value : "");
    if (str_eq(driver, "missing"))
        return err_set(err, -ENOENT, "there is no driver \"missing\"");
    if (str_eq(name, "bad"))
        return err_set(err, -EINVAL, "option \"bad\" is wrong");
    *secret = str_eq(name, "token");
    return 0;
}

static void refused(const char *text, int code, const char *words)
{
    _cleanup_(config_unrefp) struct config *cfg = NULL;
    _cleanup_(err_fini) struct err err = {0};
    _cleanup_(strv_fini) struct strv asked = {0};
    assert_int_equal(fixture_load(text, &cfg, NULL), 0);
    assert_int_equal(config_check_drivers(cfg, check, &asked, &err), code);
    fixture_contains(err_msg(&err), words);
}

static void every_driver_and_option_is_asked_about(void **state)
{
    _cleanup_(config_unrefp) struct config *cfg = NULL;
    _cleanup_(strv_fini) struct strv asked = {0};
    assert_int_equal(fixture_load("storage: { driver = \"s\"; options: { s: { a = 1; }; }; };\n"
                                  "network: { default = \"n\"; predefined = ( { name = \"n\"; "
                                  "driver = \"d\"; } ); };\n"
                                  "logs: { driver = \"l\"; options: { m: { b = \"x\"; }; }; };",
                                  &cfg, NULL),
                     0);
    assert_int_equal(config_check_drivers(cfg, check, &asked, NULL), 0);
    _cleanup_(freep) char *all = strv_join(&asked, " ");
    assert_string_equal(
        all, "network/d/= storage/s/= storage/s/= storage/s/a=1 logs/l/= logs/m/= logs/m/b=x");
}

static void errors_carry_file_and_line(void **state)
{
    refused("storage: {\n driver = \"missing\"; };", -ENOENT,
            "daemon.conf:2: storage.driver: there is no driver");
    refused("logs: { options: { missing: { }; }; };", -ENOENT, "daemon.conf:1: logs.options: ");
    refused("network: { predefined = ( { name = \"bridge\";\n driver = \"missing\"; } ); };",
            -ENOENT, "daemon.conf:2: network.predefined: ");
    refused("logs: { options: { x: {\n\n bad = 1; }; }; };", -EINVAL,
            "daemon.conf:3: logs.options.x: option \"bad\" is wrong");
    refused("logs: { options: { x: { y = [ 1 ]; }; }; };", -EINVAL,
            "daemon.conf:1: logs.options.x.y is a list, it must be a single value");
}

static void a_secret_is_not_dumped(void **state)
{
    _cleanup_(config_unrefp) struct config *cfg = NULL;
    _cleanup_(strv_fini) struct strv asked = {0};
    assert_int_equal(
        fixture_load("logs: { options: { x: { token = \"hunter2\"; }; }; };", &cfg, NULL), 0);
    assert_int_equal(config_check_drivers(cfg, check, &asked, NULL), 0);
    _cleanup_(freep) char *text = config_dump_text(cfg);
    assert_null(strstr(text, "hunter2"));
    fixture_contains(text, "logs.options.x.token = \"(hidden)\"");
    json_auto_t *options = config_driver_options(cfg, "logs", "x");
    assert_string_equal(json_string_value(json_object_get(options, "token")), "hunter2");
}

static int run(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_driver_and_option_is_asked_about),
        cmocka_unit_test(errors_carry_file_and_line),
        cmocka_unit_test(a_secret_is_not_dumped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(void)
{
    return fixture_run(run);
}
