/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Logs as clients see them
 *
 * Turns the driver's records into lines: time and details in front where they were asked for, pieces of a long line put together again, the
 * newline at its end only where the program wrote one.
 */
#include <errno.h>

#include "base/clock.h"
#include "base/json.h"
#include "engine/internal.h"
#include "engine/log-driver.h"

struct log_writer {
    const struct log_query *query;
    const struct log_sink *sink;
    bool idles; /* the driver tells when it waits */
    struct buf head;
    int64_t second; /* that `time` is of */
    char time[TIME_RFC3339_MAX];
};

static bool is_first_piece(const struct berth_log_record *r)
{
    return !(r->flags & BERTH_LOG_PARTIAL) || r->partial_ordinal <= 1;
}

static bool ends_line(const struct berth_log_record *r)
{
    bool piece = (r->flags & BERTH_LOG_PARTIAL) && !(r->flags & BERTH_LOG_PARTIAL_LAST);
    return !piece && !r->no_newline;
}

/* Most lines share their second with the one before: then only the nine digits behind it are printed. */
static void add_time(struct log_writer *w, int64_t ns)
{
    int64_t second = ns / NS_PER_SEC;
    size_t n = strlen(w->time);
    if (ns < 0 || n == 0 || second != w->second) {
        time_format_fixed(ns, w->time);
        n = strlen(w->time);
        w->second = second;
    } else {
        int64_t left = ns % NS_PER_SEC;
        for (char *p = w->time + n - 1; p[-1] != '.'; left /= 10) /* from the Z backwards */
            *--p = (char)('0' + left % 10);
    }
    buf_add(&w->head, w->time, n);
    buf_addc(&w->head, ' ');
}

static int write_record(void *ctx, const struct berth_log_record *r)
{
    struct log_writer *w = ctx;
    bool first = is_first_piece(r);
    buf_reset(&w->head);
    if (w->query->timestamps && first)
        add_time(w, r->time_ns);
    if (w->query->details && first)
        buf_printf(&w->head, "%s ", r->attributes ? r->attributes : "");
    const struct log_line line = {.stream = (int)r->stream,
                                  .head = w->head.s,
                                  .head_len = w->head.len,
                                  .text = r->line,
                                  .text_len = r->len,
                                  .newline = ends_line(r)};
    int c = log_line_len(&line) ? w->sink->line(w->sink->ctx, &line) : 0;
    return c == 0 && w->query->follow && !w->idles && w->sink->idle ? w->sink->idle(w->sink->ctx)
                                                                    : c;
}

static int pass_idle(void *ctx)
{
    struct log_writer *w = ctx;
    return w->sink->idle ? w->sink->idle(w->sink->ctx) : 0;
}

int engine_container_logs_check(struct engine *e, const char *ref, const struct log_query *q,
                                bool *tty, struct err *err)
{
    _cleanup_(state_container_freep) struct state_container *row = NULL;
    int r = state_container_find(e->state, ref, &row, err);
    if (r < 0)
        return r;
    if (!q->stdout_on && !q->stderr_on)
        return err_set(err, -EINVAL, "Bad parameters: you must choose at least one stream");
    *tty = json_bool(row->config, "Tty", false);
    return log_readable(e, row, err);
}

int engine_container_logs(struct engine *e, const char *ref, const struct log_query *q, int stop_fd,
                          const struct log_sink *sink, struct err *err)
{
    _cleanup_(state_container_freep) struct state_container *row = NULL;
    int r = state_container_find(e->state, ref, &row, err);
    if (r < 0)
        return r;
    struct container_wait *done = NULL;
    if (q->follow) {
        r = engine_container_wait_open(e, row->id, WAIT_NOT_RUNNING, &done, err);
        if (r < 0)
            return r;
    }
    struct berth_log_query query = {
        .size = sizeof(query),
        .since_ns = q->since_ns,
        .until_ns = q->until_ns,
        .tail = q->tail,
        .streams =
            (q->stdout_on ? 1u << BERTH_STDOUT : 0) | (q->stderr_on ? 1u << BERTH_STDERR : 0),
        .follow = q->follow,
        .stop_fd = stop_fd,
        .done_fd = done ? engine_container_wait_fd(done) : -1,
        .idle = pass_idle,
    };
    struct log_writer w = {.query = q, .sink = sink, .idles = log_tells_idle(e, row)};
    r = log_read(e, row, &query, write_record, &w, err);
    buf_fini(&w.head);
    engine_container_wait_close(done);
    return r;
}
