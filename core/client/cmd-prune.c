/* SPDX-License-Identifier: Apache-2.0 */
/* container prune, image prune, volume prune, system prune */
#include <errno.h>

#include "base/json.h"
#include "client/commands.h"
#include "client/confirm.h"
#include "client/filters.h"
#include "client/format.h"
#include "client/http.h"

static void print_ids(const char *title, const json_t *ids)
{
    size_t i;
    const json_t *id;
    if (json_array_size(ids) > 0)
        printf("Deleted %s:\n", title);
    json_array_foreach (ids, i, id)
        puts(json_string_value(id));
    if (json_array_size(ids) > 0)
        puts("");
}

static void print_images(const json_t *items)
{
    size_t i;
    const json_t *item;
    if (json_array_size(items) > 0)
        puts("Deleted Images:");
    json_array_foreach (items, i, item) {
        const char *untagged = json_str(item, "Untagged", NULL);
        printf("%s: %s\n", untagged ? "untagged" : "deleted",
               untagged ? untagged : json_str(item, "Deleted", ""));
    }
    if (json_array_size(items) > 0)
        puts("");
}

/* Asks the daemon to prune, prints what has gone, adds what that gave back. */
static int prune(struct client *c, const char *path, const char *filters, int64_t *bytes)
{
    json_auto_t *answer = NULL;
    _cleanup_(freep) char *whole =
        str_printf("%s%s%s", path, strchr(path, '?') ? "" : "?", filters);
    int r = http_json(c, "POST", whole, NULL, &answer);
    if (r < 0)
        return r;
    print_ids("Containers", json_arr(answer, "ContainersDeleted"));
    print_ids("Networks", json_arr(answer, "NetworksDeleted"));
    print_ids("Volumes", json_arr(answer, "VolumesDeleted"));
    print_images(json_arr(answer, "ImagesDeleted"));
    print_ids("build cache objects", json_arr(answer, "CachesDeleted"));
    *bytes += json_int(answer, "SpaceReclaimed", 0);
    return 0;
}

static int prune_and_sum(struct client *c, const char *path, const char *filters)
{
    int64_t bytes = 0;
    if (prune(c, path, filters, &bytes) < 0)
        return cli_fail(c, 1);
    _cleanup_(freep) char *size = format_size(bytes);
    printf("Total reclaimed space: %s\n", size);
    return 0;
}

static int container_prune_main(struct client *c, const struct args *a)
{
    _cleanup_(freep) char *filters = filters_query(a, NULL, &c->err);
    if (!filters)
        return cli_fail(c, 125);
    if (!args_bool(a, "force") && !confirm("This will remove all stopped containers."))
        return 0;
    return prune_and_sum(c, "/containers/prune", filters);
}

static const struct flag container_prune_flags[] = {
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
    .flags = container_prune_flags,
    .examples = "    berth container prune --filter until=24h --filter 'label!=keep'\n",
    .run = container_prune_main};

static int image_prune_main(struct client *c, const struct args *a)
{
    bool all = args_bool(a, "all");
    _cleanup_(freep) char *filters =
        filters_query(a, all ? "dangling=false" : "dangling=true", &c->err);
    if (!filters)
        return cli_fail(c, 125);
    if (!args_bool(a, "force") &&
        !confirm(all ? "This will remove all images without at least one container associated to "
                       "them."
                     : "This will remove all dangling images."))
        return 0;
    return prune_and_sum(c, "/images/prune", filters);
}

static const struct flag image_prune_flags[] = {
    {"all", 'a', FLAG_BOOL, "", "Remove all unused images, not just dangling ones"},
    {"filter", 0, FLAG_LIST, "filter", "Provide filter values (until=TIME, label=KEY[=VALUE])"},
    {"force", 'f', FLAG_BOOL, "", "Do not prompt for confirmation"},
    {NULL},
};

const struct cli_command command_image_prune = {.group = "image",
                                                .name = "prune",
                                                .usage = "[OPTIONS]",
                                                .summary = "Remove unused images",
                                                .min = 0,
                                                .max = 0,
                                                .flags = image_prune_flags,
                                                .run = image_prune_main};

static int volume_prune_main(struct client *c, const struct args *a)
{
    bool all = args_bool(a, "all");
    _cleanup_(freep) char *filters = filters_query(a, all ? "all=true" : NULL, &c->err);
    if (!filters)
        return cli_fail(c, 125);
    if (!args_bool(a, "force") &&
        !confirm(all ? "This will remove all local volumes not used by at least one container."
                     : "This will remove anonymous local volumes not used by at least one "
                       "container."))
        return 0;
    return prune_and_sum(c, "/volumes/prune", filters);
}

