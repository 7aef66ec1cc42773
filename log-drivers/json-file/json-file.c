/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json-file
 *
 * Keeps a container's output in files of Docker's own form, so that what reads Docker's logs reads these.
 */
#include <stdio.h>

#include "common/attrs.h"
#include "common/util.h"
#include "files.h"
#include "json-file.h"

static const char *const modes[] = {"blocking", "non-blocking", NULL};

#define OPTION(var, ...)                                                                           \
    static const struct berth_option var = {.size = sizeof(struct berth_option),                   \
                                            .flags = BERTH_OPT_DAEMON | BERTH_OPT_OBJECT,          \
                                            __VA_ARGS__}

OPTION(max_size, .name = "max-size", .type = BERTH_OPT_SIZE, .dflt = "10m", .min = -1,
       .max = INT64_MAX, .help = "Size at which a new file is begun; -1: no limit");
OPTION(max_file, .name = "max-file", .type = BERTH_OPT_INT, .dflt = "3", .min = 1, .max = 1000,
       .help = "Number of files that are kept, the current one included");
OPTION(max_age, .name = "max-age", .type = BERTH_OPT_DURATION, .dflt = "0", .min = 0,
       .max = INT64_MAX, .help = "Age at which a file is closed, and then removed; 0: no limit");
OPTION(compress, .name = "compress", .type = BERTH_OPT_BOOL, .dflt = "false",
       .help = "Compress the files that are no longer written");
OPTION(labels, .name = "labels", .type = BERTH_OPT_STRING,
       .help = "Labels to keep with each line, separated by commas");
OPTION(env, .name = "env", .type = BERTH_OPT_STRING,
       .help = "Variables to keep with each line, separated by commas");
OPTION(tag, .name = "tag", .type = BERTH_OPT_STRING,
       .help = "Tag to keep with each line, as {{.Name}}/{{.ID}}");
OPTION(mode, .name = "mode", .type = BERTH_OPT_ENUM, .dflt = "blocking", .choices = modes,
       .help = "What happens when the log falls behind: the container waits, or lines are dropped");
OPTION(max_buffer_size, .name = "max-buffer-size", .type = BERTH_OPT_SIZE, .dflt = "1m", .min = 1,
       .max = 1 << 30, .help = "Lines held in mode non-blocking");

static const struct berth_option *const json_options[] = {
    &max_size, &max_file, &max_age, &compress, &labels, &env, &tag, &mode, &max_buffer_size, NULL};

static int json_check(const struct berth_options *options, struct berth_err *err)
{
    _cleanup_(buf_fini) struct buf expanded = {0};
    int64_t size = berth_opt_int(options, "max-size", -1);
    if (size == 0 || size < -1)
        return berth_err_set(err, -EINVAL, "max-size must be a positive number, or -1: no limit");
    if (berth_opt_bool(options, "compress", false) &&
        (berth_opt_int(options, "max-file", 1) < 2 || size == -1))
        return berth_err_set(err, -EINVAL,
                             "compress cannot be true when max-file is less than 2 or max-size "
                             "is not set");
    return tag_expand(berth_opt_str(options, "tag", ""), NULL, &expanded, err);
}

static int json_path(const struct berth_log_info *info, void (*put)(void *ctx, const char *path),
                     void *ctx, struct berth_err *err)
{
    _cleanup_(freep) char *name = logfile_name(info->container_id, 0, "");
    _cleanup_(freep) char *path = NULL;
    if (!name || asprintf(&path, "%s/%s", info->log_dir, name) < 0) {
        path = NULL;
        return berth_err_set(err, -ENOMEM, "out of memory");
    }
    put(ctx, path);
    return 0;
}

static const struct berth_log_ops json_ops = {
    .size = sizeof(struct berth_log_ops),
    .open = json_open,
    .write = json_write,
    .close = json_close,
    .rotate = json_rotate,
    .check = json_check,
    .path = json_path,
    .read = json_read,
};

BERTH_PLUGIN(.kind = BERTH_LOG, .name = DRIVER_PREFIX "json-file", .version = "1.0.0",
             .license = "Apache-2.0", .summary = "Files of JSON lines, as Docker writes them",
             .capabilities = BERTH_LOG_READ | BERTH_LOG_IDLE, .options = json_options,
             .ops = &json_ops);
