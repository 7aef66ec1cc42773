/* SPDX-License-Identifier: Apache-2.0 */
/* stop, kill, rm, wait, logs: verbs on containers that exist. */
#include <errno.h>

#include "base/json.h"
#include "client/commands.h"
#include "client/filters.h"
#include "client/http.h"
#include "client/session.h"

static int stop_one(struct client *c, const struct args *a, const char *ref)
{
    _cleanup_(freep) char *path = http_path_1("/containers/%s/stop", ref);
    struct buf b = {0};
    buf_adds(&b, path);
    const char *timeout = args_str(a, "timeout", args_str(a, "time", NULL)),
               *signal = args_str(a, "signal", NULL);
    if (timeout) {
        _cleanup_(freep) char *t = http_escape(timeout);
        buf_printf(&b, "?t=%s", t);
    }
    if (signal) {
        _cleanup_(freep) char *s = http_escape(signal);
        buf_printf(&b, "%csignal=%s", timeout ? '&' : '?', s);
    }
    _cleanup_(freep) char *url = buf_steal(&b);
    int r = http_json(c, "POST", url, NULL, NULL);
    if (r < 0 && r != -EALREADY)
        return r;
    puts(ref);
    return 0;
}

static int stop_main(struct client *c, const struct args *a)
{
    return cli_each(c, a, stop_one);
}

static const struct flag stop_flags[] = {
    {"signal", 's', FLAG_STRING, "string", "Signal to send to the container"},
    {"timeout", 't', FLAG_INT, "seconds", "Seconds to wait before killing the container"},
    {"time", 0, FLAG_INT, "seconds", "As --timeout"},
    {NULL},
};

const struct cli_command command_stop = {.group = "container",
                                         .name = "stop",
                                         .top = "stop",
                                         .usage = "[OPTIONS] CONTAINER [CONTAINER...]",
                                         .summary = "Stop one or more running containers",
                                         .min = 1,
                                         .max = -1,
                                         .flags = stop_flags,
                                         .examples = "With half a minute's time:\n"
                                                     "    berth stop -t 30 web\n",
                                         .first = COMPLETE_RUNNING,
                                         .rest = COMPLETE_RUNNING,
                                         .run = stop_main};

static int kill_one(struct client *c, const struct args *a, const char *ref)
{
    _cleanup_(freep) char *id = http_escape(ref),
                          *signal = http_escape(args_str(a, "signal", "SIGKILL"));
    _cleanup_(freep) char *path = str_printf("/containers/%s/kill?signal=%s", id, signal);
    int r = http_json(c, "POST", path, NULL, NULL);
    if (r == 0)
        puts(ref);
    return r;
}

static int kill_main(struct client *c, const struct args *a)
{
    return cli_each(c, a, kill_one);
}

static const struct flag kill_flags[] = {
    {"signal", 's', FLAG_STRING, "string", "Signal to send to the container"},
    {NULL},
};

const struct cli_command command_kill = {.group = "container",
                                         .name = "kill",
                                         .top = "kill",
                                         .usage = "[OPTIONS] CONTAINER [CONTAINER...]",
                                         .summary = "Kill one or more running containers",
                                         .min = 1,
                                         .max = -1,
                                         .flags = kill_flags,
                                         .examples = "    berth kill -s HUP web\n",
                                         .first = COMPLETE_RUNNING,
                                         .run = kill_main};

static int rm_one(struct client *c, const struct args *a, const char *ref)
{
    _cleanup_(freep) char *id = http_escape(ref);
    bool force = args_bool(a, "force");
    _cleanup_(freep) char *path = str_printf("/containers/%s?force=%d&v=%d&link=%d", id, force,
                                             args_bool(a, "volumes"), args_bool(a, "link"));
    int r = http_json(c, "DELETE", path, NULL, NULL);
    if (r < 0 && !(force && r == -ENOENT))
        return r;
    if (r < 0)
        fprintf(stderr, "%s\n", err_msg(&c->err));
    else
        puts(ref);
    return 0;
}

static int rm_main(struct client *c, const struct args *a)
{
    return cli_each(c, a, rm_one);
}

static const struct flag rm_flags[] = {
    {"force", 'f', FLAG_BOOL, "", "Force the removal of a running container (uses SIGKILL)"},
    {"link", 'l', FLAG_BOOL, "", "Remove the specified link"},
    {"volumes", 'v', FLAG_BOOL, "", "Remove anonymous volumes associated with the container"},
    {NULL},
};

