/* SPDX-License-Identifier: Apache-2.0 */
/* Task: clone, hand-shake, exit. */
#include "shim/task.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "base/str.h"
#include "shim/check-group.h"
#include "shim/shim.h"
#include "shim/sys.h"

#define JOIN_MAX 64
/* The kernel's, of the flags in /proc/PID/stat. */
#define PF_EXITING 0x4
/* Where the child's descriptors are moved, so that dup2 onto 0 … 2 meets none of them. */
#define FD_ABOVE 10

struct task *task_new(struct shim *s, struct process *process, bool is_exec)
{
    struct task *t = xcalloc(1, sizeof(*t));
    *t = (struct task){.shim = s, .process = process, .pidfd = -1, .sync = -1};
    t->io.in = t->io.out[0] = t->io.out[1] = -1;
    t->shared = s->spare_shared;
    s->spare_shared = NULL;
    if (t->shared)
        return t;
    t->shared =
        mmap(NULL, sizeof(*t->shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (t->shared == MAP_FAILED)
        t->shared = NULL;
    return t;
}

static void sync_close(struct task *t)
{
    if (t->sync_io)
        loop_io_del(t->sync_io);
    t->sync_io = NULL;
    close_fd(steal_fd(&t->sync));
}

/* The child does not see it any more. That of a health check is kept for the next one. */
static void shared_free(struct task *t)
{
    struct shared *sh = steal_ptr(&t->shared);
    if (sh && t->quiet && !t->shim->spare_shared) {
        memset(sh, 0, sizeof(*sh));
        t->shim->spare_shared = sh;
    } else if (sh) {
        munmap(sh, sizeof(*sh));
    }
}

void task_free(struct task *t)
{
    sync_close(t);
    shared_free(t);
    stdio_fini(&t->io);
    close_fd(t->pidfd);
    free(t);
}

/* A field of /proc/PID/stat by its number in proc(5), from 3 on; 0 where there is none. */
static uint64_t stat_field(pid_t pid, int number)
{
    _cleanup_(freep) char *path = str_printf("/proc/%d/stat", (int)pid), *text = NULL;
    uint64_t value = 0;
    if (fs_read(AT_FDCWD, path, 4096, &text, NULL) < 0)
        return 0;
    char *p = strrchr(text, ')'); /* the name before it may hold anything */
    for (int field = 2; p && field < number; field++)
        p = strchr(p + 1, ' ');
    if (!p)
        return 0;
    char *end = strchrnul(p + 1, ' ');
    *end = '\0';
    return parse_u64(p + 1, UINT64_MAX, &value) < 0 ? 0 : value;
}

uint64_t task_start_time(pid_t pid)
{
    return stat_field(pid, 22);
}

bool task_is_exiting(const struct task *t)
{
    return !t || t->reaped || (stat_field(t->pid, 9) & PF_EXITING);
}

/* --- hand-shake */

static void fail(struct task *t, struct err *why)
{
    task_kill(t, SIGKILL);
    sync_close(t);
    t->on_failed(t, why);
}

static void say_warnings(const struct task *t)
{
    uint32_t w = t->quiet ? 0 : t->shared->warnings;
    if (w & WARN_RLIMIT)
        log_warn("container %s: a default limit was lowered to what may be set", t->shim->id);
    if (w & WARN_OOM_SCORE)
        log_warn("container %s: oom_score_adj could not be set", t->shim->id);
    if (w & WARN_SCHED)
        log_warn("container %s: the scheduling policy could not be reset", t->shim->id);
}

/* The socket is closed: execve has succeeded, or the child has said why not, or it was killed. */
static void handshake_end(struct task *t)
{
    _cleanup_(err_fini) struct err why = {0};
    sync_close(t);
    say_warnings(t);
    if (t->shared->stage != STAGE_NONE) {
        report_words(t->shared, &why, &t->exit_code_hint);
    } else if (!t->went) {
        t->exit_code_hint = 128;
        err_set(&why, -ECHILD, "the container's first process was killed before it was set up");
    }
    shared_free(t);
    if (why.code) {
        t->on_failed(t, &why);
    } else {
        t->running = true;
        t->on_running(t);
    }
}

static int send_go(struct task *t)
{
    char byte = SYNC_GO;
    return send(t->sync, &byte, 1, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static void give_identity(struct task *t)
{
    _cleanup_(err_fini) struct err why = {0};
    _cleanup_(freep) char *path = str_printf("/proc/%d/root", (int)t->pid);
    t->shim->root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int r = t->shim->root < 0 ? err_errno(&why, -errno, "opening the container's root") : 0;
    if (r == 0)
        r = identity_resolve(t->shim->root, t->process, &t->shared->who, &why);
    char byte = SYNC_IDENTITY;
    if (r == 0 && send(t->sync, &byte, 1, MSG_NOSIGNAL) < 0)
        return;                              /* its end of the socket tells more */
    if (r == 0 && t->may_go && t->may_go(t)) /* it need not wait for us again */
        t->go_sent = send_go(t) == 0;
    if (r < 0) {
        t->exit_code_hint = 126;
        fail(t, &why);
    }
}

/* One message of the child's: its byte, 0 at the end, -1 when there is none yet. */
static int sync_read(struct task *t, int *fd)
{
    char byte = 0;
    union {
        struct cmsghdr align;
        char space[CMSG_SPACE(sizeof(int))];
    } u;
    struct iovec iov = {.iov_base = &byte, .iov_len = 1};
    struct msghdr m = {.msg_iov = &iov,
                       .msg_iovlen = 1,
                       .msg_control = u.space,
                       .msg_controllen = sizeof(u.space)};
    *fd = -1;
    ssize_t n = recvmsg(t->sync, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return -1;
    struct cmsghdr *h = n > 0 ? CMSG_FIRSTHDR(&m) : NULL;
    if (h && h->cmsg_level == SOL_SOCKET && h->cmsg_type == SCM_RIGHTS)
        memcpy(fd, CMSG_DATA(h), sizeof(int));
    return n > 0 ? byte : 0;
}

/* True while there may be more. */
static bool sync_step(struct task *t)
{
    int fd, what = sync_read(t, &fd);
    switch (what) {
    case SYNC_ROOT:
        give_identity(t);
        break;
    case SYNC_CONSOLE:
        if (fd >= 0)
            stdio_console(&t->io, steal_fd(&fd));
        break;
    case SYNC_PREPARED:
        t->ready = true;
        t->on_ready(t);
        break;
    case 0:
        handshake_end(t);
        return false;
    default:
        break;
    }
    close_fd(fd);
    return what > 0 && t->sync >= 0;
}

static void on_sync(void *arg, uint32_t events)
{
    struct task *t = arg;
    if (t->sync >= 0)
        sync_step(t);
}

int task_go(struct task *t)
{
    t->went = true;
    return t->go_sent ? 0 : send_go(t);
}

/* --- launch */

static int move_above(int fd)
{
    if (fd < 0 || fd >= FD_ABOVE)
        return fd;
    int up = fcntl(fd, F_DUPFD_CLOEXEC, FD_ABOVE);
    close_fd(fd);
    return up;
}

static int open_join(const char *path, int *join, size_t *n, struct err *err)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return err_errno(err, -errno, "opening %s", path);
    join[(*n)++] = fd;
    return 0;
}

static int open_joins(const struct plan *p, int *join, size_t *n, struct err *err)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < p->ncgroup_join && i < JOIN_MAX; i++)
        r = open_join(p->cgroup_join[i], join, n, err);
    return r;
}

static void close_fds(int *fds, size_t n)
{
    for (size_t i = 0; i < n; i++)
        close_fd(fds[i]);
}

static uint64_t namespace_flags(const struct plan *p)
{
    static const uint64_t flags[NS_N] = {CLONE_NEWNS,  CLONE_NEWPID, CLONE_NEWUTS,
                                         CLONE_NEWIPC, CLONE_NEWNET, 0};
    uint64_t all = 0;
    for (int i = 0; i < NS_N; i++)
        all |= p->ns[i] == NS_NEW ? flags[i] : 0;
    return all;
}

/* What an exec joins: all that is the container's own. */
static int exec_flags(const struct plan *p)
{
    static const int flags[NS_N] = {CLONE_NEWNS,    0, CLONE_NEWUTS, CLONE_NEWIPC, CLONE_NEWNET,
                                    CLONE_NEWCGROUP};
    int all = 0;
    for (int i = 0; i < NS_N; i++)
        all |= p->ns[i] == NS_HOST ? 0 : flags[i];
    return all;
}

static uint64_t own_caps(void)
{
    static uint64_t known;
    if (known)
        return known;
    struct __user_cap_header_struct h = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct d[2] = {0};
    if (syscall(SYS_capget, &h, d) < 0)
        return 0;
    return known = (uint64_t)d[1].permitted << 32 | d[0].permitted;
}

/* A daemon in a sandbox cannot give what it does not have. */
static void limit_caps(const struct task *t, struct process *p, uint64_t have)
{
    uint64_t refused = (p->caps[CAPS_PERMITTED] | p->caps[CAPS_BOUNDING]) & ~have;
    for (int i = 0; i < CAPS_N; i++)
        p->caps[i] &= have;
    if (refused && !t->quiet)
        log_warn("container %s: capabilities %#llx are not ours to give", t->shim->id,
                 (unsigned long long)refused);
}

static _noreturn_ void in_child(struct child *c)
{
    child_run(c);
}

/* The clone itself. A container's init goes into its cgroup with it where the kernel can (version 2). */
static pid_t clone_init(struct task *t, struct child *c, int *join, struct err *err)
{
    const struct plan *p = c->plan;
    const char *group = t->group ? t->group->dir : p->cgroup_path;
    _cleanup_(closep) int opened = -1;
    int cgroup = t->group ? t->group->at : -1;
    if (p->cgroup_path && cgroup < 0) {
        cgroup = opened = open(group, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (cgroup < 0)
            return err_errno(err, -errno, "opening the cgroup %s", group);
    }
    uint64_t flags = c->is_exec ? 0 : namespace_flags(p);
    pid_t pid = sys_clone(flags, cgroup, &t->pidfd);
    if (pid == -EOPNOTSUPP && cgroup >= 0) {
        _cleanup_(freep) char *path = str_printf("%s/cgroup.procs", group);
        int r = open_join(path, join, &c->njoin, err);
        if (r < 0)
            return r;
        pid = sys_clone(flags, -1, &t->pidfd);
    }
    if (pid == 0)
        in_child(c);
    return pid < 0 ? err_errno(err, pid, "making the process and its namespaces") : pid;
}

/* A child of ours in the container's pid namespace: entered for children only, and left again. */
static pid_t clone_exec(struct task *t, struct child *c, int *join, struct err *err)
{
    bool inside = c->plan->ns[NS_PID] == NS_NEW;
    if (inside && setns(c->pidfd, CLONE_NEWPID) < 0)
        return err_set(err, errno == ESRCH ? -ESRCH : -errno, "the container's processes are gone");
    pid_t pid = clone_init(t, c, join, err);
    if (inside && setns(t->shim->pidns, CLONE_NEWPID) < 0)
        log_error("cannot come back to the own pid namespace: errno %d", errno);
    return pid;
}

static int handshake_open(struct task *t, int *child, struct err *err)
{
    int pair[2];
    if (!t->shared)
        return err_set(err, -ENOMEM, "no memory to share with the new process");
    if (t->quiet)
        return 0; /* nobody waits for it: the shared page is looked at when it has ended */
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return err_errno(err, -errno, "making the hand-shake's socket");
    t->sync = pair[0];
    *child = move_above(pair[1]);
    t->sync_io = loop_io_add(t->shim->loop, t->sync, EPOLLIN, on_sync, t);
    return t->sync_io && *child >= 0 ? 0 : err_errno(err, -errno, "watching the hand-shake");
}

int task_launch(struct task *t, const struct task *init, struct err *err)
{
    struct shim *s = t->shim;
    int join[JOIN_MAX + 1];
    bool kept = t->group && t->group->njoin > 0;
    struct child c = {.plan = s->plan,
                      .process = t->process,
                      .shared = t->shared,
                      .is_exec = init != NULL,
                      .sync = -1,
                      .stdio = {-1, -1, -1},
                      .netns = init ? -1 : s->plan->netns_fd,
                      .pidfd = init ? init->pidfd : -1,
                      .ns_flags = exec_flags(s->plan),
                      .join = kept ? t->group->join : join,
                      .njoin = kept ? t->group->njoin : 0,
                      .root = -1,
                      .attr = -1,
                      .caps_have = own_caps()};
    limit_caps(t, t->process, c.caps_have);
    int r = stdio_open(&t->io, t, t->process, c.stdio, err);
    for (int i = 0; i < 3; i++)
        c.stdio[i] = move_above(c.stdio[i]);
    if (r == 0)
        r = handshake_open(t, &c.sync, err);
    if (r == 0 && !t->group) /* a health check's are open already, and stay so */
        r = open_joins(s->plan, join, &c.njoin, err);
    if (r == 0) {
        t->went = init != NULL; /* an exec does not wait */
        t->pid = init ? clone_exec(t, &c, join, err) : clone_init(t, &c, join, err);
        r = t->pid < 0 ? t->pid : 0;
    }
    if (!kept)
        close_fds(join, c.njoin);
    close_fds(c.stdio, 3);
    close_fd(c.sync);
    if (r < 0)
        return r;
    if (t->pidfd < 0)
        t->pidfd = pidfd_open(t->pid, 0);
    if (!t->quiet)
        t->start = task_start_time(t->pid);
    stdio_update(&t->io);
    return 0;
}

/* --- exit */

void task_reaped(struct task *t, int wait_status)
{
    t->reaped = true;
    t->wait_status = wait_status;
    t->exit_ns = time_now_ns();
    /* What the child said before it ended comes first, and the socket's end after it. */
    while (t->sync >= 0 && sync_step(t))
        ;
    if (t->quiet && t->shared)
        handshake_end(t);
    t->on_exit(t);
}

int task_kill(struct task *t, int sig)
{
    if (t->pid <= 0 || t->reaped)
        return -ESRCH;
    if (t->pidfd >= 0 ? pidfd_send_signal(t->pidfd, sig, NULL, 0) < 0 : kill(t->pid, sig) < 0)
        return -errno;
    return 0;
}

int task_exit_code(const struct task *t, int *signal)
{
    *signal = WIFSIGNALED(t->wait_status) ? WTERMSIG(t->wait_status) : 0;
    return *signal ? 128 + *signal : WEXITSTATUS(t->wait_status);
}

/* --- for the next image */

json_t *task_save(const struct task *t, struct saving *v)
{
    json_t *o = json_object();
    json_put_int(o, "pid", t->pid);
    json_put_int(o, "start", (int64_t)t->start);
    save_fd(v, o, "pidfd", t->pidfd);
    json_put_bool(o, "reaped", t->reaped);
    json_put_bool(o, "running", t->running);
    json_put_int(o, "wait_status", t->wait_status);
    json_put_int(o, "exit_ns", t->exit_ns);
    json_put_int(o, "exit_code_hint", t->exit_code_hint);
    json_put_take(o, "io", stdio_save(&t->io, v));
    return o;
}

void task_load(struct task *t, const json_t *o, const struct restoring *r)
{
    shared_free(t);
    t->pid = (pid_t)json_int(o, "pid", 0);
    t->start = (uint64_t)json_int(o, "start", 0);
    t->pidfd = restore_fd(o, "pidfd");
    t->reaped = json_bool(o, "reaped", false);
    t->running = t->ready = t->went = true;
    t->wait_status = (int)json_int(o, "wait_status", 0);
    t->exit_ns = json_int(o, "exit_ns", 0);
    t->exit_code_hint = (int)json_int(o, "exit_code_hint", 0);
    stdio_load(&t->io, t, json_obj(o, "io"), r);
    if (!json_bool(o, "running", false))
        task_kill(t, SIGKILL); /* nobody can take its hand-shake to the end */
}
