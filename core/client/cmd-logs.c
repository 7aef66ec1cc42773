/* SPDX-License-Identifier: Apache-2.0 */
/* logs: of one container as it is, of several line by line, each behind its name. */
#include <errno.h>
#include <poll.h>

#include "base/json.h"
#include "client/commands.h"
#include "client/filters.h"
#include "client/format.h"
#include "client/http.h"
#include "client/log-lines.h"
#include "client/session.h"
#include "client/terminal.h"

static char *query_of(const struct args *a)
{
    _cleanup_(freep) char *since_text = time_argument(args_str(a, "since", "")),
                          *until_text = time_argument(args_str(a, "until", ""));
    _cleanup_(freep) char *since = http_escape(since_text), *until = http_escape(until_text),
                          *tail = http_escape(args_str(a, "tail", "all"));
    return str_printf("follow=%d&timestamps=%d&details=%d&since=%s&until=%s&tail=%s",
                      args_bool(a, "follow"), args_bool(a, "timestamps"), args_bool(a, "details"),
                      since, until, tail);
}

/* --- one container */

struct log_stream {
    struct demux demux;
    bool raw;
};

static int log_data(void *ctx, const char *data, size_t n)
{
    struct log_stream *l = ctx;
    return l->raw ? fwrite(data, 1, n, stdout) != n || fflush(stdout) != 0
                  : demux_feed(&l->demux, data, n) < 0;
}

static int logs_of_one(struct client *c, const char *ref, const char *query)
{
    json_auto_t *v = NULL;
    _cleanup_(freep) char *id = http_escape(ref), *inspect = str_printf("/containers/%s/json", id);
    if (http_json(c, "GET", inspect, NULL, &v) < 0)
        return cli_fail(c, 1);
    struct log_stream l = {.raw = json_bool(json_obj(v, "Config"), "Tty", false)};
    _cleanup_(freep) char *path = str_printf("/containers/%s/logs?stdout=1&stderr=1&%s", id, query);
    return http_stream(c, "GET", path, log_data, &l) < 0 ? cli_fail(c, 1) : 0;
}

/* --- several */

struct named_log {
    struct log_source source;
    const char *ref;
    int width; /* of all names */
    size_t index;
    bool over, failed;
};

static void print_line(void *ctx, int fd, const char *line, size_t n)
{
    const struct named_log *l = ctx;
    FILE *f = fd == 2 ? stderr : stdout;
    bool colours = terminal_colours(fd == 2 ? STDERR_FILENO : STDOUT_FILENO);
    int gap = l->width - (int)display_width(l->ref);
    fprintf(f, "%s%s%*s |%s ", colours ? terminal_colour(l->index) : "", l->ref, gap, "",
            colours ? TERMINAL_PLAIN : "");
    fwrite(line, 1, n, f);
    fputc('\n', f);
}

/* One that fails is told of; the others go on. */
static void check(struct client *c, struct named_log *l, int r)
{
    l->over = r < 0 || l->source.x.complete;
    l->failed = r < 0;
    if (r < 0)
        cli_fail(c, 1);
    err_clear(&c->err);
}

static int poll_logs(struct client *c, struct named_log *logs, struct pollfd *fds, size_t n)
{
    for (size_t i = 0; i < n; i++)
        fds[i] = (struct pollfd){.fd = logs[i].over ? -1 : logs[i].source.x.fd, .events = POLLIN};
    if (poll(fds, n, -1) < 0)
        return errno == EINTR ? 0 : err_errno(&c->err, -errno, "poll");
    for (size_t i = 0; i < n; i++)
        if (fds[i].revents)
            check(c, &logs[i], log_source_read(&logs[i].source));
    return fflush(stdout) != 0 ? -EPIPE : 0;
}

static bool all_over(const struct named_log *logs, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!logs[i].over)
            return false;
    return true;
}

static int logs_of_many(struct client *c, const struct strv *refs, const char *query)
{
    size_t n = refs->n;
    _cleanup_(freep) struct named_log *logs = xcalloc(n, sizeof(*logs));
    _cleanup_(freep) struct pollfd *fds = xcalloc(n, sizeof(*fds));
    int width = 0, code = 0, r = 0;
    for (size_t i = 0; i < n; i++)
        width = MAX(width, (int)display_width(refs->v[i]));
    for (size_t i = 0; i < n; i++) {
        logs[i] = (struct named_log){.ref = refs->v[i], .width = width, .index = i};
        check(c, &logs[i],
              log_source_open(&logs[i].source, c, refs->v[i], query, print_line, &logs[i]));
    }
    while (r == 0 && !all_over(logs, n))
        r = poll_logs(c, logs, fds, n);
    if (r < 0 && r != -EPIPE)
        code = cli_fail(c, 1);
    for (size_t i = 0; i < n; i++) {
        code = logs[i].failed ? 1 : code;
        log_source_close(&logs[i].source);
    }
    return code;
}

static int logs_main(struct client *c, const struct args *a)
{
    _cleanup_(freep) char *query = query_of(a);
    return a->rest.n == 1 ? logs_of_one(c, a->rest.v[0], query) : logs_of_many(c, &a->rest, query);
}

static const struct flag logs_flags[] = {
    {"details", 0, FLAG_BOOL, "", "Show extra details provided to logs"},
    {"follow", 'f', FLAG_BOOL, "", "Follow log output"},
    {"since", 0, FLAG_STRING, "string",
     "Show logs since timestamp (2013-01-02T13:23:37Z) or relative (42m for 42 minutes)"},
    {"tail", 'n', FLAG_STRING, "string", "Number of lines to show from the end of the logs"},
    {"timestamps", 't', FLAG_BOOL, "", "Show timestamps"},
    {"until", 0, FLAG_STRING, "string", "Show logs before a timestamp or relative"},
    {NULL},
};

const struct cli_command command_logs = {.group = "container",
                                         .name = "logs",
                                         .top = "logs",
                                         .usage = "[OPTIONS] CONTAINER [CONTAINER...]",
                                         .summary = "Fetch the logs of one or more containers",
                                         .min = 1,
                                         .max = -1,
                                         .flags = logs_flags,
                                         .examples =
                                             "The last ten lines, and what comes:\n"
                                             "    berth logs -f --tail 10 web\n"
                                             "Of the last hour, with times:\n"
                                             "    berth logs -t --since 1h web\n"
                                             "Of several, each line behind its container's name:\n"
                                             "    berth logs -f web db\n",
                                         .first = COMPLETE_CONTAINER,
                                         .rest = COMPLETE_CONTAINER,
                                         .run = logs_main};
