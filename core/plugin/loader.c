/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loader of drivers
 *
 * dlopen() runs constructors before a descriptor can be looked at, so what stands between a file and the daemon's
 * privileges is who could write it: that is checked on the opened descriptor, and the same descriptor is loaded, through
 * /proc/self/fd. It stays open, one a file: the dynamic linker knows a library by every name that it was asked for, and
 * would take the next file with the same number for it.
 */
#include "plugin/loader.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "plugin/descriptor.h"

void plugin_free(struct plugin *p)
{
    if (!p)
        return;
    strv_fini(&p->aliases);
    pthread_mutex_destroy(&p->serial);
    free(p->path);
    free(p);
}

const char *plugin_api_name(const struct plugin *p)
{
    return p->aliases.n ? p->aliases.v[0] : p->name;
}

bool plugin_has_name(const struct plugin *p, const char *name)
{
    return str_eq(p->name, name) || (name && strv_has(&p->aliases, name));
}

static int check_owner(const struct stat *st, const char *path, struct err *err)
{
    if (st->st_uid != 0 && st->st_uid != geteuid())
        return err_set(err, -EPERM, "%s belongs to uid %u: it must be root's", path, st->st_uid);
    if (st->st_mode & (S_IWGRP | S_IWOTH))
        return err_set(err, -EPERM,
                       "%s can be written by group or others (mode %04o): take that away "
                       "(chmod go-w)",
                       path, st->st_mode & 07777u);
    return 0;
}

/* The directory in which the file that was opened really is, links followed. */
static int check_dir(const char *real, struct err *err)
{
    const char *slash = strrchr(real, '/');
    _cleanup_(freep) char *dir =
        slash > real ? xstrndup(real, (size_t)(slash - real)) : xstrdup("/");
    struct stat st;
    if (stat(dir, &st) < 0)
        return err_errno(err, -errno, "%s", dir);
    return check_owner(&st, dir, err);
}

static int check_file(int fd, const char *path, struct err *err)
{
    struct stat st;
    char magic[4];
    if (fstat(fd, &st) < 0)
        return err_errno(err, -errno, "%s", path);
    if (!S_ISREG(st.st_mode))
        return err_set(err, -EINVAL, "%s is not a regular file", path);
    int r = check_owner(&st, path, err);
    if (r < 0)
        return r;
    if (pread(fd, magic, sizeof(magic), 0) != sizeof(magic) || memcmp(magic, "\177ELF", 4) != 0)
        return err_set(err, -ENOEXEC, "%s is not a shared object (no ELF file)", path);
    return 0;
}

/* Opens and checks; *real is the path without links. */
static int open_checked(const char *path, int *out, char **real, struct err *err)
{
    /* O_NONBLOCK: a FIFO in the directory shall be refused, not waited for. */
    _cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return err_errno(err, -errno, "%s", path);
    int r = check_file(fd, path, err);
    if (r < 0)
        return r;
    _cleanup_(freep) char *link = str_printf("/proc/self/fd/%d", fd);
    _cleanup_(freep) char *resolved = realpath(link, NULL);
    if (!resolved)
        return err_errno(err, -errno, "%s", path);
    r = check_dir(resolved, err);
    if (r < 0)
        return r;
    *real = steal_ptr(&resolved);
    *out = steal_fd(&fd);
    return 0;
}

/* Files that were loaded. Their descriptors stay open, so no other file can get their inode. */
static struct loaded {
    struct loaded *next;
    struct stat st;
    int fd;
} * loaded;
static pthread_mutex_t loaded_lock = PTHREAD_MUTEX_INITIALIZER; /* guards `loaded` */

/* The descriptor that this file was loaded by; `fd` itself, now kept, when it was not. Locked. */
static int canonical_fd(int fd, const struct stat *st)
{
    for (const struct loaded *l = loaded; l; l = l->next)
        if (l->st.st_dev == st->st_dev && l->st.st_ino == st->st_ino)
            return l->fd;
    return fd;
}

static void keep(int fd, const struct stat *st)
{
    struct loaded *l = xmalloc(sizeof(*l));
    *l = (struct loaded){.next = loaded, .st = *st, .fd = fd};
    loaded = l;
}

/* Loads what `fd` (taken over) is open on. */
static int load_fd(int fd, const char *path, void **handle, struct err *err)
{
    _cleanup_(closep) int own = fd;
    struct stat st;
    if (fstat(fd, &st) < 0)
        return err_errno(err, -errno, "%s", path);
    pthread_mutex_lock(&loaded_lock);
    int by = canonical_fd(fd, &st);
    _cleanup_(freep) char *link = str_printf("/proc/self/fd/%d", by);
    *handle = dlopen(link, RTLD_NOW | RTLD_LOCAL);
    int r = *handle ? 0 : err_set(err, -ENOEXEC, "%s cannot be loaded: %s", path, dlerror());
    if (r == 0 && by == fd)
        keep(steal_fd(&own), &st);
    pthread_mutex_unlock(&loaded_lock);
    return r;
}

static int find_descriptor(void *handle, const struct berth_plugin **d, size_t *room,
                           struct err *err)
{
    Dl_info info;
    const ElfW(Sym) *symbol = NULL;
    *d = dlsym(handle, "berth_plugin");
    if (!*d)
        return err_set(
            err, -ENOEXEC,
            "it is no driver of berth: it has no symbol berth_plugin (see BERTH_PLUGIN)");
    if (!dladdr1(*d, &info, (void **)&symbol, RTLD_DL_SYMENT) || !symbol)
        return err_set(err, -ENOEXEC, "its symbol berth_plugin has no size");
    *room = symbol->st_size;
    return 0;
}

int plugin_load_file(const char *path, uint32_t kind, struct plugin **out, struct err *err)
{
    const struct berth_plugin *d;
    _cleanup_(freep) char *real = NULL;
    void *handle = NULL;
    size_t room = 0;
    int fd = -1;
    int r = open_checked(path, &fd, &real, err);
    if (r == 0)
        r = load_fd(fd, path, &handle, err);
    if (r < 0)
        return r;
    r = find_descriptor(handle, &d, &room, err);
    if (r == 0)
        r = descriptor_check(d, room, kind, err);
    if (r < 0)
        return err_wrap(err, "%s", path);
    struct plugin *p = xcalloc(1, sizeof(*p));
    p->desc = d;
    p->name = d->name;
    p->path = steal_ptr(&real);
    strv_split(&p->aliases, d->aliases ? d->aliases : "", " ");
    pthread_mutex_init(&p->serial, NULL);
    *out = p;
    return 0;
}
