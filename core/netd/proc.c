/* SPDX-License-Identifier: Apache-2.0 */
/* Processes that are watched. */
#include "netd/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>

#include "base/fs.h"
#include "base/str.h"

int64_t proc_start(pid_t pid)
{
    _cleanup_(freep) char *path = str_printf("/proc/%d/stat", (int)pid);
    _cleanup_(freep) char *text = NULL;
    int r = fs_read(AT_FDCWD, path, 65536, &text, NULL);
    if (r < 0)
        return r == -ENOENT ? -ESRCH : r;
    const char *end = strrchr(text, ')'); /* the name before it may hold anything */
    _cleanup_(strv_fini) struct strv fields = {0};
    strv_split(&fields, end ? end + 1 : "", " \n");
    int64_t start;
    if (fields.n < 20 || parse_i64(fields.v[19], 0, INT64_MAX, &start) < 0)
        return -EPROTO;
    return start;
}

int proc_open(pid_t pid, int64_t start)
{
    _cleanup_(closep) int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (fd < 0)
        return -errno;
    if (start && proc_start(pid) != start)
        return -ESRCH;
    return steal_fd(&fd);
}
