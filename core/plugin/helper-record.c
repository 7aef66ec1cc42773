/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file that a helper is found again by
 *
 * A process is the same when pid, start time (field 22 of /proc/PID/stat) and boot id are. The start time is read
 * again after pidfd_open(), so that a pid that was given away in between is not taken for it.
 */
#include "plugin/helper-record.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/syscall.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/str.h"

static int boot_id(char **out)
{
    int r = fs_read(AT_FDCWD, "/proc/sys/kernel/random/boot_id", 64, out, NULL);
    if (r == 0)
        str_trim(*out);
    return r;
}

/* Field 22; the command in field 2 may hold anything, so counting starts behind its last parenthesis. */
static int start_time(pid_t pid, uint64_t *out)
{
    _cleanup_(freep) char *path = str_printf("/proc/%d/stat", pid), *text = NULL;
    _cleanup_(strv_fini) struct strv fields = {0};
    int r = fs_read(AT_FDCWD, path, 4096, &text, NULL);
    if (r < 0)
        return r;
    const char *rest = strrchr(text, ')');
    strv_split(&fields, rest ? rest + 1 : "", " \n");
    if (fields.n < 20 || *fields.v[0] == 'Z')
        return -ESRCH;
    return parse_u64(fields.v[19], UINT64_MAX, out);
}

static char *record_path(const char *dir, const char *key)
{
    return str_printf("%s/%s", dir, key);
}

int helper_record_write(const char *dir, const char *key, pid_t pid, struct err *err)
{
    _cleanup_(freep) char *path = record_path(dir, key), *boot = NULL, *text = NULL;
    json_auto_t *record = json_object();
    uint64_t start;
    int r = boot_id(&boot);
    if (r == 0)
        r = start_time(pid, &start);
    if (r == -ESRCH || r == -ENOENT) /* gone already: the watch will say so */
        start = 0;
    else if (r < 0)
        return err_errno(err, r, "helper %s", key);
    json_put_int(record, "pid", pid);
    json_put_int(record, "start", (int64_t)start);
    json_put_str(record, "boot_id", boot);
    text = json_text(record);
    r = fs_write_atomic(AT_FDCWD, path, text, strlen(text), 0600, false);
    return r < 0 ? err_errno(err, r, "%s", path) : 0;
}

void helper_record_remove(const char *dir, const char *key)
{
    _cleanup_(freep) char *path = record_path(dir, key);
    unlink(path);
}

static int read_record(const char *dir, const char *key, json_t **out, struct err *err)
{
    _cleanup_(freep) char *path = record_path(dir, key), *text = NULL;
    size_t n;
    int r = fs_read(AT_FDCWD, path, 4096, &text, &n);
    if (r == -ENOENT || r == -ENOTDIR)
        return 0;
    if (r < 0)
        return err_errno(err, r, "%s", path);
    r = json_parse(text, n, out, err);
    return r < 0 ? err_wrap(err, "%s", path) : 1;
}

int helper_record_open(const char *dir, const char *key, int *pidfd, struct err *err)
{
    json_auto_t *record = NULL;
    _cleanup_(freep) char *boot = NULL;
    int r = read_record(dir, key, &record, err);
    if (r <= 0)
        return r;
    r = boot_id(&boot);
    if (r < 0)
        return err_errno(err, r, "helper %s", key);
    if (!str_eq(boot, json_str(record, "boot_id", "")))
        return 0;
    int64_t pid = json_int(record, "pid", 0);
    uint64_t start = 0;
    if (pid <= 0 || pid > INT32_MAX)
        return -ESRCH;
    _cleanup_(closep) int fd = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);
    if (fd < 0 && errno != ESRCH)
        return err_errno(err, -errno, "helper %s", key);
    if (fd < 0 || start_time((pid_t)pid, &start) < 0 ||
        (int64_t)start != json_int(record, "start", -1))
        return -ESRCH;
    *pidfd = steal_fd(&fd);
    return 1;
}
