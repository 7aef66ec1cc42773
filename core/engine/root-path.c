/* SPDX-License-Identifier: Apache-2.0 */
/* Paths inside a container's root. */
#include "engine/root-path.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/limits.h>
#include <linux/magic.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/str.h"

#define LINKS_MAX 40

static bool ends_inside(const char *path)
{
    size_t n = strlen(path);
    return (n > 0 && path[n - 1] == '/') || str_eq(path, ".") ||
           (n > 1 && path[n - 1] == '.' && path[n - 2] == '/');
}

void root_path_parse(const char *path, struct root_path *out)
{
    _cleanup_(freep) char *rooted = str_printf("/%s", path);
    size_t n = strlen(path);
    out->clean = fs_clean_path(rooted);
    out->inside = ends_inside(path);
    if (n > 0 && path[n - 1] == '.' && out->inside)
        out->name = xstrdup(".");
    else
        out->name = xstrdup(out->clean[1] ? strrchr(out->clean, '/') + 1 : "/");
}

void root_path_fini(struct root_path *p)
{
    free(p->clean);
    free(p->name);
}

int root_path_open(int root, const struct root_path *p)
{
    return fs_open_in_root(root, p->clean, O_PATH | (p->inside ? O_DIRECTORY : O_NOFOLLOW), 0);
}

bool root_path_within(const char *path, const char *dir)
{
    const char *rest = str_eq(dir, "/") ? path : str_after(path, dir);
    return rest && (*rest == '\0' || *rest == '/');
}

/* What a link says, "" for what is none or not there. */
static char *read_link(int root, const char *path)
{
    char to[PATH_MAX];
    _cleanup_(closep) int place = fs_open_in_root(root, path, O_PATH | O_NOFOLLOW, 0);
    ssize_t n = place < 0 ? -1 : readlinkat(place, "", to, sizeof(to));
    return n < 0 ? xstrdup("") : xstrndup(to, (size_t)n);
}

/* The first part of *rest is taken off and put behind `sofar`. */
static char *next_step(const char *sofar, char **rest)
{
    char *at = *rest + strspn(*rest, "/");
    size_t n = strcspn(at, "/");
    _cleanup_(freep) char *joined = str_printf("%s/%.*s", sofar, (int)n, at);
    memmove(*rest, at + n, strlen(at + n) + 1);
    return fs_clean_path(joined);
}

char *root_resolve(int root, const char *path)
{
    char *sofar = xstrdup("/"), *rest = xstrdup(path);
    for (int links = 0; rest[strspn(rest, "/")];) {
        char *step = next_step(sofar, &rest);
        _cleanup_(freep) char *to = read_link(root, step);
        if (*to && links++ < LINKS_MAX) {
            char *longer = str_printf("%s/%s", to, rest);
            free(rest);
            rest = longer;
            free(step);
            step = *to == '/' ? xstrdup("/") : xstrdup(sofar);
        }
        free(sofar);
        sofar = step;
    }
    free(rest);
    return sofar;
}

bool root_is_pseudo(int fd)
{
    static const unsigned long made_up[] = {
        PROC_SUPER_MAGIC,
        SYSFS_MAGIC,
        CGROUP_SUPER_MAGIC,
        CGROUP2_SUPER_MAGIC,
        DEVPTS_SUPER_MAGIC,
        DEBUGFS_MAGIC,
        TRACEFS_MAGIC,
        SECURITYFS_MAGIC,
        BPF_FS_MAGIC,
        PSTOREFS_MAGIC,
        EFIVARFS_MAGIC,
        BINFMTFS_MAGIC,
        0x19800202 /* mqueue */,
        0x62656570 /* configfs */,
        0x65735543 /* fusectl */,
    };
    struct statfs fs;
    if (fstatfs(fd, &fs) < 0)
        return false;
    for (size_t i = 0; i < ARRAY_SIZE(made_up); i++)
        if (((unsigned long)fs.f_type & 0xffffffffu) == made_up[i])
            return true;
    return false;
}

int64_t go_file_mode(mode_t mode)
{
    static const struct {
        mode_t type;
        int64_t bits;
    } types[] = {
        {S_IFDIR, 1LL << 31}, {S_IFLNK, 1LL << 27},  {S_IFBLK, 1LL << 26},
        {S_IFIFO, 1LL << 25}, {S_IFSOCK, 1LL << 24}, {S_IFCHR, 1LL << 26 | 1LL << 21},
    };
    int64_t out = mode & 0777;
    for (size_t i = 0; i < ARRAY_SIZE(types); i++)
        if ((mode & S_IFMT) == types[i].type)
            out |= types[i].bits;
    out |= mode & S_ISUID ? 1LL << 23 : 0;
    out |= mode & S_ISGID ? 1LL << 22 : 0;
    out |= mode & S_ISVTX ? 1LL << 20 : 0;
    return out;
}

json_t *root_path_stat(int root, const struct root_path *p, int place)
{
    struct stat st;
    if (fstat(place, &st) < 0)
        return NULL;
    _cleanup_(freep) char *target = S_ISLNK(st.st_mode) ? root_resolve(root, p->clean) : NULL;
    json_t *o = json_object();
    json_put_str(o, "name", p->name);
    json_put_int(o, "size", st.st_size);
    json_put_int(o, "mode", go_file_mode(st.st_mode));
    json_put_time(o, "mtime", st.st_mtim.tv_sec * NS_PER_SEC + st.st_mtim.tv_nsec);
    json_put_str(o, "linkTarget", target ? target : "");
    return o;
}
