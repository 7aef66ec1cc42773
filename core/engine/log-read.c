/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a container's log
 *
 * Who answers: the driver itself, or the cache beside one that cannot read. Where a fallback has taken over in some run, its
 * lines come after the driver's of that run; runs are told apart by the times at which they began. Who follows goes from
 * one to the other when that happens.
 */
#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/json.h"
#include "base/log.h"
#include "engine/log-driver.h"
#include "engine/log-status.h"
#include "plugin/err-bridge.h"
#include "plugin/host.h"
#include "plugin/options.h"
#include "plugin/registry.h"
#include "plugin/watchdog.h"

/* struct berth_log_info over JSON: the strings live in `json`, the vectors here. */
struct log_info {
    struct berth_log_info api;
    json_t *json;
    struct options *options;
    struct log_hosts *hosts;
    struct strv env, labels;
};

static void log_info_fini(struct log_info *i)
{
    json_decref(i->json);
    options_free(i->options);
    log_hosts_unref(i->hosts);
    strv_fini(&i->env);
    strv_fini(&i->labels);
}

static const char *const *fill(struct strv *sv, const json_t *list)
{
    static const char *const empty[] = {NULL};
    for (size_t i = 0; i < json_array_size(list); i++)
        strv_add(sv, json_string_value(json_array_get(list, i)));
    return sv->n > 0 ? (const char *const *)sv->v : empty;
}

static int log_info_init(struct log_info *i, struct engine *e, const struct state_container *row,
                         struct plugin *p, enum log_place place, struct err *err)
{
    json_auto_t *daemon = log_daemon_options(e, p);
    json_auto_t *own = log_options_of(row, place);
    int r = options_new(p->desc->options, BERTH_OPT_OBJECT, daemon, own, false, &i->options, err);
    if (r < 0)
        return r;
    const json_t *j = i->json = log_info_json(e, row, p, place);
    i->hosts = log_hosts_ref(e);
    const struct plugin_host *host = log_host(i->hosts, p);
    i->api = (struct berth_log_info){
        .size = sizeof(i->api),
        .host = host ? host_table(host) : NULL,
        .options = options_table(i->options),
        .container_id = row->id,
        .container_name = row->name,
        .image_id = json_str(j, "image_id", ""),
        .image_name = json_str(j, "image_name", ""),
        .daemon_name = json_str(j, "daemon_name", ""),
        .hostname = json_str(j, "hostname", ""),
        .command = json_str(j, "command", ""),
        .created_ns = row->created_ns,
        .env = fill(&i->env, json_arr(j, "env")),
        .labels = fill(&i->labels, json_arr(j, "labels")),
        .log_dir = json_str(j, "log_dir", ""),
    };
    return 0;
}

static void put_path(void *ctx, const char *path)
{
    char **out = ctx;
    free(*out);
    *out = xstrdup(path);
}

char *log_path(struct engine *e, const struct state_container *row)
{
    char *path = NULL;
    _cleanup_(err_fini) struct err err = {0};
    _cleanup_(log_info_fini) struct log_info info = {0};
    struct plugin *p = log_driver_of(e, row, &err);
    if (p && BERTH_HAS(log_ops(p), path) && log_info_init(&info, e, row, p, LOG_OWN, &err) == 0) {
        PLUGIN_ERR(perr, &err);
        PLUGIN_CALL(call, p, "path");
        (void)log_ops(p)->path(&info.api, put_path, &path, &perr.base);
    }
    return path ? path : xstrdup("");
}

void log_remove(struct engine *e, const struct state_container *row)
{
    _cleanup_(err_fini) struct err err = {0};
    _cleanup_(log_info_fini) struct log_info info = {0};
    struct plugin *p = log_driver_of(e, row, &err);
    if (!p || !BERTH_HAS(log_ops(p), remove))
        return;
    int r = log_info_init(&info, e, row, p, LOG_OWN, &err);
    if (r == 0) {
        PLUGIN_ERR(perr, &err);
        PLUGIN_CALL(call, p, "remove");
        r = plugin_result(log_ops(p)->remove(&info.api, &perr.base), &err, p->name, "remove");
    }
    if (r < 0)
        log_warn("removing the log of container %s: %s", row->id, err_msg(&err));
}

/* --- the parts of a log */

struct part {
    struct plugin *plugin;
    enum log_place place;
    int64_t since_ns, until_ns; /* as in a query */
    int64_t tail;
};

#define PARTS_MAX 40

struct parts {
    struct part v[PARTS_MAX];
    size_t n;
};

