/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes the sources of the manual pages (scdoc) from the table of commands; run by the build
 *
 * mkman DIR writes DIR/berth.1.scd and one file for each command that is called by a name of its own or of its group.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "client/client.h"
#include "client/help.h"

/* scdoc's own characters stand for themselves. */
static void put_text(FILE *f, const char *s)
{
    for (; *s; s++) {
        if (strchr("\\*_`#[]<>", *s) || (*s == '.' && s[1] == '\0'))
            fputc('\\', f);
        fputc(*s, f);
    }
}

/* Lines of words, and commands behind four spaces, which become literal. */
static void put_examples(FILE *f, const char *text)
{
    _cleanup_(strv_fini) struct strv lines = {0};
    const char *line;
    bool literal = false;
    strv_split(&lines, text, "\n");
    strv_foreach (line, &lines) {
        const char *command = str_after(line, "    ");
        if ((command != NULL) != literal)
            fputs(command ? "\n```\n" : "```\n\n", f);
        literal = command != NULL;
        if (command)
            fprintf(f, "%s\n", command);
        else {
            put_text(f, line);
            fputc('\n', f);
        }
    }
    fputs(literal ? "```\n" : "", f);
}

static void put_flag(FILE *f, const struct flag *flag)
{
    if (flag->letter)
        fprintf(f, "*-%c*, ", flag->letter);
    fprintf(f, "*--%s*", flag->name);
    if (*flag->value)
        fprintf(f, " _%s_", flag->value);
    fputs("\n\t", f);
    put_text(f, flag->help);
    fputs(".\n\n", f);
}

static void put_flags(FILE *f, const struct flag *flags, const struct flag *more)
{
    size_t n;
    _cleanup_(freep) const struct flag **list = flags_sorted(flags, more, &n);
    if (n > 0)
        fputs("# OPTIONS\n\n", f);
    for (size_t i = 0; i < n; i++)
        put_flag(f, list[i]);
}

static void put_title(FILE *f, const char *page)
{
    fprintf(f, "%s(1)\n\n", page);
}

/* "volume ls" → "berth-volume-ls" */
static char *page_name(const char *words)
{
    char *page = str_printf("berth-%s", words);
    for (char *s = page; *s; s++)
        *s = *s == ' ' ? '-' : *s;
    return page;
}

static void put_aliases(FILE *f, const struct cli_command *cmd)
{
    struct strv names = {0};
    const char *name;
    if (!cmd->group || (!cmd->top && !cmd->aliases))
        return;
    strv_split(&names, cmd->aliases ? cmd->aliases : "", " ");
    fprintf(f, "The same as *berth %s %s*", cmd->group, cmd->name);
    strv_foreach (name, &names)
        fprintf(f, ", *berth %s %s*", cmd->group, name);
    fputs(".\n\n", f);
    strv_fini(&names);
}

static void put_command(FILE *f, const struct cli_command *cmd, const char *words, const char *page)
{
    put_title(f, page);
    fprintf(f, "# NAME\n\n%s - ", page);
    fputc(tolower((unsigned char)cmd->summary[0]), f);
    put_text(f, cmd->summary + 1);
    fprintf(f, "\n\n# SYNOPSIS\n\n*berth %s* ", words);
    put_text(f, cmd->usage);
    fputs("\n\n# DESCRIPTION\n\n", f);
    put_text(f, cmd->summary);
    fputs(".\n\n", f);
    if (cmd->about) {
        put_text(f, cmd->about);
        fputs("\n", f);
    }
    put_aliases(f, cmd);
    put_flags(f, cmd->flags, cmd->more);
    if (cmd->examples) {
        fputs("# EXAMPLES\n\n", f);
        put_examples(f, cmd->examples);
        fputs("\n", f);
    }
    fputs("# SEE ALSO\n\n*berth*(1)\n", f);
}

static const char overview[] = "# NAME\n\nberth - a container engine's client\n\n"
                               "# SYNOPSIS\n\n*berth* [OPTIONS] _COMMAND_ [...]\n\n"
                               "# DESCRIPTION\n\n"
                               "*berth* speaks the Engine API: it drives berthd and every other "
                               "daemon that has it. Commands, flags, output and\n"
                               "exit codes are those of docker's client.\n\n";

static const char environment[] =
    "# ENVIRONMENT\n\n"
    "*BERTH_HOST*, *DOCKER_HOST*\n\tThe daemon to connect to, as *--host*; the first one that is "
    "set.\n\n"
    "*DOCKER_CONFIG*\n\tThe directory of config.json, instead of ~/.docker.\n\n"
    "*NO_COLOR*\n\tNo colours, whatever the terminal is.\n\n"
    "# EXIT STATUS\n\n"
    "0 when all went well. *run*, *start -a*, *attach* and *exec* end with the process's own code "
    "(128 + N when signal\n"
    "N ended it), 125 when the daemon or a flag was at fault, 126 when the command cannot be "
    "executed, 127 when it is\n"
    "not there. Every other failure is 1; a wrong flag is 125, a template that cannot be read "
    "64.\n";

static void put_overview(FILE *f)
{
    size_t n;
    const struct cli_command *const *all = cli_commands(&n);
    put_title(f, "berth");
    fputs(overview, f);
    put_flags(f, cli_global_flags, NULL);
    fputs("# COMMANDS\n\n", f);
    for (size_t i = 0; i < n; i++) {
        if (all[i]->hidden)
            continue;
        _cleanup_(freep) char *words = cli_words(all[i]), *page = page_name(words);
        fprintf(f, "*%s*(1)\n\t", page);
        put_text(f, all[i]->summary);
        fputs(".\n\n", f);
    }
    fputs(environment, f);
}

static FILE *open_page(const char *dir, const char *page)
{
    _cleanup_(freep) char *path = str_printf("%s/%s.1.scd", dir, page);
    FILE *f = fopen(path, "we");
    if (!f)
        fprintf(stderr, "mkman: %s: %s\n", path, strerror(errno));
    return f;
}

static int close_page(FILE *f)
{
    return ferror(f) | fclose(f) ? 1 : 0;
}

int main(int argc, char **argv)
{
    size_t n;
    const struct cli_command *const *all = cli_commands(&n);
    FILE *f = argc == 2 ? open_page(argv[1], "berth") : NULL;
    if (!f)
        return 1;
    put_overview(f);
    int failed = close_page(f);
    for (size_t i = 0; !failed && i < n; i++) {
        if (all[i]->hidden)
            continue;
        _cleanup_(freep) char *words = cli_words(all[i]), *page = page_name(words);
        f = open_page(argv[1], page);
        if (!f)
            return 1;
        put_command(f, all[i], words, page);
        failed = close_page(f);
    }
    return failed;
}
