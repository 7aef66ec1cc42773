/* SPDX-License-Identifier: Apache-2.0 */
/* The requests of the shim's protocol, one function each. */
#include <errno.h>
#include <stdio.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/str.h"
#include "runtime/shim-client.h"
#include "runtime/shim-internal.h"

/* How long an answer may take. Preparing mounts and starting may wait for slow disks; all else is the shim's own. */
#define SLOW_MS  60000
#define QUICK_MS 10000
#define TELL_MS  100
#define ABORT_MS 3000 /* it is killed otherwise */

static json_t *message(const char *type, const char *exec)
{
    json_t *m = json_object();
    json_put_str(m, "type", type);
    if (exec)
        json_put_str(m, "exec", exec);
    return m;
}

static int call_quick(struct shim *s, json_t *msg, struct err *err)
{
    return shim_request(s, msg, &(struct shim_call){.timeout_ms = QUICK_MS}, NULL, NULL, err);
}

static void read_process(const json_t *reply, struct shim_process *out)
{
    if (!out)
        return;
    out->pid = (pid_t)json_int(reply, "pid", 0);
    out->start = (uint64_t)json_int(reply, "start", 0);
}

int shim_start(struct shim *s, struct shim_run *run, struct err *err)
{
    struct shim_waiter prepared, gone;
    struct shim_call call = {.fds = run->fds, .nfds = run->nfds, .timeout_ms = SLOW_MS};
    json_auto_t *process = NULL, *reply = NULL;
    json_t *m = message("prepare", NULL);
    json_put(m, "plan", run->plan);
    shim_ask(s, m, &call, &prepared);
    int r = run->meanwhile ? run->meanwhile(run->arg, err) : 0;
    if (r < 0) {
        _cleanup_(err_fini) struct err own = {0};
        if (r != -ESRCH)
            (void)shim_abort(s, NULL);
        int p = shim_hear(s, &prepared, NULL, NULL, &own);
        if (r != -ESRCH || p == 0 || p == -ECONNRESET)
            return r;
        /* It had given up, and why is what matters, not that it was missed. */
        err_move(err, &own);
        return p;
    }
    shim_ask(s, message("go", NULL), &(struct shim_call){.timeout_ms = SLOW_MS}, &gone);
    r = shim_hear(s, &prepared, &process, NULL, err);
    if (r == 0)
        read_process(process, &run->init);
    int g = shim_hear(s, &gone, &reply, NULL, r < 0 ? NULL : err);
    if (r == 0)
        run->exit_code = (int)json_int(reply, "exit_code", 0);
    return r < 0 ? r : g;
}

int shim_abort(struct shim *s, struct err *err)
{
    shim_mark_leaving(s);
    if (!s->met)
        return shim_destroy(s);
    struct shim_call call = {.timeout_ms = ABORT_MS};
    return shim_request(s, message("abort", NULL), &call, NULL, NULL, err);
}

int shim_status(struct shim *s, json_t **status, struct err *err)
{
    struct shim_call call = {.timeout_ms = QUICK_MS};
    return shim_request(s, message("status", NULL), &call, status, NULL, err);
}

int shim_answers(struct shim *s, int64_t timeout_ms)
{
    struct shim_call call = {.timeout_ms = timeout_ms};
    return shim_request(s, message("status", NULL), &call, NULL, NULL, NULL);
}

int shim_kill(struct shim *s, const char *exec, int signal, bool all, struct err *err)
{
    json_t *m = message("kill", exec);
    json_put_int(m, "signal", signal);
    if (all)
        json_put_bool(m, "all", true);
    return call_quick(s, m, err);
}

int shim_resize(struct shim *s, const char *exec, unsigned rows, unsigned cols, struct err *err)
{
    json_t *m = message("resize", exec);
    json_put_int(m, "rows", rows);
    json_put_int(m, "cols", cols);
    return call_quick(s, m, err);
}

