/* SPDX-License-Identifier: Apache-2.0 */
/*
 * berth-shim: the monitor of one container
 *
 * Started by berthd with the control connection, the run directory and its own memfd as descriptors 3, 4 and 5; see
 * docs/shim-protocol.md.
 */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/id.h"
#include "base/log.h"
#include "base/str.h"
#include "shim/check.h"
#include "shim/conn.h"
#include "shim/logger.h"
#include "shim/shim.h"
#include "shim/sys.h"

enum { FD_CONTROL = 3, FD_RUNDIR = 4, FD_MEMFD = 5 };

static int check_start(int argc, char **argv, struct err *err)
{
    struct stat st;
    if ((argc != 2 && argc != 3) || !id_valid(argv[1]))
        return err_set(err, -EINVAL,
                       "usage: berth-shim ID (64 hex digits); it is berthd that starts it");
    if (argc == 2 && (fstat(FD_CONTROL, &st) < 0 || !S_ISSOCK(st.st_mode)))
        return err_set(err, -EINVAL, "descriptor 3 is no socket: it is berthd that starts this");
    if (fstat(FD_RUNDIR, &st) < 0 || !S_ISDIR(st.st_mode))
        return err_set(err, -EINVAL, "descriptor 4 is no directory: it is berthd that starts this");
    return 0;
}

/* What a new process and a new image of an old one both need. */
static int open_common(struct shim *s, const struct restoring *before, struct err *err)
{
    /* The container's root is mounted here, in its own mount namespace, where only the working directory follows. */
    if (fchdir(FD_RUNDIR) < 0)
        return err_errno(err, -errno, "entering the run directory");
    if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0)
        return err_errno(err, -errno, "becoming the subreaper");
    s->pidns = open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC);
    s->loop = loop_new();
    if (s->pidns < 0 || !s->loop)
        return err_errno(err, -errno, "opening the loop and the own pid namespace");
    int r = shim_signals_open(s, err);
    if (r == 0)
        r = conn_listen(s, err);
    return r < 0 ? r : reexec_open(s, before, err);
}

static int shim_open(struct shim *s, struct err *err)
{
    static const int given[] = {FD_CONTROL, FD_RUNDIR, FD_MEMFD};
    sys_close_others(given, ARRAY_SIZE(given));
    sys_cloexec_all();
    setsid();
    int r = open_common(s, NULL, err);
    if (r < 0)
        return r;
    state_write(s);
    r = conn_add(s, FD_CONTROL, true);
    if (r < 0)
        return err_errno(err, r, "watching the control connection");
    early_root_mount(s);
    return 0;
}

/* After execve in the same process: what stays open has no close-on-exec, all else is closed already. */
static int shim_reopen(struct shim *s, const char *file, struct err *err)
{
    _cleanup_(restoring_fini) struct restoring before = {0};
    int64_t fd;
    if (parse_i64(file, 3, INT32_MAX, &fd) < 0)
        return err_set(err, -EINVAL, "berth-shim: \"%s\" is no descriptor", file);
    int r = restoring_read((int)fd, &before, err);
    if (r < 0)
        return r;
    restoring_close_others(&before, (const int[]){FD_RUNDIR, FD_MEMFD}, 2);
    sys_cloexec_all();
    s->listener = restore_fd(before.doc, "listener");
    r = open_common(s, &before, err);
    return r < 0 ? r : shim_resume(s, &before, err);
}

static void shim_close(struct shim *s)
{
    check_free_all(s);
    execs_free(s);
    if (s->init)
        task_free(s->init);
    if (s->log)
        logger_free(s->log);
    oom_free(s->oom);
    conns_free(s);
    if (s->plan)
        plan_free(s->plan);
    close_fd(early_root_take(s, NULL));
    upgrade_stop(s);
    reexec_close(s);
    err_fini(&s->failure);
    free(s->log_choice.words);
    json_decref(s->log_note);
    free(s->exit.error);
    if (s->listener_io)
        loop_io_del(s->listener_io);
    if (s->signals_io)
        loop_io_del(s->signals_io);
    if (s->loop)
        loop_free(s->loop);
}

int main(int argc, char **argv)
{
    _cleanup_(err_fini) struct err why = {0};
    struct shim s = {.rundir = FD_RUNDIR,
                     .memfd = FD_MEMFD,
                     .listener = -1,
                     .signals = -1,
                     .reexec_wake = -1,
                     .pidns = -1,
                     .root = -1,
                     .image = -1,
                     .ns = {-1, -1, -1},
                     .early = {.tree = -1}};
    prctl(PR_SET_NAME, "berth-shim"); /* the kernel would name it after the descriptor */
    mallopt(M_ARENA_MAX, 1);          /* the driver's thread needs no heap of its own: 50 KB */
    log_setup_inherited("berth-shim");
    umask(022); /* the log driver's files; our own name their mode */
    if (argc == 3 && str_eq(argv[1], "--probe"))
        return upgrade_probe(argv[2]);
    int r = argc == 2 && argv[1][0] == '-'
                ? spare_wait(argv[1], FD_CONTROL, FD_RUNDIR, FD_MEMFD, &s.early.rootfs, &why)
                : 1;
    if (r == 0)
        return 0;
    if (r > 0)
        r = check_start(argc, argv, &why);
    if (r == 0) {
        s.id = argv[1];
        r = argc == 3 ? shim_reopen(&s, argv[2], &why) : shim_open(&s, &why);
    }
    if (r < 0)
        log_error("%s", err_msg(&why));
    else
        r = loop_run(s.loop);
    shim_close(&s);
    return r < 0 ? 1 : 0;
}
