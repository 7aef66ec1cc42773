/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine's life
 *
 * Opens the parts in the order in which they need each other, and closes them the other way round. Containers, netd and the firewall's table
 * go on when the engine closes.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"
#include "build-config.h"
#include "config/config.h"
#include "engine/discard.h"
#include "engine/drivers.h"
#include "engine/health.h"
#include "engine/internal.h"
#include "engine/list-cache.h"
#include "engine/live.h"
#include "engine/log-driver.h"
#include "engine/netset.h"
#include "engine/networks.h"
#include "engine/reconcile.h"
#include "engine/record.h"
#include "engine/restarts.h"
#include "engine/shim-upgrade.h"
#include "engine/stats.h"
#include "engine/storage.h"
#include "engine/volumes.h"
#include "image/store.h"
#include "plugin/registry.h"
#include "runtime/apparmor.h"
#include "runtime/cgroup.h"
#include "runtime/seccomp.h"

#define JOB_THREADS   4
#define NETNS_POOL    2
#define APPARMOR_FILE BERTH_SHAREDIR "/apparmor-default"
#define SECCOMP_FILE  BERTH_SHAREDIR "/seccomp-default.json"
#define FIREWALL_FILE BERTH_SHAREDIR "/firewall.nft"

static struct engine *engine_new(struct config *config)
{
    struct engine *e = xcalloc(1, sizeof(*e));
    pthread_condattr_t attr;
    e->config = config;
    e->run_root = xstrdup(config->run_root);
    e->run_fd = e->shim_image = -1;
    pthread_mutex_init(&e->lock, NULL);
    pthread_mutex_init(&e->row_lock, NULL);
    pthread_mutex_init(&e->reload_lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&e->changed, &attr);
    e->execs_pruned_ns = time_now_ns();
    pthread_condattr_destroy(&attr);
    e->events = event_ring_new();
    e->restarts = restarts_new(e);
    e->health = health_new_engine(e);
    return e;
}

static int make_directory(const char *root, const char *name, mode_t mode, struct err *err)
{
    _cleanup_(freep) char *path = str_printf("%s%s%s", root, name ? "/" : "", name ? name : "");
    int r = fs_mkdir_p(path, mode);
    return r < 0 ? err_errno(err, r, "making %s", path) : 0;
}

static int open_directories(struct engine *e, struct err *err)
{
    const char *data = e->config->data_root, *run = e->run_root;
    int r = make_directory(run, NULL, 0711, err);
    if (r == 0)
        r = make_directory(run, "c", 0700, err);
    if (r == 0)
        r = make_directory(data, "containers", 0710, err);
    if (r == 0)
        r = make_directory(data, "volumes", 0701, err);
    if (r < 0)
        return r;
    _cleanup_(freep) char *path = str_printf("%s/c", run);
    e->run_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return e->run_fd < 0 ? err_errno(err, -errno, "opening %s", path) : 0;
}

const char *engine_seccomp_profile(const struct config *cfg)
{
    return cfg->runtime.seccomp_profile[0] == '/' ? cfg->runtime.seccomp_profile : SECCOMP_FILE;
}

/* Docker runs containers without a profile where it cannot load one; so that nobody is surprised, the log and info say it. */
static void load_apparmor(struct engine *e)
{
    _cleanup_(err_fini) struct err err = {0};
    if (apparmor_load(APPARMOR_FILE, &e->apparmor, &err) < 0) {
        e->apparmor_words =
            str_printf("AppArmor is on, but containers run without a profile: %s", err_msg(&err));
        log_warn("%s", e->apparmor_words);
    }
}

static int open_runtime(struct engine *e, struct err *err)
{
    int r = jobs_open(JOB_THREADS, &e->jobs, err);
    if (r == 0)
        r = seccomp_cache_open(engine_seccomp_profile(e->config), &e->seccomp, err);
    if (r == 0)
        r = shim_reactor_open(&e->reactor, err);
    if (r < 0)
        return r;
    load_apparmor(e);
    e->shim_image = shim_image_open(BERTH_LIBEXECDIR "/berth-shim", err);
    if (e->shim_image < 0)
        return e->shim_image;
    if (access(BERTH_LIBEXECDIR "/berth-init", X_OK) == 0)
        e->init_path = xstrdup(BERTH_LIBEXECDIR "/berth-init");
    return shim_spare_open(e->reactor, e->shim_image, &e->spare, err);
}

