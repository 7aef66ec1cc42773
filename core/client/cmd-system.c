/* SPDX-License-Identifier: Apache-2.0 */
/* info, version, events */
#include <errno.h>
#include <sys/utsname.h>

#include "base/clock.h"
#include "base/json.h"
#include "build-config.h"
#include "client/commands.h"
#include "client/filters.h"
#include "client/format.h"
#include "client/http.h"
#include "client/types.h"

static json_t *client_version(void)
{
    struct utsname u;
    uname(&u);
    const char *arch = str_eq(u.machine, "x86_64")    ? "amd64"
                       : str_eq(u.machine, "aarch64") ? "arm64"
                                                      : u.machine;
    return json_pack("{ss ss ss ss ss ss}", "Version", BERTH_VERSION, "ApiVersion", "1.51",
                     "DefaultAPIVersion", "1.51", "Os", "linux", "Arch", arch, "Context",
                     "default");
}

/* What `info` says of the client. */
static json_t *client_info(void)
{
    json_t *v = client_version();
    json_object_del(v, "ApiVersion");
    json_put_bool(v, "Debug", false);
    json_put_take(v, "Plugins", json_array());
    json_put_take(v, "Warnings", json_null());
    return v;
}

static void print_version(const char *title, const json_t *v)
{
    printf("%s:\n", title);
    printf(" %-18s%s\n", "Version:", json_str(v, "Version", ""));
    printf(" %-18s%s\n", "API version:", json_str(v, "ApiVersion", ""));
    printf(" %-18s%s/%s\n", "OS/Arch:", json_str(v, "Os", ""), json_str(v, "Arch", ""));
}

static int version_main(struct client *c, const struct args *a)
{
    json_auto_t *server = NULL, *both = json_object();
    const char *format = args_str(a, "format", NULL);
    if (format && format_check(format, &c->err) < 0)
        return cli_fail(c, EXIT_FORMAT);
    json_put_take(both, "Client", client_version());
    int r = http_json(c, "GET", "/version", NULL, &server);
    json_put(both, "Server", server ? server : json_null());
    if (format)
        return r < 0 || format_typed(format, both, &go_version, &c->err) < 0 ? cli_fail(c, 1) : 0;
    print_version("Client", json_obj(both, "Client"));
    if (r < 0)
        return cli_fail(c, 1);
    printf("\n");
    print_version("Server", server);
    size_t i;
    const json_t *component;
    json_array_foreach (json_arr(server, "Components"), i, component)
        printf(" %s:\n  %-17s%s\n", json_str(component, "Name", ""),
               "Version:", json_str(component, "Version", ""));
    return 0;
}

static const struct flag format_flags[] = {
    {"format", 'f', FLAG_STRING, "string", "Format output: json, TEMPLATE"},
    {NULL},
};

const struct cli_command command_version = {
    .group = NULL,
    .name = "version",
    .top = "version",
    .usage = "[OPTIONS]",
    .summary = "Show the version of client and server",
    .min = 0,
    .max = 0,
    .flags = format_flags,
    .examples = "The daemon's alone:\n"
                "    berth version --format '{{.Server.Version}}'\n",
    .common = true,
    .run = version_main};

static void print_list(const char *title, json_t *list)
{
    printf("  %s:", title);
    size_t i;
    const json_t *item;
    json_array_foreach (list, i, item)
        printf(" %s", json_string_value(item));
    printf("\n");
}

static void print_counts(const json_t *v)
{
    printf(" Containers: %lld\n", (long long)json_int(v, "Containers", 0));
    printf("  Running: %lld\n", (long long)json_int(v, "ContainersRunning", 0));
    printf("  Paused: %lld\n", (long long)json_int(v, "ContainersPaused", 0));
    printf("  Stopped: %lld\n", (long long)json_int(v, "ContainersStopped", 0));
    printf(" Images: %lld\n", (long long)json_int(v, "Images", 0));
}

static void print_info(const json_t *v)
{
    static const char *const members[][2] = {{"Server Version", "ServerVersion"},
                                             {"Storage Driver", "Driver"},
                                             {"Logging Driver", "LoggingDriver"},
                                             {"Cgroup Driver", "CgroupDriver"},
                                             {"Cgroup Version", "CgroupVersion"},
                                             {"Default Runtime", "DefaultRuntime"},
                                             {"Init Binary", "InitBinary"},
                                             {"Kernel Version", "KernelVersion"},
                                             {"Operating System", "OperatingSystem"},
                                             {"OSType", "OSType"},
                                             {"Architecture", "Architecture"},
                                             {"Name", "Name"},
                                             {"ID", "ID"},
                                             {"Root Dir", "DockerRootDir"}};
    size_t i;
    const json_t *item;
    printf("Server:\n");
    print_counts(v);
    for (size_t k = 0; k < ARRAY_SIZE(members); k++) {
        printf(" %s: %s\n", members[k][0], json_str(v, members[k][1], ""));
        if (!str_eq(members[k][1], "Driver"))
            continue;
        json_array_foreach (json_arr(v, "DriverStatus"), i, item)
            printf("  %s: %s\n", json_string_value(json_array_get(item, 0)),
                   json_string_value(json_array_get(item, 1)));
    }
    const json_t *plugins = json_obj(v, "Plugins");
    printf(" Plugins:\n");
    print_list("Volume", json_arr(plugins, "Volume"));
    print_list("Network", json_arr(plugins, "Network"));
    print_list("Log", json_arr(plugins, "Log"));
    _cleanup_(freep) char *memory = format_size_binary(json_int(v, "MemTotal", 0));
    printf(" CPUs: %lld\n Total Memory: %s\n", (long long)json_int(v, "NCPU", 0), memory);
    printf(" Live Restore Enabled: %s\n",
           json_bool(v, "LiveRestoreEnabled", false) ? "true" : "false");
    json_array_foreach (json_arr(v, "Warnings"), i, item)
        fprintf(stderr, "%s\n", json_string_value(item));
}

