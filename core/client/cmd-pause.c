/* SPDX-License-Identifier: Apache-2.0 */
/* restart, pause, unpause. */
#include "client/commands.h"
#include "client/http.h"

static int restart_one(struct client *c, const struct args *a, const char *ref)
{
    _cleanup_(freep) char *path = http_path_1("/containers/%s/restart", ref);
    _cleanup_(freep) char *timeout = http_escape(args_str(a, "timeout", args_str(a, "time", "")));
    _cleanup_(freep) char *signal = http_escape(args_str(a, "signal", ""));
    _cleanup_(freep) char *url = str_printf("%s?t=%s&signal=%s", path, timeout, signal);
    int r = http_json(c, "POST", url, NULL, NULL);
    if (r == 0)
        puts(ref);
    return r;
}

static int restart_main(struct client *c, const struct args *a)
{
    return cli_each(c, a, restart_one);
}

static const struct flag restart_flags[] = {
    {"signal", 's', FLAG_STRING, "string", "Signal to send to the container"},
    {"timeout", 't', FLAG_INT, "seconds", "Seconds to wait before killing the container"},
    {"time", 0, FLAG_INT, "seconds", "As --timeout"},
    {NULL},
};

const struct cli_command command_restart = {.group = "container",
                                            .name = "restart",
                                            .top = "restart",
                                            .usage = "[OPTIONS] CONTAINER [CONTAINER...]",
                                            .summary = "Restart one or more containers",
                                            .min = 1,
                                            .max = -1,
                                            .flags = restart_flags,
                                            .examples = "    berth restart -t 30 web\n",
                                            .first = COMPLETE_CONTAINER,
                                            .rest = COMPLETE_CONTAINER,
                                            .run = restart_main};

static int post_one(struct client *c, const char *path, const char *ref)
{
    int r = http_json(c, "POST", path, NULL, NULL);
    if (r == 0)
        puts(ref);
    return r;
}

static int pause_one(struct client *c, const struct args *a, const char *ref)
{
    _cleanup_(freep) char *path = http_path_1("/containers/%s/pause", ref);
    return post_one(c, path, ref);
}

static int pause_main(struct client *c, const struct args *a)
{
    return cli_each(c, a, pause_one);
}

static const struct flag no_flags[] = {{NULL}};

const struct cli_command command_pause = {.group = "container",
                                          .name = "pause",
                                          .top = "pause",
                                          .usage = "CONTAINER [CONTAINER...]",
                                          .summary =
                                              "Pause all processes within one or more containers",
                                          .min = 1,
                                          .max = -1,
                                          .flags = no_flags,
                                          .first = COMPLETE_RUNNING,
                                          .rest = COMPLETE_RUNNING,
                                          .run = pause_main};

static int unpause_one(struct client *c, const struct args *a, const char *ref)
{
    _cleanup_(freep) char *path = http_path_1("/containers/%s/unpause", ref);
    return post_one(c, path, ref);
}

static int unpause_main(struct client *c, const struct args *a)
{
    return cli_each(c, a, unpause_one);
}

const struct cli_command command_unpause = {
    .group = "container",
    .name = "unpause",
    .top = "unpause",
    .usage = "CONTAINER [CONTAINER...]",
    .summary = "Unpause all processes within one or more containers",
    .min = 1,
    .max = -1,
    .flags = no_flags,
    .first = COMPLETE_CONTAINER,
    .rest = COMPLETE_CONTAINER,
    .run = unpause_main};
