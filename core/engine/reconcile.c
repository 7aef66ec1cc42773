/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Start-up
 *
 * Rows against run directories, shims, control groups, networks and trees. A container that runs by its row is connected to; one whose
 * shim is gone gets the exit that the shim left, or 137; after a reboot it is 255. What a verb left half-done is finished or undone by the
 * claim in its row. Nothing that lives is killed but what its own row says was never started.
 */
#include "engine/reconcile.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/failpoint.h"
#include "base/fs.h"
#include "base/id.h"
#include "base/json.h"
#include "base/log.h"
#include "engine/execs.h"
#include "engine/exits.h"
#include "engine/health.h"
#include "engine/live.h"
#include "engine/log-status.h"
#include "engine/networks.h"
#include "engine/pause.h"
#include "engine/remove.h"
#include "engine/restart-policy.h"
#include "engine/restart.h"
#include "engine/update.h"
#include "engine/volumes.h"
#include "image/store.h"
#include "runtime/cgroup.h"
#include "runtime/procfs.h"
#include "state/network.h"

#define REBOOT_CODE  255
#define REBOOT_WORDS "the machine was started anew while the container ran"
#define GONE_CODE    137
#define GONE_WORDS   "the container's monitor (berth-shim) died while the daemon was away"
#define LOST_WORDS                                                                                 \
    "the run directory of the container's monitor (berth-shim) was taken away while the daemon "   \
    "was away: what could not be reached any more was killed"

struct repair {
    struct engine *engine;
    struct state_containers rows; /* brief */
    struct map known;             /* ids and names of run directories, of the rows */
    struct map leftovers; /* ids and 16-digit names of run directories: something is there */
    struct live **lives;  /* whose gates are opened last */
    size_t n_lives;
    struct strv strangers;  /* ids: they live and have no row */
    struct strv to_remove;  /* ids: exited with AutoRemove, or removal was begun */
    struct strv to_restart; /* ids: their claims stay until that is done */
};

static void repair_fini(struct repair *r)
{
    for (size_t i = 0; i < r->n_lives; i++)
        live_unref(r->lives[i]);
    free(r->lives);
    map_fini(&r->known, NULL);
    map_fini(&r->leftovers, NULL);
    strv_fini(&r->to_remove);
    strv_fini(&r->to_restart);
    strv_fini(&r->strangers);
    state_containers_fini(&r->rows);
}

static void add_live(struct repair *r, struct live *l)
{
    r->lives = xrealloc(r->lives, (r->n_lives + 1) * sizeof(struct live *));
    r->lives[r->n_lives++] = l;
}

/* A run directory has the first half of the id as its name. */
static void short_id(const char *id, char out[17])
{
    snprintf(out, 17, "%.16s", id);
}

static void know_rows(struct repair *r)
{
    char name[17];
    for (size_t i = 0; i < r->rows.n; i++) {
        short_id(r->rows.v[i]->id, name);
        map_set(&r->known, r->rows.v[i]->id, r);
        map_set(&r->known, name, r);
    }
}

/* --- containers that run by their rows */
static void ended_meanwhile(struct repair *r, const struct state_container *row, int64_t code,
                            int64_t time_ns, bool oom, const char *words)
{
    log_info("container %s ended while the daemon was away: exit code %lld", row->id,
             (long long)code);
    _cleanup_(err_fini) struct err err = {0};
    const struct container_end end = {.code = code, .time_ns = time_ns, .oom = oom, .error = words};
    if (container_ended(r->engine, row->id, &end, NULL, &err) <
        0) { /* the run directory keeps the code */
        log_error("the end of container %s could not be noted: %s", row->id, err_msg(&err));
        return;
    }
    (void)failpoint("reconcile.ended", NULL);
    rundir_remove(r->engine, row->id);
    if (row->auto_remove)
        strv_add(&r->to_remove, row->id);
}

