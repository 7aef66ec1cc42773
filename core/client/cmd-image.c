/* SPDX-License-Identifier: Apache-2.0 */
/* images, import, tag, rmi, history */
#include <errno.h>
#include <fcntl.h>
#include <time.h>

#include "base/clock.h"
#include "base/json.h"
#include "client/commands.h"
#include "client/filters.h"
#include "client/format.h"
#include "client/http.h"
#include "client/lines.h"
#include "client/user-config.h"

static const struct column columns[] = {
    {"ID", "IMAGE ID"},
    {"Repository", "REPOSITORY"},
    {"Tag", "TAG"},
    {"Digest", "DIGEST"},
    {"CreatedSince", "CREATED"},
    {"CreatedAt", "CREATED AT"},
    {"Size", "SIZE"},
    {"Containers", "CONTAINERS"},
    {"SharedSize", "SHARED SIZE"},
    {"UniqueSize", "UNIQUE SIZE"},
    {"VirtualSize", "SIZE"},
    {NULL, NULL},
};

/* The digest by which a repository has the image, or NULL. */
static const char *digest_of_repository(const json_t *image, const char *name, size_t n)
{
    size_t i;
    const json_t *v;
    json_array_foreach (json_arr(image, "RepoDigests"), i, v) {
        const char *text = json_string_value(v), *at = text ? strchr(text, '@') : NULL;
        if (at && (size_t)(at - text) == n && memcmp(text, name, n) == 0)
            return at + 1;
    }
    return NULL;
}

static json_t *row_of(const json_t *image, const char *reference, bool whole)
{
    json_t *row = json_object();
    const char *id = json_str(image, "Id", ""), *hex = str_after(id, "sha256:");
    const char *colon = reference ? strrchr(reference, ':') : NULL;
    int64_t created = json_int(image, "Created", 0);
    _cleanup_(freep) char *at = format_time(created),
                          *span = format_span(time_now_ns() / NS_PER_SEC - created),
                          *size = format_size(json_int(image, "Size", 0)),
                          *fine = format_size_fine(json_int(image, "Size", 0));
    json_put_strf(row, "ID", whole ? "%s" : "%.12s", whole || !hex ? id : hex);
    json_put_strf(row, "Repository", "%.*s", colon ? (int)(colon - reference) : 6,
                  colon ? reference : "<none>");
    json_put_str(row, "Tag", colon ? colon + 1 : "<none>");
    const char *digest =
        colon ? digest_of_repository(image, reference, (size_t)(colon - reference)) : NULL;
    json_put_str(row, "Digest", digest ? digest : "<none>");
    json_put_strf(row, "CreatedSince", "%s ago", span);
    json_put_str(row, "CreatedAt", at);
    json_put_str(row, "Size", size);
    json_put_str(row, "VirtualSize", fine);
    int64_t containers = json_int(image, "Containers", -1);
    json_put_strf(row, "Containers", containers < 0 ? "N/A" : "%lld", (long long)containers);
    json_put_str(row, "SharedSize", "N/A");
    json_put_str(row, "UniqueSize", "N/A");
    return row;
}

static int images_main(struct client *c, const struct args *a)
{
    json_auto_t *list = NULL, *rows = json_array();
    _cleanup_(freep) char *wanted = a->rest.n ? str_printf("reference=%s", a->rest.v[0]) : NULL;
    _cleanup_(freep) char *filters = filters_query(a, wanted, &c->err);
    if (!filters)
        return cli_fail(c, 1);
    _cleanup_(freep) char *path = str_printf("/images/json?all=%d%s", args_bool(a, "all"), filters);
    if (http_json(c, "GET", path, NULL, &list) < 0)
        return cli_fail(c, 1);
    size_t i, k;
    const json_t *image, *tag;
    bool whole = args_bool(a, "no-trunc"), quiet = args_bool(a, "quiet");
    json_array_foreach (list, i, image) {
        json_array_foreach (json_arr(image, "RepoTags"), k, tag)
            json_push_take(rows, row_of(image, json_string_value(tag), whole));
        if (json_array_size(json_arr(image, "RepoTags")) == 0)
            json_push_take(rows, row_of(image, NULL, whole));
    }
    struct list_format f = {.format = list_format(c, a, "imagesFormat"),
                            .columns = columns,
                            .type = "*formatter.imageContext",
                            .raw = "repository: {{.Repository}}\n"
                                   "tag: {{.Tag}}\n"
                                   "image_id: {{.ID}}\n"
                                   "created_at: {{.CreatedAt}}\n"
                                   "virtual_size: {{.Size}}\n",
                            .quiet_field = quiet ? "ID" : NULL,
                            .dflt = args_bool(a, "digests")
                                        ? "table {{.Repository}}\t{{.Tag}}\t{{.Digest}}\t{{.ID}}\t"
                                          "{{.CreatedSince}}\t{{.Size}}"
                                        : "table {{.Repository}}\t{{.Tag}}\t{{.ID}}\t"
                                          "{{.CreatedSince}}\t{{.Size}}"};
    return format_list(&f, rows, &c->err) < 0 ? cli_fail(c, 1) : 0;
}

