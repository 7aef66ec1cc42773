/* SPDX-License-Identifier: Apache-2.0 */
/* config: what the daemon's configuration is, and having it read again. */
#include <errno.h>

#include "base/json.h"
#include "client/commands.h"
#include "client/format.h"
#include "client/http.h"

static int print_text(void *ctx, const char *data, size_t n)
{
    (void)ctx;
    return fwrite(data, 1, n, stdout) == n ? 0 : -EIO;
}

static int show_main(struct client *c, const struct args *a)
{
    const char *format = args_str(a, "format", NULL);
    json_auto_t *all = NULL;
    if (!format)
        return http_stream(c, "GET", "/berth/config?format=text", print_text, NULL) < 0
                   ? cli_fail(c, 1)
                   : 0;
    if (http_json(c, "GET", "/berth/config", NULL, &all) < 0 ||
        format_one(format, all, true, &c->err) < 0)
        return cli_fail(c, 1);
    return 0;
}

static const struct flag show_flags[] = {
    {"format", 0, FLAG_STRING, "string", "Format output: json, TEMPLATE"}, {NULL}};

const struct cli_command command_config_show = {.group = "config",
                                                .name = "show",
                                                .usage = "[OPTIONS]",
                                                .summary = "Display the daemon's configuration and "
                                                           "where each value came from",
                                                .flags = show_flags,
                                                .examples =
                                                    "    berth config show --format '{{json .}}'\n",
                                                .run = show_main};

static char *words(const json_t *value)
{
    return json_is_null(value) ? xstrdup("not set") : json_text(value);
}

static void print_changes(const json_t *list, const char *note)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *change = json_array_get(list, i);
        _cleanup_(freep) char *from = words(json_object_get(change, "From"));
        _cleanup_(freep) char *to = words(json_object_get(change, "To"));
        printf("%s: %s -> %s%s\n", json_str(change, "Key", ""), from, to, note);
    }
}

static int reload_main(struct client *c, const struct args *a)
{
    json_auto_t *report = NULL;
    (void)a;
    if (http_json(c, "POST", "/berth/config/reload", NULL, &report) < 0)
        return cli_fail(c, 1);
    const json_t *changed = json_arr(report, "Changed"), *later = json_arr(report, "NeedsRestart");
    print_changes(changed, "");
    print_changes(later, " (when berthd is started again)");
    if (json_array_size(changed) == 0 && json_array_size(later) == 0)
        puts("nothing changed");
    return 0;
}

static const struct flag no_flags[] = {{NULL}};

const struct cli_command command_config_reload = {
    .group = "config",
    .name = "reload",
    .usage = "",
    .summary = "Have the daemon read its configuration again, all or nothing",
    .flags = no_flags,
    .run = reload_main};
