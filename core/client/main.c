/* SPDX-License-Identifier: Apache-2.0 */
/* berth: finds the command in the table, reads its flags, runs it. */
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <signal.h>

#include "build-config.h"
#include "client/client.h"

static const struct flag global_flags[] = {
    {"host", 'H', FLAG_STRING, "address",
     "Daemon socket to connect to (unix://PATH, tcp://HOST:PORT)"},
    {"version", 'v', FLAG_BOOL, "", "Print version and quit"},
    {NULL},
};

int cli_fail(const struct client *c, int exit_code)
{
    fprintf(stderr, "berth: %s\n", err_msg(&c->err));
    return exit_code;
}

int cli_each(struct client *c, const struct args *a,
             int (*one)(struct client *c, const struct args *a, const char *ref))
{
    int code = 0;
    for (size_t i = 0; i < a->rest.n; i++) {
        err_clear(&c->err);
        if (str_empty(a->rest.v[i])) {
            err_set(&c->err, -EINVAL, "invalid name or ID: the value is empty");
            code = cli_fail(c, 1);
            continue;
        }
        if (one(c, a, a->rest.v[i]) < 0)
            code = cli_fail(c, 1);
        fflush(stdout);
    }
    return code;
}

static void print_flags(const struct flag *f)
{
    for (; f && f->name; f++) {
        _cleanup_(freep) char *left =
            str_printf("--%s%s%s", f->name, *f->value ? " " : "", f->value);
        if (f->letter)
            printf("  -%c, %-28s %s\n", f->letter, left, f->help);
        else
            printf("      %-28s %s\n", left, f->help);
    }
}

static void print_command_help(const struct cli_command *cmd)
{
    printf("Usage:  berth %s%s%s %s\n\n%s\n", cmd->top ? "" : cmd->group, cmd->top ? "" : " ",
           cmd->top ? cmd->top : cmd->name, cmd->usage, cmd->summary);
    if (cmd->flags->name || cmd->more)
        printf("\nOptions:\n");
    print_flags(cmd->more);
    print_flags(cmd->flags);
}

static void print_help(const char *group)
{
    size_t n;
    const struct cli_command *const *all = cli_commands(&n);
    printf("Usage:  berth %s%sCOMMAND\n\nA container engine\n\nCommands:\n",
           group ? group : "[OPTIONS] ", group ? " " : "");
    for (size_t i = 0; i < n; i++)
        if (group ? str_eq(all[i]->group, group) : all[i]->top != NULL)
            printf("  %-12s %s\n", group ? all[i]->name : all[i]->top, all[i]->summary);
    if (!group) {
        printf(
            "\nManagement Commands:\n  container, image, volume, network, system, config\n\nGlobal "
            "Options:\n");
        print_flags(global_flags);
    }
    printf("\nRun 'berth COMMAND --help' for more information on a command.\n");
}

static const struct cli_command *find_top(const char *name)
{
    size_t n;
    const struct cli_command *const *all = cli_commands(&n);
    for (size_t i = 0; i < n; i++)
        if (str_eq(all[i]->top, name))
            return all[i];
    return NULL;
}

/* `berth container run`: *known says whether there is such a group at all. */
static const struct cli_command *find_grouped(const char *group, const char *name, bool *known)
{
    size_t n;
    const struct cli_command *const *all = cli_commands(&n), *found = NULL;
    *known = false;
    for (size_t i = 0; i < n; i++) {
        if (!str_eq(all[i]->group, group))
            continue;
        *known = true;
        bool alias = str_eq(all[i]->name, "ls") && (str_eq(name, "list") || str_eq(name, "ps"));
        if (str_eq(all[i]->name, name) || alias)
            found = all[i];
    }
    return found;
}

static int unknown_command(const char *name)
{
    size_t n, used = 0;
    const struct cli_command *const *all = cli_commands(&n);
    const char *names[128];
    for (size_t i = 0; i < n && used < ARRAY_SIZE(names); i++)
        if (all[i]->top)
            names[used++] = all[i]->top;
    const char *near = str_nearest(name, names, used);
    fprintf(stderr,
            near ? "berth: '%s' is not a berth command. Did you mean '%s'?\n"
                 : "berth: '%s' is not a berth command.\nSee 'berth --help'\n",
            name, near);
    return 1;
}

