/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Schemas of request bodies
 *
 * As in the Engine API's description, version 1.51, with the older members that clients still send.
 * Data only; fold.c reads it.
 */
#include "api/schema.h"

#include "base/cleanup.h"

static const struct value_type any = {VALUE_ANY};
static const struct value_type boolean = {VALUE_BOOL};
static const struct value_type integer = {VALUE_INT};
static const struct value_type string = {VALUE_STR};
static const struct value_type command = {VALUE_CMD};
static const struct value_type set = {VALUE_SET};
static const struct value_type strings = {VALUE_LIST, &string};
static const struct value_type string_lists = {VALUE_LIST, &strings};
static const struct value_type integers = {VALUE_LIST, &integer};
static const struct value_type string_map = {VALUE_MAP, &string};

#define OBJECT(id, ...)                                                                            \
    static const struct member id##_members[] = {__VA_ARGS__};                                     \
    static const struct schema id##_schema = {id##_members, ARRAY_SIZE(id##_members)};             \
    static const struct value_type id = {VALUE_OBJ, NULL, &id##_schema}

#define LIST(id) static const struct value_type id##_list = {VALUE_LIST, &id}

OBJECT(device, {"PathOnHost", &string}, {"PathInContainer", &string},
       {"CgroupPermissions", &string});
LIST(device);
OBJECT(device_request, {"Driver", &string}, {"Count", &integer}, {"DeviceIDs", &strings},
       {"Capabilities", &string_lists}, {"Options", &string_map});
LIST(device_request);
OBJECT(throttle, {"Path", &string}, {"Rate", &integer});
LIST(throttle);
OBJECT(weight, {"Path", &string}, {"Weight", &integer});
LIST(weight);
OBJECT(ulimit, {"Name", &string}, {"Soft", &integer}, {"Hard", &integer});
LIST(ulimit);
OBJECT(port_binding, {"HostIp", &string}, {"HostPort", &string});
LIST(port_binding);
static const struct value_type port_map = {VALUE_MAP, &port_binding_list};

OBJECT(restart_policy, {"Name", &string}, {"MaximumRetryCount", &integer});
OBJECT(log_config, {"Type", &string}, {"Config", &string_map});

OBJECT(health, {"Test", &strings}, {"Interval", &integer}, {"Timeout", &integer},
       {"Retries", &integer}, {"StartPeriod", &integer}, {"StartInterval", &integer});

OBJECT(bind_options, {"Propagation", &string}, {"NonRecursive", &boolean},
       {"CreateMountpoint", &boolean}, {"ReadOnlyNonRecursive", &boolean},
       {"ReadOnlyForceRecursive", &boolean});

OBJECT(volume_driver, {"Name", &string}, {"Options", &string_map});

OBJECT(volume_options, {"NoCopy", &boolean}, {"Labels", &string_map},
       {"DriverConfig", &volume_driver}, {"Subpath", &string});

OBJECT(image_options, {"Subpath", &string});

OBJECT(tmpfs_options, {"SizeBytes", &integer}, {"Mode", &integer}, {"Options", &string_lists});

OBJECT(mount, {"Target", &string}, {"Source", &string}, {"Type", &string}, {"Consistency", &string},
       {"ReadOnly", &boolean}, {"BindOptions", &bind_options}, {"VolumeOptions", &volume_options},
       {"ImageOptions", &image_options}, {"TmpfsOptions", &tmpfs_options});
LIST(mount);

OBJECT(host_config, {"CpuShares", &integer}, {"Memory", &integer}, {"BlkioWeight", &integer},
       {"CpuPeriod", &integer}, {"CpuQuota", &integer}, {"CpuRealtimePeriod", &integer},
       {"CpuRealtimeRuntime", &integer}, {"KernelMemory", &integer}, {"KernelMemoryTCP", &integer},
       {"MemoryReservation", &integer}, {"MemorySwap", &integer}, {"MemorySwappiness", &integer},
       {"NanoCpus", &integer}, {"PidsLimit", &integer}, {"CpuCount", &integer},
       {"CpuPercent", &integer}, {"IOMaximumIOps", &integer}, {"IOMaximumBandwidth", &integer},
       {"OomScoreAdj", &integer}, {"ShmSize", &integer}, {"CgroupParent", &string},
       {"CpusetCpus", &string}, {"CpusetMems", &string}, {"ContainerIDFile", &string},
       {"NetworkMode", &string}, {"VolumeDriver", &string}, {"CgroupnsMode", &string},
       {"IpcMode", &string}, {"Cgroup", &string}, {"PidMode", &string}, {"UTSMode", &string},
       {"UsernsMode", &string}, {"Runtime", &string}, {"Isolation", &string},
       {"OomKillDisable", &boolean}, {"Init", &boolean}, {"AutoRemove", &boolean},
       {"Privileged", &boolean}, {"PublishAllPorts", &boolean}, {"ReadonlyRootfs", &boolean},
       {"DeviceCgroupRules", &strings}, {"Binds", &strings}, {"VolumesFrom", &strings},
       {"CapAdd", &strings}, {"CapDrop", &strings}, {"Dns", &strings}, {"DnsOptions", &strings},
       {"DnsSearch", &strings}, {"ExtraHosts", &strings}, {"GroupAdd", &strings},
       {"Links", &strings}, {"SecurityOpt", &strings}, {"MaskedPaths", &strings},
       {"ReadonlyPaths", &strings}, {"Annotations", &string_map}, {"StorageOpt", &string_map},
       {"Tmpfs", &string_map}, {"Sysctls", &string_map}, {"BlkioDeviceReadBps", &throttle_list},
       {"BlkioDeviceWriteBps", &throttle_list}, {"BlkioDeviceReadIOps", &throttle_list},
       {"BlkioDeviceWriteIOps", &throttle_list}, {"BlkioWeightDevice", &weight_list},
       {"Devices", &device_list}, {"DeviceRequests", &device_request_list},
       {"Ulimits", &ulimit_list}, {"LogConfig", &log_config}, {"PortBindings", &port_map},
       {"RestartPolicy", &restart_policy}, {"Mounts", &mount_list}, {"ConsoleSize", &integers});

OBJECT(ipam, {"IPv4Address", &string}, {"IPv6Address", &string}, {"LinkLocalIPs", &strings});

OBJECT(endpoint, {"IPAMConfig", &ipam}, {"Links", &strings}, {"Aliases", &strings},
       {"DriverOpts", &string_map}, {"MacAddress", &string}, {"NetworkID", &string},
       {"EndpointID", &string}, {"Gateway", &string}, {"IPAddress", &string},
       {"IPv6Gateway", &string}, {"GlobalIPv6Address", &string}, {"IPPrefixLen", &integer},
       {"GlobalIPv6PrefixLen", &integer}, {"GwPriority", &integer}, {"DNSNames", &strings});
static const struct value_type endpoints = {VALUE_MAP, &endpoint};

OBJECT(networking, {"EndpointsConfig", &endpoints});

static const struct member container_create_members[] = {
    {"Hostname", &string},
    {"Domainname", &string},
    {"User", &string},
    {"Image", &string},
    {"WorkingDir", &string},
    {"MacAddress", &string},
    {"StopSignal", &string},
    {"AttachStdin", &boolean},
    {"AttachStdout", &boolean},
    {"AttachStderr", &boolean},
    {"Tty", &boolean},
    {"OpenStdin", &boolean},
    {"StdinOnce", &boolean},
    {"ArgsEscaped", &boolean},
    {"NetworkDisabled", &boolean},
    {"Cmd", &command},
    {"Entrypoint", &command},
    {"Shell", &command},
    {"Env", &strings},
    {"OnBuild", &strings},
    {"ExposedPorts", &set},
    {"Volumes", &set},
    {"Labels", &string_map},
    {"StopTimeout", &integer},
    {"Healthcheck", &health},
    {"HostConfig", &host_config},
    {"NetworkingConfig", &networking},
};
const struct schema schema_container_create = {container_create_members,
                                               ARRAY_SIZE(container_create_members)};

/* Docker's Resources with RestartPolicy: part of HostConfig. */
const struct schema schema_container_update = {host_config_members,
                                               ARRAY_SIZE(host_config_members)};

static const struct member exec_create_members[] = {
    {"AttachStdin", &boolean},  {"AttachStdout", &boolean}, {"AttachStderr", &boolean},
    {"Tty", &boolean},          {"Privileged", &boolean},   {"Detach", &boolean},
    {"User", &string},          {"DetachKeys", &string},    {"WorkingDir", &string},
    {"ConsoleSize", &integers}, {"Env", &strings},          {"Cmd", &command},
};
const struct schema schema_exec_create = {exec_create_members, ARRAY_SIZE(exec_create_members)};

static const struct member exec_start_members[] = {
    {"Detach", &boolean},
    {"Tty", &boolean},
    {"ConsoleSize", &integers},
};
const struct schema schema_exec_start = {exec_start_members, ARRAY_SIZE(exec_start_members)};

static const struct member volume_create_members[] = {
    {"Name", &string},       {"Driver", &string},         {"DriverOpts", &string_map},
    {"Labels", &string_map}, {"ClusterVolumeSpec", &any},
};
const struct schema schema_volume_create = {volume_create_members,
                                            ARRAY_SIZE(volume_create_members)};
