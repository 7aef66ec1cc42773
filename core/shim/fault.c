/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Faults: the handler of fatal signals, and the new image
 *
 * `now` is all that the handler reads. A crash of the main thread in the handler's own work is met once more, without the
 * log's queue, which is then what is broken; a second one ends the shim.
 */
#include "shim/fault.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "shim/logger.h"
#include "shim/plan.h"

#define STACK_SIZE  (64u << 10)
#define PATIENCE_MS 3000 /* for the main thread, before it is interrupted */
#define FAULTS_MAX  8    /* in FAULTS_NS: then even the fallback cannot be trusted */
#define FAULTS_NS   (60 * NS_PER_SEC)
#define CALL        SIGUSR2 /* by which a crashed thread interrupts the main thread */

static const int fatal[] = {SIGSEGV, SIGBUS, SIGFPE, SIGABRT, SIGILL};

static struct {
    char *argv[4];
    char fd_text[12];
    int file, image, wake;
    pthread_t main;
    struct reexec_head head;
    struct laid *laid;  /* atomic */
    int crashing;       /* atomic */
    bool still;         /* atomic: nobody wants a new image */
    volatile int depth; /* how often the main thread has begun to replace the image */
    int replacing;      /* atomic: the main thread is at it in order */
} now = {.file = -1, .image = -1, .wake = -1};

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
        section_write(now.file, &s, data, n, NULL, 0);
}

static void write_head(void)
{
    ssize_t ignored = pwrite(now.file, &now.head, sizeof(now.head), 0);
    (void)ignored;
}

static void write_state(const struct laid *l)
{
    int ignored = ftruncate(now.file, 0);
    (void)ignored;
    write_head();
    lseek(now.file, sizeof(now.head), SEEK_SET);
    put(SECTION_DOC, l->doc, l->doc_len);
    put(SECTION_PLAN, l->plan, l->plan_len);
    if (l->program && l->program->seccomp)
        put(SECTION_SECCOMP, l->program->seccomp,
            l->program->nseccomp * sizeof(struct sock_filter));
}

/* Comes back only when the kernel refuses. */
static void exec_image(const struct laid *l, int image)
{
    for (size_t i = 0; i < l->nfds; i++)
        fcntl(l->fds[i], F_SETFD, 0);
    fcntl(now.file, F_SETFD, 0);
    fcntl(now.image, F_SETFD, 0);
    execveat(image, "", now.argv, environ, AT_EMPTY_PATH);
}

static void count_fault(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    int64_t at = t.tv_sec * NS_PER_SEC + t.tv_nsec;
    if (at - now.head.first_fault_ns > FAULTS_NS) {
        now.head.first_fault_ns = at;
        now.head.faults = 0;
    }
    now.head.faults++;
}

static void die(int sig)
{
    signal(sig, SIG_DFL);
    raise(sig);
}

/* On the main thread. Returns only to die. */
static void replace_at_once(void)
{
    const struct laid *l = __atomic_load_n(&now.laid, __ATOMIC_ACQUIRE);
    int depth = now.depth++;
    if (depth == 0)
        count_fault();
    if (!l || depth > 1 || now.head.faults > FAULTS_MAX)
        return;
    write_state(l);
    if (depth == 0 && l->log)
        logger_dump(l->log, now.file);
    exec_image(l, now.image);
}

static void note(int sig, bool is_main)
{
    const struct laid *l = __atomic_load_n(&now.laid, __ATOMIC_ACQUIRE);
    now.head.cause = REEXEC_CRASH;
    now.head.signal = sig;
    now.head.culprit = is_main ? -1 : l && l->log ? logger_culprit(l->log) : 0;
}

static _noreturn_ void stand_still(void)
{
    for (;;)
        pause();
}

/* On another thread. */
static _noreturn_ void call_main(void)
{
    uint64_t one = 1;
    ssize_t ignored = write(now.wake, &one, sizeof(one));
    (void)ignored;
    struct timespec t = {.tv_sec = PATIENCE_MS / 1000, .tv_nsec = PATIENCE_MS % 1000 * NS_PER_MS};
    while (nanosleep(&t, &t) < 0 && errno == EINTR)
        ;
    if (!__atomic_load_n(&now.still, __ATOMIC_SEQ_CST))
        pthread_kill(now.main, CALL);
    stand_still();
}

static void on_fault(int sig)
{
    bool is_main = pthread_equal(pthread_self(), now.main);
    if (!__atomic_exchange_n(&now.crashing, 1, __ATOMIC_SEQ_CST))
        note(sig, is_main);
    else if (!is_main)
        stand_still();
    if (!is_main)
        call_main();
    replace_at_once();
    die(sig);
}

static void on_call(int sig)
{
    (void)sig;
    if (!__atomic_load_n(&now.crashing, __ATOMIC_SEQ_CST) ||
        __atomic_load_n(&now.replacing, __ATOMIC_SEQ_CST) || now.depth ||
        __atomic_load_n(&now.still, __ATOMIC_SEQ_CST))
        return; /* it is at it already, or somebody else sent this */
    replace_at_once();
    die(now.head.signal);
}

