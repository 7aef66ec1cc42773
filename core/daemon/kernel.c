/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel, before anything is begun
 *
 * A sandbox whose filter is older than this program looks like an older kernel: both are named.
 */
#include "daemon/kernel.h"

#include <errno.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/str.h"

/* Each is called with arguments that cannot succeed. */
static const struct {
    long number;
    const char *name;
} needed[] = {
    {SYS_openat2, "openat2"},
    {SYS_pidfd_open, "pidfd_open"},
    {SYS_open_tree, "open_tree"},
    {SYS_move_mount, "move_mount"},
    {SYS_pidfd_send_signal, "pidfd_send_signal"},
};

int kernel_check(struct err *err)
{
    for (size_t i = 0; i < ARRAY_SIZE(needed); i++) {
        if (syscall(needed[i].number, -1, NULL, -1, NULL, 0) >= 0 || errno != ENOSYS)
            continue;
        struct utsname u = {0};
        uname(&u);
        return err_set(err, -ENOSYS,
                       "there is no %s here (kernel %s): berthd needs Linux 5.10 or newer, and a "
                       "sandbox around it must let this system call through",
                       needed[i].name, u.release);
    }
    return 0;
}
