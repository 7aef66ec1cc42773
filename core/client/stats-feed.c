/* SPDX-License-Identifier: Apache-2.0 */
/* Statistics of many containers, as they come. */
#include "client/stats-feed.h"

#include <errno.h>
#include <sys/resource.h>

#include "base/json.h"
#include "client/http.h"

static void source_free(struct stats_source *s)
{
    exchange_fini(&s->x);
    buf_fini(&s->text);
    json_decref(s->line);
    free(s->ref);
    free(s->id);
    free(s);
}

/* Cuts whole lines off what has come and hands them on. */
static void each_line(struct buf *text, const char *data, size_t n,
                      void (*fn)(void *ctx, json_t *line), void *ctx)
{
    for (size_t i = 0; i < n; i++) {
        if (data[i] != '\n') {
            buf_addc(text, data[i]);
            continue;
        }
        json_auto_t *v = NULL;
        if (text->len && json_parse(text->s, text->len, &v, NULL) == 0)
            fn(ctx, v);
        buf_reset(text);
    }
}

static void take_line(void *ctx, json_t *line)
{
    struct stats_source *s = ctx;
    json_decref(s->line);
    s->line = json_incref(line);
}

static int on_data(void *ctx, const char *data, size_t n)
{
    struct stats_source *s = ctx;
    each_line(&s->text, data, n, take_line, s);
    return 0;
}

static struct stats_source *find(const struct stats_feed *f, const char *id)
{
    for (size_t i = 0; i < f->n; i++)
        if (str_eq(f->v[i]->id, id))
            return f->v[i];
    return NULL;
}

/* `id` NULL: the user named it. */
static int add(struct stats_feed *f, const char *ref, const char *id)
{
    if (id && find(f, id))
        return 0;
    struct stats_source *s = xcalloc(1, sizeof(*s));
    _cleanup_(freep) char *path = http_path_1("/containers/%s/stats", id ? id : ref);
    _cleanup_(freep) char *url = str_printf("%s?stream=%d", path, f->stream);
    exchange_init(&s->x, -1);
    s->ref = xstrdup(ref);
    s->id = xstrdup0(id);
    int r = http_open(f->client, "GET", url, &s->x);
    if (r < 0) {
        source_free(s);
        return r;
    }
    s->x.each = on_data;
    s->x.ctx = s;
    f->v = xrealloc(f->v, (f->n + 1) * sizeof(struct stats_source *));
    f->v[f->n++] = s;
    f->news = true;
    return 0;
}

static void drop(struct stats_feed *f, const char *id)
{
    size_t kept = 0;
    for (size_t i = 0; i < f->n; i++) {
        if (str_eq(f->v[i]->id, id))
            source_free(f->v[i]);
        else
            f->v[kept++] = f->v[i];
    }
    f->news = f->news || kept < f->n;
    f->n = kept;
}

/* --- containers come and go */
static int add_by_id(struct stats_feed *f, const char *id)
{
    _cleanup_(freep) char *short_id = str_printf("%.12s", id);
    int r = add(f, short_id, id);
    if (r == -ENOENT) { /* it is gone already */
        err_clear(&f->client->err);
        r = 0;
    }
    return r;
}

static void take_event(void *ctx, json_t *event)
{
    struct stats_feed *f = ctx;
    const char *action = json_str(event, "Action", ""),
               *id = json_str(json_obj(event, "Actor"), "ID", "");
    if (str_eq(action, "start") || (f->all && str_eq(action, "create")))
        (void)add_by_id(f, id);
    else if (str_eq(action, "destroy") || (!f->all && str_eq(action, "die")))
        drop(f, id);
}

static int on_event(void *ctx, const char *data, size_t n)
{
    struct stats_feed *f = ctx;
    each_line(&f->event_text, data, n, take_event, f);
    return 0;
}

