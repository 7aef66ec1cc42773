/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A log driver for tests
 *
 * Writes "stream flags ordinal line" into log_dir/out. Options: `fail` makes open() fail, `hold` makes write() wait
 * until log_dir/go is there, `broken` makes write() fail. `trap` says what happens at a line "trap": crash, abort, exit,
 * hang, eat (memory), stuck (the main thread stands still, then a crash); open and flush abort there. It leaks a
 * descriptor on purpose.
 */
#include <berth/log.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

struct log {
    FILE *out;
    char *dir, *trap;
    bool hold, broken;
};

static int t_open(const struct berth_log_info *info, void **log, struct berth_err *err)
{
    char path[4096];
    if (berth_opt_bool(info->options, "fail", false))
        return berth_err_set(err, -EIO, "told to fail");
    snprintf(path, sizeof(path), "%s/out", info->log_dir);
    struct log *l = calloc(1, sizeof(*l));
    if (!l || dup2(open("/etc/hostname", O_RDONLY), 77) < 0) /* without close-on-exec */
        return berth_err_set(err, -ENOMEM, "no memory");
    l->out = fopen(path, "a");
    l->dir = strdup(info->log_dir);
    l->trap = strdup(berth_opt_str(info->options, "trap", ""));
    if (strcmp(l->trap, "open") == 0)
        abort();
    l->hold = berth_opt_bool(info->options, "hold", false);
    l->broken = berth_opt_bool(info->options, "broken", false);
    if (!l->out)
        return berth_err_set(err, -errno, "cannot open %s", path);
    *log = l;
    return 0;
}

/* Until log_dir/go is there. */
static void wait_for_go(struct log *l)
{
    char path[4096], event[4096];
    int fd = inotify_init1(IN_CLOEXEC);
    snprintf(path, sizeof(path), "%s/go", l->dir);
    inotify_add_watch(fd, l->dir, IN_CREATE);
    while (access(path, F_OK) < 0)
        if (read(fd, event, sizeof(event)) < 0)
            break;
    close(fd);
    l->hold = false;
}

/* By the kernel's hand: a sanitizer would end the process itself at a null pointer. */
static void segfault(void)
{
    volatile int *p = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    *p = 1;
}

static void hold_still(int sig)
{
    (void)sig;
    for (;;)
        pause();
}

static void spring(const struct log *l)
{
    fflush(l->out);
    if (strcmp(l->trap, "crash") == 0)
        segfault();
    if (strcmp(l->trap, "stuck") == 0) {
        signal(SIGUSR1, hold_still);
        syscall(SYS_tgkill, getpid(), getpid(), SIGUSR1);
        segfault();
    }
    if (strcmp(l->trap, "exit") == 0)
        exit(3);
    while (strcmp(l->trap, "hang") == 0)
        pause();
    if (strcmp(l->trap, "abort") == 0)
        abort();
    if (strcmp(l->trap, "eat") == 0) {
        volatile char *p = malloc(300u << 20); /* for good */
        for (size_t i = 0; p && i < 300u << 20; i += 4096)
            p[i] = 1;
    }
}

static int t_write(void *log, const struct berth_log_record *const *records, size_t n,
                   struct berth_err *err)
{
    struct log *l = log;
    if (l->broken)
        return berth_err_set(err, -ENOSPC, "told to break");
    if (l->hold)
        wait_for_go(l);
    for (size_t i = 0; i < n; i++) {
        if (records[i]->len == 4 && memcmp(records[i]->line, "trap", 4) == 0)
            spring(l);
        fprintf(l->out, "%u %u %u %.*s\n", records[i]->stream, records[i]->flags,
                records[i]->partial_ordinal, (int)records[i]->len, records[i]->line);
    }
    if (*l->trap)
        fflush(l->out);
    return 0;
}

static int t_flush(void *log, struct berth_err *err)
{
    struct log *l = log;
    if (strcmp(l->trap, "flush") == 0)
        abort();
    return fflush(l->out) ? berth_err_set(err, -errno, "flush") : 0;
}

static void t_close(void *log)
{
    struct log *l = log;
    fclose(l->out);
    free(l->dir);
    free(l->trap);
    free(l);
}

static const struct berth_option opt_fail = {.size = sizeof(opt_fail),
                                             .name = "fail",
                                             .type = BERTH_OPT_BOOL,
                                             .flags = BERTH_OPT_OBJECT,
                                             .help = "fail"};
static const struct berth_option opt_hold = {.size = sizeof(opt_hold),
                                             .name = "hold",
                                             .type = BERTH_OPT_BOOL,
                                             .flags = BERTH_OPT_OBJECT,
                                             .help = "hold"};
static const struct berth_option opt_broken = {.size = sizeof(opt_broken),
                                               .name = "broken",
                                               .type = BERTH_OPT_BOOL,
                                               .flags = BERTH_OPT_OBJECT,
                                               .help = "broken"};
static const struct berth_option opt_trap = {.size = sizeof(opt_trap),
                                             .name = "trap",
                                             .type = BERTH_OPT_STRING,
                                             .flags = BERTH_OPT_OBJECT,
                                             .dflt = "",
                                             .help = "trap"};
static const struct berth_option *const options[] = {&opt_fail, &opt_hold, &opt_broken, &opt_trap,
                                                     NULL};

static const struct berth_log_ops ops = {
    .size = sizeof(ops), .open = t_open, .write = t_write, .flush = t_flush, .close = t_close};

BERTH_PLUGIN(.kind = BERTH_LOG, .name = "t-log", .version = "1.0.0", .license = "Apache-2.0",
             .summary = "A log driver for tests", .options = options, .ops = &ops);
