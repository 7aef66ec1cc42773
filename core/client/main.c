/* SPDX-License-Identifier: Apache-2.0 */
/* berth: finds the command in the table, reads its flags, runs it. */
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <signal.h>

#include "build-config.h"
#include "client/client.h"
#include "client/help.h"
#include "client/user-config.h"

/* -EINVAL with words when the number of positional arguments is wrong. */
static int check_count(const struct cli_command *cmd, const char *words, int n, struct err *err)
{
    if (n >= cmd->min && (cmd->max < 0 || n <= cmd->max))
        return 0;
    if (cmd->max == 0)
        return err_set(err, -EINVAL, "'berth %s' accepts no arguments", words);
    int limit = n < cmd->min ? cmd->min : cmd->max;
    const char *how = cmd->max == cmd->min ? "" : n < cmd->min ? "at least " : "at most ";
    return err_set(err, -EINVAL, "'berth %s' requires %s%d argument%s", words, how, limit,
                   limit == 1 ? "" : "s");
}

/* Exit codes as docker's: 125 for a flag that is wrong, 1 for a wrong number of arguments. */
static int run_command(struct client *c, const struct cli_command *cmd, int argc, char **argv)
{
    struct args a = {0};
    _cleanup_(freep) char *words = cli_words(cmd);
    int r = args_parse(&a, cmd->flags, cmd->more, cmd->stop_at_first, argc, argv, &c->err);
    int code = r < 0 ? 125 : 1;
    if (r == 0 && !a.help)
        r = check_count(cmd, words, (int)a.rest.n, &c->err);
    if (r < 0) {
        cli_fail(c, code);
        fprintf(stderr, "\nUsage:  berth %s%s%s\n\nRun 'berth %s --help' for more information\n",
                words, *cmd->usage ? " " : "", cmd->usage, words);
    } else if (a.help) {
        help_command(cmd);
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

static int unknown_command(const char *group, const char *name)
{
    const char *near = cli_nearest(group, name), *space = group ? " " : "";
    group = group ? group : "";
    fprintf(stderr, "berth: unknown command: berth %s%s%s", group, space, name);
    if (near)
        fprintf(stderr, " (did you mean 'berth %s%s%s'?)", group, space, near);
    fprintf(stderr, "\n\nRun 'berth %s%s--help' for more information\n", group, space);
    return 1;
}

/* `berth help [COMMAND]`, `berth GROUP`: what these words are. */
static int help(int argc, char **argv)
{
    int used;
    const struct cli_command *cmd = cli_find(argc, argv, &used);
    const struct cli_group *group = argc > 0 ? cli_group(argv[0]) : NULL;
    bool group_only = group && (argc == 1 || str_eq(argv[1], "--help") || str_eq(argv[1], "-h"));
    if (cmd)
        help_command(cmd);
    else if (argc == 0 || group_only)
        help_group(group);
    else
        return unknown_command(group ? group->name : NULL, argv[group ? 1 : 0]);
    return 0;
}

static int dispatch(struct client *c, const struct args *globals)
{
    int argc = (int)globals->rest.n, used;
    char **argv = globals->rest.v;
    if (args_bool(globals, "version")) {
        puts("berth version " BERTH_VERSION);
        return 0;
    }
    if (argc == 0 || globals->help)
        return help(0, NULL);
    const struct cli_command *cmd = cli_find(argc, argv, &used);
    if (cmd)
        return run_command(c, cmd, argc - used, argv + used);
    return str_eq(argv[0], "help") ? help(argc - 1, argv + 1) : help(argc, argv);
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
    if (args_parse(&globals, cli_global_flags, NULL, true, argc - 1, argv + 1, &c.err) < 0) {
        cli_fail(&c, 125);
        code = 125;
    } else {
        c.host = default_host(&globals);
        user_config_load(&c, args_str(&globals, "config", NULL));
        code = dispatch(&c, &globals);
    }
    if (fflush(stdout) != 0 && code == 0)
        code = 1;
    args_fini(&globals);
    if (c.idle > 0)
        close_fd(c.idle);
    free(c.host);
    json_decref(c.config);
    err_fini(&c.err);
    return code;
}
