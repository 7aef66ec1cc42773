/* SPDX-License-Identifier: Apache-2.0 */
/* Files: bounded reads, atomic writes, paths inside a root. */
#include "base/fs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "base/id.h"
#include "base/str.h"

int fs_read_fd(int fd, size_t max, char **out, size_t *n)
{
    struct buf b = {0};
    char chunk[16384];
    for (;;) {
        ssize_t got = read(fd, chunk, sizeof(chunk));
        if (got < 0 && errno == EINTR)
            continue;
        int r = got < 0 ? -errno : b.len + (size_t)got > max ? -EFBIG : 0;
        if (r < 0) {
            buf_fini(&b);
            return r;
        }
        if (got == 0)
            break;
        buf_add(&b, chunk, (size_t)got);
    }
    if (n)
        *n = b.len;
    *out = buf_steal(&b);
    return 0;
}

int fs_read(int dirfd, const char *path, size_t max, char **out, size_t *n)
{
    _cleanup_(closep) int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    return fd < 0 ? -errno : fs_read_fd(fd, max, out, n);
}

int fs_write_all(int fd, const void *data, size_t n)
{
    for (const char *p = data; n > 0;) {
        ssize_t done = write(fd, p, n);
        if (done < 0) {
            if (errno == EINTR)
                continue;
            return -errno;
        }
        p += done;
        n -= (size_t)done;
    }
    return 0;
}

int fs_write(int dirfd, const char *path, const void *data, size_t n, mode_t mode)
{
    _cleanup_(closep) int fd =
        openat(dirfd, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, mode);
    return fd < 0 ? -errno : fs_write_all(fd, data, n);
}

static int sync_parent(int dirfd, const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        return fs_sync_dir(dirfd, ".");
    _cleanup_(freep) char *dir = xstrndup(path, slash == path ? 1 : (size_t)(slash - path));
    return fs_sync_dir(dirfd, dir);
}

#define TMP_HEX 16 /* digits between the name and ".tmp" */

/* Over what is there already. ext4 writes a file to the disk when it is renamed over another one, for the sake of programs that do not
 * sync, and that takes longer than all the rest: who does not ask for the disk has the two names exchanged. */
static int put_in_place(int dirfd, const char *tmp, const char *path, bool sync)
{
    if (!sync && renameat2(dirfd, tmp, dirfd, path, RENAME_EXCHANGE) == 0) {
        unlinkat(dirfd, tmp, 0);
        return 0;
    }
    return renameat(dirfd, tmp, dirfd, path) < 0 ? -errno : 0;
}

