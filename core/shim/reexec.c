/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Re-exec: the fault handler, and the orderly way
 *
 * `ready` is all that the handler reads. It is written by the main thread only; the handler runs on a thread that has
 * crashed, first calls the main thread, and takes over only when that does not come within PATIENCE_MS.
 */
#include "shim/reexec.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "shim/logger.h"
#include "shim/shim.h"
#include "shim/sys.h"

#define MAGIC       0x62736831u
#define STACK_SIZE  (64u << 10)
#define PATIENCE_MS 3000 /* for the main thread, before the handler acts itself */
#define WAIT_MS     2000 /* for an exec that is being started, and for the driver to finish */
#define FAULTS_MAX  8    /* in FAULTS_NS: then even the fallback cannot be trusted */
#define FAULTS_NS   (60 * NS_PER_SEC)

struct header {
    uint32_t magic, faults;
    int64_t first_fault_ns;
    int32_t cause, signal, culprit, reserved;
};

static const int fatal[] = {SIGSEGV, SIGBUS, SIGFPE, SIGABRT, SIGILL};

static struct {
    char *argv[4];
    char fd_text[12];
    int file, image, wake;
    pthread_t main;
    struct header head;
    char *doc, *plan;
    size_t doc_len, plan_len;
    const struct plan *program; /* its seccomp program */
    int *fds;
    size_t nfds;
    const struct logger *log;
    int crashing; /* atomic */
    bool taken;   /* the main thread has heard it, and has no use for the handler */
} ready = {.file = -1, .image = -1, .wake = -1};

/* --- what the handler may call */

void section_write(int fd, const struct section *s, const void *one, size_t n1, const void *two,
                   size_t n2)
{
    struct iovec v[3] = {{(void *)s, sizeof(*s)}, {(void *)one, n1}, {(void *)two, n2}};
    ssize_t ignored = writev(fd, v, 3); /* a memfd takes all or there is no memory */
    (void)ignored;
}

static void put(enum section_type type, const void *data, size_t n)
{
    struct section s = {.type = type, .len = n};
    if (n)
        section_write(ready.file, &s, data, n, NULL, 0);
}

static void write_file(const char *blobs, size_t nblobs)
{
    lseek(ready.file, 0, SEEK_SET);
    int ignored = ftruncate(ready.file, 0);
    ssize_t ignored2 = write(ready.file, &ready.head, sizeof(ready.head));
    (void)ignored;
    (void)ignored2;
    put(SECTION_DOC, ready.doc, ready.doc_len);
    put(SECTION_PLAN, ready.plan, ready.plan_len);
    if (ready.program && ready.program->seccomp)
        put(SECTION_SECCOMP, ready.program->seccomp,
            ready.program->nseccomp * sizeof(struct sock_filter));
    if (nblobs) {
        ssize_t ignored3 = write(ready.file, blobs, nblobs);
        (void)ignored3;
    }
    const char *chunk;
    size_t n;
    int stream = stdio_pending(&chunk, &n);
    struct section s = {.type = SECTION_CHUNK, .a = (uint32_t)stream, .len = n};
    if (stream)
        section_write(ready.file, &s, chunk, n, NULL, 0);
    if (ready.log)
        logger_dump(ready.log, ready.file);
}

/* Comes back only when the kernel refuses. */
static void exec_image(int image)
{
    for (size_t i = 0; i < ready.nfds; i++)
        fcntl(ready.fds[i], F_SETFD, 0);
    fcntl(ready.file, F_SETFD, 0);
    fcntl(ready.image, F_SETFD, 0);
    execveat(image, "", ready.argv, environ, AT_EMPTY_PATH);
}

static void count_fault(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    int64_t now = t.tv_sec * NS_PER_SEC + t.tv_nsec;
    if (now - ready.head.first_fault_ns > FAULTS_NS) {
        ready.head.first_fault_ns = now;
        ready.head.faults = 0;
    }
    ready.head.faults++;
}

static void die(int sig)
{
    signal(sig, SIG_DFL);
    raise(sig);
}

static void wait_for_main(void)
{
    uint64_t one = 1;
    ssize_t ignored = write(ready.wake, &one, sizeof(one));
    (void)ignored;
    struct timespec t = {.tv_sec = PATIENCE_MS / 1000, .tv_nsec = PATIENCE_MS % 1000 * NS_PER_MS};
    while (nanosleep(&t, &t) < 0 && errno == EINTR)
        ;
    while (__atomic_load_n(&ready.taken, __ATOMIC_SEQ_CST))
        pause();
}