const struct cli_command command_rm = {.group = "container",
                                       .name = "rm",
                                       .top = "rm",
                                       .usage = "[OPTIONS] CONTAINER [CONTAINER...]",
                                       .summary = "Remove one or more containers",
                                       .min = 1,
                                       .max = -1,
                                       .flags = rm_flags,
                                       .aliases = "remove",
                                       .examples =
                                           "A container that runs, with its anonymous volumes:\n"
                                           "    berth rm -fv web\n",
                                       .first = COMPLETE_CONTAINER,
                                       .rest = COMPLETE_CONTAINER,
                                       .run = rm_main};

static int wait_one(struct client *c, const struct args *a, const char *ref)
{
    json_auto_t *v = NULL;
    _cleanup_(freep) char *path = http_path_1("/containers/%s/wait", ref);
    int r = http_json(c, "POST", path, NULL, &v);
    if (r == 0)
        printf("%lld\n", (long long)json_int(v, "StatusCode", 0));
    return r;
}

static int wait_main(struct client *c, const struct args *a)
{
    return cli_each(c, a, wait_one);
}

static const struct flag no_flags[] = {{NULL}};

const struct cli_command command_wait = {
    .group = "container",
    .name = "wait",
    .top = "wait",
    .usage = "CONTAINER [CONTAINER...]",
    .summary = "Block until containers stop, then print their exit codes",
    .min = 1,
    .max = -1,
    .flags = no_flags,
    .examples = "    berth wait job\n",
    .first = COMPLETE_CONTAINER,
    .rest = COMPLETE_CONTAINER,
    .run = wait_main};

struct log_stream {
    struct demux demux;
    bool raw;
};

static int log_data(void *ctx, const char *data, size_t n)
{
    struct log_stream *l = ctx;
    return l->raw ? fwrite(data, 1, n, stdout) != n || fflush(stdout) != 0
                  : demux_feed(&l->demux, data, n) < 0;
}

static int logs_main(struct client *c, const struct args *a)
{
    json_auto_t *v = NULL;
    _cleanup_(freep) char *id = http_escape(a->rest.v[0]),
                          *inspect = str_printf("/containers/%s/json", id);
    if (http_json(c, "GET", inspect, NULL, &v) < 0)
        return cli_fail(c, 1);
    struct log_stream l = {.raw = json_bool(json_obj(v, "Config"), "Tty", false)};
    _cleanup_(freep) char *since_text = time_argument(args_str(a, "since", "")),
                          *until_text = time_argument(args_str(a, "until", ""));
    _cleanup_(freep) char *since = http_escape(since_text), *until = http_escape(until_text);
    _cleanup_(freep) char *tail = http_escape(args_str(a, "tail", "all"));
    _cleanup_(freep) char *path = str_printf(
        "/containers/%s/"
        "logs?stdout=1&stderr=1&follow=%d&timestamps=%d&details=%d&since=%s&until=%s&tail=%s",
        id, args_bool(a, "follow"), args_bool(a, "timestamps"), args_bool(a, "details"), since,
        until, tail);
    return http_stream(c, "GET", path, log_data, &l) < 0 ? cli_fail(c, 1) : 0;
}

static const struct flag logs_flags[] = {
    {"details", 0, FLAG_BOOL, "", "Show extra details provided to logs"},
    {"follow", 'f', FLAG_BOOL, "", "Follow log output"},
    {"since", 0, FLAG_STRING, "string",
     "Show logs since timestamp (2013-01-02T13:23:37Z) or relative (42m for 42 minutes)"},
    {"tail", 'n', FLAG_STRING, "string", "Number of lines to show from the end of the logs"},
    {"timestamps", 't', FLAG_BOOL, "", "Show timestamps"},
    {"until", 0, FLAG_STRING, "string", "Show logs before a timestamp or relative"},
    {NULL},
};

const struct cli_command command_logs = {.group = "container",
                                         .name = "logs",
                                         .top = "logs",
                                         .usage = "[OPTIONS] CONTAINER",
                                         .summary = "Fetch the logs of a container",
                                         .min = 1,
                                         .max = 1,
                                         .flags = logs_flags,
                                         .examples = "The last ten lines, and what comes:\n"
                                                     "    berth logs -f --tail 10 web\n"
                                                     "Of the last hour, with times:\n"
                                                     "    berth logs -t --since 1h web\n",
                                         .first = COMPLETE_CONTAINER,
                                         .run = logs_main};
