/* SPDX-License-Identifier: Apache-2.0 */
/* system df */
#include "base/clock.h"
#include "base/json.h"
#include "client/commands.h"
#include "client/format.h"
#include "client/http.h"

/* One kind of objects. */
struct kind {
    const char *name;
    int64_t total, active, size, reclaimable;
};

static bool is_up(const json_t *container)
{
    const char *state = json_str(container, "State", "");
    return str_eq(state, "running") || str_eq(state, "paused") || str_eq(state, "restarting");
}

/* An image that a container stands on gives nothing back, but for what it shares: that is another's, too. */
static struct kind count_images(const json_t *df)
{
    struct kind k = {.name = "Images", .size = json_int(df, "LayersSize", 0)};
    const json_t *o;
    int64_t used = 0;
    size_t i;
    json_array_foreach (json_arr(df, "Images"), i, o) {
        k.total++;
        if (json_int(o, "Containers", 0) <= 0)
            continue;
        k.active++;
        int64_t size = json_int(o, "Size", -1), shared = json_int(o, "SharedSize", -1);
        used += size >= 0 && shared >= 0 ? size - shared : 0;
    }
    k.reclaimable = k.size > used ? k.size - used : 0;
    return k;
}

static struct kind count_containers(const json_t *df, const char *name, const char *size)
{
    struct kind k = {.name = name};
    const json_t *o;
    size_t i;
    json_array_foreach (json_arr(df, "Containers"), i, o) {
        bool up = is_up(o);
        k.total++;
        k.active += up;
        k.size += json_int(o, size, 0);
        k.reclaimable += up ? 0 : json_int(o, size, 0);
    }
    return k;
}

static struct kind count_volumes(const json_t *df)
{
    struct kind k = {.name = "Local Volumes"};
    const json_t *o;
    size_t i;
    json_array_foreach (json_arr(df, "Volumes"), i, o) {
        const json_t *usage = json_obj(o, "UsageData");
        int64_t size = json_int(usage, "Size", -1);
        bool used = json_int(usage, "RefCount", 0) > 0;
        k.total++;
        k.active += used;
        k.size += size > 0 ? size : 0;
        k.reclaimable += !used && size > 0 ? size : 0;
    }
    return k;
}

static struct kind count_cache(const json_t *df)
{
    struct kind k = {.name = "Build Cache"};
    const json_t *o;
    size_t i;
    json_array_foreach (json_arr(df, "BuildCache"), i, o) {
        bool used = json_bool(o, "InUse", false);
        k.total++;
        k.active += used;
        k.size += json_int(o, "Size", 0);
        k.reclaimable += used ? 0 : json_int(o, "Size", 0);
    }
    return k;
}

static json_t *kind_row(const struct kind *k)
{
    json_t *row = json_object();
    _cleanup_(freep) char *size = format_size(k->size), *back = format_size(k->reclaimable);
    json_put_str(row, "Type", k->name);
    json_put_strf(row, "TotalCount", "%lld", (long long)k->total);
    json_put_strf(row, "Active", "%lld", (long long)k->active);
    json_put_str(row, "Size", size);
    if (k->size > 0 && !str_eq(k->name, "Build Cache"))
        json_put_strf(row, "Reclaimable", "%s (%lld%%)", back,
                      (long long)(k->reclaimable * 100 / k->size));
    else
        json_put_str(row, "Reclaimable", back);
    return row;
}

static int print_summary(struct client *c, const struct args *a, const json_t *df)
{
    static const struct column columns[] = {
        {"Type", "TYPE"}, {"TotalCount", "TOTAL"},        {"Active", "ACTIVE"},
        {"Size", "SIZE"}, {"Reclaimable", "RECLAIMABLE"}, {NULL, NULL},
    };
    const struct kind kinds[] = {
        count_images(df), count_containers(df, "Containers", "SizeRw"), count_volumes(df),
        count_cache(df),  count_containers(df, "Logs", "SizeLogs"),
    };
    json_auto_t *rows = json_array();
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
        json_push_take(rows, kind_row(&kinds[i]));
    struct list_format f = {
        .format = args_str(a, "format", NULL),
        .columns = columns,
        .dflt = "table {{.Type}}\t{{.TotalCount}}\t{{.Active}}\t{{.Size}}\t{{.Reclaimable}}"};
    return format_list(&f, rows, &c->err);
}

