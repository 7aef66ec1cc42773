/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Check of what belongs to nothing
 *
 * Links, elements, reservations and addresses are made before a row speaks of them, so one that no row knows may be of a start in progress.
 * Only what is found also in a moment in which no verb is at work, and no end is being handled, belongs to nobody.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <mntent.h>
#include <sys/mount.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/json.h"
#include "config/config.h"
#include "engine/check.h"
#include "engine/exits.h"
#include "engine/live.h"
#include "engine/netset.h"
#include "engine/reconcile.h"
#include "network/look.h"
#include "runtime/cgroup.h"
#include "runtime/procfs.h"

#define QUIET_WAIT_MS 3000

static bool has_row(struct engine *e, const char *id)
{
    _cleanup_(freep) char *full = NULL;
    return state_container_resolve(e->state, id, &full, NULL) != -ENOENT;
}

/* --- run directories, control groups, directories */

static int repair_rundir(struct check *c, const struct finding *f, struct err *err)
{
    if (has_row(c->engine, f->object) || rundir_monitor(c->engine, f->object, NULL, NULL))
        return err_set(err, -EBUSY, "it belongs to a container now");
    int r = fs_rm_rf(c->engine->run_fd, f->object);
    return r < 0 ? err_errno(err, r, "removing it") : 0;
}

static const struct check_kind rundir_stray = {"run-directory-stray", repair_rundir};
static const struct check_kind monitor_stray = {"monitor-stray", NULL};

static int check_rundirs(struct check *c, struct err *err)
{
    struct engine *e = c->engine;
    int copy = openat(e->run_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_(closedirp) DIR *dir = copy < 0 ? NULL : fdopendir(copy);
    if (!dir)
        return err_errno(err, -errno, "reading the run directories");
    for (struct dirent *d; (d = readdir(dir));) {
        pid_t pid = 0;
        if (d->d_name[0] == '.' || has_row(e, d->d_name) || !fs_exists(e->run_fd, d->d_name))
            continue;
        if (rundir_monitor(e, d->d_name, &pid, NULL))
            findings_add(&c->found, &monitor_stray, d->d_name,
                         "a monitor (berth-shim, pid %d) lives whose container has no row; to end "
                         "it, kill that process",
                         (int)pid);
        else
            findings_add(&c->found, &rundir_stray, d->d_name,
                         "a run directory of a container that has no row");
    }
    return 0;
}

static int repair_group(struct check *c, const struct finding *f, struct err *err)
{
    if (has_row(c->engine, f->object))
        return err_set(err, -EBUSY, "it belongs to a container now");
    return cgroup_destroy(c->engine->cgroup, f->object, false, err);
}

static const struct check_kind group_stray = {"control-group-stray", repair_group};

static bool group_is_there(struct engine *e, const char *id)
{
    _cleanup_(strv_fini) struct strv ids = {0};
    return cgroup_list(e->cgroup, &ids, NULL) == 0 && strv_has(&ids, id);
}

static int check_groups(struct check *c, struct err *err)
{
    _cleanup_(strv_fini) struct strv ids = {0};
    int r = cgroup_list(c->engine->cgroup, &ids, err);
    const char *id;
    if (r == 0)
        strv_foreach (id, &ids)
            if (!has_row(c->engine, id) && group_is_there(c->engine, id))
                findings_add(&c->found, &group_stray, id,
                             "control groups of a container that has no row");
    return r;
}

static int repair_directory(struct check *c, const struct finding *f, struct err *err)
{
    if (has_row(c->engine, f->object))
        return err_set(err, -EBUSY, "it belongs to a container now");
    return lost_found_move(c->engine, f->object, err);
}

static const struct check_kind directory_stray = {"container-directory-stray", repair_directory};

/* That of a monitor that lives without a row is its. */
static bool is_strangers(struct engine *e, const char *id)
{
    _cleanup_(freep) char *rundir = xstrndup(id, 16);
    return rundir_monitor(e, rundir, NULL, NULL);
}

static int check_directories(struct check *c, struct err *err)
{
    struct engine *e = c->engine;
    _cleanup_(freep) char *path = str_printf("%s/containers", state_data_root(e->state));
    _cleanup_(closedirp) DIR *dir = opendir(path);
    if (!dir)
        return err_errno(err, -errno, "reading %s", path);
    for (struct dirent *d; (d = readdir(dir));) {
        if (d->d_name[0] == '.' || has_row(e, d->d_name) || is_strangers(e, d->d_name) ||
            !fs_exists(dirfd(dir), d->d_name))
            continue;
        findings_add(&c->found, &directory_stray, d->d_name,
                     "%s/%s belongs to no container; repair moves it to lost+found", path,
                     d->d_name);
    }
    return 0;
}

/* --- mounts */

static int repair_mount(struct check *c, const struct finding *f, struct err *err)
{
    (void)c;
    return umount2(f->object, MNT_DETACH | UMOUNT_NOFOLLOW) < 0
               ? err_errno(err, -errno, "unmounting it")
               : 0;
}

static const struct check_kind mount_stray = {"mount-stray", repair_mount};

/* Below what is the engine's alone: roots are mounted in the containers' namespaces only. A mount under volumes/ is the operator's. */
static bool is_ours(const char *at, char *const roots[], size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const char *rest = str_after(at, roots[i]);
        if (rest && rest[0] == '/' && rest[1])
            return true;
    }
    return false;
}

