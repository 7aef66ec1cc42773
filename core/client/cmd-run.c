/* SPDX-License-Identifier: Apache-2.0 */
/* run, create, start, attach: a container and this terminal. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>

#include "base/fs.h"
#include "base/json.h"
#include "client/commands.h"
#include "client/http.h"
#include "client/run-options.h"
#include "client/session.h"
#include "client/user-config.h"

/* The exit code, when the container has stopped; 125 with words when the daemon went away meanwhile. */
static int wait_end(struct client *c, struct http_later *wait)
{
    json_auto_t *v = NULL;
    err_clear(&c->err);
    if (http_later_end(c, wait, &v) < 0)
        return cli_fail(c, 125);
    const char *words = json_str(json_obj(v, "Error"), "Message", NULL);
    if (words)
        fprintf(stderr, "berth: %s\n", words);
    return (int)json_int(v, "StatusCode", 125);
}

static int wait_send(struct client *c, const char *id, const char *condition,
                     struct http_later *wait)
{
    _cleanup_(freep) char *path = str_printf("/containers/%s/wait?condition=%s", id, condition);
    return http_later_send(c, path, wait);
}

/* -1 without --cidfile, a negative errno when the file is there already. */
static int open_cidfile(const struct args *a, struct err *err)
{
    const char *path = args_str(a, "cidfile", NULL);
    int fd = path ? open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644) : -1;
    if (path && fd < 0 && errno == EEXIST)
        return err_set(err, -EEXIST,
                       "container ID file found, make sure the other container isn't running or "
                       "delete %s",
                       path);
    return path && fd < 0 ? err_errno(err, -errno, "creating the container's ID file %s", path)
                          : fd;
}

static int post_create(struct client *c, const struct args *a, const json_t *body, json_t **made)
{
    _cleanup_(freep) char *name = http_escape(args_str(a, "name", "")),
                          *platform = http_escape(args_str(a, "platform", ""));
    _cleanup_(freep) char *path =
        str_printf("/containers/create?name=%s%s%s", name, *platform ? "&platform=" : "", platform);
    const char *image = a->rest.v[0], *pull = args_str(a, "pull", "missing");
    int r = str_eq(pull, "always") ? image_pull(c, image) : 0;
    if (r == 0)
        r = http_json(c, "POST", path, body, made);
    if (r != -ENOENT || !str_eq(pull, "missing") || !strcasestr(err_msg(&c->err), "no such image"))
        return r;
    if (!args_bool(a, "quiet"))
        fprintf(stderr, "Unable to find image '%s' locally\n", image);
    r = image_pull(c, image);
    return r == 0 ? http_json(c, "POST", path, body, made) : r;
}

/* Makes the container of this body; its id is the caller's. */
static int create(struct client *c, const struct args *a, const json_t *body, char **id)
{
    json_auto_t *made = NULL;
    const char *cidfile = args_str(a, "cidfile", NULL);
    err_clear(&c->err);
    _cleanup_(closep) int fd = open_cidfile(a, &c->err);
    int r = c->err.code ? c->err.code : post_create(c, a, body, &made);
    if (r < 0) {
        if (fd >= 0)
            unlink(cidfile);
        return r;
    }
    size_t i;
    const json_t *warning;
    json_array_foreach (json_arr(made, "Warnings"), i, warning)
        fprintf(stderr, "WARNING: %s\n", json_string_value(warning));
    *id = xstrdup(json_str(made, "Id", ""));
    r = fd >= 0 ? fs_write_all(fd, *id, strlen(*id)) : 0;
    return r < 0 ? err_errno(&c->err, r, "writing the container's ID to %s", cidfile) : 0;
}

static int post_start(struct client *c, const char *id)
{
    _cleanup_(freep) char *path = http_path_1("/containers/%s/start", id);
    return http_json(c, "POST", path, NULL, NULL);
}

/* 127, 126 or 125, from what the daemon said. */
static int start_exit_code(const struct client *c)
{
    const char *words = err_msg(&c->err);
    if (strstr(words, "executable file not found") || strstr(words, "no such file or directory") ||
        strstr(words, "No such file or directory"))
        return 127;
    if (strstr(words, "permission denied") || strstr(words, "Permission denied") ||
        strstr(words, "is a directory") || strstr(words, "exec format error"))
        return 126;
    return 125;
}