/* --- -v */

static void put_size(json_t *row, const char *key, int64_t bytes)
{
    _cleanup_(freep) char *text = format_size(bytes);
    json_put_str(row, key, bytes < 0 ? "N/A" : text);
}

static void put_size_fine(json_t *row, const char *key, int64_t bytes)
{
    _cleanup_(freep) char *text = format_size_fine(bytes);
    json_put_str(row, key, bytes < 0 ? "N/A" : text);
}

static void put_age(json_t *row, const char *key, int64_t created)
{
    _cleanup_(freep) char *span = format_span(time_now_ns() / NS_PER_SEC - created);
    json_put_strf(row, key, "%s ago", span);
}

static json_t *image_row(const json_t *o)
{
    json_t *row = json_object();
    const char *id = json_str(o, "Id", ""), *hex = str_after(id, "sha256:"),
               *name = json_string_value(json_array_get(json_arr(o, "RepoTags"), 0)),
               *colon = name ? strrchr(name, ':') : NULL;
    int64_t size = json_int(o, "Size", -1), shared = json_int(o, "SharedSize", -1);
    json_put_strf(row, "Repository", "%.*s", colon ? (int)(colon - name) : 6,
                  colon ? name : "<none>");
    json_put_str(row, "Tag", colon ? colon + 1 : "<none>");
    json_put_strf(row, "ID", "%.12s", hex ? hex : id);
    put_age(row, "CreatedSince", json_int(o, "Created", 0));
    put_size(row, "Size", size);
    put_size(row, "SharedSize", shared);
    put_size_fine(row, "UniqueSize", size < 0 || shared < 0 ? -1 : size - shared);
    json_put_strf(row, "Containers", "%lld", (long long)json_int(o, "Containers", 0));
    return row;
}

static int64_t count_volume_mounts(const json_t *container)
{
    const json_t *m;
    int64_t n = 0;
    size_t i;
    json_array_foreach (json_arr(container, "Mounts"), i, m)
        n += str_eq(json_str(m, "Type", ""), "volume");
    return n;
}

static json_t *container_row(const json_t *o)
{
    json_t *row = json_object();
    const char *name = json_string_value(json_array_get(json_arr(o, "Names"), 0));
    _cleanup_(freep) char *quoted = format_quoted(json_str(o, "Command", "")),
                          *command = format_ellipsis(quoted, 20);
    json_put_strf(row, "ID", "%.12s", json_str(o, "Id", ""));
    json_put_str(row, "Image", json_str(o, "Image", ""));
    json_put_str(row, "Command", command);
    json_put_strf(row, "LocalVolumes", "%lld", (long long)count_volume_mounts(o));
    put_size(row, "Size", json_int(o, "SizeRw", 0));
    put_size(row, "Logs", json_int(o, "SizeLogs", 0));
    put_age(row, "RunningFor", json_int(o, "Created", 0));
    json_put_str(row, "Status", json_str(o, "Status", ""));
    json_put_str(row, "Names", name && *name == '/' ? name + 1 : name ? name : "");
    return row;
}

static json_t *volume_row(const json_t *o)
{
    json_t *row = json_object();
    const json_t *usage = json_obj(o, "UsageData");
    json_put_str(row, "Name", json_str(o, "Name", ""));
    json_put_strf(row, "Links", "%lld", (long long)json_int(usage, "RefCount", 0));
    put_size_fine(row, "Size", json_int(usage, "Size", -1));
    return row;
}

static json_t *cache_row(const json_t *o)
{
    json_t *row = json_object();
    json_put_strf(row, "ID", "%.12s", json_str(o, "ID", ""));
    json_put_str(row, "CacheType", json_str(o, "Type", ""));
    put_size(row, "Size", json_int(o, "Size", 0));
    json_put_strf(row, "UsageCount", "%lld", (long long)json_int(o, "UsageCount", 0));
    json_put_str(row, "Shared", json_bool(o, "Shared", false) ? "true" : "false");
    return row;
}

