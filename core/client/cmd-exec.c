/* SPDX-License-Identifier: Apache-2.0 */
/* exec */
#include <errno.h>
#include <signal.h>

#include "base/json.h"
#include "client/commands.h"
#include "client/http.h"
#include "client/kvfile.h"
#include "client/session.h"
#include "client/user-config.h"

static int exec_body(const struct client *c, const struct args *a, json_t **out, struct err *err)
{
    json_t *env = NULL;
    int r = env_list(args_list(a, "env-file"), args_list(a, "env"), &env, err);
    if (r < 0)
        return r;
    bool detach = args_bool(a, "detach");
    json_t *body = json_object(), *cmd = json_array();
    for (size_t i = 1; i < a->rest.n; i++)
        json_push_str(cmd, a->rest.v[i]);
    json_put_take(body, "Cmd", cmd);
    json_put_take(body, "Env", env);
    json_put_bool(body, "Tty", args_bool(a, "tty"));
    json_put_bool(body, "AttachStdin", !detach && args_bool(a, "interactive"));
    json_put_bool(body, "AttachStdout", !detach);
    json_put_bool(body, "AttachStderr", !detach);
    json_put_bool(body, "Privileged", args_bool(a, "privileged"));
    const char *keys = detach_keys(c, a);
    json_put_str(body, "DetachKeys", keys ? keys : "");
    json_put_str(body, "User", args_str(a, "user", ""));
    json_put_str(body, "WorkingDir", args_str(a, "workdir", ""));
    *out = body;
    return 0;
}

/* The exit code of a program that could not be started, from the daemon's words. */
static int refused_code(const struct client *c)
{
    const char *words = err_msg(&c->err);
    if (strstr(words, "executable file not found") || strstr(words, "o such file or directory"))
        return 127;
    return strstr(words, "ermission denied") || strstr(words, "exec format error") ||
                   strstr(words, "is a directory")
               ? 126
               : 1;
}

static int exec_exit_code(struct client *c, const char *inspect)
{
    json_auto_t *v = NULL;
    if (http_json(c, "GET", inspect, NULL, &v) < 0)
        return cli_fail(c, 1);
    return (int)json_int(v, "ExitCode", 0);
}

static int exec_attached(struct client *c, const struct args *a, const char *start,
                         const json_t *how, const char *id)
{
    _cleanup_(freep) char *resize = str_printf("/exec/%s/resize", id),
                          *inspect = str_printf("/exec/%s/json", id);
    struct detach keys;
    if (detach_parse(&keys, detach_keys(c, a), &c->err) < 0)
        return cli_fail(c, 1);
    bool tty = args_bool(a, "tty"), in = args_bool(a, "interactive");
    struct session s = {.client = c,
                        .fd = -1,
                        .stdin_on = in,
                        .tty = tty,
                        .resize_path = resize,
                        .detach = tty && in ? &keys : NULL};
    session_begin(&s);
    int r = http_hijack(c, start, how, &s.fd, &s.early, &s.raw);
    if (r < 0) {
        session_fini(&s);
        return cli_fail(c, refused_code(c));
    }
    session_resize(&s);
    r = session_run(&s);
    session_fini(&s);
    if (s.detached)
        return 0;
    return r == -EPIPE ? 128 + SIGPIPE : exec_exit_code(c, inspect);
}

static int exec_main(struct client *c, const struct args *a)
{
    json_auto_t *body = NULL, *made = NULL;
    bool tty = args_bool(a, "tty"), detach = args_bool(a, "detach");
    if (exec_body(c, a, &body, &c->err) < 0)
        return cli_fail(c, 1);
    if (tty && !detach && args_bool(a, "interactive") && !isatty(STDIN_FILENO)) {
        err_set(&c->err, -EINVAL, "the input device is not a TTY");
        return cli_fail(c, 1);
    }
    _cleanup_(freep) char *path = http_path_1("/containers/%s/exec", a->rest.v[0]);
    if (http_json(c, "POST", path, body, &made) < 0)
        return cli_fail(c, 1);
    json_auto_t *how = json_pack("{sb sb}", "Detach", detach, "Tty", tty);
    const char *id = json_str(made, "Id", "");
    _cleanup_(freep) char *start = str_printf("/exec/%s/start", id);
    if (detach)
        return http_json(c, "POST", start, how, NULL) < 0 ? cli_fail(c, refused_code(c)) : 0;
    return exec_attached(c, a, start, how, id);
}

static const struct flag exec_flags[] = {
    {"detach", 'd', FLAG_BOOL, "", "Detached mode: run command in the background"},
    {"detach-keys", 0, FLAG_STRING, "keys", "Override the key sequence for detaching"},
    {"env", 'e', FLAG_LIST, "list", "Set environment variables"},
    {"env-file", 0, FLAG_LIST, "list", "Read in a file of environment variables",
     .completes = COMPLETE_FILE},
    {"interactive", 'i', FLAG_BOOL, "", "Keep STDIN open even if not attached"},
    {"privileged", 0, FLAG_BOOL, "", "Give extended privileges to the command"},
    {"tty", 't', FLAG_BOOL, "", "Allocate a pseudo-TTY"},
    {"user", 'u', FLAG_STRING, "string", "User name or UID (format: <name|uid>[:<group|gid>])"},
    {"workdir", 'w', FLAG_STRING, "string", "Working directory inside the container"},
    {NULL},
};

const struct cli_command command_exec = {.group = "container",
                                         .name = "exec",
                                         .top = "exec",
                                         .usage = "[OPTIONS] CONTAINER COMMAND [ARG...]",
                                         .summary = "Execute a command in a running container",
                                         .min = 2,
                                         .max = -1,
                                         .stop_at_first = true,
                                         .flags = exec_flags,
                                         .examples = "A shell in a container that runs:\n"
                                                     "    berth exec -it web sh\n"
                                                     "As another user, with a variable:\n"
                                                     "    berth exec -u 1000 -e LANG=C web id\n",
                                         .common = true,
                                         .first = COMPLETE_RUNNING,
                                         .run = exec_main};