static int attach_send(struct client *c, const char *id, const struct attach *attach,
                       const char *detach_keys, struct http_later *later)
{
    _cleanup_(freep) char *keys = http_escape(detach_keys ? detach_keys : "");
    _cleanup_(freep) char *path =
        str_printf("/containers/%s/attach?stream=1&stdout=%d&stderr=%d&stdin=%d%s%s", id,
                   attach->out, attach->err, attach->in, *keys ? "&detachKeys=" : "", keys);
    return http_hijack_send(c, path, NULL, later);
}

/* Attaches, and waits for the container's end: both are under way before either is answered. */
static int attach_and_wait(struct client *c, const char *id, const struct attach *attach,
                           const char *detach_keys, const char *condition, struct session *s,
                           struct http_later *wait)
{
    _cleanup_(http_later_fini) struct http_later stream = {0};
    int r = attach_send(c, id, attach, detach_keys, &stream);
    if (r == 0)
        r = wait_send(c, id, condition, wait);
    if (r == 0)
        r = http_hijack_end(c, &stream, &s->fd, &s->early, &s->raw);
    return r < 0 ? r : http_later_accepted(c, wait);
}

/* What the end of a session means: the exit code, without waiting for a container that goes on. */
static int session_code(struct client *c, const struct session *s, int r, struct http_later *wait)
{
    if (s->detached)
        return 0;
    if (r == -EPIPE) /* as a program that SIGPIPE ended */
        return 128 + SIGPIPE;
    if (r < 0) {
        err_errno(&c->err, r, "the attached streams");
        return cli_fail(c, 125);
    }
    return wait_end(c, wait);
}

/* Copies between the terminal and a container that has been started. */
static int run_session(struct client *c, struct session *s, struct http_later *wait)
{
    session_resize(s);
    int r = session_run(s);
    session_fini(s);
    return session_code(c, s, r, wait);
}

/* What copies the output comes up while the daemon is at work. */
static int start_meanwhile(struct client *c, const char *id, struct session *s)
{
    _cleanup_(http_later_fini) struct http_later start = {0};
    _cleanup_(freep) char *path = http_path_1("/containers/%s/start", id);
    int r = http_later_send_on_kept(c, path, &start);
    if (r == 0)
        (void)session_open(s); /* session_run() tries again, and says why */
    return r < 0 ? r : http_later_end(c, &start, NULL);
}

/* Starts the container that `s` and `wait` are for. */
static int start_attached(struct client *c, const struct args *a, const char *id, struct session *s,
                          struct http_later *wait)
{
    if (start_meanwhile(c, id, s) == 0)
        return run_session(c, s, wait);
    int code = start_exit_code(c);
    cli_fail(c, code);
    session_fini(s);
    json_auto_t *ignored = NULL;
    if (args_bool(a, "rm")) /* its removal is part of the command */
        http_later_end(c, wait, &ignored);
    return code;
}

static int run_foreground(struct client *c, const struct args *a, const struct attach *attach,
                          const char *id)
{
    bool tty = args_bool(a, "tty"), proxy = args_bool_or(a, "sig-proxy", true) && !tty;
    _cleanup_(freep) char *resize = str_printf("/containers/%s/resize", id),
                          *kill = str_printf("/containers/%s/kill", id);
    struct detach keys;
    if (detach_parse(&keys, detach_keys(c, a), &c->err) < 0)
        return cli_fail(c, 125);
    struct session s = {.client = c,
                        .fd = -1,
                        .stdin_on = attach->in,
                        .tty = tty,
                        .resize_path = resize,
                        .kill_path = proxy ? kill : NULL,
                        .detach = tty && attach->in ? &keys : NULL};
    _cleanup_(http_later_fini) struct http_later wait = {0};
    session_begin(&s);
    if (attach_and_wait(c, id, attach, detach_keys(c, a),
                        args_bool(a, "rm") ? "removed" : "next-exit", &s, &wait) == 0)
        return start_attached(c, a, id, &s, &wait);
    session_fini(&s);
    return cli_fail(c, 125);
}

static int run_detached(struct client *c, const char *id)
{
    if (post_start(c, id) < 0)
        return cli_fail(c, start_exit_code(c));
    puts(id);
    return 0;
}