static void on_fault(int sig, siginfo_t *info, void *context)
{
    (void)info;
    (void)context;
    bool is_main = pthread_equal(pthread_self(), ready.main);
    int before = __atomic_exchange_n(&ready.crashing, 1, __ATOMIC_SEQ_CST);
    if (before && !is_main)
        for (;;)
            pause();
    if (!before) {
        ready.head.cause = REEXEC_CRASH;
        ready.head.signal = sig;
        ready.head.culprit = ready.log ? logger_culprit(ready.log) : 0;
        if (is_main)
            ready.head.culprit = -1;
    }
    if (!is_main)
        wait_for_main();
    count_fault();
    if (!ready.doc || ready.head.faults > FAULTS_MAX) {
        die(sig);
        return;
    }
    write_file(NULL, 0);
    exec_image(ready.image);
    die(sig);
}

/* --- setting up */

void reexec_thread_init(void)
{
    /* Never freed: a thread has it until the process ends, and there is one beside the main thread. */
    void *stack =
        mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    stack_t ss = {.ss_sp = stack, .ss_size = STACK_SIZE};
    if (stack == MAP_FAILED || sigaltstack(&ss, NULL) < 0)
        log_warn("no stack for the handler of fatal signals: errno %d", errno);
}

static void on_crash(void *arg, uint32_t events)
{
    struct shim *s = arg;
    uint64_t n;
    (void)events;
    ssize_t ignored = read(ready.wake, &n, sizeof(n));
    (void)ignored;
    if (s->phase < PHASE_STARTING || s->phase == PHASE_ENDING) {
        __atomic_store_n(&ready.taken, true, __ATOMIC_SEQ_CST);
        container_log_crashed(s, ready.head.signal);
        return;
    }
    reexec_ask(s, REEXEC_CRASH, -1);
}

int reexec_open(struct shim *s, const struct restoring *before, struct err *err)
{
    if (before) {
        ready.head.faults = before->faults;
        ready.head.first_fault_ns = before->first_fault_ns;
    }
    ready.head.magic = MAGIC;
    ready.main = pthread_self();
    ready.image = s->memfd;
    ready.file = memfd_create("berth-shim-state", MFD_CLOEXEC);
    ready.wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (ready.file < 0 || ready.wake < 0)
        return err_errno(err, -errno, "preparing for a crash of the log driver");
    snprintf(ready.fd_text, sizeof(ready.fd_text), "%d", ready.file);
    ready.argv[0] = (char *)"berth-shim";
    ready.argv[1] = (char *)s->id;
    ready.argv[2] = ready.fd_text;
    s->reexec_io = loop_io_add(s->loop, ready.wake, EPOLLIN, on_crash, s);
    if (!s->reexec_io)
        return err_errno(err, -errno, "watching for a crash of the log driver");
    reexec_thread_init();
    struct sigaction sa = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    sigfillset(&sa.sa_mask);
    for (size_t i = 0; i < ARRAY_SIZE(fatal); i++) {
        sigdelset(&sa.sa_mask, fatal[i]);
        sigaction(fatal[i], &sa, NULL);
    }
    return 0;
}

void reexec_close(struct shim *s)
{
    for (size_t i = 0; i < ARRAY_SIZE(fatal); i++)
        signal(fatal[i], SIG_DFL);
    if (s->reexec_io)
        loop_io_del(s->reexec_io);
    close_fd(steal_fd(&ready.file));
    close_fd(steal_fd(&ready.wake));
    free(steal_ptr(&ready.doc));
    free(steal_ptr(&ready.plan));
    free(steal_ptr(&ready.fds));
    ready.log = NULL;
    ready.program = NULL;
}

/* --- saving */

void save_fd(struct saving *v, json_t *o, const char *key, int fd)
{
    json_put_int(o, key, fd);
    if (fd < 0)
        return;
    if (v->nfds == v->cap) {
        v->cap = v->cap ? v->cap * 2 : 32;
        v->fds = xrealloc(v->fds, v->cap * sizeof(int));
    }
    v->fds[v->nfds++] = fd;
}

