/* SPDX-License-Identifier: Apache-2.0 */
/* stop, kill, rm: verbs on containers that exist. */
#include <errno.h>

#include "base/json.h"
#include "client/commands.h"
#include "client/http.h"

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
