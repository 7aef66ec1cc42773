/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A log driver with traps, for system tests
 *
 * Keeps "TIME STREAM LINE" in log_dir/trap.log. A line "trap WHAT" springs one before it is kept: crash, exit, hang, eat (300 MiB,
 * then it goes on). Built with -DBLIND it is called trap-blind and cannot read.
 */
#include <berth/log.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <unistd.h>

static int t_open(const struct berth_log_info *info, void **log, struct berth_err *err)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/trap.log", info->log_dir);
    *log = fopen(path, "ae");
    return *log ? 0 : berth_err_set(err, -errno, "opening %s", path);
}

static void spring(const char *what, size_t n)
{
    if (n == 5 && memcmp(what, "crash", n) == 0)
        *(volatile int *)mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) = 1;
    if (n == 4 && memcmp(what, "exit", n) == 0)
        exit(3);
    while (n == 4 && memcmp(what, "hang", n) == 0)
        pause();
    if (n == 3 && memcmp(what, "eat", n) == 0) {
        volatile char *p = malloc(300u << 20); /* for good */
        for (size_t i = 0; p && i < 300u << 20; i += 4096)
            p[i] = 1;
    }
}

static int t_write(void *log, const struct berth_log_record *const *records, size_t n,
                   struct berth_err *err)
{
    for (size_t i = 0; i < n; i++) {
        const struct berth_log_record *r = records[i];
        if (r->len > 5 && memcmp(r->line, "trap ", 5) == 0)
            spring(r->line + 5, r->len - 5);
        fprintf(log, "%lld %u %.*s\n", (long long)r->time_ns, r->stream, (int)r->len, r->line);
        fflush(log);
    }
    return ferror((FILE *)log) ? berth_err_set(err, -EIO, "writing trap.log") : 0;
}

static void t_close(void *log)
{
    fclose(log);
}

#ifndef BLIND
static bool wanted(const struct berth_log_query *q, const struct berth_log_record *r)
{
    return (q->streams & 1u << r->stream) && r->time_ns >= q->since_ns &&
           (!q->until_ns || r->time_ns <= q->until_ns);
}

/* The next whole line as a record that points into `line`. */
static bool next(FILE *f, char **line, size_t *cap, struct berth_log_record *r)
{
    int at;
    long long time;
    long before = ftell(f);
    ssize_t n = getline(line, cap, f);
    if (n <= 0 || (*line)[n - 1] != '\n' ||
        sscanf(*line, "%lld %u%n", &time, &r->stream, &at) != 2) {
        clearerr(f);
        fseek(f, before, SEEK_SET);
        return false;
    }
    r->size = sizeof(*r);
    r->time_ns = time;
    r->line = *line + at + 1;
    r->len = (size_t)(n - at - 2);
    return true;
}

/* What is there now. Returns how many were wanted; each NULL: counts only. */
static long pass(FILE *f, const struct berth_log_query *q, long skip, bool *end,
                 int (*each)(void *ctx, const struct berth_log_record *record), void *ctx)
{
    char *line = NULL;
    size_t cap = 0;
    long n = 0;
    struct berth_log_record r = {0};
    while (!*end && next(f, &line, &cap, &r))
        if (wanted(q, &r) && ++n > skip && each && each(ctx, &r))
            *end = true;
    free(line);
    return n;
}

static int t_read(const struct berth_log_info *info, const struct berth_log_query *q,
                  int (*each)(void *ctx, const struct berth_log_record *record), void *ctx,
                  struct berth_err *err)
{
    char path[4096], event[4096];
    snprintf(path, sizeof(path), "%s/trap.log", info->log_dir);
    FILE *f = fopen(path, "re");
    if (!f)
        return errno == ENOENT ? 0 : berth_err_set(err, -errno, "opening %s", path);
    bool end = false;
    int notice = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    inotify_add_watch(notice, path, IN_MODIFY);
    long skip = q->tail < 0 ? 0 : pass(f, q, 0, &end, NULL, NULL) - (long)q->tail;
    rewind(f);
    pass(f, q, skip, &end, each, ctx);
    while (q->follow && !end) {
        struct pollfd p[] = {{notice, POLLIN, 0}, {q->stop_fd, POLLIN, 0}, {q->done_fd, POLLIN, 0}};
        poll(p, 3, -1);
        end = p[1].revents;
        if (read(notice, event, sizeof(event)) < 0 && errno != EAGAIN)
            end = true;
        pass(f, q, 0, &end, each, ctx);
        end |= p[2].revents != 0;
    }
    close(notice);
    fclose(f);
    return 0;
}
#endif

static const struct berth_log_ops ops = {.size = sizeof(ops),
                                         .open = t_open,
                                         .write = t_write,
                                         .close = t_close,
#ifndef BLIND
                                         .read = t_read
#endif
};

#ifdef BLIND
BERTH_PLUGIN(.kind = BERTH_LOG, .name = "trap-blind", .version = "1.0.0", .license = "Apache-2.0",
             .summary = "A log driver with traps that cannot read", .ops = &ops);
#else
BERTH_PLUGIN(.kind = BERTH_LOG, .name = "trap", .version = "1.0.0", .license = "Apache-2.0",
             .summary = "A log driver with traps", .capabilities = BERTH_LOG_READ, .ops = &ops);
#endif
