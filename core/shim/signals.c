/* SPDX-License-Identifier: Apache-2.0 */
/* Signals: SIGCHLD as a descriptor, reaping, and kill. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/str.h"
#include "shim/shim.h"

#define PROCS_MAX (16u << 20)

static struct task *task_by_pid(struct shim *s, pid_t pid)
{
    if (s->init && s->init->pid == pid && !s->init->reaped)
        return s->init;
    for (struct exec *x = s->execs; x; x = exec_next(x))
        if (exec_task(x)->pid == pid && !exec_task(x)->reaped)
            return exec_task(x);
    return NULL;
}

void shim_reap(struct shim *s)
{
    int status;
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
        struct task *t = task_by_pid(s, pid);
        if (t)
            task_reaped(t, status);
        else
            upgrade_child_ended(s, pid, status);
    }
}

static void on_child(void *arg, uint32_t events)
{
    struct shim *s = arg;
    struct signalfd_siginfo infos[2];
    while (read(s->signals, infos, sizeof(infos)) == sizeof(infos))
        ;
    shim_reap(s);
}

int shim_signals_open(struct shim *s, struct err *err)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_SETMASK, &set, NULL);
    static const int ignored[] = {SIGPIPE, SIGHUP, SIGINT, SIGTERM};
    for (size_t i = 0; i < ARRAY_SIZE(ignored); i++)
        signal(ignored[i], SIG_IGN);
    s->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (s->signals >= 0)
        s->signals_io = loop_io_add(s->loop, s->signals, EPOLLIN, on_child, s);
    if (!s->signals_io)
        return err_errno(err, -errno, "watching SIGCHLD");
    return 0;
}

/* The file that lists the container's processes, as the host numbers them. NULL: no cgroup of its own. */
static char *procs_path(const struct plan *p)
{
    if (p->cgroup_path)
        return str_printf("%s/cgroup.procs", p->cgroup_path);
    if (p->ncgroup_join == 0)
        return NULL;
    const char *slash = strrchr(p->cgroup_join[0], '/');
    return slash ? str_printf("%.*s/cgroup.procs", (int)(slash - p->cgroup_join[0]),
                              p->cgroup_join[0])
                 : NULL;
}

static int kill_all(struct shim *s, int sig, struct err *err)
{
    /* With a pid namespace init's end is everybody's. */
    if (sig == SIGKILL && s->plan->ns[NS_PID] == NS_NEW)
        return task_kill(s->init, sig);
    _cleanup_(freep) char *path = procs_path(s->plan), *text = NULL;
    if (!path)
        return task_kill(s->init, sig);
    int r = fs_read(AT_FDCWD, path, PROCS_MAX, &text, NULL);
    if (r < 0)
        return err_errno(err, r, "reading %s", path);
    char *rest = text;
    for (char *line; (line = strsep(&rest, "\n")) != NULL;) {
        int64_t pid;
        if (parse_i64(line, 1, INT32_MAX, &pid) == 0)
            kill((pid_t)pid, sig);
    }
    return 0;
}

int shim_kill(struct shim *s, const json_t *msg, struct err *err)
{
    int64_t sig = json_int(msg, "signal", SIGKILL);
    const char *id = json_str(msg, "exec", NULL);
    struct exec *x = id ? exec_find(s, id) : NULL;
    if (sig < 0 || sig >= NSIG)
        return err_set(err, -EINVAL, "%lld is no signal", (long long)sig);
    if (id && !x)
        return err_set(err, -ENOENT, "no such exec: %s", id);
    struct task *t = x ? exec_task(x) : s->init;
    if (!t || t->reaped)
        return err_set(err, -ESRCH, "the process is gone");
    int r =
        !x && json_bool(msg, "all", false) ? kill_all(s, (int)sig, err) : task_kill(t, (int)sig);
    return r == -ESRCH ? err_set(err, r, "the process is gone")
           : r < 0     ? err_errno(err, r, "sending signal %d", (int)sig)
                       : 0;
}
