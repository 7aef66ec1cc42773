/* SPDX-License-Identifier: Apache-2.0 */
/* Schema of daemon.conf: the table that everything else here goes by. */
#include "config/schema.h"

#include "build-config.h"
#include "config/check.h"
#include "config/config.h"
#include "config/config-defaults.h"

#define Q(s)  "\"" s "\""
#define AT(f) offsetof(struct config, f)

static const struct config_key network_keys[] = {
    {.path = "name",
     .type = CONFIG_STRING,
     .offset = offsetof(struct config_network, name),
     .check = config_check_name},
    {.path = "driver",
     .type = CONFIG_STRING,
     .offset = offsetof(struct config_network, driver),
     .check = config_check_name},
};
static const struct config_element network_element = {
    "{ name = \"…\"; driver = \"…\"; }", sizeof(struct config_network), network_keys, 2};

static const struct config_key pool_keys[] = {
    {.path = "base",
     .type = CONFIG_STRING,
     .offset = offsetof(struct config_pool, base),
     .check = config_check_subnet},
    {.path = "size",
     .type = CONFIG_INT,
     .offset = offsetof(struct config_pool, size),
     .min = 1,
     .max = 126},
};
static const struct config_element pool_element = {"{ base = \"172.30.0.0/15\"; size = 24; }",
                                                   sizeof(struct config_pool), pool_keys, 2};

static const struct config_key mirror_keys[] = {
    {.path = "for",
     .type = CONFIG_STRING,
     .offset = offsetof(struct config_mirror, registry),
     .check = config_check_registry},
    {.path = "url",
     .type = CONFIG_STRING,
     .offset = offsetof(struct config_mirror, url),
     .check = config_check_url},
};
static const struct config_element mirror_element = {
    "{ for = \"docker.io\"; url = \"http://127.0.0.1:5000\"; }", sizeof(struct config_mirror),
    mirror_keys, 2};

