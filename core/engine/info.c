/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The system: info and version
 *
 * The members of a Docker daemon with the values of this one; those of swarm and registries that are not there are as in a dockerd that
 * is in no swarm.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "build-config.h"
#include "config/config.h"
#include "engine/build-info.h"
#include "engine/internal.h"
#include "engine/storage.h"
#include "plugin/registry.h"
#include "runtime/cgroup.h"
#include "state/image.h"

#ifdef __clang__
#define COMPILER __VERSION__
#else
#define COMPILER "gcc " __VERSION__
#endif

static void put_counts(struct engine *e, json_t *o)
{
    _cleanup_(state_containers_fini) struct state_containers rows = {0};
    _cleanup_(state_images_fini) struct state_images images = {0};
    int64_t running = 0, paused = 0;
    if (state_container_brief(e->state, &rows, NULL) < 0)
        log_warn("info: containers could not be counted");
    for (size_t i = 0; i < rows.n; i++) {
        paused += str_eq(rows.v[i]->status, "paused");
        running += str_eq(rows.v[i]->status, "running");
    }
    (void)state_image_list(e->state, &images, NULL);
    json_put_int(o, "Containers", (int64_t)rows.n);
    json_put_int(o, "ContainersRunning", running);
    json_put_int(o, "ContainersPaused", paused);
    json_put_int(o, "ContainersStopped", (int64_t)rows.n - running - paused);
    json_put_int(o, "Images", (int64_t)images.n);
}

static int push_name(void *ctx, struct plugin *p)
{
    json_push_str(ctx, plugin_api_name(p));
    return 0;
}

static json_t *plugins_view(struct engine *e)
{
    json_t *o = json_object(), *networks = json_array(), *logs = json_array();
    (void)registry_each(e->registry, BERTH_NETWORK, push_name, networks);
    (void)registry_each(e->registry, BERTH_LOG, push_name, logs);
    json_put_take(o, "Volume", json_pack("[s]", "local"));
    json_put_take(o, "Network", networks);
    json_put_take(o, "Authorization", json_null());
    json_put_take(o, "Log", logs);
    return o;
}

static int64_t count_descriptors(void)
{
    int64_t n = 0;
    _cleanup_(closedirp) DIR *dir = opendir("/proc/self/fd");
    while (dir && readdir(dir))
        n++;
    return n > 3 ? n - 3 : 0;
}

static int64_t count_threads(void)
{
    int64_t n = 0;
    _cleanup_(closedirp) DIR *dir = opendir("/proc/self/task");
    while (dir && readdir(dir))
        n++;
    return n > 2 ? n - 2 : 0;
}

/* The value of one key of os-release; the caller frees. */
static char *os_release(const char *key)
{
    _cleanup_(freep) char *text = NULL;
    if (fs_read(AT_FDCWD, "/etc/os-release", 1 << 16, &text, NULL) < 0 &&
        fs_read(AT_FDCWD, "/usr/lib/os-release", 1 << 16, &text, NULL) < 0)
        return xstrdup("");
    _cleanup_(strv_fini) struct strv lines = {0};
    strv_split(&lines, text, "\n");
    char *line;
    strv_foreach (line, &lines) {
        const char *value = str_after(line, key);
        if (!value || *value != '=')
            continue;
        value++;
        size_t n = strlen(value);
        bool quoted = n >= 2 && (*value == '"' || *value == '\'') && value[n - 1] == *value;
        return quoted ? xstrndup(value + 1, n - 2) : xstrdup(value);
    }
    return xstrdup("");
}

static bool ip_forwarding(void)
{
    _cleanup_(freep) char *text = NULL;
    return fs_read(AT_FDCWD, "/proc/sys/net/ipv4/ip_forward", 16, &text, NULL) == 0 &&
           text[0] == '1';
}

