/* SPDX-License-Identifier: Apache-2.0 */
/* The flags of run and create as data: each says where in the body its value goes. */
#include "client/run-options.h"

#include <errno.h>
#include <strings.h>

#include "base/json.h"
#include "client/health-options.h"
#include "client/kvfile.h"
#include "client/run-parts.h"

const struct flag container_flags[] = {
    {"add-host", 0, FLAG_LIST, "list", "Add a custom host-to-IP mapping (host:ip)"},
    {"annotation", 0, FLAG_LIST, "map", "Add an annotation to the container"},
    {"attach", 'a', FLAG_LIST, "list", "Attach to STDIN, STDOUT or STDERR",
     .words = "STDIN STDOUT STDERR"},
    {"blkio-weight", 0, FLAG_INT, "uint16", "Block IO (relative weight, 10 to 1000)"},
    {"blkio-weight-device", 0, FLAG_LIST, "list", "Block IO weight of a device (PATH:WEIGHT)"},
    {"cap-add", 0, FLAG_LIST, "list", "Add Linux capabilities"},
    {"cap-drop", 0, FLAG_LIST, "list", "Drop Linux capabilities"},
    {"cidfile", 0, FLAG_STRING, "file", "Write the container's id to the file",
     .completes = COMPLETE_FILE},
    {"cgroup-parent", 0, FLAG_STRING, "path", "Parent cgroup of the container"},
    {"cgroupns", 0, FLAG_STRING, "string", "Cgroup namespace to use: host or private",
     .words = "host private"},
    {"cpu-count", 0, FLAG_INT, "int", "CPU count (Windows only)", .hidden = true},
    {"cpu-percent", 0, FLAG_INT, "int", "CPU percent (Windows only)", .hidden = true},
    {"cpu-period", 0, FLAG_INT, "us", "Limit the CFS period"},
    {"cpu-quota", 0, FLAG_INT, "us", "Limit the CFS quota"},
    {"cpu-rt-period", 0, FLAG_INT, "us", "Limit the CPU real-time period"},
    {"cpu-rt-runtime", 0, FLAG_INT, "us", "Limit the CPU real-time runtime"},
    {"cpu-shares", 'c', FLAG_INT, "int", "CPU shares (relative weight)"},
    {"cpus", 0, FLAG_STRING, "decimal", "Number of CPUs"},
    {"cpuset-cpus", 0, FLAG_STRING, "list", "CPUs on which to run (0-3, 0,1)"},
    {"cpuset-mems", 0, FLAG_STRING, "list", "Memory nodes in which to run (0-3, 0,1)"},
    {"device", 0, FLAG_LIST, "list", "Add a device of the host", .completes = COMPLETE_FILE},
    {"device-cgroup-rule", 0, FLAG_LIST, "list", "Add a rule to the allowed devices (c 13:* rwm)"},
    {"device-read-bps", 0, FLAG_LIST, "list", "Limit the read rate of a device (PATH:BYTES)"},
    {"device-read-iops", 0, FLAG_LIST, "list", "Limit the reads of a device (PATH:IO a second)"},
    {"device-write-bps", 0, FLAG_LIST, "list", "Limit the write rate of a device (PATH:BYTES)"},
    {"device-write-iops", 0, FLAG_LIST, "list", "Limit the writes of a device (PATH:IO a second)"},
    {"disable-content-trust", 0, FLAG_BOOL, "", "Without effect", .hidden = true},
    {"dns", 0, FLAG_LIST, "list", "Set custom DNS servers"},
    {"dns-option", 0, FLAG_LIST, "list", "Set DNS options"},
    {"dns-search", 0, FLAG_LIST, "list", "Set custom DNS search domains"},
    {"domainname", 0, FLAG_STRING, "string", "Container NIS domain name"},
    {"entrypoint", 0, FLAG_STRING, "string", "Overwrite the image's ENTRYPOINT"},
    {"env", 'e', FLAG_LIST, "list", "Set environment variables"},
    {"env-file", 0, FLAG_LIST, "list", "Read in a file of environment variables",
     .completes = COMPLETE_FILE},
    {"expose", 0, FLAG_LIST, "list", "Expose a port or a range of ports"},
    {"gpus", 0, FLAG_STRING, "gpu-request", "GPU devices to add to the container"},
    {"group-add", 0, FLAG_LIST, "list", "Add additional groups to join"},
    {"health-cmd", 0, FLAG_STRING, "command", "Command to run to check health"},
    {"health-http", 0, FLAG_STRING, "url",
     "Check health by an HTTP request (http://localhost:8080/ready): 2xx and 3xx are healthy"},
    {"health-interval", 0, FLAG_STRING, "duration", "Time between running the check (30s)"},
    {"health-retries", 0, FLAG_INT, "int", "Consecutive failures needed to report unhealthy (3)"},
    {"health-start-interval", 0, FLAG_STRING, "duration",
     "Time between running the check during the start period (5s)"},
    {"health-start-period", 0, FLAG_STRING, "duration",
     "Start period for the container to initialize before failures count (0s)"},
    {"health-tcp", 0, FLAG_STRING, "[host:]port", "Check health by a TCP connection"},
    {"health-timeout", 0, FLAG_STRING, "duration", "Maximum time to allow one check to run (30s)"},
    {"hostname", 'h', FLAG_STRING, "string", "Container host name"},
    {"init", 0, FLAG_BOOL, "",
     "Run an init inside the container that forwards signals and reaps processes"},
    {"interactive", 'i', FLAG_BOOL, "", "Keep STDIN open even if not attached"},
    {"io-maxbandwidth", 0, FLAG_STRING, "bytes", "IO bandwidth (Windows only)", .hidden = true},
    {"io-maxiops", 0, FLAG_INT, "int", "IOs a second (Windows only)", .hidden = true},
    {"ip", 0, FLAG_STRING, "ip", "IPv4 address on a user-defined network"},
    {"ip6", 0, FLAG_STRING, "ip", "IPv6 address on a user-defined network"},
    {"ipc", 0, FLAG_STRING, "string", "IPC mode to use",
     .words = "host none private shareable container:"},
    {"isolation", 0, FLAG_STRING, "string", "Container isolation technology", .words = "default"},
    {"kernel-memory", 0, FLAG_STRING, "bytes", "Kernel memory limit", .hidden = true},
    {"label", 'l', FLAG_LIST, "list", "Set meta data on a container"},
    {"label-file", 0, FLAG_LIST, "list", "Read in a line delimited file of labels",
     .completes = COMPLETE_FILE},
    {"link", 0, FLAG_LIST, "list", "Add a link to another container"},
    {"link-local-ip", 0, FLAG_LIST, "list", "Link-local addresses of the container"},
    {"log-driver", 0, FLAG_STRING, "string", "Logging driver for the container"},
    {"log-opt", 0, FLAG_LIST, "list", "Log driver options"},
    {"mac-address", 0, FLAG_STRING, "string", "Container MAC address (92:d0:c6:0a:29:33)"},
    {"memory", 'm', FLAG_STRING, "bytes", "Memory limit"},
    {"memory-reservation", 0, FLAG_STRING, "bytes", "Memory soft limit"},
    {"memory-swap", 0, FLAG_STRING, "bytes",
     "Swap limit equal to memory plus swap: -1 for unlimited swap"},
    {"memory-swappiness", 0, FLAG_INT, "int", "Tune the memory swappiness (0 to 100)"},
    {"mount", 0, FLAG_LIST, "mount", "Attach a file system mount to the container",
     .words = "type=bind, type=volume, type=tmpfs,"},
    {"name", 0, FLAG_STRING, "string", "Assign a name to the container"},
    {"network", 0, FLAG_STRING, "network", "Connect the container to a network",
     .completes = COMPLETE_NETWORK},
    {"net", 0, FLAG_STRING, "network", "As --network", .completes = COMPLETE_NETWORK,
     .hidden = true},
    {"network-alias", 0, FLAG_LIST, "list", "Add a name of the container on its network"},
    {"no-healthcheck", 0, FLAG_BOOL, "", "Disable any HEALTHCHECK of the image"},
    {"on-unhealthy", 0, FLAG_STRING, "action",
     "What to do for a container that fails its checks: none, restart, kill"},
    {"oom-kill-disable", 0, FLAG_BOOL, "", "Disable the OOM killer"},
    {"oom-score-adj", 0, FLAG_INT, "int", "Tune the host's OOM preferences (-1000 to 1000)"},
    {"pid", 0, FLAG_STRING, "string", "PID namespace to use", .words = "host container:"},
    {"pids-limit", 0, FLAG_INT, "int", "Limit the number of processes (-1 for unlimited)"},
    {"platform", 0, FLAG_STRING, "string", "Platform if the image is for several"},
    {"privileged", 0, FLAG_BOOL, "", "Give extended privileges to the container"},
    {"publish", 'p', FLAG_LIST, "list", "Publish a container's port(s) to the host"},
    {"publish-all", 'P', FLAG_BOOL, "", "Publish all exposed ports to random ports"},
    {"pull", 0, FLAG_STRING, "policy", "Pull image before running: always, missing, never",
     .words = "always missing never"},
    {"quiet", 'q', FLAG_BOOL, "", "Suppress the output of a pull"},
    {"read-only", 0, FLAG_BOOL, "", "Mount the container's root file system as read only"},
    {"restart", 0, FLAG_STRING, "policy",
     "Restart policy: no, on-failure[:N], always, unless-stopped",
     .words = "no always unless-stopped on-failure"},
    {"rm", 0, FLAG_BOOL, "", "Remove the container when it exits"},
    {"runtime", 0, FLAG_STRING, "string", "Runtime to use"},
    {"security-opt", 0, FLAG_LIST, "list", "Security options"},
    {"shm-size", 0, FLAG_STRING, "bytes", "Size of /dev/shm"},
    {"stop-signal", 0, FLAG_STRING, "string", "Signal to stop the container"},
    {"stop-timeout", 0, FLAG_INT, "seconds", "Time to wait before it is killed"},
    {"storage-opt", 0, FLAG_LIST, "list", "Storage driver options"},
    {"sysctl", 0, FLAG_LIST, "list", "Sysctl options"},
    {"tmpfs", 0, FLAG_LIST, "list", "Mount a tmpfs directory"},
    {"tty", 't', FLAG_BOOL, "", "Allocate a pseudo-TTY"},
    {"ulimit", 0, FLAG_LIST, "list", "Ulimit options"},
    {"use-api-socket", 0, FLAG_BOOL, "", "Give the container the API's socket", .hidden = true},
    {"user", 'u', FLAG_STRING, "string", "User name or UID (format: <name|uid>[:<group|gid>])"},
    {"userns", 0, FLAG_STRING, "string", "User namespace to use", .words = "host"},
    {"uts", 0, FLAG_STRING, "string", "UTS namespace to use", .words = "host"},
    {"volume", 'v', FLAG_LIST, "list", "Bind mount a volume", .completes = COMPLETE_VOLUME},
    {"volume-driver", 0, FLAG_STRING, "string", "Volume driver of the container"},
    {"volumes-from", 0, FLAG_LIST, "list", "Mount volumes from the specified container(s)",
     .completes = COMPLETE_CONTAINER},
    {"workdir", 'w', FLAG_STRING, "string", "Working directory inside the container"},
    {NULL},
};