/* A driver that calls exit() would take the container's monitor with it. */
static void on_exit_call(void)
{
    if (now.file >= 0 && !pthread_equal(pthread_self(), now.main))
        abort();
}

/* --- setting up */

void fault_thread_init(void)
{
    /* Never freed: a thread has it until the process ends, and there is one beside the main thread. */
    void *stack =
        mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    stack_t ss = {.ss_sp = stack, .ss_size = STACK_SIZE};
    if (stack == MAP_FAILED || sigaltstack(&ss, NULL) < 0)
        log_warn("no stack for the handler of fatal signals: errno %d", errno);
}

static void set_handlers(void)
{
    /* Not masked while it is handled: a fault inside the handler is met, too. */
    struct sigaction sa = {.sa_handler = on_fault, .sa_flags = SA_ONSTACK | SA_NODEFER};
    sigfillset(&sa.sa_mask);
    for (size_t i = 0; i < ARRAY_SIZE(fatal); i++)
        sigdelset(&sa.sa_mask, fatal[i]);
    for (size_t i = 0; i < ARRAY_SIZE(fatal); i++)
        sigaction(fatal[i], &sa, NULL);
    sa.sa_handler = on_call;
    sa.sa_flags = SA_ONSTACK | SA_RESTART;
    sigaction(CALL, &sa, NULL);
}

int fault_open(const char *id, int image, const struct restoring *before, int *wake,
               struct err *err)
{
    static bool hooked;
    if (before) {
        now.head.faults = before->faults;
        now.head.first_fault_ns = before->first_fault_ns;
    }
    now.head.magic = REEXEC_MAGIC;
    now.main = pthread_self();
    now.image = image;
    now.file = memfd_create("berth-shim-state", MFD_CLOEXEC);
    now.wake = *wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (now.file < 0 || now.wake < 0)
        return err_errno(err, -errno, "preparing for a crash of the log driver");
    snprintf(now.fd_text, sizeof(now.fd_text), "%d", now.file);
    now.argv[0] = (char *)"berth-shim";
    now.argv[1] = (char *)id;
    now.argv[2] = now.fd_text;
    fault_thread_init();
    set_handlers();
    if (!hooked && atexit(on_exit_call) == 0)
        hooked = true;
    return 0;
}

void fault_close(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(fatal); i++)
        signal(fatal[i], SIG_DFL);
    signal(CALL, SIG_IGN);
    fault_lay(NULL);
    close_fd(steal_fd(&now.file));
    close_fd(steal_fd(&now.wake));
}

void laid_free(struct laid *l)
{
    if (!l)
        return;
    free(l->doc);
    free(l->fds);
    free(l);
}

void fault_lay(struct laid *laid)
{
    struct laid *old = __atomic_exchange_n(&now.laid, laid, __ATOMIC_ACQ_REL);
    /* After a crash nothing is freed any more: the allocator may be what has crashed. */
    if (!__atomic_load_n(&now.crashing, __ATOMIC_SEQ_CST))
        laid_free(old);
}

int fault_signal(void)
{
    return now.head.signal;
}

void fault_hold(void)
{
    /* Changes of one variable have one order: who says it after this sees what the caller has taken out of sight, who said it before is
     * seen here. A load alone would not do. */
    if (__atomic_fetch_or(&now.crashing, 0, __ATOMIC_SEQ_CST) ||
        __atomic_fetch_or(&now.replacing, 0, __ATOMIC_SEQ_CST))
        stand_still();
}

void fault_stand_still(void)
{
    __atomic_store_n(&now.still, true, __ATOMIC_SEQ_CST);
}

/* --- the orderly way */

int fault_file(void)
{
    return now.file;
}

void fault_write_file(void)
{
    const struct laid *l = __atomic_load_n(&now.laid, __ATOMIC_ACQUIRE);
    if (l)
        write_state(l);
}

/* The new image in place of ours; should the kernel refuse, ours again. */
static int exec_either(const struct laid *l, int image)
{
    if (image < 0) {
        exec_image(l, now.image);
        return -errno;
    }
    _cleanup_(closep) int old = fcntl(now.image, F_DUPFD_CLOEXEC, 3);
    if (old < 0 || dup3(image, now.image, O_CLOEXEC) < 0)
        return -errno;
    exec_image(l, now.image);
    now.head.error = errno;
    write_head();
    dup3(old, now.image, O_CLOEXEC);
    exec_image(l, now.image);
    return -errno;
}

int fault_replace(enum reexec_cause cause, int image, const struct buf *blobs)
{
    const struct laid *l = __atomic_load_n(&now.laid, __ATOMIC_ACQUIRE);
    (void)__atomic_exchange_n(&now.replacing, 1, __ATOMIC_SEQ_CST);
    now.depth = 1;
    now.head.cause = (int32_t)cause;
    if (cause != REEXEC_CRASH) {
        now.head.signal = 0;
        now.head.culprit = l->log ? logger_culprit(l->log) : 0;
    }
    if (cause != REEXEC_UPGRADE)
        count_fault();
    write_state(l);
    ssize_t ignored = write(now.file, blobs->s, blobs->len);
    (void)ignored;
    if (l->log)
        logger_dump(l->log, now.file);
    return exec_either(l, image);
}