int fs_write_atomic(int dirfd, const char *path, const void *data, size_t n, mode_t mode, bool sync)
{
    char suffix[TMP_HEX + 1];
    id_random_hex(suffix, TMP_HEX / 2);
    _cleanup_(freep) char *tmp = str_printf("%s.%s.tmp", path, suffix);
    _cleanup_(closep) int fd = openat(dirfd, tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (fd < 0)
        return -errno;
    int r = fs_write_all(fd, data, n);
    if (r == 0 && sync && fsync(fd) < 0)
        r = -errno;
    if (r == 0)
        r = put_in_place(dirfd, tmp, path, sync);
    if (r < 0) {
        unlinkat(dirfd, tmp, 0);
        return r;
    }
    return sync ? sync_parent(dirfd, path) : 0;
}

static bool is_tmp_of(const char *file, const char *name)
{
    const char *rest = str_after(file, name);
    return rest && *rest == '.' && strspn(rest + 1, "0123456789abcdef") == TMP_HEX &&
           str_eq(rest + 1 + TMP_HEX, ".tmp");
}

void fs_sweep_tmp(int dirfd, const char *name)
{
    int copy = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_(closedirp) DIR *dir = copy < 0 ? NULL : fdopendir(copy);
    if (!dir)
        close_fd(copy);
    struct dirent *d;
    while (dir && (d = readdir(dir)))
        if (is_tmp_of(d->d_name, name))
            unlinkat(dirfd, d->d_name, 0);
}

int fs_open_dir(int dirfd, const char *path)
{
    int fd = openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int fs_sync_dir(int dirfd, const char *path)
{
    _cleanup_(closep) int fd = fs_open_dir(dirfd, path);
    if (fd < 0)
        return fd;
    return fsync(fd) < 0 ? -errno : 0;
}

bool fs_exists(int dirfd, const char *path)
{
    return faccessat(dirfd, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

int fs_mkdir_p(const char *path, mode_t mode)
{
    _cleanup_(freep) char *p = xstrdup(path);
    for (char *s = p + 1; *p; s++) {
        char c = *s;
        if (c != '/' && c != '\0')
            continue;
        *s = '\0';
        struct stat st;
        if (mkdir(p, mode) < 0 && errno != EEXIST)
            return -errno;
        if (c == '\0')
            return stat(p, &st) < 0 ? -errno : S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
        *s = '/';
    }
    return -EINVAL;
}

int fs_open_in_root(int rootfd, const char *path, int flags, mode_t mode)
{
    struct open_how how = {.flags = (uint64_t)(flags | O_CLOEXEC),
                           .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
    if ((flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE)
        how.mode = mode;
    for (int tries = 0;; tries++) {
        int fd = (int)syscall(SYS_openat2, rootfd, path, &how, sizeof(how));
        if (fd >= 0)
            return fd;
        if (errno != EAGAIN || tries > 64) /* EAGAIN: a rename raced the walk */
            return -errno;
    }
}

int fs_mkdir_in_root(int rootfd, const char *path, mode_t mode)
{
    struct strv parts = {0};
    strv_split(&parts, path, "/");
    _cleanup_(freep) char *sofar = xstrdup(".");
    int fd = fs_open_in_root(rootfd, ".", O_PATH | O_DIRECTORY, 0);
    for (size_t i = 0; fd >= 0 && i < parts.n; i++) {
        char *next = str_printf("%s/%s", sofar, parts.v[i]);
        free(sofar);
        sofar = next;
        _cleanup_(closep) int parent = fd;
        fd = fs_open_in_root(rootfd, sofar, O_PATH | O_DIRECTORY, 0);
        if (fd == -ENOENT) {
            if (mkdirat(parent, parts.v[i], mode) < 0 && errno != EEXIST)
                fd = -errno;
            else
                fd = fs_open_in_root(rootfd, sofar, O_PATH | O_DIRECTORY, 0);
        }
    }
    strv_fini(&parts);
    return fd;
}

char *fs_clean_path(const char *path)
{
    bool rooted = *path == '/';
    struct strv in = {0}, out = {0};
    strv_split(&in, path, "/");
    for (size_t i = 0; i < in.n; i++) {
        if (strcmp(in.v[i], ".") == 0)
            continue;
        if (strcmp(in.v[i], "..") != 0)
            strv_add(&out, in.v[i]);
        else if (out.n > 0 && strcmp(out.v[out.n - 1], "..") != 0)
            strv_remove(&out, out.n - 1);
        else if (!rooted)
            strv_add(&out, "..");
    }
    _cleanup_(freep) char *joined = strv_join(&out, "/");
    strv_fini(&in);
    strv_fini(&out);
    if (rooted)
        return str_printf("/%s", joined);
    return *joined ? steal_ptr(&joined) : xstrdup(".");
}

int fs_sealed_memfd(const char *name, const void *data, size_t n, bool exec)
{
    unsigned int flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
    _cleanup_(closep) int fd = -1;
#ifdef MFD_EXEC
    fd = memfd_create(name, flags | (exec ? MFD_EXEC : MFD_NOEXEC_SEAL));
#else
    fd = memfd_create(name, flags | (exec ? 0x10u : 0x8u));
#endif
    if (fd < 0 && errno == EINVAL) /* before Linux 6.3 */
        fd = memfd_create(name, flags);
    if (fd < 0)
        return -errno;
    int r = fs_write_all(fd, data, n);
    if (r < 0)
        return r;
    if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0)
        return -errno;
    return steal_fd(&fd);
}

const char *fs_fd_path(int fd, char buf[FD_PATH_MAX])
{
    char digits[12];
    size_t n = 0, at = strlen("/proc/self/fd/");
    unsigned v = fd < 0 ? 0 : (unsigned)fd;
    do
        digits[n++] = (char)('0' + v % 10);
    while (v /= 10);
    memcpy(buf, "/proc/self/fd/", at);
    while (n)
        buf[at++] = digits[--n];
    buf[at] = '\0';
    return buf;
}
