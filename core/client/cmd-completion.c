/* SPDX-License-Identifier: Apache-2.0 */
/* completion: the shells' scripts, and what they ask. */
#include <errno.h>
#include <unistd.h>

#include "client/commands.h"
#include "client/complete.h"

#define LIMIT_S 3

/* bash cuts words at colons and equals signs, too: it gets back what stands behind the last of them. */
static const char bash[] =
    "# bash completion for berth; `berth completion bash` prints it.\n"
    "_berth() {\n"
    "    local line=${COMP_LINE:0:COMP_POINT} lines then cut i\n"
    "    local word=${COMP_WORDS[COMP_CWORD]}\n"
    "    mapfile -t lines < <(\"${COMP_WORDS[0]}\" __complete --line \"$line\" 2>/dev/null)\n"
    "    [ ${#lines[@]} -gt 0 ] || return\n"
    "    then=${lines[-1]}\n"
    "    unset 'lines[-1]'\n"
    "    cut=${line##*[[:space:]]}\n"
    "    case $word in [:=]) word= ;; esac\n"
    "    cut=${cut%\"$word\"}\n"
    "    COMPREPLY=()\n"
    "    for i in \"${lines[@]}\"; do\n"
    "        i=${i%%$'\\t'*}\n"
    "        COMPREPLY+=(\"${i#\"$cut\"}\")\n"
    "    done\n"
    "    case $then in\n"
    "    :nospace) compopt -o nospace ;;\n"
    "    :files) compopt -o filenames; mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -f -- "
    "\"$word\") ;;\n"
    "    :directories) compopt -o filenames; mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen "
    "-d -- \"$word\") ;;\n"
    "    esac\n"
    "}\n"
    "complete -F _berth berth\n";

static const char zsh[] =
    "#compdef berth\n"
    "# zsh completion for berth; `berth completion zsh` prints it.\n"
    "_berth() {\n"
    "    local -a lines candidates\n"
    "    local then line word\n"
    "    lines=(\"${(@f)$(\"${words[1]}\" __complete -- \"${(@)words[2,CURRENT]}\" "
    "2>/dev/null)}\")\n"
    "    then=${lines[-1]}\n"
    "    lines=(\"${(@)lines[1,-2]}\")\n"
    "    for line in \"${lines[@]}\"; do\n"
    "        word=${line%%$'\\t'*}\n"
    "        candidates+=(\"${word//:/\\\\:}${${line#\"$word\"}/$'\\t'/:}\")\n"
    "    done\n"
    "    case $then in\n"
    "    :nospace) _describe -V berth candidates -S '' ;;\n"
    "    :files) _files; (( ${#candidates} )) && _describe -V berth candidates ;;\n"
    "    :directories) _files -/ ;;\n"
    "    *) (( ${#candidates} )) && _describe -V berth candidates ;;\n"
    "    esac\n"
    "}\n"
    "if [ \"${funcstack[1]}\" = _berth ]; then _berth; else compdef _berth berth; fi\n";

static const char fish[] =
    "# fish completion for berth; `berth completion fish` prints it.\n"
    "function __berth_complete\n"
    "    set -l words (commandline -opc)\n"
    "    set -l word (commandline -ct)\n"
    "    set -l lines ($words[1] __complete -- $words[2..-1] \"$word\" 2>/dev/null)\n"
    "    set -q lines[1]; or return\n"
    "    switch $lines[-1]\n"
    "        case :files\n"
    "            __fish_complete_path \"$word\"\n"
    "        case :directories\n"
    "            __fish_complete_directories \"$word\"\n"
    "    end\n"
    "    for line in $lines\n"
    "        string match -q ':*' -- $line; or echo $line\n"
    "    end\n"
    "end\n"
    "complete -c berth -f -a '(__berth_complete)'\n";

static const struct {
    const char *shell, *script;
} scripts[] = {{"bash", bash}, {"zsh", zsh}, {"fish", fish}};

static int completion_main(struct client *c, const struct args *a)
{
    for (size_t i = 0; i < ARRAY_SIZE(scripts); i++) {
        if (!str_eq(a->rest.v[0], scripts[i].shell))
            continue;
        fputs(scripts[i].script, stdout);
        return 0;
    }
    err_set(&c->err, -EINVAL, "no completion for \"%s\": there are bash, zsh and fish",
            a->rest.v[0]);
    return cli_fail(c, 1);
}

static const struct flag no_flags[] = {{NULL}};

const struct cli_command command_completion = {
    .name = "completion",
    .top = "completion",
    .usage = "bash|zsh|fish",
    .summary = "Print a shell's completion script",
    .about =
        "The scripts ask berth itself for candidates, so that names of containers, images, volumes "
        "and\n"
        "networks are completed, too. An installation has them where the shells look for them.\n",
    .examples = "For this shell:\n"
                "    source <(berth completion bash)\n"
                "    berth completion fish | source\n",
    .min = 1,
    .max = 1,
    .flags = no_flags,
    .run = completion_main,
};

/* The daemon that the line names is asked, not ours. */
static char *host_of(const struct strv *words)
{
    struct args globals = {0};
    _cleanup_(err_fini) struct err err = {0};
    int n = (int)words->n - 1;
    bool known =
        n > 0 && args_parse(&globals, cli_global_flags, NULL, true, n, words->v, &err) == 0;
    char *host =
        known && args_given(&globals, "host") ? xstrdup(args_str(&globals, "host", "")) : NULL;
    args_fini(&globals);
    return host;
}

static int complete_main(struct client *c, const struct args *a)
{
    struct strv words = {0};
    struct completion done = {.client = c};
    alarm(LIMIT_S); /* a daemon that hangs must not hang the shell */
    const char *line = args_str(a, "line", NULL), *word;
    if (line)
        complete_split(line, &words);
    else
        strv_foreach (word, &a->rest)
            strv_add(&words, word);
    if (line && words.n > 1)
        strv_remove(&words, 0);
    char *host = host_of(&words);
    if (host) {
        free(c->host);
        c->host = host;
    }
    complete_words(&done, (int)words.n, words.v);
    strv_foreach (word, &done.out)
        puts(word);
    printf(":%s\n", done.then);
    completion_fini(&done);
    strv_fini(&words);
    return 0;
}

static const struct flag complete_flags[] = {
    {"line", 0, FLAG_STRING, "string", "The line up to the cursor"},
    {NULL},
};

const struct cli_command command_complete = {
    .name = "__complete",
    .top = "__complete",
    .usage = "[OPTIONS] [WORD...]",
    .summary = "Complete a command line, for the shells' scripts",
    .min = 0,
    .max = -1,
    .hidden = true,
    .flags = complete_flags,
    .run = complete_main,
};
