/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starting a shim, and finding one again
 *
 * berth-shim is copied once into a sealed memfd, so that an upgrade on disk does not change what runs. A shim that runs already is believed
 * only when pid, start time and boot id of its state file hold and the socket's peer is that very process.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "base/str.h"
#include "build-config.h"
#include "runtime/procfs.h"
#include "runtime/shim-client.h"
#include "runtime/shim-internal.h"

#define HELLO_MS       15000
#define SHIM_BYTES_MAX (64u << 20)
/* Above all descriptors that the shim is given: dup2 onto 3, 4 and 5 must not hit one that is still to be copied. */
#define FD_FLOOR 100

enum { FD_CONTROL = 3, FD_RUNDIR = 4, FD_IMAGE = 5 };

int shim_image_open(const char *path, struct err *err)
{
    _cleanup_(freep) char *data = NULL;
    size_t n;
    int r = fs_read(AT_FDCWD, path, SHIM_BYTES_MAX, &data, &n);
    if (r < 0)
        return err_errno(err, r, "reading %s", path);
    int fd = fs_sealed_memfd("berth-shim", data, n, true);
    return fd < 0 ? err_errno(err, fd, "keeping %s in memory", path) : fd;
}

static int move_up(int fd)
{
    int r = fcntl(fd, F_DUPFD_CLOEXEC, FD_FLOOR);
    return r < 0 ? -errno : r;
}

static int spawn_attrs(posix_spawnattr_t *attr)
{
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    int r = posix_spawnattr_setflags(attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    if (r == 0)
        r = posix_spawnattr_setsigmask(attr, &none);
    return r ? r : posix_spawnattr_setsigdefault(attr, &all);
}

static int spawn_fds(posix_spawn_file_actions_t *a, const int fds[3])
{
    int r = posix_spawn_file_actions_addopen(a, 0, "/dev/null", O_RDWR, 0);
    if (r == 0)
        r = posix_spawn_file_actions_adddup2(a, 2, 1);
    for (int i = 0; r == 0 && i < 3; i++)
        r = posix_spawn_file_actions_adddup2(a, fds[i], FD_CONTROL + i);
    return r ? r : posix_spawn_file_actions_addclosefrom_np(a, FD_IMAGE + 1);
}

static int spawn_program(const char *id, const int fds[3], pid_t *pid)
{
    posix_spawnattr_t attr;
    posix_spawn_file_actions_t actions;
    char *argv[] = {(char *)"berth-shim", (char *)id, NULL};
    posix_spawnattr_init(&attr);
    posix_spawn_file_actions_init(&actions);
    int r = spawn_attrs(&attr);
    if (r == 0)
        r = spawn_fds(&actions, fds);
    _cleanup_(strv_fini) struct strv env = {0};
    log_environment(&env);
    if (r == 0)
        r = posix_spawn(pid, "/proc/self/fd/5", &actions, &attr, argv, env.v);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attr);
    return -r;
}

static int start_with(struct shim *s, int image, int control, int rundir)
{
    _cleanup_(closep) int c = move_up(control), d = move_up(rundir), i = move_up(image);
    if (c < 0 || d < 0 || i < 0)
        return c < 0 ? c : d < 0 ? d : i;
    int r = spawn_program(s->id, (const int[3]){c, d, i}, &s->pid);
    if (r < 0)
        return r;
    r = procfs_start_time(s->pid, &s->start);
    s->pidfd = r < 0 ? r : procfs_pidfd(s->pid, s->start);
    return s->pidfd < 0 ? s->pidfd : 0;
}

void shim_process_end(struct shim *s)
{
    if (s->pidfd >= 0)
        (void)procfs_pidfd_kill(s->pidfd, SIGKILL);
    else if (s->pid > 0)
        (void)kill(s->pid, SIGKILL);
    if (s->pid > 0)
        (void)waitpid(s->pid, NULL, 0);
}