static int info_main(struct client *c, const struct args *a)
{
    json_auto_t *v = NULL;
    const char *format = args_str(a, "format", NULL);
    if (format && format_check(format, &c->err) < 0)
        return cli_fail(c, EXIT_FORMAT);
    if (http_json(c, "GET", "/info", NULL, &v) < 0)
        return cli_fail(c, 1);
    json_put_take(v, "ClientInfo", client_info());
    if (!format)
        print_info(v);
    else if (format_typed(format, v, &go_info, &c->err) < 0)
        return cli_fail(c, 1);
    return 0;
}

const struct cli_command command_info = {
    .group = "system",
    .name = "info",
    .top = "info",
    .usage = "[OPTIONS]",
    .summary = "Display system-wide information",
    .min = 0,
    .max = 0,
    .flags = format_flags,
    .examples = "    berth info --format '{{.Driver}} {{.CgroupVersion}}'\n",
    .common = true,
    .run = info_main};

struct event_stream {
    struct buf line;
    const char *format;
    struct err *err;
};

static void print_event(const json_t *e)
{
    char at[TIME_RFC3339_MAX];
    time_format_fixed(json_int(e, "timeNano", 0), at);
    const json_t *actor = json_obj(e, "Actor");
    struct strv attributes = {0};
    const char *k;
    json_t *v;
    json_object_foreach (json_obj(actor, "Attributes"), k, v)
        strv_addf(&attributes, "%s=%s", k, json_string_value(v));
    _cleanup_(freep) char *list = strv_join(&attributes, ", ");
    printf("%s %s %s %s%s%s%s\n", at, json_str(e, "Type", ""), json_str(e, "Action", ""),
           json_str(actor, "ID", ""), *list ? " (" : "", list, *list ? ")" : "");
    strv_fini(&attributes);
}

static int event_data(void *ctx, const char *data, size_t n)
{
    struct event_stream *s = ctx;
    for (size_t i = 0; i < n; i++) {
        if (data[i] != '\n') {
            buf_addc(&s->line, data[i]);
            continue;
        }
        json_auto_t *v = NULL;
        int r = s->line.len ? json_parse(s->line.s, s->line.len, &v, s->err) : 0;
        if (v && s->format)
            r = format_typed(s->format, v, &go_event, s->err);
        else if (v)
            print_event(v);
        fflush(stdout);
        buf_reset(&s->line);
        if (r < 0)
            return r;
    }
    return 0;
}

static int events_main(struct client *c, const struct args *a)
{
    _cleanup_(freep) char *filters = filters_query(a, NULL, &c->err);
    if (!filters)
        return cli_fail(c, 1);
    _cleanup_(freep) char *since_text = time_argument(args_str(a, "since", "")),
                          *until_text = time_argument(args_str(a, "until", ""));
    _cleanup_(freep) char *since = http_escape(since_text), *until = http_escape(until_text);
    _cleanup_(freep) char *path = str_printf("/events?since=%s&until=%s%s", since, until, filters);
    struct event_stream s = {.format = args_str(a, "format", NULL), .err = &c->err};
    if (s.format && format_check(s.format, &c->err) < 0)
        return cli_fail(c, EXIT_FORMAT);
    int r = http_stream(c, "GET", path, event_data, &s);
    buf_fini(&s.line);
    return r < 0 || c->err.code ? cli_fail(c, 1) : 0;
}

static const struct flag events_flags[] = {
    {"filter", 'f', FLAG_LIST, "filter", "Filter output based on conditions provided"},
    {"format", 0, FLAG_STRING, "string", "Format output: json, TEMPLATE"},
    {"since", 0, FLAG_STRING, "string", "Show all events created since timestamp"},
    {"until", 0, FLAG_STRING, "string", "Stream events until this timestamp"},
    {NULL},
};

const struct cli_command command_events = {
    .group = "system",
    .name = "events",
    .top = "events",
    .usage = "[OPTIONS]",
    .summary = "Get real time events from the server",
    .min = 0,
    .max = 0,
    .flags = events_flags,
    .examples = "What happened to a container in the last hour:\n"
                "    berth events --since 1h --until 0s --filter container=web\n",
    .run = events_main};
