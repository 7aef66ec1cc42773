/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reader
 *
 * Reads the files from the oldest wanted line to the newest, and, following, waits on inotify for more. The current file is
 * left for the next one only when it has been read to its end after it lost its name: then nothing more can come
 * into it.
 */
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/inotify.h>
#include <time.h>

#include "common/util.h"
#include "files.h"
#include "json-file.h"
#include "kept.h"
#include "line.h"
#include "seek.h"
#include "source.h"

/* Lines between two looks at stop_fd. */
#define STOP_EVERY 256

enum outcome { GO_ON = 0, ENOUGH = 1 };

struct reader {
    const struct berth_log_query *query;
    int (*each)(void *ctx, const struct berth_log_record *record);
    void *ctx;
    const char *id;
    unsigned max_file;
    int dir, watch;
    struct logset set;
    struct source source; /* of set.files[0] */
    bool reading;         /* `source` is set up */
    unsigned since_look;
    struct line line;
    uint64_t bad, bad_bytes; /* lines that are none */
};

static void reader_fini(struct reader *r)
{
    if (r->reading)
        source_fini(&r->source);
    logset_fini(&r->set);
    line_fini(&r->line);
    closep(&r->dir);
    closep(&r->watch);
}

static bool is_readable(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return fd >= 0 && poll(&p, 1, 0) > 0 && p.revents;
}

static bool is_stopped(struct reader *r)
{
    if (r->since_look++ % STOP_EVERY)
        return false;
    return is_readable(r->query->stop_fd);
}

static int give(struct reader *r)
{
    const struct berth_log_query *q = r->query;
    const struct line *line = &r->line;
    if (q->until_ns && line->time_ns > q->until_ns)
        return ENOUGH;
    if ((q->since_ns && line->time_ns < q->since_ns) || !(q->streams & (1u << line->stream)))
        return GO_ON;
    struct berth_log_record rec = {
        .size = sizeof(rec),
        .line = line->text,
        .len = line->len,
        .time_ns = line->time_ns,
        .stream = line->stream,
        /* the file does not tell a piece from a last line without newline: for both, nothing is put after it */
        .flags = line->newline ? 0 : BERTH_LOG_PARTIAL,
        .no_newline = !line->newline,
        .attributes = line->attributes.n ? line->attributes.p : NULL,
    };
    return r->each(r->ctx, &rec) ? ENOUGH : GO_ON;
}

/* To the end of what the current source has now. */
static int drain(struct reader *r)
{
    const char *text;
    size_t n;
    int got;
    while ((got = source_next(&r->source, &text, &n)) == 1) {
        if (is_stopped(r))
            return ENOUGH;
        int bad = line_parse(&r->line, text, n);
        if (bad == -ENOMEM)
            return bad;
        if (bad && n) {
            r->bad++;
            r->bad_bytes += n;
        }
        int out = bad ? GO_ON : give(r);
        if (out != GO_ON)
            return out;
    }
    return got;
}

static int skip_lines(struct reader *r, uint64_t n)
{
    const char *text;
    size_t len;
    int got = 1;
    while (n-- && got == 1)
        got = source_next(&r->source, &text, &len);
    return got < 0 ? got : 0;
}

static void begin_file(struct reader *r, off_t offset)
{
    if (r->reading)
        source_fini(&r->source);
    r->reading = r->set.n > 0;
    if (r->reading)
        source_init(&r->source, &r->set.files[0], offset);
}

static int begin(struct reader *r)
{
    const struct berth_log_query *q = r->query;
    struct position at = {0};
    int e = logset_open(r->dir, r->id, r->max_file, false, &r->set);
    if (e == 0 && q->tail >= 0)
        e = seek_tail(&r->set, q->tail, &at);
    else if (e == 0 && q->since_ns)
        e = seek_since(&r->set, q->since_ns, &at);
    if (e < 0)
        return e;
    logset_drop(&r->set, at.file);
    begin_file(r, at.offset);
    return r->reading ? skip_lines(r, at.skip) : 0;
}

/* All files of the set but for the last are whole: reads them. Then the end of the last. */
static int read_set(struct reader *r)
{
    while (r->reading) {
        int out = drain(r);
        if (out != GO_ON || r->set.n == 1)
            return out;
        logset_drop(&r->set, 1);
        begin_file(r, 0);
    }
    return GO_ON;
}

/* Whether the file at hand is still the one that is written. */
static bool is_current(struct reader *r)
{
    struct ident now;
    if (ident_of_current(r->dir, r->id, &now) < 0)
        return true; /* none: what is at hand is the last there is */
    return r->reading && ident_equal(&now, &r->set.files[0].ident);
}

/* Takes the files after the one at hand; where that is gone, all there are. */
static int next_files(struct reader *r)
{
    struct logset set;
    int e = logset_open(r->dir, r->id, r->max_file, true, &set);
    if (e < 0)
        return e;
    for (size_t i = set.n; r->reading && i-- > 0;) {
        if (ident_equal(&set.files[i].ident, &r->set.files[0].ident)) {
            logset_drop(&set, i + 1);
            break;
        }
    }
    if (set.n == 0)
        return 0; /* a rotation is under way; its next step wakes us */
    if (r->reading)
        source_fini(&r->source);
    r->reading = false;
    logset_fini(&r->set);
    r->set = set;
    begin_file(r, 0);
    return 0;
}

