/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Check of containers
 *
 * A container is looked at without any lock first. Only what that finds is looked at again under a claim, in which no verb moves it, and
 * counts when no end was handled meanwhile either.
 */
#include <errno.h>
#include <fcntl.h>

#include "base/fs.h"
#include "base/json.h"
#include "engine/check.h"
#include "engine/execs.h"
#include "engine/exits.h"
#include "engine/live.h"
#include "engine/netset.h"
#include "engine/networks.h"
#include "engine/pause.h"
#include "engine/record.h"
#include "engine/remove.h"
#include "engine/restart-policy.h"
#include "engine/storage.h"
#include "network/look.h"
#include "runtime/cgroup.h"
#include "runtime/procfs.h"
#include "state/exec.h"

#define CLAIM_MS 5000

static int repair_container(struct check *c, const struct finding *f, struct err *err);
static int repair_removal(struct check *c, const struct finding *f, struct err *err);

static const struct check_kind layer_missing = {"container-layer-missing", NULL},
                               directory_missing = {"container-directory-missing",
                                                    repair_container},
                               record_unusable = {"container-record-unusable", repair_container},
                               monitor_dead = {"monitor-dead", repair_container},
                               monitor_unconnected = {"monitor-unconnected", NULL},
                               group_missing = {"control-group-missing", NULL},
                               group_left = {"control-group-left", repair_container},
                               rundir_missing = {"run-directory-missing", NULL},
                               rundir_left = {"run-directory-left", repair_container},
                               freezer_differs = {"freezer-differs", repair_container},
                               attachment_left = {"attachment-left", repair_container},
                               attachment_incomplete = {"attachment-incomplete", NULL},
                               port_missing = {"port-missing", repair_container},
                               address_free = {"address-not-reserved", repair_container},
                               exec_left = {"exec-left", repair_container},
                               removal_unfinished = {"removal-unfinished", repair_removal};

struct looking {
    struct engine *engine;
    const struct state_container *row;
    const struct network_look *net;
    struct findings *out;
};

static bool is_leaving(const struct state_container *row)
{
    return str_eq(row->status, "removing") || str_eq(row->status, "dead");
}

/* Of one that is half removed nothing else is missed. */
static void look_storage(struct looking *l)
{
    const char *id = l->row->id;
    if (is_leaving(l->row))
        return;
    _cleanup_(freep) char *dir = container_path(l->engine, id, NULL);
    if (l->row->layer_id && storage_layer_look(l->engine->storage, l->row->layer_id) == -ENOENT)
        findings_add(l->out, &layer_missing, id, "its writable layer %s is not there",
                     l->row->layer_id);
    if (!fs_exists(AT_FDCWD, dir))
        findings_add(l->out, &directory_missing, id, "%s is not there", dir);
    else if (!record_usable(l->engine, id))
        findings_add(l->out, &record_unusable, id,
                     "its record, %s/plan.json, could not be used by a recovery", dir);
}

static bool has_rundir(struct engine *e, const char *id)
{
    _cleanup_(closep) int dir = rundir_open(e, id, false);
    return dir >= 0;
}

static bool has_group(struct engine *e, const char *id)
{
    _cleanup_(freep) char *path =
        cgroup_path(e->cgroup, id, cgroup_version(e->cgroup) == 2 ? NULL : "pids");
    return !path || fs_exists(AT_FDCWD, path);
}

static void look_running(struct looking *l)
{
    struct engine *e = l->engine;
    const struct state_container *row = l->row;
    _cleanup_(live_unrefp) struct live *live = live_get(e, row->id);
    bool alive = procfs_is(row->shim_pid, row->shim_start, row->boot_id);
    if (!alive && !live)
        findings_add(l->out, &monitor_dead, row->id,
                     "it is %s by its row, and its monitor (pid %d) does not live", row->status,
                     (int)row->shim_pid);
    if (!alive)
        return; /* the daemon is about to hear of it */
    if (!live)
        findings_add(l->out, &monitor_unconnected, row->id,
                     "its monitor (pid %d) lives, and the daemon is not connected to it",
                     (int)row->shim_pid);
    if (!has_rundir(e, row->id))
        findings_add(l->out, &rundir_missing, row->id,
                     "a daemon that is started anew will not find its monitor");
    if (!has_group(e, row->id))
        findings_add(l->out, &group_missing, row->id, "it runs without its control groups");
    bool frozen = cgroup_is_frozen(e->cgroup, row->id);
    if (frozen != str_eq(row->status, "paused"))
        findings_add(l->out, &freezer_differs, row->id, "it is %s by its row, and %s", row->status,
                     frozen ? "frozen" : "not frozen");
}