static void put_streams(json_t *o, const struct shim_attach *streams)
{
    json_put_bool(o, "stdin", streams->stdin_on);
    json_put_bool(o, "stdout", streams->stdout_on);
    json_put_bool(o, "stderr", streams->stderr_on);
}

int shim_attach(struct shim *s, const char *exec, const struct shim_attach *streams, int sock,
                struct err *err)
{
    json_t *m = message("attach", exec);
    put_streams(m, streams);
    json_put_bool(m, "logs", false);
    struct shim_call call = {.fds = &sock, .nfds = 1, .timeout_ms = QUICK_MS};
    return shim_request(s, m, &call, NULL, NULL, err);
}

int shim_close_stdin(struct shim *s, const char *exec, struct err *err)
{
    return call_quick(s, message("close_stdin", exec), err);
}

int shim_exec(struct shim *s, const char *exec, const json_t *process,
              const struct shim_attach *streams, int sock, struct shim_process *out, int *exit_code,
              struct err *err)
{
    json_t *m = message("exec", exec);
    json_put(m, "process", process);
    json_t *attach = streams ? json_object() : json_null();
    if (streams)
        put_streams(attach, streams);
    json_put_take(m, "attach", attach);
    json_auto_t *reply = NULL;
    struct shim_call call = {.fds = &sock, .nfds = streams ? 1 : 0, .timeout_ms = SLOW_MS};
    int r = shim_request(s, m, &call, &reply, NULL, err);
    if (exit_code)
        *exit_code = (int)json_int(reply, "exit_code", 0);
    if (r == 0)
        read_process(reply, out);
    return r;
}

int shim_exec_forget(struct shim *s, const char *exec, struct err *err)
{
    return call_quick(s, message("exec_forget", exec), err);
}

int shim_check(struct shim *s, json_t *order)
{
    json_put_str(order, "type", "check");
    return shim_tell(s, order, TELL_MS);
}

int shim_check_stop(struct shim *s, const char *check)
{
    json_auto_t *m = message("check_stop", NULL);
    json_put_str(m, "check", check);
    return shim_tell(s, m, TELL_MS);
}

int shim_root(struct shim *s, int *fd, struct err *err)
{
    struct shim_call call = {.timeout_ms = QUICK_MS};
    _cleanup_(closep) int got = -1;
    int r = shim_request(s, message("root", NULL), &call, NULL, &got, err);
    if (r < 0)
        return r;
    if (got < 0)
        return err_set(err, -EPROTO, "the shim of container %.12s sent no descriptor of its root",
                       s->id);
    *fd = steal_fd(&got);
    return 0;
}

int shim_log_rotate(struct shim *s, struct err *err)
{
    return call_quick(s, message("log_rotate", NULL), err);
}

int shim_upgrade(struct shim *s, int image, struct err *err)
{
    struct shim_call call = {.fds = &image, .nfds = 1, .timeout_ms = QUICK_MS};
    return shim_request(s, message("upgrade", NULL), &call, NULL, NULL, err);
}

int shim_release(struct shim *s, struct err *err)
{
    shim_mark_leaving(s);
    return call_quick(s, message("release", NULL), err);
}

void shim_exit_read(const json_t *e, struct shim_exit *out)
{
    *out = (struct shim_exit){
        .code = (int)json_int(e, "code", 255),
        .signal = (int)json_int(e, "signal", 0),
        .oom = json_bool(e, "oom", false),
        .time_ns = json_int(e, "time_ns", 0),
    };
}

int shim_read_exit(int rundir, struct shim_exit *out, struct err *err)
{
    _cleanup_(freep) char *text = NULL;
    size_t n;
    int r = fs_read(rundir, "exit", 65536, &text, &n);
    if (r < 0)
        return err_errno(err, r, "reading the shim's exit file");
    json_auto_t *e = NULL;
    r = json_parse(text, n, &e, err);
    if (r < 0)
        return err_wrap(err, "the shim's exit file");
    shim_exit_read(e, out);
    return 0;
}
