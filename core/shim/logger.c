/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The container's log: the queue, and the driver's thread
 *
 * One mutex guards the queue and what the thread has to tell; it is never held across a driver call. The thread wakes
 * the main loop by an eventfd.
 */
#include "shim/logger.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/str.h"
#include "shim/fault.h"
#include "shim/log-driver.h"
#include "shim/memory.h"
#include "shim/records.h"

#define QUEUE_MAX    (4u << 20)
#define WRITE_MAX    4096 /* records in one call */
#define THREAD_STACK (512u << 10)
#define DRIVERS_MAX  2 /* the driver and the cache beside it */
#define HANG_MS      10000
#define FREEZE_MS    500

struct logger {
    struct loop *loop;
    struct loop_io *watch;
    struct loop_timer *hang_timer;
    uint64_t progress_seen;
    struct memory_watch memory;
    struct logger_events events;
    char *driver, *id, *instance;
    json_t *plan; /* the thread's own copy */
    struct cutter cut[2];
    /* What is being cut while `stream` is not 0, and the cutter before it: for an image that comes in between. */
    struct {
        volatile int stream;
        const char *data;
        size_t n;
        struct cutter before;
    } feeding;
    bool told_opened, was_full, told_finished;
    int last_error; /* errno of the failure that was told last */

    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    int wake_fd;
    /* guarded by `lock` */
    struct batch *head, **tail;
    struct batch *work;  /* what the thread has taken; it alone frees it */
    size_t work_written; /* records of it that the drivers have */
    uint64_t progress;   /* calls that came back */
    size_t bytes, max;
    bool ring, rotate, finish, opened, finished;
    uint64_t dropped;
    struct err open_error, error;
    char *error_driver;

    struct log_driver *drivers[DRIVERS_MAX]; /* the thread's */
    int culprit;                             /* which of them was called last; atomic */
};

static void tell(struct logger *l)
{
    uint64_t one = 1;
    ssize_t ignored = write(l->wake_fd, &one, sizeof(one));
    (void)ignored;
}

/* --- the thread */

static void note_error(struct logger *l, const char *driver, struct err *why)
{
    if (why->code == 0)
        return;
    pthread_mutex_lock(&l->lock);
    err_move(&l->error, why);
    free(l->error_driver);
    l->error_driver = xstrdup(driver);
    pthread_mutex_unlock(&l->lock);
    tell(l);
}

static void write_records(struct logger *l, const struct berth_log_record *const *records, size_t n)
{
    for (int i = 0; i < DRIVERS_MAX && n; i++) {
        _cleanup_(err_fini) struct err why = {0};
        __atomic_store_n(&l->culprit, i, __ATOMIC_RELAXED);
        if (l->drivers[i] && log_driver_write(l->drivers[i], records, n, &why) < 0)
            note_error(l, log_driver_name(l->drivers[i]), &why);
    }
    pthread_mutex_lock(&l->lock);
    l->work_written += n;
    l->progress++;
    pthread_mutex_unlock(&l->lock);
}

static void note_progress(struct logger *l)
{
    pthread_mutex_lock(&l->lock);
    l->progress++;
    pthread_mutex_unlock(&l->lock);
}

static void write_batches(struct logger *l, struct batch *b)
{
    static const struct berth_log_record *records[WRITE_MAX];
    size_t n = 0;
    for (const struct batch *at = b; at; at = at->next)
        for (size_t i = at->first; i < at->n; i++) {
            records[n++] = &at->records[i];
            if (n == WRITE_MAX) {
                write_records(l, records, n);
                n = 0;
            }
        }
    write_records(l, records, n);
}

static void free_batches(struct batch *b)
{
    while (b) {
        struct batch *next = b->next;
        batch_free(b);
        b = next;
    }
}

static int open_drivers(struct logger *l, struct err *err)
{
    const json_t *cache = json_obj(l->plan, "cache");
    int r = log_driver_open(l->plan, l->id, l->instance, &l->drivers[0], err);
    __atomic_store_n(&l->culprit, 1, __ATOMIC_RELAXED);
    if (r == 0 && cache)
        r = log_driver_open(cache, l->id, l->instance, &l->drivers[1], err);
    return r;
}

