/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Upgrade: the new image is proven before ours goes
 *
 * It is run as a child, as `berth-shim --probe FD`, where FD is the state file. Only when it comes up (its libraries are
 * there) and can read what it would have to take up does it replace ours; else the answer says why not, and nothing has
 * happened.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "base/str.h"
#include "build-config.h"
#include "shim/conn.h"
#include "shim/fault.h"
#include "shim/shim.h"

#define PROBE_MS 10000
#define PROBE_OK 71 /* no other program says that */

struct probe {
    pid_t pid;
    int image;
    struct loop_timer *timer;
};

static int check_image(int fd, struct err *err)
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

static int spawn(int image, pid_t *pid)
{
    char path[FD_PATH_MAX], number[12];
    char *argv[] = {(char *)"berth-shim", (char *)"--probe", number, NULL};
    posix_spawnattr_t attr;
    posix_spawn_file_actions_t actions;
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    snprintf(number, sizeof(number), "%d", fault_file());
    posix_spawnattr_init(&attr);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setsigmask(&attr, &none);
    posix_spawnattr_setsigdefault(&attr, &all);
    int r = posix_spawn_file_actions_adddup2(&actions, fault_file(), fault_file());
    if (r == 0)
        r = posix_spawn(pid, fs_fd_path(image, path), &actions, &attr, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attr);
    return -r;
}

static void probe_free(struct probe *p)
{
    if (p->timer)
        loop_timer_del(p->timer);
    close_fd(p->image);
    free(p);
}

static void on_late(void *arg)
{
    struct shim *s = arg;
    s->probe->timer = NULL;
    kill(s->probe->pid, SIGKILL);
}

int upgrade_start(struct shim *s, int image, struct err *err)
{
    if (reexec_is_pending(s) || s->probe)
        return err_set(err, -EALREADY, "the shim is being replaced already");
    int r = check_image(image, err);
    if (r < 0)
        return r;
    struct probe *p = xcalloc(1, sizeof(*p));
    *p = (struct probe){.image = fcntl(image, F_DUPFD_CLOEXEC, 3)};
    fault_write_file();
    r = p->image < 0 ? -errno : spawn(p->image, &p->pid);
    if (r < 0) {
        probe_free(p);
        return err_errno(err, r, "upgrade: the new shim cannot be run");
    }
    p->timer = loop_timer_add(s->loop, PROBE_MS, on_late, s);
    s->probe = p;
    return 0;
}

static char *failure(int status)
{
    return WIFSIGNALED(status)
               ? str_printf("it was ended by signal %d", WTERMSIG(status))
               : str_printf("it ended with status %d; its words are in the daemon's log",
                            WEXITSTATUS(status));
}

void upgrade_child_ended(struct shim *s, pid_t pid, int status)
{
    struct probe *p = s->probe;
    if (!p || p->pid != pid)
        return; /* an orphan that the kernel gave to its subreaper */
    s->probe = NULL;
    int image = steal_fd(&p->image);
    probe_free(p);
    bool good = WIFEXITED(status) && WEXITSTATUS(status) == PROBE_OK;
    if (good && s->phase != PHASE_ENDING) {
        if (reexec_is_pending(s))
            close_fd(image); /* for another reason: the image to come answers */
        else
            reexec_ask(s, REEXEC_UPGRADE, image);
        return;
    }
    _cleanup_(err_fini) struct err why = {0};
    _cleanup_(freep) char *words = good ? xstrdup("the container has ended") : failure(status);
    close_fd(image);
    err_set(&why, -ENOEXEC, "the new shim cannot take container %.12s up: %s", s->id, words);
    log_warn("%s", err_msg(&why));
    pending_reply(&s->upgrade, NULL, &why);
}

void upgrade_stop(struct shim *s)
{
    if (s->probe) {
        kill(s->probe->pid, SIGKILL);
        probe_free(steal_ptr(&s->probe));
    }
}

int upgrade_probe(const char *fd_text)
{
    _cleanup_(restoring_fini) struct restoring r = {0};
    _cleanup_(err_fini) struct err why = {0};
    _cleanup_(plan_freep) struct plan *plan = NULL;
    int64_t fd;
    int n = parse_i64(fd_text, 3, INT32_MAX, &fd) < 0
                ? err_set(&why, -EINVAL, "\"%s\" is no descriptor", fd_text)
                : restoring_read((int)fd, &r, &why);
    if (n == 0)
        n = restoring_plan(&r, open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), &plan, &why);
    if (n < 0)
        log_error("berth-shim " BERTH_VERSION " cannot take up what runs: %s", err_msg(&why));
    return n < 0 ? 1 : PROBE_OK;
}