static int check_mounts(struct check *c, struct err *err)
{
    _cleanup_(config_unrefp) struct config *cfg = engine_config(c->engine);
    const char *data = state_data_root(c->engine->state);
    _cleanup_(strv_fini) struct strv roots = {0};
    strv_addf(&roots, "%s/containers", data);
    strv_addf(&roots, "%s/storage/%s", data, cfg->storage.driver);
    strv_addf(&roots, "%s/c", c->engine->run_root);
    FILE *f = setmntent("/proc/self/mounts", "re");
    if (!f)
        return err_errno(err, -errno, "reading the mounts");
    char space[8192];
    struct mntent m;
    while (getmntent_r(f, &m, space, sizeof(space)))
        if (is_ours(m.mnt_dir, roots.v, roots.n))
            findings_add(&c->found, &mount_stray, m.mnt_dir,
                         "a mount (%s) in the daemon's namespace, where none is made", m.mnt_type);
    endmntent(f);
    return 0;
}

/* --- the network */

static int repair_link(struct check *c, const struct finding *f, struct err *err)
{
    return network_link_remove(c->engine->network, f->object, err);
}

static int repair_port(struct check *c, const struct finding *f, struct err *err)
{
    return network_element_settle(c->engine->network, f->object, err);
}

static int repair_reservation(struct check *c, const struct finding *f, struct err *err)
{
    return network_release_of(c->engine->network, f->object, err);
}

static int repair_address(struct check *c, const struct finding *f, struct err *err)
{
    _cleanup_(strv_fini) struct strv parts = {0};
    strv_split(&parts, f->object, "@");
    const struct net_entry *n = parts.n == 2 ? netset_get(c->engine->nets, parts.v[1]) : NULL;
    if (!n || !n->ipam)
        return err_set(err, -ENOENT, "its network is gone");
    ipam_release(n->ipam, parts.v[0]);
    return 0;
}

static const struct check_kind link_stray = {"link-stray", repair_link};
static const struct check_kind port_stray = {"port-stray", repair_port};
static const struct check_kind reservation_stray = {"reservation-stray", repair_reservation};
static const struct check_kind address_stray = {"address-stray", repair_address};
static const struct check_kind network_incomplete = {"network-incomplete", NULL};

struct network_pass {
    struct engine *engine;
    struct findings *out;
    const char *network;
};

static void stray_found(void *arg, const char *kind, const char *object)
{
    struct network_pass *p = arg;
    _cleanup_(live_unrefp) struct live *l =
        str_eq(kind, "reservation") ? live_get(p->engine, object) : NULL;
    if (l)
        return; /* its start, or its end, is being handled */
    if (str_eq(kind, "link"))
        findings_add(p->out, &link_stray, object, "a link of this instance that no container has");
    else if (str_eq(kind, "port"))
        findings_add(
            p->out, &port_stray, object,
            "an element of the firewall that is not as the networks and containers have it");
    else
        findings_add(p->out, &reservation_stray, object,
                     "berth-netd reserves ports for a container that publishes none");
}

static void network_found(void *arg, const char *kind, const char *object)
{
    struct network_pass *p = arg;
    findings_add(p->out, &network_incomplete, p->network,
                 "its %s %s is not there; start berthd anew, and then the containers on it", kind,
                 object);
}

