/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HostConfig: defaults
 *
 * A table of members with the values that Docker's inspect shows where a client gave none, and the few that depend on others or
 * on the machine.
 */
#include <stdio.h>
#include <unistd.h>

#include "base/json.h"
#include "base/str.h"
#include "runtime/host-config.h"

static const struct {
    const char *key, *json;
} defaults[] = {
    {"Binds", "null"},
    {"ContainerIDFile", "\"\""},
    {"NetworkMode", "\"default\""},
    {"PortBindings", "{}"},
    {"RestartPolicy", "{\"Name\":\"no\",\"MaximumRetryCount\":0}"},
    {"AutoRemove", "false"},
    {"VolumeDriver", "\"\""},
    {"VolumesFrom", "null"},
    {"ConsoleSize", "[0,0]"},
    {"CapAdd", "null"},
    {"CapDrop", "null"},
    {"Dns", "null"},
    {"DnsOptions", "null"},
    {"DnsSearch", "null"},
    {"ExtraHosts", "null"},
    {"GroupAdd", "null"},
    {"IpcMode", "\"private\""},
    {"Cgroup", "\"\""},
    {"Links", "null"},
    {"OomScoreAdj", "0"},
    {"PidMode", "\"\""},
    {"Privileged", "false"},
    {"PublishAllPorts", "false"},
    {"ReadonlyRootfs", "false"},
    {"SecurityOpt", "null"},
    {"UTSMode", "\"\""},
    {"UsernsMode", "\"\""},
    {"ShmSize", "67108864"},
    {"Runtime", "\"berth\""},
    {"Isolation", "\"\""},
    {"CpuShares", "0"},
    {"Memory", "0"},
    {"NanoCpus", "0"},
    {"CgroupParent", "\"\""},
    {"BlkioWeight", "0"},
    {"BlkioWeightDevice", "null"},
    {"BlkioDeviceReadBps", "null"},
    {"BlkioDeviceWriteBps", "null"},
    {"BlkioDeviceReadIOps", "null"},
    {"BlkioDeviceWriteIOps", "null"},
    {"CpuPeriod", "0"},
    {"CpuQuota", "0"},
    {"CpuRealtimePeriod", "0"},
    {"CpuRealtimeRuntime", "0"},
    {"CpusetCpus", "\"\""},
    {"CpusetMems", "\"\""},
    {"Devices", "null"},
    {"DeviceCgroupRules", "null"},
    {"DeviceRequests", "null"},
    {"MemoryReservation", "0"},
    {"MemorySwap", "0"},
    {"MemorySwappiness", "null"},
    {"OomKillDisable", "false"},
    {"PidsLimit", "null"},
    {"Ulimits", "null"},
    {"CpuCount", "0"},
    {"CpuPercent", "0"},
    {"IOMaximumIOps", "0"},
    {"IOMaximumBandwidth", "0"},
};

static void put_default(json_t *hc, const char *key, const char *json)
{
    const json_t *v = json_object_get(hc, key);
    bool blank = !v || json_is_null(v) || (json_is_string(v) && !*json_string_value(v));
    json_t *dflt = json_loads(json, JSON_DECODE_ANY, NULL);
    if (blank)
        json_put_take(hc, key, dflt);
    else
        json_decref(dflt);
}

json_t *runtime_masked_paths(void)
{
    static const char *const paths[] = {
        "/proc/asound",     "/proc/acpi",        "/proc/interrupts",
        "/proc/kcore",      "/proc/keys",        "/proc/latency_stats",
        "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug",
        "/proc/scsi",       "/sys/firmware",     "/sys/devices/virtual/powercap",
    };
    json_t *list = json_array();
    for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
        json_push_str(list, paths[i]);
    long cpus = sysconf(_SC_NPROCESSORS_CONF);
    for (long i = 0; i < cpus; i++) {
        _cleanup_(freep) char *path =
            str_printf("/sys/devices/system/cpu/cpu%ld/thermal_throttle", i);
        if (access(path, F_OK) == 0)
            json_push_str(list, path);
    }
    return list;
}

json_t *runtime_readonly_paths(void)
{
    return json_pack("[sssss]", "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys",
                     "/proc/sysrq-trigger");
}

/* An empty list that a client gave means: nothing is masked. */
static void paths_default(json_t *hc)
{
    bool privileged = json_bool(hc, "Privileged", false);
    if (!json_arr(hc, "MaskedPaths"))
        json_put_take(hc, "MaskedPaths", privileged ? json_array() : runtime_masked_paths());
    if (!json_arr(hc, "ReadonlyPaths"))
        json_put_take(hc, "ReadonlyPaths", privileged ? json_array() : runtime_readonly_paths());
}

/* What clients send for "no limit" is shown as Docker shows it: null. */
static void unlimited_default(json_t *hc)
{
    if (json_int(hc, "PidsLimit", 0) <= 0)
        json_put_take(hc, "PidsLimit", json_null());
    if (json_int(hc, "MemorySwappiness", -1) == -1)
        json_put_take(hc, "MemorySwappiness", json_null());
}

void runtime_host_config_defaults(json_t *hc, const struct cgroup *cg)
{
    for (size_t i = 0; i < ARRAY_SIZE(defaults); i++)
        put_default(hc, defaults[i].key, defaults[i].json);
    if (json_int(hc, "ShmSize", 0) == 0)
        json_put_int(hc, "ShmSize", 64 << 20);
    int64_t memory = json_int(hc, "Memory", 0);
    if (memory > 0 && memory <= INT64_MAX / 2 && json_int(hc, "MemorySwap", 0) == 0)
        json_put_int(hc, "MemorySwap", memory * 2);
    int64_t shares = json_int(hc, "CpuShares", 0);
    if (shares > 0) /* the kernel's own range */
        json_put_int(hc, "CpuShares", MIN(MAX(shares, 2), 262144));
    bool v2 = cg && cgroup_version(cg) == 2 && !json_bool(hc, "Privileged", false);
    put_default(hc, "CgroupnsMode", v2 ? "\"private\"" : "\"host\"");
    unlimited_default(hc);
    paths_default(hc);
}
