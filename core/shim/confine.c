/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Confinement: limits, identity, capabilities, seccomp
 *
 * The order matters. Capabilities leave the bounding set and the user changes while the child still may; the seccomp
 * filter comes last, or, without no_new_privs, as the last thing before CAP_SYS_ADMIN goes.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shim/child.h"

#define CAP_LAST 63

void child_reset(struct child *c)
{
    /* All zero is SIG_DFL in the kernel's form. Not by sigaction(), which hides libc's own two signals: whoever started the
     * daemon may have left them ignored. */
    static const uint64_t dfl[8];
    for (int sig = 1; sig < _NSIG; sig++)
        if (sig != SIGKILL && sig != SIGSTOP)
            syscall(SYS_rt_sigaction, sig, dfl, NULL, _NSIG / 8);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    struct sched_param plain = {0};
    if (sched_setscheduler(0, SCHED_OTHER, &plain) < 0)
        c->shared->warnings |= WARN_SCHED;
    prctl(PR_SET_DUMPABLE, 0);
    /* A session keyring of its own; kernels without keys, and sandboxes that forbid them, do without. */
    syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL, 0, 0, 0);
}

static void write_oom_score(struct child *c)
{
    char text[8];
    int v = c->process->oom_score_adj, n = 0;
    char digits[8];
    size_t at = 0;
    if (v < 0)
        text[at++] = '-';
    for (unsigned u = (unsigned)(v < 0 ? -v : v); u || n == 0; u /= 10)
        digits[n++] = (char)('0' + u % 10);
    while (n)
        text[at++] = digits[--n];
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    ssize_t done = fd < 0 ? -1 : write(fd, text, at);
    int e = errno;
    if (fd >= 0)
        close(fd);
    if (done >= 0)
        return;
    /* Lowering it needs CAP_SYS_RESOURCE, which a daemon in a sandbox may not have; the container runs without. */
    if (e != EACCES && e != EPERM && e != EROFS)
        child_fail(c, STAGE_OOM_SCORE, e, "");
    c->shared->warnings |= WARN_OOM_SCORE;
}

static void set_rlimit(struct child *c, const struct rlimit_op *op)
{
    struct rlimit now, want = op->value;
    if (setrlimit(op->resource, &want) == 0)
        return;
    int e = errno;
    if (e != EPERM || !op->by_default || getrlimit(op->resource, &now) < 0)
        child_fail(c, STAGE_RLIMIT, e, op->name);
    if (want.rlim_max > now.rlim_max)
        want.rlim_max = now.rlim_max;
    if (want.rlim_cur > want.rlim_max)
        want.rlim_cur = want.rlim_max;
    if (setrlimit(op->resource, &want) < 0)
        child_fail(c, STAGE_RLIMIT, errno, op->name);
    c->shared->warnings |= WARN_RLIMIT;
}

/* While the host's /proc can still be seen. */
void child_limits(struct child *c)
{
    if (c->process->has_oom_score)
        write_oom_score(c);
    for (size_t i = 0; i < c->process->nrlimits; i++)
        set_rlimit(c, &c->process->rlimits[i]);
    c->attr = -1;
    if (!c->process->apparmor)
        return;
    c->attr = open("/proc/self/attr/apparmor/exec", O_WRONLY | O_CLOEXEC);
    if (c->attr < 0)
        c->attr = open("/proc/self/attr/exec", O_WRONLY | O_CLOEXEC);
    if (c->attr < 0)
        child_fail(c, STAGE_APPARMOR, errno, c->process->apparmor);
}

void child_chdir(struct child *c)
{
    const char *cwd = c->process->cwd;
    int r = chdir(cwd) < 0 ? -errno : 0;
    if (r == -ENOENT && !c->is_exec) {
        umask(022);
        r = child_mkdirs(c, cwd, 0755);
        umask(0);
        if (r == 0)
            r = chdir(cwd) < 0 ? -errno : 0;
    }
    /* A directory that root may not enter (a share that squashes root) may be open to the user. */
    c->chdir_again = r == -EACCES || r == -EPERM;
    if (r < 0 && !c->chdir_again)
        child_fail(c, STAGE_CWD, -r, cwd);
    char where[PATH_MAX];
    if (getcwd(where, sizeof(where)) == NULL || where[0] != '/')
        child_fail(c, STAGE_CWD_OUTSIDE, EPERM, cwd);
}