void save_blob(struct saving *v, json_t *o, const char *key, const void *data, size_t n)
{
    struct section s = {.type = SECTION_BLOB, .len = n};
    if (n == 0)
        return;
    buf_add(&v->blobs, &s, sizeof(s));
    buf_add(&v->blobs, data, n);
    json_put_int(o, key, (int64_t)v->nblobs++);
}

static void lay_ready(struct shim *s, struct saving *v)
{
    json_auto_t *doc = shim_save(s, v), *open = json_array();
    for (size_t i = 0; i < v->nfds; i++)
        json_push_take(open, json_integer(v->fds[i]));
    json_put(doc, "open", open);
    char *text = json_text(doc), *old = ready.doc;
    int *fds = ready.fds;
    if (!ready.plan && s->plan) {
        ready.plan = json_text(s->plan->json);
        ready.plan_len = strlen(ready.plan);
    }
    ready.program = s->plan;
    ready.log = s->log;
    ready.doc_len = strlen(text);
    ready.doc = text;
    ready.nfds = 0;
    ready.fds = steal_ptr(&v->fds);
    ready.nfds = v->nfds;
    free(old);
    free(fds);
}

void reexec_snapshot(struct shim *s)
{
    if (s->phase < PHASE_RUNNING || s->phase == PHASE_ENDING || ready.file < 0)
        return;
    struct saving v = {0};
    lay_ready(s, &v);
}

/* --- the orderly way */

bool reexec_is_pending(const struct shim *s)
{
    return s->reexec != REEXEC_NONE;
}

static void run(struct shim *s)
{
    struct saving v = {.full = true};
    if (s->log && !logger_freeze(s->log))
        return; /* a lock died with the thread: its handler does the rest */
    lay_ready(s, &v);
    ready.head.cause = (int32_t)s->reexec;
    if (s->reexec != REEXEC_CRASH) {
        ready.head.signal = 0;
        ready.head.culprit = s->log ? logger_culprit(s->log) : 0;
    }
    if (s->reexec != REEXEC_UPGRADE)
        count_fault();
    write_file(v.blobs.s, v.blobs.len);
    int old = -1;
    if (s->image >= 0) {
        old = fcntl(ready.image, F_DUPFD_CLOEXEC, 3);
        dup3(s->image, ready.image, O_CLOEXEC);
    }
    exec_image(ready.image);
    log_error("container %s: the shim cannot be replaced: %s", s->id, strerror(errno));
    if (old >= 0) {
        dup3(old, ready.image, O_CLOEXEC);
        exec_image(ready.image);
    }
    die(SIGABRT);
}

static bool is_half_way(const struct shim *s)
{
    for (struct exec *x = s->execs; x; x = exec_next(x))
        if (exec_task(x)->sync >= 0)
            return true;
    return s->phase == PHASE_STARTING;
}

static void on_turn(void *arg)
{
    struct shim *s = arg;
    s->reexec_turn = NULL;
    if (s->phase == PHASE_STARTING || s->phase == PHASE_ENDING)
        return; /* the end of the start comes back to here */
    int64_t left_ns = s->reexec_deadline_ns - time_mono_ns();
    bool finishing = s->reexec == REEXEC_UPGRADE || s->reexec == REEXEC_MEMORY;
    bool drained = !finishing || !s->log || logger_is_finished(s->log);
    if (left_ns <= 0 || (drained && !is_half_way(s)))
        run(s);
    else
        s->reexec_turn = loop_timer_add(s->loop, left_ns / NS_PER_MS + 1, on_turn, s);
}

void reexec_check(struct shim *s)
{
    if (!reexec_is_pending(s))
        return;
    if (s->reexec_turn)
        loop_timer_del(s->reexec_turn);
    s->reexec_turn = loop_timer_add(s->loop, 0, on_turn, s);
}

void reexec_ask(struct shim *s, enum reexec_cause cause, int image)
{
    if (cause == REEXEC_CRASH || s->reexec == REEXEC_NONE)
        s->reexec = cause;
    if (image >= 0)
        s->image = image;
    s->reexec_deadline_ns = time_mono_ns() + WAIT_MS * NS_PER_MS;
    if (s->log && (cause == REEXEC_UPGRADE || cause == REEXEC_MEMORY))
        logger_finish(s->log);
    if (s->init)
        stdio_update(&s->init->io);
    reexec_check(s);
}