static void put_machine(json_t *o)
{
    struct utsname u = {0};
    struct sysinfo si = {0};
    char host[256] = "";
    uname(&u);
    sysinfo(&si);
    gethostname(host, sizeof(host) - 1);
    _cleanup_(freep) char *os = os_release("PRETTY_NAME"), *version = os_release("VERSION_ID");
    json_put_str(o, "KernelVersion", u.release);
    json_put_str(o, "OperatingSystem", *os ? os : "Linux");
    json_put_str(o, "OSVersion", version);
    json_put_str(o, "OSType", "linux");
    json_put_str(o, "Architecture", u.machine);
    json_put_int(o, "NCPU", sysconf(_SC_NPROCESSORS_ONLN));
    json_put_int(o, "MemTotal", (int64_t)si.totalram * si.mem_unit);
    json_put_str(o, "Name", host);
}

static json_t *swarm_view(void)
{
    json_t *o = json_object();
    json_put_str(o, "NodeID", "");
    json_put_str(o, "NodeAddr", "");
    json_put_str(o, "LocalNodeState", "inactive");
    json_put_bool(o, "ControlAvailable", false);
    json_put_str(o, "Error", "");
    json_put_take(o, "RemoteManagers", json_null());
    return o;
}

static json_t *registry_view(const struct config *cfg)
{
    json_t *o = json_object(), *index = json_object(), *indexes = json_object();
    json_t *mirrors = json_array(), *cidrs = json_array();
    for (size_t i = 0; i < cfg->registry.mirrors.n; i++)
        if (str_eq(cfg->registry.mirrors.v[i].registry, "docker.io"))
            json_push_str(mirrors, cfg->registry.mirrors.v[i].url);
    json_push_str(cidrs, "::1/128");
    json_push_str(cidrs, "127.0.0.0/8");
    json_put_str(index, "Name", "docker.io");
    json_put(index, "Mirrors", mirrors);
    json_put_bool(index, "Secure", true);
    json_put_bool(index, "Official", true);
    json_put_take(indexes, "docker.io", index);
    json_put_take(o, "InsecureRegistryCIDRs", cidrs);
    json_put_take(o, "IndexConfigs", indexes);
    json_put_take(o, "Mirrors", mirrors);
    return o;
}

/* "runc" is what clients ask for that know Docker only. */
static json_t *runtimes_view(void)
{
    json_t *o = json_object();
    json_put_take(o, "berth", json_pack("{s:s}", "path", "berth-shim"));
    json_put_take(o, "runc", json_pack("{s:s}", "path", "berth-shim"));
    return o;
}

static json_t *pools_view(const struct config *cfg)
{
    json_t *list = json_array();
    for (size_t i = 0; i < cfg->network.address_pools.n; i++) {
        json_t *pool = json_object();
        json_put_str(pool, "Base", cfg->network.address_pools.v[i].base);
        json_put_int(pool, "Size", cfg->network.address_pools.v[i].size);
        json_push_take(list, pool);
    }
    return list;
}

static json_t *labels_view(const struct config *cfg)
{
    json_t *list = json_array();
    char *label;
    strv_foreach (label, &cfg->labels)
        json_push_str(list, label);
    return list;
}

static json_t *commit_view(const char *id)
{
    json_t *o = json_object();
    json_put_str(o, "ID", id);
    return o;
}

static void put_runtime(struct engine *e, json_t *o)
{
    _cleanup_(config_unrefp) struct config *cfg = engine_config(e);
    json_t *warnings = json_array();
    cgroup_info(e->cgroup, o, warnings);
    json_put_take(o, "Runtimes", runtimes_view());
    json_put_str(o, "DefaultRuntime", "berth");
    json_put_take(o, "Swarm", swarm_view());
    json_put_bool(o, "LiveRestoreEnabled", true);
    json_put_str(o, "Isolation", "");
    json_put_str(o, "InitBinary", "berth-init");
    json_put_take(o, "ContainerdCommit", commit_view("N/A"));
    json_put_take(o, "RuncCommit", commit_view(BERTH_VERSION));
    json_put_take(o, "InitCommit", commit_view(BERTH_VERSION));
    json_t *security = json_array();
    if (e->apparmor)
        json_push_str(security, "name=apparmor");
    if (e->apparmor_words)
        json_push_take(warnings, json_sprintf("WARNING: %s", e->apparmor_words));
    bool builtin = str_eq(cfg->runtime.seccomp_profile, "builtin");
    if (!str_eq(cfg->runtime.seccomp_profile, "unconfined")) {
        _cleanup_(freep) char *text = str_printf(
            "name=seccomp,profile=%s", builtin ? "builtin" : cfg->runtime.seccomp_profile);
        json_push_str(security, text);
    }
    json_put_take(o, "SecurityOptions", security);
    json_put_take(o, "DefaultAddressPools", pools_view(cfg));
    json_put_take(o, "CDISpecDirs", json_array());
    json_put_take(o, "Warnings", warnings);
}