static int run_main(struct client *c, const struct args *a)
{
    _cleanup_(freep) char *id = NULL;
    json_auto_t *body = NULL;
    struct attach attach;
    bool detached = args_bool(a, "detach");
    if (detached && args_given(a, "attach")) {
        err_set(&c->err, -EINVAL, "conflicting options: cannot specify both --attach and --detach");
        return cli_fail(c, 1);
    }
    if (container_body(a, !detached, &attach, &body, &c->err) < 0)
        return cli_fail(c, 125);
    if (attach.in && args_bool(a, "tty") && !isatty(STDIN_FILENO)) {
        err_set(&c->err, -EINVAL, "the input device is not a TTY");
        return cli_fail(c, 1);
    }
    if (create(c, a, body, &id) < 0)
        return cli_fail(c, 125);
    if (detached)
        return run_detached(c, id);
    return run_foreground(c, a, &attach, id);
}

static const struct flag run_flags[] = {
    {"detach", 'd', FLAG_BOOL, "", "Run container in background and print its id"},
    {"detach-keys", 0, FLAG_STRING, "keys", "Override the key sequence for detaching"},
    {"sig-proxy", 0, FLAG_BOOL, "", "Proxy received signals to the process (default true)"},
    {NULL},
};

const struct cli_command command_run = {
    .group = "container",
    .name = "run",
    .top = "run",
    .usage = "[OPTIONS] IMAGE [COMMAND] [ARG...]",
    .summary = "Create and run a new container from an image",
    .min = 1,
    .max = -1,
    .stop_at_first = true,
    .flags = container_flags,
    .more = run_flags,
    .examples = "A shell that is gone when it ends:\n"
                "    berth run --rm -it debian:12 bash\n"
                "A web server in the background, on a port of this host and with a volume:\n"
                "    berth run -d --name web -p 127.0.0.1:8080:80 -v data:/srv myimage:1 httpd -f\n"
                "With limits:\n"
                "    berth run --rm -m 256m --cpus 1.5 --pids-limit 100 myimage:1 work\n",
    .common = true,
    .first = COMPLETE_IMAGE,
    .run = run_main};

static int create_main(struct client *c, const struct args *a)
{
    _cleanup_(freep) char *id = NULL;
    json_auto_t *body = NULL;
    struct attach attach;
    if (container_body(a, true, &attach, &body, &c->err) < 0)
        return cli_fail(c, 125);
    if (create(c, a, body, &id) < 0)
        return cli_fail(c, 1);
    puts(id);
    return 0;
}

const struct cli_command command_create = {
    .group = "container",
    .name = "create",
    .top = "create",
    .usage = "[OPTIONS] IMAGE [COMMAND] [ARG...]",
    .summary = "Create a new container",
    .min = 1,
    .max = -1,
    .stop_at_first = true,
    .flags = container_flags,
    .examples = "    berth create --name job -v data:/srv myimage:1 work\n"
                "    berth start -a job\n",
    .first = COMPLETE_IMAGE,
    .run = create_main};

static int inspect(struct client *c, const char *ref, json_t **out)
{
    _cleanup_(freep) char *path = http_path_1("/containers/%s/json", ref);
    return http_json(c, "GET", path, NULL, out);
}

/* A container that ended just before the attach came says nothing any more until somebody starts it: what has arrived is shown, and
 * no more is waited for. */
static void end_if_over(struct client *c, const char *id, const struct session *s)
{
    json_auto_t *v = NULL;
    if (inspect(c, id, &v) == 0 && !json_bool(json_obj(v, "State"), "Running", true))
        shutdown(s->fd, SHUT_RD);
}

/* Attaches to a container, starting it first when asked; its exit code. */
static int attach_to(struct client *c, const struct args *a, const json_t *v, bool start, bool in)
{
    const char *id = json_str(v, "Id", ""), *keys_text = detach_keys(c, a);
    const json_t *config = json_obj(v, "Config");
    bool tty = json_bool(config, "Tty", false);
    struct attach attach = {
        .in = in && json_bool(config, "OpenStdin", false), .out = true, .err = true};
    _cleanup_(freep) char *resize = str_printf("/containers/%s/resize", id),
                          *kill = str_printf("/containers/%s/kill", id);
    struct detach keys;
    if (detach_parse(&keys, keys_text, &c->err) < 0)
        return cli_fail(c, 1);
    struct session s = {.client = c,
                        .fd = -1,
                        .tty = tty,
                        .stdin_on = attach.in,
                        .resize_path = resize,
                        .kill_path = !tty && args_bool_or(a, "sig-proxy", true) ? kill : NULL,
                        .detach = tty && attach.in ? &keys : NULL};
    _cleanup_(http_later_fini) struct http_later wait = {0};
    session_begin(&s);
    int r =
        attach_and_wait(c, id, &attach, keys_text, start ? "next-exit" : "not-running", &s, &wait);
    if (r == 0 && start) {
        r = post_start(c, id);
        r = r == -EALREADY ? 0 : r; /* it runs, and its end is the next exit */
    }
    if (r == 0 && !start) {
        session_redraw(&s);
        end_if_over(c, id, &s);
    }
    if (r == 0)
        return run_session(c, &s, &wait);
    session_fini(&s);
    return cli_fail(c, 1);
}