int reexec_check_image(int fd, struct err *err)
{
    struct stat st;
    char magic[4] = "";
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || pread(fd, magic, 4, 0) != 4 ||
        memcmp(magic, "\177ELF", 4) != 0)
        return err_set(err, -ENOEXEC, "upgrade: the descriptor is no program");
    if (!(st.st_mode & 0111))
        return err_set(err, -EACCES, "upgrade: the program may not be executed");
    return 0;
}

/* --- reading it back */

int restore_fd(const json_t *o, const char *key)
{
    int64_t fd = json_int(o, key, -1);
    return fd >= 0 && fd < INT32_MAX && fcntl((int)fd, F_GETFD) >= 0 ? (int)fd : -1;
}

struct blob restore_blob(const struct restoring *r, const json_t *o, const char *key)
{
    int64_t i = json_int(o, key, -1);
    return i >= 0 && (size_t)i < r->nblobs ? r->blobs[i] : (struct blob){0};
}

static void take_carry(struct restoring *r, const struct section *s, const char *data)
{
    if (s->a < 2)
        cutter_load(&r->cut[s->a], data, s->len);
}

static void take_batch(struct restoring *r, const struct section *s, const char *data)
{
    struct batch *b = batch_load(data, s->len, s->a, s->b, s->base);
    if (!b)
        return;
    *r->tail = b;
    r->tail = &b->next;
}

static int take_section(struct restoring *r, const struct section *s, const char *data,
                        struct err *err)
{
    struct blob blob = {data, s->len};
    switch (s->type) {
    case SECTION_DOC:
        return json_parse(data, s->len, &r->doc, err);
    case SECTION_PLAN:
        r->plan = blob;
        break;
    case SECTION_SECCOMP:
        r->seccomp = blob;
        break;
    case SECTION_BLOB:
        r->blobs = xrealloc(r->blobs, (r->nblobs + 1) * sizeof(blob));
        r->blobs[r->nblobs++] = blob;
        break;
    case SECTION_BATCH:
        take_batch(r, s, data);
        break;
    case SECTION_CARRY:
        take_carry(r, s, data);
        break;
    case SECTION_CHUNK:
        r->chunk = blob;
        r->chunk_stream = (int)s->a;
        break;
    default: /* of a newer shim */
        break;
    }
    return 0;
}

void restoring_close_others(const struct restoring *r, const int *own, size_t n)
{
    const json_t *open = json_arr(r->doc, "open");
    size_t more = json_array_size(open);
    _cleanup_(freep) int *keep = xcalloc(n + more, sizeof(*keep));
    memcpy(keep, own, n * sizeof(*keep));
    for (size_t i = 0; i < more; i++)
        keep[n + i] = (int)json_integer_value(json_array_get(open, i));
    sys_close_others(keep, n + more);
}

int restoring_read(int fd, struct restoring *r, struct err *err)
{
    struct header h;
    r->tail = &r->queue;
    lseek(fd, 0, SEEK_SET);
    int n = fs_read_fd(fd, SIZE_MAX / 2, &r->file, &r->size);
    if (n < 0)
        return err_errno(err, n, "reading what the shim left for itself");
    if (r->size < sizeof(h) || (memcpy(&h, r->file, sizeof(h)), h.magic != MAGIC))
        return err_set(err, -EBADMSG, "what the shim left for itself is not of this kind");
    r->faults = h.faults;
    r->first_fault_ns = h.first_fault_ns;
    r->cause = (enum reexec_cause)h.cause;
    r->signal = h.signal;
    r->culprit = h.culprit;
    struct section s;
    for (size_t at = sizeof(h); r->size - at >= sizeof(s); at += s.len) {
        memcpy(&s, r->file + at, sizeof(s));
        at += sizeof(s);
        if (s.len > r->size - at)
            break;
        n = take_section(r, &s, r->file + at, err);
        if (n < 0)
            return n;
    }
    return r->doc ? 0 : err_set(err, -EBADMSG, "what the shim left for itself has no state");
}

void restoring_fini(struct restoring *r)
{
    json_decref(r->doc);
    for (struct batch *b = r->queue, *next; b; b = next) {
        next = b->next;
        batch_free(b);
    }
    free(r->blobs);
    free(r->file);
}
