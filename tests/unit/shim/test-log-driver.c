/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A log driver for tests
 *
 * Writes "stream flags ordinal line" into log_dir/out. Options: `fail` makes open() fail, `hold` makes write() wait
 * until log_dir/go is there, `broken` makes write() fail. It leaks a descriptor on purpose.
 */
#include <berth/log.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

struct log {
    FILE *out;
    char *dir;
    bool hold, broken;
};

static int t_open(const struct berth_log_info *info, void **log, struct berth_err *err)
{
    char path[4096];
    if (berth_opt_bool(info->options, "fail", false))
        return berth_err_set(err, -EIO, "told to fail");
    snprintf(path, sizeof(path), "%s/out", info->log_dir);
    struct log *l = calloc(1, sizeof(*l));
    if (!l || dup2(open("/etc/hostname", O_RDONLY), 77) < 0) /* without close-on-exec */
        return berth_err_set(err, -ENOMEM, "no memory");
    l->out = fopen(path, "a");
    l->dir = strdup(info->log_dir);
    l->hold = berth_opt_bool(info->options, "hold", false);
    l->broken = berth_opt_bool(info->options, "broken", false);
    if (!l->out)
        return berth_err_set(err, -errno, "cannot open %s", path);
    *log = l;
    return 0;
}

/* Until log_dir/go is there. */
static void wait_for_go(struct log *l)
{
    char path[4096], event[4096];
    int fd = inotify_init1(IN_CLOEXEC);
    snprintf(path, sizeof(path), "%s/go", l->dir);
    inotify_add_watch(fd, l->dir, IN_CREATE);
    while (access(path, F_OK) < 0)
        if (read(fd, event, sizeof(event)) < 0)
            break;
    close(fd);
    l->hold = false;
}

static int t_write(void *log, const struct berth_log_record *const *records, size_t n,
                   struct berth_err *err)
{
    struct log *l = log;
    if (l->broken)
        return berth_err_set(err, -ENOSPC, "told to break");
    if (l->hold)
        wait_for_go(l);
    for (size_t i = 0; i < n; i++)
        fprintf(l->out, "%u %u %u %.*s\n", records[i]->stream, records[i]->flags,
                records[i]->partial_ordinal, (int)records[i]->len, records[i]->line);
    return 0;
}

static int t_flush(void *log, struct berth_err *err)
{
    struct log *l = log;
    return fflush(l->out) ? berth_err_set(err, -errno, "flush") : 0;
}

static void t_close(void *log)
{
    struct log *l = log;
    fclose(l->out);
    free(l->dir);
    free(l);
}

static const struct berth_option opt_fail = {.size = sizeof(opt_fail),
                                             .name = "fail",
                                             .type = BERTH_OPT_BOOL,
                                             .flags = BERTH_OPT_OBJECT,
                                             .help = "fail"};
static const struct berth_option opt_hold = {.size = sizeof(opt_hold),
                                             .name = "hold",
                                             .type = BERTH_OPT_BOOL,
                                             .flags = BERTH_OPT_OBJECT,
                                             .help = "hold"};
static const struct berth_option opt_broken = {.size = sizeof(opt_broken),
                                               .name = "broken",
                                               .type = BERTH_OPT_BOOL,
                                               .flags = BERTH_OPT_OBJECT,
                                               .help = "broken"};
static const struct berth_option *const options[] = {&opt_fail, &opt_hold, &opt_broken, NULL};

static const struct berth_log_ops ops = {
    .size = sizeof(ops), .open = t_open, .write = t_write, .flush = t_flush, .close = t_close};

BERTH_PLUGIN(.kind = BERTH_LOG, .name = "t-log", .version = "1.0.0", .license = "Apache-2.0",
             .summary = "A log driver for tests", .options = options, .ops = &ops);
