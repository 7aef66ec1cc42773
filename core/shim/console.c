/* SPDX-License-Identifier: Apache-2.0 */
/* The console: a pty of the container's own devpts, whose master goes to the shim. */
#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/fs.h"
#include "shim/child.h"

static int open_slave(struct child *c, int master)
{
    int unlock = 0;
    if (ioctl(master, TIOCSPTLCK, &unlock) < 0)
        child_fail(c, STAGE_CONSOLE, errno, "/dev/pts/ptmx");
    int slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (slave < 0)
        child_fail(c, STAGE_CONSOLE, errno, "/dev/pts");
    const struct process *p = c->process;
    struct winsize size = {.ws_row = p->rows, .ws_col = p->cols};
    if (p->rows && p->cols)
        ioctl(slave, TIOCSWINSZ, &size);
    return slave;
}

/* Init's terminal is also /dev/console. */
static void bind_console(struct child *c, int slave)
{
    _cleanup_(closep) int target = child_target(c, "/dev/console", false, STAGE_CONSOLE);
    _cleanup_(closep) int tree =
        open_tree(slave, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
    if (tree < 0 ||
        move_mount(tree, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
        child_fail(c, STAGE_CONSOLE, errno, "/dev/console");
}

void child_open_console(struct child *c)
{
    if (!c->process->tty)
        return;
    _cleanup_(closep) int master =
        fs_open_in_root(c->root, "/dev/pts/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK, 0);
    if (master < 0)
        child_fail(c, STAGE_CONSOLE, -master, "/dev/pts/ptmx");
    _cleanup_(closep) int slave = open_slave(c, master);
    if (!c->is_exec)
        bind_console(c, slave);
    if (ioctl(slave, TIOCSCTTY, 0) < 0)
        child_fail(c, STAGE_CONSOLE, errno, "/dev/pts");
    for (int fd = 0; fd < 3; fd++)
        if (dup2(slave, fd) < 0)
            child_fail(c, STAGE_CONSOLE, errno, "/dev/pts");
    child_tell(c, SYNC_CONSOLE, master);
}
