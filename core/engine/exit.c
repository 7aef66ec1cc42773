/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exit
 *
 * News of a shim, handled on a thread of the pool in the order in which they came. When a container has ended, what it held is given back
 * first, the row says so second, and everybody who waits is told last.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/failpoint.h"
#include "base/frame.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "engine/execs.h"
#include "engine/exits.h"
#include "engine/health.h"
#include "engine/live.h"
#include "engine/log-status.h"
#include "engine/networks.h"
#include "engine/record.h"
#include "engine/remove.h"
#include "engine/restart-policy.h"
#include "engine/restarts.h"
#include "engine/volumes.h"
#include "runtime/cgroup.h"
#include "runtime/procfs.h"

#define SHIM_END_MS  5000
#define KILL_MS      10000
#define KILL_BOOT_MS 500
#define DIED_CODE    137
#define DIED_WORDS   "the container's monitor (berth-shim) died, and the container with it"

struct ending {
    struct engine *engine;
    const struct container_end *end;
};

static void mark_exited(struct state_container *row, void *arg)
{
    const struct ending *ending = arg;
    const struct container_end *end = ending->end;
    row->exit_code = end->code;
    row->finished_ns = end->time_ns ? end->time_ns : time_now_ns();
    row->oom = end->oom;
    free(row->error);
    row->error = xstrdup(end->error ? end->error : "");
    row->pid = row->shim_pid = 0;
    row->pid_start = row->shim_start = 0;
    health_note_rest(ending->engine, row);
    restart_decide(row, row->finished_ns - row->started_ns);
}

static void die_event(struct engine *e, const struct state_container *row)
{
    json_t *extra = json_object();
    json_put_strf(extra, "exitCode", "%lld", (long long)row->exit_code);
    json_put_strf(extra, "execDuration", "%lld",
                  (long long)((row->finished_ns - row->started_ns) / NS_PER_SEC));
    container_event(e, row, "die", extra);
}

struct leftover {
    struct engine *engine;
    char *id;
};

static int destroy_groups(struct engine *e, const char *id, int64_t kill_ms)
{
    _cleanup_(err_fini) struct err err = {0};
    int r = cgroup_destroy(e->cgroup, id, kill_ms, &err);
    if (r < 0)
        log_warn("control groups of container %s: %s", id, err_msg(&err));
    return r;
}

static void destroy_leftover(void *arg)
{
    struct leftover *l = arg;
    (void)destroy_groups(l->engine, l->id, KILL_MS);
    free(l->id);
    free(l);
}

/* A process that the kernel does not let go must not hold up the daemon's start: there the rest is done later. */
int container_give_back(struct engine *e, const struct state_container *row, struct err *err)
{
    int r = container_disconnect(e, row, err);
    pthread_mutex_lock(&e->lock);
    bool up = e->up;
    pthread_mutex_unlock(&e->lock);
    if (destroy_groups(e, row->id, up ? KILL_MS : KILL_BOOT_MS) == 0 || up)
        return r;
    struct leftover *l = xcalloc(1, sizeof(*l));
    *l = (struct leftover){.engine = e, .id = xstrdup(row->id)};
    jobs_add(e->jobs, destroy_leftover, l);
    return r;
}

void container_take_back(struct engine *e, const struct state_container *row)
{
    _cleanup_(err_fini) struct err err = {0};
    if (container_give_back(e, row, &err) < 0)
        log_error("container %s: %s", row->id, err_msg(&err));
}

static char *rundir_name(const char *id)
{
    return xstrndup(id, 16);
}

void rundir_remove(struct engine *e, const char *id)
{
    _cleanup_(freep) char *name = rundir_name(id);
    int r = fs_rm_rf(e->run_fd, name);
    if (r < 0)
        log_warn("removing the run directory of container %s: %s", id, strerror(-r));
}