/* The shim is gone: what it left, else the worst. */
static void shim_gone(struct repair *r, const struct state_container *row, int rundir)
{
    struct shim_exit exit = {0};
    if (rundir >= 0 && shim_read_exit(rundir, &exit, NULL) == 0)
        ended_meanwhile(r, row, exit.code, exit.time_ns, exit.oom, NULL);
    else
        ended_meanwhile(r, row, GONE_CODE, time_now_ns(), false, GONE_WORDS);
}

/* A shim that lives and cannot be reached is of no use to anybody. Whether there was one. */
static bool shim_end(const struct state_container *row)
{
    _cleanup_(closep) int pidfd = procfs_pidfd(row->shim_pid, row->shim_start);
    return pidfd >= 0 && procfs_pidfd_kill(pidfd, SIGKILL) == 0;
}

/* A monitor of another major is not to be driven, and its container not to be lost: the daemon of that major is to be started. */
static int another_major(struct err *why, struct err *err)
{
    return err_set(err, -EPROTONOSUPPORT,
                   "%s: start the berthd that it was started by, and stop the container first",
                   err_msg(why));
}

static int reattach(struct repair *r, const struct state_container *row, struct err *why)
{
    struct engine *e = r->engine;
    _cleanup_(err_fini) struct err err = {0};
    if (row->boot_id && !str_eq(row->boot_id, procfs_boot_id())) {
        ended_meanwhile(r, row, REBOOT_CODE, 0, false, REBOOT_WORDS);
        return 0;
    }
    struct live *l;
    struct shim *shim;
    _cleanup_(closep) int rundir = rundir_open(e, row->id, false);
    if (rundir == -ENOENT && shim_end(row)) {
        ended_meanwhile(r, row, GONE_CODE, time_now_ns(), false, LOST_WORDS);
        return 0;
    }
    if (rundir < 0 || live_new(e, row->id, &l, &err) < 0) {
        shim_gone(r, row, rundir);
        return 0;
    }
    json_auto_t *status = NULL;
    int ret = shim_connect(e->reactor, row->id, rundir, &live_events, l, &shim, &status, &err);
    if (ret == 0) {
        execs_look(e, row, status);
        live_set_shim(l, shim);
        add_live(r, l);
        log_info("container %s: connected to its monitor", row->id);
        container_pause_look(e, row);
        log_status_catch_up(e, row, status);
        return 0;
    }
    live_done(l);
    live_unref(l);
    if (ret == -EPROTONOSUPPORT)
        return another_major(&err, why);
    if (ret != -ESRCH) {
        log_error("container %s: its monitor cannot be reached: %s", row->id, err_msg(&err));
        (void)shim_end(row);
    }
    shim_gone(r, row, rundir);
    return 0;
}

/* --- containers that do not run by their rows */
/* A shim of a start that was never committed, or of an exit that was. */
static int end_leftover(struct repair *r, const struct state_container *row, int rundir,
                        struct err *why)
{
    struct engine *e = r->engine;
    _cleanup_(err_fini) struct err err = {0};
    struct shim *shim;
    json_auto_t *status = NULL;
    int ret = shim_connect(e->reactor, row->id, rundir, NULL, NULL, &shim, &status, &err);
    if (ret == 0 && str_eq(json_str(status, "phase", ""), "exited")) {
        shim_let_go(e, row->id, shim);
    } else if (ret == 0) {
        log_warn("container %s: its start was interrupted and is undone", row->id);
        (void)shim_destroy(shim);
        (void)shim_wait_dead(shim, 5000);
        shim_close(shim);
    }
    if (ret == 0)
        shim_unref(shim);
    if (ret == -EPROTONOSUPPORT)
        return another_major(&err, why);
    rundir_remove(e, row->id);
    return 0;
}

