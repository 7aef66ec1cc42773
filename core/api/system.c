/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System: ping, version, info, events, and what a daemon that is in no swarm says
 */
#include <errno.h>

#include "api/reply.h"
#include "api/resources.h"
#include "api/stream.h"
#include "api/versions.h"
#include "base/json.h"
#include "base/log.h"
#include "engine/engine.h"

int system_ping(struct request *r, struct err *err)
{
    return reply_send(r, 200, "text/plain; charset=utf-8",
                      "Builder-Version: 1\r\n"
                      "Cache-Control: no-cache, no-store, must-revalidate\r\n"
                      "Pragma: no-cache\r\nSwarm: inactive\r\n",
                      2, "OK");
}

/* Docker's client prints the details of the component that is called Engine. */
static void version_components(json_t *version)
{
    static const char *const members[] = {"ApiVersion", "MinAPIVersion", "Arch", "BuildTime",
                                          "GitCommit",  "GoVersion",     "Os",   "KernelVersion"};
    size_t i;
    json_t *component;
    json_array_foreach (json_arr(version, "Components"), i, component) {
        if (!str_eq(json_str(component, "Name", NULL), "Engine"))
            continue;
        json_default_take(component, "Details", json_object());
        json_t *details = json_obj(component, "Details");
        for (size_t m = 0; m < ARRAY_SIZE(members); m++)
            if (json_str(version, members[m], NULL))
                json_default_take(details, members[m],
                                  json_incref(json_object_get(version, members[m])));
    }
}

int system_version(struct request *r, struct err *err)
{
    json_t *version = NULL;
    int c = engine_version(r->engine, &version, err);
    if (c < 0)
        return c;
    json_put_str(version, "ApiVersion", API_VERSION_TEXT);
    json_put_str(version, "MinAPIVersion", API_VERSION_MIN_TEXT);
    version_components(version);
    return reply_json(r, 200, version);
}

int system_info(struct request *r, struct err *err)
{
    json_t *info = NULL;
    int c = engine_info(r->engine, &info, err);
    if (c < 0)
        return c;
    answer_trim(ANSWER_INFO, r->match.version, info);
    return reply_json(r, 200, info);
}

/* Without repair it changes nothing, so a GET is enough for that. */
int berth_check(struct request *r, struct err *err)
{
    json_t *report = NULL;
    bool repair = query_bool(r, "repair");
    if (repair && !str_eq(r->method, "POST"))
        return err_set(err, -EINVAL, "repair=1 changes things: it is a POST");
    int c = engine_check(r->engine, repair, query_bool(r, "deep"), &report, err);
    return c < 0 ? c : reply_json(r, 200, report);
}

static int events_fill(void *ctx, struct buf *out)
{
    json_auto_t *event = NULL;
    int c = engine_events_next(ctx, &event);
    if (c == -EPIPE)
        return -ENODATA;
    if (c == -EOVERFLOW)
        log_warn("a client reads events too slowly: its stream was cut");
    if (c <= 0)
        return c;
    _cleanup_(freep) char *text = json_text(event);
    buf_printf(out, "%s\n", text);
    return 1;
}

static void events_close(void *ctx)
{
    engine_events_close(ctx);
}

int system_events(struct request *r, struct err *err)
{
    static const struct live_ops ops = {events_fill, events_close};
    json_auto_t *filters = NULL;
    int64_t since, until;
    struct event_sub *sub = NULL;
    int c = query_filters(r, &filters, err);
    if (c == 0)
        c = query_time(r, "since", &since, err);
    if (c == 0)
        c = query_time(r, "until", &until, err);
    if (c == 0 && since && until && until < since)
        c = err_set(err, -EINVAL, "`since` time (%s) cannot be after `until` time (%s)",
                    query_str(r, "since"), query_str(r, "until"));
    if (c == 0)
        c = engine_events_open(r->engine, filters, since, until, &sub, err);
    return c < 0 ? c : reply_live(r, TYPE_JSON, engine_events_fd(sub), &ops, sub, err);
}

/* Docker's plugins cannot be installed here: so there are none. A client that looks for a name among
 * all kinds of objects goes on. */
int plugins_list(struct request *r, struct err *err)
{
    return reply_json(r, 200, json_array());
}

int plugins_inspect(struct request *r, struct err *err)
{
    return err_set(err, -ENOENT, "plugin \"%s\" not found", r->match.param);
}

static int swarm_reply(struct request *r, const char *words)
{
    json_t *body = json_object();
    json_put_str(body, "message", words);
    return reply_json(r, 503, body);
}

int swarm_refuse(struct request *r, struct err *err)
{
    return swarm_reply(r, "This node is not a swarm manager. Use \"docker swarm init\" or \"docker "
                          "swarm join\" to connect this node to swarm and try again.");
}

int swarm_leave(struct request *r, struct err *err)
{
    return swarm_reply(r, "This node is not part of a swarm");
}
