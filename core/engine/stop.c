/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stop and kill
 *
 * That a user wanted the end is on disk before the signal leaves, so that a restart policy never brings back what was stopped. Stop answers
 * when the exit has been handled, not when the process is gone.
 */
#include "engine/stop.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "config/config.h"
#include "engine/live.h"
#include "engine/pause.h"
#include "engine/restart-policy.h"
#include "engine/restarts.h"
#include "runtime/plan.h"
#include "runtime/procfs.h"
#include "runtime/signal.h"

#define KILL_WAIT_S 10
#define TELL_WAIT_S 3    /* for the monitor's word of an end that has come */
#define ANSWER_MS   3000 /* a monitor that does nothing but wait answers at once */

static void kill_event(struct engine *e, const struct state_container *row, int signal)
{
    json_t *extra = json_object();
    json_put_strf(extra, "signal", "%d", signal);
    container_event(e, row, "kill", extra);
}

/* Straight to the process, whose identity the row has: whether its monitor answers does not matter. */
static int send_signal(struct engine *e, const struct state_container *row, int signal,
                       struct err *err)
{
    _cleanup_(closep) int pidfd = procfs_pidfd(row->pid, row->pid_start);
    int r = pidfd < 0 ? pidfd : procfs_pidfd_kill(pidfd, signal);
    if (r == -ESRCH)
        return err_set(err, r, "container %s is not running", row->id);
    if (r < 0)
        return err_errno(err, r, "sending signal %d to container %s", signal, row->id);
    kill_event(e, row, signal);
    return 0;
}

static int64_t deadline_after(int64_t seconds)
{
    int64_t now = time_mono_ns();
    return seconds > (INT64_MAX - now) / NS_PER_SEC ? INT64_MAX : now + seconds * NS_PER_SEC;
}

/* SIGKILL is delivered, and the kernel does not let go of the process: nobody can change that from here. */
static int undead(const struct state_container *row, struct err *err)
{
    _cleanup_(freep) char *where = procfs_waits_in(row->pid);
    return err_set(
        err, -EIO,
        "container %s did not end %d s after SIGKILL: its process %d waits in the kernel "
        "(%s), for a file system or a device that does not answer; it ends when that does",
        row->name, KILL_WAIT_S, (int)row->pid, where ? where : "?");
}

/* The container is dead and its monitor does not say so, or nobody hears it. One that was stopped is let go on first, for it may have
 * output that is not in the log yet; then it is killed, and its death is handled as the container's. */
static int end_by_force(struct live *l, struct shim *shim, struct err *err)
{
    log_warn("container %s: its monitor (berth-shim, pid %d) does not answer", l->id,
             (int)shim_pid(shim));
    shim_wake(shim);
    if (live_wait_done(l, deadline_after(TELL_WAIT_S)) == 0)
        return 0;
    log_warn("container %s: killing its monitor (berth-shim, pid %d)", l->id, (int)shim_pid(shim));
    (void)shim_destroy(shim);
    int r = live_wait_done(l, deadline_after(KILL_WAIT_S));
    if (r == -ENOTRECOVERABLE)
        return live_check_noted(l, err);
    return r < 0 ? err_set(err, -EIO, "container %s: its end is still being handled", l->id) : 0;
}

/* After SIGKILL: until its end is handled. */
static int await_end(struct live *l, const struct state_container *row, struct shim *shim,
                     struct err *err)
{
    _cleanup_(closep) int pidfd = procfs_pidfd(row->pid, row->pid_start);
    struct pollfd p = {.fd = pidfd, .events = POLLIN};
    if (pidfd >= 0 && poll(&p, 1, KILL_WAIT_S * 1000) == 0)
        return undead(row, err);
    int r = live_wait_done(l, deadline_after(TELL_WAIT_S));
    if (r == 0 || r == -ENOTRECOVERABLE)
        return live_check_noted(l, err);
    if (r != -ESHUTDOWN && shim_answers(shim, ANSWER_MS) < 0)
        return end_by_force(l, shim, err);
    if (r != -ESHUTDOWN)
        r = live_wait_done(l, deadline_after(KILL_WAIT_S));
    if (r == -ENOTRECOVERABLE)
        return live_check_noted(l, err);
    return r == -ESHUTDOWN ? err_set(err, -EIO, "the daemon is shutting down")
           : r < 0 ? err_set(err, -EIO, "container %s: its end is still being handled", row->name)
                   : 0;
}

