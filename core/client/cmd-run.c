/* SPDX-License-Identifier: Apache-2.0 */
/* run, create, start, attach: a container and this terminal. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>

#include "base/fs.h"
#include "base/json.h"
#include "client/commands.h"
#include "client/http.h"
#include "client/run-options.h"
#include "client/session.h"

/* A wait on a thread of its own; the container is started when the daemon has registered it. */
struct waiter {
    const struct client *client;
    char *path;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool registered;
    json_t *result;
    struct err err;
};

static void waiter_registered(void *arg)
{
    struct waiter *w = arg;
    pthread_mutex_lock(&w->lock);
    w->registered = true;
    pthread_cond_signal(&w->changed);
    pthread_mutex_unlock(&w->lock);
}

static void *waiter_main(void *arg)
{
    struct waiter *w = arg;
    http_json_from(w->client, "POST", w->path, NULL, &w->result, waiter_registered, w, &w->err);
    waiter_registered(w);
    return NULL;
}

static int waiter_begin(struct waiter *w, const struct client *c, const char *id,
                        const char *condition)
{
    *w = (struct waiter){
        .client = c, .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    w->path = str_printf("/containers/%s/wait?condition=%s", id, condition);
    int r = pthread_create(&w->thread, NULL, waiter_main, w);
    if (r != 0)
        return -r;
    pthread_mutex_lock(&w->lock);
    while (!w->registered)
        pthread_cond_wait(&w->changed, &w->lock);
    pthread_mutex_unlock(&w->lock);
    return 0;
}

/* The exit code; 125 with the words printed when the wait failed. */
static int waiter_end(struct waiter *w)
{
    pthread_join(w->thread, NULL);
    int code = (int)json_int(w->result, "StatusCode", 125);
    const char *words = json_str(json_obj(w->result, "Error"), "Message", w->err.msg);
    if (words)
        fprintf(stderr, "berth: %s\n", words);
    json_decref(w->result);
    err_fini(&w->err);
    free(w->path);
    return code;
}

static int create(struct client *c, const struct args *a, bool attach, char **id)
{
    json_auto_t *body = NULL, *made = NULL;
    int r = container_body(a, attach, &body, &c->err);
    if (r < 0)
        return r;
    struct buf path = {0};
    _cleanup_(freep) char *name = http_escape(args_str(a, "name", ""));
    _cleanup_(freep) char *platform = http_escape(args_str(a, "platform", ""));
    buf_printf(&path, "/containers/create?name=%s%s%s", name, *platform ? "&platform=" : "",
               platform);
    _cleanup_(freep) char *p = buf_steal(&path);
    r = http_json(c, "POST", p, body, &made);
    if (r < 0)
        return r;
    size_t i;
    const json_t *warning;
    json_array_foreach (json_arr(made, "Warnings"), i, warning)
        fprintf(stderr, "WARNING: %s\n", json_string_value(warning));
    *id = xstrdup(json_str(made, "Id", ""));
    const char *cidfile = args_str(a, "cidfile", NULL);
    if (!cidfile)
        return 0;
    _cleanup_(closep) int fd = open(cidfile, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    r = fd < 0 ? -errno : fs_write_all(fd, *id, strlen(*id));
    return r < 0 ? err_errno(&c->err, r, "writing the container's id to %s", cidfile) : 0;
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

static int attach_stream(struct client *c, const char *id, bool in, const char *detach_keys,
                         struct session *s)
{
    _cleanup_(freep) char *keys = http_escape(detach_keys ? detach_keys : "");
    _cleanup_(freep) char *path =
        str_printf("/containers/%s/attach?stream=1&stdout=1&stderr=1&stdin=%d%s%s", id, in,
                   *keys ? "&detachKeys=" : "", keys);
    return http_hijack(c, path, NULL, &s->fd, &s->early, &s->raw);
}

static int run_foreground(struct client *c, const struct args *a, const char *id)
{
    bool tty = args_bool(a, "tty"), in = args_bool(a, "interactive");
    _cleanup_(freep) char *resize = str_printf("/containers/%s/resize", id),
                          *kill = str_printf("/containers/%s/kill", id);
    struct session s = {
        .client = c,
        .fd = -1,
        .stdin_on = in,
        .tty = tty,
        .resize_path = resize,
        .kill_path =
            tty || (args_given(a, "sig-proxy") && !args_bool(a, "sig-proxy")) ? NULL : kill};
    struct waiter w;
    session_begin(&s);
    int r = attach_stream(c, id, in, args_str(a, "detach-keys", NULL), &s);
    if (r == 0)
        r = waiter_begin(&w, c, id, args_bool(a, "rm") ? "removed" : "next-exit");
    if (r < 0) {
        session_fini(&s);
        return cli_fail(c, 125);
    }
    r = post_start(c, id);
    if (r < 0) {
        int code = start_exit_code(c);
        session_fini(&s);
        if (args_bool(a, "rm"))
            waiter_end(&w);
        return cli_fail(c, code);
    }
    session_resize(&s);
    session_run(&s);
    session_fini(&s);
    return waiter_end(&w);
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
    bool detached = args_bool(a, "detach");
    if (args_bool(a, "tty") && args_bool(a, "interactive") && !detached && !isatty(STDIN_FILENO)) {
        err_set(&c->err, -EINVAL, "the input device is not a TTY");
        return cli_fail(c, 1);
    }
    if (create(c, a, !detached, &id) < 0)
        return cli_fail(c, 125);
    return detached ? run_detached(c, id) : run_foreground(c, a, id);
}

static const struct flag run_flags[] = {
    {"detach", 'd', FLAG_BOOL, "", "Run container in background and print its id"},
    {"detach-keys", 0, FLAG_STRING, "keys", "Override the key sequence for detaching"},
    {"sig-proxy", 0, FLAG_BOOL, "", "Proxy received signals to the process (default true)"},
    {NULL},
};

const struct cli_command command_run = {.group = "container",
                                        .name = "run",
                                        .top = "run",
                                        .usage = "[OPTIONS] IMAGE [COMMAND] [ARG...]",
                                        .summary = "Create and run a new container from an image",
                                        .min = 1,
                                        .max = -1,
                                        .stop_at_first = true,
                                        .usage_exit = 125,
                                        .flags = container_flags,
                                        .more = run_flags,
                                        .run = run_main};

static int create_main(struct client *c, const struct args *a)
{
    _cleanup_(freep) char *id = NULL;
    if (create(c, a, true, &id) < 0)
        return cli_fail(c, 1);
    puts(id);
    return 0;
}

const struct cli_command command_create = {.group = "container",
                                           .name = "create",
                                           .top = "create",
                                           .usage = "[OPTIONS] IMAGE [COMMAND] [ARG...]",
                                           .summary = "Create a new container",
                                           .min = 1,
                                           .max = -1,
                                           .stop_at_first = true,
                                           .usage_exit = 1,
                                           .flags = container_flags,
                                           .run = create_main};

/* Attaches to a container, starting it first when asked; its exit code. */
static int attach_to(struct client *c, const struct args *a, const char *ref, bool start, bool in)
{
    json_auto_t *v = NULL;
    _cleanup_(freep) char *path = http_path_1("/containers/%s/json", ref);
    if (http_json(c, "GET", path, NULL, &v) < 0)
        return cli_fail(c, 1);
    const char *id = json_str(v, "Id", "");
    const json_t *config = json_obj(v, "Config");
    bool tty = json_bool(config, "Tty", false);
    if (!start && !json_bool(json_obj(v, "State"), "Running", false)) {
        err_set(&c->err, -EINVAL, "you cannot attach to a stopped container, start it first");
        return cli_fail(c, 1);
    }
    _cleanup_(freep) char *resize = str_printf("/containers/%s/resize", id),
                          *kill = str_printf("/containers/%s/kill", id);
    bool proxy = !tty && !(args_given(a, "sig-proxy") && !args_bool(a, "sig-proxy"));
    struct session s = {.client = c,
                        .fd = -1,
                        .tty = tty,
                        .stdin_on = in && json_bool(config, "OpenStdin", false),
                        .resize_path = resize,
                        .kill_path = proxy ? kill : NULL};
    struct waiter w;
    session_begin(&s);
    int r = attach_stream(c, id, s.stdin_on, args_str(a, "detach-keys", NULL), &s);
    if (r == 0)
        r = waiter_begin(&w, c, id, start ? "next-exit" : "not-running");
    if (r == 0 && start)
        r = post_start(c, id);
    if (r < 0) {
        session_fini(&s);
        return cli_fail(c, 1);
    }
    session_resize(&s);
    session_run(&s);
    session_fini(&s);
    v = (json_decref(v), NULL);
    if (http_json(c, "GET", path, NULL, &v) == 0 &&
        json_bool(json_obj(v, "State"), "Running", false))
        return 0; /* detached; the process ends and the wait with it */
    return waiter_end(&w);
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
    if (!args_bool(a, "attach") && !args_bool(a, "interactive"))
        return cli_each(c, a, start_one);
    if (a->rest.n != 1) {
        err_set(&c->err, -EINVAL, "you cannot start and attach multiple containers at once");
        return cli_fail(c, 1);
    }
    return attach_to(c, a, a->rest.v[0], true, args_bool(a, "interactive"));
}

static const struct flag start_flags[] = {
    {"attach", 'a', FLAG_BOOL, "", "Attach STDOUT/STDERR and forward signals"},
    {"interactive", 'i', FLAG_BOOL, "", "Attach container's STDIN"},
    {"detach-keys", 0, FLAG_STRING, "keys", "Override the key sequence for detaching"},
    {NULL},
};

const struct cli_command command_start = {.group = "container",
                                          .name = "start",
                                          .top = "start",
                                          .usage = "[OPTIONS] CONTAINER [CONTAINER...]",
                                          .summary = "Start one or more stopped containers",
                                          .min = 1,
                                          .max = -1,
                                          .usage_exit = 1,
                                          .flags = start_flags,
                                          .run = start_main};

static int attach_main(struct client *c, const struct args *a)
{
    return attach_to(c, a, a->rest.v[0], false, !args_bool(a, "no-stdin"));
}

static const struct flag attach_flags[] = {
    {"no-stdin", 0, FLAG_BOOL, "", "Do not attach STDIN"},
    {"sig-proxy", 0, FLAG_BOOL, "", "Proxy all received signals to the process (default true)"},
    {"detach-keys", 0, FLAG_STRING, "keys", "Override the key sequence for detaching"},
    {NULL},
};

const struct cli_command command_attach = {.group = "container",
                                           .name = "attach",
                                           .top = "attach",
                                           .usage = "[OPTIONS] CONTAINER",
                                           .summary = "Attach this terminal to a running container",
                                           .min = 1,
                                           .max = 1,
                                           .usage_exit = 1,
                                           .flags = attach_flags,
                                           .run = attach_main};
