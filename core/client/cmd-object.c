/* SPDX-License-Identifier: Apache-2.0 */
/* volume and network: create, ls, rm. */
#include <errno.h>

#include "base/json.h"
#include "client/commands.h"
#include "client/filters.h"
#include "client/format.h"
#include "client/http.h"
#include "client/kvfile.h"
#include "client/user-config.h"

static int volume_create_main(struct client *c, const struct args *a)
{
    json_auto_t *body = json_object(), *made = NULL;
    json_put_str(body, "Name", a->rest.n ? a->rest.v[0] : "");
    json_put_str(body, "Driver", args_str(a, "driver", "local"));
    json_put_take(body, "Labels", pairs_map(args_list(a, "label")));
    json_put_take(body, "DriverOpts", pairs_map(args_list(a, "opt")));
    if (http_json(c, "POST", "/volumes/create", body, &made) < 0)
        return cli_fail(c, 1);
    puts(json_str(made, "Name", ""));
    return 0;
}

static const struct flag volume_create_flags[] = {
    {"driver", 'd', FLAG_STRING, "string", "Specify volume driver name"},
    {"label", 0, FLAG_LIST, "list", "Set meta data for a volume"},
    {"opt", 'o', FLAG_LIST, "map", "Set driver specific options"},
    {NULL},
};

const struct cli_command command_volume_create = {
    .group = "volume",
    .name = "create",
    .usage = "[OPTIONS] [VOLUME]",
    .summary = "Create a volume",
    .min = 0,
    .max = 1,
    .flags = volume_create_flags,
    .examples = "    berth volume create --label app=web data\n",
    .run = volume_create_main};

static const struct column volume_columns[] = {{"Name", "VOLUME NAME"},
                                               {"Driver", "DRIVER"},
                                               {"Mountpoint", "MOUNTPOINT"},
                                               {"Scope", "SCOPE"},
                                               {NULL, NULL}};

/* A row of text for each object of the list. */
static json_t *text_rows(json_t *list, const struct column *columns)
{
    json_t *rows = json_array(), *o;
    size_t i;
    json_array_foreach (list, i, o) {
        json_t *row = json_object();
        for (const struct column *col = columns; col->field; col++)
            json_put_str(row, col->field, json_str(o, col->field, ""));
        json_push_take(rows, row);
    }
    return rows;
}

static int volume_ls_main(struct client *c, const struct args *a)
{
    json_auto_t *answer = NULL;
    _cleanup_(freep) char *filters = filters_query(a, NULL, &c->err);
    if (!filters)
        return cli_fail(c, 1);
    _cleanup_(freep) char *path = str_printf("/volumes?%s", filters);
    if (http_json(c, "GET", path, NULL, &answer) < 0)
        return cli_fail(c, 1);
    json_auto_t *rows = text_rows(json_arr(answer, "Volumes"), volume_columns);
    struct list_format f = {.sources = json_arr(answer, "Volumes"),
                            .format = list_format(c, a, "volumesFormat"),
                            .columns = volume_columns,
                            .type = "*formatter.volumeContext",
                            .raw = "name: {{.Name}}\ndriver: {{.Driver}}\n",
                            .quiet_field = args_bool(a, "quiet") ? "Name" : NULL,
                            .dflt = "table {{.Driver}}\t{{.Name}}"};
    return format_list(&f, rows, &c->err) < 0 ? cli_fail(c, 1) : 0;
}

static const struct flag list_flags[] = {
    {"filter", 'f', FLAG_LIST, "filter", "Provide filter values"},
    {"format", 0, FLAG_STRING, "string", "Format output: table, table TEMPLATE, json, TEMPLATE"},
    {"no-trunc", 0, FLAG_BOOL, "", "Do not truncate the output"},
    {"quiet", 'q', FLAG_BOOL, "", "Only display names or ids"},
    {NULL},
};

const struct cli_command command_volume_ls = {.group = "volume",
                                              .name = "ls",
                                              .usage = "[OPTIONS]",
                                              .summary = "List volumes",
                                              .min = 0,
                                              .max = 0,
                                              .flags = list_flags,
                                              .aliases = "list",
                                              .run = volume_ls_main};

static int volume_rm_one(struct client *c, const struct args *a, const char *ref)
{
    _cleanup_(freep) char *name = http_escape(ref),
                          *path = str_printf("/volumes/%s?force=%d", name, args_bool(a, "force"));
    int r = http_json(c, "DELETE", path, NULL, NULL);
    if (r == 0)
        puts(ref);
    return r;
}

static int volume_rm_main(struct client *c, const struct args *a)
{
    return cli_each(c, a, volume_rm_one);
}

static const struct flag volume_rm_flags[] = {
    {"force", 'f', FLAG_BOOL, "", "Force the removal of one or more volumes"},
    {NULL},
};

const struct cli_command command_volume_rm = {.group = "volume",
                                              .name = "rm",
                                              .usage = "[OPTIONS] VOLUME [VOLUME...]",
                                              .summary = "Remove one or more volumes",
                                              .min = 1,
                                              .max = -1,
                                              .flags = volume_rm_flags,
                                              .aliases = "remove",
                                              .first = COMPLETE_VOLUME,
                                              .rest = COMPLETE_VOLUME,
                                              .run = volume_rm_main};

static const struct column network_columns[] = {
    {"ID", "NETWORK ID"}, {"Name", "NAME"}, {"Driver", "DRIVER"}, {"Scope", "SCOPE"}, {NULL, NULL}};

static int network_ls_main(struct client *c, const struct args *a)
{
    json_auto_t *list = NULL;
    _cleanup_(freep) char *filters = filters_query(a, NULL, &c->err);
    if (!filters)
        return cli_fail(c, 1);
    _cleanup_(freep) char *path = str_printf("/networks?%s", filters);
    if (http_json(c, "GET", path, NULL, &list) < 0)
        return cli_fail(c, 1);
    json_auto_t *rows = text_rows(list, network_columns);
    size_t i;
    json_t *row;
    json_array_foreach (rows, i, row)
        json_put_strf(row, "ID", args_bool(a, "no-trunc") ? "%s" : "%.12s",
                      json_str(json_array_get(list, i), "Id", ""));
    struct list_format f = {.sources = list,
                            .format = list_format(c, a, "networksFormat"),
                            .columns = network_columns,
                            .type = "*network.networkContext",
                            .raw = "network_id: {{.ID}}\n"
                                   "name: {{.Name}}\n"
                                   "driver: {{.Driver}}\n"
                                   "scope: {{.Scope}}\n",
                            .quiet_field = args_bool(a, "quiet") ? "ID" : NULL,
                            .dflt = "table {{.ID}}\t{{.Name}}\t{{.Driver}}\t{{.Scope}}"};
    return format_list(&f, rows, &c->err) < 0 ? cli_fail(c, 1) : 0;
}

const struct cli_command command_network_ls = {.group = "network",
                                               .name = "ls",
                                               .usage = "[OPTIONS]",
                                               .summary = "List networks",
                                               .min = 0,
                                               .max = 0,
                                               .flags = list_flags,
                                               .aliases = "list",
                                               .run = network_ls_main};