enum target { IN_CONFIG, IN_HOST };
enum conversion { AS_STRING, AS_INT, AS_BOOL, AS_SIZE, AS_LIST, AS_MAP, AS_NANO };

/* Flags whose value goes to one place as it is. */
static const struct {
    const char *flag;
    enum target target;
    enum conversion how;
    const char *member;
} plain[] = {
    {"add-host", IN_HOST, AS_LIST, "ExtraHosts"},
    {"cap-add", IN_HOST, AS_LIST, "CapAdd"},
    {"cap-drop", IN_HOST, AS_LIST, "CapDrop"},
    {"annotation", IN_HOST, AS_MAP, "Annotations"},
    {"blkio-weight", IN_HOST, AS_INT, "BlkioWeight"},
    {"cgroup-parent", IN_HOST, AS_STRING, "CgroupParent"},
    {"cgroupns", IN_HOST, AS_STRING, "CgroupnsMode"},
    {"cpu-count", IN_HOST, AS_INT, "CpuCount"},
    {"cpu-percent", IN_HOST, AS_INT, "CpuPercent"},
    {"cpu-period", IN_HOST, AS_INT, "CpuPeriod"},
    {"cpu-quota", IN_HOST, AS_INT, "CpuQuota"},
    {"cpu-rt-period", IN_HOST, AS_INT, "CpuRealtimePeriod"},
    {"cpu-rt-runtime", IN_HOST, AS_INT, "CpuRealtimeRuntime"},
    {"cpu-shares", IN_HOST, AS_INT, "CpuShares"},
    {"cpus", IN_HOST, AS_NANO, "NanoCpus"},
    {"cpuset-cpus", IN_HOST, AS_STRING, "CpusetCpus"},
    {"cpuset-mems", IN_HOST, AS_STRING, "CpusetMems"},
    {"device-cgroup-rule", IN_HOST, AS_LIST, "DeviceCgroupRules"},
    {"dns", IN_HOST, AS_LIST, "Dns"},
    {"dns-option", IN_HOST, AS_LIST, "DnsOptions"},
    {"dns-search", IN_HOST, AS_LIST, "DnsSearch"},
    {"domainname", IN_CONFIG, AS_STRING, "Domainname"},
    {"group-add", IN_HOST, AS_LIST, "GroupAdd"},
    {"hostname", IN_CONFIG, AS_STRING, "Hostname"},
    {"init", IN_HOST, AS_BOOL, "Init"},
    {"interactive", IN_CONFIG, AS_BOOL, "OpenStdin"},
    {"io-maxbandwidth", IN_HOST, AS_SIZE, "IOMaximumBandwidth"},
    {"io-maxiops", IN_HOST, AS_INT, "IOMaximumIOps"},
    {"ipc", IN_HOST, AS_STRING, "IpcMode"},
    {"isolation", IN_HOST, AS_STRING, "Isolation"},
    {"kernel-memory", IN_HOST, AS_SIZE, "KernelMemory"},
    {"link", IN_HOST, AS_LIST, "Links"},
    {"mac-address", IN_CONFIG, AS_STRING, "MacAddress"},
    {"memory", IN_HOST, AS_SIZE, "Memory"},
    {"memory-reservation", IN_HOST, AS_SIZE, "MemoryReservation"},
    {"memory-swap", IN_HOST, AS_SIZE, "MemorySwap"},
    {"memory-swappiness", IN_HOST, AS_INT, "MemorySwappiness"},
    {"oom-kill-disable", IN_HOST, AS_BOOL, "OomKillDisable"},
    {"oom-score-adj", IN_HOST, AS_INT, "OomScoreAdj"},
    {"pid", IN_HOST, AS_STRING, "PidMode"},
    {"pids-limit", IN_HOST, AS_INT, "PidsLimit"},
    {"privileged", IN_HOST, AS_BOOL, "Privileged"},
    {"publish-all", IN_HOST, AS_BOOL, "PublishAllPorts"},
    {"read-only", IN_HOST, AS_BOOL, "ReadonlyRootfs"},
    {"rm", IN_HOST, AS_BOOL, "AutoRemove"},
    {"runtime", IN_HOST, AS_STRING, "Runtime"},
    {"security-opt", IN_HOST, AS_LIST, "SecurityOpt"},
    {"shm-size", IN_HOST, AS_SIZE, "ShmSize"},
    {"stop-signal", IN_CONFIG, AS_STRING, "StopSignal"},
    {"stop-timeout", IN_CONFIG, AS_INT, "StopTimeout"},
    {"storage-opt", IN_HOST, AS_MAP, "StorageOpt"},
    {"sysctl", IN_HOST, AS_MAP, "Sysctls"},
    {"tty", IN_CONFIG, AS_BOOL, "Tty"},
    {"user", IN_CONFIG, AS_STRING, "User"},
    {"userns", IN_HOST, AS_STRING, "UsernsMode"},
    {"uts", IN_HOST, AS_STRING, "UTSMode"},
    {"volume-driver", IN_HOST, AS_STRING, "VolumeDriver"},
    {"volumes-from", IN_HOST, AS_LIST, "VolumesFrom"},
    {"workdir", IN_CONFIG, AS_STRING, "WorkingDir"},
};

