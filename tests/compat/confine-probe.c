/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a container's process finds itself in, as one JSON document on stdout
 *
 * Built statically and run as the container's program. It reads and opens, but writes nothing. Text of the kernel that is longer than a
 * value goes out as an array of lines; the comparer makes sense of them.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <linux/keyctl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static void put_string(const char *s)
{
    putchar('"');
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if (c == '"' || c == '\\')
            printf("\\%c", c);
        else if (c < 0x20 || c > 0x7e)
            printf("\\u%04x", c);
        else
            putchar(c);
    }
    putchar('"');
}

static int items; /* in the array or object that is open */

static void open_list(const char *key, char bracket)
{
    printf(",\n\"%s\": %c", key, bracket);
    items = 0;
}

static void comma(void)
{
    fputs(items++ ? ",\n  " : "\n  ", stdout);
}

static void put_lines(const char *key, const char *path)
{
    char *line = NULL;
    size_t cap = 0;
    open_list(key, '[');
    FILE *f = fopen(path, "re");
    while (f && getline(&line, &cap, f) > 0) {
        line[strcspn(line, "\n")] = 0;
        comma();
        put_string(line);
    }
    if (f)
        fclose(f);
    free(line);
    putchar(']');
}

/* --- nodes of /dev */

static const char *type_of(mode_t m)
{
    return S_ISCHR(m) ? "c" : S_ISBLK(m) ? "b" : S_ISDIR(m) ? "d" : S_ISLNK(m) ? "l" : "f";
}

static int visit_dev(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)flag;
    (void)ftw;
    char target[4096] = "";
    if (S_ISLNK(st->st_mode) && readlink(path, target, sizeof target - 1) < 0)
        target[0] = 0;
    comma();
    put_string(path);
    printf(": {\"type\": \"%s\", \"dev\": \"%u:%u\", \"mode\": \"%o\", \"owner\": \"%u:%u\", "
           "\"link\": ",
           type_of(st->st_mode), major(st->st_rdev), minor(st->st_rdev), st->st_mode & 07777,
           st->st_uid, st->st_gid);
    put_string(target);
    putchar('}');
    return 0;
}

/* --- files that can be opened for writing */

static int visit_writable(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)flag;
    /* Processes come and go: only our own, and not each thread and descriptor of it. */
    if (ftw->level == 1 && strncmp(path, "/proc/", 6) == 0 && path[6] >= '0' && path[6] <= '9')
        return S_ISDIR(st->st_mode) ? FTW_SKIP_SUBTREE : FTW_CONTINUE;
    if (strcmp(path, "/proc/self/task") == 0)
        return FTW_SKIP_SUBTREE;
    if (!S_ISREG(st->st_mode))
        return FTW_CONTINUE;
    int fd = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        return FTW_CONTINUE;
    close(fd);
    comma();
    put_string(path);
    return FTW_CONTINUE;
}

static void put_writable(void)
{
    open_list("writable", '[');
    nftw("/proc", visit_writable, 16, FTW_PHYS | FTW_ACTIONRETVAL);
    nftw("/sys", visit_writable, 16, FTW_PHYS | FTW_ACTIONRETVAL);
    char self[64];
    static const char *const own[] = {"attr/current",    "oom_score_adj", "loginuid",
                                      "uid_map",         "mem",           "setgroups",
                                      "coredump_filter", "timerslack_ns"};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        snprintf(self, sizeof self, "/proc/self/%s", own[i]);
        int fd = open(self, O_WRONLY | O_CLOEXEC);
        if (fd < 0)
            continue;
        close(fd);
        comma();
        put_string(self);
    }
    putchar(']');
}

/* --- paths that are masked or not there */

static void put_paths(void)
{
    static const char *const paths[] = {"/proc/asound",        "/proc/acpi",
                                        "/proc/interrupts",    "/proc/kcore",
                                        "/proc/keys",          "/proc/latency_stats",
                                        "/proc/timer_list",    "/proc/timer_stats",
                                        "/proc/sched_debug",   "/proc/scsi",
                                        "/sys/firmware",       "/sys/devices/virtual/powercap",
                                        "/proc/bus",           "/proc/fs",
                                        "/proc/irq",           "/proc/sys",
                                        "/proc/sysrq-trigger", "/proc/kmsg",
                                        "/proc/kallsyms"};
    open_list("paths", '{');
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        struct stat st;
        const char *what = "absent";
        char buffer[64];
        bool there = stat(paths[i], &st) == 0;
        if (there && S_ISDIR(st.st_mode)) {
            DIR *d = opendir(paths[i]);
            int n = 0;
            while (d && readdir(d))
                n++;
            if (d)
                closedir(d);
            what = n > 2 ? "directory" : "empty directory";
        } else if (there) {
            what = S_ISCHR(st.st_mode) ? "device" : "file";
            if (S_ISCHR(st.st_mode)) {
                snprintf(buffer, sizeof buffer, "device %u:%u", major(st.st_rdev),
                         minor(st.st_rdev));
                what = buffer;
            }
        }
        comma();
        put_string(paths[i]);
        fputs(": ", stdout);
        put_string(what);
    }
    putchar('}');
}

