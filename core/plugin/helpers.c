/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs that drivers need
 *
 * A helper is in the map from its start (or its finding) until its end was reported or asked for. Whoever takes it
 * out of the map, under the lock, is the one that reaps it: the watching thread, or helpers_stop().
 */
#include "plugin/helpers.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/fs.h"
#include "base/map.h"
#include "base/str.h"
#include "plugin/helper-record.h"

#define FDS_MAX 64

extern char **environ;

struct helper {
    uint64_t id;
    char *key;
    int pidfd;
    void (*died)(void *arg, int status);
    void *arg;
    bool dead_before; /* died while nobody watched: only to be told */
};

struct helpers {
    char *dir;
    pthread_mutex_t lock; /* guards all below but the descriptors */
    struct map by_key;
    uint64_t last_id;
    pthread_t thread;
    bool started, quit;
    int epoll, wake;
};

static void helper_free(void *p)
{
    struct helper *h = p;
    close_fd(h->pidfd);
    free(h->key);
    free(h);
}

struct helpers *helpers_new(const char *dir)
{
    struct helpers *h = xcalloc(1, sizeof(*h));
    h->dir = xstrdup(dir);
    h->epoll = h->wake = -1;
    pthread_mutex_init(&h->lock, NULL);
    return h;
}

void helpers_free(struct helpers *h)
{
    if (!h)
        return;
    pthread_mutex_lock(&h->lock);
    h->quit = true;
    pthread_mutex_unlock(&h->lock);
    if (h->started) {
        eventfd_write(h->wake, 1);
        pthread_join(h->thread, NULL);
    }
    map_fini(&h->by_key, helper_free);
    close_fd(h->epoll);
    close_fd(h->wake);
    pthread_mutex_destroy(&h->lock);
    free(h->dir);
    free(h);
}

/* The wait status, or -1 of a process that is not our child. The process has ended. */
static int reap(int pidfd)
{
    siginfo_t info = {0};
    int r;
    do
        r = waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED);
    while (r < 0 && errno == EINTR);
    if (r < 0)
        return -1;
    return info.si_code == CLD_EXITED ? (info.si_status & 0xff) << 8 : info.si_status & 0x7f;
}

/* Takes a helper whose process has ended, or NULL. With `id` 0: one that was found dead. */
static struct helper *take(struct helpers *h, uint64_t id)
{
    const char *key;
    void *p;
    pthread_mutex_lock(&h->lock);
    for (size_t i = 0; map_next(&h->by_key, &i, &key, &p);) {
        struct helper *helper = p;
        if (id ? helper->id != id : !helper->dead_before)
            continue;
        map_del(&h->by_key, helper->key);
        pthread_mutex_unlock(&h->lock);
        return helper;
    }
    pthread_mutex_unlock(&h->lock);
    return NULL;
}

static void tell(struct helpers *h, struct helper *helper)
{
    int status = helper->dead_before ? -1 : reap(helper->pidfd);
    helper_record_remove(h->dir, helper->key);
    if (helper->died)
        helper->died(helper->arg, status);
    helper_free(helper);
}

static void *watch(void *arg)
{
    struct helpers *h = arg;
    struct epoll_event event;
    for (;;) {
        if (epoll_wait(h->epoll, &event, 1, -1) != 1)
            continue;
        pthread_mutex_lock(&h->lock);
        bool quit = h->quit;
        pthread_mutex_unlock(&h->lock);
        if (quit)
            return NULL;
        eventfd_t n;
        if (!event.data.u64)
            eventfd_read(h->wake, &n);
        struct helper *helper;
        while ((helper = take(h, event.data.u64)))
            tell(h, helper);
    }
}

/* Locked. */
static int ensure_thread(struct helpers *h, struct err *err)
{
    struct epoll_event event = {.events = EPOLLIN};
    sigset_t all, old;
    if (h->started)
        return 0;
    int r = fs_mkdir_p(h->dir, 0700);
    if (r < 0)
        return err_errno(err, r, "%s", h->dir);
    if (h->epoll < 0)
        h->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (h->wake < 0)
        h->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (h->epoll < 0 || h->wake < 0 ||
        (epoll_ctl(h->epoll, EPOLL_CTL_ADD, h->wake, &event) < 0 && errno != EEXIST))
        return err_errno(err, -errno, "the watch over helpers");
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    r = pthread_create(&h->thread, NULL, watch, h);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    h->started = r == 0;
    return r ? err_errno(err, -r, "the watch over helpers") : 0;
}

/* What a driver's program starts with: fds at 3, 4, …, /dev/null as input, our stderr, no signal blocked. The copies
 * stand above all targets, so that no dup2 overwrites a source of a later one. */
static int file_actions(posix_spawn_file_actions_t *actions, const int *fds, size_t nfds,
                        int *copies)
{
    int r = posix_spawn_file_actions_addopen(actions, 0, "/dev/null", O_RDONLY, 0);
    if (r == 0)
        r = posix_spawn_file_actions_adddup2(actions, 2, 1);
    for (size_t i = 0; r == 0 && i < nfds; i++) {
        copies[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, FDS_MAX + 8);
        if (copies[i] < 0)
            return -errno;
        r = posix_spawn_file_actions_adddup2(actions, copies[i], 3 + (int)i);
    }
    return -r;
}

static int attributes(posix_spawnattr_t *attr)
{
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(attr, &none);
    posix_spawnattr_setsigdefault(attr, &all);
    return -posix_spawnattr_setflags(attr, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK |
                                               POSIX_SPAWN_SETSIGDEF);
}

