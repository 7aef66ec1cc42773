/* SPDX-License-Identifier: Apache-2.0 */
/*
 * State
 *
 * `state` in the run directory is what a new berthd needs to find this shim and its container again; `exit` is the
 * container's end. Both are renamed into place; neither is synced, for they do not outlive a boot.
 */
#include <errno.h>
#include <fcntl.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "base/str.h"
#include "build-config.h"
#include "shim/logger.h"
#include "shim/shim.h"

const char *state_phase_name(enum shim_phase phase)
{
    switch (phase) {
    case PHASE_NEW:
    case PHASE_PREPARING:
        return "new";
    case PHASE_PREPARED:
    case PHASE_STARTING:
        return "prepared";
    case PHASE_RUNNING:
    case PHASE_EXITING:
        return "running";
    default:
        return "exited";
    }
}

static void read_boot_id(char *out, size_t n)
{
    _cleanup_(freep) char *text = NULL;
    if (fs_read(AT_FDCWD, "/proc/sys/kernel/random/boot_id", 128, &text, NULL) < 0)
        log_warn("the boot id cannot be read");
    snprintf(out, n, "%s", text ? str_trim(text) : "");
}

static json_t *execs(const struct shim *s)
{
    json_t *list = json_array();
    for (struct exec *x = s->execs; x; x = exec_next(x))
        if (!exec_is_check(x))
            json_push_take(list, exec_status(x));
    return list;
}

json_t *state_exit(const struct shim *s)
{
    json_t *o = json_object();
    json_put_int(o, "code", s->exit.code);
    json_put_int(o, "signal", s->exit.signal);
    json_put_bool(o, "oom", s->exit.oom);
    json_put_int(o, "time_ns", s->exit.time_ns);
    json_put_str(o, "error", s->exit.error);
    return o;
}

void state_exit_load(struct shim *s, const json_t *o)
{
    s->exit = (struct exit_info){.code = (int)json_int(o, "code", 0),
                                 .signal = (int)json_int(o, "signal", 0),
                                 .oom = json_bool(o, "oom", false),
                                 .time_ns = json_int(o, "time_ns", 0),
                                 .error = xstrdup0(json_str(o, "error", NULL))};
}

/* What the log is now; the reason why it is not the plan's where it has no fresher failure. */
static json_t *log_status(const struct shim *s)
{
    json_t *o = s->log ? logger_status(s->log) : s->log_choice.words ? json_object() : json_null();
    if (s->log_choice.words && !json_str(o, "error", NULL))
        json_put_str(o, "error", s->log_choice.words);
    return o;
}

json_t *state_status(const struct shim *s)
{
    json_t *o = json_object();
    json_put_str(o, "phase", state_phase_name(s->phase));
    json_put_int(o, "pid", s->init ? s->init->pid : 0);
    json_put_int(o, "start", s->init ? (int64_t)s->init->start : 0);
    json_put_take(o, "exit", s->phase == PHASE_EXITED ? state_exit(s) : json_null());
    json_put_take(o, "execs", execs(s));
    json_put_take(o, "log", log_status(s));
    return o;
}

void state_write(struct shim *s)
{
    static char boot[64];
    static uint64_t start;
    if (!start) {
        read_boot_id(boot, sizeof(boot));
        start = task_start_time(getpid());
    }
    json_auto_t *o = json_object();
    json_put_int(o, "protocol", SHIM_PROTOCOL);
    json_put_str(o, "build", BERTH_VERSION);
    json_put_str(o, "id", s->id);
    json_put_int(o, "shim_pid", getpid());
    json_put_int(o, "shim_start", (int64_t)start);
    json_put_str(o, "boot_id", boot);
    json_put_int(o, "init_pid", s->init ? s->init->pid : 0);
    json_put_int(o, "init_start", s->init ? (int64_t)s->init->start : 0);
    json_put_str(o, "phase", state_phase_name(s->phase));
    json_put_take(o, "execs", execs(s));
    _cleanup_(freep) char *text = json_text(o);
    int r = fs_write_atomic(s->rundir, "state", text, strlen(text), 0600, false);
    /* After a release the directory may be gone already. */
    if (r < 0 && !(r == -ENOENT && s->released))
        log_error("container %s: writing state: errno %d", s->id, -r);
    reexec_snapshot(s);
}

int state_write_exit(struct shim *s)
{
    json_auto_t *o = state_exit(s);
    _cleanup_(freep) char *text = json_text(o);
    return fs_write_atomic(s->rundir, "exit", text, strlen(text), 0600, false);
}
