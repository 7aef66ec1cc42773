/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where reading begins
 *
 * tail goes backwards in blocks; since passes over files by the time of their last write and bisects the first one that
 * is left. Compressed files can only be read forward: they are counted.
 */
#include "seek.h"

#include <sys/stat.h>

#include "common/util.h"
#include "line.h"
#include "source.h"

#define BLOCK (64u << 10)

/* Finds the offset after the (n+1)th newline from the end. Sets *n to the lines that are still wanted. */
static int tail_plain(int fd, int64_t *n, off_t *offset)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return -errno;
    _cleanup_(freep) char *block = malloc(BLOCK);
    if (!block)
        return -ENOMEM;
    int64_t newlines = 0;
    for (off_t end = st.st_size; end > 0;) {
        size_t want = end < (off_t)BLOCK ? (size_t)end : BLOCK;
        ssize_t got = pread(fd, block, want, end - (off_t)want);
        if (got < 0)
            return -errno;
        end -= (off_t)want;
        for (char *p; got > 0 && (p = memrchr(block, '\n', (size_t)got)); got = p - block) {
            if (newlines++ < *n)
                continue;
            *offset = end + (p - block) + 1;
            *n = 0;
            return 0;
        }
    }
    *offset = 0;
    *n -= newlines;
    return 0;
}

static int tail_gz(const struct logfile *f, int64_t *n, uint64_t *skip)
{
    struct source s;
    const char *line;
    size_t len;
    int64_t total = 0;
    int r;
    source_init(&s, f, 0);
    while ((r = source_next(&s, &line, &len)) == 1)
        total++;
    source_fini(&s);
    *skip = total > *n ? (uint64_t)(total - *n) : 0;
    *n = total > *n ? 0 : *n - total;
    return r;
}

int seek_tail(const struct logset *set, int64_t n, struct position *out)
{
    *out = (struct position){.file = set->n};
    while (out->file > 0 && (n > 0 || out->file == set->n)) {
        const struct logfile *f = &set->files[--out->file];
        out->offset = 0;
        out->skip = 0;
        int r = f->gz ? tail_gz(f, &n, &out->skip) : tail_plain(f->fd, &n, &out->offset);
        if (r < 0)
            return r;
    }
    return 0;
}

/* The time of the first line that parses at or after `from`; -ENODATA when there is none before `to`. *next is the
 * offset after that line. */
static int time_at(const struct logfile *f, struct line *line, off_t from, off_t to,
                   int64_t *time_ns, off_t *next)
{
    struct source s;
    const char *text;
    size_t n;
    off_t at = from;
    int r = 0;
    source_init(&s, f, from > 0 ? from - 1 : 0);
    if (from > 0 && (r = source_next(&s, &text, &n)) == 1)
        at = from + (off_t)n; /* the rest of the line that `from` stands in */
    while ((from == 0 || r == 1) && at < to && (r = source_next(&s, &text, &n)) == 1) {
        at += (off_t)n + 1;
        if (line_parse(line, text, n) < 0)
            continue;
        *time_ns = line->time_ns;
        *next = at;
        source_fini(&s);
        return 0;
    }
    source_fini(&s);
    return r < 0 ? r : -ENODATA;
}

static int bisect(const struct logfile *f, int64_t since_ns, off_t *offset)
{
    struct line line = {0};
    struct stat st;
    if (fstat(f->fd, &st) < 0)
        return -errno;
    off_t low = 0, high = st.st_size;
    int r = 0;
    while (high - low > (off_t)BLOCK && r >= 0) {
        off_t middle = low + (high - low) / 2, next = 0;
        int64_t time_ns = 0;
        r = time_at(f, &line, middle, high, &time_ns, &next);
        if (r == 0 && time_ns < since_ns) {
            low = next;
        } else if (r == 0 || r == -ENODATA) {
            high = middle;
            r = 0;
        }
    }
    line_fini(&line);
    *offset = low; /* the start of a line */
    return r;
}

int seek_since(const struct logset *set, int64_t since_ns, struct position *out)
{
    *out = (struct position){0};
    while (out->file + 1 < set->n && set->files[out->file].mtime_ns < since_ns)
        out->file++;
    if (out->file == set->n || set->files[out->file].gz)
        return 0;
    return bisect(&set->files[out->file], since_ns, &out->offset);
}