static void look_ended(struct looking *l)
{
    struct engine *e = l->engine;
    const char *id = l->row->id;
    _cleanup_(state_execs_fini) struct state_execs execs = {0};
    if (has_rundir(e, id))
        findings_add(l->out, &rundir_left, id, "it does not run and has a run directory");
    _cleanup_(freep) char *path =
        cgroup_path(e->cgroup, id, cgroup_version(e->cgroup) == 2 ? NULL : "pids");
    if (path && fs_exists(AT_FDCWD, path))
        findings_add(l->out, &group_left, id, "it does not run and has the control group %s", path);
    if (state_exec_list(e->state, id, true, &execs, NULL) == 0)
        for (size_t i = 0; i < execs.n; i++)
            if (execs.v[i]->running)
                findings_add(l->out, &exec_left, id, "exec %s runs by its row", execs.v[i]->id);
    if (is_leaving(l->row))
        findings_add(l->out, &removal_unfinished, id, "its removal was begun and is not finished");
}

static void part_missing(void *arg, const char *kind, const char *object)
{
    struct looking *l = arg;
    if (str_eq(kind, "link"))
        findings_add(l->out, &attachment_incomplete, l->row->id, "its link %s is not there",
                     object);
    else
        findings_add(l->out, &port_missing, l->row->id, "a published port: %s %s is not there",
                     kind, object);
}

static void look_endpoint(struct looking *l, const struct state_endpoint *ep, bool running)
{
    struct engine *e = l->engine;
    if (json_object_size(ep->attachment) == 0)
        return;
    if (!running) {
        findings_add(l->out, &attachment_left, l->row->id,
                     "it does not run and is attached to network %s", ep->network_id);
        return;
    }
    network_look_missing(l->net, ep->attachment, part_missing, l);
    const struct net_entry *n = netset_get(e->nets, ep->network_id);
    const char *address = json_str(ep->attachment, "IPAddress", "");
    if (n && n->ipam && *address && !ipam_is_used(n->ipam, address))
        findings_add(l->out, &address_free, l->row->id,
                     "its address %s could be given to another container", address);
}

static void look(struct looking *l)
{
    _cleanup_(state_endpoints_fini) struct state_endpoints list = {0};
    bool running = container_is_running(l->row) && !container_is_resting(l->row);
    look_storage(l);
    if (running)
        look_running(l);
    else
        look_ended(l);
    if (state_endpoint_list(l->engine->state, NULL, l->row->id, &list, NULL) == 0)
        for (size_t i = 0; i < list.n; i++)
            look_endpoint(l, list.v[i], running);
}

/* Whether the container is at rest: no news of it wait, and its row is still as it was. */
static bool at_rest(struct engine *e, const struct state_container *row)
{
    _cleanup_(live_unrefp) struct live *l = live_get(e, row->id);
    _cleanup_(state_container_freep) struct state_container *now = NULL;
    if (l && live_is_busy(l))
        return false;
    return state_container_get(e->state, row->id, &now, NULL) == 0 &&
           str_eq(now->status, row->status) && now->pid == row->pid;
}

/* With the container claimed. 0, or -EAGAIN when it did not hold still. */
static int look_claimed(struct engine *e, const struct state_container *row, struct findings *out,
                        struct err *err)
{
    _cleanup_(network_look_freep) struct network_look *net = network_look_new(e->network, err);
    if (!net)
        return err->code;
    struct looking l = {e, row, net, out};
    if (at_rest(e, row))
        look(&l);
    else
        return -EAGAIN;
    if (at_rest(e, row))
        return 0;
    findings_fini(out);
    return -EAGAIN;
}

/* Claims and looks; the claim is the caller's when this returns 0. */
static int claim_and_look(struct check *c, const char *id, struct state_container **row,
                          struct findings *out, struct err *err)
{
    struct engine *e = c->engine;
    int r = container_claim(e, id, "check", CLAIM_MS, row, err);
    if (r < 0)
        return r;
    r = look_claimed(e, *row, out, err);
    if (r < 0)
        container_unclaim(e, id);
    return r;
}

static int check_one(struct check *c, const struct state_container *row,
                     const struct network_look *net, struct err *err)
{
    _cleanup_(findings_fini) struct findings first = {0};
    struct looking l = {c->engine, row, net, &first};
    if (row->verb) {
        c->busy++;
        return 0;
    }
    look(&l);
    if (first.n == 0)
        return 0;
    _cleanup_(findings_fini) struct findings second = {0};
    _cleanup_(state_container_freep) struct state_container *now = NULL;
    int r = claim_and_look(c, row->id, &now, &second, err);
    if (r == -ENOENT || r == -EBUSY || r == -EAGAIN) {
        c->busy += r != -ENOENT;
        err_clear(err);
        return 0;
    }
    if (r < 0)
        return r;
    container_unclaim(c->engine, row->id);
    for (size_t i = 0; i < second.n; i++)
        findings_add(&c->found, second.v[i].kind, second.v[i].object, "%s", second.v[i].words);
    return 0;
}