static void put_storage(struct engine *e, json_t *o)
{
    _cleanup_(config_unrefp) struct config *cfg = engine_config(e);
    json_put_str(o, "Driver", plugin_api_name(e->storage->plugin));
    json_put_take(o, "DriverStatus", storage_status(e->storage));
    json_put_str(o, "DockerRootDir", cfg->data_root);
    json_put_take(o, "Plugins", plugins_view(e));
    json_put_str(o, "LoggingDriver", cfg->logs.driver);
}

int engine_info(struct engine *e, json_t **out, struct err *err)
{
    _cleanup_(config_unrefp) struct config *cfg = engine_config(e);
    char now[TIME_RFC3339_MAX];
    time_format(time_now_ns(), now);
    json_t *o = json_object();
    (void)err;
    json_put_str(o, "ID", state_instance(e->state));
    put_counts(e, o);
    put_storage(e, o);
    json_put_bool(o, "IPv4Forwarding", ip_forwarding());
    json_put_bool(o, "Debug", str_eq(cfg->log_level, "debug"));
    json_put_int(o, "NFd", count_descriptors());
    json_put_int(o, "NGoroutines", count_threads());
    json_put_str(o, "SystemTime", now);
    json_put_int(o, "NEventsListener", event_ring_readers(e->events));
    put_machine(o);
    json_put_str(o, "IndexServerAddress", "https://index.docker.io/v1/");
    json_put_take(o, "RegistryConfig", registry_view(cfg));
    json_put_take(o, "GenericResources", json_null());
    json_put_str(o, "HttpProxy", "");
    json_put_str(o, "HttpsProxy", "");
    json_put_str(o, "NoProxy", "");
    json_put_take(o, "Labels", labels_view(cfg));
    json_put_bool(o, "ExperimentalBuild", false);
    json_put_str(o, "ServerVersion", BERTH_VERSION);
    put_runtime(e, o);
    *out = o;
    return 0;
}

static const char *go_arch(const char *machine)
{
    if (str_eq(machine, "x86_64"))
        return "amd64";
    return str_eq(machine, "aarch64") ? "arm64" : machine;
}

static json_t *component(const char *name, json_t *details)
{
    json_t *o = json_object();
    json_put_str(o, "Name", name);
    json_put_str(o, "Version", BERTH_VERSION);
    json_put_take(o, "Details", details ? details : json_object());
    return o;
}

int engine_version(struct engine *e, json_t **out, struct err *err)
{
    (void)e;
    (void)err;
    struct utsname u = {0};
    uname(&u);
    json_t *details = json_object(), *components = json_array(), *o = json_object();
    json_put_str(details, "Arch", go_arch(u.machine));
    json_put_str(details, "Experimental", "false");
    json_put_str(details, "KernelVersion", u.release);
    json_put_str(details, "Os", "linux");
    json_push_take(components, component("Engine", details));
    json_push_take(components, component("berth-shim", NULL));
    json_push_take(components, component("berth-netd", NULL));
    json_put_take(o, "Platform", json_pack("{s:s}", "Name", "berth"));
    json_put_take(o, "Components", components);
    json_put_str(o, "Version", BERTH_VERSION);
    json_put_str(o, "GitCommit", build.commit);
    /* Where clients print what the engine was compiled with. */
    json_put_str(o, "GoVersion", COMPILER);
    json_put_str(o, "Os", "linux");
    json_put_str(o, "Arch", go_arch(u.machine));
    json_put_str(o, "KernelVersion", u.release);
    json_put_str(o, "BuildTime", build.time);
    *out = o;
    return 0;
}