/* Without a restart policy nobody reads the note: a full disk does not keep such a container from being ended. */
static int note_wish(struct engine *e, const struct state_container *row, struct err *err)
{
    struct restart_rule rule;
    restart_rule_read(row->host_config, &rule);
    int r = container_rest(e, row->id, NULL, err);
    if (r == 0 || rule.policy != RESTART_NO)
        return r;
    log_warn("container %s: that its end is wanted cannot be noted: %s", row->id, err_msg(err));
    err_clear(err);
    return 0;
}

int container_end(struct engine *e, const struct state_container *row, int signal,
                  int64_t timeout_s, struct err *err)
{
    _cleanup_(live_unrefp) struct live *l = live_get(e, row->id);
    _cleanup_(shim_unrefp) struct shim *shim = NULL;
    int r = note_wish(e, row, err);
    if (r < 0 || !l || live_shim(e, row, &shim, NULL) < 0)
        return r; /* it has ended, or ended meanwhile */
    if (live_check_noted(l, NULL) <
        0) { /* it has ended, and its row could not say so: perhaps now */
        live_retry(l);
        r = live_wait_done(l, deadline_after(KILL_WAIT_S));
        return r == 0 ? 0 : live_check_noted(l, err);
    }
    if (signal != SIGKILL) {
        r = send_signal(e, row, signal, err);
        container_thaw(e, row->id);
        if (r == 0)
            r = live_wait_done(l, deadline_after(timeout_s));
        if (r == 0)
            return 0;
        if (r == -ENOTRECOVERABLE)
            return live_check_noted(l, err);
        if (r == -ESHUTDOWN)
            return err_set(err, -EIO, "the daemon is shutting down");
        err_clear(err);
    }
    (void)send_signal(e, row, SIGKILL, NULL);
    container_thaw(e, row->id);
    return await_end(l, row, shim, err);
}

static int64_t stop_timeout(struct engine *e, const struct state_container *row, bool given,
                            int64_t timeout_s)
{
    if (!given || timeout_s < -1) {
        const json_t *own = json_object_get(row->config, "StopTimeout");
        _cleanup_(config_unrefp) struct config *cfg = engine_config(e);
        timeout_s = json_is_integer(own) ? json_integer_value(own) : cfg->runtime.stop_timeout;
    }
    return timeout_s < 0 ? INT64_MAX : timeout_s;
}

int container_stop_claimed(struct engine *e, const struct state_container *row, int signal,
                           bool has_timeout, int64_t timeout_s, struct err *err)
{
    if (signal == 0)
        signal = runtime_stop_signal(row->config);
    int r = container_end(e, row, signal, stop_timeout(e, row, has_timeout, timeout_s), err);
    if (r == 0)
        container_event(e, row, "stop", NULL);
    return r;
}

int engine_container_stop(struct engine *e, const char *ref, const char *signal, bool has_timeout,
                          int64_t timeout_s, struct err *err)
{
    _cleanup_(state_container_freep) struct state_container *row = NULL;
    int number = 0;
    int r = str_empty(signal) ? 0 : signal_parse(signal, &number, err);
    if (r == 0)
        r = container_claim(e, ref, "stop", CLAIM_LIMIT_MS, &row, err);
    if (r < 0)
        return r;
    _cleanup_(claim_end) struct claim claim = {e, row->id};
    if (!container_is_running(row))
        return err_set(err, -EALREADY, "container %s is not running", ref);
    r = container_stop_claimed(e, row, number, has_timeout, timeout_s, err);
    return r < 0 ? err_wrap(err, "cannot stop container: %s", ref) : 0;
}

static int not_running(const char *ref, const struct state_container *row, struct err *err)
{
    return err_set(err, -EBUSY, "cannot kill container: %s: container %s is not running", ref,
                   row->id);
}

/* A user's SIGKILL or stop signal is a wish for the end; others are messages to the program. */
static bool is_end(const struct state_container *row, int signal)
{
    return signal == SIGKILL || signal == runtime_stop_signal(row->config);
}

/* Between end and restart there is no process: a wish for the end is met by noting it. */
static int kill_resting(struct engine *e, const char *ref, const struct state_container *row,
                        int signal, struct err *err)
{
    bool rested = false;
    if (!is_end(row, signal))
        return err_set(err, -EBUSY,
                       "cannot kill container: %s: Container %s is restarting, wait until the "
                       "container is running",
                       ref, row->id);
    int r = container_rest(e, row->id, &rested, err);
    return r == 0 && !rested ? -EAGAIN : r;
}