static int spawn(const char *const *argv, const int *fds, size_t nfds, pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    int copies[FDS_MAX];
    for (size_t i = 0; i < nfds; i++)
        copies[i] = -1;
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attr);
    int r = file_actions(&actions, fds, nfds, copies);
    if (r == 0)
        r = attributes(&attr);
    if (r == 0)
        r = -posix_spawn(pid, argv[0], &actions, &attr, (char *const *)argv, environ);
    for (size_t i = 0; i < nfds; i++)
        close_fd(copies[i]);
    posix_spawnattr_destroy(&attr);
    posix_spawn_file_actions_destroy(&actions);
    return r;
}

static int spawn_recorded(struct helpers *h, const char *key, const char *const *argv,
                          const int *fds, size_t nfds, int *pidfd, struct err *err)
{
    pid_t pid;
    int r = spawn(argv, fds, nfds, &pid);
    if (r < 0)
        return err_errno(err, r, "helper %s: %s", key, argv[0]);
    *pidfd = (int)syscall(SYS_pidfd_open, pid, 0); /* our child, not reaped: the pid is its own */
    r = *pidfd < 0 ? err_errno(err, -errno, "helper %s", key)
                   : helper_record_write(h->dir, key, pid, err);
    if (r == 0)
        return 0;
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    close_fd(*pidfd);
    return r;
}

/* Locked. */
static int add(struct helpers *h, struct helper *helper, struct err *err)
{
    helper->id = ++h->last_id;
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = helper->id};
    map_set(&h->by_key, helper->key, helper);
    if (helper->dead_before) {
        eventfd_write(h->wake, 1);
        return 0;
    }
    if (epoll_ctl(h->epoll, EPOLL_CTL_ADD, helper->pidfd, &event) == 0)
        return 0;
    map_del(&h->by_key, helper->key);
    return err_errno(err, -errno, "helper %s", helper->key);
}

static int check(const char *key, const char *const *argv, size_t nfds, struct err *err)
{
    if (str_empty(key) || strlen(key) > 128 || *key == '.' ||
        !str_only(key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-"))
        return err_set(
            err, -EINVAL,
            "a helper's key has letters, digits, and _ . - after the first, at most 128");
    if (!argv || !argv[0] || *argv[0] != '/')
        return err_set(err, -EINVAL, "helper %s: argv[0] must be an absolute path", key);
    if (nfds > FDS_MAX)
        return err_set(err, -EINVAL, "helper %s: at most %d descriptors are passed on", key,
                       FDS_MAX);
    return 0;
}

/* Finds or starts; locked, so that two starts with one key give one program. */
static int start_locked(struct helpers *h, struct helper *helper, const char *const *argv,
                        const int *fds, size_t nfds, struct err *err)
{
    int r = ensure_thread(h, err);
    if (r < 0)
        return r;
    r = helper_record_open(h->dir, helper->key, &helper->pidfd, err);
    helper->dead_before = r == -ESRCH;
    if (r < 0 && r != -ESRCH)
        return r;
    if (r == 0)
        r = spawn_recorded(h, helper->key, argv, fds, nfds, &helper->pidfd, err);
    if (r < 0 && !helper->dead_before)
        return r;
    return add(h, helper, err);
}

int helpers_start(struct helpers *h, const char *key, const char *const *argv, const int *fds,
                  size_t nfds, void (*died)(void *arg, int status), void *arg, struct err *err)
{
    int r = check(key, argv, nfds, err);
    if (r < 0)
        return r;
    pthread_mutex_lock(&h->lock);
    struct helper *there = map_get(&h->by_key, key);
    if (there) {
        there->died = died;
        there->arg = arg;
        pthread_mutex_unlock(&h->lock);
        return 0;
    }
    struct helper *helper = xcalloc(1, sizeof(*helper));
    *helper = (struct helper){.key = xstrdup(key), .pidfd = -1, .died = died, .arg = arg};
    r = start_locked(h, helper, argv, fds, nfds, err);
    pthread_mutex_unlock(&h->lock);
    if (r < 0)
        helper_free(helper);
    return r;
}

static struct helper *take_for_stop(struct helpers *h, const char *key)
{
    pthread_mutex_lock(&h->lock);
    struct helper *helper = map_del(&h->by_key, key);
    if (helper && helper->pidfd >= 0)
        epoll_ctl(h->epoll, EPOLL_CTL_DEL, helper->pidfd, NULL);
    pthread_mutex_unlock(&h->lock);
    return helper;
}

static bool wait_end(int pidfd, int timeout_ms)
{
    struct pollfd p = {.fd = pidfd, .events = POLLIN};
    int r;
    do
        r = poll(&p, 1, timeout_ms);
    while (r < 0 && errno == EINTR);
    return r > 0;
}

int helpers_stop(struct helpers *h, const char *key)
{
    static const char *const any[] = {"/", NULL};
    int r = check(key, any, 0, NULL);
    if (r < 0)
        return r;
    struct helper *helper = take_for_stop(h, key);
    _cleanup_(closep) int pidfd = helper ? steal_fd(&helper->pidfd) : -1;
    if (helper)
        helper_free(helper);
    else
        r = helper_record_open(h->dir, key, &pidfd, NULL);
    if (pidfd < 0) {
        helper_record_remove(h->dir, key);
        return r < 0 && r != -ESRCH ? r : -ENOENT;
    }
    syscall(SYS_pidfd_send_signal, pidfd, SIGTERM, NULL, 0);
    if (!wait_end(pidfd, 1000)) {
        syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
        wait_end(pidfd, -1);
    }
    reap(pidfd);
    helper_record_remove(h->dir, key);
    return 0;
}