int shim_process_start(struct shim *s, int image, int rundir, struct err *err)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return err_errno(err, -errno, "socket for the shim");
    s->sock = pair[0];
    int r = start_with(s, image, pair[1], rundir < 0 ? image : rundir);
    close(pair[1]);
    if (r == 0)
        return 0;
    shim_process_end(s);
    return err_errno(err, r, "starting the shim of container %.12s", s->id);
}

/* A shim of another major does its work and is of no use to this daemon. */
static int check_protocol(const struct shim *s, int64_t protocol, struct err *err)
{
    if (protocol == SHIM_PROTOCOL)
        return 0;
    return err_set(
        err, -EPROTONOSUPPORT,
        "the shim of container %.12s (pid %d) speaks protocol %lld, this daemon speaks %d", s->id,
        (int)s->pid, (long long)protocol, SHIM_PROTOCOL);
}

/* The shim speaks first. */
static int take_hello(struct shim *s, struct err *err)
{
    json_auto_t *hello = NULL;
    int r = frame_recv(&s->reader, s->sock, HELLO_MS, &hello);
    if (r < 0)
        return err_errno(err, r, "the shim of container %.12s (pid %d) does not say hello", s->id,
                         (int)s->pid);
    if (!str_eq(json_str(hello, "type", ""), "hello"))
        return err_set(err, -EPROTO, "the shim of container %.12s says \"%s\" before hello", s->id,
                       json_str(hello, "type", ""));
    r = check_protocol(s, json_int(hello, "protocol", 0), err);
    if (r < 0)
        return r;
    s->minor = (int)json_int(hello, "minor", 0);
    if (!str_eq(json_str(hello, "id", ""), s->id))
        return err_set(err, -EPROTO, "the shim of container %.12s says that it is that of %.12s",
                       s->id, json_str(hello, "id", "?"));
    return 0;
}

static json_t *own_hello(void)
{
    return json_pack("{sssisiss}", "type", "hello", "protocol", SHIM_PROTOCOL, "minor", 0, "build",
                     BERTH_VERSION);
}

/* Takes the shim's hello and hands the connection to the reactor. */
static int open_connection(struct shim *s, struct err *err)
{
    int r = take_hello(s, err);
    if (r < 0)
        return r;
    if (fcntl(s->sock, F_SETFL, O_RDWR | O_NONBLOCK) < 0)
        return err_errno(err, -errno, "the shim's socket");
    r = shim_reactor_add(s->reactor, s, err);
    s->met = r == 0;
    return r;
}

int shim_spawn(struct shim_reactor *r, int image, struct shim_spare *spare, const char *id,
               int rundir, const json_t *rootfs, const struct shim_events *events, void *arg,
               struct shim **out, struct err *err)
{
    _cleanup_(shim_unrefp) struct shim *s = shim_spare_take(spare, id, rundir, rootfs, events, arg);
    if (!s) {
        s = shim_new(r, id, events, arg);
        int n = shim_process_start(s, image, rundir, err);
        if (n < 0)
            return n;
    }
    *out = steal_ptr(&s);
    return 0;
}

/* Nobody waits for the answer to our hello: what a new shim is, we know. */
int shim_meet(struct shim *s, struct err *err)
{
    json_auto_t *hello = own_hello();
    json_put_int(hello, "seq", ++s->seq);
    json_put_int(hello, "fds", 0); /* the next frame has some */
    int r = open_connection(s, err);
    if (r == 0 && (r = frame_send(s->sock, hello, NULL, 0)) < 0)
        err_errno(err, r, "the shim of container %.12s", s->id);
    return r;
}

/* --- a shim that runs already */