static void close_drivers(struct logger *l)
{
    for (int i = 0; i < DRIVERS_MAX; i++) {
        _cleanup_(err_fini) struct err why = {0};
        if (!l->drivers[i])
            continue;
        __atomic_store_n(&l->culprit, i, __ATOMIC_RELAXED);
        if (log_driver_flush(l->drivers[i], &why) < 0)
            note_error(l, log_driver_name(l->drivers[i]), &why);
        note_progress(l);
        log_driver_close(steal_ptr(&l->drivers[i]));
    }
}

static void rotate_drivers(struct logger *l)
{
    for (int i = 0; i < DRIVERS_MAX; i++) {
        _cleanup_(err_fini) struct err why = {0};
        if (l->drivers[i] && log_driver_rotate(l->drivers[i], &why) < 0)
            note_error(l, log_driver_name(l->drivers[i]), &why);
    }
}

/* Waits for work. False when all is done. */
static bool next_work(struct logger *l, struct batch **work, size_t *bytes, bool *rotate)
{
    pthread_mutex_lock(&l->lock);
    while (!l->head && !l->rotate && !l->finish)
        pthread_cond_wait(&l->wake, &l->lock);
    *work = l->work = steal_ptr(&l->head);
    l->work_written = 0;
    l->tail = &l->head;
    *bytes = l->ring ? 0 : l->bytes;
    if (l->ring) /* what the thread holds has left the ring */
        l->bytes = 0;
    *rotate = l->rotate;
    l->rotate = false;
    bool more = *work || *rotate || !l->finish;
    pthread_mutex_unlock(&l->lock);
    return more;
}

static void run_queue(struct logger *l)
{
    struct batch *work;
    size_t bytes;
    bool rotate;
    while (next_work(l, &work, &bytes, &rotate)) {
        if (rotate)
            rotate_drivers(l);
        write_batches(l, work);
        pthread_mutex_lock(&l->lock);
        l->work = NULL;
        bool was_full = l->bytes >= l->max;
        l->bytes -= bytes;
        pthread_mutex_unlock(&l->lock);
        fault_hold();
        free_batches(work);
        if (was_full)
            tell(l);
    }
}

static void *thread_main(void *arg)
{
    struct logger *l = arg;
    struct err why = {0};
    fault_thread_init();
    int r = open_drivers(l, &why);
    pthread_mutex_lock(&l->lock);
    l->opened = true;
    l->progress++;
    l->open_error = why;
    pthread_mutex_unlock(&l->lock);
    tell(l);
    if (r == 0)
        run_queue(l);
    close_drivers(l);
    pthread_mutex_lock(&l->lock);
    l->finished = true;
    pthread_mutex_unlock(&l->lock);
    tell(l);
    return NULL;
}

/* --- the main thread */

static void tell_error(struct logger *l)
{
    pthread_mutex_lock(&l->lock);
    _cleanup_(freep) char *message = l->error.code ? xstrdup(err_msg(&l->error)) : NULL;
    _cleanup_(freep) char *driver = xstrdup0(l->error_driver);
    int code = l->error.code;
    pthread_mutex_unlock(&l->lock);
    if (!code || code == l->last_error)
        return;
    l->last_error = code;
    log_error("log of container %s: %s: %s", l->id, driver, message);
    l->events.error(l->events.arg, driver, message);
}

static void on_wake(void *arg, uint32_t events)
{
    struct logger *l = arg;
    uint64_t n;
    ssize_t ignored = read(l->wake_fd, &n, sizeof(n));
    (void)ignored;
    pthread_mutex_lock(&l->lock);
    bool opened = l->opened, finished = l->finished, full = l->bytes >= l->max;
    pthread_mutex_unlock(&l->lock);
    tell_error(l);
    if (l->was_full && !full) {
        l->was_full = false;
        l->events.room(l->events.arg);
    }
    if (opened && !l->told_opened) {
        l->told_opened = true;
        l->events.opened(l->events.arg, &l->open_error);
    }
    if (finished && !l->told_finished) {
        l->told_finished = true;
        l->events.finished(l->events.arg);
    }
}

