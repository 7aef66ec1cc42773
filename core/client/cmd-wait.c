/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wait: until containers have ended, or until they are what --for says
 *
 * A state is looked at when the daemon's events say that something happened, never by the clock.
 */
#include <errno.h>
#include <poll.h>
#include <regex.h>

#include "base/clock.h"
#include "base/json.h"
#include "client/commands.h"
#include "client/events-feed.h"
#include "client/http.h"
#include "client/log-lines.h"

#define EXIT_TIMEOUT 124 /* as timeout(1) */

/* What is waited for, and until when. */
struct goal {
    const char *state;   /* "healthy", "running", "exited" */
    const char *pattern; /* of a line of the log */
    regex_t regex;
    int64_t deadline; /* of time_mono_ns(); 0: none */
};

static int left_ms(const struct goal *g)
{
    if (!g->deadline)
        return -1;
    int64_t ms = (g->deadline - time_mono_ns()) / NS_PER_MS;
    return (int)MAX(MIN(ms, INT32_MAX), 0);
}

/* 1: it came; -ETIMEDOUT. */
static int wait_fd(const struct goal *g, int fd, const char *ref, struct err *err)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    int r;
    do
        r = poll(&p, 1, left_ms(g));
    while (r < 0 && errno == EINTR);
    if (r < 0)
        return err_errno(err, -errno, "poll");
    if (r == 0)
        return err_set(err, -ETIMEDOUT, "container %s: %s%s did not come in time", ref,
                       g->pattern ? "log:" : "", g->pattern ? g->pattern : g->state);
    return r;
}

/* --- states */

static int not_healthy_any_more(const json_t *state, const char *ref, struct err *err)
{
    if (!json_obj(state, "Health"))
        return err_set(err, -EINVAL, "container %s has no health check", ref);
    if (!json_bool(state, "Running", false) && !json_bool(state, "Restarting", false))
        return err_set(err, -ECHILD, "container %s ended (exit code %lld) before it was healthy",
                       ref, (long long)json_int(state, "ExitCode", 0));
    return 0;
}

/* 1: it is so. A state that can no more come is an error. */
static int reached(const struct goal *g, const json_t *state, const char *ref, struct err *err)
{
    if (str_eq(g->state, "running"))
        return json_bool(state, "Running", false);
    if (str_eq(json_str(json_obj(state, "Health"), "Status", ""), "healthy"))
        return 1;
    return not_healthy_any_more(state, ref, err);
}

static int look(struct client *c, const struct goal *g, const char *ref, const char *path)
{
    json_auto_t *v = NULL;
    int r = http_json(c, "GET", path, NULL, &v);
    return r < 0 ? r : reached(g, json_obj(v, "State"), ref, &c->err);
}

static int wait_state(struct client *c, const struct goal *g, const char *ref)
{
    struct events_feed events;
    _cleanup_(freep) char *path = http_path_1("/containers/%s/json", ref);
    int r = events_feed_open(&events, c, ref);
    if (r == 0)
        r = look(c, g, ref, path);
    while (r == 0) {
        events.news = false;
        r = wait_fd(g, events.x.fd, ref, &c->err);
        if (r > 0)
            r = events_feed_read(&events);
        if (r == 0 && events.news)
            r = look(c, g, ref, path);
    }
    events_feed_close(&events);
    return r;
}

/* --- lines of the log */

struct search {
    const struct goal *goal;
    bool found;
};

static void on_line(void *ctx, int fd, const char *line, size_t n)
{
    struct search *s = ctx;
    _cleanup_(freep) char *text = xstrndup(line, n);
    s->found = s->found || regexec(&s->goal->regex, text, 0, NULL, 0) == 0;
}

static int wait_line(struct client *c, const struct goal *g, const char *ref)
{
    struct search search = {.goal = g};
    struct log_source source;
    int r = log_source_open(&source, c, ref, "follow=1&tail=all", on_line, &search);
    while (r == 0 && !search.found && !source.x.complete) {
        r = wait_fd(g, source.x.fd, ref, &c->err);
        if (r > 0)
            r = log_source_read(&source);
    }
    log_source_close(&source);
    if (r == 0 && !search.found)
        r = err_set(&c->err, -ECHILD, "container %s ended without a line that fits %s", ref,
                    g->pattern);
    return r;
}

/* --- ends */