static const struct flag images_flags[] = {
    {"all", 'a', FLAG_BOOL, "", "Show all images (default hides intermediate images)"},
    {"digests", 0, FLAG_BOOL, "", "Show digests"},
    {"filter", 'f', FLAG_LIST, "filter", "Filter output based on conditions provided"},
    {"format", 0, FLAG_STRING, "string", "Format output: table, table TEMPLATE, json, TEMPLATE"},
    {"no-trunc", 0, FLAG_BOOL, "", "Don't truncate output"},
    {"quiet", 'q', FLAG_BOOL, "", "Only show image IDs"},
    {NULL},
};

const struct cli_command command_images = {
    .group = "image",
    .name = "ls",
    .top = "images",
    .usage = "[OPTIONS] [REPOSITORY[:TAG]]",
    .summary = "List images",
    .min = 0,
    .max = 1,
    .flags = images_flags,
    .aliases = "list",
    .examples = "The size of each, by name:\n"
                "    berth images --format 'table {{.Repository}}:{{.Tag}}\\t{{.Size}}'\n",
    .common = true,
    .first = COMPLETE_IMAGE,
    .run = images_main};

void split_reference(const char *reference, char **name, char **tag)
{
    const char *slash = strrchr(reference, '/'), *at = strchr(reference, '@');
    const char *cut = at ? at : strchr(slash ? slash : reference, ':');
    *name = cut ? xstrndup(reference, (size_t)(cut - reference)) : xstrdup(reference);
    *tag = xstrdup(cut ? cut + 1 : "latest");
}

int image_pull(struct client *c, const char *reference)
{
    _cleanup_(freep) char *name = NULL, *tag = NULL;
    split_reference(reference, &name, &tag);
    _cleanup_(freep) char *n = http_escape(name), *t = http_escape(tag);
    _cleanup_(freep) char *path = str_printf("/images/create?fromImage=%s&tag=%s", n, t);
    struct lines l = {.quiet = true};
    err_clear(&c->err);
    int r = http_stream(c, "POST", path, lines_data, &l);
    return lines_end(c, &l, r);
}

static int import_main(struct client *c, const struct args *a)
{
    const char *source = a->rest.v[0], *reference = a->rest.n > 1 ? a->rest.v[1] : "", *item;
    bool url = strstr(source, "://") != NULL;
    _cleanup_(closep) int fd = str_eq(source, "-") || url ? -1 : open(source, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && !str_eq(source, "-") && !url) {
        err_errno(&c->err, -errno, "open %s", source);
        return cli_fail(c, 1);
    }
    _cleanup_(freep) char *from = http_escape(url ? source : "-"), *repo = http_escape(reference),
                          *message = http_escape(args_str(a, "message", "")),
                          *platform = http_escape(args_str(a, "platform", ""));
    struct buf b = {0};
    buf_printf(&b, "/images/create?fromSrc=%s&repo=%s&message=%s&platform=%s", from, repo, message,
               platform);
    strv_foreach (item, args_list(a, "change")) {
        _cleanup_(freep) char *change = http_escape(item);
        buf_printf(&b, "&changes=%s", change);
    }
    _cleanup_(freep) char *path = buf_steal(&b);
    struct meter meter;
    struct lines l = {.meter = &meter};
    meter_begin(&meter, "Sending", meter_total_of(fd >= 0 ? fd : STDIN_FILENO));
    c->meter = &meter;
    int r = http_upload(c, path, fd >= 0 ? fd : STDIN_FILENO, lines_data, &l);
    c->meter = NULL;
    return lines_end(c, &l, r) < 0 ? cli_fail(c, 1) : 0;
}

