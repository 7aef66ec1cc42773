/* SPDX-License-Identifier: Apache-2.0 */
/* A container's log as lines. */
#include "client/log-lines.h"

#include <errno.h>

#include "base/json.h"
#include "client/http.h"

#define LINE_MAX_BYTES (1u << 20) /* a longer one comes in pieces */

static void flush_line(struct log_source *s, int fd)
{
    struct buf *line = &s->lines[fd];
    s->each(s->ctx, fd, line->s ? line->s : "", line->len);
    buf_reset(line);
}

static void take_text(struct log_source *s, int fd, const char *data, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (data[i] == '\n') {
            flush_line(s, fd);
            continue;
        }
        buf_addc(&s->lines[fd], data[i]);
        if (s->lines[fd].len >= LINE_MAX_BYTES)
            flush_line(s, fd);
    }
}

static void take_head(struct log_source *s, unsigned char byte)
{
    s->head[s->have++] = byte;
    if (s->have < sizeof(s->head))
        return;
    s->have = 0;
    s->fd = s->head[0] == 2 ? 2 : 1;
    s->left =
        (size_t)s->head[4] << 24 | (size_t)s->head[5] << 16 | (size_t)s->head[6] << 8 | s->head[7];
}

static int on_data(void *ctx, const char *data, size_t n)
{
    struct log_source *s = ctx;
    if (s->raw) {
        take_text(s, 1, data, n);
        return 0;
    }
    while (n > 0) {
        size_t part = MIN(n, s->left);
        if (part > 0) {
            take_text(s, s->fd, data, part);
            s->left -= part;
        } else {
            take_head(s, (unsigned char)data[0]);
            part = 1;
        }
        data += part;
        n -= part;
    }
    return 0;
}

int log_source_open(struct log_source *s, struct client *c, const char *ref, const char *query,
                    void (*each)(void *ctx, int fd, const char *line, size_t n), void *ctx)
{
    json_auto_t *v = NULL;
    *s = (struct log_source){.client = c, .fd = 1, .each = each, .ctx = ctx};
    exchange_init(&s->x, -1);
    _cleanup_(freep) char *inspect = http_path_1("/containers/%s/json", ref);
    int r = http_json(c, "GET", inspect, NULL, &v);
    if (r < 0)
        return r;
    s->raw = json_bool(json_obj(v, "Config"), "Tty", false);
    _cleanup_(freep) char *path = http_path_1("/containers/%s/logs", ref);
    _cleanup_(freep) char *url = str_printf("%s?stdout=1&stderr=1&%s", path, query);
    r = http_open(c, "GET", url, &s->x);
    s->x.each = on_data;
    s->x.ctx = s;
    return r;
}

int log_source_read(struct log_source *s)
{
    int r = exchange_read(&s->x);
    if (r == 0 && s->x.status >= 400)
        r = exchange_read_all(&s->x);
    r = http_outcome(s->client, &s->x, r, &s->client->err);
    if (s->x.complete && s->x.status < 400)
        for (int fd = 1; fd <= 2; fd++)
            if (s->lines[fd].len > 0)
                flush_line(s, fd);
    return r;
}

void log_source_close(struct log_source *s)
{
    exchange_fini(&s->x);
    for (size_t i = 0; i < ARRAY_SIZE(s->lines); i++)
        buf_fini(&s->lines[i]);
}