/* Addresses that are taken, and of which no attachment speaks. */
static void stray_addresses(struct network_pass *p, const struct net_entry *n, const json_t *states)
{
    _cleanup_(strv_fini) struct strv used = {0};
    if (!n->ipam)
        return;
    ipam_list(n->ipam, &used);
    const char *address;
    strv_foreach (address, &used) {
        bool known = str_eq(address, ipam_gateway(n->ipam));
        size_t i;
        json_t *state;
        json_array_foreach (states, i, state)
            known |= str_eq(json_str(state, "IPAddress", ""), address) &&
                     str_eq(json_str(state, "network_id", ""), n->id);
        _cleanup_(freep) char *object = str_printf("%s@%s", address, n->id);
        if (!known)
            findings_add(p->out, &address_stray, object,
                         "an address of network %s that is taken and that no container has",
                         n->name);
    }
}

static int network_pass(struct engine *e, struct findings *out, struct err *err)
{
    struct network_pass p = {.engine = e, .out = out};
    json_auto_t *states = NULL;
    _cleanup_(state_networks_fini) struct state_networks rows = {0};
    _cleanup_(network_look_freep) struct network_look *look = network_look_new(e->network, err);
    int r = look ? check_attachments(e, &states, err) : err->code;
    if (r == 0)
        r = state_network_list(e->state, &rows, err);
    if (r < 0)
        return r;
    network_look_strays(look, states, stray_found, &p);
    for (size_t i = 0; i < rows.n; i++) {
        const struct net_entry *n = netset_get(e->nets, rows.v[i]->id);
        p.network = rows.v[i]->name;
        if (n)
            network_look_network(look, rows.v[i]->id, rows.v[i]->plan, network_found, &p);
        if (n)
            stray_addresses(&p, n, states);
    }
    return 0;
}

/* --- two passes */

static bool lives_are_quiet(struct engine *e)
{
    const char *id;
    void *live;
    bool quiet = true;
    pthread_mutex_lock(&e->lock);
    for (size_t i = 0; quiet && map_next(&e->live, &i, &id, &live);) {
        const struct live *l = live;
        quiet = l->open && !l->draining && !l->first;
    }
    pthread_mutex_unlock(&e->lock);
    return quiet;
}

/* No verb is at work, and no end is being handled. */
static bool is_quiet(struct engine *e)
{
    _cleanup_(state_claims_fini) struct state_claims claims = {0};
    return state_claims_list(e->state, &claims, NULL) == 0 && claims.n == 0 && lives_are_quiet(e);
}

/* A pass during which nothing moved: 1; 0 when something did. */
static int quiet_pass(struct engine *e, struct findings *out, struct err *err)
{
    uint64_t generation = engine_generation(e);
    if (!is_quiet(e))
        return 0;
    int r = network_pass(e, out, err);
    if (r < 0 || (is_quiet(e) && engine_generation(e) == generation))
        return r < 0 ? r : 1;
    findings_fini(out);
    return 0;
}

static int check_network(struct check *c, struct err *err)
{
    struct engine *e = c->engine;
    _cleanup_(findings_fini) struct findings first = {0}, second = {0};
    int64_t deadline = time_mono_ns() + QUIET_WAIT_MS * NS_PER_MS;
    int r = network_pass(e, &first, err);
    if (r < 0 || first.n == 0)
        return r;
    for (;;) {
        uint64_t generation = engine_generation(e);
        r = quiet_pass(e, &second, err);
        if (r != 0)
            break;
        if (time_mono_ns() > deadline || engine_wait_since(e, generation, deadline) < 0) {
            c->busy++;
            return 0;
        }
    }
    for (size_t i = 0; r > 0 && i < second.n; i++)
        if (findings_has(&first, second.v[i].kind, second.v[i].object))
            findings_add(&c->found, second.v[i].kind, second.v[i].object, "%s", second.v[i].words);
    return MIN(r, 0);
}

int check_strays(struct check *c, struct err *err)
{
    static int (*const parts[])(struct check *, struct err *) = {
        check_rundirs, check_groups, check_directories, check_mounts, check_network};
    int r = 0;
    for (size_t i = 0; r == 0 && i < ARRAY_SIZE(parts); i++)
        r = parts[i](c, err);
    return r;
}
