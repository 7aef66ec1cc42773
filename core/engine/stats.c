/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Statistics of containers
 *
 * A container that is watched has one sampler, with open files; a thread takes a sample of each at every tick and tells who waits. A reader that is slow
 * misses samples and never holds them up. Locks: a sampler's own (its files; rows are read under it), then `lock` (memory only).
 */
#include "engine/stats.h"

#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/timerfd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "engine/restart-policy.h"
#include "runtime/stats.h"

#define TICK_S        1
#define APART_NS      (500 * NS_PER_MS) /* two samples that tell a rate */
#define FILES_EACH    16
#define FILES_PORTION 4 /* of the descriptors that this process may have */

/* One moment of one container; nothing of it changes any more. */
struct sample {
    unsigned refs;
    bool running;
    int64_t read_ns, mono_ns;
    char *name, *cpu, *rest;
};

struct sampler {
    char *id;
    unsigned refs; /* subscriptions, and the thread's while it works */
    bool stale;    /* the row has changed */
    bool gone;     /* the container was removed */
    struct sample *last;
    struct stats_sub *subs;
    pthread_mutex_t files; /* guards what follows */
    struct stats_reader *reader;
    char *name;
    pid_t pid;
    uint64_t pid_start;
};

struct stats {
    struct engine *engine;
    int timer_fd;
    pthread_t thread;
    bool has_thread;
    pthread_mutex_t lock; /* guards what follows, and samplers but for their files */
    struct map samplers;  /* id → struct sampler */
    size_t n;
    bool ticking, ended;
};

struct stats_sub {
    struct stats *stats;
    struct sampler *sampler;
    struct stats_sub *prev_sub, *next_sub;
    enum stats_mode mode;
    int fd;
    struct sample *first; /* taken when it was opened, until it is told */
    struct sample *before;
    bool done;
};

/* --- samples */
static struct sample *sample_ref(struct sample *s)
{
    if (s)
        __atomic_add_fetch(&s->refs, 1, __ATOMIC_RELAXED);
    return s;
}

