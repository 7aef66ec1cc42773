/* SPDX-License-Identifier: Apache-2.0 */
/* The container's root: mounted on the run directory, inside the container's own mount namespace, then made /. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shim/child.h"
#include "shim/sys.h"

static int attach_root(struct child *c, int tree)
{
    unsigned flags = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH;
    if (move_mount(tree, "", c->rundir, "", flags) < 0)
        child_fail(c, STAGE_ROOT, errno, c->plan->root.source);
    return tree;
}

static int bind_root(struct child *c, const struct mount_op *op)
{
    int tree = open_tree(AT_FDCWD, op->source, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
    if (tree < 0)
        child_fail(c, STAGE_ROOT_SOURCE, errno, op->source);
    return attach_root(c, tree);
}

static int mount_root(struct child *c, const struct mount_op *op)
{
    char why[sizeof(c->shared->detail)] = "";
    const struct fscontext fs = mount_op_fs(op);
    int tree = fscontext_mount(&fs, why, sizeof(why));
    if (tree >= 0)
        return attach_root(c, tree);
    if (tree == -ENOSYS)
        tree = fscontext_mount_legacy(&fs, c->rundir);
    if (tree < 0)
        child_fail_detail(c, STAGE_ROOT, -tree, op->source, why);
    return tree;
}

void child_mount_root(struct child *c)
{
    const struct mount_op *op = &c->plan->root;
    /* The shim's own descriptor names the directory in the host's mount namespace; the working directory came along
     * into this one. */
    c->rundir = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (c->rundir < 0)
        child_fail(c, STAGE_ROOT, errno, ".");
    /* First of all: nothing that is mounted from here on may reach the host. */
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        child_fail(c, STAGE_PRIVATE, errno, "/");
    if (op->tree >= 0)
        c->root = attach_root(c, op->tree); /* early.c has mounted it */
    else
        c->root = op->fstype ? mount_root(c, op) : bind_root(c, op);
    close_fd(steal_fd(&c->rundir));
}

/* A daemon that was started in a chroot has its namespace's true root above its own: pivot_root would leave it there, for exec
 * to land in and for ".." to climb to. Entering one's own mount namespace once more makes its true root ours. */
static int leave_chroot(void)
{
    int ns = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
    if (ns < 0)
        return -1;
    int r = setns(ns, CLONE_NEWNS);
    close_fd(ns);
    return r;
}

void child_pivot(struct child *c)
{
    /* pivot_root(".", ".") puts the old root on top of the new one; detaching it leaves the new root alone. */
    if (leave_chroot() < 0 || fchdir(c->root) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 ||
        umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
        child_fail(c, STAGE_PIVOT, errno, c->plan->root.source);
    unsigned long propagation = c->plan->root_propagation;
    if (propagation != (MS_PRIVATE | MS_REC) && mount(NULL, "/", NULL, propagation, NULL) < 0)
        child_fail(c, STAGE_MOUNT_FLAGS, errno, "/");
}
