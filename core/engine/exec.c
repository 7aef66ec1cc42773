/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exec
 *
 * An exec is a row from its creation to the end of its container, or some minutes after its own: a container that is asked for something
 * each second lives for months. The shim runs it and keeps its exit code; inspect asks the shim where the row still says running, so that a
 * client whose stream has ended sees the code.
 */
#include <errno.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/failpoint.h"
#include "base/id.h"
#include "base/json.h"
#include "base/log.h"
#include "engine/body.h"
#include "engine/execs.h"
#include "engine/inherit.h"
#include "engine/live.h"
#include "runtime/plan.h"
#include "state/exec.h"

/* What has ended is kept for five minutes, as Docker's. */
#define KEPT_NS        (300 * NS_PER_SEC)
#define PRUNE_EVERY_NS (60 * NS_PER_SEC)

static const struct member exec_members[] = {
    {"User", MEMBER_STRING, "\"\""},        {"Privileged", MEMBER_BOOL, "false"},
    {"Tty", MEMBER_BOOL, "false"},          {"ConsoleSize", MEMBER_INTS, NULL},
    {"AttachStdin", MEMBER_BOOL, "false"},  {"AttachStderr", MEMBER_BOOL, "false"},
    {"AttachStdout", MEMBER_BOOL, "false"}, {"DetachKeys", MEMBER_STRING, "\"\""},
    {"Env", MEMBER_STRINGS, "[]"},          {"WorkingDir", MEMBER_STRING, "\"\""},
    {"Cmd", MEMBER_STRINGS, "[]"},
};

static char *command_words(const json_t *config)
{
    _cleanup_(strv_fini) struct strv words = {0};
    const json_t *cmd = json_arr(config, "Cmd");
    for (size_t i = 0; i < json_array_size(cmd); i++)
        strv_add(&words, json_string_value(json_array_get(cmd, i)));
    return strv_join(&words, " ");
}

static void exec_event(struct engine *e, const struct state_container *row,
                       const struct state_exec *exec, const char *verb)
{
    _cleanup_(freep) char *words = command_words(exec->config);
    _cleanup_(freep) char *action = str_printf("%s: %s", verb, words);
    json_t *extra = json_object();
    json_put_str(extra, "execID", exec->id);
    container_event(e, row, action, extra);
}

static int check_runs(struct engine *e, const struct state_container *row, struct shim **shim,
                      struct err *err)
{
    if (str_eq(row->status, "paused"))
        return err_set(err, -EBUSY, "container %s is paused, unpause the container before exec",
                       row->id);
    return live_shim(e, row, shim, err);
}

/* Confined as what runs there was at its start. */
static int process_of_exec(const json_t *config, const struct state_container *row,
                           json_t **process, struct err *err)
{
    const json_t *ulimits;
    json_auto_t *host_config = inherit_running(row, &ulimits);
    return runtime_exec_process(config, row->config, host_config, ulimits, process, err);
}

/* No thread does it: rows become more only where execs are made. */
static void forget_old(struct engine *e)
{
    _cleanup_(err_fini) struct err err = {0};
    int64_t now = time_now_ns();
    pthread_mutex_lock(&e->lock);
    bool due = now - e->execs_pruned_ns > PRUNE_EVERY_NS || now < e->execs_pruned_ns;
    if (due)
        e->execs_pruned_ns = now;
    pthread_mutex_unlock(&e->lock);
    if (due && state_exec_prune(e->state, now - KEPT_NS, &err) < 0)
        log_warn("forgetting execs that ended: %s", err_msg(&err));
}

int engine_exec_create(struct engine *e, const char *ref, const json_t *body, json_t **out,
                       struct err *err)
{
    _cleanup_(state_container_freep) struct state_container *row = NULL;
    _cleanup_(shim_unrefp) struct shim *shim = NULL;
    json_auto_t *config = NULL, *process = NULL;
    int r = state_container_find(e->state, ref, &row, err);
    if (r == 0)
        r = body_read(body, exec_members, ARRAY_SIZE(exec_members), "ExecConfig", &config, err);
    if (r < 0)
        return r;
    if (json_array_size(json_arr(config, "Cmd")) == 0)
        return err_set(err, -EINVAL, "No exec command specified");
    r = check_runs(e, row, &shim, err);
    if (r == 0)
        r = process_of_exec(config, row, &process, err);
    if (r < 0)
        return r;
    forget_old(e);
    char id[ID_MAX];
    id_new(id);
    struct state_exec exec = {
        .id = id, .container_id = row->id, .created_ns = time_now_ns(), .config = config};
    r = state_exec_insert(e->state, &exec, err);
    if (r < 0)
        return r;
    (void)failpoint("exec.row", NULL);
    exec_event(e, row, &exec, "exec_create");
    *out = json_object();
    json_put_str(*out, "Id", id);
    return 0;
}