static int put_size(json_t *o, const char *member, const char *flag, const char *text,
                    struct err *err)
{
    int64_t bytes = -1;
    bool unlimited = str_eq(flag, "memory-swap") && str_eq(text, "-1");
    if (!unlimited && parse_size(text, &bytes) < 0)
        return err_set(err, -EINVAL,
                       "invalid size \"%s\" for --%s: a number with an optional unit (b, k, m, g)",
                       text, flag);
    json_put_int(o, member, bytes);
    return 0;
}

/* "1.5" CPUs in billionths; parse_duration's grammar of decimals does it exactly. */
static int put_nano(json_t *o, const char *member, const char *text, struct err *err)
{
    int64_t nano;
    _cleanup_(freep) char *as_seconds = str_printf("%s%ss", text[0] == '.' ? "0" : "", text);
    if (!str_only(text, "0123456789.") || !strpbrk(text, "0123456789") ||
        parse_duration(as_seconds, &nano) < 0)
        return err_set(err, -EINVAL, "invalid number of CPUs \"%s\": a decimal such as 1.5", text);
    json_put_int(o, member, nano);
    return 0;
}

static int put_plain(const struct args *a, json_t *config, json_t *host, struct err *err)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < ARRAY_SIZE(plain); i++) {
        json_t *o = plain[i].target == IN_CONFIG ? config : host;
        const char *flag = plain[i].flag, *member = plain[i].member, *item;
        if (!args_given(a, flag))
            continue;
        switch (plain[i].how) {
        case AS_STRING:
            json_put_str(o, member, args_str(a, flag, ""));
            break;
        case AS_INT:
            json_put_int(o, member, args_int(a, flag, 0));
            break;
        case AS_BOOL:
            json_put_bool(o, member, args_bool(a, flag));
            break;
        case AS_SIZE:
            r = put_size(o, member, flag, args_str(a, flag, ""), err);
            break;
        case AS_NANO:
            r = put_nano(o, member, args_str(a, flag, ""), err);
            break;
        case AS_MAP:
            json_put_take(o, member, pairs_map(args_list(a, flag)));
            break;
        case AS_LIST:
            json_put_take(o, member, json_array());
            strv_foreach (item, args_list(a, flag))
                json_push_str(json_arr(o, member), item);
            break;
        }
    }
    return r;
}

