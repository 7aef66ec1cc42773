/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Client of berth-netd
 *
 * `lock` guards the idle connections and the flags. One thread keeps a connection of its own open: its end is how a
 * netd's death is noticed.
 */
#include "network/netd-client.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "build-config.h"

#include "base/clock.h"
#include "base/frame.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "base/str.h"
#include "netd/protocol.h"

#define REQUEST_MS  5000
#define SHUTDOWN_MS 5000
#define KILL_MS     2000
#define IDLE_MAX    3
#define QUICK_NS    (2 * NS_PER_SEC) /* a netd that lived for less is not started again at once */
#define BACKOFF_MAX 30000

struct connection {
    int fd;
    pid_t netd;
    int64_t seq;
    struct frame_reader reader;
};

struct netd_client {
    char *path, *dir;
    int dirfd;
    pthread_mutex_t lock; /* guards idle, n, starting, ending */
    pthread_cond_t started;
    struct connection *idle[IDLE_MAX];
    unsigned n;
    bool starting, ending;
    pthread_t watcher;
    bool watching;
    int stop_fd;
};

/* --- connections */

static void connection_free(struct connection *c)
{
    close_fd(c->fd);
    frame_reader_fini(&c->reader);
    free(c);
}
DEFINE_CLEANUP(struct connection *, connection_free);

/* Sends one request and waits for its reply (the caller's). -EPIPE and -ECONNRESET: netd is gone. Does not set words. */
static int connection_ask(struct connection *c, const char *type, const json_t *members,
                          json_t **reply)
{
    json_auto_t *msg = members ? json_copy((json_t *)members) : json_object();
    json_put_str(msg, "type", type);
    json_put_int(msg, "seq", ++c->seq);
    int r = frame_send(c->fd, msg, NULL, 0);
    while (r == 0) {
        json_t *in;
        r = frame_recv(&c->reader, c->fd, REQUEST_MS, &in);
        if (r == 0 && json_int(in, "seq", 0) == c->seq) {
            *reply = in;
            return 0;
        }
        if (r == 0)
            json_decref(in);
    }
    return r;
}

static int reply_check(const json_t *reply, struct err *err)
{
    int64_t code = json_int(reply, "error", EPROTO);
    if (code == 0)
        return 0;
    return err_set(err, code > 0 && code < 4096 ? (int)-code : -EPROTO, "%s",
                   json_str(reply, "message", "berth-netd refused without a reason"));
}

static int connection_open(struct netd_client *c, struct connection **out, struct err *err)
{
    int fd = frame_connect_at(c->dirfd, NETD_SOCK);
    if (fd < 0)
        return err_errno(err, fd, "cannot connect to berth-netd");
    _cleanup_(connection_freep) struct connection *k = xcalloc(1, sizeof(*k));
    k->fd = fd;
    json_auto_t *hello = json_object(), *reply = NULL;
    json_put_int(hello, "protocol", NETD_PROTOCOL);
    json_put_int(hello, "minor", NETD_PROTOCOL_MINOR);
    json_put_str(hello, "build", BERTH_VERSION);
    int r = connection_ask(k, "hello", hello, &reply);
    if (r < 0)
        return err_errno(err, r, "berth-netd does not answer");
    r = reply_check(reply, err);
    k->netd = (pid_t)json_int(reply, "pid", 0);
    if (r == 0)
        *out = steal_ptr(&k);
    return r;
}

static struct connection *idle_take(struct netd_client *c)
{
    pthread_mutex_lock(&c->lock);
    struct connection *k = c->n ? c->idle[--c->n] : NULL;
    pthread_mutex_unlock(&c->lock);
    return k;
}

static void idle_give(struct netd_client *c, struct connection *k)
{
    pthread_mutex_lock(&c->lock);
    if (c->n < IDLE_MAX)
        c->idle[c->n++] = steal_ptr(&k);
    pthread_mutex_unlock(&c->lock);
    if (k)
        connection_free(k);
}

static void idle_drop(struct netd_client *c)
{
    for (struct connection *k; (k = idle_take(c));)
        connection_free(k);
}

/* --- a netd that hangs */

/* The process number in the lock's file; 0: none is known. */
static pid_t netd_pid(const struct netd_client *c)
{
    _cleanup_(freep) char *text = NULL;
    int64_t pid;
    if (fs_read(c->dirfd, NETD_LOCK, 64, &text, NULL) < 0 ||
        parse_i64(str_trim(text), 2, INT32_MAX, &pid) < 0)
        return 0;
    return (pid_t)pid;
}

/* Kills the netd `pid`, which does not answer: the next one takes up what it held. While the lock is taken, the number in its file is that of
 * the process that has it; where that is another one by now, somebody was faster. */
static void netd_kill(const struct netd_client *c, pid_t pid)
{
    _cleanup_(closep) int lock = openat(c->dirfd, NETD_LOCK, O_RDWR | O_CLOEXEC);
    _cleanup_(closep) int pidfd = pid > 1 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
    if (lock < 0 || pidfd < 0 || netd_pid(c) != pid || flock(lock, LOCK_EX | LOCK_NB) == 0)
        return;
    log_warn("berth-netd (pid %d) does not answer: killing it", (int)pid);
    (void)syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
    (void)poll(&(struct pollfd){.fd = pidfd, .events = POLLIN}, 1, KILL_MS);
}

