/* SPDX-License-Identifier: Apache-2.0 */
#include "../unit.h"

#include "client/complete.h"

/* Candidates without their descriptions, joined by spaces, and what else is to be done: "run :". */
static char *complete(const char *line)
{
    struct strv words = {0}, shown = {0};
    struct completion c = {0};
    const char *word;
    complete_split(line, &words);
    complete_words(&c, (int)words.n, words.v);
    strv_foreach (word, &c.out)
        strv_take(&shown, xstrndup(word, strcspn(word, "\t")));
    strv_addf(&shown, ":%s", c.then);
    char *text = strv_join(&shown, " ");
    completion_fini(&c);
    strv_fini(&words);
    strv_fini(&shown);
    return text;
}

static void lines_are_split_as_a_shell_does(void **state)
{
    static const char *const cases[][2] = {{"", "<>"},
                                           {"run", "<run>"},
                                           {"run ", "<run><>"},
                                           {"run 'a b' c\\ d \"e'f\"", "<run><a b><c d><e'f>"},
                                           {"run '' x", "<run><><x>"},
                                           {"a  'open b", "<a><open b>"},
                                           {"a\\", "<a\\>"}};
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct strv words = {0};
        struct buf got = {0};
        const char *word;
        complete_split(cases[i][0], &words);
        strv_foreach (word, &words)
            buf_printf(&got, "<%s>", word);
        assert_string_equal(got.s, cases[i][1]);
        buf_fini(&got);
        strv_fini(&words);
    }
}

static void words_complete_from_the_table(void **state)
{
    static const char *const cases[][2] = {
        {"unpa", "unpause :"},
        {"volume l", "ls :"},
        {"container unp", "unpause :"},
        {"frob", ":"},
        {"ps --no", "--no-trunc :"},
        {"ps --al", "--all :"},
        {"-H x unp", "unpause :"},
        {"--host=x unp", "unpause :"},
        {"--hos", "--host :"},
        {"run --pull ", "always missing never :"},
        {"run --pull=m", "--pull=missing :"},
        {"run -it --pull n", "never :"},
        {"run --env-file ", ":files"},
        {"run --mount ty", "type=bind, type=volume, type=tmpfs, :nospace"},
        {"run --rm image --pu", ":"}, /* the command's own flags */
        {"run --rm image x", ":"},
        {"stop -- --ti", ":"},
        {"__comp", ":"},
        {"help unp", "unpause :"},
        {"wait --for ", "exited running healthy log: :nospace"},
        {"import ", ":files"},
        {"version x", ":"}};
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_(freep) char *got = complete(cases[i][0]);
        if (strcmp(got, cases[i][1]) != 0)
            print_error("%s\n", cases[i][0]);
        assert_string_equal(got, cases[i][1]);
    }
}

static void hidden_and_common_words_are_right(void **state)
{
    _cleanup_(freep) char *all = complete(""), *net = complete("run --ne"),
                          *help = complete("volume ls --");
    assert_non_null(strstr(all, "run "));
    assert_non_null(strstr(all, "volume "));
    assert_non_null(strstr(all, "help "));
    assert_null(strstr(all, "__complete"));
    assert_null(strstr(net, "--net "));
    assert_non_null(strstr(net, "--network"));
    assert_non_null(strstr(help, "--help"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_split_as_a_shell_does),
        cmocka_unit_test(words_complete_from_the_table),
        cmocka_unit_test(hidden_and_common_words_are_right),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
