/* SPDX-License-Identifier: Apache-2.0 */
/* save, load */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/id.h"
#include "base/json.h"
#include "client/commands.h"
#include "client/filters.h"
#include "client/http.h"
#include "client/lines.h"
#include "client/output.h"

static int save_main(struct client *c, const struct args *a)
{
    struct output o;
    _cleanup_(freep) char *platform = platform_query(a, &c->err);
    if (!platform)
        return cli_fail(c, 1);
    struct buf b = {0};
    buf_adds(&b, "/images/get?");
    for (size_t i = 0; i < a->rest.n; i++) {
        _cleanup_(freep) char *name = http_escape(a->rest.v[i]);
        buf_printf(&b, "%snames=%s", i ? "&" : "", name);
    }
    buf_adds(&b, platform);
    _cleanup_(freep) char *path = buf_steal(&b);
    int r = output_open(&o, args_str(a, "output", NULL), "Saving", &c->err);
    if (r == 0)
        r = http_stream(c, "GET", path, output_each, &o);
    return output_close(&o, r, &c->err) < 0 ? cli_fail(c, 1) : 0;
}

static const struct flag save_flags[] = {
    {"output", 'o', FLAG_STRING, "string", "Write to a file, instead of STDOUT",
     .completes = COMPLETE_FILE},
    {"platform", 0, FLAG_STRING, "string", "Save only the given platform variant"},
    {NULL},
};

const struct cli_command command_save = {
    .group = "image",
    .name = "save",
    .top = "save",
    .usage = "[OPTIONS] IMAGE [IMAGE...]",
    .summary = "Save one or more images to a tar archive (streamed to STDOUT by default)",
    .min = 1,
    .max = -1,
    .flags = save_flags,
    .examples = "Two images in one file, and to another machine without one:\n"
                "    berth save -o both.tar web:1 db:2\n"
                "    berth save web:1 | ssh there berth load\n",
    .first = COMPLETE_IMAGE,
    .rest = COMPLETE_IMAGE,
    .run = save_main};

static int load_main(struct client *c, const struct args *a)
{
    const char *input = args_str(a, "input", NULL);
    _cleanup_(closep) int file = input ? open(input, O_RDONLY | O_CLOEXEC) : -1;
    _cleanup_(freep) char *platform = platform_query(a, &c->err);
    if (!platform)
        return cli_fail(c, 1);
    if (input && file < 0)
        err_errno(&c->err, -errno, "open %s", input);
    else if (!input && isatty(STDIN_FILENO))
        err_set(&c->err, -EINVAL, "requested load from stdin, but stdin is empty");
    if (c->err.code)
        return cli_fail(c, 1);
    bool quiet = args_bool(a, "quiet") || !isatty(STDERR_FILENO);
    int fd = input ? file : STDIN_FILENO;
    _cleanup_(freep) char *path = str_printf("/images/load?quiet=%d%s", quiet, platform);
    struct meter meter;
    struct lines l = {.meter = &meter, .quiet = true};
    meter_begin(&meter, "Sending", meter_total_of(fd));
    meter.on = meter.on && !quiet;
    c->meter = &meter;
    int r = http_upload(c, path, fd, lines_data, &l);
    c->meter = NULL;
    return lines_end(c, &l, r) < 0 ? cli_fail(c, 1) : 0;
}

static const struct flag load_flags[] = {
    {"input", 'i', FLAG_STRING, "string", "Read from tar archive file, instead of STDIN",
     .completes = COMPLETE_FILE},
    {"platform", 0, FLAG_STRING, "string", "Load only the given platform variant"},
    {"quiet", 'q', FLAG_BOOL, "", "Suppress the load output"},
    {NULL},
};

const struct cli_command command_load = {.group = "image",
                                         .name = "load",
                                         .top = "load",
                                         .usage = "[OPTIONS]",
                                         .summary = "Load an image from a tar archive or STDIN",
                                         .min = 0,
                                         .max = 0,
                                         .flags = load_flags,
                                         .examples = "    berth load -i both.tar\n",
                                         .run = load_main};