static int read_state(struct shim *s, int rundir, struct err *err)
{
    _cleanup_(freep) char *text = NULL;
    size_t n;
    int r = fs_read(rundir, "state", 1 << 20, &text, &n);
    if (r == -ENOENT)
        return err_set(err, -EINVAL, "container %.12s: its shim has left no state", s->id);
    if (r < 0)
        return err_errno(err, r, "container %.12s: reading its shim's state", s->id);
    json_auto_t *state = NULL;
    r = json_parse(text, n, &state, err);
    if (r < 0)
        return err_wrap(err, "container %.12s: its shim's state", s->id);
    s->pid = (pid_t)json_int(state, "shim_pid", 0);
    s->start = (uint64_t)json_int(state, "shim_start", 0);
    if (!str_eq(json_str(state, "id", ""), s->id))
        return err_set(err, -EINVAL, "container %.12s: the state in its run directory is of %.12s",
                       s->id, json_str(state, "id", "?"));
    if (!procfs_is(s->pid, s->start, json_str(state, "boot_id", "")))
        return err_set(err, -ESRCH, "container %.12s: its shim (pid %d) is gone", s->id,
                       (int)s->pid);
    return check_protocol(s, json_int(state, "protocol", SHIM_PROTOCOL), err);
}

static int check_peer(const struct shim *s, struct err *err)
{
    struct ucred peer;
    socklen_t n = sizeof peer;
    if (getsockopt(s->sock, SOL_SOCKET, SO_PEERCRED, &peer, &n) < 0)
        return err_errno(err, -errno, "container %.12s: who listens on its shim's socket", s->id);
    if (peer.pid != s->pid || peer.uid != geteuid())
        return err_set(
            err, -EPERM,
            "container %.12s: its shim is pid %d, but pid %d (uid %u) listens on its socket", s->id,
            (int)s->pid, (int)peer.pid, peer.uid);
    return 0;
}

/* Of a shim whose state file is damaged, or could not be written (the disk was full): the run directory is root's alone, so who listens there is the shim. */
static int ask_peer(struct shim *s, int rundir, struct err *err)
{
    struct ucred peer;
    socklen_t n = sizeof peer;
    s->sock = frame_connect_at(rundir, "sock");
    if (s->sock < 0)
        return err_set(
            err, -ESRCH,
            "container %.12s: its shim's state is damaged or missing, and it does not listen",
            s->id);
    if (getsockopt(s->sock, SOL_SOCKET, SO_PEERCRED, &peer, &n) < 0)
        return err_errno(err, -errno, "container %.12s: who listens on its shim's socket", s->id);
    s->pid = peer.pid;
    return procfs_start_time(s->pid, &s->start) < 0
               ? err_set(err, -ESRCH, "container %.12s: its shim is gone", s->id)
               : 0;
}

int shim_connect(struct shim_reactor *r, const char *id, int rundir,
                 const struct shim_events *events, void *arg, struct shim **out, json_t **status,
                 struct err *err)
{
    _cleanup_(shim_unrefp) struct shim *s = shim_new(r, id, events, arg);
    int n = read_state(s, rundir, err);
    if (n == -EINVAL) {
        log_warn("%s; asking who listens on its socket", err_msg(err));
        err_clear(err);
        n = ask_peer(s, rundir, err);
    }
    if (n < 0)
        return n;
    s->pidfd = procfs_pidfd(s->pid, s->start);
    if (s->pidfd < 0)
        return err_set(err, -ESRCH, "container %.12s: its shim (pid %d) is gone", id, (int)s->pid);
    if (procfs_state(s->pid) == 'T') {
        log_warn("container %.12s: its shim (pid %d) was stopped by somebody; it goes on", id,
                 (int)s->pid);
        shim_wake(s);
    }
    if (s->sock < 0)
        s->sock = frame_connect_at(rundir, "sock");
    if (s->sock < 0)
        return err_errno(err, s->sock, "container %.12s: connecting to its shim", id);
    n = check_peer(s, err);
    if (n == 0)
        n = open_connection(s, err);
    if (n < 0)
        return n;
    n = shim_request(s, own_hello(), &(struct shim_call){.timeout_ms = HELLO_MS}, status, NULL,
                     err);
    if (n < 0) {
        shim_close(s);
        return n;
    }
    *out = steal_ptr(&s);
    return 0;
}
