/* SPDX-License-Identifier: Apache-2.0 */
/* The table of commands, and finding one in it. */
#include "client/commands.h"

static const struct cli_command *const table[] = {
#define COMMAND(name) &command_##name,
#include "client/commands-list.h"
#undef COMMAND
};

static const struct cli_group groups[] = {
    {"config", "Look at the daemon's configuration"},
    {"container", "Manage containers"},
    {"image", "Manage images"},
    {"network", "Manage networks"},
    {"system", "Manage the engine"},
    {"volume", "Manage volumes"},
};

const struct flag cli_global_flags[] = {
    {"config", 0, FLAG_STRING, "string", "Location of client config files (default ~/.docker)",
     .completes = COMPLETE_DIRECTORY},
    {"host", 'H', FLAG_STRING, "address",
     "Daemon socket to connect to (unix://PATH, tcp://HOST:PORT)"},
    {"version", 'v', FLAG_BOOL, "", "Print version information and quit"},
    {NULL},
};

const struct cli_command *const *cli_commands(size_t *n)
{
    *n = ARRAY_SIZE(table);
    return table;
}

const struct cli_group *cli_groups(size_t *n)
{
    *n = ARRAY_SIZE(groups);
    return groups;
}

const struct cli_group *cli_group(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(groups); i++)
        if (str_eq(groups[i].name, name))
            return &groups[i];
    return NULL;
}

bool cli_has_word(const char *words, const char *word)
{
    size_t n = strlen(word);
    for (const char *at = words; at && n > 0 && (at = strstr(at, word)); at += n)
        if ((at == words || at[-1] == ' ') && (at[n] == '\0' || at[n] == ' '))
            return true;
    return false;
}

const struct cli_command *cli_find(int argc, char *const *argv, int *used)
{
    const char *group = argc > 1 && cli_group(argv[0]) ? argv[0] : NULL,
               *name = argc > 0 ? argv[group ? 1 : 0] : NULL;
    *used = group ? 2 : 1;
    for (size_t i = 0; name && i < ARRAY_SIZE(table); i++) {
        const struct cli_command *cmd = table[i];
        if (group ? str_eq(cmd->group, group) &&
                        (str_eq(cmd->name, name) || cli_has_word(cmd->aliases, name))
                  : str_eq(cmd->top, name))
            return cmd;
    }
    return NULL;
}

const char *cli_nearest(const char *group, const char *name)
{
    struct strv words = {0};
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        const char *word = !group                           ? table[i]->top
                           : str_eq(table[i]->group, group) ? table[i]->name
                                                            : NULL;
        if (word)
            strv_add(&words, word);
    }
    for (size_t i = 0; !group && i < ARRAY_SIZE(groups); i++)
        strv_add(&words, groups[i].name);
    const char *near = str_nearest(name, (const char *const *)words.v, words.n), *found = NULL;
    for (size_t i = 0; near && i < ARRAY_SIZE(table); i++)
        if (str_eq(group ? table[i]->name : table[i]->top, near))
            found = group ? table[i]->name : table[i]->top;
    if (near && !found)
        found = cli_group(near)->name;
    strv_fini(&words);
    return found;
}

char *cli_words(const struct cli_command *cmd)
{
    return cmd->top || !cmd->group ? xstrdup(cmd->top ? cmd->top : cmd->name)
                                   : str_printf("%s %s", cmd->group, cmd->name);
}