static void sample_unref(struct sample *s)
{
    if (!s || __atomic_sub_fetch(&s->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    free(s->name);
    free(s->cpu);
    free(s->rest);
    free(s);
}

static struct sample *sample_of(const char *name, struct buf *cpu, struct buf *rest)
{
    struct sample *s = xcalloc(1, sizeof(*s));
    *s = (struct sample){.refs = 1,
                         .running = true,
                         .read_ns = time_now_ns(),
                         .mono_ns = time_mono_ns(),
                         .name = xstrdup(name),
                         .cpu = buf_steal(cpu),
                         .rest = buf_steal(rest)};
    return s;
}

static struct sample *sample_empty(const char *name)
{
    struct sample *s = xcalloc(1, sizeof(*s));
    *s = (struct sample){.refs = 1,
                         .mono_ns = time_mono_ns(),
                         .name = xstrdup(name),
                         .cpu = xstrdup(STATS_NO_CPU),
                         .rest = xstrdup(STATS_NO_REST)};
    return s;
}

/* One line of the answer; `before` may be NULL. */
static void put_frame(struct buf *out, const char *id, const struct sample *s,
                      const struct sample *before)
{
    char at[TIME_RFC3339_MAX], was[TIME_RFC3339_MAX];
    time_format(s->read_ns, at);
    time_format(before ? before->read_ns : 0, was);
    buf_printf(out,
               "{\"name\":\"/%s\",\"id\":\"%s\",\"read\":\"%s\",\"preread\":\"%s\",\"cpu_stats\":",
               s->name, id, at, was);
    buf_adds(out, s->cpu);
    buf_adds(out, ",\"precpu_stats\":");
    buf_adds(out, before ? before->cpu : STATS_NO_CPU);
    buf_addc(out, ',');
    buf_adds(out, s->rest);
    buf_adds(out, "}\n");
}

/* --- samplers */
static void sampler_unref(struct stats *s, struct sampler *w)
{
    pthread_mutex_lock(&s->lock);
    bool last = --w->refs == 0;
    if (last) {
        if (map_get(&s->samplers, w->id) == w)
            map_del(&s->samplers, w->id);
        s->n--;
    }
    pthread_mutex_unlock(&s->lock);
    if (!last)
        return;
    sample_unref(w->last);
    stats_reader_close(w->reader);
    pthread_mutex_destroy(&w->files);
    free(w->name);
    free(w->id);
    free(w);
}

/* With `lock` held: a tick comes when there is somebody to wait for it. */
static void set_ticking(struct stats *s, bool on)
{
    struct itimerspec at = {.it_value = {.tv_sec = on ? TICK_S : 0},
                            .it_interval = {.tv_sec = on ? TICK_S : 0}};
    if (s->ticking != on && timerfd_settime(s->timer_fd, 0, &at, NULL) == 0)
        s->ticking = on;
}

static struct sampler *sampler_get(struct stats *s, const char *id)
{
    pthread_mutex_lock(&s->lock);
    struct sampler *w = map_get(&s->samplers, id);
    if (!w || w->gone) {
        w = xcalloc(1, sizeof(*w));
        w->id = xstrdup(id);
        w->stale = true;
        pthread_mutex_init(&w->files, NULL);
        map_set(&s->samplers, id, w);
        s->n++;
    }
    w->refs++;
    set_ticking(s, true);
    pthread_mutex_unlock(&s->lock);
    return w;
}

static bool may_keep_files(const struct stats *s)
{
    struct rlimit limit;
    return getrlimit(RLIMIT_NOFILE, &limit) == 0 &&
           s->n * FILES_EACH < limit.rlim_cur / FILES_PORTION;
}

static void mark_stale(struct stats *s, struct sampler *w)
{
    pthread_mutex_lock(&s->lock);
    w->stale = true;
    pthread_mutex_unlock(&s->lock);
}

/* Opens, closes or leaves its files as the row says. -ENOENT: there is no such container any more. */
static int look(struct stats *s, struct sampler *w)
{
    struct engine *e = s->engine;
    _cleanup_(state_container_freep) struct state_container *row = NULL;
    int r = state_container_get(e->state, w->id, &row, NULL);
    if (r < 0 && r != -ENOENT && w->name) {
        mark_stale(s, w); /* what is known of it stays, until the row can be read */
        return 0;
    }
    if (r < 0)
        return r;
    bool running = container_is_running(row) && !container_is_resting(row);
    const char *mode = json_str(row->host_config, "NetworkMode", "");
    free(w->name);
    w->name = xstrdup(row->name);
    if (w->reader && running && row->pid == w->pid && row->pid_start == w->pid_start) {
        stats_reader_refresh(w->reader);
        return 0;
    }
    stats_reader_close(w->reader);
    w->reader = NULL;
    if (!running)
        return 0;
    const struct stats_target target = {
        .id = w->id,
        .pid = row->pid,
        .pid_start = row->pid_start,
        .networks = !str_eq(mode, "host") && !str_eq(mode, "none"),
    };
    w->pid = row->pid;
    w->pid_start = row->pid_start;
    (void)stats_reader_open(e->cgroup, &target, may_keep_files(s), &w->reader);
    return 0;
}

static bool take_stale(struct stats *s, struct sampler *w)
{
    pthread_mutex_lock(&s->lock);
    bool stale = w->stale;
    w->stale = false;
    pthread_mutex_unlock(&s->lock);
    return stale;
}

/* NULL: the container is gone. */
static struct sample *take_sample(struct stats *s, struct sampler *w, const struct stats_host *host)
{
    _cleanup_(buf_fini) struct buf cpu = {0}, rest = {0};
    struct sample *sample = NULL;
    pthread_mutex_lock(&w->files);
    int r = take_stale(s, w) ? look(s, w) : 0;
    if (r == 0 && w->reader && stats_reader_sample(w->reader, host, &cpu, &rest) == 0) {
        sample = sample_of(w->name, &cpu, &rest);
    } else if (r == 0) {
        stats_reader_close(w->reader); /* it has ended; its row will say so */
        w->reader = NULL;
        sample = sample_empty(w->name);
    }
    pthread_mutex_unlock(&w->files);
    return sample;
}

/* The newest sample is everybody's; takes the reference over. */
static void publish(struct stats *s, struct sampler *w, struct sample *sample)
{
    pthread_mutex_lock(&s->lock);
    struct sample *old = w->last;
    w->last = sample;
    w->gone = w->gone || !sample;
    pthread_mutex_unlock(&s->lock);
    sample_unref(old);
}

/* When all are taken, for who wakes up competes for the processor. */
static void wake(struct stats *s, struct sampler *w)
{
    pthread_mutex_lock(&s->lock);
    for (struct stats_sub *sub = w->subs; sub; sub = sub->next_sub)
        (void)eventfd_write(sub->fd, 1);
    pthread_mutex_unlock(&s->lock);
}

/* --- the clock */
static struct sampler **take_samplers(struct stats *s, size_t *n)
{
    size_t i = 0;
    const char *id;
    void *value;
    *n = 0;
    pthread_mutex_lock(&s->lock);
    struct sampler **v = xcalloc(s->n + 1, sizeof(*v));
    while (map_next(&s->samplers, &i, &id, &value)) {
        struct sampler *w = value;
        if (w->gone)
            continue;
        w->refs++;
        v[(*n)++] = w;
    }
    if (*n == 0)
        set_ticking(s, false);
    pthread_mutex_unlock(&s->lock);
    return v;
}

static void tick(struct stats *s)
{
    size_t n;
    struct stats_host host = {0};
    _cleanup_(freep) struct sampler **v = take_samplers(s, &n);
    if (n > 0 && stats_host_read(&host) < 0)
        log_warn("statistics: /proc/stat cannot be read");
    for (size_t i = 0; i < n; i++)
        publish(s, v[i], take_sample(s, v[i], &host));
    for (size_t i = 0; i < n; i++) {
        wake(s, v[i]);
        sampler_unref(s, v[i]);
    }
}

static bool is_ended(struct stats *s)
{
    pthread_mutex_lock(&s->lock);
    bool ended = s->ended;
    pthread_mutex_unlock(&s->lock);
    return ended;
}

static void *run(void *arg)
{
    struct stats *s = arg;
    uint64_t ticks;
    while (!is_ended(s))
        if (read(s->timer_fd, &ticks, sizeof(ticks)) == sizeof(ticks) && !is_ended(s))
            tick(s);
    return NULL;
}

struct stats *stats_new(struct engine *e)
{
    struct stats *s = xcalloc(1, sizeof(*s));
    s->engine = e;
    s->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    pthread_mutex_init(&s->lock, NULL);
    return s;
}

void stats_end(struct stats *s)
{
    if (!s)
        return;
    size_t i = 0;
    const char *id;
    void *value;
    const struct itimerspec now = {.it_value = {.tv_nsec = 1}};
    pthread_mutex_lock(&s->lock);
    s->ended = true;
    while (map_next(&s->samplers, &i, &id, &value))
        for (struct stats_sub *sub = ((struct sampler *)value)->subs; sub; sub = sub->next_sub)
            (void)eventfd_write(sub->fd, 1);
    bool has_thread = s->has_thread;
    pthread_mutex_unlock(&s->lock);
    timerfd_settime(s->timer_fd, 0, &now, NULL);
    if (has_thread)
        pthread_join(s->thread, NULL);
}

void stats_free(struct stats *s)
{
    if (!s)
        return;
    map_fini(&s->samplers, NULL);
    close_fd(s->timer_fd);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

void stats_row_changed(struct stats *s, const char *id)
{
    pthread_mutex_lock(&s->lock);
    struct sampler *w = s->n > 0 ? map_get(&s->samplers, id) : NULL;
    if (w)
        w->stale = true;
    pthread_mutex_unlock(&s->lock);
}

/* --- subscriptions */
static int ensure_thread(struct stats *s, struct err *err)
{
    pthread_mutex_lock(&s->lock);
    int r = s->ended ? -ESHUTDOWN : 0;
    if (r == 0 && !s->has_thread)
        r = s->timer_fd < 0 ? -EMFILE : -pthread_create(&s->thread, NULL, run, s);
    if (r == 0)
        s->has_thread = true;
    pthread_mutex_unlock(&s->lock);
    return r < 0 ? err_errno(err, r, "the clock of statistics") : 0;
}

static void sub_link(struct stats_sub *sub)
{
    struct sampler *w = sub->sampler;
    pthread_mutex_lock(&sub->stats->lock);
    sub->next_sub = w->subs;
    if (w->subs)
        w->subs->prev_sub = sub;
    w->subs = sub;
    pthread_mutex_unlock(&sub->stats->lock);
}

static void sub_unlink(struct stats_sub *sub)
{
    pthread_mutex_lock(&sub->stats->lock);
    if (sub->prev_sub)
        sub->prev_sub->next_sub = sub->next_sub;
    else if (sub->sampler->subs == sub)
        sub->sampler->subs = sub->next_sub;
    if (sub->next_sub)
        sub->next_sub->prev_sub = sub->prev_sub;
    pthread_mutex_unlock(&sub->stats->lock);
}

int engine_container_stats_open(struct engine *e, const char *ref, enum stats_mode mode,
                                struct stats_sub **out, struct err *err)
{
    _cleanup_(freep) char *id = NULL;
    struct stats_host host = {0};
    int r = state_container_resolve(e->state, ref, &id, err);
    if (r == 0)
        r = ensure_thread(e->stats, err);
    if (r < 0)
        return r;
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (fd < 0)
        return err_errno(err, -errno, "opening statistics");
    struct stats_sub *sub = xcalloc(1, sizeof(*sub));
    *sub = (struct stats_sub){
        .stats = e->stats, .sampler = sampler_get(e->stats, id), .mode = mode, .fd = fd};
    (void)stats_host_read(&host);
    sub->first = take_sample(e->stats, sub->sampler, &host);
    sub_link(sub);
    if (!sub->first) {
        engine_container_stats_close(sub);
        return err_set(err, -ENOENT, "No such container: %s", ref);
    }
    *out = sub;
    return 0;
}

int engine_container_stats_fd(struct stats_sub *sub)
{
    return sub->fd;
}

/* Two of one second would tell no rate. */
static bool is_news(const struct stats_sub *sub, const struct sample *last)
{
    int64_t apart = last ? last->mono_ns - sub->before->mono_ns : 0;
    return apart > 0 && (!last->running || apart >= APART_NS);
}

/* A reference to the newest sample that this reader has not seen, NULL: none yet. */
static int look_for_newest(struct stats_sub *sub, struct sample **out)
{
    struct stats *s = sub->stats;
    pthread_mutex_lock(&s->lock);
    struct sample *last = sub->sampler->last;
    int r = s->ended ? -EPIPE : sub->sampler->gone ? -ENODATA : 0;
    *out = r == 0 && is_news(sub, last) ? sample_ref(last) : NULL;
    pthread_mutex_unlock(&s->lock);
    return r;
}

/* Only who finds nothing takes the wake-up away, and looks again behind it. */
static int newest(struct stats_sub *sub, struct sample **out)
{
    eventfd_t ignored;
    int r = look_for_newest(sub, out);
    if (r < 0 || *out)
        return r;
    (void)eventfd_read(sub->fd, &ignored);
    return look_for_newest(sub, out);
}

/* The first sample: told at once, or kept so that the second one can tell a rate. */
static int begin(struct stats_sub *sub, struct buf *out)
{
    sub->before = sub->first;
    sub->first = NULL;
    if (sub->mode == STATS_ONCE && sub->before->running)
        return 0;
    put_frame(out, sub->sampler->id, sub->before, NULL);
    sub->done = sub->mode != STATS_STREAM;
    return 1;
}

int engine_container_stats_next(struct stats_sub *sub, struct buf *out)
{
    struct sample *sample;
    if (sub->done)
        return -ENODATA;
    if (sub->first)
        return begin(sub, out);
    int r = newest(sub, &sample);
    if (r < 0 || !sample)
        return r;
    put_frame(out, sub->sampler->id, sample, sub->before);
    sample_unref(sub->before);
    sub->before = sample;
    sub->done = sub->mode != STATS_STREAM;
    return 1;
}

void engine_container_stats_close(struct stats_sub *sub)
{
    if (!sub)
        return;
    sub_unlink(sub);
    sampler_unref(sub->stats, sub->sampler);
    sample_unref(sub->first);
    sample_unref(sub->before);
    close_fd(sub->fd);
    free(sub);
}