static int follow(struct stats_feed *f)
{
    static const char filters[] =
        "{\"type\":[\"container\"],\"event\":[\"create\",\"start\",\"die\",\"destroy\"]}";
    _cleanup_(freep) char *path = http_path_1("/events?filters=%s", filters);
    int r = http_open(f->client, "GET", path, &f->events);
    if (r == 0)
        r = http_outcome(f->client, &f->events, exchange_read_headers(&f->events), &f->client->err);
    f->events.each = on_event;
    f->events.ctx = f;
    f->has_events = r == 0;
    return r;
}

static int add_listed(struct stats_feed *f)
{
    json_auto_t *list = NULL;
    _cleanup_(freep) char *path = str_printf("/containers/json?all=%d", f->all);
    int r = http_json(f->client, "GET", path, NULL, &list);
    for (size_t i = json_array_size(list); r == 0 && i > 0; i--) /* the oldest first */
        r = add_by_id(f, json_str(json_array_get(list, i - 1), "Id", ""));
    return r;
}

static void raise_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

int stats_feed_open(struct stats_feed *f, struct client *c, const struct strv *names, bool stream,
                    bool all)
{
    *f = (struct stats_feed){.client = c, .stream = stream, .all = all};
    int r = 0;
    exchange_init(&f->events, -1);
    raise_limit();
    for (size_t i = 0; r == 0 && i < names->n; i++)
        r = add(f, names->v[i], NULL);
    if (r == 0 && names->n == 0 && stream)
        r = follow(f);
    if (r == 0 && names->n == 0)
        r = add_listed(f);
    return r;
}

void stats_feed_close(struct stats_feed *f)
{
    for (size_t i = 0; i < f->n; i++)
        source_free(f->v[i]);
    free(f->v);
    exchange_fini(&f->events);
    buf_fini(&f->event_text);
    free(f->polled);
}

/* --- reading */

/* A container that came by itself may be gone by itself; one that was named has to be there. */
static int read_source(struct stats_feed *f, struct stats_source *s)
{
    struct err *err = &f->client->err;
    int r = http_outcome(f->client, &s->x, exchange_read(&s->x), err);
    f->news = true;
    bool refused = s->x.status >= 400;
    if (r < 0 && (!refused || !s->x.complete) && s->x.status == 0)
        return r;
    if (refused && s->x.complete) {
        s->over = true;
        if (s->id)
            err_clear(err);
        return s->id ? 0 : http_outcome(f->client, &s->x, 0, err);
    }
    err_clear(err);
    s->over = s->x.complete || r < 0;
    return r == -ECONNRESET ? r : 0;
}

static int read_events(struct stats_feed *f)
{
    int r = http_outcome(f->client, &f->events, exchange_read(&f->events), &f->client->err);
    f->has_events = !f->events.complete;
    return r;
}

static size_t fill_polled(struct stats_feed *f, int fd)
{
    f->polled = xrealloc(f->polled, (f->n + 2) * sizeof(struct pollfd));
    for (size_t i = 0; i < f->n; i++)
        f->polled[i] = (struct pollfd){.fd = f->v[i]->over ? -1 : f->v[i]->x.fd, .events = POLLIN};
    f->polled[f->n] = (struct pollfd){.fd = f->has_events ? f->events.fd : -1, .events = POLLIN};
    f->polled[f->n + 1] = (struct pollfd){.fd = fd, .events = POLLIN};
    return f->n;
}

int stats_feed_wait(struct stats_feed *f, int fd, int limit_ms)
{
    size_t n = fill_polled(f, fd);
    int r = poll(f->polled, n + 2, limit_ms);
    if (r < 0)
        return errno == EINTR ? 0 : err_errno(&f->client->err, -errno, "waiting for statistics");
    r = 0;
    for (size_t i = 0; r == 0 && i < n; i++)
        if (f->polled[i].revents)
            r = read_source(f, f->v[i]);
    /* Last, for it changes the list. */
    if (r == 0 && f->polled[n].revents)
        r = read_events(f);
    return r;
}

bool stats_feed_over(const struct stats_feed *f)
{
    for (size_t i = 0; i < f->n; i++)
        if (!f->v[i]->over)
            return false;
    return !f->has_events;
}
