/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Identity of processes
 *
 * A pid alone names nobody: with its start time and the boot id it does. A pidfd is checked after it was opened, so that a
 * pid that was given to another process in between is seen.
 */
#include "runtime/procfs.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/str.h"
#include "build-config.h"

/* Where field 22 begins: the command, field 2, may hold spaces and parentheses, so count from its last ')'. */
static const char *stat_field22(const char *stat)
{
    const char *p = strrchr(stat, ')');
    for (int field = 2; p && field < 22; field++) {
        p = strchr(p, ' ');
        if (p)
            p++;
    }
    return p;
}

int procfs_start_time(pid_t pid, uint64_t *out)
{
    if (pid <= 0)
        return -ESRCH;
    _cleanup_(freep) char *path = str_printf("/proc/%d/stat", (int)pid);
    _cleanup_(freep) char *stat = NULL;
    int r = fs_read(AT_FDCWD, path, 4096, &stat, NULL);
    if (r < 0)
        return r == -ENOENT ? -ESRCH : r;
    const char *p = stat_field22(stat);
    if (!p)
        return -EBADMSG;
    _cleanup_(freep) char *word = xstrndup(p, strcspn(p, " \n"));
    return parse_u64(word, UINT64_MAX, out);
}

static char boot_id[64];

static void read_boot_id(void)
{
#if BERTH_FAILPOINTS /* tests start the machine anew with this */
    const char *given = getenv("BERTH_TEST_BOOT_ID");
    if (!str_empty(given) && strlen(given) < sizeof boot_id) {
        memcpy(boot_id, given, strlen(given) + 1);
        return;
    }
#endif
    _cleanup_(freep) char *text = NULL;
    if (fs_read(AT_FDCWD, "/proc/sys/kernel/random/boot_id", sizeof boot_id - 1, &text, NULL) < 0)
        return;
    const char *trimmed = str_trim(text);
    memcpy(boot_id, trimmed, strlen(trimmed) + 1);
}

const char *procfs_boot_id(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, read_boot_id);
    return boot_id;
}

bool procfs_is(pid_t pid, uint64_t start, const char *boot)
{
    uint64_t now;
    if (boot && !str_eq(boot, procfs_boot_id()))
        return false;
    return procfs_start_time(pid, &now) == 0 && now == start;
}

char procfs_state(pid_t pid)
{
    _cleanup_(freep) char *path = str_printf("/proc/%d/stat", (int)pid);
    _cleanup_(freep) char *stat = NULL;
    if (fs_read(AT_FDCWD, path, 4096, &stat, NULL) < 0)
        return '\0';
    const char *p = strrchr(stat, ')');
    return p && p[1] == ' ' ? p[2] : '\0';
}

char *procfs_waits_in(pid_t pid)
{
    _cleanup_(freep) char *path = str_printf("/proc/%d/wchan", (int)pid);
    _cleanup_(freep) char *wchan = NULL;
    char state = procfs_state(pid);
    if (!state)
        return NULL;
    if (fs_read(AT_FDCWD, path, 256, &wchan, NULL) < 0 || str_empty(wchan) || str_eq(wchan, "0"))
        return str_printf("state %c", state);
    return str_printf("state %c, in %s", state, wchan);
}

int procfs_pidfd(pid_t pid, uint64_t start)
{
    if (pid <= 0)
        return -ESRCH;
    _cleanup_(closep) int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (fd < 0)
        return -errno;
    if (!procfs_is(pid, start, NULL))
        return -ESRCH;
    return steal_fd(&fd);
}

int procfs_pidfd_kill(int pidfd, int signal)
{
    return syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0) < 0 ? -errno : 0;
}