/* Run directories, control groups and attachments of whoever it may be: asked for once, not per container. */
static int find_leftovers(struct repair *r, struct err *err)
{
    struct engine *e = r->engine;
    _cleanup_(strv_fini) struct strv groups = {0};
    _cleanup_(state_endpoints_fini) struct state_endpoints attached = {0};
    int copy = openat(e->run_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_(closedirp) DIR *dir = copy < 0 ? NULL : fdopendir(copy);
    struct dirent *d;
    int ret = dir ? cgroup_list(e->cgroup, &groups, err)
                  : err_errno(err, -errno, "reading the run directories");
    if (ret == 0)
        ret = state_endpoint_list_attached(e->state, &attached, err);
    if (ret < 0)
        return ret;
    while ((d = readdir(dir)))
        map_set(&r->leftovers, d->d_name, r);
    const char *id;
    strv_foreach (id, &groups)
        map_set(&r->leftovers, id, r);
    for (size_t i = 0; i < attached.n; i++)
        map_set(&r->leftovers, attached.v[i]->container_id, r);
    return 0;
}

static int settle(struct repair *r, const struct state_container *row, struct err *err)
{
    char name[17];
    short_id(row->id, name);
    _cleanup_(closep) int rundir =
        map_get(&r->leftovers, name) ? rundir_open(r->engine, row->id, false) : -ENOENT;
    int ret = rundir >= 0 ? end_leftover(r, row, rundir, err) : 0;
    if (ret < 0)
        return ret;
    if (rundir >= 0 || map_get(&r->leftovers, row->id))
        container_take_back(r->engine, row);
    bool ended = row->started_ns > 0 && row->auto_remove;
    if (ended || str_eq(row->status, "removing"))
        strv_add(&r->to_remove, row->id);
    return 0;
}

/* --- what the rows do not know */
static void check_rundirs(struct repair *r)
{
    int copy = openat(r->engine->run_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_(closedirp) DIR *dir = copy < 0 ? NULL : fdopendir(copy);
    struct dirent *d;
    while (dir && (d = readdir(dir))) {
        pid_t pid;
        char *id;
        if (d->d_name[0] == '.' || map_get(&r->known, d->d_name))
            continue;
        if (rundir_monitor(r->engine, d->d_name, &pid, &id)) {
            log_warn("container %s has no row, and its monitor (berth-shim, pid %d) lives: left "
                     "alone",
                     id, (int)pid);
            strv_take(&r->strangers, id);
        } else {
            (void)fs_rm_rf(r->engine->run_fd, d->d_name);
        }
    }
}

static void check_cgroups(struct repair *r)
{
    _cleanup_(err_fini) struct err err = {0};
    _cleanup_(strv_fini) struct strv ids = {0};
    if (cgroup_list(r->engine->cgroup, &ids, &err) < 0)
        log_warn("control groups could not be listed: %s", err_msg(&err));
    char *id;
    strv_foreach (id, &ids) {
        if (map_get(&r->known, id))
            continue;
        err_clear(&err);
        if (cgroup_destroy(r->engine->cgroup, id, 0, &err) < 0)
            log_warn("control groups of %s, which has no row, stay: %s", id, err_msg(&err));
    }
}

int lost_found_move(struct engine *e, const char *name, struct err *err)
{
    const char *root = state_data_root(e->state);
    _cleanup_(freep) char *lost = str_printf("%s/lost+found", root);
    _cleanup_(freep) char *from = str_printf("%s/containers/%s", root, name);
    _cleanup_(freep) char *to =
        str_printf("%s/container-%s-%lld", lost, name, (long long)(time_now_ns() / NS_PER_SEC));
    int ret = fs_mkdir_p(lost, 0700);
    if (ret == 0 && rename(from, to) < 0)
        ret = -errno;
    if (ret < 0)
        return err_errno(err, ret, "%s has no row and could not be moved", from);
    log_warn("%s has no row: moved to %s", from, to);
    return 0;
}

static void check_directories(struct repair *r)
{
    _cleanup_(freep) char *path = str_printf("%s/containers", state_data_root(r->engine->state));
    _cleanup_(closedirp) DIR *dir = opendir(path);
    struct dirent *d;
    while (dir && (d = readdir(dir)))
        if (d->d_name[0] != '.' && !map_get(&r->known, d->d_name) &&
            !strv_has(&r->strangers, d->d_name)) {
            _cleanup_(err_fini) struct err err = {0};
            if (lost_found_move(r->engine, d->d_name, &err) < 0)
                log_warn("%s", err_msg(&err));
        }
}

static void unknown_layer(void *ctx, const char *layer_id)
{
    (void)ctx;
    log_warn("layer %s of the storage driver belongs to no image and no container: left alone",
             layer_id);
}

static void check_layers(struct repair *r)
{
    _cleanup_(err_fini) struct err err = {0};
    if (image_store_check(r->engine->images, unknown_layer, NULL, &err) < 0)
        log_warn("layers could not be checked: %s", err_msg(&err));
}

/* --- interrupted verbs: each keeps its claim until it is repaired, for this start may die, too */
static void undo_create(struct engine *e, const char *id)
{
    _cleanup_(err_fini) struct err err = {0};
    _cleanup_(state_container_freep) struct state_container *row = NULL;
    if (state_container_get(e->state, id, &row, NULL) < 0)
        return;
    log_warn("container %s was only half made: removed", id);
    if (container_remove_claimed(e, row, true, &err) < 0)
        log_error("container %s: %s", id, err_msg(&err));
}

static int repair_claims(struct repair *r, struct err *err)
{
    struct engine *e = r->engine;
    _cleanup_(state_claims_fini) struct state_claims claims = {0};
    int ret = state_claims_list(e->state, &claims, err);
    for (size_t i = 0; ret == 0 && i < claims.n; i++) {
        const struct state_claim *c = &claims.v[i];
        log_info("%s %s: \"%s\" was interrupted", c->kind, c->id, c->verb);
        bool container = str_eq(c->kind, "container");
        if (container && str_eq(c->verb, "create"))
            undo_create(e, c->id);
        if (container && str_eq(c->verb, "update"))
            container_update_finish(e, c->id);
        if (container && str_eq(c->verb, CLAIM_COMMIT_FROZEN))
            container_thaw(e, c->id);
        if (container && str_eq(c->verb, "restart") && container_restart_left(e, c->id))
            strv_add(&r->to_restart, c->id);
        else if (container)
            container_unclaim(e, c->id);
        else
            ret = state_network_unclaim(e->state, c->id, err);
    }
    return ret;
}

/* Firewall, reservations and their owners are made those of what lives; then news may come. */
static int take_up(struct repair *r, struct err *err)
{
    struct engine *e = r->engine;
    int ret = endpoints_restore(e, r->strangers.n > 0, err);
    if (ret < 0)
        return err_wrap(err, "restoring the networks of running containers");
    for (size_t i = 0; i < r->n_lives; i++) {
        _cleanup_(err_fini) struct err words = {0};
        struct live *l = r->lives[i];
        if (container_connect_owner(e, l->id, shim_pid(l->shim), shim_start_time(l->shim), &words) <
            0)
            log_warn("ports of container %s: %s", l->id, err_msg(&words));
        live_open(l);
        health_take_up(e, l->id);
    }
    return 0;
}

int reconcile(struct engine *e, struct err *err)
{
    _cleanup_(repair_fini) struct repair r = {.engine = e};
    int ret = repair_claims(&r, err);
    if (ret == 0)
        ret = state_container_brief(e->state, &r.rows, err);
    if (ret == 0)
        ret = find_leftovers(&r, err);
    if (ret < 0)
        return ret;
    know_rows(&r);
    for (size_t i = 0; ret == 0 && i < r.rows.n; i++) {
        const struct state_container *row = r.rows.v[i];
        ret = container_is_running(row) && !container_is_resting(row) ? reattach(&r, row, err)
                                                                      : settle(&r, row, err);
    }
    if (ret < 0)
        return ret;
    (void)failpoint("reconcile.rows", NULL);
    check_rundirs(&r);
    check_cgroups(&r);
    check_directories(&r);
    check_layers(&r);
    volumes_adopt(e, false);
    ret = take_up(&r, err);
    (void)failpoint("reconcile.taken-up", NULL);
    char *id;
    strv_foreach (id, &r.to_remove)
        container_auto_remove(e, id);
    strv_foreach (id, &r.to_restart)
        container_restart_finish(e, id);
    return ret;
}
