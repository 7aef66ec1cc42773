/* SPDX-License-Identifier: Apache-2.0 */
/*
 * berth-netd: holds published ports while berthd may be away
 *
 * One per daemon, in the daemon's cgroup. `berth-netd RUN_DIR` returns once the socket there listens; what serves it is
 * a child, so that it is nobody's to reap. A second one for the same directory finds the lock taken and returns 0.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/frame.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/str.h"
#include "netd/protocol.h"
#include "netd/server.h"

#define IDLE_MS     60000
#define LOCK_WAIT_S 3

/* 1: this process is the directory's netd; 0: one serves it already; negative errno. The lock lives as long as *fd. One
 * that holds the lock and does not listen is about to end: its place is waited for, not for long. */
static int lock_take(int dirfd, int *fd)
{
    *fd = openat(dirfd, NETD_LOCK, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (*fd < 0)
        return -errno;
    if (flock(*fd, LOCK_EX | LOCK_NB) == 0)
        return 1;
    if (errno != EWOULDBLOCK)
        return -errno;
    _cleanup_(closep) int other = frame_connect_at(dirfd, NETD_SOCK);
    if (other >= 0)
        return 0;
    alarm(LOCK_WAIT_S);
    int r = flock(*fd, LOCK_EX) < 0 ? -errno : 1;
    alarm(0);
    return r;
}

static void signals_setup(void)
{
    static const int ignored[] = {SIGPIPE, SIGHUP, SIGINT, SIGTERM};
    for (size_t i = 0; i < ARRAY_SIZE(ignored); i++)
        signal(ignored[i], SIG_IGN);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* A relayed connection takes six descriptors. */
static void limits_raise(void)
{
    struct rlimit l;
    if (getrlimit(RLIMIT_NOFILE, &l) == 0) {
        l.rlim_cur = l.rlim_max;
        setrlimit(RLIMIT_NOFILE, &l);
    }
}

/* Who a daemon kills when this process does not answer any more. Best effort: without it nobody is. */
static void say_pid(int lock)
{
    char text[16];
    int n = snprintf(text, sizeof(text), "%d\n", (int)getpid());
    if (ftruncate(lock, 0) < 0 || pwrite(lock, text, (size_t)n, 0) != n)
        log_warn("cannot write the process number into the lock: %s", strerror(errno));
}

/* In the child: the loop, and what it leaves behind. */
static int serve(struct loop *l, struct server *s, int dirfd, int lock)
{
    setsid();
    say_pid(lock);
    int r = loop_run(l);
    if (r < 0)
        log_error("the event loop failed: %s", strerror(-r));
    server_free(s);
    loop_free(l);
    unlinkat(dirfd, NETD_SOCK, 0);
    unlinkat(dirfd, NETD_STATE, 0);
    return r < 0;
}

static int start(int dirfd, int lock)
{
    fs_sweep_tmp(dirfd, NETD_STATE);
    struct loop *l = loop_new();
    struct server *s = l ? server_open(l, dirfd, IDLE_MS) : NULL;
    if (!s) {
        log_error("cannot listen: %s", strerror(errno));
        return 1;
    }
    pid_t pid = fork();
    if (pid < 0) {
        log_error("cannot fork: %s", strerror(errno));
        return 1;
    }
    if (pid > 0)
        _exit(0);
    return serve(l, s, dirfd, lock);
}

int main(int argc, char **argv)
{
    log_setup_inherited("berth-netd");
    syscall(SYS_close_range, 3u, ~0u, 0u);
    if (argc != 2) {
        log_error("usage: berth-netd RUN_DIR (berthd starts it)");
        return 2;
    }
    int dirfd = fs_open_dir(AT_FDCWD, argv[1]), lock = -1;
    int r = dirfd < 0 ? dirfd : lock_take(dirfd, &lock);
    if (r < 0) {
        log_error("cannot use %s: %s", argv[1], strerror(-r));
        return 1;
    }
    if (r == 0)
        return 0;
    umask(0077);
    if (chdir("/") < 0)
        log_warn("cannot change to /: %s", strerror(errno));
    signals_setup();
    limits_raise();
    return start(dirfd, lock);
}
