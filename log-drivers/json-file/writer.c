/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The writer
 *
 * Formats a batch into one buffer and writes it with one write(2), in lines of exactly Docker's form. A new file is made
 * beside the current one and renamed over it, so that there is a current file at every moment.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

#include "common/attrs.h"
#include "common/timestamp.h"
#include "common/util.h"
#include "escape.h"
#include "files.h"
#include "json-file.h"
#include "kept.h"

#define WRITE_SIZE (64u << 10)

struct json_log {
    const struct berth_host *host;
    char *id, *dir_path, *name;
    int dir, fd;
    int64_t size, max_size;       /* max_size -1: no limit */
    int64_t first_ns, max_age_ns; /* of the file's first line, 0: it has none; 0: no limit */
    int64_t retry_after;          /* a rotation that failed is tried again at this size */
    unsigned max_file;
    bool compress;
    bool torn;     /* the file does not end in a newline */
    bool followed; /* when the rotation at hand began */
    bool told_lost;
    struct kept kept;
    struct buf out;
    struct timestamp_cache clock;
    struct buf attrs; /* `"attrs":{…},` or empty */
};

void json_close(void *p)
{
    struct json_log *log = p;
    if (!log)
        return;
    if (log->kept.next > log->kept.first && !kept_is_followed(log->dir))
        kept_drop(&log->kept, log->dir, log->id);
    closep(&log->fd);
    closep(&log->dir);
    buf_fini(&log->out);
    buf_fini(&log->attrs);
    free(log->id);
    free(log->dir_path);
    free(log->name);
    free(log);
}

static void json_closep(struct json_log **log)
{
    json_close(*log);
}

static int format_attrs(struct json_log *log, const struct berth_log_info *info,
                        struct berth_err *err)
{
    _cleanup_(attrs_fini) struct attrs attrs = {0};
    int r = attrs_collect(info, &attrs, err);
    if (r < 0 || attrs.n == 0)
        return r;
    buf_adds(&log->attrs, "\"attrs\":");
    for (size_t i = 0; i < attrs.n; i++) {
        buf_adds(&log->attrs, i ? ",\"" : "{\"");
        escape_attr(&log->attrs, attrs.list[i].key, strlen(attrs.list[i].key));
        buf_adds(&log->attrs, "\":\"");
        escape_attr(&log->attrs, attrs.list[i].value, strlen(attrs.list[i].value));
        buf_adds(&log->attrs, "\"");
    }
    buf_adds(&log->attrs, "},");
    return log->attrs.failed ? berth_err_set(err, -ENOMEM, "out of memory") : 0;
}

static int64_t birth_ns(int fd)
{
    struct ident ident;
    int64_t mtime_ns = 0;
    if (ident_of_fd(fd, &ident, &mtime_ns) < 0)
        return 0;
    return ident.birth_ns ? (int64_t)ident.birth_ns : mtime_ns;
}

/* Takes up the file where an earlier open left it. */
static int take_up(struct json_log *log)
{
    struct stat st;
    char last = '\n';
    if (fstat(log->fd, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode))
        return -EINVAL;
    if (fchmod(log->fd, 0640) < 0)
        return -errno;
    if (st.st_size > 0 && pread(log->fd, &last, 1, st.st_size - 1) != 1)
        return -EIO;
    log->torn = last != '\n';
    log->size = st.st_size;
    log->first_ns = st.st_size ? birth_ns(log->fd) : 0;
    return 0;
}

static int open_current(struct json_log *log, struct berth_err *err)
{
    log->fd = openat(log->dir, log->name,
                     O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0640);
    int r = log->fd < 0 ? -errno : take_up(log);
    return r < 0
               ? berth_err_set(err, r, "opening %s/%s: %s", log->dir_path, log->name, strerror(-r))
               : 0;
}