static void put_fds(void)
{
    open_list("fds", '{');
    DIR *d = opendir("/proc/self/fd");
    const struct dirent *e;
    while (d && (e = readdir(d))) {
        char path[300], target[4096];
        int fd = atoi(e->d_name);
        if (e->d_name[0] == '.' || fd == dirfd(d))
            continue;
        snprintf(path, sizeof path, "/proc/self/fd/%s", e->d_name);
        ssize_t n = readlink(path, target, sizeof target - 1);
        target[n > 0 ? n : 0] = 0;
        comma();
        put_string(e->d_name);
        fputs(": ", stdout);
        put_string(target);
    }
    if (d)
        closedir(d);
    putchar('}');
}

static void put_rlimits(void)
{
    static const char *const names[] = {
        "cpu",     "fsize", "data",  "stack",      "core",     "rss",  "nproc",  "nofile",
        "memlock", "as",    "locks", "sigpending", "msgqueue", "nice", "rtprio", "rttime"};
    open_list("rlimits", '{');
    for (int i = 0; i < 16; i++) {
        struct rlimit r;
        if (getrlimit((__rlimit_resource_t)i, &r) < 0)
            continue;
        comma();
        printf("\"%s\": [%lld, %lld]", names[i], (long long)r.rlim_cur, (long long)r.rlim_max);
    }
    putchar('}');
}

/* One call a line, by the answer to arguments that do nothing. */
static void put_calls(void)
{
    static const struct {
        const char *name;
        long nr, a, b;
    } calls[] = {
        {"unshare newuser", SYS_unshare, 0x10000000, 0},
        {"unshare newns", SYS_unshare, 0x20000, 0},
        {"keyctl", SYS_keyctl, KEYCTL_GET_KEYRING_ID, 0},
        {"clone3", SYS_clone3, 0, 0},
        {"bpf", SYS_bpf, -1, 0},
        {"mount", SYS_mount, 0, 0},
        {"ptrace", SYS_ptrace, -1, 0},
        {"socket alg", SYS_socket, 38, 5},
        {"socket vsock", SYS_socket, 40, 1},
        {"personality", SYS_personality, 0x40000, 0},
        {"reboot", SYS_reboot, 0, 0},
        {"swapon", SYS_swapon, 0, 0},
        {"setns", SYS_setns, -1, 0},
        {"perf_event_open", SYS_perf_event_open, 0, 0},
        {"chroot", SYS_chroot, 0, 0},
        {"userfaultfd", SYS_userfaultfd, -1, 0},
        {"io_uring_setup", SYS_io_uring_setup, 0, 0},
        {"open_by_handle_at", SYS_open_by_handle_at, -1, 0},
        {"syslog", SYS_syslog, 10, 0},
        {"mseal", 462, 0, 0},
        {"nr 9999", 9999, 0, 0},
    };
    open_list("calls", '{');
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        long r = syscall(calls[i].nr, calls[i].a, calls[i].b, 0L, 0L, 0L, 0L);
        comma();
        put_string(calls[i].name);
        fputs(": ", stdout);
        put_string(r < 0 ? strerrorname_np(errno) : "ok");
    }
    putchar('}');
}

/* With an argument it only waits: something to exec in. */
int main(int argc, char **argv)
{
    (void)argv;
    if (argc > 1)
        return pause();
    mode_t mask = umask(0);
    umask(mask);
    printf("{\"umask\": \"%o\"", mask);
    put_fds(); /* before anything of ours is open */
    put_lines("status", "/proc/self/status");
    put_lines("mountinfo", "/proc/self/mountinfo");
    put_lines("cgroup", "/proc/self/cgroup");
    put_lines("keys", "/proc/self/keys");
    printf(",\n\"session_keyring\": %s",
           syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0) > 0 ? "true"
                                                                                       : "false");
    printf(",\n\"sid\": %d, \"pgrp\": %d, \"pid\": %d, \"nice\": %d", (int)getsid(0),
           (int)getpgrp(), (int)getpid(), getpriority(PRIO_PROCESS, 0));
    put_lines("oom_score_adj", "/proc/self/oom_score_adj");
    put_rlimits();
    open_list("dev", '{');
    nftw("/dev", visit_dev, 16, FTW_PHYS);
    putchar('}');
    put_paths();
    put_writable();
    put_calls();
    printf("}\n");
    return 0;
}
