/* SPDX-License-Identifier: Apache-2.0 */
/* The child's main: the order of the steps, and how it speaks with the shim. */
#include "shim/child.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/str.h"
#include "shim/sys.h"

#define KEEP_MAX 128

static void copy_text(char *to, size_t n, const char *from)
{
    size_t len = strlen(from);
    if (len >= n)
        len = n - 1;
    memcpy(to, from, len);
    to[len] = '\0';
}

void child_fail_detail(struct child *c, enum stage stage, int errnum, const char *path,
                       const char *detail)
{
    c->shared->errnum = errnum;
    copy_text(c->shared->path, sizeof(c->shared->path), path);
    copy_text(c->shared->detail, sizeof(c->shared->detail), detail);
    c->shared->stage = stage;
    _exit(127);
}

void child_fail(struct child *c, enum stage stage, int errnum, const char *path)
{
    child_fail_detail(c, stage, errnum, path, "");
}

void child_tell(struct child *c, enum sync_byte what, int fd)
{
    char byte = (char)what;
    union {
        struct cmsghdr align;
        char space[CMSG_SPACE(sizeof(int))];
    } u = {0};
    struct iovec iov = {.iov_base = &byte, .iov_len = 1};
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
    if (fd >= 0) {
        m.msg_control = u.space;
        m.msg_controllen = sizeof(u.space);
        struct cmsghdr *h = CMSG_FIRSTHDR(&m);
        h->cmsg_level = SOL_SOCKET;
        h->cmsg_type = SCM_RIGHTS;
        h->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(h), &fd, sizeof(int));
    }
    if (sendmsg(c->sync, &m, MSG_NOSIGNAL) < 0)
        _exit(127);
}

void child_await(struct child *c, enum sync_byte what)
{
    char byte = 0;
    ssize_t n;
    do
        n = recv(c->sync, &byte, 1, 0);
    while (n < 0 && errno == EINTR);
    if (n != 1 || byte != (char)what)
        _exit(127); /* the shim is gone, or wants no more of this */
}

static void keep_listed(struct child *c)
{
    int keep[KEEP_MAX];
    size_t n = 0;
    keep[n++] = c->sync;
    keep[n++] = c->netns;
    keep[n++] = c->pidfd;
    if (!c->is_exec)
        keep[n++] = c->plan->root.tree;
    for (size_t i = 0; i < 3; i++)
        keep[n++] = c->stdio[i];
    for (size_t i = 0; i < c->njoin && n < KEEP_MAX; i++)
        keep[n++] = c->join[i];
    sys_close_others(keep, n);
}

static void join_cgroups(struct child *c)
{
    for (size_t i = 0; i < c->njoin; i++) {
        if (write(c->join[i], "0", 1) < 0)
            child_fail(c, STAGE_CGROUP, errno,
                       c->plan->cgroup_path ? c->plan->cgroup_path : c->plan->cgroup_join[i]);
        close_fd(c->join[i]);
    }
}

/* Descriptors 0 to 2. The sources may sit on each other's numbers: they were made above them. */
static void set_stdio(struct child *c)
{
    for (int i = 0; i < 3; i++)
        if (c->stdio[i] >= 0 && dup2(c->stdio[i], i) < 0)
            child_fail(c, STAGE_STDIO, errno, "");
}

/* A standard input that is nobody's is the container's own /dev/null: the host's must not be in its hands. */
static void reopen_null(struct child *c)
{
    struct stat st;
    if (c->process->tty || c->process->stdin_open)
        return;
    _cleanup_(closep) int fd = fs_open_in_root(c->root, "/dev/null", O_RDONLY | O_NOCTTY, 0);
    if (fd >= 0 && fstat(fd, &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3))
        dup2(fd, STDIN_FILENO);
}

static void set_names(struct child *c)
{
    const struct plan *p = c->plan;
    if (p->ns[NS_UTS] != NS_NEW)
        return;
    if (!str_empty(p->hostname) && sethostname(p->hostname, strlen(p->hostname)) < 0)
        child_fail(c, STAGE_HOSTNAME, errno, p->hostname);
    if (!str_empty(p->domainname) && setdomainname(p->domainname, strlen(p->domainname)) < 0)
        child_fail(c, STAGE_HOSTNAME, errno, p->domainname);
}

static void enter_new_namespaces(struct child *c)
{
    if (c->plan->ns[NS_CGROUP] == NS_NEW && unshare(CLONE_NEWCGROUP) < 0)
        child_fail(c, STAGE_CGROUP_NS, errno, "");
    if (c->netns >= 0 && setns(c->netns, CLONE_NEWNET) < 0)
        child_fail(c, STAGE_NETNS, errno, "");
    close_fd(c->netns);
    set_names(c);
}

static void build_tree(struct child *c)
{
    umask(0);
    child_clone_binds(c);
    child_mount_root(c);
    child_mount_all(c);
    child_make_devices(c);
    child_open_console(c);
    reopen_null(c);
    child_write_sysctls(c);
    child_restrict_paths(c);
    child_pivot(c);
}

static void run_init(struct child *c)
{
    enter_new_namespaces(c);
    child_limits(c);
    build_tree(c);
    child_tell(c, SYNC_ROOT, -1);
    child_await(c, SYNC_IDENTITY);
    child_chdir(c);
    child_tell(c, SYNC_PREPARED, -1);
    child_await(c, SYNC_GO);
}

static void run_exec(struct child *c)
{
    child_limits(c);
    if (setns(c->pidfd, c->ns_flags) < 0)
        child_fail(c, STAGE_SETNS, errno, "");
    close_fd(c->pidfd);
    c->root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    child_open_console(c);
    reopen_null(c);
    child_chdir(c);
}

void child_run(struct child *c)
{
    char file[PATH_MAX + 256];
    keep_listed(c);
    setsid();
    child_reset(c);
    set_stdio(c);
    join_cgroups(c);
    if (c->is_exec)
        run_exec(c);
    else
        run_init(c);
    child_become(c);
    const char *program = child_find_program(c, file, sizeof(file));
    child_seal(c);
    child_exec(c, program);
}
