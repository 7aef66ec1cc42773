/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a client asked for, checked
 *
 * Types first, then the image's configuration merged in, then what the parts of the engine say of it: runtime, log driver, ports, mounts,
 * networks.
 */
#include "engine/spec.h"

#include <errno.h>
#include <sys/utsname.h>

#include "base/fs.h"
#include "base/json.h"
#include "config/config.h"
#include "engine/body.h"
#include "engine/health-rules.h"
#include "engine/inherit.h"
#include "engine/log-driver.h"
#include "engine/mounts.h"
#include "engine/names.h"
#include "engine/networks.h"
#include "engine/ports.h"
#include "engine/restart-policy.h"
#include "engine/storage.h"
#include "image/reference.h"
#include "image/store.h"
#include "network/ports.h"
#include "runtime/plan.h"
#include "runtime/signal.h"

static const struct member config_members[] = {
    {"Hostname", MEMBER_STRING, "\"\""},    {"Domainname", MEMBER_STRING, "\"\""},
    {"User", MEMBER_STRING, "\"\""},        {"AttachStdin", MEMBER_BOOL, "false"},
    {"AttachStdout", MEMBER_BOOL, "false"}, {"AttachStderr", MEMBER_BOOL, "false"},
    {"ExposedPorts", MEMBER_SET, NULL},     {"Tty", MEMBER_BOOL, "false"},
    {"OpenStdin", MEMBER_BOOL, "false"},    {"StdinOnce", MEMBER_BOOL, "false"},
    {"Env", MEMBER_STRINGS, "null"},        {"Cmd", MEMBER_STRINGS, "null"},
    {"Healthcheck", MEMBER_OBJECT, NULL},   {"ArgsEscaped", MEMBER_BOOL, NULL},
    {"Image", MEMBER_STRING, "\"\""},       {"Volumes", MEMBER_SET, "null"},
    {"WorkingDir", MEMBER_STRING, "\"\""},  {"Entrypoint", MEMBER_STRINGS, "null"},
    {"NetworkDisabled", MEMBER_BOOL, NULL}, {"MacAddress", MEMBER_STRING, NULL},
    {"OnBuild", MEMBER_STRINGS, "null"},    {"Labels", MEMBER_STRING_MAP, "{}"},
    {"StopSignal", MEMBER_STRING, NULL},    {"StopTimeout", MEMBER_INT, NULL},
    {"Shell", MEMBER_STRINGS, NULL},
};

/* Defaults are the runtime's (runtime_host_config_defaults): here only kinds are checked. */
static const struct member host_members[] = {
    {"Binds", MEMBER_STRINGS, NULL},
    {"ContainerIDFile", MEMBER_STRING, NULL},
    {"LogConfig", MEMBER_OBJECT, NULL},
    {"NetworkMode", MEMBER_STRING, NULL},
    {"PortBindings", MEMBER_OBJECT, NULL},
    {"RestartPolicy", MEMBER_OBJECT, NULL},
    {"AutoRemove", MEMBER_BOOL, NULL},
    {"VolumeDriver", MEMBER_STRING, NULL},
    {"VolumesFrom", MEMBER_STRINGS, NULL},
    {"Mounts", MEMBER_OBJECTS, NULL},
    {"ConsoleSize", MEMBER_INTS, NULL},
    {"Annotations", MEMBER_STRING_MAP, NULL},
    {"CapAdd", MEMBER_STRINGS, NULL},
    {"CapDrop", MEMBER_STRINGS, NULL},
    {"CgroupnsMode", MEMBER_STRING, NULL},
    {"Dns", MEMBER_STRINGS, NULL},
    {"DnsOptions", MEMBER_STRINGS, NULL},
    {"DnsSearch", MEMBER_STRINGS, NULL},
    {"ExtraHosts", MEMBER_STRINGS, NULL},
    {"GroupAdd", MEMBER_STRINGS, NULL},
    {"IpcMode", MEMBER_STRING, NULL},
    {"Cgroup", MEMBER_STRING, NULL},
    {"Links", MEMBER_STRINGS, NULL},
    {"OomScoreAdj", MEMBER_INT, NULL},
    {"PidMode", MEMBER_STRING, NULL},
    {"Privileged", MEMBER_BOOL, NULL},
    {"PublishAllPorts", MEMBER_BOOL, NULL},
    {"ReadonlyRootfs", MEMBER_BOOL, NULL},
    {"SecurityOpt", MEMBER_STRINGS, NULL},
    {"StorageOpt", MEMBER_STRING_MAP, NULL},
    {"Tmpfs", MEMBER_STRING_MAP, NULL},
    {"UTSMode", MEMBER_STRING, NULL},
    {"UsernsMode", MEMBER_STRING, NULL},
    {"ShmSize", MEMBER_INT, NULL},
    {"Sysctls", MEMBER_STRING_MAP, NULL},
    {"Runtime", MEMBER_STRING, NULL},
    {"Isolation", MEMBER_STRING, NULL},
    {"MaskedPaths", MEMBER_STRINGS, NULL},
    {"ReadonlyPaths", MEMBER_STRINGS, NULL},
    {"CpuShares", MEMBER_INT, NULL},
    {"Memory", MEMBER_INT, NULL},
    {"NanoCpus", MEMBER_INT, NULL},
    {"CgroupParent", MEMBER_STRING, NULL},
    {"BlkioWeight", MEMBER_INT, NULL},
    {"BlkioWeightDevice", MEMBER_OBJECTS, NULL},
    {"BlkioDeviceReadBps", MEMBER_OBJECTS, NULL},
    {"BlkioDeviceWriteBps", MEMBER_OBJECTS, NULL},
    {"BlkioDeviceReadIOps", MEMBER_OBJECTS, NULL},
    {"BlkioDeviceWriteIOps", MEMBER_OBJECTS, NULL},
    {"CpuPeriod", MEMBER_INT, NULL},
    {"CpuQuota", MEMBER_INT, NULL},
    {"CpuRealtimePeriod", MEMBER_INT, NULL},
    {"CpuRealtimeRuntime", MEMBER_INT, NULL},
    {"CpusetCpus", MEMBER_STRING, NULL},
    {"CpusetMems", MEMBER_STRING, NULL},
    {"Devices", MEMBER_OBJECTS, NULL},
    {"DeviceCgroupRules", MEMBER_STRINGS, NULL},
    {"DeviceRequests", MEMBER_OBJECTS, NULL},
    {"MemoryReservation", MEMBER_INT, NULL},
    {"MemorySwap", MEMBER_INT, NULL},
    {"MemorySwappiness", MEMBER_INT, NULL},
    {"OomKillDisable", MEMBER_BOOL, NULL},
    {"Init", MEMBER_BOOL, NULL},
    {"PidsLimit", MEMBER_INT, NULL},
    {"Ulimits", MEMBER_OBJECTS, NULL},
    {"CpuCount", MEMBER_INT, NULL},
    {"CpuPercent", MEMBER_INT, NULL},
    {"IOMaximumIOps", MEMBER_INT, NULL},
    {"IOMaximumBandwidth", MEMBER_INT, NULL},
};

