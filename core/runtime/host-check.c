/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HostConfig: what is refused
 *
 * Nothing that a client asks for is passed over in silence: members that this runtime does not have are refused in words
 * when they hold more than nothing, the rest is checked here, at create, and not when the container starts.
 */
#include <errno.h>
#include <stdio.h>
#include <strings.h>

#include "base/json.h"
#include "base/str.h"
#include "runtime/apparmor.h"
#include "runtime/caps.h"
#include "runtime/devices.h"
#include "runtime/host-config.h"
#include "runtime/seccomp.h"
#include "runtime/signal.h"

static bool is_nothing(const json_t *v)
{
    if (!v || json_is_null(v) || json_is_false(v))
        return true;
    if (json_is_string(v))
        return !*json_string_value(v);
    if (json_is_integer(v))
        return json_integer_value(v) == 0;
    return (json_is_array(v) && json_array_size(v) == 0) ||
           (json_is_object(v) && json_object_size(v) == 0);
}

static const struct {
    const char *key, *why;
} unsupported[] = {
    {"VolumesFrom", "taking the volumes of another container"},
    {"Links", "links (legacy)"},
    {"DeviceRequests", "requests for devices of a vendor's driver (GPUs)"},
    {"StorageOpt", "storage options of a container"},
    {"Cgroup", "the control group of another container"},
    {"CgroupParent", "a control group parent other than the daemon's"},
    {"KernelMemory", "a kernel memory limit (kernels no longer have it)"},
    {"KernelMemoryTCP", "a kernel TCP memory limit"},
    {"CpuCount", "a limit for Windows containers"},
    {"CpuPercent", "a limit for Windows containers"},
    {"IOMaximumIOps", "a limit for Windows containers"},
    {"IOMaximumBandwidth", "a limit for Windows containers"},
};

/* Words that a member may hold; anything else is refused. */
static const struct {
    const char *key;
    const char *words[6];
} closed[] = {
    {"Runtime", {"berth", "runc", "io.containerd.runc.v2"}},
    {"Isolation", {"default"}},
    {"UsernsMode", {"host"}},
    {"UTSMode", {"host", "private"}},
    {"PidMode", {"host", "private"}},
    {"IpcMode", {"private", "shareable", "host", "none"}},
    {"CgroupnsMode", {"host", "private"}},
};

static int check_unsupported(const json_t *hc, struct err *err)
{
    for (size_t i = 0; i < ARRAY_SIZE(unsupported); i++) {
        if (!is_nothing(json_object_get(hc, unsupported[i].key)))
            return err_set(err, -ENOTSUP, "HostConfig.%s: %s is not supported", unsupported[i].key,
                           unsupported[i].why);
    }
    return 0;
}

static bool is_word(const char *const words[6], const char *v)
{
    for (size_t i = 0; i < 6 && words[i]; i++) {
        if (str_eq(words[i], v))
            return true;
    }
    return false;
}

static int check_closed(const json_t *hc, struct err *err)
{
    for (size_t i = 0; i < ARRAY_SIZE(closed); i++) {
        const char *key = closed[i].key, *v = json_str(hc, key, "");
        if (!*v || is_word(closed[i].words, v))
            continue;
        if (str_after(v, "container:"))
            return err_set(err, -ENOTSUP,
                           "HostConfig.%s: \"%s\": sharing another container's namespace is not "
                           "supported",
                           key, v);
        if (str_eq(key, "Runtime"))
            return err_set(err, -EINVAL, "unknown or invalid runtime name: %s", v);
        return err_set(err, -EINVAL, "HostConfig.%s: \"%s\" is not supported, \"%s\" is", key, v,
                       closed[i].words[0]);
    }
    return 0;
}

/* --- SecurityOpt */

static int read_bool_opt(const char *key, const char *value, bool *out, struct err *err)
{
    *out = true;
    if (value && parse_bool(value, out) < 0)
        return err_set(err, -EINVAL, "invalid --security-opt: \"%s=%s\": true or false", key,
                       value);
    return 0;
}

static int read_seccomp(const char *value, struct security_opts *out)
{
    out->seccomp_unconfined = str_eq(value, "unconfined");
    bool builtin = str_empty(value) || str_eq(value, "builtin");
    out->seccomp_profile = out->seccomp_unconfined || builtin ? NULL : value;
    return 0;
}

static int read_security_opt(const char *opt, struct security_opts *out, struct err *err)
{
    /* "key=value"; "key:value" is the old form, and the profile's own colons must not count. */
    size_t n = strcspn(opt, "=");
    if (!opt[n])
        n = strcspn(opt, ":");
    _cleanup_(freep) char *key = xstrndup(opt, n);
    const char *value = opt[n] ? opt + n + 1 : NULL;
    if (str_eq(key, "no-new-privileges"))
        return read_bool_opt(key, value, &out->no_new_privileges, err);
    if (str_eq(key, "writable-cgroups"))
        return read_bool_opt(key, value, &out->writable_cgroups, err);
    if (str_eq(key, "seccomp") && value)
        return read_seccomp(value, out);
    if (str_eq(key, "apparmor") && !str_empty(value)) {
        /* Who asks for Docker's default by its name means ours. */
        out->apparmor = str_eq(value, "docker-default") ? APPARMOR_DEFAULT : value;
        return 0;
    }
    if (str_eq(key, "label") && value && (str_eq(value, "disable")))
        return 0;
    if (str_eq(key, "label"))
        return err_set(err, -ENOTSUP, "SecurityOpt \"%s\": SELinux labels are not supported", opt);
    return err_set(err, -EINVAL, "invalid --security-opt 2: \"%s\"", opt);
}

