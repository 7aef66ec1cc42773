/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events
 *
 * One ring of events for the whole engine, guarded by one mutex that is held for memory only. It keeps them as text, which takes an eighth of
 * the tree's memory, and a reader has a tree of its own. A subscription is a cursor into the ring and an epoll descriptor over an eventfd
 * (something is there) and, with `until`, a timer.
 */
#include "engine/events.h"

#include <errno.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/str.h"
#include "engine/engine.h"
#include "engine/filters.h"

#define RING_SLOTS 4096u

struct event_slot {
    char *event; /* JSON */
    int64_t time_ns;
};

struct event_ring {
    pthread_mutex_t lock;
    struct event_slot slots[RING_SLOTS];
    uint64_t
        next; /* number of the event that comes next; number n lives in slots[n % RING_SLOTS] */
    struct event_sub *subs;
    unsigned refs; /* the engine's and one per subscription */
    bool ended;
};

struct event_sub {
    struct event_ring *ring;
    struct event_sub *prev, *next;
    json_t *filters;
    uint64_t cursor;
    int64_t since_ns, until_ns;
    int epoll_fd, wake_fd, timer_fd;
};

struct event_ring *event_ring_new(void)
{
    struct event_ring *r = xcalloc(1, sizeof(*r));
    pthread_mutex_init(&r->lock, NULL);
    r->refs = 1;
    return r;
}

static void ring_unref_unlock(struct event_ring *r)
{
    bool last = --r->refs == 0;
    pthread_mutex_unlock(&r->lock);
    if (!last)
        return;
    for (size_t i = 0; i < RING_SLOTS; i++)
        free(r->slots[i].event);
    pthread_mutex_destroy(&r->lock);
    free(r);
}

static void sub_wake(struct event_sub *s)
{
    (void)eventfd_write(s->wake_fd, 1);
}

void event_ring_end(struct event_ring *r)
{
    if (!r)
        return;
    pthread_mutex_lock(&r->lock);
    r->ended = true;
    for (struct event_sub *s = r->subs; s; s = s->next)
        sub_wake(s);
    ring_unref_unlock(r);
}

/* The members that Docker marks as deprecated and every client still reads. */
static void put_legacy(json_t *event, const char *type, const char *action, const char *id,
                       const json_t *attributes)
{
    if (!str_eq(type, "container") && !str_eq(type, "image"))
        return;
    json_put_str(event, "status", action);
    json_put_str(event, "id", id);
    const char *from = json_str(attributes, "image", NULL);
    if (from && str_eq(type, "container"))
        json_put_str(event, "from", from);
}

static char *event_text(const char *type, const char *action, const char *id, json_t *attributes,
                        int64_t now)
{
    json_auto_t *event = json_object();
    put_legacy(event, type, action, id, attributes);
    json_put_str(event, "Type", type);
    json_put_str(event, "Action", action);
    json_t *actor = json_object();
    json_put_str(actor, "ID", id);
    json_put_take(actor, "Attributes", attributes ? attributes : json_object());
    json_put_take(event, "Actor", actor);
    json_put_str(event, "scope", "local");
    json_put_int(event, "time", now / NS_PER_SEC);
    json_put_int(event, "timeNano", now);
    return json_text(event);
}

void event_publish(struct event_ring *r, const char *type, const char *action, const char *id,
                   json_t *attributes)
{
    int64_t now = time_now_ns();
    char *event = event_text(type, action, id, attributes, now);
    pthread_mutex_lock(&r->lock);
    struct event_slot *slot = &r->slots[r->next % RING_SLOTS];
    char *old = slot->event;
    *slot = (struct event_slot){.event = event, .time_ns = now};
    r->next++;
    for (struct event_sub *s = r->subs; s; s = s->next)
        sub_wake(s);
    pthread_mutex_unlock(&r->lock);
    free(old);
}

static void sub_free(struct event_sub *s)
{
    close_fd(s->epoll_fd);
    close_fd(s->wake_fd);
    close_fd(s->timer_fd);
    json_decref(s->filters);
    free(s);
}
DEFINE_CLEANUP(struct event_sub *, sub_free);