void create_spec_fini(struct create_spec *s)
{
    free(s->name);
    free(s->image_id);
    free(s->image_ref);
    free(s->network);
    json_decref(s->config);
    json_decref(s->host_config);
    json_decref(s->endpoint);
    json_decref(s->mounts);
    json_decref(s->warnings);
    json_decref(s->inherited);
}

int config_read(const json_t *body, json_t **out, struct err *err)
{
    return body_read(body, config_members, ARRAY_SIZE(config_members), "Config", out, err);
}

static int read_name(const char *name, struct create_spec *s, struct err *err)
{
    if (str_empty(name))
        return 0;
    const char *bare = name[0] == '/' ? name + 1 : name;
    int r = name_check(bare, err);
    if (r == 0)
        s->name = xstrdup(bare);
    return r;
}

/* Only the host's own platform can run. */
static int check_platform(const char *platform, const char *image, struct err *err)
{
    static const char *const alias[][2] = {{"x86_64", "amd64"}, {"aarch64", "arm64"}};
    if (str_empty(platform))
        return 0;
    struct utsname u;
    if (uname(&u) < 0)
        return err_errno(err, -errno, "reading the machine's architecture");
    const char *arch = u.machine;
    for (size_t i = 0; i < ARRAY_SIZE(alias); i++)
        if (str_eq(arch, alias[i][0]))
            arch = alias[i][1];
    _cleanup_(strv_fini) struct strv parts = {0};
    strv_split(&parts, platform, "/");
    if (parts.n > 0 && str_eq(parts.v[0], "linux") && (parts.n == 1 || str_eq(parts.v[1], arch)))
        return 0;
    return err_set(err, -ENOENT,
                   "image with reference %s was found but does not provide the specified platform "
                   "(%s): this host runs linux/%s",
                   image, platform, arch);
}

static int read_image(struct engine *e, const char *platform, struct create_spec *s,
                      struct err *err)
{
    const char *ref = json_str(s->config, "Image", "");
    if (!*ref)
        return err_set(err, -EINVAL, "no image was named: Image must be a reference or an id");
    _cleanup_(state_image_freep) struct state_image *image = NULL;
    int r = image_find(e->images, ref, &image, err);
    if (r == 0)
        r = check_platform(platform, ref, err);
    if (r < 0)
        return r;
    s->image_id = xstrdup(image->id);
    s->image_ref = xstrdup(ref);
    json_auto_t *config = NULL;
    r = image_config(e->images, image->id, &config, err);
    return r < 0 ? r : runtime_merge_image_config(s->config, config, err);
}

static int check_stop(const json_t *config, struct err *err)
{
    int signal;
    const char *word = json_str(config, "StopSignal", "");
    if (*word && signal_parse(word, &signal, err) < 0)
        return err->code;
    if (json_int(config, "StopTimeout", 0) < -1)
        return err_set(err, -EINVAL,
                       "invalid Config.StopTimeout: -1 (no limit) or more seconds "
                       "would be right");
    return 0;
}