static int start_thread(struct logger *l)
{
    sigset_t all, before;
    sigfillset(&all);
    int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP};
    for (size_t i = 0; i < ARRAY_SIZE(faults); i++)
        sigdelset(&all, faults[i]);
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, THREAD_STACK);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int r = -pthread_create(&l->thread, &attr, thread_main, l);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attr);
    return r;
}

static void release(struct logger *l)
{
    if (l->hang_timer)
        loop_timer_del(l->hang_timer);
    memory_watch_fini(&l->memory);
    if (l->watch)
        loop_io_del(l->watch);
    close_fd(l->wake_fd);
    free_batches(l->head);
    err_fini(&l->open_error);
    err_fini(&l->error);
    free(l->error_driver);
    free(l->driver);
    free(l->id);
    free(l->instance);
    json_decref(l->plan);
    pthread_mutex_destroy(&l->lock);
    pthread_cond_destroy(&l->wake);
    free(l);
}

int logger_start(struct loop *loop, const json_t *log, const char *id, const char *instance,
                 const struct logger_events *events, struct logger **out, struct err *err)
{
    struct logger *l = xcalloc(1, sizeof(*l));
    l->loop = loop;
    l->events = *events;
    memory_watch_init(&l->memory);
    l->id = xstrdup(id);
    l->instance = xstrdup(instance);
    l->driver = xstrdup(json_str(log, "driver", ""));
    l->plan = json_deep_copy(log); /* reference counts are not for two threads */
    l->ring = str_eq(json_str(log, "mode", NULL), "non-blocking");
    int64_t ring_bytes = json_int(log, "max_buffer_bytes", 1 << 20);
    l->max = l->ring && ring_bytes > 0 ? (size_t)ring_bytes : QUEUE_MAX;
    l->tail = &l->head;
    pthread_mutex_init(&l->lock, NULL);
    pthread_cond_init(&l->wake, NULL);
    l->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    l->watch = l->wake_fd < 0 ? NULL : loop_io_add(loop, l->wake_fd, EPOLLIN, on_wake, l);
    int r = l->watch ? start_thread(l) : -errno;
    if (r < 0) {
        release(l);
        return err_errno(err, r, "starting the thread of the log driver");
    }
    *out = l;
    return 0;
}

/* Makes room in a ring: the oldest go first. */
static void ring_drop(struct logger *l, size_t coming)
{
    while (l->head && l->bytes + coming > l->max) {
        struct batch *b = l->head;
        l->head = b->next;
        if (!l->head)
            l->tail = &l->head;
        l->bytes -= b->bytes;
        l->dropped += b->n - b->first;
        batch_free(b);
    }
}

static void queue(struct logger *l, struct batch *b)
{
    if (!b) {
        l->feeding.stream = 0;
        return;
    }
    pthread_mutex_lock(&l->lock);
    bool dead = l->finished;
    if (l->ring && !dead) {
        l->dropped += batch_trim(b, l->max);
        ring_drop(l, b->bytes);
    }
    if (!dead) {
        *l->tail = b;
        l->tail = &b->next;
        l->bytes += b->bytes;
        pthread_cond_signal(&l->wake);
    }
    l->feeding.stream = 0;
    pthread_mutex_unlock(&l->lock);
    if (dead)
        batch_free(b);
}

void logger_feed(struct logger *l, int stream, const char *data, size_t n)
{
    struct cutter *c = &l->cut[stream - 1];
    cutter_copy(&l->feeding.before, c);
    l->feeding.data = data;
    l->feeding.n = n;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    l->feeding.stream = stream;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    queue(l, cutter_feed(c, stream, data, n));
    if (memory_watch_exceeded(&l->memory, 2 * l->max))
        l->events.swollen(l->events.arg);
}

void logger_eof(struct logger *l, int stream)
{
    queue(l, cutter_end(&l->cut[stream - 1], stream));
}

static void on_hang_check(void *arg);

static void watch_progress(struct logger *l, uint64_t progress)
{
    l->progress_seen = progress;
    l->hang_timer = loop_timer_add(l->loop, HANG_MS, on_hang_check, l);
}

