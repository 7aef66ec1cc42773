/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Containers: wait, logs, attach
 */
#include <errno.h>

#include "api/detach.h"
#include "api/hijack.h"
#include "api/reply.h"
#include "api/resources.h"
#include "api/stream.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mux.h"
#include "engine/engine.h"

#define LOG_BATCH (64u << 10)

/* --- wait */
static int wait_fill(void *ctx, struct buf *out)
{
    json_auto_t *result = NULL;
    int c = engine_container_wait_result(ctx, &result);
    if (c <= 0)
        return c;
    _cleanup_(freep) char *text = json_text(result);
    buf_printf(out, "%s\n", text);
    return -ENODATA;
}

static void wait_close(void *ctx)
{
    engine_container_wait_close(ctx);
}

static int wait_condition_parse(const char *word, enum wait_condition *out, struct err *err)
{
    if (str_empty(word) || str_eq(word, "not-running"))
        *out = WAIT_NOT_RUNNING;
    else if (str_eq(word, "next-exit"))
        *out = WAIT_NEXT_EXIT;
    else if (str_eq(word, "removed"))
        *out = WAIT_REMOVED;
    else
        return err_set(err, -EINVAL,
                       "invalid condition: \"%s\": expected not-running, next-exit or removed",
                       word);
    return 0;
}

int containers_wait(struct request *r, struct err *err)
{
    static const struct live_ops ops = {wait_fill, wait_close};
    enum wait_condition condition;
    struct container_wait *w = NULL;
    int c = wait_condition_parse(query_str(r, "condition"), &condition, err);
    if (c == 0)
        c = engine_container_wait_open(r->engine, r->match.param, condition, &w, err);
    return c < 0 ? c : reply_live(r, TYPE_JSON, engine_container_wait_fd(w), &ops, w, err);
}

/* --- logs */
struct log_stream {
    struct engine *engine;
    char *ref;
    struct log_query query;
    bool tty;
    int out;
    struct buf buf;
};

static int log_stream_flush(void *ctx)
{
    struct log_stream *s = ctx;
    int c = s->buf.len ? fs_write_all(s->out, s->buf.s, s->buf.len) : 0;
    buf_reset(&s->buf);
    return c;
}

static int log_stream_line(void *ctx, const struct log_line *line)
{
    struct log_stream *s = ctx;
    unsigned char head[MUX_HEAD];
    mux_head(head, line->stream, log_line_len(line));
    if (!s->tty)
        buf_add(&s->buf, head, sizeof(head));
    buf_add(&s->buf, line->head, line->head_len);
    buf_add(&s->buf, line->text, line->text_len);
    if (line->newline)
        buf_addc(&s->buf, '\n');
    return s->buf.len >= LOG_BATCH ? log_stream_flush(s) : 0;
}

static int log_stream_run(void *ctx, int out)
{
    struct log_stream *s = ctx;
    _cleanup_(err_fini) struct err err = {0};
    s->out = out;
    /* Who follows has each line when the reader waits for the next. */
    const struct log_sink sink = {.ctx = s, .line = log_stream_line, .idle = log_stream_flush};
    int c = engine_container_logs(s->engine, s->ref, &s->query, out, &sink, &err);
    if (c < 0)
        log_error("logs of %s: %s", s->ref, err_msg(&err));
    int w = log_stream_flush(s);
    return c < 0 ? c : w;
}

static void log_stream_close(void *ctx)
{
    struct log_stream *s = ctx;
    buf_fini(&s->buf);
    free(s->ref);
    free(s);
}

static int log_query_parse(const struct request *r, struct log_query *q, struct err *err)
{
    *q = (struct log_query){
        .stdout_on = query_bool(r, "stdout"),
        .stderr_on = query_bool(r, "stderr"),
        .follow = query_bool(r, "follow"),
        .timestamps = query_bool(r, "timestamps"),
        .details = query_bool(r, "details"),
    };
    if (!q->stdout_on && !q->stderr_on)
        return err_set(err, -EINVAL, "Bad parameters: you must choose at least one stream");
    int c = query_time(r, "since", &q->since_ns, err);
    if (c == 0)
        c = query_time(r, "until", &q->until_ns, err);
    /* "all" and, as in Docker, whatever is no number. */
    const char *tail = query_str(r, "tail");
    if (str_empty(tail) || parse_i64(tail, 0, INT64_MAX, &q->tail) < 0)
        q->tail = -1;
    return c;
}

int containers_logs(struct request *r, struct err *err)
{
    static const struct producer_ops ops = {log_stream_run, log_stream_close};
    struct log_query q;
    bool tty = false;
    int c = log_query_parse(r, &q, err);
    if (c == 0)
        c = engine_container_logs_check(r->engine, r->match.param, &q, &tty, err);
    if (c < 0)
        return c;
    struct log_stream *s = xcalloc(1, sizeof(*s));
    *s = (struct log_stream){
        .engine = r->engine, .ref = xstrdup(r->match.param), .query = q, .tty = tty};
    return reply_produced(r, reply_stream_type(r, tty), &ops, s, err);
}

/* --- attach */
int containers_attach(struct request *r, struct err *err)
{
    const char *keys = query_str(r, "detachKeys");
    const struct attach_opts opts = {
        .stream = query_bool(r, "stream"),
        .logs = query_bool(r, "logs"),
        .stdin_on = query_bool(r, "stdin"),
        .stdout_on = query_bool(r, "stdout"),
        .stderr_on = query_bool(r, "stderr"),
        .detach_keys = str_empty(keys) ? NULL : keys,
    };
    struct detach detach;
    int fd = -1;
    bool tty = false;
    int c = detach_parse(&detach, opts.detach_keys, err);
    if (c == 0)
        c = engine_container_attach(r->engine, r->match.param, &opts, &fd, &tty, err);
    return c < 0 ? c : reply_hijack(r, fd, tty, &detach, err);
}
