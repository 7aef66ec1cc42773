/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs of the protocol: which message does what. */
#include <errno.h>
#include <sys/socket.h>

#include "base/json.h"
#include "shim/check.h"
#include "shim/conn.h"
#include "shim/logger.h"
#include "shim/shim.h"

static int target_of(struct request *rq, struct task **out, struct err *err)
{
    const char *id = json_str(rq->msg, "exec", NULL);
    if (!id) {
        *out = rq->shim->init;
        return *out ? 0 : err_set(err, -ESRCH, "the container is not prepared");
    }
    struct exec *x = exec_find(rq->shim, id);
    if (!x)
        return err_set(err, -ENOENT, "no such exec: %s", id);
    *out = exec_task(x);
    return 0;
}

static int verb_hello(struct request *rq, struct err *err)
{
    int64_t protocol = json_int(rq->msg, "protocol", 0);
    if (protocol != SHIM_PROTOCOL)
        return err_set(err, -EPROTO, "berth-shim speaks protocol %d, not %lld", SHIM_PROTOCOL,
                       (long long)protocol);
    json_decref(rq->reply);
    rq->reply = state_status(rq->shim);
    return 0;
}

static int verb_status(struct request *rq, struct err *err)
{
    json_decref(rq->reply);
    rq->reply = state_status(rq->shim);
    return 0;
}

static int verb_prepare(struct request *rq, struct err *err)
{
    rq->shim->prepare = (struct pending){rq->conn, rq->seq};
    int r = container_prepare(rq->shim, json_object_get(rq->msg, "plan"), rq->fds, rq->nfds, err);
    rq->deferred = r == 0;
    if (r < 0)
        rq->shim->prepare = (struct pending){0};
    return r;
}

static int verb_go(struct request *rq, struct err *err)
{
    rq->shim->go = (struct pending){rq->conn, rq->seq};
    int r = container_go(rq->shim, err);
    rq->deferred = r == 0;
    if (r < 0) {
        rq->shim->go = (struct pending){0};
        rq->exit_code = 128;
    }
    return r;
}

static int verb_abort(struct request *rq, struct err *err)
{
    if (rq->shim->phase >= PHASE_RUNNING && rq->shim->phase != PHASE_ENDING)
        return err_set(err, -EBUSY, "the container is running: kill it");
    rq->shim->abort = (struct pending){rq->conn, rq->seq};
    rq->deferred = true;
    container_abort(rq->shim);
    return 0;
}

static int verb_kill(struct request *rq, struct err *err)
{
    return shim_kill(rq->shim, rq->msg, err);
}

static int verb_resize(struct request *rq, struct err *err)
{
    struct task *t;
    int r = target_of(rq, &t, err);
    return r < 0 ? r
                 : stdio_resize(&t->io, json_int(rq->msg, "rows", 0), json_int(rq->msg, "cols", 0),
                                err);
}

static int verb_attach(struct request *rq, struct err *err)
{
    struct task *t;
    int r = target_of(rq, &t, err);
    if (r < 0)
        return r;
    if (rq->nfds != 1)
        return err_set(err, -EINVAL, "attach: one descriptor is expected, %zu came", rq->nfds);
    return stdio_attach(&t->io, steal_fd(&rq->fds[0]), json_bool(rq->msg, "stdin", false),
                        json_bool(rq->msg, "stdout", false), json_bool(rq->msg, "stderr", false),
                        err);
}

static int verb_close_stdin(struct request *rq, struct err *err)
{
    struct task *t;
    int r = target_of(rq, &t, err);
    if (r == 0)
        stdio_close_in(&t->io);
    return r;
}

static int verb_exec(struct request *rq, struct err *err)
{
    struct pending owed = {rq->conn, rq->seq};
    int r = exec_start(rq->shim, rq->msg, rq->fds, rq->nfds, owed, err);
    rq->deferred = r == 0;
    rq->exit_code = 126;
    return r;
}

static int verb_exec_forget(struct request *rq, struct err *err)
{
    return exec_forget(rq->shim, json_str(rq->msg, "exec", ""), err);
}

static int verb_check(struct request *rq, struct err *err)
{
    return check_order(rq->shim, rq->conn, rq->msg, err);
}

static int verb_check_stop(struct request *rq, struct err *err)
{
    (void)err;
    check_stop(rq->shim, json_str(rq->msg, "check", NULL));
    return 0;
}

static int verb_root(struct request *rq, struct err *err)
{
    if (rq->shim->root < 0)
        return err_set(err, -ESRCH, "the container has no root mounted");
    rq->reply_fd = rq->shim->root;
    return 0;
}

static int verb_log_rotate(struct request *rq, struct err *err)
{
    if (!rq->shim->log)
        return err_set(err, -ENOTSUP, "the container keeps no log");
    logger_rotate(rq->shim->log);
    return 0;
}

static int verb_upgrade(struct request *rq, struct err *err)
{
    struct shim *s = rq->shim;
    if (rq->nfds != 1)
        return err_set(err, -EINVAL, "upgrade: one descriptor is expected, %zu came", rq->nfds);
    if (s->phase < PHASE_RUNNING || s->phase == PHASE_ENDING || s->released)
        return err_set(err, -EBUSY, "the container is %s, not running", state_phase_name(s->phase));
    int r = upgrade_start(s, rq->fds[0], err);
    if (r < 0)
        return r;
    s->upgrade = (struct pending){rq->conn, rq->seq};
    rq->deferred = true;
    return 0;
}

static int verb_release(struct request *rq, struct err *err)
{
    return container_release(rq->shim, err);
}

static const struct {
    const char *type;
    int (*run)(struct request *rq, struct err *err);
} verbs[] = {
    {"hello", verb_hello},
    {"prepare", verb_prepare},
    {"go", verb_go},
    {"abort", verb_abort},
    {"status", verb_status},
    {"kill", verb_kill},
    {"resize", verb_resize},
    {"attach", verb_attach},
    {"close_stdin", verb_close_stdin},
    {"exec", verb_exec},
    {"exec_forget", verb_exec_forget},
    {"check", verb_check},
    {"check_stop", verb_check_stop},
    {"root", verb_root},
    {"log_rotate", verb_log_rotate},
    {"release", verb_release},
    {"upgrade", verb_upgrade},
};

int verb_run(struct request *rq, struct err *err)
{
    const char *type = json_str(rq->msg, "type", "");
    for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
        if (str_eq(type, verbs[i].type))
            return verbs[i].run(rq, err);
    /* A message of a newer minor: said when it wants an answer, ignored otherwise. */
    return rq->seq ? err_set(err, -ENOSYS, "berth-shim %d.%d does not know \"%s\"", SHIM_PROTOCOL,
                             SHIM_MINOR, type)
                   : 0;
}