static int put_env_and_labels(const struct args *a, json_t *config, struct err *err)
{
    json_t *env = NULL, *labels = NULL;
    int r = env_list(args_list(a, "env-file"), args_list(a, "env"), &env, err);
    if (r < 0)
        return r;
    json_put_take(config, "Env", env);
    r = label_map(args_list(a, "label-file"), args_list(a, "label"), &labels, err);
    if (r < 0)
        return r;
    json_put_take(config, "Labels", labels);
    return 0;
}

static int put_restart(const struct args *a, json_t *host, struct err *err)
{
    const char *policy = args_str(a, "restart", NULL), *colon = policy ? strchr(policy, ':') : NULL;
    if (!policy)
        return 0;
    int64_t max = 0;
    if (colon && parse_i64(colon + 1, 0, 1 << 30, &max) < 0)
        return err_set(err, -EINVAL,
                       "invalid restart policy \"%s\": the maximum of retries must be a number",
                       policy);
    _cleanup_(freep) char *name =
        colon ? xstrndup(policy, (size_t)(colon - policy)) : xstrdup(policy);
    if (args_bool(a, "rm") && *name && !str_eq(name, "no"))
        return err_set(err, -EINVAL, "conflicting options: cannot specify both --restart and --rm");
    json_put_take(host, "RestartPolicy",
                  json_pack("{ss sI}", "Name", name, "MaximumRetryCount", (json_int_t)max));
    return 0;
}