/* --- starting netd */

static int netd_spawn(const struct netd_client *c, struct err *err)
{
    posix_spawn_file_actions_t fa;
    posix_spawnattr_t attr;
    sigset_t all, none;
    sigfillset(&all);
    sigemptyset(&none);
    posix_spawn_file_actions_init(&fa);
    posix_spawnattr_init(&attr);
    posix_spawn_file_actions_addopen(&fa, 0, "/dev/null", O_RDWR, 0);
    posix_spawnattr_setsigmask(&attr, &none);
    posix_spawnattr_setsigdefault(&attr, &all);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    _cleanup_(freep) char *log = log_variable();
    char *argv[] = {"berth-netd", c->dir, NULL}, *env[] = {log, NULL, NULL};
#if BERTH_FAILPOINTS
    _cleanup_(freep) char *points =
        str_printf("BERTH_FAILPOINTS=%s", getenv("BERTH_FAILPOINTS") ?: "");
    env[1] = points;
#endif
    pid_t pid;
    int status = 0, r = posix_spawn(&pid, c->path, &fa, &attr, argv, env);
    posix_spawn_file_actions_destroy(&fa);
    posix_spawnattr_destroy(&attr);
    if (r)
        return err_errno(err, -r, "cannot start %s", c->path);
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return 0; /* somebody else reaped it: connecting shows whether it serves */
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    return err_set(err, -EIO, "%s did not start (wait status %#x); its own words stand in the log",
                   c->path, (unsigned)status);
}

/* One thread starts it, the others wait for that one. */
static int netd_start(struct netd_client *c, struct err *err)
{
    pthread_mutex_lock(&c->lock);
    bool mine = !c->starting;
    c->starting = true;
    while (!mine && c->starting)
        pthread_cond_wait(&c->started, &c->lock);
    pthread_mutex_unlock(&c->lock);
    if (!mine)
        return 0;
    int r = netd_spawn(c, err);
    pthread_mutex_lock(&c->lock);
    c->starting = false;
    pthread_cond_broadcast(&c->started);
    pthread_mutex_unlock(&c->lock);
    return r;
}

/* A connection to a living netd, which is started when there is none. */
static int connection_get(struct netd_client *c, struct connection **out, struct err *err)
{
    pid_t pid = netd_pid(c);
    int r = connection_open(c, out, err);
    if (r == 0)
        return 0;
    err_clear(err);
    if (r == -ETIMEDOUT)
        netd_kill(c, pid);
    r = netd_start(c, err);
    return r < 0 ? r : connection_open(c, out, err);
}

/* --- requests */

static bool is_gone(int r)
{
    return r == -EPIPE || r == -ECONNRESET || r == -ECONNREFUSED;
}

/* *fresh: the answer came from a netd that was started, or connected to, because the one before was gone. */
static int request(struct netd_client *c, const char *type, const json_t *members, json_t **out,
                   bool *fresh, struct err *err)
{
    _cleanup_(connection_freep) struct connection *k = idle_take(c);
    json_auto_t *reply = NULL;
    int r = k ? connection_ask(k, type, members, &reply) : -EPIPE;
    if (r == -ETIMEDOUT) {
        netd_kill(c, k->netd);
        r = -EPIPE;
    }
    if (is_gone(r)) {
        *fresh |= k != NULL;
        if (k)
            connection_free(steal_ptr(&k));
        idle_drop(c);
        r = connection_get(c, &k, err);
        if (r < 0)
            return r;
        r = connection_ask(k, type, members, &reply);
    }
    if (r < 0)
        return err_errno(err, r, "berth-netd does not answer");
    idle_give(c, steal_ptr(&k));
    r = reply_check(reply, err);
    if (r == 0 && out)
        *out = json_incref(reply);
    return r;
}

static int request_simple(struct netd_client *c, const char *type, const json_t *members,
                          struct err *err)
{
    bool fresh = false;
    return request(c, type, members, NULL, &fresh, err);
}

int netd_reserve(struct netd_client *c, const char *container_id, const json_t *ports, json_t **out,
                 struct err *err)
{
    json_auto_t *msg = json_object(), *reply = NULL;
    bool fresh = false;
    json_put_str(msg, "id", container_id);
    json_put(msg, "ports", ports);
    int r = request(c, "reserve", msg, &reply, &fresh, err);
    /* The netd that died may have done it already, and the next one taken it up. */
    if (r == -EEXIST && fresh && netd_release(c, container_id, err) == 0)
        r = request(c, "reserve", msg, &reply, &fresh, err);
    if (r == 0)
        *out = json_incref(json_arr(reply, "ports"));
    return r;
}