/* Everything that is there now, over any number of rotations. */
static int catch_up(struct reader *r)
{
    int out = read_set(r);
    while (out == GO_ON && !is_current(r)) {
        struct ident before = r->reading ? r->set.files[0].ident : (struct ident){0};
        out = read_set(r); /* what came between the end that we saw and the rotation */
        if (out == GO_ON)
            out = next_files(r);
        if (out == GO_ON && r->reading && ident_equal(&before, &r->set.files[0].ident))
            return GO_ON;
        if (out == GO_ON)
            out = read_set(r);
    }
    if (out == GO_ON && r->reading && source_truncated(&r->source))
        out = read_set(r);
    return out;
}

static int until_ms(int64_t until_ns)
{
    struct timespec ts;
    if (!until_ns)
        return -1;
    clock_gettime(CLOCK_REALTIME, &ts);
    int64_t left = until_ns - (ts.tv_sec * 1000000000 + ts.tv_nsec);
    return left <= 0 ? 0 : left / 1000000 > INT_MAX - 1 ? INT_MAX : (int)(left / 1000000) + 1;
}

/* Waits for more; ENOUGH when there will be none for us. *last: what is there now is all. */
static int wait_more(struct reader *r, bool *last)
{
    struct pollfd p[3] = {{.fd = r->watch, .events = POLLIN},
                          {.fd = r->query->stop_fd, .events = POLLIN},
                          {.fd = r->query->done_fd, .events = POLLIN}};
    int timeout = until_ms(r->query->until_ns);
    int n = poll(p, 3, timeout);
    if (n < 0 && errno != EINTR)
        return -errno;
    if (n > 0 && p[1].revents)
        return ENOUGH;
    *last = (n > 0 && p[2].revents) || (n == 0 && timeout >= 0);
    char events[16384] __attribute__((aligned(__alignof__(struct inotify_event))));
    ssize_t got = n > 0 && p[0].revents ? read(r->watch, events, sizeof(events)) : 0;
    for (ssize_t i = 0; i < got;) {
        const struct inotify_event *e = (const struct inotify_event *)(events + i);
        if (e->mask & (IN_IGNORED | IN_DELETE_SELF))
            *last = true; /* the container is removed */
        i += (ssize_t)(sizeof(*e) + e->len);
    }
    return GO_ON;
}

static int follow(struct reader *r)
{
    bool last = false;
    for (;;) {
        int out = catch_up(r);
        if (out != GO_ON || last)
            return out;
        if (BERTH_HAS(r->query, idle) && r->query->idle(r->ctx))
            return ENOUGH;
        out = wait_more(r, &last);
        if (out != GO_ON)
            return out;
    }
}

static int watch(struct reader *r, const char *dir, struct berth_err *err)
{
    r->watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (r->watch < 0)
        return berth_err_set(err, -errno,
                             "following %s: %s (fs.inotify.max_user_instances bounds how many "
                             "logs can be followed at once)",
                             dir, strerror(errno));
    if (inotify_add_watch(r->watch, dir,
                          IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_DELETE_SELF | IN_ONLYDIR) < 0)
        return berth_err_set(err, -errno, "following %s: %s", dir, strerror(errno));
    int locked = kept_follow(r->dir);
    return locked < 0 ? berth_err_set(err, locked, "following %s: %s", dir, strerror(-locked)) : 0;
}

int json_read(const struct berth_log_info *info, const struct berth_log_query *query,
              int (*each)(void *ctx, const struct berth_log_record *record), void *ctx,
              struct berth_err *err)
{
    int64_t files = berth_opt_int(info->options, "max-file", 1);
    _cleanup_(reader_fini) struct reader r = {.query = query,
                                              .each = each,
                                              .ctx = ctx,
                                              .id = info->container_id,
                                              .max_file = files < 1 ? 1 : (unsigned)files,
                                              .dir = -1,
                                              .watch = -1};
    r.dir = open(info->log_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (r.dir < 0)
        return berth_err_set(err, -errno, "opening %s: %s", info->log_dir, strerror(errno));
    int out = query->follow ? watch(&r, info->log_dir, err) : 0;
    if (out < 0)
        return out;
    out = begin(&r);
    if (out == 0)
        out = query->follow ? follow(&r) : read_set(&r);
    if (r.bad && info->host)
        berth_log(info->host, BERTH_LOG_WARN,
                  "the log in %s: %llu lines of together %llu bytes are torn or no JSON and were "
                  "passed over",
                  info->log_dir, (unsigned long long)r.bad, (unsigned long long)r.bad_bytes);
    return out < 0
               ? berth_err_set(err, out, "reading the log in %s: %s", info->log_dir, strerror(-out))
               : 0;
}