/* The row may be older than a restart: then its process is gone, and the newer row names another. */
static bool is_newer(struct engine *e, const struct state_container *row)
{
    _cleanup_(state_container_freep) struct state_container *now = NULL;
    return state_container_get(e->state, row->id, &now, NULL) == 0 && container_is_running(now) &&
           now->pid_start != row->pid_start;
}

/* The process has just ended by itself. That is answered when the row says so, too: whoever hears that a container does not run is not to
 * find it running then. */
static int kill_late(struct engine *e, const char *ref, const struct state_container *row,
                     int signal, struct live *l, struct shim *shim, struct err *err)
{
    if (is_newer(e, row))
        return -EAGAIN;
    /* It has ended, and its row could not say so: perhaps now, and then by this. */
    if (l && is_end(row, signal) && live_check_noted(l, NULL) < 0) {
        live_retry(l);
        return await_end(l, row, shim, err);
    }
    int r = 0;
    if (l && signal == SIGKILL)
        r = await_end(l, row, shim, err);
    else if (l)
        (void)live_wait_done(l, deadline_after(TELL_WAIT_S));
    return r < 0 ? r : is_newer(e, row) ? -EAGAIN : not_running(ref, row, err);
}

static int kill_running(struct engine *e, const char *ref, const struct state_container *row,
                        int signal, struct err *err)
{
    _cleanup_(live_unrefp) struct live *l = live_get(e, row->id);
    _cleanup_(shim_unrefp) struct shim *shim = NULL;
    if (live_shim(e, row, &shim, NULL) < 0)
        return not_running(ref, row, err);
    int r = is_end(row, signal) ? note_wish(e, row, err) : 0;
    if (r < 0)
        return r;
    r = send_signal(e, row, signal, NULL);
    if (r == -ESRCH)
        return kill_late(e, ref, row, signal, l, shim, err);
    if (is_end(row, signal))
        container_thaw(e, row->id);
    if (r < 0)
        return err_errno(err, r, "cannot kill container: %s", ref);
    /* As Docker's: SIGKILL answers when the container is gone. */
    return l && signal == SIGKILL ? await_end(l, row, shim, err) : 0;
}

int engine_container_kill(struct engine *e, const char *ref, const char *signal, struct err *err)
{
    int number = SIGKILL;
    int r = str_empty(signal) ? 0 : signal_parse(signal, &number, err);
    if (r < 0)
        return r;
    do {
        _cleanup_(state_container_freep) struct state_container *row = NULL;
        r = state_container_find(e->state, ref, &row, err);
        if (r < 0)
            return err_wrap(err, "cannot kill container: %s", ref);
        r = container_is_resting(row) ? kill_resting(e, ref, row, number, err)
                                      : kill_running(e, ref, row, number, err);
    } while (r == -EAGAIN); /* it was restarted between the look and the note: its row says so */
    return r;
}

int container_kill_run(struct engine *e, const char *id, int64_t started_ns, struct err *err)
{
    _cleanup_(state_container_freep) struct state_container *row = NULL;
    int r = state_container_get(e->state, id, &row, err);
    if (r < 0)
        return r;
    if (!str_eq(row->status, "running") || row->started_ns != started_ns || row->stop_requested)
        return err_set(err, -ECANCELED, "it does not run any more, or its end is wanted");
    return send_signal(e, row, SIGKILL, err);
}

int engine_container_resize(struct engine *e, const char *ref, int64_t rows, int64_t cols,
                            struct err *err)
{
    _cleanup_(state_container_freep) struct state_container *row = NULL;
    _cleanup_(shim_unrefp) struct shim *shim = NULL;
    if (rows < 0 || rows > UINT16_MAX || cols < 0 || cols > UINT16_MAX)
        return err_set(err, -EINVAL, "a window has 0 to %d rows and columns", UINT16_MAX);
    int r = state_container_find(e->state, ref, &row, err);
    if (r == 0)
        r = live_shim(e, row, &shim, err);
    if (r < 0)
        return r;
    r = shim_resize(shim, NULL, (unsigned)rows, (unsigned)cols, err);
    if (r == 0) {
        json_t *extra = json_object();
        json_put_strf(extra, "height", "%lld", (long long)rows);
        json_put_strf(extra, "width", "%lld", (long long)cols);
        container_event(e, row, "resize", extra);
    }
    return r;
}