/* -EINVAL with words when the number of positional arguments is wrong. */
static int check_count(const struct cli_command *cmd, const char *name, int n, struct err *err)
{
    if (n >= cmd->min && (cmd->max < 0 || n <= cmd->max))
        return 0;
    if (cmd->max == 0)
        return err_set(err, -EINVAL, "\"berth %s\" accepts no arguments", name);
    int limit = n < cmd->min ? cmd->min : cmd->max;
    const char *word = cmd->max == cmd->min ? "exactly" : n < cmd->min ? "at least" : "at most";
    return err_set(err, -EINVAL, "\"berth %s\" requires %s %d argument%s", name, word, limit,
                   limit == 1 ? "" : "s");
}

/* Exit codes as docker's: 125 for a flag that is wrong, 1 for a wrong number of arguments. */
static int run_command(struct client *c, const struct cli_command *cmd, int argc, char **argv)
{
    struct args a = {0};
    const char *name = cmd->top ? cmd->top : cmd->name;
    int r = args_parse(&a, cmd->flags, cmd->more, cmd->stop_at_first, argc, argv, &c->err);
    int code = r < 0 ? 125 : 1;
    if (r == 0 && !a.help)
        r = check_count(cmd, name, (int)a.rest.n, &c->err);
    if (r < 0) {
        cli_fail(c, code);
        fprintf(stderr, "\nUsage:  berth %s %s\n\nRun 'berth %s --help' for more information\n",
                name, cmd->usage, name);
    } else if (a.help) {
        print_command_help(cmd);
        code = 0;
    } else {
        code = cmd->run(c, &a);
    }
    args_fini(&a);
    return code;
}

static char *default_host(const struct args *a)
{
    const char *env = getenv("BERTH_HOST"), *docker = getenv("DOCKER_HOST");
    const char *host = args_str(a, "host",
                                !str_empty(env)      ? env
                                : !str_empty(docker) ? docker
                                                     : NULL);
    return host ? xstrdup(host) : str_printf("unix://%s/berth.sock", BERTH_RUNDIR);
}

static int dispatch(struct client *c, const struct args *globals)
{
    int argc = (int)globals->rest.n;
    char **argv = globals->rest.v;
    if (args_bool(globals, "version")) {
        puts("berth version " BERTH_VERSION);
        return 0;
    }
    if (argc == 0 || str_eq(argv[0], "help") || globals->help) {
        const struct cli_command *cmd = argc > 1 ? find_top(argv[1]) : NULL;
        if (cmd)
            print_command_help(cmd);
        else
            print_help(NULL);
        return 0;
    }
    const struct cli_command *cmd = find_top(argv[0]);
    if (cmd)
        return run_command(c, cmd, argc - 1, argv + 1);
    bool known;
    cmd = find_grouped(argv[0], argc > 1 ? argv[1] : NULL, &known);
    if (cmd)
        return run_command(c, cmd, argc - 2, argv + 2);
    if (!known)
        return unknown_command(argv[0]);
    print_help(argv[0]);
    return argc > 1 && !str_eq(argv[1], "--help");
}

/* A descriptor of ours must not become the program's stdin, stdout or stderr. */
static void open_standard_streams(void)
{
    int fd;
    do
        fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    while (fd >= 0 && fd <= STDERR_FILENO);
    close_fd(fd);
}

int main(int argc, char **argv)
{
    struct client c = {0};
    struct args globals = {0};
    int code = 1;
    open_standard_streams();
    setlocale(LC_CTYPE, "");
    signal(SIGPIPE, SIG_IGN);
    if (args_parse(&globals, global_flags, NULL, true, argc - 1, argv + 1, &c.err) < 0) {
        cli_fail(&c, 125);
        code = 125;
    } else {
        c.host = default_host(&globals);
        code = dispatch(&c, &globals);
    }
    if (fflush(stdout) != 0 && code == 0)
        code = 1;
    args_fini(&globals);
    if (c.idle > 0)
        close_fd(c.idle);
    free(c.host);
    err_fini(&c.err);
    return code;
}