int netd_watch(struct netd_client *c, const char *container_id, pid_t pid, int64_t start,
               struct err *err)
{
    json_auto_t *msg = json_object();
    json_put_str(msg, "id", container_id);
    json_put_int(msg, "pid", pid);
    json_put_int(msg, "start", start);
    return request_simple(c, "watch", msg, err);
}

int netd_release(struct netd_client *c, const char *container_id, struct err *err)
{
    json_auto_t *msg = json_object();
    json_put_str(msg, "id", container_id);
    return request_simple(c, "release", msg, err);
}

int netd_state(struct netd_client *c, json_t **out, struct err *err)
{
    bool fresh = false;
    return request(c, "state", NULL, out, &fresh, err);
}

/* Its end is waited for: until then it is a process in our control group. */
int netd_shutdown(struct netd_client *c, struct err *err)
{
    _cleanup_(connection_freep) struct connection *k = NULL;
    json_auto_t *reply = NULL;
    pthread_mutex_lock(&c->lock);
    c->ending = true;
    pthread_mutex_unlock(&c->lock);
    pid_t pid = netd_pid(c);
    int r = connection_open(c, &k, NULL);
    if (r == -ETIMEDOUT)
        netd_kill(c, pid);
    if (r < 0)
        return 0; /* there is none */
    _cleanup_(closep) int pidfd = (int)syscall(SYS_pidfd_open, k->netd, 0);
    r = connection_ask(k, "shutdown", NULL, &reply);
    if (r < 0 && !is_gone(r))
        return err_errno(err, r, "berth-netd does not answer");
    struct pollfd p = {.fd = pidfd, .events = POLLIN};
    if (pidfd >= 0 && poll(&p, 1, SHUTDOWN_MS) == 0)
        return err_set(err, -ETIMEDOUT, "berth-netd does not end");
    return 0;
}

/* --- the watch */

/* Waits until netd closes the connection; false: the client is being closed, or ended netd itself. */
static bool watch_wait(struct netd_client *c, int fd, int timeout_ms)
{
    struct pollfd p[] = {{.fd = c->stop_fd, .events = POLLIN}, {.fd = fd, .events = POLLIN}};
    while (poll(p, 2, timeout_ms) < 0 && errno == EINTR)
        ;
    pthread_mutex_lock(&c->lock);
    bool go_on = !c->ending && !p[0].revents;
    pthread_mutex_unlock(&c->lock);
    return go_on;
}

static void *watch_thread(void *arg)
{
    struct netd_client *c = arg;
    int backoff_ms = 0;
    for (;;) {
        _cleanup_(err_fini) struct err err = {0};
        _cleanup_(connection_freep) struct connection *k = NULL;
        int64_t since = time_mono_ns();
        int r = connection_get(c, &k, &err);
        if (r < 0)
            log_error("berth-netd: %s", err_msg(&err));
        if (r == 0 && !watch_wait(c, k->fd, -1))
            return NULL;
        bool quick = time_mono_ns() - since < QUICK_NS;
        backoff_ms = quick ? MIN(backoff_ms * 2 + 100, BACKOFF_MAX) : 0;
        log_warn("berth-netd ended; starting another one, which takes up what it held");
        if (backoff_ms > 100 && !watch_wait(c, -1, backoff_ms))
            return NULL;
    }
}

/* --- life */

static int client_setup(struct netd_client *c, const char *run_root, struct err *err)
{
    c->dir = str_printf("%s/netd", run_root);
    int r = fs_mkdir_p(c->dir, 0700);
    if (r == 0)
        r = c->dirfd = fs_open_dir(AT_FDCWD, c->dir);
    if (r < 0)
        return err_errno(err, r, "cannot make %s", c->dir);
    c->stop_fd = eventfd(0, EFD_CLOEXEC);
    if (c->stop_fd < 0)
        return err_errno(err, -errno, "cannot make an eventfd");
    _cleanup_(connection_freep) struct connection *k = NULL;
    r = connection_get(c, &k, err);
    if (r < 0)
        return r;
    idle_give(c, steal_ptr(&k));
    r = pthread_create(&c->watcher, NULL, watch_thread, c);
    c->watching = r == 0;
    return r ? err_errno(err, -r, "cannot start the thread that watches berth-netd") : 0;
}

struct netd_client *netd_client_open(const char *netd_path, const char *run_root, struct err *err)
{
    struct netd_client *c = xcalloc(1, sizeof(*c));
    pthread_mutex_init(&c->lock, NULL);
    pthread_cond_init(&c->started, NULL);
    c->path = xstrdup(netd_path);
    c->dirfd = c->stop_fd = -1;
    if (client_setup(c, run_root, err) < 0) {
        netd_client_close(c);
        return NULL;
    }
    return c;
}

void netd_client_close(struct netd_client *c)
{
    if (!c)
        return;
    if (c->watching) {
        eventfd_write(c->stop_fd, 1);
        pthread_join(c->watcher, NULL);
    }
    idle_drop(c);
    close_fd(c->stop_fd);
    close_fd(c->dirfd);
    pthread_cond_destroy(&c->started);
    pthread_mutex_destroy(&c->lock);
    free(c->path);
    free(c->dir);
    free(c);
}
