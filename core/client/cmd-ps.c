/* SPDX-License-Identifier: Apache-2.0 */
/* ps */
#include "base/clock.h"
#include "base/json.h"
#include "client/commands.h"
#include "client/filters.h"
#include "client/format.h"
#include "client/http.h"
#include "client/user-config.h"
#include "client/watch.h"

static const struct column columns[] = {
    {"ID", "CONTAINER ID"},
    {"Image", "IMAGE"},
    {"Command", "COMMAND"},
    {"CreatedAt", "CREATED AT"},
    {"RunningFor", "CREATED"},
    {"Ports", "PORTS"},
    {"State", "STATE"},
    {"Status", "STATUS"},
    {"Size", "SIZE"},
    {"Names", "NAMES"},
    {"Labels", "LABELS"},
    {"Mounts", "MOUNTS"},
    {"LocalVolumes", "LOCAL VOLUMES"},
    {"Networks", "NETWORKS"},
    {NULL, NULL},
};

/* "0.0.0.0:80->80/tcp, [::]:80->80/tcp, 90/udp" */
static char *ports_text(const json_t *ports)
{
    struct strv all = {0};
    size_t i;
    const json_t *p;
    json_array_foreach ((json_t *)(uintptr_t)ports, i, p) {
        const char *ip = json_str(p, "IP", NULL), *type = json_str(p, "Type", "tcp");
        long long inside = json_int(p, "PrivatePort", 0), outside = json_int(p, "PublicPort", 0);
        if (outside == 0)
            strv_addf(&all, "%lld/%s", inside, type);
        else
            strv_addf(&all, ip && strchr(ip, ':') ? "[%s]:%lld->%lld/%s" : "%s:%lld->%lld/%s",
                      ip ? ip : "0.0.0.0", outside, inside, type);
    }
    char *text = strv_join(&all, ", ");
    strv_fini(&all);
    return text;
}

static char *keys_text(const json_t *object, bool values)
{
    struct strv all = {0};
    const char *k;
    json_t *v;
    json_object_foreach ((json_t *)(uintptr_t)object, k, v)
        strv_addf(&all, values ? "%s=%s" : "%s", k,
                  values && json_is_string(v) ? json_string_value(v) : "");
    char *text = strv_join(&all, ",");
    strv_fini(&all);
    return text;
}

static void put_names(json_t *row, const json_t *c)
{
    struct strv names = {0};
    size_t i;
    const json_t *name;
    json_array_foreach (json_arr(c, "Names"), i, name) {
        const char *s = json_string_value(name);
        if (s)
            strv_add(&names, *s == '/' ? s + 1 : s);
    }
    _cleanup_(freep) char *text = strv_join(&names, ",");
    json_put_str(row, "Names", text);
    strv_fini(&names);
}

static void put_mounts(json_t *row, const json_t *c, bool whole)
{
    struct strv mounts = {0};
    size_t i, volumes = 0;
    const json_t *m;
    json_array_foreach (json_arr(c, "Mounts"), i, m) {
        const char *name = json_str(m, "Name", ""),
                   *shown = *name ? name : json_str(m, "Source", "");
        volumes += str_eq(json_str(m, "Type", ""), "volume");
        strv_take(&mounts, whole ? xstrdup(shown) : format_ellipsis(shown, 15));
    }
    _cleanup_(freep) char *text = strv_join(&mounts, ",");
    json_put_str(row, "Mounts", text);
    json_put_strf(row, "LocalVolumes", "%zu", volumes);
    strv_fini(&mounts);
}

static void put_times(json_t *row, const json_t *c)
{
    int64_t created = json_int(c, "Created", 0);
    _cleanup_(freep) char *span = format_span(time_now_ns() / NS_PER_SEC - created),
                          *at = format_time(created);
    json_put_strf(row, "RunningFor", "%s ago", span);
    json_put_str(row, "CreatedAt", at);
}

static void put_size(json_t *row, const json_t *c)
{
    int64_t root_bytes = json_int(c, "SizeRootFs", 0);
    _cleanup_(freep) char *rw = format_size(json_int(c, "SizeRw", 0)),
                          *root = format_size(root_bytes);
    if (root_bytes > 0)
        json_put_strf(row, "Size", "%s (virtual %s)", rw, root);
    else
        json_put_str(row, "Size", rw);
}

static void put_command(json_t *row, const char *command, bool whole)
{
    _cleanup_(freep) char *cut = whole ? xstrdup(command) : format_ellipsis(command, 20);
    _cleanup_(freep) char *quoted = format_quoted(cut);
    json_put_str(row, "Command", quoted);
}