static int put_ulimits(const struct args *a, json_t *host, struct err *err)
{
    json_t *list = json_array();
    const char *item;
    json_put_take(host, "Ulimits", list);
    strv_foreach (item, args_list(a, "ulimit")) {
        const char *eq = strchr(item, '='), *colon = eq ? strchr(eq, ':') : NULL;
        int64_t soft = 0, hard = 0;
        _cleanup_(freep) char *first =
            eq ? xstrndup(eq + 1, colon ? (size_t)(colon - eq - 1) : strlen(eq + 1)) : NULL;
        if (!eq || parse_i64(first, -1, INT64_MAX, &soft) < 0 ||
            (colon && parse_i64(colon + 1, -1, INT64_MAX, &hard) < 0))
            return err_set(err, -EINVAL, "invalid ulimit \"%s\": NAME=SOFT[:HARD]", item);
        if (colon && hard != -1 && (soft > hard || soft == -1))
            return err_set(err, -EINVAL,
                           "ulimit soft limit must be less than or equal to hard limit: %s", item);
        _cleanup_(freep) char *name = xstrndup(item, (size_t)(eq - item));
        json_push_take(list, json_pack("{ss sI sI}", "Name", name, "Soft", (json_int_t)soft, "Hard",
                                       (json_int_t)(colon ? hard : soft)));
    }
    return 0;
}