/* Takes the code of an ended exec from the shim's status; false where the shim does not know the exec. */
static bool take_code(const json_t *status, struct state_exec *exec)
{
    const json_t *execs = json_arr(status, "execs");
    for (size_t i = 0; i < json_array_size(execs); i++) {
        const json_t *x = json_array_get(execs, i);
        if (!str_eq(json_str(x, "id", ""), exec->id))
            continue;
        exec->exited = !json_bool(x, "running", true);
        exec->running = !exec->exited;
        exec->exit_code = json_int(x, "exit_code", 0);
        return true;
    }
    return false;
}

/* Asks the shim where the event has not been handled yet. A shim that does not know the exec any more was told that its
 * code is written: the row is newer then than the one that was read. */
static void exec_refresh(struct engine *e, const struct state_container *row,
                         struct state_exec **exec)
{
    _cleanup_(shim_unrefp) struct shim *shim = NULL;
    json_auto_t *status = NULL;
    if (!(*exec)->running)
        return;
    if (live_shim(e, row, &shim, NULL) == 0 && shim_status(shim, &status, NULL) == 0 &&
        take_code(status, *exec))
        return;
    struct state_exec *newer = NULL;
    if (state_exec_find(e->state, (*exec)->id, &newer, NULL) < 0)
        return;
    state_exec_free(*exec);
    *exec = newer;
}

static json_t *process_view(const json_t *config, const json_t *container_config)
{
    const json_t *cmd = json_arr(config, "Cmd");
    json_t *args = json_array();
    for (size_t i = 1; i < json_array_size(cmd); i++)
        json_array_append(args, json_array_get(cmd, i));
    const char *user = json_str(config, "User", "");
    if (!*user)
        user = json_str(container_config, "User", "");
    json_t *p = json_object();
    json_put_bool(p, "tty", json_bool(config, "Tty", false));
    json_put_str(p, "entrypoint", json_string_value(json_array_get(cmd, 0)));
    json_put_take(p, "arguments", args);
    json_put_bool(p, "privileged", json_bool(config, "Privileged", false));
    if (*user)
        json_put_str(p, "user", user);
    return p;
}

int engine_exec_inspect(struct engine *e, const char *id, json_t **out, struct err *err)
{
    _cleanup_(state_exec_freep) struct state_exec *x = NULL;
    _cleanup_(state_container_freep) struct state_container *row = NULL;
    int r = state_exec_find(e->state, id, &x, err);
    if (r == 0)
        r = state_container_get(e->state, x->container_id, &row, err);
    if (r < 0)
        return r;
    exec_refresh(e, row, &x);
    json_t *o = json_object();
    json_put_str(o, "ID", x->id);
    json_put_bool(o, "Running", x->running);
    json_put_take(o, "ExitCode", x->exited ? json_integer(x->exit_code) : json_null());
    json_put_take(o, "ProcessConfig", process_view(x->config, row->config));
    json_put_bool(o, "OpenStdin", json_bool(x->config, "AttachStdin", false));
    json_put_bool(o, "OpenStderr", json_bool(x->config, "AttachStderr", false));
    json_put_bool(o, "OpenStdout", json_bool(x->config, "AttachStdout", false));
    json_put_bool(o, "CanRemove", x->exited);
    json_put_str(o, "ContainerID", x->container_id);
    json_put_str(o, "DetachKeys", json_str(x->config, "DetachKeys", ""));
    json_put_int(o, "Pid", x->running ? x->pid : 0);
    *out = o;
    return 0;
}