/* Armed while the queue is full only: a driver that has nothing to do, or that keeps up, is not watched. */
static void on_hang_check(void *arg)
{
    struct logger *l = arg;
    l->hang_timer = NULL;
    pthread_mutex_lock(&l->lock);
    bool full = l->bytes >= l->max && !l->finished;
    uint64_t progress = l->progress;
    pthread_mutex_unlock(&l->lock);
    if (full && progress == l->progress_seen)
        l->events.hung(l->events.arg);
    else if (full)
        watch_progress(l, progress);
}

bool logger_is_full(struct logger *l)
{
    if (l->ring)
        return false;
    pthread_mutex_lock(&l->lock);
    bool full = l->bytes >= l->max && !l->finished;
    uint64_t progress = l->progress;
    pthread_mutex_unlock(&l->lock);
    l->was_full |= full;
    if (full && !l->hang_timer)
        watch_progress(l, progress);
    return full;
}

static void ask(struct logger *l, bool *what)
{
    pthread_mutex_lock(&l->lock);
    *what = true;
    pthread_cond_signal(&l->wake);
    pthread_mutex_unlock(&l->lock);
}

void logger_rotate(struct logger *l)
{
    ask(l, &l->rotate);
}

void logger_finish(struct logger *l)
{
    ask(l, &l->finish);
}

uint64_t logger_progress(struct logger *l)
{
    pthread_mutex_lock(&l->lock);
    uint64_t progress = l->progress;
    pthread_mutex_unlock(&l->lock);
    return progress;
}

bool logger_is_finished(struct logger *l)
{
    pthread_mutex_lock(&l->lock);
    bool finished = l->finished;
    pthread_mutex_unlock(&l->lock);
    return finished;
}

/* --- for the image after this one */

void logger_restore(struct logger *l, struct restoring *r)
{
    for (int i = 0; i < 2; i++)
        l->cut[i] = r->cut[i];
    struct batch *b = steal_ptr(&r->queue);
    r->tail = &r->queue;
    while (b) {
        struct batch *next = steal_ptr(&b->next);
        queue(l, b);
        b = next;
    }
    if (r->chunk.n)
        logger_feed(l, r->chunk_stream, r->chunk.data, r->chunk.n);
}

bool logger_freeze(struct logger *l)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += FREEZE_MS * NS_PER_MS;
    until.tv_sec += until.tv_nsec / NS_PER_SEC;
    until.tv_nsec %= NS_PER_SEC;
    return pthread_mutex_timedlock(&l->lock, &until) == 0;
}

void logger_dump(const struct logger *l, int fd)
{
    size_t skip = l->work_written;
    for (const struct batch *b = l->work; b; b = b->next) {
        size_t n = b->n - b->first;
        batch_dump(b, MIN(skip, n), fd);
        skip -= MIN(skip, n);
    }
    for (const struct batch *b = l->head; b; b = b->next)
        batch_dump(b, 0, fd);
    int feeding = l->feeding.stream;
    for (int i = 0; i < 2; i++)
        cutter_dump(feeding == i + 1 ? &l->feeding.before : &l->cut[i], i, fd);
    struct section s = {.type = SECTION_CHUNK, .a = (uint32_t)feeding, .len = l->feeding.n};
    if (feeding)
        section_write(fd, &s, l->feeding.data, l->feeding.n, NULL, 0);
}

int logger_culprit(const struct logger *l)
{
    return __atomic_load_n(&l->culprit, __ATOMIC_RELAXED);
}

json_t *logger_status(struct logger *l)
{
    json_t *o = json_object();
    json_put_str(o, "driver", l->driver);
    pthread_mutex_lock(&l->lock);
    json_put_str(o, "error", l->error.code ? err_msg(&l->error) : NULL);
    json_put_int(o, "dropped", (int64_t)l->dropped);
    pthread_mutex_unlock(&l->lock);
    return o;
}

void logger_free(struct logger *l)
{
    if (!l->told_finished) {
        if (l->hang_timer)
            loop_timer_del(steal_ptr(&l->hang_timer));
        if (l->watch)
            loop_io_del(steal_ptr(&l->watch));
        return; /* stuck in the driver; the process ends soon */
    }
    pthread_join(l->thread, NULL);
    release(l);
}