int check_containers(struct check *c, struct err *err)
{
    struct engine *e = c->engine;
    _cleanup_(network_look_freep) struct network_look *net = network_look_new(e->network, err);
    _cleanup_(state_containers_fini) struct state_containers rows = {0};
    int r = net ? state_container_list(e->state, false, &rows, err) : err->code;
    for (size_t i = 0; r == 0 && i < rows.n; i++)
        r = check_one(c, rows.v[i], net, err);
    json_put_int(c->counts, "Containers", (int64_t)rows.n);
    return r;
}

/* --- repair */

static int end_dead(struct engine *e, const char *id, struct err *err)
{
    struct shim_exit exit = {0};
    struct container_end end = {.code = 137,
                                .error = "the container's monitor (berth-shim) died, and the "
                                         "container with it"};
    _cleanup_(closep) int dir = rundir_open(e, id, false);
    if (dir >= 0 && shim_read_exit(dir, &exit, NULL) == 0)
        end = (struct container_end){.code = exit.code, .time_ns = exit.time_ns, .oom = exit.oom};
    int r = container_ended(e, id, &end, NULL, err);
    if (r == 0)
        rundir_remove(e, id);
    return r;
}

static int restore_endpoints(struct engine *e, const struct state_container *row, struct err *err)
{
    _cleanup_(state_endpoints_fini) struct state_endpoints list = {0};
    json_auto_t *states = json_array();
    int r = state_endpoint_list(e->state, NULL, row->id, &list, err);
    for (size_t i = 0; r == 0 && i < list.n; i++) {
        const struct net_entry *n = netset_get(e->nets, list.v[i]->network_id);
        const char *address = json_str(list.v[i]->attachment, "IPAddress", "");
        if (n && n->ipam && *address)
            (void)ipam_reserve(n->ipam, address, NULL, NULL);
        if (json_object_size(list.v[i]->attachment) > 0)
            json_array_append(states, list.v[i]->attachment);
    }
    if (r == 0)
        r = network_restore(e->network, states, err);
    return r < 0 ? r : container_connect_owner(e, row->id, row->shim_pid, row->shim_start, err);
}

static int repair_claimed(struct engine *e, const struct state_container *row,
                          const struct check_kind *kind, struct err *err)
{
    if (kind == &directory_missing) {
        _cleanup_(freep) char *dir = container_path(e, row->id, NULL);
        int r = fs_mkdir_p(dir, 0710);
        if (r < 0)
            return err_errno(err, r, "making %s", dir);
    }
    if (kind == &directory_missing || kind == &record_unusable)
        record_write(e, row->id);
    if (kind == &monitor_dead)
        return end_dead(e, row->id, err);
    if (kind == &freezer_differs)
        container_pause_look(e, row);
    if (kind == &group_left || kind == &attachment_left)
        container_take_back(e, row);
    if (kind == &rundir_left)
        rundir_remove(e, row->id);
    if (kind == &exec_left)
        execs_end(e, row, row->finished_ns);
    return kind == &port_missing || kind == &address_free ? restore_endpoints(e, row, err) : 0;
}

/* Looks before and after: what has gone by itself needs nothing, what stays was not repaired. */
static int repair_container(struct check *c, const struct finding *f, struct err *err)
{
    struct engine *e = c->engine;
    _cleanup_(findings_fini) struct findings before = {0}, after = {0};
    _cleanup_(state_container_freep) struct state_container *row = NULL, *now = NULL;
    int r = claim_and_look(c, f->object, &row, &before, err);
    if (r < 0)
        return r;
    if (findings_has(&before, f->kind, f->object))
        r = repair_claimed(e, row, f->kind, err);
    if (r == 0)
        r = state_container_get(e->state, row->id, &now, err);
    if (r == 0)
        r = look_claimed(e, now, &after, err);
    container_unclaim(e, row->id);
    if (r == 0 && findings_has(&after, f->kind, f->object))
        r = err_set(err, -EIO, "it is as it was; the daemon's log says why");
    return r;
}

static int repair_removal(struct check *c, const struct finding *f, struct err *err)
{
    _cleanup_(state_container_freep) struct state_container *row = NULL;
    container_auto_remove(c->engine, f->object);
    int r = state_container_get(c->engine->state, f->object, &row, NULL);
    return r == 0 ? err_set(err, -EIO, "it could not be removed; the daemon's log says why") : 0;
}
