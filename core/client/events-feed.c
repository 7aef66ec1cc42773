/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon's events as something to wait for. */
#include "client/events-feed.h"

#include <errno.h>

#include "base/json.h"
#include "client/http.h"

static int on_data(void *ctx, const char *data, size_t n)
{
    struct events_feed *f = ctx;
    f->news = f->news || memchr(data, '\n', n);
    return 0;
}

static char *filters_of(const char *container)
{
    json_auto_t *filters = json_pack("{s[s]}", "type", "container");
    if (container)
        json_put_take(filters, "container", json_pack("[s]", container));
    return json_text(filters);
}

int events_feed_open(struct events_feed *f, struct client *c, const char *container)
{
    _cleanup_(freep) char *filters = filters_of(container);
    _cleanup_(freep) char *path = http_path_1("/events?filters=%s", filters);
    *f = (struct events_feed){.client = c};
    exchange_init(&f->x, -1);
    int r = http_open(c, "GET", path, &f->x);
    if (r == 0)
        r = http_outcome(c, &f->x, exchange_read_headers(&f->x), &c->err);
    f->x.each = on_data;
    f->x.ctx = f;
    return r;
}

int events_feed_read(struct events_feed *f)
{
    int r = exchange_read(&f->x);
    if (r == 0 && f->x.complete)
        r = -ECONNRESET;
    return http_outcome(f->client, &f->x, r, &f->client->err);
}

void events_feed_close(struct events_feed *f)
{
    exchange_fini(&f->x);
}