static int sub_add_fd(struct event_sub *s, int fd)
{
    struct epoll_event ev = {.events = EPOLLIN};
    if (fd < 0 || epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, fd, &ev) < 0)
        return -errno;
    return 0;
}

static int sub_init_fds(struct event_sub *s)
{
    s->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (s->epoll_fd < 0)
        return -errno;
    s->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int r = sub_add_fd(s, s->wake_fd);
    if (r < 0 || s->until_ns == 0)
        return r;
    s->timer_fd = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
    r = sub_add_fd(s, s->timer_fd);
    if (r < 0)
        return r;
    struct itimerspec at = {.it_value = {.tv_sec = (time_t)(s->until_ns / NS_PER_SEC),
                                         .tv_nsec = (long)(s->until_ns % NS_PER_SEC)}};
    if (timerfd_settime(s->timer_fd, TFD_TIMER_ABSTIME, &at, NULL) < 0)
        return -errno;
    return 0;
}

/* Number of the oldest event that is still there. */
static uint64_t ring_oldest(const struct event_ring *r)
{
    return r->next > RING_SLOTS ? r->next - RING_SLOTS : 0;
}

static void sub_link(struct event_ring *r, struct event_sub *s)
{
    pthread_mutex_lock(&r->lock);
    s->ring = r;
    r->refs++;
    s->cursor = s->since_ns > 0 ? ring_oldest(r) : r->next;
    s->next = r->subs;
    if (s->next)
        s->next->prev = s;
    r->subs = s;
    if (s->cursor < r->next || r->ended)
        sub_wake(s);
    pthread_mutex_unlock(&r->lock);
}

int event_sub_open(struct event_ring *r, const json_t *filters, int64_t since_ns, int64_t until_ns,
                   struct event_sub **out, struct err *err)
{
    static const char *const allowed[] = {"type",    "event",  "container", "image",   "volume",
                                          "network", "daemon", "label",     "scope",   "plugin",
                                          "config",  "node",   "secret",    "service", NULL};
    int ret = filters_check(filters, allowed, err);
    if (ret < 0)
        return ret;
    if (until_ns > 0 && since_ns > until_ns)
        return err_set(err, -EINVAL, "`since` time cannot be after `until` time");
    _cleanup_(sub_freep) struct event_sub *s = xcalloc(1, sizeof(*s));
    s->epoll_fd = s->wake_fd = s->timer_fd = -1;
    s->filters = json_deep_copy(filters);
    s->since_ns = since_ns;
    s->until_ns = until_ns;
    ret = sub_init_fds(s);
    if (ret < 0)
        return err_errno(err, ret, "opening a stream of events");
    sub_link(r, s);
    *out = steal_ptr(&s);
    return 0;
}

int64_t event_ring_readers(struct event_ring *r)
{
    pthread_mutex_lock(&r->lock);
    int64_t n = 0;
    for (struct event_sub *s = r->subs; s; s = s->next)
        n++;
    pthread_mutex_unlock(&r->lock);
    return n;
}

int engine_events_fd(struct event_sub *s)
{
    return s->epoll_fd;
}

/* Container, network and volume filters compare the actor of their own type; others pass. */
static bool matches_actor(const json_t *filters, const json_t *event, const char *type)
{
    if (!filters_has(filters, type))
        return true;
    if (!str_eq(json_str(event, "Type", ""), type))
        return false;
    const json_t *actor = json_obj(event, "Actor");
    const json_t *attributes = json_obj(actor, "Attributes");
    return filters_match_prefix(filters, type, json_str(actor, "ID", "")) ||
           filters_match_prefix(filters, type, json_str(attributes, "name", NULL));
}