static int no_reader(struct err *err)
{
    return err_set(err, -ENOTSUP, "configured logging driver does not support reading");
}

/* Who answers in general. */
static struct plugin *reader_of(struct engine *e, const struct state_container *row,
                                enum log_place *place, struct err *err)
{
    *place = LOG_OWN;
    if (str_eq(json_str(log_config(row), "Type", ""), LOG_NONE)) {
        no_reader(err);
        return NULL;
    }
    struct plugin *p = log_driver_of(e, row, err);
    if (!p || log_can_read(p))
        return p;
    *place = LOG_CACHE;
    p = log_second(e, p);
    if (!p)
        no_reader(err);
    return p;
}

bool log_has_reader(struct engine *e, const struct state_container *row)
{
    struct plugin *p = log_driver_of(e, row, NULL);
    return p && log_can_read(p);
}

int log_readable(struct engine *e, const struct state_container *row, struct err *err)
{
    enum log_place place;
    return reader_of(e, row, &place, err) ? 0 : err->code;
}

bool log_tells_idle(struct engine *e, const struct state_container *row)
{
    enum log_place place;
    _cleanup_(err_fini) struct err err = {0};
    const struct plugin *p = reader_of(e, row, &place, &err), *other = log_second(e, p);
    return p && (p->desc->capabilities & BERTH_LOG_IDLE) &&
           (place != LOG_OWN || !other || (other->desc->capabilities & BERTH_LOG_IDLE));
}

/* What of the query lies in [since, until]. */
static void add_part(struct parts *parts, const struct part *part,
                     const struct berth_log_query *query)
{
    struct part p = *part;
    if (query->since_ns > p.since_ns)
        p.since_ns = query->since_ns;
    if (query->until_ns && (!p.until_ns || query->until_ns < p.until_ns))
        p.until_ns = query->until_ns;
    p.tail = query->tail;
    if ((!p.until_ns || p.since_ns <= p.until_ns) && parts->n < PARTS_MAX)
        parts->v[parts->n++] = p;
}

static int find_parts(struct engine *e, const struct state_container *row,
                      const struct berth_log_query *query, struct parts *out, struct err *err)
{
    struct part own = {0}, other = {.place = LOG_FALLBACK};
    own.plugin = reader_of(e, row, &own.place, err);
    if (!own.plugin)
        return err->code;
    const char *fallback = log_status_fallback(row);
    other.plugin = fallback ? registry_find(e->registry, BERTH_LOG, fallback) : NULL;
    if (fallback && !other.plugin)
        log_warn("container %s: some of its log is with log driver %s, which is not there any more",
                 row->id, fallback);
    const json_t *bounds = other.plugin ? log_status_bounds(row) : NULL;
    for (size_t i = 0; i < json_array_size(bounds); i++) {
        int64_t at = json_integer_value(json_array_get(bounds, i));
        own.until_ns = other.until_ns = at;
        add_part(out, &own, query);
        add_part(out, &other, query);
        own.since_ns = other.since_ns = at + 1;
    }
    own.until_ns = other.until_ns = 0;
    add_part(out, &own, query);
    if (other.plugin && log_status_in_fallback(row))
        add_part(out, &other, query);
    return 0;
}

/* --- reading them */

struct reading {
    struct engine *engine;
    const struct state_container *row;
    const struct berth_log_query *query;
    int (*each)(void *ctx, const struct berth_log_record *record);
    void *ctx;
    bool ended; /* `each` wants no more */
};

static int forward(void *ctx, const struct berth_log_record *record)
{
    struct reading *r = ctx;
    int n = r->each(r->ctx, record);
    r->ended |= n != 0;
    return n;
}

static int forward_idle(void *ctx)
{
    struct reading *r = ctx;
    int n = r->query->idle(r->ctx);
    r->ended |= n != 0;
    return n;
}

static int count_line(void *ctx, const struct berth_log_record *r)
{
    int64_t *lines = ctx;
    if (!(r->flags & BERTH_LOG_PARTIAL) || (r->flags & BERTH_LOG_PARTIAL_LAST))
        ++*lines;
    return 0;
}

static int read_part(struct reading *r, const struct part *p, const struct berth_log_query *query,
                     int (*each)(void *ctx, const struct berth_log_record *record), void *ctx,
                     struct err *err)
{
    _cleanup_(log_info_fini) struct log_info info = {0};
    int n = log_info_init(&info, r->engine, r->row, p->plugin, p->place, err);
    if (n < 0)
        return n;
    PLUGIN_ERR(perr, err);
    n = log_ops(p->plugin)->read(&info.api, query, each, ctx, &perr.base);
    return plugin_result(n, err, p->plugin->name, "read");
}