/* A part of the long form. */
static const struct section {
    const char *title, *member;
    json_t *(*row)(const json_t *o);
    const char *format;
    const struct column *columns;
} sections[] = {
    {"Images space usage:", "Images", image_row,
     "table {{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}\t{{.SharedSize}}\t"
     "{{.UniqueSize}}\t{{.Containers}}",
     (const struct column[]){{"Repository", "REPOSITORY"},
                             {"Tag", "TAG"},
                             {"ID", "IMAGE ID"},
                             {"CreatedSince", "CREATED"},
                             {"Size", "SIZE"},
                             {"SharedSize", "SHARED SIZE"},
                             {"UniqueSize", "UNIQUE SIZE"},
                             {"Containers", "CONTAINERS"},
                             {NULL, NULL}}},
    {"Containers space usage:", "Containers", container_row,
     "table {{.ID}}\t{{.Image}}\t{{.Command}}\t{{.LocalVolumes}}\t{{.Size}}\t{{.Logs}}\t"
     "{{.RunningFor}}\t{{.Status}}\t{{.Names}}",
     (const struct column[]){{"ID", "CONTAINER ID"},
                             {"Image", "IMAGE"},
                             {"Command", "COMMAND"},
                             {"LocalVolumes", "LOCAL VOLUMES"},
                             {"Size", "SIZE"},
                             {"Logs", "LOGS"},
                             {"RunningFor", "CREATED"},
                             {"Status", "STATUS"},
                             {"Names", "NAMES"},
                             {NULL, NULL}}},
    {"Local Volumes space usage:", "Volumes", volume_row, "table {{.Name}}\t{{.Links}}\t{{.Size}}",
     (const struct column[]){
         {"Name", "VOLUME NAME"}, {"Links", "LINKS"}, {"Size", "SIZE"}, {NULL, NULL}}},
    {"Build cache usage: ", "BuildCache", cache_row,
     "table {{.ID}}\t{{.CacheType}}\t{{.Size}}\t{{.UsageCount}}\t{{.Shared}}",
     (const struct column[]){{"ID", "CACHE ID"},
                             {"CacheType", "CACHE TYPE"},
                             {"Size", "SIZE"},
                             {"UsageCount", "USAGE"},
                             {"Shared", "SHARED"},
                             {NULL, NULL}}},
};

static json_t *section_rows(const struct section *s, const json_t *df)
{
    json_t *rows = json_array();
    const json_t *o;
    size_t i;
    json_array_foreach (json_arr(df, s->member), i, o)
        json_push_take(rows, s->row(o));
    return rows;
}

static int print_sections(struct client *c, const json_t *df)
{
    const struct kind built = count_cache(df);
    _cleanup_(freep) char *cache = format_size(built.size);
    int r = 0;
    for (size_t i = 0; r == 0 && i < ARRAY_SIZE(sections); i++) {
        json_auto_t *rows = section_rows(&sections[i], df);
        struct list_format f = {.columns = sections[i].columns, .dflt = sections[i].format};
        printf("%s%s%s\n\n", i ? "\n" : "", sections[i].title,
               str_eq(sections[i].member, "BuildCache") ? cache : "");
        r = format_list(&f, rows, &c->err);
    }
    return r;
}

static int print_format(struct client *c, const char *format, const json_t *df)
{
    json_auto_t *all = json_object();
    for (size_t i = 0; i < ARRAY_SIZE(sections); i++)
        json_put_take(all, sections[i].member, section_rows(&sections[i], df));
    return format_one(format, all, true, &c->err);
}

static int df_main(struct client *c, const struct args *a)
{
    json_auto_t *df = NULL;
    const char *format = args_str(a, "format", NULL);
    int r = http_json(c, "GET", "/system/df", NULL, &df);
    if (r < 0)
        return cli_fail(c, 1);
    if (!args_bool(a, "verbose"))
        r = print_summary(c, a, df);
    else
        r = format ? print_format(c, format, df) : print_sections(c, df);
    return r < 0 ? cli_fail(c, 1) : 0;
}

static const struct flag df_flags[] = {
    {"format", 0, FLAG_STRING, "string", "Format output: table, table TEMPLATE, json, TEMPLATE"},
    {"verbose", 'v', FLAG_BOOL, "", "Show detailed information on space usage"},
    {NULL},
};

const struct cli_command command_system_df = {.group = "system",
                                              .name = "df",
                                              .usage = "[OPTIONS]",
                                              .summary = "Show disk usage",
                                              .min = 0,
                                              .max = 0,
                                              .flags = df_flags,
                                              .run = df_main};
