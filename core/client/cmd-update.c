/* SPDX-License-Identifier: Apache-2.0 */
/* rename, update. */
#include <errno.h>

#include "base/json.h"
#include "client/commands.h"
#include "client/http.h"
#include "client/run-options.h"

static int rename_main(struct client *c, const struct args *a)
{
    const char *ref = a->rest.v[0], *name = a->rest.v[1];
    if (str_empty(ref) || str_empty(name)) {
        err_set(&c->err, -EINVAL, "Neither old nor new names may be empty");
        return cli_fail(c, 1);
    }
    _cleanup_(freep) char *path = http_path_1("/containers/%s/rename", ref);
    _cleanup_(freep) char *escaped = http_escape(name);
    _cleanup_(freep) char *url = str_printf("%s?name=%s", path, escaped);
    return http_json(c, "POST", url, NULL, NULL) < 0 ? cli_fail(c, 1) : 0;
}

static const struct flag no_flags[] = {{NULL}};

const struct cli_command command_rename = {.group = "container",
                                           .name = "rename",
                                           .top = "rename",
                                           .usage = "CONTAINER NEW_NAME",
                                           .summary = "Rename a container",
                                           .min = 2,
                                           .max = 2,
                                           .flags = no_flags,
                                           .examples = "    berth rename web web-old\n",
                                           .first = COMPLETE_CONTAINER,
                                           .run = rename_main};

struct updating {
    json_t *body;
    struct strv warnings;
};

static int update_one(struct client *c, struct updating *u, const char *ref)
{
    json_auto_t *answer = NULL;
    _cleanup_(freep) char *path = http_path_1("/containers/%s/update", ref);
    int r = http_json(c, "POST", path, u->body, &answer);
    if (r < 0)
        return r;
    puts(ref);
    fflush(stdout);
    size_t i;
    const json_t *words;
    json_array_foreach (json_arr(answer, "Warnings"), i, words)
        strv_add(&u->warnings, json_string_value(words));
    return 0;
}

/* Warnings come last, on stdout, as docker's client has them. */
static int update_main(struct client *c, const struct args *a)
{
    json_auto_t *body = NULL;
    _cleanup_(strv_fini) struct strv warnings = {0};
    struct updating u = {0};
    int code = 0;
    if (resources_body(a, &body, &c->err) < 0)
        return cli_fail(c, 125);
    if (json_object_size(body) == 0) {
        err_set(&c->err, -EINVAL, "you must provide one or more flags when using this command");
        return cli_fail(c, 1);
    }
    u.body = body;
    for (size_t i = 0; i < a->rest.n; i++) {
        err_clear(&c->err);
        if (update_one(c, &u, a->rest.v[i]) < 0)
            code = cli_fail(c, 1);
    }
    warnings = u.warnings;
    for (size_t i = 0; i < warnings.n; i++)
        puts(warnings.v[i]);
    return code;
}

static const struct flag update_flags[] = {
    {"blkio-weight", 0, FLAG_INT, "uint16", "Block IO (relative weight, 10 to 1000)"},
    {"cpu-period", 0, FLAG_INT, "us", "Limit the CFS period"},
    {"cpu-quota", 0, FLAG_INT, "us", "Limit the CFS quota"},
    {"cpu-rt-period", 0, FLAG_INT, "us", "Limit the CPU real-time period"},
    {"cpu-rt-runtime", 0, FLAG_INT, "us", "Limit the CPU real-time runtime"},
    {"cpu-shares", 'c', FLAG_INT, "int", "CPU shares (relative weight)"},
    {"cpus", 0, FLAG_STRING, "decimal", "Number of CPUs"},
    {"cpuset-cpus", 0, FLAG_STRING, "list", "CPUs on which to run (0-3, 0,1)"},
    {"cpuset-mems", 0, FLAG_STRING, "list", "Memory nodes in which to run (0-3, 0,1)"},
    {"memory", 'm', FLAG_STRING, "bytes", "Memory limit"},
    {"memory-reservation", 0, FLAG_STRING, "bytes", "Memory soft limit"},
    {"memory-swap", 0, FLAG_STRING, "bytes",
     "Swap limit equal to memory plus swap: -1 for unlimited swap"},
    {"pids-limit", 0, FLAG_INT, "int", "Limit the number of processes (-1 for unlimited)"},
    {"restart", 0, FLAG_STRING, "policy",
     "Restart policy: no, on-failure[:N], always, unless-stopped",
     .words = "no on-failure always unless-stopped"},
    {NULL},
};

const struct cli_command command_update = {
    .group = "container",
    .name = "update",
    .top = "update",
    .usage = "[OPTIONS] CONTAINER [CONTAINER...]",
    .summary = "Update configuration of one or more containers",
    .min = 1,
    .max = -1,
    .flags = update_flags,
    .examples = "    berth update --memory 512m --memory-swap 1g --cpus 1.5 web\n    berth update "
                "--restart unless-stopped web db\n",
    .first = COMPLETE_CONTAINER,
    .rest = COMPLETE_CONTAINER,
    .run = update_main};