int security_opts_read(const json_t *host_config, struct security_opts *out, struct err *err)
{
    *out = (struct security_opts){0};
    size_t i;
    json_t *item;
    json_array_foreach (json_arr(host_config, "SecurityOpt"), i, item) {
        const char *opt = json_string_value(item);
        if (!opt)
            return err_set(err, -EINVAL, "SecurityOpt: each option is a string");
        int r = read_security_opt(opt, out, err);
        if (r < 0)
            return r;
    }
    if (json_bool(host_config, "Privileged", false))
        out->writable_cgroups = true;
    return 0;
}

bool seccomp_wanted(const json_t *host_config, const char **profile)
{
    struct security_opts sec;
    *profile = NULL;
    if (json_bool(host_config, "Privileged", false))
        return false;
    if (security_opts_read(host_config, &sec, NULL) < 0)
        return true; /* refused at create; never less confined for it */
    *profile = sec.seccomp_profile;
    return !sec.seccomp_unconfined;
}

/* --- the rest */

static int check_config(const json_t *config, const json_t *hc, struct err *err)
{
    const char *stop = json_str(config, "StopSignal", "");
    const char *cwd = json_str(config, "WorkingDir", "");
    int ignored;
    if (*stop && signal_parse(stop, &ignored, err) < 0)
        return -EINVAL;
    if (*cwd && *cwd != '/')
        return err_set(err, -EINVAL,
                       "the working directory '%s' is invalid, it needs to be an absolute path",
                       cwd);
    if (mode_is_host(hc, "UTSMode") && !str_empty(json_str(config, "Hostname", "")))
        return err_set(err, -EINVAL, "conflicting options: hostname and the UTS mode");
    if (strlen(json_str(config, "Hostname", "")) > 63)
        return err_set(err, -EINVAL, "invalid hostname \"%s\": longer than 63 bytes",
                       json_str(config, "Hostname", ""));
    size_t i;
    json_t *item;
    json_array_foreach (json_arr(config, "Env"), i, item) {
        const char *s = json_string_value(item);
        if (!s || !*s || *s == '=')
            return err_set(err, -EINVAL, "invalid environment variable: %s",
                           s ? s : "not a string");
    }
    return 0;
}

static int check_numbers(const json_t *hc, struct err *err)
{
    int64_t score = json_int(hc, "OomScoreAdj", 0);
    if (score < -1000 || score > 1000)
        return err_set(err, -EINVAL, "Invalid value %lld, range for oom score adj is [-1000, 1000]",
                       (long long)score);
    if (json_int(hc, "ShmSize", 0) < 0)
        return err_set(err, -EINVAL, "SHM size can not be less than 0");
    return 0;
}

static int check_tmpfs(const json_t *hc, struct err *err)
{
    const char *path;
    json_t *v;
    json_object_foreach (json_obj(hc, "Tmpfs"), path, v) {
        if (*path != '/' || !path[strspn(path, "/")])
            return err_set(err, -EINVAL,
                           "invalid tmpfs mount point \"%s\": an absolute path below /", path);
        json_auto_t *scratch = json_object();
        int r = tmpfs_options(json_is_string(v) ? json_string_value(v) : "", scratch, err);
        if (r < 0)
            return r;
    }
    return 0;
}

static void note_host_ports(const json_t *hc, json_t *warnings)
{
    if (str_eq(json_str(hc, "NetworkMode", ""), "host") &&
        json_object_size(json_obj(hc, "PortBindings")) > 0)
        json_push_str(warnings, "Published ports are discarded when using host network mode");
}

static int check_caps(const json_t *hc, json_t *warnings, struct err *err)
{
    uint64_t mask;
    json_auto_t *missing = json_array();
    int r = caps_of(hc, &mask, missing, err);
    size_t i;
    json_t *name;
    json_array_foreach (missing, i, name) {
        _cleanup_(freep) char *text =
            str_printf("The daemon itself does not have %s. The container runs without it.",
                       json_string_value(name));
        json_push_str(warnings, text);
    }
    return r;
}

static int check_devices(const json_t *hc, struct err *err)
{
    json_auto_t *rlimits = rlimits_of(hc, NULL, err);
    if (!rlimits)
        return -EINVAL;
    size_t i;
    json_t *item;
    json_array_foreach (json_arr(hc, "DeviceCgroupRules"), i, item) {
        struct device_rule rule;
        const char *text = json_string_value(item);
        if (!text || device_rule_parse(text, &rule) < 0)
            return err_set(err, -EINVAL, "invalid device cgroup rule format: '%s'",
                           text ? text : "");
    }
    return 0;
}

int runtime_host_config_check(const json_t *config, json_t *hc, const struct cgroup *cg,
                              json_t *warnings, struct err *err)
{
    struct security_opts sec;
    int r = check_unsupported(hc, err);
    if (r == 0)
        r = check_closed(hc, err);
    if (r == 0)
        r = check_config(config, hc, err);
    if (r == 0)
        r = security_opts_read(hc, &sec, err);
    if (r == 0)
        r = check_caps(hc, warnings, err);
    if (r == 0)
        note_host_ports(hc, warnings);
    if (r == 0)
        r = check_numbers(hc, err);
    if (r == 0)
        r = check_tmpfs(hc, err);
    if (r == 0)
        r = check_devices(hc, err);
    if (r == 0)
        r = sysctls_check(hc, err);
    return r == 0 && cg ? cgroup_check(cg, hc, warnings, err) : r;
}