static const struct flag volume_prune_flags[] = {
    {"all", 'a', FLAG_BOOL, "", "Remove all unused volumes, not just anonymous ones"},
    {"filter", 0, FLAG_LIST, "filter", "Provide filter values (label=KEY[=VALUE])"},
    {"force", 'f', FLAG_BOOL, "", "Do not prompt for confirmation"},
    {NULL},
};

const struct cli_command command_volume_prune = {.group = "volume",
                                                 .name = "prune",
                                                 .usage = "[OPTIONS]",
                                                 .summary = "Remove unused local volumes",
                                                 .min = 0,
                                                 .max = 0,
                                                 .flags = volume_prune_flags,
                                                 .run = volume_prune_main};

static char *system_warning(const struct args *a)
{
    struct buf b = {0};
    const char *item;
    bool all = args_bool(a, "all");
    buf_adds(&b, "This will remove:\n  - all stopped containers\n"
                 "  - all networks not used by at least one container\n");
    if (args_bool(a, "volumes"))
        buf_adds(&b, "  - all anonymous volumes not used by at least one container\n");
    buf_adds(&b, all ? "  - all images without at least one container associated to them\n"
                     : "  - all dangling images\n");
    buf_adds(&b, all ? "  - all build cache\n" : "  - unused build cache\n");
    if (args_list(a, "filter")->n > 0)
        buf_adds(&b, "\n  Items to be pruned will be filtered with:\n");
    strv_foreach (item, args_list(a, "filter"))
        buf_printf(&b, "  - %s\n", item);
    return buf_steal(&b);
}

static bool filters_by_time(const struct args *a)
{
    const char *item;
    strv_foreach (item, args_list(a, "filter"))
        if (str_after(item, "until"))
            return true;
    return false;
}

static int system_prune_all(struct client *c, const struct args *a, const char *filters,
                            const char *image_filters)
{
    int64_t bytes = 0;
    int r = prune(c, "/containers/prune", filters, &bytes);
    if (r == 0)
        r = prune(c, "/networks/prune", filters, &bytes);
    if (r == 0 && args_bool(a, "volumes"))
        r = prune(c, "/volumes/prune", filters, &bytes);
    if (r == 0)
        r = prune(c, "/images/prune", image_filters, &bytes);
    if (r == 0)
        r = prune(c, args_bool(a, "all") ? "/build/prune?all=1" : "/build/prune", filters, &bytes);
    _cleanup_(freep) char *size = format_size(bytes);
    printf("Total reclaimed space: %s\n", size);
    return r;
}

static int system_prune_main(struct client *c, const struct args *a)
{
    _cleanup_(freep) char *filters = filters_query(a, NULL, &c->err),
                          *image_filters = filters_query(
                              a, args_bool(a, "all") ? "dangling=false" : "dangling=true", &c->err);
    if (!filters || !image_filters)
        return cli_fail(c, 125);
    if (args_bool(a, "volumes") && filters_by_time(a)) {
        err_set(&c->err, -EINVAL, "the \"until\" filter is not supported with \"--volumes\"");
        return cli_fail(c, 1);
    }
    _cleanup_(freep) char *warning = system_warning(a);
    if (!args_bool(a, "force") && !confirm(warning))
        return 0;
    return system_prune_all(c, a, filters, image_filters) < 0 ? cli_fail(c, 1) : 0;
}

static const struct flag system_prune_flags[] = {
    {"all", 'a', FLAG_BOOL, "", "Remove all unused images not just dangling ones"},
    {"filter", 0, FLAG_LIST, "filter", "Provide filter values (until=TIME, label=KEY[=VALUE])"},
    {"force", 'f', FLAG_BOOL, "", "Do not prompt for confirmation"},
    {"volumes", 0, FLAG_BOOL, "", "Prune anonymous volumes"},
    {NULL},
};

const struct cli_command command_system_prune = {
    .group = "system",
    .name = "prune",
    .usage = "[OPTIONS]",
    .summary = "Remove unused data",
    .min = 0,
    .max = 0,
    .flags = system_prune_flags,
    .examples = "All that nothing uses, but what is younger than a day:\n"
                "    berth system prune -a --filter until=24h\n",
    .run = system_prune_main};
