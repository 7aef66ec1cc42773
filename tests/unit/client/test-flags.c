/* SPDX-License-Identifier: Apache-2.0 */
#include "../unit.h"

#include <errno.h>

#include "client/flags.h"

static const struct flag flags[] = {
    {"all", 'a', FLAG_BOOL, "", ""},     {"interactive", 'i', FLAG_BOOL, "", ""},
    {"tty", 't', FLAG_BOOL, "", ""},     {"env", 'e', FLAG_LIST, "list", ""},
    {"last", 'n', FLAG_INT, "int", ""},  {"name", 0, FLAG_STRING, "string", ""},
    {"sig-proxy", 0, FLAG_BOOL, "", ""}, {NULL},
};
static const struct flag more[] = {
    {"detach", 'd', FLAG_BOOL, "", ""}, {"filter", 'f', FLAG_LIST, "filter", ""}, {NULL}};

/* Parses up to 12 words; the positional ones come back joined by '|', or "!" and the words of the error. */
static char *parse(struct args *a, bool stop, const char *const *words)
{
    _cleanup_(err_fini) struct err err = {0};
    char *argv[13] = {0};
    int n = 0;
    for (; words[n]; n++)
        argv[n] = (char *)(uintptr_t)words[n];
    *a = (struct args){0};
    int r = args_parse(a, flags, more, stop, n, argv, &err);
    if (r < 0) {
        assert_int_equal(r, -EINVAL);
        return str_printf("!%s", err_msg(&err));
    }
    return strv_join(&a->rest, "|");
}

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void check(bool stop, const char *const *words, const char *want)
{
    struct args a;
    _cleanup_(freep) char *got = parse(&a, stop, words);
    assert_string_equal(got, want);
    args_fini(&a);
}

static void values_come_in_every_form_of_pflag(void **state)
{
    struct args a;
    _cleanup_(freep) char *rest = parse(
        &a, false,
        WORDS("-it", "-eA=1", "-e", "B=2", "-e=C", "--env=D=4", "x", "--env", "E", "-an3", "y"));
    _cleanup_(freep) char *env = strv_join(args_list(&a, "env"), ",");
    assert_string_equal(rest, "x|y");
    assert_string_equal(env, "A=1,B=2,C,D=4,E");
    assert_true(args_bool(&a, "interactive") && args_bool(&a, "tty") && args_bool(&a, "all"));
    assert_false(args_bool(&a, "detach"));
    assert_int_equal(args_int(&a, "last", -1), 3);
    assert_null(args_str(&a, "name", NULL));
    args_fini(&a);
}

static void truths_can_be_denied(void **state)
{
    struct args a;
    free(parse(&a, false, WORDS("--tty=false", "-i=0", "--sig-proxy=false", "--all", "--all=f")));
    assert_false(args_bool(&a, "tty"));
    assert_false(args_bool(&a, "interactive"));
    assert_false(args_bool_or(&a, "sig-proxy", true));
    assert_false(args_bool(&a, "all"));
    args_fini(&a);
    free(parse(&a, false, WORDS("x")));
    assert_true(args_bool_or(&a, "sig-proxy", true));
    args_fini(&a);
}

static void flags_end_at_the_command_of_run(void **state)
{
    check(true, WORDS("-i", "busybox", "ls", "-l", "--", "-i"), "busybox|ls|-l|--|-i");
    check(true, WORDS("--", "-i", "x"), "-i|x");
    check(true, WORDS("-"), "-");
    check(true, WORDS("", "-x"), "|-x");
    check(false, WORDS("a", "--", "-x"), "a|-x");
}

static void help_is_a_flag_but_not_a_value(void **state)
{
    struct args a;
    free(parse(&a, true, WORDS("-i", "--name", "x", "--help", "--nonsense")));
    assert_true(a.help);
    args_fini(&a);
    free(parse(&a, true, WORDS("--name", "--help", "x")));
    assert_false(a.help);
    assert_string_equal(args_str(&a, "name", ""), "--help");
    args_fini(&a);
    free(parse(&a, true, WORDS("x", "--help")));
    assert_false(a.help);
    args_fini(&a);
}

static void wrong_flags_are_named(void **state)
{
    check(false, WORDS("--intractive"),
          "!unknown flag: --intractive (did you mean --interactive?)");
    check(false, WORDS("--zzzzzzzzzzzz=1"), "!unknown flag: --zzzzzzzzzzzz");
    check(false, WORDS("-iz"), "!unknown shorthand flag: 'z' in -iz");
    check(false, WORDS("-f", "x"), "!invalid value \"x\" for --filter: KEY=VALUE");
    check(false, WORDS("--name"), "!flag needs an argument: --name");
    check(false, WORDS("-ie"), "!flag needs an argument: 'e' in -ie");
    check(false, WORDS("--tty=maybe"), "!invalid value \"maybe\" for --tty: true or false");
    check(false, WORDS("-n", "1x"), "!invalid value \"1x\" for --last: a whole number");
    check(false, WORDS("--last=99999999999999999999"),
          "!invalid value \"99999999999999999999\" for --last: a whole number");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_come_in_every_form_of_pflag),
        cmocka_unit_test(truths_can_be_denied),
        cmocka_unit_test(flags_end_at_the_command_of_run),
        cmocka_unit_test(help_is_a_flag_but_not_a_value),
        cmocka_unit_test(wrong_flags_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
