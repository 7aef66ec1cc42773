/* SPDX-License-Identifier: Apache-2.0 */
#include "../unit.h"

#include "client/commands.h"
#include "client/help.h"

#include "capture.h"

static char *words(int argc, char **argv)
{
    int used;
    const struct cli_command *cmd = cli_find(argc, argv, &used);
    _cleanup_(freep) char *called = cmd ? cli_words(cmd) : NULL;
    return cmd ? str_printf("%s/%d", called, used) : str_printf("none/%d", used);
}

#define FINDS(want, ...)                                                                           \
    do {                                                                                           \
        char *argv[] = {__VA_ARGS__, NULL};                                                        \
        _cleanup_(freep) char *got = words((int)ARRAY_SIZE(argv) - 1, argv);                       \
        assert_string_equal(got, want);                                                            \
    } while (0)

static void commands_are_found_by_each_of_their_names(void **state)
{
    FINDS("ps/1", "ps", "-a");
    FINDS("ps/2", "container", "ls");
    FINDS("ps/2", "container", "list");
    FINDS("ps/2", "container", "ps", "-a");
    FINDS("rm/2", "container", "remove", "x");
    FINDS("rmi/2", "image", "rm");
    FINDS("images/2", "image", "list");
    FINDS("volume ls/2", "volume", "ls");
    FINDS("inspect/1", "inspect", "x");
    FINDS("container inspect/2", "container", "inspect", "x");
    FINDS("none/1", "ls");
    FINDS("none/1", "list");
    FINDS("none/1", "volume");
    FINDS("none/2", "volume", "ps");
    FINDS("none/2", "container", "");
    FINDS("none/1", "");
}

static void the_nearest_command_is_suggested(void **state)
{
    assert_string_equal(cli_nearest(NULL, "rnu"), "run");
    assert_string_equal(cli_nearest(NULL, "imags"), "images");
    assert_string_equal(cli_nearest(NULL, "voluem"), "volume");
    assert_string_equal(cli_nearest("volume", "inspct"), "inspect");
    assert_null(cli_nearest(NULL, "frobnicate"));
    assert_null(cli_nearest("volume", "events"));
}

static void words_are_found_in_lists_whole(void **state)
{
    assert_true(cli_has_word("list ps", "list") && cli_has_word("list ps", "ps"));
    assert_false(cli_has_word("list ps", "lis") || cli_has_word("list ps", "s"));
    assert_false(cli_has_word("list ps", "") || cli_has_word(NULL, "ps"));
    assert_true(cli_has_word("aps ps", "ps"));
}

static void check_flags(const struct cli_command *cmd, const struct flag *flags,
                        const struct flag *others)
{
    for (const struct flag *f = flags; f && f->name; f++) {
        assert_true(*f->help && f->help[strlen(f->help) - 1] != '.');
        assert_int_equal(f->kind == FLAG_BOOL, !*f->value);
        for (const struct flag *o = f + 1; o->name; o++)
            assert_true(!str_eq(o->name, f->name) && (!o->letter || o->letter != f->letter));
        for (const struct flag *o = others; o && o->name; o++)
            assert_true(!str_eq(o->name, f->name) && (!o->letter || o->letter != f->letter));
    }
}

static void every_command_is_whole(void **state)
{
    size_t n;
    const struct cli_command *const *all = cli_commands(&n);
    for (size_t i = 0; i < n; i++) {
        const struct cli_command *cmd = all[i];
        assert_true(cmd->run && cmd->name && cmd->usage && !str_empty(cmd->summary));
        assert_true(cmd->group ? cli_group(cmd->group) != NULL : cmd->top != NULL);
        assert_true(cmd->summary[strlen(cmd->summary) - 1] != '.');
        assert_true(cmd->max < 0 || cmd->max >= cmd->min);
        assert_true(!cmd->examples || str_ends(cmd->examples, "\n"));
        assert_true(!cmd->about || str_ends(cmd->about, "\n"));
        check_flags(cmd, cmd->flags, cmd->more);
        check_flags(cmd, cmd->more, NULL);
        for (size_t k = i + 1; k < n; k++) {
            assert_true(!cmd->top || !str_eq(cmd->top, all[k]->top));
            assert_true(!str_eq(cmd->group, all[k]->group) || !str_eq(cmd->name, all[k]->name));
        }
    }
}

static const struct flag some[] = {
    {"zone", 'z', FLAG_STRING, "string",
     "A text that is longer than what stands between its column and the end of the line"},
    {"net", 0, FLAG_STRING, "network", "Not shown", .hidden = true},
    {NULL},
};
static const struct flag others[] = {{"all", 0, FLAG_BOOL, "", "Short"}, {NULL}};

static void help_has_the_layout_of_dockers(void **state)
{
    static const struct cli_command command = {.group = "volume",
                                               .name = "grow",
                                               .aliases = "swell",
                                               .usage = "[OPTIONS] VOLUME",
                                               .summary = "Grow it",
                                               .about = "More of it.\n",
                                               .examples = "So:\n    berth volume grow x\n",
                                               .flags = some,
                                               .more = others};
    struct capture c;
    capture_begin(&c, 1);
    help_command(&command);
    _cleanup_(freep) char *got = capture_end(&c);
    assert_string_equal(
        got, "Usage:  berth volume grow [OPTIONS] VOLUME\n"
             "\n"
             "Grow it\n"
             "\n"
             "More of it.\n"
             "\n"
             "Aliases:\n"
             "  berth volume grow, berth volume swell\n"
             "\n"
             "Options:\n"
             "      --all           Short\n"
             "  -z, --zone string   A text that is longer than what stands between its column\n"
             "                      and the end of the line\n"
             "\n"
             "Examples:\n"
             "  So:\n"
             "      berth volume grow x\n");
}

static void help_lists_every_command_that_is_not_hidden(void **state)
{
    struct capture c;
    size_t n;
    const struct cli_command *const *all = cli_commands(&n);
    capture_begin(&c, 1);
    help_group(NULL);
    _cleanup_(freep) char *top = capture_end(&c);
    for (size_t i = 0; i < n; i++) {
        _cleanup_(freep) char *line =
            all[i]->top ? str_printf("\n  %-11s %s\n", all[i]->top, all[i]->summary) : NULL;
        if (line && !all[i]->hidden)
            assert_non_null(strstr(top, line));
    }
    assert_non_null(strstr(top, "\n  volume      Manage volumes\n"));
    capture_begin(&c, 1);
    help_group(cli_group("volume"));
    _cleanup_(freep) char *volume = capture_end(&c);
    assert_non_null(
        strstr(volume, "Usage:  berth volume COMMAND\n\nManage volumes\n\nCommands:\n"));
    assert_non_null(strstr(volume, "\n  ls          List volumes\n"));
    assert_null(strstr(volume, "containers"));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(commands_are_found_by_each_of_their_names),
        cmocka_unit_test(the_nearest_command_is_suggested),
        cmocka_unit_test(words_are_found_in_lists_whole),
        cmocka_unit_test(every_command_is_whole),
        cmocka_unit_test(help_has_the_layout_of_dockers),
        cmocka_unit_test(help_lists_every_command_that_is_not_hidden),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
