/* SPDX-License-Identifier: MIT */
/*
 * A log driver to start from
 *
 * Writes one line a record, "TIME STREAM TEXT", to <log_dir>/template.log, and reads them back. Copy the folder, rename
 * the driver, and replace the file by where your lines shall go. `make`, put template.so into a directory of
 * daemon.conf's plugin_dirs (root's, not writable by others), and run a container with --log-driver template.
 *
 * The rules that matter: state lives behind the `log` pointer only; every failure returns a negative errno and says
 * why with berth_err_set(); descriptors are O_CLOEXEC; nothing here forks, exits or touches signals.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <berth/log.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#define FILE_NAME "template.log"

/* --- the schema: the host checks daemon.conf and --log-opt against it, so that values here are valid */

static const struct berth_option opt_prefix = {
    .size = sizeof(opt_prefix),
    .name = "prefix",
    .type = BERTH_OPT_STRING,
    .flags = BERTH_OPT_DAEMON | BERTH_OPT_OBJECT,
    .dflt = "",
    .help = "Text before each line",
};
static const struct berth_option *const options[] = {&opt_prefix, NULL};

/* --- the writing side: one per container, in its berth-shim, called from one thread */

struct template_log {
    int fd;
    char *prefix;
};

static char *log_path(const struct berth_log_info *info, struct berth_err *err)
{
    char *path;
    if (asprintf(&path, "%s/%s", info->log_dir, FILE_NAME) >= 0)
        return path;
    berth_err_set(err, -ENOMEM, "template: no memory for a path");
    return NULL;
}

static void template_close(void *p)
{
    struct template_log *log = p;
    close(log->fd);
    free(log->prefix);
    free(log);
}

static int template_open(const struct berth_log_info *info, void **out, struct berth_err *err)
{
    struct template_log *log = calloc(1, sizeof(*log));
    char *path = log_path(info, err);
    if (log && path) {
        log->prefix = strdup(berth_opt_str(info->options, "prefix", ""));
        log->fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    }
    int r = !log || !path || !log->prefix ? -ENOMEM : log->fd < 0 ? -errno : 0;
    if (r < 0)
        berth_err_set(err, r, "template: opening %s: %s", path ? path : FILE_NAME, strerror(-r));
    free(path);
    if (r == 0) {
        *out = log;
        return 0;
    }
    if (log) {
        if (log->fd > 0)
            close(log->fd);
        free(log->prefix);
    }
    free(log);
    return r;
}

static int write_all(int fd, const char *data, size_t n, struct berth_err *err)
{
    while (n > 0) {
        ssize_t w = write(fd, data, n);
        if (w < 0 && errno == EINTR)
            continue;
        if (w < 0)
            return berth_err_set(err, -errno, "template: writing: %s", strerror(errno));
        data += w;
        n -= (size_t)w;
    }
    return 0;
}

/* One record as text: "1700000000.000000001 1 prefixTEXT\n". The letter before the text is what
 * a newline cannot say: P, a piece of a long line with more to come; N, the output ended here without one; or -. */
static void format_record(FILE *f, const char *prefix, const struct berth_log_record *r)
{
    int more = (r->flags & BERTH_LOG_PARTIAL) && !(r->flags & BERTH_LOG_PARTIAL_LAST);
    fprintf(f, "%" PRId64 ".%09" PRId64 " %u %c %s", r->time_ns / 1000000000,
            r->time_ns % 1000000000, r->stream,
            more            ? 'P'
            : r->no_newline ? 'N'
                            : '-',
            prefix);
    fwrite(r->line, 1, r->len, f);
    fputc('\n', f);
}

static int template_write(void *p, const struct berth_log_record *const *records, size_t n,
                          struct berth_err *err)
{
    struct template_log *log = p;
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    if (!f)
        return berth_err_set(err, -ENOMEM, "template: no memory for %zu records", n);
    for (size_t i = 0; i < n; i++)
        format_record(f, log->prefix, records[i]);
    int failed = fclose(f);
    int r = failed ? berth_err_set(err, -ENOMEM, "template: no memory for %zu records", n)
                   : write_all(log->fd, text, size, err);
    free(text);
    return r;
}

/* --- the reading side: in berthd, from `info` alone */

static int template_path(const struct berth_log_info *info,
                         void (*put)(void *ctx, const char *path), void *ctx, struct berth_err *err)
{
    char *path = log_path(info, err);
    if (!path)
        return -ENOMEM;
    put(ctx, path);
    free(path);
    return 0;
}

struct reader {
    const struct berth_log_query *query;
    int (*each)(void *ctx, const struct berth_log_record *record);
    void *ctx;
    FILE *f;
    char *line;
    size_t room;
};

