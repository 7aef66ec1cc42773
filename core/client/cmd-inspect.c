/* SPDX-License-Identifier: Apache-2.0 */
/* inspect: of a kind, or of whatever has that name. */
#include <errno.h>

#include "base/json.h"
#include "client/commands.h"
#include "client/format.h"
#include "client/http.h"
#include "client/types.h"

static const struct {
    const char *type, *path;
    const struct go_type *go;
    const char *flag; /* that asks for more of it */
} kinds[] = {{"container", "/containers/%s/json", &go_container_inspect, "size"},
             {"image", "/images/%s/json", &go_image_inspect, ""},
             {"network", "/networks/%s", &go_network_inspect, "verbose"},
             {"volume", "/volumes/%s", &go_volume, ""}};

/* *kind is what it turned out to be. */
static int inspect_one(struct client *c, const struct args *a, const char *type, const char *ref,
                       json_t **out, size_t *kind)
{
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        if (type && !str_eq(type, kinds[i].type))
            continue;
        _cleanup_(freep) char *id = http_escape(ref);
        struct buf b = {0};
        const char *at = strstr(kinds[i].path, "%s");
        buf_add(&b, kinds[i].path, (size_t)(at - kinds[i].path));
        buf_adds(&b, id);
        buf_adds(&b, at + 2);
        if (args_bool(a, kinds[i].flag))
            buf_printf(&b, "?%s=1", kinds[i].flag);
        _cleanup_(freep) char *path = buf_steal(&b);
        int r = http_json(c, "GET", path, NULL, out);
        *kind = i;
        if ((r != -ENOENT && r != -EINVAL) || type) /* a name that an image cannot have */
            return r;
    }
    return err_set(&c->err, -ENOENT, "Error: No such object: %s", ref);
}

static void print_all(const json_t *found, bool compact)
{
    json_dumpf(found, stdout, compact ? JSON_COMPACT : JSON_INDENT(4));
    putchar('\n');
}

static int inspect_all(struct client *c, const struct args *a, const char *type)
{
    json_auto_t *found = json_array();
    const char *format = args_str(a, "format", NULL);
    bool json = str_empty(format) || str_eq(format, "json");
    size_t kind = 0;
    int code = 0;
    if (!json && format_check(format, &c->err) < 0)
        return cli_fail(c, EXIT_FORMAT);
    for (size_t i = 0; i < a->rest.n; i++) {
        json_t *v = NULL;
        err_clear(&c->err);
        if (str_empty(a->rest.v[i])) {
            fprintf(stderr, "berth: invalid name or ID: the value is empty\n");
            code = 1;
            continue;
        }
        if (inspect_one(c, a, type, a->rest.v[i], &v, &kind) < 0) {
            fprintf(stderr, "%s\n", err_msg(&c->err));
            code = 1;
            continue;
        }
        json_push_take(found, v);
        if (!json && format_inspect(format, v, kinds[kind].go, &c->err) < 0)
            return cli_fail(c, 1);
    }
    if (json)
        print_all(found, !str_empty(format));
    return code;
}

static int inspect_main(struct client *c, const struct args *a)
{
    const char *type = args_str(a, "type", NULL);
    bool known = str_empty(type);
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
        known = known || str_eq(type, kinds[i].type);
    if (!known) {
        err_set(&c->err, -EINVAL,
                "\"%s\" is not a valid value for --type: container, image, network, volume", type);
        return cli_fail(c, 1);
    }
    return inspect_all(c, a, str_empty(type) ? NULL : type);
}

static int container_main(struct client *c, const struct args *a)
{
    return inspect_all(c, a, "container");
}

static int image_main(struct client *c, const struct args *a)
{
    return inspect_all(c, a, "image");
}

static int network_main(struct client *c, const struct args *a)
{
    return inspect_all(c, a, "network");
}

static int volume_main(struct client *c, const struct args *a)
{
    return inspect_all(c, a, "volume");
}

static const struct flag format_flags[] = {
    {"format", 'f', FLAG_STRING, "string", "Format output: json, TEMPLATE"},
    {NULL},
};

static const struct flag size_flags[] = {
    {"size", 's', FLAG_BOOL, "", "Display total file sizes if the type is container"},
    {NULL},
};

static const struct flag verbose_flags[] = {
    {"verbose", 'v', FLAG_BOOL, "", "Verbose output for diagnostics"},
    {NULL},
};

static const struct flag size_and_type_flags[] = {
    {"size", 's', FLAG_BOOL, "", "Display total file sizes if the type is container"},
    {"type", 0, FLAG_STRING, "string",
     "Only inspect objects of the given type: container, image, network, volume",
     .words = "container image network volume"},
    {NULL},
};

#define COMMON(group_, completes_, main_)                                                          \
    .group = group_, .name = "inspect", .min = 1, .max = -1, .flags = format_flags,                \
    .first = completes_, .rest = completes_, .run = main_

const struct cli_command command_inspect = {
    COMMON(NULL, COMPLETE_CONTAINER, inspect_main),
    .top = "inspect",
    .usage = "[OPTIONS] NAME|ID [NAME|ID...]",
    .summary = "Return low-level information on objects",
    .more = size_and_type_flags,
    .examples = "The address of a container:\n"
                "    berth inspect --format '{{range "
                ".NetworkSettings.Networks}}{{.IPAddress}}{{end}}' web\n"
                "Its mounts as JSON:\n"
                "    berth inspect --format '{{json .Mounts}}' web\n",
};

const struct cli_command command_container_inspect = {
    COMMON("container", COMPLETE_CONTAINER, container_main),
    .usage = "[OPTIONS] CONTAINER [CONTAINER...]",
    .summary = "Display detailed information on one or more containers",
    .more = size_flags,
};

const struct cli_command command_image_inspect = {
    COMMON("image", COMPLETE_IMAGE, image_main),
    .usage = "[OPTIONS] IMAGE [IMAGE...]",
    .summary = "Display detailed information on one or more images",
};

const struct cli_command command_network_inspect = {
    COMMON("network", COMPLETE_NETWORK, network_main),
    .usage = "[OPTIONS] NETWORK [NETWORK...]",
    .summary = "Display detailed information on one or more networks",
    .more = verbose_flags,
};

const struct cli_command command_volume_inspect = {
    COMMON("volume", COMPLETE_VOLUME, volume_main),
    .usage = "[OPTIONS] VOLUME [VOLUME...]",
    .summary = "Display detailed information on one or more volumes",
};