static int start_one(struct client *c, const struct args *a, const char *ref)
{
    int r = post_start(c, ref);
    if (r < 0 && r != -EALREADY)
        return r;
    puts(ref);
    return 0;
}

static int start_main(struct client *c, const struct args *a)
{
    if (args_given(a, "checkpoint") || args_given(a, "checkpoint-dir")) {
        err_set(&c->err, -ENOTSUP, "--checkpoint: checkpoints of containers are not supported");
        return cli_fail(c, 1);
    }
    if (!args_bool(a, "attach") && !args_bool(a, "interactive"))
        return cli_each(c, a, start_one);
    if (a->rest.n != 1) {
        err_set(&c->err, -EINVAL, "you cannot start and attach multiple containers at once");
        return cli_fail(c, 1);
    }
    json_auto_t *v = NULL;
    if (inspect(c, a->rest.v[0], &v) < 0)
        return cli_fail(c, 1);
    return attach_to(c, a, v, true, args_bool(a, "interactive"));
}

static const struct flag start_flags[] = {
    {"attach", 'a', FLAG_BOOL, "", "Attach STDOUT/STDERR and forward signals"},
    {"checkpoint", 0, FLAG_STRING, "string", "Restore from this checkpoint", .hidden = true},
    {"checkpoint-dir", 0, FLAG_STRING, "string", "Where checkpoints are", .hidden = true},
    {"interactive", 'i', FLAG_BOOL, "", "Attach container's STDIN"},
    {"detach-keys", 0, FLAG_STRING, "keys", "Override the key sequence for detaching"},
    {"sig-proxy", 0, FLAG_BOOL, "", "Proxy all received signals to the process (default true)"},
    {NULL},
};

const struct cli_command command_start = {.group = "container",
                                          .name = "start",
                                          .top = "start",
                                          .usage = "[OPTIONS] CONTAINER [CONTAINER...]",
                                          .summary = "Start one or more stopped containers",
                                          .min = 1,
                                          .max = -1,
                                          .flags = start_flags,
                                          .examples = "With its output here, until it ends:\n"
                                                      "    berth start -a job\n",
                                          .first = COMPLETE_STOPPED,
                                          .rest = COMPLETE_STOPPED,
                                          .run = start_main};

static int attach_main(struct client *c, const struct args *a)
{
    json_auto_t *v = NULL;
    if (inspect(c, a->rest.v[0], &v) < 0)
        return cli_fail(c, 1);
    const json_t *state = json_obj(v, "State");
    bool in = !args_bool(a, "no-stdin");
    if (!json_bool(state, "Running", false))
        err_set(&c->err, -EINVAL, "you cannot attach to a stopped container, start it first");
    else if (json_bool(state, "Paused", false))
        err_set(&c->err, -EINVAL, "you cannot attach to a paused container, unpause it first");
    else if (in && json_bool(json_obj(v, "Config"), "Tty", false) && !isatty(STDIN_FILENO))
        err_set(&c->err, -EINVAL, "the input device is not a TTY");
    else
        return attach_to(c, a, v, false, in);
    return cli_fail(c, 1);
}

static const struct flag attach_flags[] = {
    {"no-stdin", 0, FLAG_BOOL, "", "Do not attach STDIN"},
    {"sig-proxy", 0, FLAG_BOOL, "", "Proxy all received signals to the process (default true)"},
    {"detach-keys", 0, FLAG_STRING, "keys", "Override the key sequence for detaching"},
    {NULL},
};

const struct cli_command command_attach = {
    .group = "container",
    .name = "attach",
    .top = "attach",
    .usage = "[OPTIONS] CONTAINER",
    .summary = "Attach this terminal to a running container",
    .min = 1,
    .max = 1,
    .flags = attach_flags,
    .examples = "See the output only, and leave with ctrl-c without a signal to the container:\n"
                "    berth attach --no-stdin --sig-proxy=false web\n",
    .first = COMPLETE_RUNNING,
    .run = attach_main};