/* One start only: the first one that marks the row has it. */
static int exec_take(struct engine *e, const char *id, struct state_exec **exec, struct err *err)
{
    _cleanup_(state_exec_freep) struct state_exec *x = NULL;
    pthread_mutex_lock(&e->row_lock);
    int r = state_exec_find(e->state, id, &x, err);
    if (r == 0 && (x->running || x->exited || x->started_ns > 0))
        r = err_set(err, -EBUSY, "exec command %s has already run", id);
    if (r == 0) {
        x->started_ns = time_now_ns();
        x->running = true;
        r = state_exec_update(e->state, x, err);
    }
    pthread_mutex_unlock(&e->row_lock);
    if (r == 0)
        *exec = steal_ptr(&x);
    return r;
}

struct exec_result {
    bool running;
    pid_t pid;
    int64_t code, time_ns;
    const char *error;
};

/* Writes what happened; an exit that was written already stays. */
static int exec_write(struct engine *e, const char *id, const struct exec_result *result,
                      struct err *err)
{
    _cleanup_(state_exec_freep) struct state_exec *x = NULL;
    pthread_mutex_lock(&e->row_lock);
    int r = state_exec_find(e->state, id, &x, err);
    if (r == 0 && !x->exited) {
        x->running = result->running;
        if (result->pid)
            x->pid = result->pid;
        if (!result->running) {
            x->exited = true;
            x->exit_code = result->code;
            x->finished_ns = result->time_ns;
            free(x->error);
            x->error = xstrdup(result->error ? result->error : "");
        }
        r = state_exec_update(e->state, x, err);
    }
    pthread_mutex_unlock(&e->row_lock);
    if (r != -ENOENT)
        return r < 0 ? err_wrap(err, "exec %s", id) : 0;
    err_clear(err);
    return 0;
}

static void exec_note(struct engine *e, const char *id, const struct exec_result *result)
{
    _cleanup_(err_fini) struct err err = {0};
    if (exec_write(e, id, result, &err) < 0)
        log_error("%s", err_msg(&err));
}

static int exec_spawn(struct engine *e, struct shim *shim, const struct state_exec *x,
                      const json_t *process, int sock, struct err *err)
{
    struct shim_attach streams = {.stdin_on = json_bool(x->config, "AttachStdin", false),
                                  .stdout_on = json_bool(x->config, "AttachStdout", false),
                                  .stderr_on = json_bool(x->config, "AttachStderr", false)};
    struct shim_process started = {0};
    int code = 0;
    int r =
        shim_exec(shim, x->id, process, sock >= 0 ? &streams : NULL, sock, &started, &code, err);
    struct exec_result result = {.running = r == 0, .pid = started.pid};
    if (r < 0) {
        result.code = code ? code : 126;
        result.time_ns = time_now_ns();
        result.error = err_msg(err);
    }
    (void)failpoint("exec.started", NULL);
    exec_note(e, x->id, &result);
    if (r < 0 && code)
        return err_set(err, -ENOEXEC, "%s", err_msg(err));
    return r;
}

static int exec_process(const struct state_exec *x, const struct state_container *row, bool tty,
                        int64_t rows, int64_t cols, json_t **process, struct err *err)
{
    int r = process_of_exec(x->config, row, process, err);
    if (r < 0)
        return r;
    const json_t *size = json_arr(x->config, "ConsoleSize");
    if (rows == 0 && cols == 0 && json_array_size(size) == 2) {
        rows = json_integer_value(json_array_get(size, 0));
        cols = json_integer_value(json_array_get(size, 1));
    }
    if (rows > 0 && cols > 0 && rows <= UINT16_MAX && cols <= UINT16_MAX) {
        json_put_int(*process, "rows", rows);
        json_put_int(*process, "cols", cols);
    }
    (void)tty; /* the exec's own word, given at its creation, counts */
    return 0;
}