/* "name:address", the address may be host-gateway. */
static int check_extra_hosts(const json_t *host_config, struct err *err)
{
    const json_t *list = json_arr(host_config, "ExtraHosts");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *text = json_string_value(json_array_get(list, i));
        const char *colon = strchr(text, ':');
        if (!colon || colon == text || !colon[1] || strpbrk(text, " \t\r\n"))
            return err_set(err, -EINVAL,
                           "bad format for add-host: \"%s\" (name:address would be right)", text);
    }
    return 0;
}

static int check_ports(struct create_spec *s, struct err *err)
{
    struct port_list ports = {0};
    const char *key;
    json_t *list;
    int r = port_exposed_check(json_obj(s->config, "ExposedPorts"), err);
    json_object_foreach (json_obj(s->host_config, "PortBindings"), key, list)
        if (r == 0 && !json_is_array(list) && !json_is_null(list))
            r = err_set(err, -EINVAL, "invalid HostConfig.PortBindings[\"%s\"]: expected an array",
                        key);
    if (r == 0)
        r = port_exposed_check(json_obj(s->host_config, "PortBindings"), err);
    if (r < 0)
        return r;
    json_auto_t *wanted = port_bindings_wanted(s->config, s->host_config);
    r = ports_parse(wanted, NULL, &ports, err);
    port_list_fini(&ports);
    return r;
}

/* Docker shows published ports as exposed, too. */
static void expose_published(struct create_spec *s)
{
    const char *key;
    json_t *ignored;
    const json_t *bindings = json_obj(s->host_config, "PortBindings");
    json_t *exposed = json_obj(s->config, "ExposedPorts");
    if (json_object_size(bindings) == 0)
        return;
    if (!exposed) {
        exposed = json_object();
        json_put_take(s->config, "ExposedPorts", exposed);
    }
    json_object_foreach ((json_t *)bindings, key, ignored) {
        uint16_t port;
        const char *proto;
        if (port_parse(key, &port, &proto, NULL) < 0)
            continue;
        _cleanup_(freep) char *name = str_printf("%u/%s", port, proto);
        json_default_take(exposed, name, json_object());
    }
}

/* A mount object names a path that must be there; the older lines make theirs at start. */
static int check_bind_sources(const json_t *mounts, struct err *err)
{
    for (size_t i = 0; i < json_array_size(mounts); i++) {
        const json_t *m = json_array_get(mounts, i);
        const char *source = json_str(m, "Source", "");
        if (str_eq(json_str(m, "Type", ""), "bind") && !json_bool(m, "CreateSource", false) &&
            access(source, F_OK) < 0)
            return err_set(err, -EINVAL,
                           "invalid mount config for type \"bind\": bind source path does not "
                           "exist: %s",
                           source);
    }
    return 0;
}

static int check_host_config(struct engine *e, struct create_spec *s, struct err *err)
{
    _cleanup_(config_unrefp) struct config *cfg = engine_config(e);
    json_t *hc = s->host_config;
    s->inherited = inherit_names(hc);
    inherit_fill(cfg, s->inherited, NULL, hc);
    int r = restart_policy_check(hc, err);
    if (r < 0)
        return r;
    runtime_host_config_defaults(hc, e->cgroup);
    r = runtime_host_config_check(s->config, hc, e->cgroup, s->warnings, err);
    if (r == 0)
        r = log_config_check(e, hc, err);
    if (r == 0)
        r = check_stop(s->config, err);
    if (r == 0)
        r = check_extra_hosts(hc, err);
    if (r == 0)
        r = check_ports(s, err);
    if (r < 0)
        return r;
    json_auto_t *daemon = config_driver_options(cfg, "storage", cfg->storage.driver);
    return storage_check_options(e->storage, daemon, json_obj(hc, "StorageOpt"), err);
}

int create_spec_read(struct engine *e, const char *name, const char *platform, const json_t *body,
                     struct create_spec *out, struct err *err)
{
    int r = read_name(name, out, err);
    if (r == 0)
        r = config_read(body, &out->config, err);
    if (r == 0)
        r = body_read(json_object_get(body, "HostConfig"), host_members, ARRAY_SIZE(host_members),
                      "HostConfig", &out->host_config, err);
    if (r < 0)
        return r;
    out->warnings = json_array();
    r = health_check_config(out->config, out->host_config, NULL, err);
    if (r < 0)
        return r;
    r = read_image(e, platform, out, err);
    if (r == 0)
        r = health_check_config(out->config, out->host_config, out->warnings, err);
    if (r == 0)
        r = check_host_config(e, out, err);
    if (r == 0)
        r = networks_choose(e, out->config, out->host_config,
                            json_object_get(body, "NetworkingConfig"), &out->network,
                            &out->endpoint, err);
    if (r == 0)
        r = mounts_read(out->config, out->host_config, &out->mounts, err);
    if (r == 0)
        r = check_bind_sources(out->mounts, err);
    if (r == 0)
        expose_published(out);
    return r;
}