static json_t *row_of(const json_t *c, bool whole)
{
    json_t *row = json_object();
    const char *id = json_str(c, "Id", ""), *image = json_str(c, "Image", ""),
               *bare = str_after(image, "sha256:");
    json_put_strf(row, "ID", whole ? "%s" : "%.12s", id);
    json_put_strf(row, "Image", bare && !whole ? "%.12s" : "%s", bare && !whole ? bare : image);
    put_command(row, json_str(c, "Command", ""), whole);
    put_names(row, c);
    put_times(row, c);
    put_mounts(row, c, whole);
    put_size(row, c);
    _cleanup_(freep) char *ports = ports_text(json_arr(c, "Ports"));
    _cleanup_(freep) char *labels = keys_text(json_obj(c, "Labels"), true);
    _cleanup_(freep) char *networks =
        keys_text(json_obj(json_obj(c, "NetworkSettings"), "Networks"), false);
    json_put_str(row, "Ports", ports);
    json_put_str(row, "Labels", labels);
    json_put_str(row, "Networks", networks);
    json_put_str(row, "State", json_str(c, "State", ""));
    json_put_str(row, "Status", json_str(c, "Status", ""));
    return row;
}

#define TABLE                                                                                      \
    "table "                                                                                       \
    "{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}"
#define RAW                                                                                        \
    "container_id: {{.ID}}\n"                                                                      \
    "image: {{.Image}}\n"                                                                          \
    "command: {{.Command}}\n"                                                                      \
    "created_at: {{.CreatedAt}}\n"                                                                 \
    "state: {{- pad .State 1 0}}\n"                                                                \
    "status: {{- pad .Status 1 0}}\n"                                                              \
    "names: {{.Names}}\n"                                                                          \
    "labels: {{- pad .Labels 1 0}}\n"                                                              \
    "ports: {{- pad .Ports 1 0}}\n"

static int list(struct client *c, const struct args *a)
{
    json_auto_t *found = NULL, *rows = json_array();
    _cleanup_(freep) char *filters = filters_query(a, NULL, &c->err);
    bool latest = args_bool(a, "latest"), size = args_bool(a, "size");
    int64_t last = latest ? 1 : args_int(a, "last", 0);
    if (!filters)
        return c->err.code;
    _cleanup_(freep) char *limit =
        last > 0 ? str_printf("&limit=%lld", (long long)last) : xstrdup("");
    _cleanup_(freep) char *path = str_printf("/containers/json?all=%d&size=%d%s%s",
                                             args_bool(a, "all") || last > 0, size, limit, filters);
    int r = http_json(c, "GET", path, NULL, &found);
    if (r < 0)
        return r;
    size_t i;
    const json_t *item;
    bool whole = args_bool(a, "no-trunc");
    json_array_foreach (found, i, item)
        json_push_take(rows, row_of(item, whole));
    struct list_format f = {.format = list_format(c, a, "psFormat"),
                            .columns = columns,
                            .sources = found,
                            .type = "*formatter.ContainerContext",
                            .raw = size ? RAW "size: {{.Size}}\n" : RAW,
                            .quiet_field = args_bool(a, "quiet") ? "ID" : NULL,
                            .dflt = size ? TABLE "\t{{.Size}}" : TABLE};
    return format_list(&f, rows, &c->err);
}

static int ps_main(struct client *c, const struct args *a)
{
    int r = args_bool(a, "watch") ? watch_list(c, a, list) : list(c, a);
    return r < 0 ? cli_fail(c, 1) : 0;
}

static const struct flag ps_flags[] = {
    {"all", 'a', FLAG_BOOL, "", "Show all containers (default shows just running)"},
    {"filter", 'f', FLAG_LIST, "filter", "Filter output based on conditions provided",
     .words = "ancestor= before= exited= expose= health= id= is-task= label= name= network= "
              "publish= since= status= volume="},
    {"format", 0, FLAG_STRING, "string", "Format output: table, table TEMPLATE, json, TEMPLATE"},
    {"last", 'n', FLAG_INT, "int", "Show n last created containers (includes all states)"},
    {"latest", 'l', FLAG_BOOL, "", "Show the latest created container (includes all states)"},
    {"no-trunc", 0, FLAG_BOOL, "", "Don't truncate output"},
    {"quiet", 'q', FLAG_BOOL, "", "Only display container IDs"},
    {"size", 's', FLAG_BOOL, "", "Display total file sizes"},
    {"watch", 0, FLAG_BOOL, "", "List again whenever something happens to a container"},
    {NULL},
};

const struct cli_command command_ps = {
    .group = "container",
    .name = "ls",
    .top = "ps",
    .usage = "[OPTIONS]",
    .summary = "List containers",
    .min = 0,
    .max = 0,
    .flags = ps_flags,
    .aliases = "list ps",
    .examples = "All containers, also those that have ended:\n"
                "    berth ps -a\n"
                "Names and states of those with a label:\n"
                "    berth ps --filter label=app=web --format '{{.Names}}: {{.State}}'\n"
                "On a screen that follows what happens, until ctrl-c:\n"
                "    berth ps -a --watch\n",
    .common = true,
    .run = ps_main};