const struct config_key config_schema[] = {
    {.path = "data_root",
     .type = CONFIG_STRING,
     .offset = AT(data_root),
     .dflt = Q(BERTH_STATEDIR),
     .check = config_check_path,
     .help = "Images, volumes, containers and the database"},
    {.path = "run_root",
     .type = CONFIG_STRING,
     .offset = AT(run_root),
     .dflt = Q(BERTH_RUNDIR "/berth"),
     .check = config_check_path,
     .help = "Sockets and what is only true until the next boot"},
    {.path = "group",
     .type = CONFIG_STRING,
     .offset = AT(group),
     .dflt = Q("berth"),
     .check = config_check_group,
     .help = "Group that may use the unix sockets"},
    {.path = "listen",
     .type = CONFIG_STRINGS,
     .offset = AT(listen),
     .dflt = "[ " Q("unix://" BERTH_RUNDIR "/berth.sock") " ]",
     .check = config_check_listen,
     .help = "Where the API is served"},
    {.path = "log_level",
     .type = CONFIG_STRING,
     .offset = AT(log_level),
     .dflt = Q("info"),
     .check = config_check_log_level,
     .live = true,
     .help = "debug, info, warn or error"},
    {.path = "log_format",
     .type = CONFIG_STRING,
     .offset = AT(log_format),
     .dflt = Q("text"),
     .check = config_check_log_format,
     .live = true,
     .help = "text or json"},
    {.path = "plugin_dirs",
     .type = CONFIG_STRINGS,
     .offset = AT(plugin_dirs),
     .dflt = "[ " Q(BERTH_PLUGINDIR) " ]",
     .check = config_check_path,
     .help = "Directories of drivers, the first wins"},
    {.path = "labels",
     .type = CONFIG_STRINGS,
     .offset = AT(labels),
     .dflt = "[ ]",
     .check = config_check_label,
     .live = true,
     .help = "Labels of the daemon (info)"},
    {.path = "storage.driver",
     .type = CONFIG_STRING,
     .offset = AT(storage.driver),
     .dflt = Q(CONFIG_DEFAULT_STORAGE),
     .check = config_check_name,
     .help = "Storage driver of images and containers"},
    {.path = "storage.options", .type = CONFIG_DRIVERS, .help = "Options of storage drivers"},
    {.path = "network.default",
     .type = CONFIG_STRING,
     .offset = AT(network.dflt),
     .dflt = Q("bridge"),
     .check = config_check_name,
     .help = "Network of containers that ask for none"},
    {.path = "network.dns",
     .type = CONFIG_STRINGS,
     .offset = AT(network.dns),
     .dflt = "[ ]",
     .check = config_check_ip,
     .live = true,
     .help = "Name servers of containers"},
    {.path = "network.dns_search",
     .type = CONFIG_STRINGS,
     .offset = AT(network.dns_search),
     .dflt = "[ ]",
     .check = config_check_domain,
     .live = true,
     .help = "Search domains of containers"},
    {.path = "network.dns_opts",
     .type = CONFIG_STRINGS,
     .offset = AT(network.dns_opts),
     .dflt = "[ ]",
     .check = config_check_word,
     .live = true,
     .help = "Resolver options of containers"},
    {.path = "network.predefined",
     .type = CONFIG_OBJECTS,
     .offset = AT(network.predefined),
     .dflt = CONFIG_DEFAULT_NETWORKS,
     .element = &network_element,
     .help = "Networks that are always there"},
    {.path = "network.address_pools",
     .type = CONFIG_OBJECTS,
     .offset = AT(network.address_pools),
     .dflt = "( { base = \"172.30.0.0/15\"; size = 24; } )",
     .element = &pool_element,
     .live = true,
     .help = "Where networks without a subnet of their own get one"},
    {.path = "network.options", .type = CONFIG_DRIVERS, .help = "Options of network drivers"},
    {.path = "logs.driver",
     .type = CONFIG_STRING,
     .offset = AT(logs.driver),
     .dflt = Q(CONFIG_DEFAULT_LOGS),
     .check = config_check_name,
     .live = true,
     .help = "Log driver of containers that ask for none"},
    {.path = "logs.options",
     .type = CONFIG_DRIVERS,
     .live = true,
     .help = "Options of log drivers"},
    {.path = "runtime.stop_timeout",
     .type = CONFIG_INT,
     .offset = AT(runtime.stop_timeout),
     .dflt = "10",
     .min = 0,
     .max = 86400,
     .live = true,
     .help = "Seconds from the stop signal to SIGKILL"},
    {.path = "runtime.cgroup_parent",
     .type = CONFIG_STRING,
     .offset = AT(runtime.cgroup_parent),
     .dflt = Q("berth"),
     .check = config_check_cgroup,
     .help = "Beginning of the name of the engine's cgroup"},
    {.path = "runtime.seccomp_profile",
     .type = CONFIG_STRING,
     .offset = AT(runtime.seccomp_profile),
     .dflt = Q("builtin"),
     .check = config_check_seccomp,
     .live = true,
     .help = "builtin, unconfined, or the path of a profile"},
    {.path = "runtime.ulimits",
     .type = CONFIG_STRINGS,
     .offset = AT(runtime.ulimits),
     .dflt = "[ \"nofile=1024:524288\" ]",
     .check = config_check_ulimit,
     .live = true,
     .help = "Resource limits of containers"},
    {.path = "runtime.upgrade_shims",
     .type = CONFIG_BOOL,
     .offset = AT(runtime.upgrade_shims),
     .dflt = "true",
     .help = "Bring the monitors of running containers to a new build when the daemon starts"},
    {.path = "runtime.init",
     .type = CONFIG_BOOL,
     .offset = AT(runtime.init),
     .dflt = "false",
     .live = true,
     .help = "Run containers below an init of ours unless they say otherwise"},
    {.path = "runtime.shm_size",
     .type = CONFIG_SIZE,
     .offset = AT(runtime.shm_size),
     .dflt = Q("64m"),
     .min = 1,
     .max = INT64_MAX,
     .live = true,
     .help = "Size of /dev/shm of containers"},
    {.path = "registry.mirrors",
     .type = CONFIG_OBJECTS,
     .offset = AT(registry.mirrors),
     .dflt = "( )",
     .element = &mirror_element,
     .live = true,
     .help = "Where images of a registry are looked for first"},
    {.path = "registry.insecure",
     .type = CONFIG_STRINGS,
     .offset = AT(registry.insecure),
     .dflt = "[ ]",
     .check = config_check_insecure,
     .live = true,
     .help = "Registries that are spoken to without TLS"},
    {.path = "registry.concurrent_downloads",
     .type = CONFIG_INT,
     .offset = AT(registry.concurrent_downloads),
     .dflt = "3",
     .min = 1,
     .max = 64,
     .live = true,
     .help = "Layers fetched at once for one pull"},
    {.path = "images.keep_blobs",
     .type = CONFIG_BOOL,
     .offset = AT(images.keep_blobs),
     .dflt = "true",
     .live = true,
     .help = "Keep layers as received, for byte-identical pushes"},
    {.path = "modules", .type = CONFIG_FREE, .help = "Groups of optional modules"},
};
const size_t config_schema_n = ARRAY_SIZE(config_schema);

/* The part of `path` that stands at the level of `like`: "storage.driver" for "network", "storage". */
static char *at_level(const char *path, const char *like)
{
    size_t dots = 0, n = 0;
    for (const char *p = like; *p; p++)
        dots += *p == '.';
    for (; path[n] && (path[n] != '.' || dots > 0); n++)
        dots -= path[n] == '.';
    return xstrndup(path, n);
}

char *config_schema_nearest(const char *path, char **all)
{
    _cleanup_(strv_fini) struct strv level = {0}, names = {0};
    const char *dot = strrchr(path, '.');
    size_t group = dot ? (size_t)(dot - path) + 1 : 0;
    for (size_t i = 0; i < config_schema_n; i++) {
        if (strncmp(config_schema[i].path, path, group) != 0)
            continue;
        _cleanup_(freep) char *key = at_level(config_schema[i].path, path);
        if (!strv_has(&names, key + group)) {
            strv_add(&names, key + group);
            strv_add(&level, key);
        }
    }
    *all = strv_join(&level, ", ");
    const char *near = str_nearest(path + group, (const char *const *)names.v, names.n);
    return near ? str_printf("%.*s%s", (int)group, path, near) : NULL;
}