static struct berth_log_query part_query(const struct reading *r, const struct part *p)
{
    struct berth_log_query q = *r->query;
    q.since_ns = p->since_ns;
    q.until_ns = p->until_ns;
    q.tail = p->tail;
    q.follow = 0;
    q.done_fd = -1;
    q.idle = q.idle ? forward_idle : NULL;
    return q;
}

/* The last lines of all parts together: from the last part backwards. */
static int share_tail(struct reading *r, struct parts *parts, struct err *err)
{
    int64_t left = r->query->tail;
    for (size_t i = parts->n; left >= 0 && parts->n > 1 && i-- > 0;) {
        struct part *p = &parts->v[i];
        int64_t lines = 0;
        p->tail = left;
        struct berth_log_query q = part_query(r, p);
        q.idle = NULL;
        int n = left ? read_part(r, p, &q, count_line, &lines, err) : 0;
        if (n < 0)
            return n;
        left = lines < left ? left - lines : 0;
    }
    return 0;
}

static bool is_ready(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return fd >= 0 && poll(&p, 1, 0) > 0;
}

/* Ready when the container has ended, or its log goes on elsewhere. */
static int open_either(int done_fd, int switch_fd)
{
    int fd = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event ev = {.events = EPOLLIN};
    if (fd >= 0 && done_fd >= 0)
        (void)epoll_ctl(fd, EPOLL_CTL_ADD, done_fd, &ev);
    if (fd >= 0 && epoll_ctl(fd, EPOLL_CTL_ADD, switch_fd, &ev) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

/* The fallback from where this run began. */
static int follow_fallback(struct reading *r, struct err *err)
{
    _cleanup_(state_container_freep) struct state_container *row = NULL;
    struct parts parts = {0};
    struct berth_log_query all = *r->query;
    all.tail = -1;
    int n = state_container_get(r->engine->state, r->row->id, &row, err);
    if (n == 0)
        n = find_parts(r->engine, row, &all, &parts, err);
    if (n < 0 || parts.n == 0 || parts.v[parts.n - 1].place != LOG_FALLBACK)
        return n;
    struct berth_log_query q = part_query(r, &parts.v[parts.n - 1]);
    q.follow = 1;
    q.done_fd = r->query->done_fd;
    return read_part(r, &parts.v[parts.n - 1], &q, forward, r, err);
}

static int follow_part(struct reading *r, const struct part *p, int switch_fd, struct err *err)
{
    struct berth_log_query q = part_query(r, p);
    q.follow = 1;
    q.done_fd = r->query->done_fd;
    if (switch_fd < 0 || p->place != LOG_OWN)
        return read_part(r, p, &q, forward, r, err);
    _cleanup_(closep) int either = open_either(q.done_fd, switch_fd);
    if (either >= 0)
        q.done_fd = either;
    int n = read_part(r, p, &q, forward, r, err);
    bool moved = n == 0 && !r->ended && !is_ready(q.stop_fd) && is_ready(switch_fd);
    return moved ? follow_fallback(r, err) : n;
}

static int read_parts(struct reading *r, struct parts *parts, int switch_fd, struct err *err)
{
    int n = share_tail(r, parts, err);
    for (size_t i = 0; n == 0 && i < parts->n; i++) {
        struct part *p = &parts->v[i];
        bool last = i + 1 == parts->n;
        struct berth_log_query q = part_query(r, p);
        if (last && r->query->follow)
            n = follow_part(r, p, switch_fd, err);
        else if (q.tail != 0)
            n = read_part(r, p, &q, forward, r, err);
        if (r->ended || is_ready(q.stop_fd))
            break;
    }
    return n;
}

int log_read(struct engine *e, const struct state_container *row,
             const struct berth_log_query *query,
             int (*each)(void *ctx, const struct berth_log_record *record), void *ctx,
             struct err *err)
{
    struct reading r = {.engine = e, .row = row, .query = query, .each = each, .ctx = ctx};
    struct parts parts = {0};
    /* First the watch, then the look: a change between them is not missed. */
    _cleanup_(log_watch_close) struct log_watch watch = {.fd = -1};
    if (query->follow)
        log_watch_open(&watch, e, row->id);
    _cleanup_(state_container_freep) struct state_container *now = NULL;
    if (query->follow && state_container_get(e->state, row->id, &now, NULL) == 0)
        r.row = now;
    int n = find_parts(e, r.row, query, &parts, err);
    if (n == 0)
        n = read_parts(&r, &parts, watch.fd, err);
    return n;
}
