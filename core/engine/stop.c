/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stop and kill
 *
 * That a user wanted the end is on disk before the signal leaves, so that a restart policy never brings back what was stopped. Stop answers
 * when the exit has been handled, not when the process is gone.
 */
#include "engine/stop.h"

#include <errno.h>
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
#include "runtime/signal.h"

#define KILL_WAIT_S 10

static void kill_event(struct engine *e, const struct state_container *row, int signal)
{
    json_t *extra = json_object();
    json_put_strf(extra, "signal", "%d", signal);
    container_event(e, row, "kill", extra);
}

static int send_signal(struct engine *e, const struct state_container *row, struct shim *shim,
                       int signal, struct err *err)
{
    int r = shim_kill(shim, NULL, signal, false, err);
    if (r == 0)
        kill_event(e, row, signal);
    return r;
}

static int64_t deadline_after(int64_t seconds)
{
    int64_t now = time_mono_ns();
    return seconds > (INT64_MAX - now) / NS_PER_SEC ? INT64_MAX : now + seconds * NS_PER_SEC;
}

/* The shim does not answer any more: it is ended itself, and its death is handled as the container's. */
static int end_by_force(struct live *l, struct shim *shim, struct err *err)
{
    log_warn("container %s: its monitor does not end it, killing the monitor", l->id);
    (void)shim_destroy(shim);
    int r = live_wait_done(l, deadline_after(KILL_WAIT_S));
    if (r < 0)
        return err_set(err, -EIO, "container %s did not end %d s after SIGKILL", l->id,
                       KILL_WAIT_S);
    return 0;
}

int container_end(struct engine *e, const struct state_container *row, int signal,
                  int64_t timeout_s, struct err *err)
{
    _cleanup_(live_unrefp) struct live *l = live_get(e, row->id);
    _cleanup_(shim_unrefp) struct shim *shim = NULL;
    int r = container_rest(e, row->id, NULL, err);
    if (r < 0 || !l || live_shim(e, row, &shim, NULL) < 0)
        return r; /* it has ended, or ended meanwhile */
    if (signal != SIGKILL) {
        r = send_signal(e, row, shim, signal, err);
        container_thaw(e, row->id);
        if (r == 0)
            r = live_wait_done(l, deadline_after(timeout_s));
        if (r == 0)
            return 0;
        if (r == -ESHUTDOWN)
            return err_set(err, -EIO, "the daemon is shutting down");
        err_clear(err);
    }
    (void)send_signal(e, row, shim, SIGKILL, NULL);
    container_thaw(e, row->id);
    r = live_wait_done(l, deadline_after(KILL_WAIT_S));
    return r < 0 ? end_by_force(l, shim, err) : 0;
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

static int kill_running(struct engine *e, const char *ref, const struct state_container *row,
                        int signal, struct err *err)
{
    _cleanup_(shim_unrefp) struct shim *shim = NULL;
    if (live_shim(e, row, &shim, NULL) < 0)
        return not_running(ref, row, err);
    int r = is_end(row, signal) ? container_rest(e, row->id, NULL, err) : 0;
    if (r < 0)
        return r;
    _cleanup_(live_unrefp) struct live *l = signal == SIGKILL ? live_get(e, row->id) : NULL;
    r = send_signal(e, row, shim, signal, err);
    if (r == -ESRCH)
        return not_running(ref, row, err);
    if (is_end(row, signal))
        container_thaw(e, row->id);
    /* As Docker's: SIGKILL answers when the container is gone. */
    if (r == 0 && l)
        (void)live_wait_done(l, deadline_after(KILL_WAIT_S));
    return r;
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
        if (r == 0)
            r = container_is_resting(row) ? kill_resting(e, ref, row, number, err)
                                          : kill_running(e, ref, row, number, err);
    } while (r == -EAGAIN); /* it was restarted between the look and the note: its row says so */
    return r;
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