int rundir_open(struct engine *e, const char *id, bool make)
{
    _cleanup_(freep) char *name = rundir_name(id);
    if (make) {
        int r = fs_rm_rf(e->run_fd, name);
        if (r == 0 && mkdirat(e->run_fd, name, 0700) < 0)
            r = -errno;
        if (r < 0)
            return r;
    }
    int fd = openat(e->run_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

/* Where the state cannot be read: whoever listens there is the monitor. */
static bool listener(struct engine *e, const char *name, pid_t *pid, char **id)
{
    struct ucred peer = {0};
    socklen_t n = sizeof(peer);
    _cleanup_(closep) int dir = openat(e->run_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_(closep) int sock = dir < 0 ? dir : frame_connect_at(dir, "sock");
    if (sock < 0)
        return false;
    (void)getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &peer, &n);
    if (pid)
        *pid = peer.pid;
    if (id)
        *id = xstrdup(name);
    return true;
}

bool rundir_monitor(struct engine *e, const char *name, pid_t *pid, char **id)
{
    _cleanup_(freep) char *path = str_printf("%s/state", name);
    _cleanup_(freep) char *text = NULL;
    json_auto_t *state = NULL;
    if (fs_read(e->run_fd, path, 1 << 20, &text, NULL) < 0 ||
        json_parse(text, strlen(text), &state, NULL) < 0)
        return listener(e, name, pid, id);
    pid_t p = (pid_t)json_int(state, "shim_pid", 0);
    if (pid)
        *pid = p;
    if (p <= 0 ||
        !procfs_is(p, (uint64_t)json_int(state, "shim_start", 0), json_str(state, "boot_id", NULL)))
        return false;
    if (id)
        *id = xstrdup(json_str(state, "id", name));
    return true;
}

int shim_let_go_begin(const char *id, struct shim *shim)
{
    _cleanup_(err_fini) struct err err = {0};
    int r = shim_release(shim, &err);
    if (r < 0 && r != -ECONNRESET)
        log_warn("the monitor of container %s: %s", id, err_msg(&err));
    return r;
}

void shim_let_go_end(struct engine *e, const char *id, struct shim *shim, int r)
{
    if (shim_wait_dead(shim, r < 0 ? 0 : SHIM_END_MS) < 0) {
        log_warn("the monitor of container %s does not end: killing it", id);
        (void)shim_destroy(shim);
        (void)shim_wait_dead(shim, SHIM_END_MS);
    }
    shim_close(shim);
    rundir_remove(e, id);
}

void shim_let_go(struct engine *e, const char *id, struct shim *shim)
{
    int r = shim_let_go_begin(id, shim);
    shim_let_go_end(e, id, shim, r);
}

/* Of a container that goes with its end the row says both in one step. */
static void mark_exited_and_going(struct state_container *row, void *arg)
{
    mark_exited(row, arg);
    if (!container_is_resting(row))
        container_mark_removing(row, true);
}

/* Nobody will read the record of a container that goes. Not where another verb is at work on it: then its removal waits for that one. */
static int write_end_of_going(struct engine *e, const char *id, struct ending *end,
                              struct state_container **row, struct err *err)
{
    int r = container_modify_claim(e, id, "remove", mark_exited_and_going, end, row, err);
    if (r == 0 && container_is_resting(*row))
        container_unclaim(e, id);
    return r;
}

static int write_end(struct engine *e, const struct state_container *before,
                     const struct container_end *end, struct state_container **going,
                     struct err *err)
{
    const char *id = before->id;
    _cleanup_(state_container_freep) struct state_container *row = NULL;
    struct ending ending = {e, end};
    bool goes = going && before->auto_remove;
    int r = goes ? write_end_of_going(e, id, &ending, &row, err) : -EBUSY;
    goes = r == 0 && !container_is_resting(row);
    if (r == -EBUSY) {
        err_clear(err);
        r = container_modify(e, id, mark_exited, &ending, &row, err);
    }
    if (r < 0)
        return r;
    health_end(e, id);
    (void)failpoint("exit.noted", NULL);
    if (!goes)
        record_write(e, id);
    die_event(e, row);
    networks_event(e, row, "disconnect");
    volumes_event(e, row, "unmount");
    if (goes)
        *going = steal_ptr(&row);
    return 0;
}

static void auto_remove(void *arg)
{
    struct live *l = arg;
    container_auto_remove(l->engine, l->id);
    live_unref(l);
}

int container_ended(struct engine *e, const char *id, const struct container_end *end,
                    struct state_container **going, struct err *err)
{
    _cleanup_(state_container_freep) struct state_container *before = NULL;
    int r = state_container_get(e->state, id, &before, err);
    if (r == 0)
        r = container_give_back(e, before, err);
    if (r == 0)
        r = failpoint("exit.given-back", err);
    if (r == 0) {
        execs_end(e, before, end->time_ns ? end->time_ns : time_now_ns());
        r = write_end(e, before, end, going, err);
    }
    if (r != -ENOENT)
        return r;
    err_clear(err);
    return 0;
}

static struct shim *shim_of(struct live *l)
{
    pthread_mutex_lock(&l->engine->lock);
    struct shim *shim = l->shim ? shim_ref(l->shim) : NULL;
    pthread_mutex_unlock(&l->engine->lock);
    return shim;
}

/* Everything after the row: who waits is told, then the shim goes. Freeing the container's namespaces takes the kernel
 * milliseconds that nobody needs to wait for; a verb that needs them gone waits for the shim (container_claim()). */
static void live_finish(struct live *l)
{
    struct engine *e = l->engine;
    _cleanup_(state_container_freep) struct state_container *row = NULL;
    _cleanup_(shim_unrefp) struct shim *shim = shim_of(l);
    int r = state_container_get(e->state, l->id, &row, NULL);
    if (r == 0)
        waits_exited(e, l->id, row->exit_code, row->error);
    if (shim)
        shim_let_go(e, l->id, shim);
    (void)failpoint("exit.let-go", NULL);
    live_done(l);
    if (r < 0)
        return;
    if (container_is_resting(row))
        restarts_add(e->restarts, row);
    if (!row->auto_remove)
        return;
    pthread_mutex_lock(&e->lock);
    l->refs++;
    pthread_mutex_unlock(&e->lock);
    jobs_add(e->jobs, auto_remove, l);
}

/* The same for one that goes with its end: its files go while the monitor does, once that has unmounted the root. */
static void live_finish_going(struct live *l, struct state_container *row)
{
    struct engine *e = l->engine;
    _cleanup_(err_fini) struct err err = {0};
    _cleanup_(shim_unrefp) struct shim *shim = shim_of(l);
    waits_exited(e, l->id, row->exit_code, row->error);
    free(row->status);
    row->status = xstrdup("exited"); /* what it is again where it cannot be removed */
    int let_go = shim ? shim_let_go_begin(l->id, shim) : 0;
    if (let_go < 0)
        shim_let_go_end(e, l->id, shim, let_go);
    int r = container_remove_trees(e, row, true, &err);
    if (shim && let_go == 0)
        shim_let_go_end(e, l->id, shim, let_go);
    (void)failpoint("exit.let-go", NULL);
    live_done(l);
    if (container_remove_end(e, row, r, &err) < 0)
        container_remove_again(e, l->id, &err);
    shim_spare_hurry(e->spare);
}

static int finish(struct live *l, const struct container_end *end, struct err *err)
{
    _cleanup_(state_container_freep) struct state_container *going = NULL;
    int r = container_ended(l->engine, l->id, end, &going, err);
    if (r == 0 && going)
        live_finish_going(l, going);
    else if (r == 0)
        live_finish(l);
    return r;
}

static int handle_exit(struct live *l, const struct news *n, struct err *err)
{
    const struct container_end end = {
        .code = n->code, .time_ns = n->time_ns, .oom = n->oom, .error = n->text};
    return finish(l, &end, err);
}

/* A shim that died: its `exit` file where it got so far, else the container died with it. */
static int handle_death(struct live *l, struct err *err)
{
    struct shim_exit exit = {0};
    struct container_end end = {.code = DIED_CODE, .error = DIED_WORDS};
    _cleanup_(closep) int dir = rundir_open(l->engine, l->id, false);
    if (dir >= 0 && shim_read_exit(dir, &exit, NULL) == 0)
        end = (struct container_end){.code = exit.code, .time_ns = exit.time_ns, .oom = exit.oom};
    return finish(l, &end, err);
}

/* The connection broke and the shim may live: a new one. Without success the shim is of no use any more; only one that has become another
 * major's goes on with its container, which a verb still ends by its process. */
static void handle_loss(struct live *l)
{
    struct engine *e = l->engine;
    _cleanup_(err_fini) struct err err = {0};
    _cleanup_(closep) int dir = rundir_open(e, l->id, false);
    struct shim *fresh = NULL;
    health_lost(e, l->id);
    int r =
        dir < 0 ? dir : shim_connect(e->reactor, l->id, dir, &live_events, l, &fresh, NULL, &err);
    pthread_mutex_lock(&e->lock);
    struct shim *old = l->shim;
    if (r == 0)
        l->shim = fresh;
    pthread_mutex_unlock(&e->lock);
    if (r == 0) {
        shim_close(old);
        shim_unref(old);
        log_info("container %s: connected to its monitor again", l->id);
    } else if (r == -EPROTONOSUPPORT) {
        log_error("container %s: its monitor has been replaced and is left alone: %s", l->id,
                  err_msg(&err));
    } else if (r != -ESRCH && shim_wait_dead(old, 0) < 0) {
        log_error("container %s: its monitor cannot be reached, killing it: %s", l->id,
                  err_msg(&err));
        (void)shim_destroy(old);
    }
}

/* The shim keeps the code until the row has it. */
static int handle_exec(struct live *l, const struct news *n, struct err *err)
{
    struct engine *e = l->engine;
    _cleanup_(state_container_freep) struct state_container *row = NULL;
    _cleanup_(shim_unrefp) struct shim *shim = NULL;
    int r = state_container_get(e->state, l->id, &row, err);
    if (r == -ENOENT)
        return 0;
    if (r == 0)
        r = failpoint("exec.exited", err);
    if (r == 0)
        r = exec_exited(e, row, n->name, n->code, n->time_ns, err);
    if (r < 0)
        return r;
    if (live_shim(e, row, &shim, NULL) == 0)
        (void)shim_exec_forget(shim, n->name, NULL);
    return 0;
}

static void handle_event(struct live *l, const char *action)
{
    _cleanup_(state_container_freep) struct state_container *row = NULL;
    if (state_container_get(l->engine->state, l->id, &row, NULL) == 0)
        container_event(l->engine, row, action, NULL);
}

int live_handle(struct live *l, const struct news *n, struct err *err)
{
    pthread_mutex_lock(&l->engine->lock);
    bool done = l->done;
    pthread_mutex_unlock(&l->engine->lock);
    if (done)
        return 0;
    switch (n->kind) {
    case NEWS_EXITED:
        return handle_exit(l, n, err);
    case NEWS_DIED:
        return handle_death(l, err);
    case NEWS_EXEC_EXITED:
        return handle_exec(l, n, err);
    case NEWS_LOG_ERROR:
        log_failed(l->engine, l->id, n->name ? n->name : "", n->text ? n->text : "", n->now);
        break;
    case NEWS_OOM:
        handle_event(l, "oom");
        break;
    case NEWS_DETACHED:
        handle_event(l, n->name ? "exec_detach" : "detach");
        break;
    case NEWS_LOST:
        handle_loss(l);
        break;
    }
    return 0;
}