/* An image's own events carry its name, containers' the reference that they were made from; with and without tag. */
static bool matches_image(const json_t *filters, const json_t *event)
{
    if (!filters_has(filters, "image"))
        return true;
    const json_t *actor = json_obj(event, "Actor");
    bool own = str_eq(json_str(event, "Type", ""), "image");
    const char *name = json_str(json_obj(actor, "Attributes"), own ? "name" : "image", NULL);
    if (filters_match_exact(filters, "image", json_str(actor, "ID", "")) ||
        filters_match_exact(filters, "image", name))
        return true;
    const char *slash = name ? strrchr(name, '/') : NULL;
    const char *colon = name ? strchr(slash ? slash : name, ':') : NULL;
    if (!colon)
        return false;
    _cleanup_(freep) char *bare = xstrndup(name, (size_t)(colon - name));
    return filters_match_exact(filters, "image", bare);
}

/* "exec_start: sh" is also meant by event=exec_start. */
static bool matches_action(const json_t *filters, const json_t *event)
{
    const char *action = json_str(event, "Action", "");
    if (filters_match_exact(filters, "event", action))
        return true;
    const char *colon = strchr(action, ':');
    if (!colon)
        return false;
    _cleanup_(freep) char *verb = xstrndup(action, (size_t)(colon - action));
    return filters_match_exact(filters, "event", verb);
}

static bool sub_matches(const struct event_sub *s, const json_t *event, int64_t time_ns)
{
    if (time_ns < s->since_ns || (s->until_ns > 0 && time_ns > s->until_ns))
        return false;
    const json_t *f = s->filters;
    return filters_match_exact(f, "type", json_str(event, "Type", "")) &&
           filters_match_exact(f, "scope", json_str(event, "scope", "")) &&
           matches_action(f, event) && matches_actor(f, event, "container") &&
           matches_actor(f, event, "network") && matches_actor(f, event, "volume") &&
           matches_actor(f, event, "daemon") && matches_actor(f, event, "plugin") &&
           matches_actor(f, event, "config") && matches_actor(f, event, "node") &&
           matches_actor(f, event, "secret") && matches_actor(f, event, "service") &&
           matches_image(f, event) &&
           filters_match_labels(f, "label", json_obj(json_obj(event, "Actor"), "Attributes"));
}

/* Takes the next event that this reader has not seen; 0 when there is none. The lock covers the cursor only. */
static int sub_advance(struct event_sub *s, char **event, int64_t *time_ns)
{
    struct event_ring *r = s->ring;
    pthread_mutex_lock(&r->lock);
    int ret = 0;
    if (s->cursor < ring_oldest(r)) {
        s->cursor = ring_oldest(r);
        ret = -EOVERFLOW;
    } else if (s->cursor < r->next) {
        const struct event_slot *slot = &r->slots[s->cursor++ % RING_SLOTS];
        *event = xstrdup(slot->event);
        *time_ns = slot->time_ns;
        ret = 1;
    } else if (r->ended) {
        ret = -EPIPE;
    } else {
        eventfd_t ignored;
        (void)eventfd_read(s->wake_fd, &ignored);
    }
    pthread_mutex_unlock(&r->lock);
    return ret;
}

int engine_events_next(struct event_sub *s, json_t **event)
{
    for (;;) {
        _cleanup_(freep) char *text = NULL;
        json_auto_t *seen = NULL;
        int64_t time_ns = 0;
        int r = sub_advance(s, &text, &time_ns);
        if (r == 0 && s->until_ns > 0 && time_now_ns() >= s->until_ns)
            return -EPIPE;
        if (r <= 0)
            return r;
        r = json_parse(text, strlen(text), &seen, NULL);
        if (r < 0)
            return r;
        if (!sub_matches(s, seen, time_ns))
            continue;
        *event = steal_ptr(&seen);
        return 1;
    }
}

void engine_events_close(struct event_sub *s)
{
    if (!s)
        return;
    struct event_ring *r = s->ring;
    pthread_mutex_lock(&r->lock);
    if (s->prev)
        s->prev->next = s->next;
    else
        r->subs = s->next;
    if (s->next)
        s->next->prev = s->prev;
    ring_unref_unlock(r);
    sub_free(s);
}
