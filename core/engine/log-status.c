/* SPDX-License-Identifier: Apache-2.0 */
/* What became of a container's log: the row's runtime.log. */
#include "engine/log-status.h"

#include <sys/eventfd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "engine/log-driver.h"

#define KEY        "log"
#define BOUNDS_MAX 16 /* runs that are told apart; older ones are read as one */

static const json_t *doc(const struct state_container *row)
{
    return json_obj(row->runtime, KEY);
}

static json_t *make_doc(struct state_container *row)
{
    json_t *o = json_obj(row->runtime, KEY);
    if (!o) {
        o = json_object();
        json_put_take(row->runtime, KEY, o);
    }
    return o;
}

static const char *chosen(const struct state_container *row)
{
    const char *type = json_str(json_obj(row->host_config, "LogConfig"), "Type", "");
    return str_eq(type, LOG_NONE) ? "" : type;
}

const char *log_status_fallback(const struct state_container *row)
{
    return json_str(doc(row), "fallback", NULL);
}

bool log_status_in_fallback(const struct state_container *row)
{
    return json_bool(doc(row), "used", false);
}

const json_t *log_status_bounds(const struct state_container *row)
{
    return json_arr(doc(row), "bounds");
}

struct failure {
    const char *words, *now;
    bool is_second; /* `now` keeps a file of its own beside the driver that can be read */
};

static void mark(struct state_container *row, void *arg)
{
    const struct failure *f = arg;
    json_t *o = make_doc(row);
    json_put_str(o, "error", f->words);
    json_put_int(o, "since_ns", time_now_ns());
    if (!f->now)
        return;
    json_put_str(o, "driver", f->now);
    if (!f->is_second)
        return;
    json_put_str(o, "fallback", f->now);
    json_put_bool(o, "used", true);
}

void log_watch_open(struct log_watch *w, struct engine *e, const char *id)
{
    *w = (struct log_watch){.engine = e, .id = id, .fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    pthread_mutex_lock(&e->lock);
    w->next = e->log_watches;
    e->log_watches = w;
    pthread_mutex_unlock(&e->lock);
}

void log_watch_close(struct log_watch *w)
{
    struct engine *e = w->engine;
    if (!e)
        return;
    pthread_mutex_lock(&e->lock);
    struct log_watch **at = &e->log_watches;
    while (*at != w)
        at = &(*at)->next;
    *at = w->next;
    pthread_mutex_unlock(&e->lock);
    close_fd(w->fd);
}

static void tell_watches(struct engine *e, const char *id)
{
    pthread_mutex_lock(&e->lock);
    for (struct log_watch *w = e->log_watches; w; w = w->next)
        if (str_eq(w->id, id))
            (void)eventfd_write(w->fd, 1);
    pthread_mutex_unlock(&e->lock);
}

void log_failed(struct engine *e, const char *id, const char *driver, const char *words,
                const char *now)
{
    _cleanup_(err_fini) struct err err = {0};
    _cleanup_(state_container_freep) struct state_container *row = NULL;
    log_warn("log driver %s of container %s: %s", driver, id, words);
    if (state_container_get(e->state, id, &row, NULL) < 0)
        return;
    struct failure f = {.words = words, .now = now};
    f.is_second = now && *now && !str_eq(now, chosen(row)) && log_has_reader(e, row);
    state_container_free(steal_ptr(&row));
    if (container_modify(e, id, mark, &f, &row, &err) < 0) {
        log_error("container %s: %s", id, err_msg(&err));
        return;
    }
    if (now)
        tell_watches(e, id);
    json_t *extra = json_object();
    json_put_str(extra, "driver", driver);
    json_put_str(extra, "error", words);
    if (now)
        json_put_str(extra, "fallback", *now ? now : LOG_NONE);
    container_event(e, row, now ? "log_fallback" : "log_error", extra);
}

void log_status_catch_up(struct engine *e, const struct state_container *row,
                         const json_t *shim_status)
{
    const json_t *log = json_obj(shim_status, "log");
    const char *words = json_str(log, "error", NULL), *driver = json_str(log, "driver", "");
    const char *known = json_str(doc(row), "driver", chosen(row));
    if (!words || (str_eq(words, json_str(doc(row), "error", NULL)) && str_eq(driver, known)))
        return;
    log_failed(e, row->id, known, words, str_eq(driver, known) ? NULL : driver);
}

void log_status_begin(struct state_container *row, int64_t begun_ns)
{
    json_t *o = json_obj(row->runtime, KEY);
    if (!o)
        return;
    json_object_del(o, "error");
    json_object_del(o, "since_ns");
    json_object_del(o, "driver");
    if (!json_bool(o, "used", false))
        return;
    json_put_bool(o, "used", false);
    json_t *bounds = json_arr(o, "bounds");
    if (!bounds) {
        bounds = json_array();
        json_put_take(o, "bounds", bounds);
    }
    json_push_take(bounds, json_integer(begun_ns));
    if (json_array_size(bounds) > BOUNDS_MAX)
        json_array_remove(bounds, 0);
}

json_t *log_status_view(const struct state_container *row)
{
    const char *driver = json_str(doc(row), "driver", chosen(row));
    json_t *o = json_object();
    json_put_str(o, "Driver", *driver ? driver : LOG_NONE);
    json_put_str(o, "Error", json_str(doc(row), "error", ""));
    json_put_time(o, "Since", json_int(doc(row), "since_ns", 0));
    return o;
}