static const struct flag import_flags[] = {
    {"change", 'c', FLAG_LIST, "list", "Apply Dockerfile instruction to the created image"},
    {"message", 'm', FLAG_STRING, "string", "Set commit message for imported image"},
    {"platform", 0, FLAG_STRING, "string", "Set platform of the image, as OS/ARCH[/VARIANT]"},
    {NULL},
};

const struct cli_command command_import = {
    .group = "image",
    .name = "import",
    .top = "import",
    .usage = "[OPTIONS] FILE|- [REPOSITORY[:TAG]]",
    .summary = "Import the contents from a tarball to create a file system image",
    .min = 1,
    .max = 2,
    .flags = import_flags,
    .examples = "A root file system becomes an image:\n"
                "    tar -C rootfs -c . | berth import -c 'CMD [\"sh\"]' - myimage:1\n",
    .first = COMPLETE_FILE,
    .run = import_main};

static int tag_main(struct client *c, const struct args *a)
{
    _cleanup_(freep) char *repo = NULL, *tag = NULL;
    if (strchr(a->rest.v[1], '@')) {
        err_set(&c->err, -EINVAL, "refusing to create a tag with a digest reference: %s",
                a->rest.v[1]);
        return cli_fail(c, 1);
    }
    split_reference(a->rest.v[1], &repo, &tag);
    _cleanup_(freep) char *id = http_escape(a->rest.v[0]), *r = http_escape(repo),
                          *t = http_escape(tag);
    _cleanup_(freep) char *path = str_printf("/images/%s/tag?repo=%s&tag=%s", id, r, t);
    return http_json(c, "POST", path, NULL, NULL) < 0 ? cli_fail(c, 1) : 0;
}

static const struct flag no_flags[] = {{NULL}};

const struct cli_command command_tag = {.group = "image",
                                        .name = "tag",
                                        .top = "tag",
                                        .usage = "SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]",
                                        .summary =
                                            "Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE",
                                        .min = 2,
                                        .max = 2,
                                        .flags = no_flags,
                                        .examples = "    berth tag myimage:1 myimage:latest\n",
                                        .first = COMPLETE_IMAGE,
                                        .rest = COMPLETE_IMAGE,
                                        .run = tag_main};

static int rmi_one(struct client *c, const struct args *a, const char *ref)
{
    json_auto_t *done = NULL;
    _cleanup_(freep) char *id = http_escape(ref);
    _cleanup_(freep) char *path = str_printf("/images/%s?force=%d&noprune=%d", id,
                                             args_bool(a, "force"), args_bool(a, "no-prune"));
    int r = http_json(c, "DELETE", path, NULL, &done);
    size_t i;
    const json_t *step;
    json_array_foreach (done, i, step) {
        const char *untagged = json_str(step, "Untagged", NULL);
        printf("%s: %s\n", untagged ? "Untagged" : "Deleted",
               untagged ? untagged : json_str(step, "Deleted", ""));
    }
    return r;
}

static int rmi_main(struct client *c, const struct args *a)
{
    return cli_each(c, a, rmi_one);
}

static const struct flag rmi_flags[] = {
    {"force", 'f', FLAG_BOOL, "", "Force removal of the image"},
    {"no-prune", 0, FLAG_BOOL, "", "Do not delete untagged parents"},
    {NULL},
};

const struct cli_command command_rmi = {.group = "image",
                                        .name = "rm",
                                        .top = "rmi",
                                        .usage = "[OPTIONS] IMAGE [IMAGE...]",
                                        .summary = "Remove one or more images",
                                        .min = 1,
                                        .max = -1,
                                        .flags = rmi_flags,
                                        .aliases = "remove",
                                        .first = COMPLETE_IMAGE,
                                        .rest = COMPLETE_IMAGE,
                                        .run = rmi_main};

