/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The root of a container that does not run
 *
 * Put together by a thread with a mount namespace of its own, as Docker does it for a copy: the layer, the volumes and binds, and the
 * files that the engine writes for each container; no tmpfs, nothing of the kernel's. The thread leaves everything else behind and
 * ends, and the namespace lives as long as somebody holds its descriptor.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "config/config.h"
#include "engine/root.h"
#include "engine/storage.h"

struct view {
    struct engine *engine;
    const struct state_container *row;
    const char *place; /* a directory that the root is mounted over */
    bool writable;
    bool lacks_target; /* a target is missing that only a writable root can get */
    int fd, held, result;
    struct err *err;
};

static int run_thread(void *(*fn)(void *arg), void *arg)
{
    pthread_t thread;
    int r = pthread_create(&thread, NULL, fn, arg);
    if (r == 0)
        pthread_join(thread, NULL);
    return -r;
}

/* --- the targets */

static int make_target(int root, const char *path, bool directory)
{
    if (directory)
        return fs_mkdir_in_root(root, path, 0755);
    const char *slash = strrchr(path, '/');
    _cleanup_(freep) char *above = xstrndup(path, slash == path ? 1 : (size_t)(slash - path));
    _cleanup_(closep) int dir = fs_mkdir_in_root(root, above, 0755);
    if (dir < 0)
        return dir;
    close_fd(openat(dir, slash + 1, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0755));
    return fs_open_in_root(root, path, O_PATH, 0);
}

/* What cannot be mounted at its start could not either; the copy sees what is below. */
static void graft(struct view *v, const char *source, const char *target, bool recursive, bool rw)
{
    struct stat st;
    char path[FD_PATH_MAX];
    unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (recursive ? AT_RECURSIVE : 0);
    _cleanup_(closep) int tree = open_tree(AT_FDCWD, source, flags);
    if (tree < 0 || fstat(tree, &st) < 0)
        return;
    _cleanup_(closep) int at = fs_open_in_root(v->fd, target, O_PATH, 0);
    if (at == -ENOENT && !v->writable)
        v->lacks_target = true;
    if (at == -ENOENT && v->writable)
        at = make_target(v->fd, target, S_ISDIR(st.st_mode));
    if (at < 0)
        return;
    if (move_mount(tree, "", at, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0 ||
        (!rw &&
         mount(NULL, fs_fd_path(tree, path), NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL) < 0))
        log_debug("container %s: %s cannot be mounted at %s: %m", v->row->id, source, target);
}

static size_t depth(const json_t *m)
{
    size_t n = 0;
    for (const char *p = json_str(m, "Destination", ""); *p; p++)
        n += *p == '/';
    return n;
}

static void graft_mounts(struct view *v)
{
    const json_t *mounts = json_arr(v->row->runtime, "mounts");
    size_t left = json_array_size(mounts);
    for (size_t d = 0; left > 0; d++)
        for (size_t i = 0; i < json_array_size(mounts); i++) {
            const json_t *m = json_array_get(mounts, i);
            if (depth(m) != d)
                continue;
            left--;
            if (!str_eq(json_str(m, "Type", ""), "tmpfs"))
                graft(v, json_str(m, "Source", ""), json_str(m, "Destination", ""),
                      json_bool(m, "Recursive", true), json_bool(m, "RW", true));
        }
}

static void graft_files(struct view *v)
{
    static const char *const names[] = {"resolv.conf", "hostname", "hosts"};
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        _cleanup_(freep) char *source = container_path(v->engine, v->row->id, names[i]);
        _cleanup_(freep) char *target = str_printf("/etc/%s", names[i]);
        graft(v, source, target, false, true);
    }
}

/* --- the namespace */

/* Nothing of the host is left in it; where that does not go it follows the host's unmounts. */
static void leave_host(int root)
{
    if (fchdir(root) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0)
        log_debug("a view of a container's files keeps the host's mounts: %m");
}

static int build(struct view *v)
{
    if (unshare(CLONE_FS | CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
        return err_errno(v->err, -errno, "making a mount namespace");
    v->held = open("/proc/thread-self/ns/mnt", O_RDONLY | O_CLOEXEC);
    _cleanup_(closep) int place = fs_open_dir(AT_FDCWD, v->place);
    if (v->held < 0 || place < 0)
        return err_errno(v->err, -errno, "opening %s", v->place);
    int r =
        storage_attach(v->engine->storage, v->row->layer_id, v->writable, place, &v->fd, v->err);
    if (r < 0)
        return r;
    graft_files(v);
    graft_mounts(v);
    leave_host(v->fd);
    return 0;
}

static void *build_main(void *arg)
{
    struct view *v = arg;
    v->result = build(v);
    return NULL;
}

static int view_make(struct view *v)
{
    v->fd = v->held = -1;
    v->lacks_target = false;
    int r = run_thread(build_main, v);
    r = r < 0 ? err_errno(v->err, r, "making a thread") : v->result;
    if (r == 0 && !v->lacks_target)
        return 0;
    close_fd(v->fd);
    close_fd(v->held);
    return r < 0 ? r : -EAGAIN;
}

int root_view_open(struct engine *e, const struct state_container *row, bool writable, int *fd,
                   int *held, struct err *err)
{
    struct view v = {
        .engine = e, .row = row, .place = e->run_root, .writable = writable, .err = err};
    int r = view_make(&v);
    if (r == -EAGAIN) {
        v.writable = true;
        r = view_make(&v);
    }
    if (r < 0)
        return err_wrap(err, "container %s: putting its files together", row->id);
    *fd = v.fd;
    *held = v.held;
    return 0;
}

/* --- of a running one */

struct clone {
    int pidfd, root, result;
};

static void *clone_main(void *arg)
{
    struct clone *c = arg;
    if (unshare(CLONE_FS) < 0 || setns(c->pidfd, CLONE_NEWNS) < 0) {
        c->result = -errno;
        return NULL;
    }
    int tree = open_tree(c->root, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
    c->result = tree < 0 ? -errno : tree;
    return NULL;
}

int root_mount_clone(int pidfd, int root)
{
    struct clone c = {.pidfd = pidfd, .root = root};
    int r = run_thread(clone_main, &c);
    return r < 0 ? r : c.result;
}
