/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Start
 *
 * Network, control groups and the plan are made here; the shim does the rest. The row says "running" before anybody is told,
 * and only then the shim's news are handled. Every step that fails takes back the earlier ones.
 */
#include "engine/start.h"

#include <errno.h>
#include <fcntl.h>

#include "base/clock.h"
#include "base/failpoint.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "config/config.h"
#include "engine/exits.h"
#include "engine/health.h"
#include "engine/hosts.h"
#include "engine/inherit.h"
#include "engine/live.h"
#include "engine/log-driver.h"
#include "engine/log-status.h"
#include "engine/networks.h"
#include "engine/record.h"
#include "engine/remove.h"
#include "engine/restart-policy.h"
#include "engine/storage.h"
#include "engine/turns.h"
#include "engine/volumes.h"
#include "runtime/cgroup.h"
#include "runtime/plan.h"
#include "runtime/procfs.h"
#include "runtime/seccomp.h"

#define SPARE_DELAY_MS 10

struct starting {
    struct engine *engine;
    struct state_container *row;
    struct live *live;
    struct shim *shim;
    struct connection net;
    json_t *host_config, *ulimits; /* with daemon.conf's defaults; limits that are only defaults */
    json_t *rootfs, *log;          /* of the plan; log NULL: none */
    bool cgroup, connected, done;
    bool by_policy, cancelled;
    struct shim_process init;
    int64_t begun_ns;
    int exit_code; /* 126, 127 when the program could not be started */
};

/* Takes back what was made. */
static void starting_undo(struct starting *s)
{
    struct engine *e = s->engine;
    if (s->shim) {
        /* It refuses where the program runs already (the end was wanted meanwhile): the program goes with it. */
        if (shim_abort(s->shim, NULL) < 0 || shim_wait_dead(s->shim, 2000) < 0) {
            (void)shim_destroy(s->shim);
            (void)shim_wait_dead(s->shim, 2000);
        }
        shim_close(s->shim);
    }
    if (s->live) {
        attaches_deliver(e, s->row->id, NULL);
        rundir_remove(e, s->row->id);
        live_done(s->live);
    }
    if (s->connected || s->cgroup)
        container_take_back(e, s->row);
}

/* The program that was just started may be one that ends at once: its end goes first, but where other starts wait for a shim. */
static void want_spare(const struct starting *s)
{
    struct engine *e = s->engine;
    pthread_mutex_lock(&e->lock);
    bool busy = e->starting > 0;
    pthread_mutex_unlock(&e->lock);
    shim_spare_want(e->spare, json_str(s->log, "path", NULL), busy ? 0 : SPARE_DELAY_MS);
}

static void starting_end(struct starting *s)
{
    if (!s->done)
        starting_undo(s);
    turn_give(s->engine);
    if (s->shim)
        want_spare(s);
    if (s->live)
        live_unref(s->live);
    connection_fini(&s->net);
    json_decref(s->host_config);
    json_decref(s->ulimits);
    json_decref(s->rootfs);
    json_decref(s->log);
}

static int build_plan(struct starting *s, json_t **plan, struct err *err)
{
    struct engine *e = s->engine;
    const struct state_container *row = s->row;
    int r = log_plan(e, row, &s->log, err);
    if (r < 0)
        return r;
    _cleanup_(freep) char *hosts = container_path(e, row->id, "hosts");
    _cleanup_(freep) char *hostname = container_path(e, row->id, "hostname");
    _cleanup_(freep) char *resolv = container_path(e, row->id, "resolv.conf");
    bool with_init = json_bool(s->host_config, "Init", false);
    if (with_init && !e->init_path)
        return err_set(err, -ENOENT, "--init: berth-init is not installed");
    struct runtime_input in = {
        .id = row->id,
        .name = row->name,
        .instance = state_instance(e->state),
        .config = row->config,
        .host_config = s->host_config,
        .rootfs = s->rootfs,
        .mounts = json_arr(row->runtime, "mounts"),
        .hosts_path = hosts,
        .hostname_path = hostname,
        .resolv_path = resolv,
        .init_path = with_init ? e->init_path : NULL,
        .hostname = json_str(row->config, "Hostname", NULL),
        .netns_fd = s->net.netns >= 0,
        .log = s->log,
        .cgroup = e->cgroup,
        .default_ulimits = s->ulimits,
    };
    return runtime_plan_build(&in, plan, err);
}