static const struct column history_columns[] = {
    {"ID", "IMAGE"},
    {"CreatedSince", "CREATED"},
    {"CreatedAt", "CREATED AT"},
    {"CreatedBy", "CREATED BY"},
    {"Size", "SIZE"},
    {"Comment", "COMMENT"},
    {NULL, NULL},
};

/* RFC 3339 in this zone. */
static char *history_time(int64_t seconds)
{
    char text[40], zone[8];
    struct tm tm;
    time_t t = (time_t)seconds;
    localtime_r(&t, &tm);
    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
    strftime(zone, sizeof(zone), "%z", &tm);
    return tm.tm_gmtoff == 0 ? str_printf("%sZ", text)
                             : str_printf("%s%.3s:%s", text, zone, zone + 3);
}

static json_t *history_row(const json_t *h, bool whole, bool human)
{
    json_t *row = json_object();
    const char *id = json_str(h, "Id", "<missing>"), *hex = str_after(id, "sha256:");
    int64_t created = json_int(h, "Created", 0), bytes = json_int(h, "Size", 0);
    _cleanup_(freep) char *by = xstrdup(json_str(h, "CreatedBy", ""));
    for (char *s = by; *s; s++)
        *s = *s == '\t' ? ' ' : *s;
    _cleanup_(freep) char *at = history_time(created),
                          *shown = whole ? xstrdup(by) : format_ellipsis(by, 45),
                          *span = format_span(time_now_ns() / NS_PER_SEC - created),
                          *size = human ? format_size(bytes) : str_printf("%lld", (long long)bytes);
    json_put_strf(row, "ID", whole || !hex ? "%s" : "%.12s", whole || !hex ? id : hex);
    json_put_strf(row, "CreatedSince", human ? "%s ago" : "%s", human ? span : at);
    if (human && created <= 0)
        json_put_str(row, "CreatedSince", "N/A");
    json_put_str(row, "CreatedAt", at);
    json_put_str(row, "CreatedBy", shown);
    json_put_str(row, "Size", size);
    json_put_str(row, "Comment", json_str(h, "Comment", ""));
    return row;
}

static int history_main(struct client *c, const struct args *a)
{
    json_auto_t *list = NULL, *rows = json_array();
    bool human = args_bool_or(a, "human", true);
    _cleanup_(freep) char *platform = platform_query(a, &c->err);
    if (!platform)
        return cli_fail(c, 1);
    _cleanup_(freep) char *name = http_escape(a->rest.v[0]);
    _cleanup_(freep) char *path = str_printf("/images/%s/history?%s", name, platform);
    if (http_json(c, "GET", path, NULL, &list) < 0)
        return cli_fail(c, 1);
    size_t i;
    const json_t *h;
    json_array_foreach (list, i, h)
        json_push_take(rows, history_row(h, args_bool(a, "no-trunc"), human));
    struct list_format f = {
        .format = args_str(a, "format", NULL),
        .columns = history_columns,
        .type = "*image.historyContext",
        .quiet_field = args_bool(a, "quiet") ? "ID" : NULL,
        .dflt = human ? "table {{.ID}}\t{{.CreatedSince}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}"
                      : "table {{.ID}}\t{{.CreatedAt}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}"};
    return format_list(&f, rows, &c->err) < 0 ? cli_fail(c, 1) : 0;
}

static const struct flag history_flags[] = {
    {"format", 0, FLAG_STRING, "string", "Format output: table, table TEMPLATE, json, TEMPLATE"},
    {"human", 'H', FLAG_BOOL, "", "Print sizes and dates in human readable format (default true)"},
    {"no-trunc", 0, FLAG_BOOL, "", "Don't truncate output"},
    {"platform", 0, FLAG_STRING, "string", "Show history for the given platform"},
    {"quiet", 'q', FLAG_BOOL, "", "Only show image IDs"},
    {NULL},
};

const struct cli_command command_history = {.group = "image",
                                            .name = "history",
                                            .top = "history",
                                            .usage = "[OPTIONS] IMAGE",
                                            .summary = "Show the history of an image",
                                            .min = 1,
                                            .max = 1,
                                            .flags = history_flags,
                                            .first = COMPLETE_IMAGE,
                                            .run = history_main};
