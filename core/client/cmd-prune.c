/* SPDX-License-Identifier: Apache-2.0 */
/* container prune. */
#include "base/json.h"
#include "client/commands.h"
#include "client/confirm.h"
#include "client/filters.h"
#include "client/format.h"
#include "client/http.h"

static int prune_main(struct client *c, const struct args *a)
{
    json_auto_t *answer = NULL;
    _cleanup_(freep) char *filters = filters_query(a, NULL, &c->err);
    if (!filters)
        return cli_fail(c, 125);
    if (!args_bool(a, "force") && !confirm("This will remove all stopped containers."))
        return 0;
    _cleanup_(freep) char *path = str_printf("/containers/prune?%s", filters);
    if (http_json(c, "POST", path, NULL, &answer) < 0)
        return cli_fail(c, 1);
    size_t i;
    const json_t *id, *deleted = json_arr(answer, "ContainersDeleted");
    if (json_array_size(deleted) > 0)
        puts("Deleted Containers:");
    json_array_foreach (deleted, i, id)
        puts(json_string_value(id));
    _cleanup_(freep) char *size = format_size_fine(json_int(answer, "SpaceReclaimed", 0));
    printf("%sTotal reclaimed space: %s\n", json_array_size(deleted) > 0 ? "\n" : "", size);
    return 0;
}

static const struct flag prune_flags[] = {
    {"filter", 0, FLAG_LIST, "filter", "Provide filter values (until=TIME, label=KEY[=VALUE])"},
    {"force", 'f', FLAG_BOOL, "", "Do not prompt for confirmation"},
    {NULL},
};

const struct cli_command command_container_prune = {
    .group = "container",
    .name = "prune",
    .usage = "[OPTIONS]",
    .summary = "Remove all stopped containers",
    .min = 0,
    .max = 0,
    .flags = prune_flags,
    .examples = "    berth container prune --filter until=24h --filter 'label!=keep'\n",
    .run = prune_main};