int engine_exec_start(struct engine *e, const char *id, bool tty, int64_t rows, int64_t cols,
                      int *fd, struct err *err)
{
    _cleanup_(state_exec_freep) struct state_exec *x = NULL;
    _cleanup_(state_container_freep) struct state_container *row = NULL;
    _cleanup_(shim_unrefp) struct shim *shim = NULL;
    json_auto_t *process = NULL;
    int r = state_exec_find(e->state, id, &x, err);
    if (r == 0)
        r = state_container_get(e->state, x->container_id, &row, err);
    if (r == 0)
        r = check_runs(e, row, &shim, err);
    if (r == 0)
        r = exec_process(x, row, tty, rows, cols, &process, err);
    if (r < 0)
        return r;
    state_exec_free(steal_ptr(&x));
    int pair[2] = {-1, -1};
    if (fd && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return err_errno(err, -errno, "starting exec %s", id);
    _cleanup_(closep) int ours = pair[0], theirs = pair[1];
    r = exec_take(e, id, &x, err);
    if (r < 0)
        return r;
    (void)failpoint("exec.taken", NULL);
    exec_event(e, row, x, "exec_start");
    r = exec_spawn(e, shim, x, process, theirs, err);
    if (r == 0 && fd)
        *fd = steal_fd(&ours);
    return r;
}

int engine_exec_resize(struct engine *e, const char *id, int64_t rows, int64_t cols,
                       struct err *err)
{
    _cleanup_(state_exec_freep) struct state_exec *x = NULL;
    _cleanup_(state_container_freep) struct state_container *row = NULL;
    _cleanup_(shim_unrefp) struct shim *shim = NULL;
    if (rows < 0 || rows > UINT16_MAX || cols < 0 || cols > UINT16_MAX)
        return err_set(err, -EINVAL, "a window has 0 to %d rows and columns", UINT16_MAX);
    int r = state_exec_find(e->state, id, &x, err);
    if (r == 0)
        r = state_container_get(e->state, x->container_id, &row, err);
    if (r == 0 && !x->running)
        r = err_set(err, -EBUSY, "exec %s is not running", id);
    if (r == 0)
        r = live_shim(e, row, &shim, err);
    return r < 0 ? r : shim_resize(shim, x->id, (unsigned)rows, (unsigned)cols, err);
}

int exec_exited(struct engine *e, const struct state_container *row, const char *id, int code,
                int64_t time_ns, struct err *err)
{
    _cleanup_(state_exec_freep) struct state_exec *x = NULL;
    struct exec_result result = {.code = code, .time_ns = time_ns};
    int r = exec_write(e, id, &result, err);
    if (r < 0)
        return r;
    (void)failpoint("exec.ended", NULL);
    if (state_exec_find(e->state, id, &x, NULL) < 0)
        return 0;
    json_t *extra = json_object();
    json_put_str(extra, "execID", id);
    json_put_strf(extra, "exitCode", "%d", code);
    container_event(e, row, "exec_die", extra);
    return 0;
}

void execs_end(struct engine *e, const struct state_container *row, int64_t time_ns)
{
    _cleanup_(err_fini) struct err err = {0};
    _cleanup_(state_execs_fini) struct state_execs list = {0};
    if (state_exec_list(e->state, row->id, true, &list, &err) < 0)
        log_error("execs of container %s: %s", row->id, err_msg(&err));
    for (size_t i = 0; i < list.n; i++)
        if (list.v[i]->running && exec_exited(e, row, list.v[i]->id, 137, time_ns, &err) < 0)
            log_error("%s", err_msg(&err));
}

void execs_look(struct engine *e, const struct state_container *row, const json_t *status)
{
    _cleanup_(state_execs_fini) struct state_execs list = {0};
    if (state_exec_list(e->state, row->id, true, &list, NULL) < 0)
        return;
    for (size_t i = 0; i < list.n; i++) {
        struct exec_result never = {.code = 126,
                                    .time_ns = time_now_ns(),
                                    .error = "the daemon died before the exec was started"};
        if (list.v[i]->running && !take_code(status, list.v[i]))
            exec_note(e, list.v[i]->id, &never);
    }
}

json_t *execs_running(struct engine *e, const char *container_id)
{
    _cleanup_(state_execs_fini) struct state_execs list = {0};
    if (state_exec_list(e->state, container_id, true, &list, NULL) < 0)
        return json_null();
    json_t *ids = json_array();
    for (size_t i = 0; i < list.n; i++)
        json_push_str(ids, list.v[i]->id);
    if (json_array_size(ids) > 0)
        return ids;
    json_decref(ids);
    return json_null();
}