static int put_devices(const struct args *a, json_t *host, struct err *err)
{
    json_t *list = json_array();
    const char *item;
    json_put_take(host, "Devices", list);
    strv_foreach (item, args_list(a, "device")) {
        struct strv parts = {0};
        strv_split(&parts, item, ":");
        bool mode_second = parts.n == 2 && str_only(parts.v[1], "rwm");
        if (parts.n == 0 || parts.n > 3) {
            strv_fini(&parts);
            return err_set(err, -EINVAL, "invalid device \"%s\": HOST[:CONTAINER][:rwm]", item);
        }
        json_push_take(list, json_pack("{ss ss ss}", "PathOnHost", parts.v[0], "PathInContainer",
                                       parts.n > 1 && !mode_second ? parts.v[1] : parts.v[0],
                                       "CgroupPermissions",
                                       parts.n == 3  ? parts.v[2]
                                       : mode_second ? parts.v[1]
                                                     : "rwm"));
        strv_fini(&parts);
    }
    return 0;
}

static void put_tmpfs_and_logs(const struct args *a, json_t *host)
{
    const char *item;
    json_t *tmpfs = json_object();
    strv_foreach (item, args_list(a, "tmpfs")) {
        const char *colon = strchr(item, ':');
        _cleanup_(freep) char *path =
            colon ? xstrndup(item, (size_t)(colon - item)) : xstrdup(item);
        json_put_str(tmpfs, path, colon ? colon + 1 : "");
    }
    json_put_take(host, "Tmpfs", tmpfs);
    json_put_take(host, "LogConfig",
                  json_pack("{ss so}", "Type", args_str(a, "log-driver", ""), "Config",
                            pairs_map(args_list(a, "log-opt"))));
}

/* A host path of -v is made absolute where it begins with a dot; a bare name is a volume. */
static char *absolute_bind(const char *spec)
{
    const char *colon = strchr(spec, ':');
    if (spec[0] != '.' || !colon)
        return xstrdup(spec);
    _cleanup_(freep) char *source = xstrndup(spec, (size_t)(colon - spec)),
                          *path = absolute_path(source);
    return str_printf("%s%s", path, colon);
}

static int put_mounts(const struct args *a, json_t *config, json_t *host, struct err *err)
{
    json_t *binds = json_array(), *mounts = json_array(), *volumes = json_object();
    const char *item;
    int r = 0;
    json_put_take(host, "Binds", binds);
    json_put_take(host, "Mounts", mounts);
    json_put_take(config, "Volumes", volumes);
    strv_foreach (item, args_list(a, "volume")) {
        _cleanup_(freep) char *spec = absolute_bind(item);
        if (strchr(spec, ':'))
            json_push_str(binds, spec);
        else
            json_put_take(volumes, spec, json_object());
    }
    strv_foreach (item, args_list(a, "mount")) {
        json_t *m = NULL;
        r = r == 0 ? mount_spec(item, &m, err) : r;
        if (r == 0)
            json_push_take(mounts, m);
    }
    return r;
}

static int put_ports(const struct args *a, json_t *config, json_t *host, struct err *err)
{
    json_t *exposed = json_object(), *bindings = json_object();
    const char *item;
    int r = 0;
    json_put_take(config, "ExposedPorts", exposed);
    json_put_take(host, "PortBindings", bindings);
    strv_foreach (item, args_list(a, "publish"))
        r = r == 0 ? publish_spec(item, exposed, bindings, err) : r;
    strv_foreach (item, args_list(a, "expose"))
        r = r == 0 ? expose_spec(item, exposed, err) : r;
    return r;
}

