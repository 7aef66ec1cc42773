/* SPDX-License-Identifier: Apache-2.0 */
/* System calls with their fallbacks. */
#include "shim/sys.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/pidfd.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fs.h"

#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC (1U << 2)
#endif

struct dirent64_raw {
    uint64_t ino;
    int64_t off;
    unsigned short reclen;
    unsigned char type;
    char name[];
};

static int number_of(const char *name)
{
    long v = 0;
    for (const char *p = name; *p; p++) {
        if (*p < '0' || *p > '9' || v > INT_MAX / 10 - 1)
            return -1;
        v = v * 10 + (*p - '0');
    }
    return *name ? (int)v : -1;
}

/* Calls fn for each open descriptor of the process, by /proc, without a directory stream. */
static void each_fd(void (*fn)(int fd, const int *keep, size_t n), const int *keep, size_t n)
{
    char space[4096] __attribute__((aligned(8)));
    int dir = open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return;
    for (;;) {
        long got = syscall(SYS_getdents64, dir, space, sizeof(space));
        if (got <= 0)
            break;
        for (long at = 0; at < got;) {
            struct dirent64_raw *e = (struct dirent64_raw *)(void *)(space + at);
            int fd = number_of(e->name);
            if (fd > 2 && fd != dir)
                fn(fd, keep, n);
            at += e->reclen;
        }
    }
    close(dir);
}

static bool listed(int fd, const int *keep, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (keep[i] == fd)
            return true;
    return false;
}

static void close_unlisted(int fd, const int *keep, size_t n)
{
    if (!listed(fd, keep, n))
        close(fd);
}

static void set_cloexec(int fd, const int *keep, size_t n)
{
    (void)keep;
    (void)n;
    fcntl(fd, F_SETFD, FD_CLOEXEC);
}

/* The smallest listed descriptor that is not below `from`, or INT_MAX. */
static int next_listed(int from, const int *keep, size_t n)
{
    int best = INT_MAX;
    for (size_t i = 0; i < n; i++)
        if (keep[i] >= from && keep[i] < best)
            best = keep[i];
    return best;
}

void sys_close_others(const int *keep, size_t n)
{
    for (int from = 3;;) {
        int next = next_listed(from, keep, n);
        unsigned last = next == INT_MAX ? ~0u : (unsigned)next - 1;
        if (next != from && close_range((unsigned)from, last, 0) < 0) {
            each_fd(close_unlisted, keep, n);
            return;
        }
        if (next == INT_MAX)
            return;
        from = next + 1;
    }
}

void sys_cloexec_all(void)
{
    if (close_range(3, ~0u, CLOSE_RANGE_CLOEXEC) < 0)
        each_fd(set_cloexec, NULL, 0);
}

static unsigned long remount_flags(uint64_t attr)
{
    unsigned long f = 0;
    f |= attr & MOUNT_ATTR_RDONLY ? MS_RDONLY : 0;
    f |= attr & MOUNT_ATTR_NOSUID ? MS_NOSUID : 0;
    f |= attr & MOUNT_ATTR_NODEV ? MS_NODEV : 0;
    f |= attr & MOUNT_ATTR_NOEXEC ? MS_NOEXEC : 0;
    f |= attr & MOUNT_ATTR_NODIRATIME ? MS_NODIRATIME : 0;
    if ((attr & MOUNT_ATTR__ATIME) == MOUNT_ATTR_NOATIME)
        f |= MS_NOATIME;
    else if ((attr & MOUNT_ATTR__ATIME) == MOUNT_ATTR_STRICTATIME)
        f |= MS_STRICTATIME;
    return f;
}

static uint64_t current_attr(const struct statfs *s)
{
    unsigned long f = (unsigned long)s->f_flags;
    uint64_t a = 0;
    a |= f & ST_RDONLY ? MOUNT_ATTR_RDONLY : 0;
    a |= f & ST_NOSUID ? MOUNT_ATTR_NOSUID : 0;
    a |= f & ST_NODEV ? MOUNT_ATTR_NODEV : 0;
    a |= f & ST_NOEXEC ? MOUNT_ATTR_NOEXEC : 0;
    a |= f & ST_NODIRATIME ? MOUNT_ATTR_NODIRATIME : 0;
    if (f & ST_NOATIME)
        a |= MOUNT_ATTR_NOATIME;
    else if (!(f & ST_RELATIME))
        a |= MOUNT_ATTR_STRICTATIME;
    return a;
}

int sys_mount_attr(int fd, uint64_t set, uint64_t clear, bool recursive)
{
    struct mount_attr a = {.attr_set = set, .attr_clr = clear};
    unsigned flags = AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0);
    if (mount_setattr(fd, "", flags, &a, sizeof(a)) == 0)
        return 0;
    if (errno != ENOSYS)
        return -errno;
    struct statfs s;
    char path[FD_PATH_MAX];
    if (fstatfs(fd, &s) < 0)
        return -errno;
    unsigned long f = remount_flags((current_attr(&s) & ~clear) | set);
    return mount(NULL, fs_fd_path(fd, path), NULL, MS_REMOUNT | MS_BIND | f, NULL) < 0 ? -errno : 0;
}

int sys_mount_set(int fd, uint64_t set, uint64_t clear, unsigned long propagation)
{
    struct mount_attr a = {.attr_set = set, .attr_clr = clear, .propagation = propagation};
    return mount_setattr(fd, "", AT_EMPTY_PATH, &a, sizeof(a)) < 0 ? -errno : 0;
}

int sys_mount_propagation(int fd, unsigned long flags)
{
    struct mount_attr a = {.propagation = flags & ~(unsigned long)MS_REC};
    unsigned at = AT_EMPTY_PATH | (flags & MS_REC ? AT_RECURSIVE : 0);
    if (mount_setattr(fd, "", at, &a, sizeof(a)) == 0)
        return 0;
    if (errno != ENOSYS)
        return -errno;
    char path[FD_PATH_MAX];
    return mount(NULL, fs_fd_path(fd, path), NULL, flags, NULL) < 0 ? -errno : 0;
}

pid_t sys_clone(uint64_t flags, int cgroup, int *pidfd)
{
    struct clone_args a = {
        .flags = flags | CLONE_PIDFD, .pidfd = (uint64_t)(uintptr_t)pidfd, .exit_signal = SIGCHLD};
    if (cgroup >= 0) {
        a.flags |= CLONE_INTO_CGROUP;
        a.cgroup = (uint64_t)cgroup;
    }
    long pid = syscall(SYS_clone3, &a, sizeof(a));
    if (pid >= 0)
        return (pid_t)pid;
    if (errno != ENOSYS)
        return -errno;
    if (cgroup >= 0)
        return -EOPNOTSUPP;
    pid =
        syscall(SYS_clone, (unsigned long)(flags | CLONE_PIDFD | SIGCHLD), NULL, pidfd, NULL, NULL);
    return pid < 0 ? -errno : (pid_t)pid;
}