static int open_images(struct engine *e, struct err *err)
{
    int r = storage_open(e, &e->storage, err);
    if (r < 0)
        return r;
    struct image_store_params params = {.state = e->state,
                                        .ops = e->storage->ops,
                                        .self = e->storage->self,
                                        .driver = e->storage->plugin->name,
                                        .shown = plugin_api_name(e->storage->plugin)};
    return image_store_open(&params, &e->images, err);
}

static int open_networks(struct engine *e, struct err *err)
{
    struct network_config cfg = {.instance = state_instance(e->state),
                                 .run_root = e->run_root,
                                 .netd_path = BERTH_LIBEXECDIR "/berth-netd",
                                 .rules_path = FIREWALL_FILE,
                                 .pool = NETNS_POOL};
    e->network = network_open(&cfg, err);
    if (!e->network)
        return err->code;
    return netset_open(e, &e->nets, err);
}

/* After `berthd --recover`: rows from blobs, volumes and records. */
static int recover(struct engine *e, struct err *err)
{
    int64_t images = 0, containers = 0;
    _cleanup_(freep) char *mark = NULL;
    int r = state_meta_get(e->state, STATE_RECOVERY, &mark, err);
    if (r == -ENOENT) {
        err_clear(err);
        return 0;
    }
    if (r == 0)
        r = image_store_recover(e->images, &images, err);
    if (r == 0) {
        volumes_adopt(e, true);
        r = records_recover(e, &containers, err);
    }
    if (r == 0)
        r = state_meta_set(e->state, STATE_RECOVERY, NULL, err);
    if (r < 0)
        return err_wrap(err, "recovery");
    log_info("recovery: %lld images and %lld containers are known again; names of images, labels "
             "of volumes and execs are not",
             (long long)images, (long long)containers);
    return 0;
}

static void row_changed(void *ctx, const char *id)
{
    struct engine *e = ctx;
    list_cache_row_changed(e->list, id);
    stats_row_changed(e->stats, id);
}

/* Before there are other threads. */
static void watch_rows(struct engine *e)
{
    e->list = list_cache_new(e);
    e->stats = stats_new(e);
    state_container_watch(e->state, row_changed, e);
}

static int open_all(struct engine *e, struct err *err)
{
    int r = state_open(e->config->data_root, &e->state, err);
    if (r == 0)
        r = open_directories(e, err);
    if (r == 0)
        r = drivers_load(e, err);
    if (r == 0)
        r = drivers_check(e->registry, e->config, err);
    if (r == 0)
        r = log_defaults_check(e, e->config, err);
    if (r == 0)
        r = cgroup_open(e->config->runtime.cgroup_parent, state_instance(e->state), &e->cgroup,
                        err);
    if (r == 0)
        r = cgroup_enter_engine(e->cgroup, err);
    if (r == 0)
        r = open_runtime(e, err);
    if (r == 0)
        r = open_images(e, err);
    if (r == 0)
        r = discards_open(e->config->data_root, &e->discards, err);
    if (r == 0)
        r = log_hosts_open(e, e->config, &e->log_hosts, err);
    if (r == 0)
        r = open_networks(e, err);
    if (r == 0)
        r = recover(e, err);
    if (r == 0)
        r = endpoints_reserve(e, err);
    if (r == 0)
        watch_rows(e);
    if (r == 0)
        r = reconcile(e, err);
    if (r < 0)
        return r;
    pthread_mutex_lock(&e->lock);
    e->up = true;
    pthread_mutex_unlock(&e->lock);
    restarts_take_up(e);
    shims_upgrade(e);
    return 0;
}