static int64_t now_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    return ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static bool too_old(struct json_log *log, const char *name)
{
    struct stat st;
    return log->max_age_ns > 0 && fstatat(log->dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
           st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec < now_ns() - log->max_age_ns;
}

/* Removes a rotated file in both forms: whatever its age, or when its last line is older than max-age. */
static void expire(struct json_log *log, unsigned index, bool any_age)
{
    for (int gz = 0; gz < 2; gz++) {
        _cleanup_(freep) char *name = logfile_name(log->id, index, gz ? ".gz" : "");
        if (!name || !(any_age || too_old(log, name)))
            continue;
        if (!log->followed || kept_take(&log->kept, log->dir, log->id, name, gz, false) < 0)
            unlinkat(log->dir, name, 0);
    }
}

/* What a crash may have left: a new file that was not renamed yet, a compression that did not end. A compressed file
 * beside its plain one is dropped, for the plain one is whole. */
static void tidy(struct json_log *log)
{
    _cleanup_(freep) char *fresh = logfile_name(log->id, 0, ".new");
    _cleanup_(freep) char *half = logfile_name(log->id, 1, ".gz.tmp");
    kept_open(&log->kept, log->dir, log->id);
    if (!kept_is_followed(log->dir))
        kept_drop(&log->kept, log->dir, log->id);
    if (fresh)
        unlinkat(log->dir, fresh, 0);
    if (half)
        unlinkat(log->dir, half, 0);
    for (unsigned i = 1; i < log->max_file; i++) {
        _cleanup_(freep) char *plain = logfile_name(log->id, i, "");
        _cleanup_(freep) char *packed = logfile_name(log->id, i, ".gz");
        if (plain && packed && faccessat(log->dir, plain, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
            unlinkat(log->dir, packed, 0);
        expire(log, i, false);
    }
}

static void read_options(struct json_log *log, const struct berth_options *o)
{
    int64_t files = berth_opt_int(o, "max-file", 1);
    log->max_size = berth_opt_int(o, "max-size", -1);
    log->max_file = files < 1 ? 1 : (unsigned)files;
    log->max_age_ns = berth_opt_int(o, "max-age", 0);
    log->compress = berth_opt_bool(o, "compress", false) && log->max_file > 1;
}

int json_open(const struct berth_log_info *info, void **out, struct berth_err *err)
{
    _cleanup_(json_closep) struct json_log *log = calloc(1, sizeof(*log));
    if (!log)
        return berth_err_set(err, -ENOMEM, "out of memory");
    log->host = info->host;
    log->dir = log->fd = -1;
    read_options(log, info->options);
    log->id = strdup(info->container_id);
    log->dir_path = strdup(info->log_dir);
    log->name = logfile_name(info->container_id, 0, "");
    if (!log->id || !log->dir_path || !log->name)
        return berth_err_set(err, -ENOMEM, "out of memory");
    log->dir = open(log->dir_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (log->dir < 0)
        return berth_err_set(err, -errno, "opening %s: %s", log->dir_path, strerror(errno));
    int r = format_attrs(log, info, err);
    if (r < 0 || (r = open_current(log, err)) < 0)
        return r;
    tidy(log);
    *out = log;
    log = NULL;
    return 0;
}

/* After a write that took less than all, the next line must start on a line of its own. */
static int flush_out(struct json_log *log, struct berth_err *err)
{
    size_t done = 0;
    while (done < log->out.n) {
        ssize_t n = write(log->fd, log->out.p + done, log->out.n - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            int r = n < 0 ? -errno : -EIO;
            log->out.n = 0;
            return berth_err_set(err, r, "writing %s/%s: %s", log->dir_path, log->name,
                                 strerror(-r));
        }
        done += (size_t)n;
        log->size += n;
        log->torn = log->out.p[done - 1] != '\n';
    }
    log->out.n = 0;
    return 0;
}

static int shift(struct json_log *log)
{
    for (unsigned i = log->max_file - 1; i-- > 1;) {
        for (int gz = 0; gz < 2; gz++) {
            _cleanup_(freep) char *from = logfile_name(log->id, i, gz ? ".gz" : "");
            _cleanup_(freep) char *to = logfile_name(log->id, i + 1, gz ? ".gz" : "");
            if (!from || !to)
                return -ENOMEM;
            if (renameat(log->dir, from, log->dir, to) < 0 && errno != ENOENT)
                return -errno;
        }
        expire(log, i + 1, false);
    }
    return 0;
}

/* The current file gets the name .1 as a second one, then the new file takes the first name. */
static int replace(struct json_log *log, const char *fresh)
{
    if (log->max_file > 1) {
        expire(log, log->max_file - 1, true);
        int r = shift(log);
        if (r < 0)
            return r;
        _cleanup_(freep) char *first = logfile_name(log->id, 1, "");
        if (!first)
            return -ENOMEM;
        if (linkat(log->dir, log->name, log->dir, first, 0) < 0 && errno != ENOENT)
            return -errno;
    } else if (log->followed) {
        int r = kept_take(&log->kept, log->dir, log->id, log->name, false, true);
        if (r < 0 && r != -ENOENT)
            return r;
    }
    return renameat(log->dir, fresh, log->dir, log->name) < 0 ? -errno : 0;
}

static void look_for_followers(struct json_log *log)
{
    uint64_t lost = log->kept.lost;
    log->followed = kept_is_followed(log->dir);
    if (!log->followed)
        kept_drop(&log->kept, log->dir, log->id);
    if (lost && !log->told_lost)
        berth_log(log->host, BERTH_LOG_WARN,
                  "%s/%s: who follows it is more than %d MiB behind and misses lines",
                  log->dir_path, log->name, KEPT_MAX_BYTES >> 20);
    log->told_lost |= lost > 0;
}

static int rotate(struct json_log *log)
{
    look_for_followers(log);
    _cleanup_(freep) char *fresh = logfile_name(log->id, 0, ".new");
    if (!fresh)
        return -ENOMEM;
    _cleanup_(closep) int fd =
        openat(log->dir, fresh,
               O_RDWR | O_APPEND | O_CREAT | O_TRUNC | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0640);
    int r = fd < 0 || fchmod(fd, 0640) < 0 ? -errno : replace(log, fresh);
    if (r < 0) {
        unlinkat(log->dir, fresh, 0);
        return r;
    }
    closep(&log->fd);
    log->fd = steal_fd(&fd);
    log->size = log->first_ns = log->retry_after = 0;
    log->torn = false;
    r = log->compress ? logfile_compress(log->dir, log->id) : 0;
    if (r < 0)
        berth_log(log->host, BERTH_LOG_WARN, "%s/%s.1 stays uncompressed: %s", log->dir_path,
                  log->name, strerror(-r));
    return 0;
}

int json_rotate(void *p, struct berth_err *err)
{
    struct json_log *log = p;
    int r = rotate(log);
    return r < 0
               ? berth_err_set(err, r, "rotating %s/%s: %s", log->dir_path, log->name, strerror(-r))
               : 0;
}

static bool is_due(const struct json_log *log, const struct berth_log_record *rec)
{
    int64_t size = log->size + (int64_t)log->out.n;
    if (size == 0 || size < log->retry_after)
        return false;
    return (log->max_size > 0 && size >= log->max_size) ||
           (log->max_age_ns > 0 && log->first_ns && rec->time_ns - log->first_ns > log->max_age_ns);
}

/* A file that cannot be rotated is written on: losing lines would be worse than a file that is too long. */
static int rotate_due(struct json_log *log, struct berth_err *err)
{
    int r = flush_out(log, err);
    if (r < 0)
        return r;
    r = rotate(log);
    if (r < 0) {
        berth_log(log->host, BERTH_LOG_WARN, "%s/%s cannot be rotated and grows on: %s",
                  log->dir_path, log->name, strerror(-r));
        log->retry_after = log->size + (1 << 20);
    }
    return 0;
}

static bool ends_in_newline(const struct berth_log_record *rec)
{
    bool more = (rec->flags & BERTH_LOG_PARTIAL) && !(rec->flags & BERTH_LOG_PARTIAL_LAST);
    return !more && !rec->no_newline;
}

static void format(struct json_log *log, const struct berth_log_record *rec)
{
    struct buf *out = &log->out;
    bool newline = ends_in_newline(rec);
    char stamp[TIMESTAMP_MAX];
    buf_add(out, "{", 1);
    if (rec->len || newline) {
        buf_add(out, "\"log\":\"", 7);
        escape_log(out, rec->line, rec->len);
        buf_add(out, newline ? "\\n\"," : "\",", newline ? 4 : 2);
    }
    if (rec->stream == BERTH_STDERR)
        buf_add(out, "\"stream\":\"stderr\",", 18);
    else
        buf_add(out, "\"stream\":\"stdout\",", 18);
    buf_add(out, log->attrs.p ? log->attrs.p : "", log->attrs.n);
    buf_add(out, "\"time\":\"", 8);
    buf_add(out, stamp, timestamp_print(&log->clock, rec->time_ns, stamp));
    buf_add(out, "\"}\n", 3);
}

int json_write(void *p, const struct berth_log_record *const *records, size_t n,
               struct berth_err *err)
{
    struct json_log *log = p;
    for (size_t i = 0; i < n; i++) {
        int r = is_due(log, records[i]) ? rotate_due(log, err) : 0;
        if (r == 0 && log->out.n >= WRITE_SIZE)
            r = flush_out(log, err);
        if (r < 0)
            return r;
        if (log->torn && log->out.n == 0)
            buf_add(&log->out, "\n", 1);
        if (!log->first_ns)
            log->first_ns = records[i]->time_ns;
        format(log, records[i]);
        if (log->out.failed) {
            buf_fini(&log->out);
            return berth_err_set(err, -ENOMEM, "out of memory");
        }
    }
    return flush_out(log, err);
}