static int spawn(struct starting *s, struct err *err)
{
    struct engine *e = s->engine;
    int r = storage_rootfs(e->storage, s->row->layer_id,
                           s->row->auto_remove ? BERTH_MOUNT_EPHEMERAL : 0, &s->rootfs, err);
    if (r < 0)
        return r;
    _cleanup_(closep) int rundir = rundir_open(e, s->row->id, true);
    if (rundir < 0)
        return err_errno(err, rundir, "making the run directory of container %s", s->row->id);
    r = failpoint("start.rundir", err);
    if (r == 0)
        r = shim_spawn(e->reactor, e->shim_image, e->spare, s->row->id, rundir, s->rootfs,
                       &live_events, s->live, &s->shim, err);
    if (r < 0)
        return r;
    live_set_shim(s->live, s->shim);
    return failpoint("start.spawned", err);
}

static int connect_network(struct starting *s, struct err *err)
{
    int r = container_connect(&s->net, err);
    if (r < 0)
        return r;
    s->connected = true;
    return failpoint("start.connected", err);
}

/* While the shim prepares: the network is made, its ports are tied to the shim's life, and clients that wait get their streams before the
 * program runs, so that they miss nothing. */
static int meanwhile(void *arg, struct err *err)
{
    struct starting *s = arg;
    int r = s->connected ? 0 : connect_network(s, err);
    if (r == 0)
        r = container_connect_owner(s->engine, s->row->id, shim_pid(s->shim),
                                    shim_start_time(s->shim), err);
    if (r == 0)
        r = failpoint("start.preparing", err);
    if (r == 0)
        attaches_deliver(s->engine, s->row->id, s->shim);
    return r;
}

static int run(struct starting *s, const json_t *plan, struct err *err)
{
    int fds[2], seccomp_fd = -1;
    size_t n = 0;
    int r = seccomp_of(s->engine->seccomp, s->host_config, &seccomp_fd, err);
    _cleanup_(closep) int seccomp = seccomp_fd;
    if (r == 0)
        r = shim_meet(s->shim, err);
    if (r < 0)
        return r;
    if (seccomp >= 0)
        fds[n++] = seccomp;
    if (s->net.netns >= 0)
        fds[n++] = s->net.netns;
    struct shim_run run = {.plan = plan, .fds = fds, .nfds = n, .meanwhile = meanwhile, .arg = s};
    r = shim_start(s->shim, &run, err);
    s->init = run.init;
    s->exit_code = run.exit_code;
    if (r < 0)
        return s->exit_code ? err_set(err, -ENOEXEC, "%s", err_msg(err)) : r;
    return failpoint("start.gone", err);
}

static void mark_running(struct state_container *row, void *arg)
{
    struct starting *s = arg;
    s->cancelled = s->by_policy && !container_is_resting(row);
    if (s->cancelled)
        return;
    if (!s->by_policy)
        restart_forget(row);
    free(row->status);
    row->status = xstrdup("running");
    row->pid = s->init.pid;
    row->pid_start = s->init.start;
    row->shim_pid = shim_pid(s->shim);
    row->shim_start = shim_start_time(s->shim);
    free(row->boot_id);
    row->boot_id = xstrdup(procfs_boot_id());
    row->exit_code = 0;
    free(row->error);
    row->error = xstrdup("");
    row->oom = false;
    row->stop_requested = false;
    inherit_note_start(row, s->host_config, s->ulimits);
    row->started_ns = time_now_ns();
    health_note_start(row);
    log_status_begin(row, s->begun_ns);
}