static int caps_set(uint64_t effective, uint64_t permitted, uint64_t inheritable)
{
    struct __user_cap_header_struct h = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct d[2] = {
        {(uint32_t)effective, (uint32_t)permitted, (uint32_t)inheritable},
        {(uint32_t)(effective >> 32), (uint32_t)(permitted >> 32), (uint32_t)(inheritable >> 32)}};
    return syscall(SYS_capset, &h, d) < 0 ? -errno : 0;
}

static void drop_bounding(struct child *c)
{
    for (int cap = 0; cap <= CAP_LAST; cap++) {
        if (c->process->caps[CAPS_BOUNDING] >> cap & 1)
            continue;
        if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0) {
            if (errno == EINVAL) /* the kernel knows no capability of that number */
                return;
            child_fail(c, STAGE_CAPS, errno, "bounding set");
        }
    }
}

/* The program's own user may reopen /dev/stdout; /dev/null stays root's. */
static void own_stdio(struct child *c)
{
    for (int fd = 0; fd < 3; fd++) {
        struct stat st;
        if (fstat(fd, &st) < 0)
            child_fail(c, STAGE_STDIO, errno, "");
        if (st.st_uid == c->shared->who.uid || (S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3)))
            continue;
        if (fchown(fd, c->shared->who.uid, st.st_gid) < 0 && errno != EINVAL && errno != EPERM &&
            errno != EROFS)
            child_fail(c, STAGE_STDIO, errno, "");
    }
}

/* glibc's wrappers would signal the threads that the copy believes to have: the system calls themselves. */
static void change_user(struct child *c)
{
    const struct identity *who = &c->shared->who;
    if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0 ||
        syscall(SYS_setgroups, (size_t)who->ngroups, who->groups) < 0 ||
        syscall(SYS_setresgid, who->gid, who->gid, who->gid) < 0 ||
        syscall(SYS_setresuid, who->uid, who->uid, who->uid) < 0 ||
        prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) < 0)
        child_fail(c, STAGE_USER, errno, c->process->user);
}

void child_become(struct child *c)
{
    own_stdio(c);
    drop_bounding(c);
    change_user(c);
    prctl(PR_SET_DUMPABLE, 0);
    umask(c->process->umask);
    if (c->chdir_again && chdir(c->process->cwd) < 0)
        child_fail(c, STAGE_CWD, errno, c->process->cwd);
}

static void load_seccomp(struct child *c)
{
    if (!c->process->seccomp)
        return;
    struct sock_fprog prog = {.len = (unsigned short)c->plan->nseccomp, .filter = c->plan->seccomp};
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog) < 0)
        child_fail(c, STAGE_SECCOMP, errno, "");
}

static void final_caps(struct child *c)
{
    const uint64_t *caps = c->process->caps;
    int r = caps_set(caps[CAPS_EFFECTIVE] & caps[CAPS_PERMITTED], caps[CAPS_PERMITTED],
                     caps[CAPS_INHERITABLE]);
    if (r < 0)
        child_fail(c, STAGE_CAPS, -r, "effective, permitted and inheritable set");
    for (int cap = 0; cap <= CAP_LAST; cap++)
        if (caps[CAPS_AMBIENT] >> cap & 1 &&
            prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0) < 0)
            child_fail(c, STAGE_CAPS, errno, "ambient set");
}

static void confine_by_apparmor(struct child *c)
{
    if (c->attr < 0)
        return;
    char text[PATH_MAX] = "exec ";
    size_t n = strlen(c->process->apparmor);
    if (n + 6 > sizeof(text))
        child_fail(c, STAGE_APPARMOR, ENAMETOOLONG, c->process->apparmor);
    memcpy(text + 5, c->process->apparmor, n);
    if (write(c->attr, text, n + 5) < 0)
        child_fail(c, STAGE_APPARMOR, errno, c->process->apparmor);
}

void child_seal(struct child *c)
{
    const struct process *p = c->process;
    confine_by_apparmor(c);
    if (p->no_new_privileges) {
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
            child_fail(c, STAGE_CAPS, errno, "no_new_privs");
        final_caps(c);
        load_seccomp(c);
        return;
    }
    if (p->seccomp) {
        /* The filter needs CAP_SYS_ADMIN, which the change of user put out of effect. */
        int r = caps_set(c->caps_have, c->caps_have, 0);
        if (r < 0)
            child_fail(c, STAGE_CAPS, -r, "for seccomp");
        load_seccomp(c);
    }
    final_caps(c);
}