int engine_open(struct config *config, struct engine **out, struct err *err)
{
    _cleanup_(err_fini) struct err words = {0};
    struct engine *e = engine_new(config);
    int r = open_all(e, &words);
    if (r < 0) {
        err_move(err, &words);
        engine_close(e);
        return r;
    }
    *out = e;
    return 0;
}

/* Verbs in progress end with words; streams and waits are over. */
static void stop_work(struct engine *e)
{
    pthread_mutex_lock(&e->lock);
    e->closing = true;
    pthread_cond_broadcast(&e->changed);
    pthread_mutex_unlock(&e->lock);
    waits_end(e);
    stats_end(e->stats);
    attaches_deliver(e, NULL, NULL);
    health_quit(e->health);
    background_wait(e);
    jobs_close(e->jobs);
    e->jobs = NULL;
    restarts_free(e->restarts);
    e->restarts = NULL;
}

/* By rows, control groups and run directories: what has no row may live, too. */
static bool nothing_lives(struct engine *e)
{
    _cleanup_(state_containers_fini) struct state_containers rows = {0};
    _cleanup_(strv_fini) struct strv groups = {0};
    if (state_container_list(e->state, true, &rows, NULL) < 0 || rows.n > 0 ||
        cgroup_list(e->cgroup, &groups, NULL) < 0 || groups.n > 0)
        return false;
    _cleanup_(freep) char *path = str_printf("%s/c", e->run_root);
    _cleanup_(closedirp) DIR *dir = opendir(path);
    struct dirent *d;
    while (dir && (d = readdir(dir)))
        if (d->d_name[0] != '.')
            return false;
    return dir != NULL;
}

/* An engine that ends while nothing runs leaves nothing on the host: no bridge, table, netd or control group. */
static void leave_host(struct engine *e)
{
    _cleanup_(err_fini) struct err err = {0};
    if (!e->state || !e->cgroup || !nothing_lives(e))
        return;
    if (e->nets)
        netset_take_down(e->nets);
    if (e->network && network_destroy(e->network, &err) < 0)
        log_warn("leaving the host's network: %s", err_msg(&err));
    cgroup_leave_engine(e->cgroup);
}

static void drop_live(void *p)
{
    live_unref(p);
}

static void free_memory(struct engine *e)
{
    config_unref(e->config);
    free(e->run_root);
    free(e->init_path);
    map_fini(&e->stays, NULL);
    free(e->apparmor_words);
    pthread_cond_destroy(&e->changed);
    pthread_mutex_destroy(&e->row_lock);
    pthread_mutex_destroy(&e->reload_lock);
    pthread_mutex_destroy(&e->lock);
    free(e);
}

void engine_close(struct engine *e)
{
    if (!e)
        return;
    stop_work(e);
    shim_spare_end(e->spare); /* it is in the engine's control groups */
    leave_host(e);
    /* The table is emptied first: freeing an entry takes the lock. */
    pthread_mutex_lock(&e->lock);
    struct map live = e->live;
    e->live = (struct map){0};
    pthread_mutex_unlock(&e->lock);
    map_fini(&live, drop_live);
    netset_close(e->nets);
    network_close(e->network);
    discards_close(e->discards);
    image_store_close(e->images);
    storage_close(e->storage);
    log_hosts_unref(e->log_hosts);
    shim_spare_close(e->spare);
    if (e->reactor)
        shim_reactor_close(e->reactor);
    close_fd(e->shim_image);
    seccomp_cache_close(e->seccomp);
    if (e->cgroup)
        cgroup_close(e->cgroup);
    registry_free(e->registry);
    event_ring_end(e->events);
    if (e->state)
        state_container_watch(e->state, NULL, NULL);
    list_cache_free(e->list);
    health_free(e->health);
    stats_free(e->stats);
    state_close(e->state);
    close_fd(e->run_fd);
    free_memory(e);
}

int engine_events_open(struct engine *e, const json_t *filters, int64_t since_ns, int64_t until_ns,
                       struct event_sub **out, struct err *err)
{
    return event_sub_open(e->events, filters, since_ns, until_ns, out, err);
}