/* The shim comes up while this is made. */
static int make_all(struct starting *s, json_t **plan, struct err *err)
{
    struct engine *e = s->engine;
    s->begun_ns = time_now_ns();
    record_sweep(e, s->row->id);
    int r = container_inherit(e, &s->row, err);
    if (r < 0)
        return r;
    _cleanup_(config_unrefp) struct config *cfg = engine_config(e);
    s->host_config = inherit_effective(cfg, e->apparmor, s->row);
    s->ulimits = inherit_ulimits(cfg);
    r = live_new(e, s->row->id, &s->live, err);
    if (r == 0)
        r = spawn(s, err);
    if (r == 0)
        r = container_connect_begin(e, s->row, &s->net, err);
    /* Sysctls may be of interfaces, and are written when the shim prepares. */
    if (r == 0 && json_object_size(json_obj(s->host_config, "Sysctls")) > 0)
        r = connect_network(s, err);
    if (r < 0)
        return r;
    r = hosts_write(e, s->row, &s->net, err);
    if (r == 0)
        r = failpoint("start.hosts", err);
    if (r == 0)
        r = cgroup_create(e->cgroup, s->row->id, s->row->host_config, err);
    if (r < 0)
        return r;
    s->cgroup = true;
    r = failpoint("start.cgroup", err);
    return r < 0 ? r : build_plan(s, plan, err);
}

static int commit(struct starting *s, struct err *err)
{
    struct state_container *now = NULL;
    int r = container_modify(s->engine, s->row->id, mark_running, s, &now, err);
    if (r < 0)
        return r;
    state_container_free(s->row);
    s->row = now;
    if (s->cancelled)
        return err_set(err, -ECANCELED, "container %s was stopped meanwhile", now->name);
    (void)failpoint("start.running", NULL);
    record_write(s->engine, now->id);
    return 0;
}

struct failure {
    int code;
    const char *words;
    bool by_policy;
};

static void mark_failed(struct state_container *row, void *arg)
{
    const struct failure *f = arg;
    if (f->by_policy && !container_is_resting(row))
        return; /* its end was wanted meanwhile: the words of the last run stay */
    row->exit_code = f->code;
    free(row->error);
    row->error = xstrdup(f->words);
    if (!f->by_policy)
        return;
    row->finished_ns = time_now_ns();
    restart_decide(row, 0);
}

static void note_failure(struct starting *s, const struct err *err)
{
    struct failure f = {.code = s->exit_code ? s->exit_code : 128,
                        .words = err_msg(err),
                        .by_policy = s->by_policy};
    _cleanup_(err_fini) struct err words = {0};
    if (container_modify(s->engine, s->row->id, mark_failed, &f, NULL, &words) < 0)
        log_error("container %s: %s", s->row->id, err_msg(&words));
}

int container_start_claimed(struct engine *e, struct state_container **row, bool by_policy,
                            struct err *err)
{
    _cleanup_(starting_end) struct starting s = {
        .engine = e, .row = *row, .by_policy = by_policy, .net = {.netns = -1}};
    json_auto_t *plan = NULL;
    turn_take(e);
    int r = make_all(&s, &plan, err);
    if (r == 0)
        r = run(&s, plan, err);
    if (r == 0)
        r = commit(&s, err);
    *row = s.row;
    if (r < 0) {
        if (!s.cancelled)
            note_failure(&s, err);
        return r;
    }
    s.done = true;
    volumes_event(e, s.row, "mount");
    networks_event(e, s.row, "connect");
    container_event(e, s.row, "start", NULL);
    health_begin(e, s.row);
    live_open(s.live);
    return 0;
}

int container_check_startable(const struct state_container *row, struct err *err)
{
    if (str_eq(row->status, "paused"))
        return err_set(err, -EBUSY, "cannot start a paused container, try unpause instead");
    if (container_is_running(row))
        return err_set(err, -EALREADY, "container %s is already running", row->name);
    if (str_eq(row->status, "removing") || str_eq(row->status, "dead"))
        return err_set(err, -EBUSY, "container %s is marked for removal and cannot be started",
                       row->name);
    return 0;
}

int engine_container_start(struct engine *e, const char *ref, struct err *err)
{
    _cleanup_(state_container_freep) struct state_container *row = NULL;
    int r = container_claim(e, ref, "start", CLAIM_LIMIT_MS, &row, err);
    if (r < 0)
        return r;
    r = container_check_startable(row, err);
    bool tried = r == 0;
    if (tried)
        r = container_start_claimed(e, &row, false, err);
    bool gone = tried && r < 0 && row->auto_remove;
    container_unclaim(e, row->id);
    if (gone)
        container_auto_remove(e, row->id);
    return r;
}