/* As without --for, but for no longer than the goal says. */
static int wait_end(struct client *c, const struct goal *g, const char *ref)
{
    json_auto_t *v = NULL;
    _cleanup_(http_later_fini) struct http_later later = {0};
    _cleanup_(freep) char *path = http_path_1("/containers/%s/wait", ref);
    int r = http_later_send(c, path, &later);
    if (r == 0)
        r = http_later_accepted(c, &later);
    if (r == 0 && !later.exchange->complete)
        r = wait_fd(g, later.exchange->fd, ref, &c->err);
    if (r >= 0)
        r = http_later_end(c, &later, &v);
    if (r == 0)
        printf("%lld\n", (long long)json_int(v, "StatusCode", 0));
    return r;
}

/* --- the command */

static int wait_for(struct client *c, const struct goal *g, const char *ref)
{
    if (!g->pattern && str_eq(g->state, "exited"))
        return wait_end(c, g, ref);
    int r = g->pattern ? wait_line(c, g, ref) : wait_state(c, g, ref);
    if (r < 0)
        return r;
    puts(ref);
    return 0;
}

static int goal_init(struct goal *g, const struct args *a, struct err *err)
{
    const char *what = args_str(a, "for", "exited"), *limit = args_str(a, "timeout", NULL);
    int64_t ns = 0;
    *g = (struct goal){.pattern = str_after(what, "log:"), .state = what};
    if (limit && (parse_duration(limit, &ns) < 0 || ns < 0))
        return err_set(err, -EINVAL, "invalid value \"%s\" for --timeout: a span such as 30s",
                       limit);
    g->deadline = limit ? time_mono_ns() + ns : 0;
    if (!g->pattern && !cli_has_word("healthy running exited", what))
        return err_set(err, -EINVAL,
                       "invalid value \"%s\" for --for: healthy, running, exited or log:PATTERN",
                       what);
    if (g->pattern && regcomp(&g->regex, g->pattern, REG_EXTENDED | REG_NOSUB) != 0)
        return err_set(err, -EINVAL, "\"%s\" is not a regular expression", g->pattern);
    return 0;
}

static int wait_one(struct client *c, const struct args *a, const char *ref)
{
    json_auto_t *v = NULL;
    _cleanup_(freep) char *path = http_path_1("/containers/%s/wait", ref);
    int r = http_json(c, "POST", path, NULL, &v);
    if (r == 0)
        printf("%lld\n", (long long)json_int(v, "StatusCode", 0));
    return r;
}

static int wait_main(struct client *c, const struct args *a)
{
    struct goal g;
    int code = 0;
    if (!args_given(a, "for") && !args_given(a, "timeout")) /* docker's */
        return cli_each(c, a, wait_one);
    if (goal_init(&g, a, &c->err) < 0)
        return cli_fail(c, 125);
    for (size_t i = 0; i < a->rest.n; i++) {
        err_clear(&c->err);
        int r = wait_for(c, &g, a->rest.v[i]);
        if (r < 0)
            code = cli_fail(c, r == -ETIMEDOUT ? EXIT_TIMEOUT : MAX(code, 1));
        fflush(stdout);
    }
    if (g.pattern)
        regfree(&g.regex);
    return code;
}

static const struct flag wait_flags[] = {
    {"for", 0, FLAG_STRING, "state",
     "What to wait for: exited (default), running, healthy, log:PATTERN (an extended regular "
     "expression)",
     .words = "exited running healthy log:"},
    {"timeout", 0, FLAG_STRING, "duration", "Give up after that time (30s, 2m) with exit code 124"},
    {NULL},
};

const struct cli_command command_wait = {
    .group = "container",
    .name = "wait",
    .top = "wait",
    .usage = "[OPTIONS] CONTAINER [CONTAINER...]",
    .summary = "Block until containers stop, then print their exit codes",
    .about = "With --for: until each of them is what it says, then print their names. A state that "
             "cannot\n"
             "come any more (a container that ends before it is healthy) is an error.\n",
    .examples = "    berth wait job\n"
                "Until a database takes connections, for a minute at most:\n"
                "    berth wait --for healthy --timeout 1m db\n"
                "    berth wait --for 'log:ready to accept' db\n",
    .min = 1,
    .max = -1,
    .flags = wait_flags,
    .first = COMPLETE_CONTAINER,
    .rest = COMPLETE_CONTAINER,
    .run = wait_main,
};