/* What run attaches to: --attach names it, else the output, and stdin with --interactive. */
static int attach_wanted(const struct args *a, struct attach *attach, struct err *err)
{
    const char *item;
    *attach = (struct attach){0};
    strv_foreach (item, args_list(a, "attach")) {
        bool *stream = strcasecmp(item, "stdin") == 0    ? &attach->in
                       : strcasecmp(item, "stdout") == 0 ? &attach->out
                       : strcasecmp(item, "stderr") == 0 ? &attach->err
                                                         : NULL;
        if (!stream)
            return err_set(err, -EINVAL,
                           "invalid argument \"%s\" for --attach: stdin, stdout or stderr", item);
        *stream = true;
    }
    if (!args_given(a, "attach"))
        *attach = (struct attach){.in = args_bool(a, "interactive"), .out = true, .err = true};
    return 0;
}

static void put_command(const struct args *a, json_t *config, const struct attach *attach)
{
    const char *entrypoint = args_str(a, "entrypoint", NULL);
    json_put_str(config, "Image", a->rest.v[0]);
    if (a->rest.n > 1) {
        json_t *cmd = json_array();
        for (size_t i = 1; i < a->rest.n; i++)
            json_push_str(cmd, a->rest.v[i]);
        json_put_take(config, "Cmd", cmd);
    }
    if (entrypoint) {
        json_t *list = json_array();
        json_push_str(list, entrypoint);
        json_put_take(config, "Entrypoint", list);
    }
    json_put_bool(config, "AttachStdin", attach->in);
    json_put_bool(config, "AttachStdout", attach->out);
    json_put_bool(config, "AttachStderr", attach->err);
    json_put_bool(config, "StdinOnce", attach->in && args_bool(a, "interactive"));
}

static int check_pull(const struct args *a, struct err *err)
{
    const char *pull = args_str(a, "pull", "missing");
    if (str_eq(pull, "always") || str_eq(pull, "missing") || str_eq(pull, "never"))
        return 0;
    return err_set(err, -EINVAL, "invalid pull option: '%s': must be always, missing or never",
                   pull);
}

static int check_unsupported(const struct args *a, struct err *err)
{
    if (!args_bool(a, "use-api-socket"))
        return 0;
    return err_set(err, -ENOTSUP,
                   "--use-api-socket is not supported: -v /run/berth.sock:/var/run/docker.sock "
                   "gives the container the socket, and with it the host");
}

int container_body(const struct args *a, bool foreground, struct attach *attach, json_t **out,
                   struct err *err)
{
    json_auto_t *config = json_object();
    json_t *host = json_object();
    json_put_take(config, "HostConfig", host);
    const char *network = args_str(a, "network", args_str(a, "net", "default"));
    json_put_str(host, "NetworkMode", network);
    int r = attach_wanted(a, attach, err);
    if (r == 0)
        r = check_unsupported(a, err);
    if (r == 0)
        r = check_pull(a, err);
    if (r < 0)
        return r;
    if (!foreground)
        *attach = (struct attach){0};
    put_command(a, config, attach);
    put_tmpfs_and_logs(a, host);
    put_endpoint(a, network, config);
    r = put_plain(a, config, host, err);
    if (r == 0)
        r = put_env_and_labels(a, config, err);
    if (r == 0)
        r = health_options(a, config, err);
    if (r == 0)
        r = put_restart(a, host, err);
    if (r == 0)
        r = put_ulimits(a, host, err);
    if (r == 0)
        r = put_devices(a, host, err);
    if (r == 0)
        r = put_block_devices(a, host, err);
    if (r == 0)
        r = put_mounts(a, config, host, err);
    if (r == 0)
        r = put_ports(a, config, host, err);
    if (r == 0)
        *out = json_incref(config);
    return r;
}

int resources_body(const struct args *a, json_t **out, struct err *err)
{
    json_auto_t *ignored = json_object(), *host = json_object();
    int r = put_plain(a, ignored, host, err);
    if (r == 0)
        r = put_restart(a, host, err);
    if (r == 0)
        *out = json_incref(host);
    return r;
}