/* Turns a line of the file into a record; 0 when it is none of ours. */
static int parse_line(char *line, size_t n, struct berth_log_record *r)
{
    int64_t seconds, ns;
    int begin = 0;
    char flag;
    if (sscanf(line, "%" SCNd64 ".%9" SCNd64 " %" SCNu32 " %c%n", &seconds, &ns, &r->stream, &flag,
               &begin) != 4 ||
        line[begin] != ' ')
        return 0;
    r->size = sizeof(*r);
    r->time_ns = seconds * 1000000000 + ns;
    r->flags = flag == 'P' ? BERTH_LOG_PARTIAL : 0;
    r->no_newline = flag == 'N';
    r->line = line + begin + 1;
    r->len = n - (size_t)begin - 1;
    return 1;
}

static int wanted(const struct berth_log_query *q, const struct berth_log_record *r)
{
    return r->stream < 32 && (q->streams & (1u << r->stream)) &&
           (!q->since_ns || r->time_ns >= q->since_ns) &&
           (!q->until_ns || r->time_ns <= q->until_ns);
}

/* Gives all whole lines from here on, but for the first `skip` wanted ones; *seen counts those. A line without its end
 * yet is left for the next time. Not 0: the caller has had enough. */
static int give(struct reader *rd, int64_t skip, int64_t *seen, int silent)
{
    for (;;) {
        long at = ftell(rd->f);
        ssize_t n = getline(&rd->line, &rd->room, rd->f);
        if (n <= 0 || rd->line[n - 1] != '\n') {
            clearerr(rd->f);
            fseek(rd->f, at, SEEK_SET);
            return 0;
        }
        struct berth_log_record r = {0};
        if (!parse_line(rd->line, (size_t)n - 1, &r) || !wanted(rd->query, &r))
            continue;
        (*seen)++;
        if (!silent && *seen > skip && rd->each(rd->ctx, &r))
            return 1;
    }
}

/* Waits until the file has grown or it is time to end: 0 go on, 1 nothing more will come, 2 return at once. */
static int wait_more(int inotify, const struct berth_log_query *q)
{
    struct pollfd p[] = {{q->stop_fd, POLLIN, 0}, {q->done_fd, POLLIN, 0}, {inotify, POLLIN, 0}};
    char events[4096];
    while (poll(p, 3, -1) < 0)
        if (errno != EINTR)
            return 2;
    if (p[0].revents)
        return 2;
    if (p[1].revents)
        return 1;
    return read(inotify, events, sizeof(events)) < 0 && errno != EAGAIN && errno != EINTR ? 2 : 0;
}

static int follow(struct reader *rd, const char *path, struct berth_err *err)
{
    int64_t seen = 0;
    int inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK), state = 0;
    if (inotify < 0 || inotify_add_watch(inotify, path, IN_MODIFY) < 0) {
        int r = berth_err_set(err, -errno, "template: watching %s: %s", path, strerror(errno));
        if (inotify >= 0)
            close(inotify);
        return r;
    }
    /* Read first: what came between the last read and the watch would else wait for the next line. */
    while (state != 2 && !give(rd, 0, &seen, 0) && state == 0)
        state = wait_more(inotify, rd->query);
    close(inotify);
    return 0;
}

static int read_file(struct reader *rd, const char *path, struct berth_err *err)
{
    const struct berth_log_query *q = rd->query;
    int64_t seen = 0, skip = 0;
    if (q->tail >= 0) { /* count, then read again from the start */
        give(rd, 0, &seen, 1);
        skip = seen > q->tail ? seen - q->tail : 0;
        rewind(rd->f);
        seen = 0;
    }
    if (give(rd, skip, &seen, 0) || !q->follow)
        return 0;
    return follow(rd, path, err);
}

static int template_read(const struct berth_log_info *info, const struct berth_log_query *query,
                         int (*each)(void *ctx, const struct berth_log_record *record), void *ctx,
                         struct berth_err *err)
{
    struct reader rd = {.query = query, .each = each, .ctx = ctx};
    char *path = log_path(info, err);
    if (!path)
        return -ENOMEM;
    rd.f = fopen(path, "re");
    int r = rd.f ? read_file(&rd, path, err)
            : errno == ENOENT
                ? 0 /* nothing was ever written */
                : berth_err_set(err, -errno, "template: %s: %s", path, strerror(errno));
    if (rd.f)
        fclose(rd.f);
    free(rd.line);
    free(path);
    return r;
}

static const struct berth_log_ops ops = {
    .size = sizeof(ops),
    .open = template_open,
    .write = template_write,
    .close = template_close,
    .path = template_path,
    .read = template_read,
};

BERTH_PLUGIN(.kind = BERTH_LOG, .name = "template", .version = "1.0.0", .license = "MIT",
             .summary = "Lines in a plain file, to start from", .capabilities = BERTH_LOG_READ,
             .options = options, .ops = &ops);
