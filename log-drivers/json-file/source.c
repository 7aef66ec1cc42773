/* SPDX-License-Identifier: Apache-2.0 */
/* The lines of one file. */
#include "source.h"

#include <sys/stat.h>

#include "common/util.h"
#include "line.h"

#define BLOCK (64u << 10)

void source_init(struct source *s, const struct logfile *f, off_t pos)
{
    *s = (struct source){.fd = f->fd, .gz = f->gz, .pos = pos};
}

void source_fini(struct source *s)
{
    if (s->gz_ready)
        inflateEnd(&s->z);
    free(s->in);
    free(s->buf);
    *s = (struct source){.fd = -1};
}

bool source_truncated(struct source *s)
{
    struct stat st;
    if (s->gz || fstat(s->fd, &st) < 0 || st.st_size >= s->pos)
        return false;
    s->pos = 0;
    s->start = s->scanned = s->end = 0;
    s->skipping = false;
    return true;
}

static ssize_t read_at(struct source *s, void *out, size_t n)
{
    ssize_t r;
    do
        r = pread(s->fd, out, n, s->pos);
    while (r < 0 && errno == EINTR);
    if (r > 0)
        s->pos += r;
    return r < 0 ? -errno : r;
}

static int gz_start(struct source *s)
{
    s->in = malloc(BLOCK);
    if (!s->in || inflateInit2(&s->z, 15 + 16) != Z_OK)
        return -ENOMEM;
    s->gz_ready = true;
    return 0;
}

/* A file that is cut off or damaged ends where it is. */
static ssize_t read_gz(struct source *s, void *out, size_t n)
{
    int r = s->gz_ready ? 0 : gz_start(s);
    if (r < 0)
        return r;
    s->z.next_out = out;
    s->z.avail_out = (unsigned)n;
    while (!s->gz_done && s->z.avail_out == n) {
        if (s->z.avail_in == 0) {
            ssize_t got = read_at(s, s->in, BLOCK);
            if (got <= 0)
                return got;
            s->z.next_in = s->in;
            s->z.avail_in = (unsigned)got;
        }
        s->gz_done = inflate(&s->z, Z_NO_FLUSH) != Z_OK;
    }
    return (ssize_t)(n - s->z.avail_out);
}

static int make_room(struct source *s)
{
    if (s->start) {
        memmove(s->buf, s->buf + s->start, s->end - s->start);
        s->scanned -= s->start;
        s->end -= s->start;
        s->start = 0;
    }
    if (s->end > LINE_MAX_BYTES) {
        s->scanned = s->end = 0;
        s->skipping = true;
    }
    if (s->cap - s->end >= BLOCK)
        return 0;
    size_t cap = s->cap ? s->cap * 2 : 2 * BLOCK;
    char *buf = realloc(s->buf, cap);
    if (!buf)
        return -ENOMEM;
    s->buf = buf;
    s->cap = cap;
    return 0;
}

static ssize_t refill(struct source *s)
{
    int r = make_room(s);
    if (r < 0)
        return r;
    ssize_t n = s->gz ? read_gz(s, s->buf + s->end, BLOCK) : read_at(s, s->buf + s->end, BLOCK);
    if (n > 0)
        s->end += (size_t)n;
    return n;
}

int source_next(struct source *s, const char **line, size_t *n)
{
    for (;;) {
        char *from = s->buf + s->scanned;
        char *nl = s->end > s->scanned ? memchr(from, '\n', s->end - s->scanned) : NULL;
        if (nl) {
            bool skip = s->skipping;
            *line = s->buf + s->start;
            *n = (size_t)(nl - *line);
            s->start = s->scanned = (size_t)(nl - s->buf) + 1;
            s->skipping = false;
            if (!skip)
                return 1;
            continue;
        }
        s->scanned = s->end;
        ssize_t got = refill(s);
        if (got <= 0)
            return (int)got;
    }
}
