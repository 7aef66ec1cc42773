/* SPDX-License-Identifier: Apache-2.0 */
/* Help from the table of commands. */
#include "client/help.h"

#include <stdlib.h>
#include <unistd.h>

#include "client/terminal.h"

#define COLUMNS  80
#define TEXT_MIN 24 /* what is left of a narrow terminal for the words behind a flag */
#define PADDING  11 /* of the names in a list of commands, at least */

static int by_name(const void *a, const void *b)
{
    return strcmp((*(const struct flag *const *)a)->name, (*(const struct flag *const *)b)->name);
}

const struct flag **flags_sorted(const struct flag *flags, const struct flag *more, size_t *n)
{
    const struct flag *tables[] = {flags, more}, **list = NULL;
    *n = 0;
    for (size_t k = 0; k < ARRAY_SIZE(tables); k++) {
        for (const struct flag *f = tables[k]; f && f->name; f++) {
            if (f->hidden)
                continue;
            list = xrealloc(list, (*n + 1) * sizeof(*list));
            list[(*n)++] = f;
        }
    }
    if (list)
        qsort(list, *n, sizeof(*list), by_name);
    return list;
}

/* Prints words that begin at column `at`; what does not fit before `columns` goes on below them. */
static void print_wrapped(const char *text, int at, int columns)
{
    int width = MAX(columns - at, TEXT_MIN), used = 0;
    _cleanup_(strv_fini) struct strv words = {0};
    const char *word;
    strv_split(&words, text, " ");
    strv_foreach (word, &words) {
        int n = (int)strlen(word);
        if (used > 0 && used + 1 + n > width) {
            printf("\n%*s", at, "");
            used = 0;
        }
        printf("%s%s", used ? " " : "", word);
        used += n + (used > 0);
    }
    putchar('\n');
}

static char *flag_words(const struct flag *f)
{
    _cleanup_(freep) char *letter = f->letter ? str_printf("-%c, ", f->letter) : xstrdup("    ");
    return str_printf("  %s--%s%s%s", letter, f->name, *f->value ? " " : "", f->value);
}

void help_flags(const struct flag *flags, const struct flag *more, int columns)
{
    size_t n, widest = 0;
    _cleanup_(freep) const struct flag **list = flags_sorted(flags, more, &n);
    struct strv left = {0};
    for (size_t i = 0; i < n; i++) {
        strv_take(&left, flag_words(list[i]));
        widest = MAX(widest, strlen(left.v[i]));
    }
    int at = (int)widest + 3;
    for (size_t i = 0; i < n; i++) {
        printf("%-*s", at, left.v[i]);
        print_wrapped(list[i]->help, at, columns);
    }
    strv_fini(&left);
}

static char *called(const struct cli_command *cmd, const char *name)
{
    return str_printf("berth %s%s%s", cmd->group ? cmd->group : "", cmd->group ? " " : "", name);
}

/* Each way to call it, if there is more than one. */
static void print_aliases(const struct cli_command *cmd)
{
    struct strv all = {0}, names = {0};
    const char *name;
    if (cmd->group)
        strv_take(&all, called(cmd, cmd->name));
    strv_split(&names, cmd->aliases ? cmd->aliases : "", " ");
    strv_foreach (name, &names)
        strv_take(&all, called(cmd, name));
    if (cmd->top)
        strv_addf(&all, "berth %s", cmd->top);
    _cleanup_(freep) char *list = strv_join(&all, ", ");
    if (all.n > 1)
        printf("\nAliases:\n  %s\n", list);
    strv_fini(&all);
    strv_fini(&names);
}

static void print_examples(const char *text)
{
    _cleanup_(strv_fini) struct strv lines = {0};
    const char *line;
    printf("\nExamples:\n");
    strv_split(&lines, text, "\n");
    strv_foreach (line, &lines)
        printf("  %s\n", line);
}

void help_command(const struct cli_command *cmd)
{
    _cleanup_(freep) char *words = cli_words(cmd);
    int columns = terminal_columns(STDOUT_FILENO, COLUMNS) - 1;
    printf("Usage:  berth %s%s%s\n\n", words, *cmd->usage ? " " : "", cmd->usage);
    print_wrapped(cmd->summary, 0, columns);
    if (cmd->about)
        printf("\n%s", cmd->about);
    print_aliases(cmd);
    if ((cmd->flags && cmd->flags->name) || cmd->more)
        printf("\nOptions:\n");
    help_flags(cmd->flags, cmd->more, columns);
    if (cmd->examples)
        print_examples(cmd->examples);
}

struct entry {
    const char *name, *summary;
};

static int by_entry(const void *a, const void *b)
{
    return strcmp(((const struct entry *)a)->name, ((const struct entry *)b)->name);
}

static void print_entries(const char *title, struct entry *list, size_t n, bool sorted)
{
    int padding = PADDING;
    if (n == 0)
        return;
    if (sorted)
        qsort(list, n, sizeof(*list), by_entry);
    for (size_t i = 0; i < n; i++)
        padding = MAX(padding, (int)strlen(list[i].name));
    printf("\n%s:\n", title);
    for (size_t i = 0; i < n; i++)
        printf("  %-*s %s\n", padding, list[i].name, list[i].summary);
}

/* The commands of a group, or without one: those that help names first, or the others. */
static struct entry *entries(const struct cli_group *group, bool common, size_t *n)
{
    size_t total;
    const struct cli_command *const *all = cli_commands(&total);
    struct entry *list = xcalloc(total, sizeof(*list));
    *n = 0;
    for (size_t i = 0; i < total; i++) {
        const char *name = !group                               ? all[i]->top
                           : str_eq(all[i]->group, group->name) ? all[i]->name
                                                                : NULL;
        if (name && !all[i]->hidden && (group || all[i]->common == common))
            list[(*n)++] = (struct entry){name, all[i]->summary};
    }
    return list;
}

static void print_groups(void)
{
    size_t n;
    const struct cli_group *groups = cli_groups(&n);
    _cleanup_(freep) struct entry *list = xcalloc(n, sizeof(*list));
    for (size_t i = 0; i < n; i++)
        list[i] = (struct entry){groups[i].name, groups[i].summary};
    print_entries("Management Commands", list, n, true);
}

void help_group(const struct cli_group *group)
{
    size_t n, ncommon;
    _cleanup_(freep) struct entry *list = entries(group, false, &n);
    if (group) {
        printf("Usage:  berth %s COMMAND\n\n%s\n", group->name, group->summary);
        print_entries("Commands", list, n, true);
        printf("\nRun 'berth %s COMMAND --help' for more information on a command.\n", group->name);
        return;
    }
    _cleanup_(freep) struct entry *common = entries(NULL, true, &ncommon);
    printf("Usage:  berth [OPTIONS] COMMAND\n\nA container engine\n");
    print_entries("Common Commands", common, ncommon, false);
    print_groups();
    print_entries("Commands", list, n, true);
    printf("\nGlobal Options:\n");
    help_flags(cli_global_flags, NULL, terminal_columns(STDOUT_FILENO, COLUMNS) - 1);
    printf("\nRun 'berth COMMAND --help' for more information on a command.\n");
}
