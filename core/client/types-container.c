/* SPDX-License-Identifier: Apache-2.0 */
/* The Go types of a container. */
#include "client/types-table.h"

#include <stdlib.h>

#include "base/json.h"

static const struct go_type empty = {.name = "struct {}", .kind = GO_STRUCT};

/* "80/tcp" */
static int port_method(const json_t *v, const char *name, json_t **out)
{
    const char *text = json_is_string(v) ? json_string_value(v) : "", *slash = strchr(text, '/');
    size_t n = slash ? (size_t)(slash - text) : strlen(text);
    if (str_eq(name, "Port"))
        *out = json_stringn(text, n);
    else if (str_eq(name, "Proto"))
        *out = json_string(slash ? slash + 1 : "tcp");
    else if (str_eq(name, "Int"))
        *out = json_integer(strtoll(text, NULL, 10));
    else
        return 0;
    return 1;
}

static const struct go_type port = {.name = "nat.Port", .kind = GO_STRING, .method = port_method};

static int network_mode_method(const json_t *v, const char *name, json_t **out)
{
    static const char *const modes[][2] = {
        {"IsBridge", "bridge"}, {"IsHost", "host"}, {"IsNone", "none"}, {"IsDefault", "default"}};
    const char *mode = json_is_string(v) ? json_string_value(v) : "",
               *of = str_after(mode, "container:");
    bool user = !of;
    for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
        user = user && !str_eq(mode, modes[i][1]);
        if (str_eq(name, modes[i][0]))
            *out = json_boolean(str_eq(mode, modes[i][1]));
    }
    if (str_eq(name, "IsContainer"))
        *out = json_boolean(of != NULL);
    else if (str_eq(name, "ConnectedContainer"))
        *out = json_string(of ? of : "");
    else if (str_eq(name, "IsPrivate"))
        *out = json_boolean(!of && !str_eq(mode, "host"));
    else if (str_eq(name, "IsUserDefined"))
        *out = json_boolean(user);
    else if (str_eq(name, "NetworkName"))
        *out = json_string(of ? "container" : mode);
    return *out != NULL;
}

static const struct go_type network_mode = {
    .name = "container.NetworkMode", .kind = GO_STRING, .method = network_mode_method};

static int restart_policy_method(const json_t *v, const char *name, json_t **out)
{
    static const char *const policies[][2] = {{"IsAlways", "always"},
                                              {"IsOnFailure", "on-failure"},
                                              {"IsUnlessStopped", "unless-stopped"},
                                              {"IsNone", "no"}};
    const char *policy = json_str(v, "Name", "");
    for (size_t i = 0; i < ARRAY_SIZE(policies); i++)
        if (str_eq(name, policies[i][0]))
            *out = json_boolean(str_eq(*policy ? policy : "no", policies[i][1]));
    return *out != NULL;
}

/* What their String() makes: "nofile=1024:2048", "/dev/sda:500". */
static void ulimit_text(const json_t *v, struct buf *out)
{
    buf_printf(out, "%s=%lld:%lld", json_str(v, "Name", ""), (long long)json_int(v, "Soft", 0),
               (long long)json_int(v, "Hard", 0));
}

static void throttle_device_text(const json_t *v, struct buf *out)
{
    buf_printf(out, "%s:%lld", json_str(v, "Path", ""), (long long)json_int(v, "Rate", 0));
}

static void weight_device_text(const json_t *v, struct buf *out)
{
    buf_printf(out, "%s:%lld", json_str(v, "Path", ""), (long long)json_int(v, "Weight", 0));
}

static const struct go_field healthcheck_result_fields[] = {
    {"Start", &go_time}, {"End", &go_time}, {"ExitCode", &go_int}, {"Output", &go_string}, {NULL}};
POINTER(healthcheck_result, "*container.HealthcheckResult");
SLICE(healthcheck_result_pointer_slice, "[]*container.HealthcheckResult",
      healthcheck_result_pointer);

static const struct go_field health_fields[] = {{"Status", &go_string},
                                                {"FailingStreak", &go_int},
                                                {"Log", &healthcheck_result_pointer_slice},
                                                {NULL}};
POINTER(health, "*container.Health");

static const struct go_field state_fields[] = {{"Status", &go_string},
                                               {"Running", &go_bool},
                                               {"Paused", &go_bool},
                                               {"Restarting", &go_bool},
                                               {"OOMKilled", &go_bool},
                                               {"Dead", &go_bool},
                                               {"Pid", &go_int},
                                               {"ExitCode", &go_int},
                                               {"Error", &go_string},
                                               {"StartedAt", &go_string},
                                               {"FinishedAt", &go_string},
                                               {"Health", &health_pointer},
                                               {NULL}};
POINTER(state, "*container.State");

static const struct go_field log_config_fields[] = {
    {"Type", &go_string}, {"Config", &go_string_map}, {NULL}};
STRUCT(log_config, "container.LogConfig");

static const struct go_field port_binding_fields[] = {
    {"HostIP", &go_string}, {"HostPort", &go_string}, {NULL}};
STRUCT(port_binding, "nat.PortBinding");
SLICE(port_binding_slice, "[]nat.PortBinding", port_binding);
static const struct go_type port_map = {
    .name = "nat.PortMap", .kind = GO_MAP, .elem = &port_binding_slice, .key = &port};

static const struct go_field restart_policy_fields[] = {
    {"Name", &go_string}, {"MaximumRetryCount", &go_int}, {NULL}};
static const struct go_type restart_policy = {.name = "container.RestartPolicy",
                                              .kind = GO_STRUCT,
                                              .fields = restart_policy_fields,
                                              .method = restart_policy_method};
SLICE(int_slice, "[]uint", go_int);
SLICE(str_slice, "strslice.StrSlice", go_string);

static const struct go_field weight_device_fields[] = {
    {"Path", &go_string}, {"Weight", &go_int}, {NULL}};
static const struct go_type weight_device_pointer = {.name = "*blkiodev.WeightDevice",
                                                     .kind = GO_STRUCT,
                                                     .pointer = true,
                                                     .fields = weight_device_fields,
                                                     .string = weight_device_text};
SLICE(weight_device_pointer_slice, "[]*blkiodev.WeightDevice", weight_device_pointer);

static const struct go_field throttle_device_fields[] = {
    {"Path", &go_string}, {"Rate", &go_int}, {NULL}};
static const struct go_type throttle_device_pointer = {.name = "*blkiodev.ThrottleDevice",
                                                       .kind = GO_STRUCT,
                                                       .pointer = true,
                                                       .fields = throttle_device_fields,
                                                       .string = throttle_device_text};
SLICE(throttle_device_pointer_slice, "[]*blkiodev.ThrottleDevice", throttle_device_pointer);

static const struct go_field device_mapping_fields[] = {{"PathOnHost", &go_string},
                                                        {"PathInContainer", &go_string},
                                                        {"CgroupPermissions", &go_string},
                                                        {NULL}};
STRUCT(device_mapping, "container.DeviceMapping");
SLICE(device_mapping_slice, "[]container.DeviceMapping", device_mapping);
SLICE(strings_slice, "[][]string", go_strings);

static const struct go_field device_request_fields[] = {
    {"Driver", &go_string},           {"Count", &go_int},          {"DeviceIDs", &go_strings},
    {"Capabilities", &strings_slice}, {"Options", &go_string_map}, {NULL}};
STRUCT(device_request, "container.DeviceRequest");
SLICE(device_request_slice, "[]container.DeviceRequest", device_request);
static const struct go_type int64_pointer = {.name = "*int64", .kind = GO_INT, .pointer = true};
static const struct go_type bool_pointer = {.name = "*bool", .kind = GO_BOOL, .pointer = true};

static const struct go_field ulimit_fields[] = {
    {"Name", &go_string}, {"Hard", &go_int}, {"Soft", &go_int}, {NULL}};
static const struct go_type ulimit_pointer = {.name = "*units.Ulimit",
                                              .kind = GO_STRUCT,
                                              .pointer = true,
                                              .fields = ulimit_fields,
                                              .string = ulimit_text};
SLICE(ulimit_pointer_slice, "[]*units.Ulimit", ulimit_pointer);

static const struct go_field resources_fields[] = {
    {"CPUShares", &go_int},
    {"Memory", &go_int},
    {"NanoCPUs", &go_int},
    {"CgroupParent", &go_string},
    {"BlkioWeight", &go_int},
    {"BlkioWeightDevice", &weight_device_pointer_slice},
    {"BlkioDeviceReadBps", &throttle_device_pointer_slice},
    {"BlkioDeviceWriteBps", &throttle_device_pointer_slice},
    {"BlkioDeviceReadIOps", &throttle_device_pointer_slice},
    {"BlkioDeviceWriteIOps", &throttle_device_pointer_slice},
    {"CPUPeriod", &go_int},
    {"CPUQuota", &go_int},
    {"CPURealtimePeriod", &go_int},
    {"CPURealtimeRuntime", &go_int},
    {"CpusetCpus", &go_string},
    {"CpusetMems", &go_string},
    {"Devices", &device_mapping_slice},
    {"DeviceCgroupRules", &go_strings},
    {"DeviceRequests", &device_request_slice},
    {"KernelMemory", &go_int},
    {"KernelMemoryTCP", &go_int},
    {"MemoryReservation", &go_int},
    {"MemorySwap", &go_int},
    {"MemorySwappiness", &int64_pointer},
    {"OomKillDisable", &bool_pointer},
    {"PidsLimit", &int64_pointer},
    {"Ulimits", &ulimit_pointer_slice},
    {"CPUCount", &go_int},
    {"CPUPercent", &go_int},
    {"IOMaximumIOps", &go_int},
    {"IOMaximumBandwidth", &go_int},
    {NULL}};
STRUCT(resources, "container.Resources");

static const struct go_field mount_bind_options_fields[] = {
    {"Propagation", &go_string},          {"NonRecursive", &go_bool},
    {"CreateMountpoint", &go_bool},       {"ReadOnlyNonRecursive", &go_bool},
    {"ReadOnlyForceRecursive", &go_bool}, {NULL}};
POINTER(mount_bind_options, "*mount.BindOptions");

static const struct go_field mount_driver_fields[] = {
    {"Name", &go_string}, {"Options", &go_string_map}, {NULL}};
POINTER(mount_driver, "*mount.Driver");

static const struct go_field mount_volume_options_fields[] = {
    {"NoCopy", &go_bool},
    {"Labels", &go_string_map},
    {"Subpath", &go_string},
    {"DriverConfig", &mount_driver_pointer},
    {NULL}};
POINTER(mount_volume_options, "*mount.VolumeOptions");

static const struct go_field mount_image_options_fields[] = {{"Subpath", &go_string}, {NULL}};
POINTER(mount_image_options, "*mount.ImageOptions");

static const struct go_field mount_tmpfs_options_fields[] = {
    {"SizeBytes", &go_int}, {"Mode", &go_int}, {"Options", &strings_slice}, {NULL}};
POINTER(mount_tmpfs_options, "*mount.TmpfsOptions");

static const struct go_field mount_mount_fields[] = {
    {"Type", &go_string},
    {"Source", &go_string},
    {"Target", &go_string},
    {"ReadOnly", &go_bool},
    {"Consistency", &go_string},
    {"BindOptions", &mount_bind_options_pointer},
    {"VolumeOptions", &mount_volume_options_pointer},
    {"ImageOptions", &mount_image_options_pointer},
    {"TmpfsOptions", &mount_tmpfs_options_pointer},
    {"ClusterOptions", &go_any},
    {NULL}};
STRUCT(mount_mount, "mount.Mount");
SLICE(mount_mount_slice, "[]mount.Mount", mount_mount);

static const struct go_field host_config_fields[] = {{"Binds", &go_strings},
                                                     {"ContainerIDFile", &go_string},
                                                     {"LogConfig", &log_config},
                                                     {"NetworkMode", &network_mode},
                                                     {"PortBindings", &port_map},
                                                     {"RestartPolicy", &restart_policy},
                                                     {"AutoRemove", &go_bool},
                                                     {"VolumeDriver", &go_string},
                                                     {"VolumesFrom", &go_strings},
                                                     {"ConsoleSize", &int_slice},
                                                     {"Annotations", &go_string_map},
                                                     {"CapAdd", &str_slice},
                                                     {"CapDrop", &str_slice},
                                                     {"CgroupnsMode", &go_string},
                                                     {"DNS", &go_strings},
                                                     {"DNSOptions", &go_strings},
                                                     {"DNSSearch", &go_strings},
                                                     {"ExtraHosts", &go_strings},
                                                     {"GroupAdd", &go_strings},
                                                     {"IpcMode", &go_string},
                                                     {"Cgroup", &go_string},
                                                     {"Links", &go_strings},
                                                     {"OomScoreAdj", &go_int},
                                                     {"PidMode", &go_string},
                                                     {"Privileged", &go_bool},
                                                     {"PublishAllPorts", &go_bool},
                                                     {"ReadonlyRootfs", &go_bool},
                                                     {"SecurityOpt", &go_strings},
                                                     {"StorageOpt", &go_string_map},
                                                     {"Tmpfs", &go_string_map},
                                                     {"UTSMode", &go_string},
                                                     {"UsernsMode", &go_string},
                                                     {"ShmSize", &go_int},
                                                     {"Sysctls", &go_string_map},
                                                     {"Runtime", &go_string},
                                                     {"Isolation", &go_string},
                                                     {"Resources", &resources, .embedded = true},
                                                     {"Mounts", &mount_mount_slice},
                                                     {"MaskedPaths", &go_strings},
                                                     {"ReadonlyPaths", &go_strings},
                                                     {"Init", &bool_pointer},
                                                     {NULL}};
POINTER(host_config, "*container.HostConfig");

static const struct go_field storage_driver_data_fields[] = {
    {"Data", &go_string_map}, {"Name", &go_string}, {NULL}};
STRUCT(storage_driver_data, "storage.DriverData");

static const struct go_field container_jsonbase_fields[] = {{"ID", &go_string},
                                                            {"Created", &go_string},
                                                            {"Path", &go_string},
                                                            {"Args", &go_strings},
                                                            {"State", &state_pointer},
                                                            {"Image", &go_string},
                                                            {"ResolvConfPath", &go_string},
                                                            {"HostnamePath", &go_string},
                                                            {"HostsPath", &go_string},
                                                            {"LogPath", &go_string},
                                                            {"Name", &go_string},
                                                            {"RestartCount", &go_int},
                                                            {"Driver", &go_string},
                                                            {"Platform", &go_string},
                                                            {"MountLabel", &go_string},
                                                            {"ProcessLabel", &go_string},
                                                            {"AppArmorProfile", &go_string},
                                                            {"ExecIDs", &go_strings},
                                                            {"HostConfig", &host_config_pointer},
                                                            {"GraphDriver", &storage_driver_data},
                                                            {"SizeRw", &int64_pointer},
                                                            {"SizeRootFs", &int64_pointer},
                                                            {NULL}};
POINTER(container_jsonbase, "*container.ContainerJSONBase");

static const struct go_field mount_point_fields[] = {{"Type", &go_string},
                                                     {"Name", &go_string},
                                                     {"Source", &go_string},
                                                     {"Destination", &go_string},
                                                     {"Driver", &go_string},
                                                     {"Mode", &go_string},
                                                     {"RW", &go_bool},
                                                     {"Propagation", &go_string},
                                                     {NULL}};
STRUCT(mount_point, "container.MountPoint");
SLICE(mount_point_slice, "[]container.MountPoint", mount_point);
static const struct go_type port_set = {
    .name = "nat.PortSet", .kind = GO_MAP, .elem = &empty, .key = &port};

static const struct go_field v1_healthcheck_config_fields[] = {{"Test", &go_strings},
                                                               {"Interval", &go_duration},
                                                               {"Timeout", &go_duration},
                                                               {"StartPeriod", &go_duration},
                                                               {"StartInterval", &go_duration},
                                                               {"Retries", &go_int},
                                                               {NULL}};
POINTER(v1_healthcheck_config, "*v1.HealthcheckConfig");
MAP(empty_map, "map[string]struct {}", empty);
static const struct go_type int_pointer = {.name = "*int", .kind = GO_INT, .pointer = true};

static const struct go_field config_fields[] = {{"Hostname", &go_string},
                                                {"Domainname", &go_string},
                                                {"User", &go_string},
                                                {"AttachStdin", &go_bool},
                                                {"AttachStdout", &go_bool},
                                                {"AttachStderr", &go_bool},
                                                {"ExposedPorts", &port_set},
                                                {"Tty", &go_bool},
                                                {"OpenStdin", &go_bool},
                                                {"StdinOnce", &go_bool},
                                                {"Env", &go_strings},
                                                {"Cmd", &str_slice},
                                                {"Healthcheck", &v1_healthcheck_config_pointer},
                                                {"ArgsEscaped", &go_bool},
                                                {"Image", &go_string},
                                                {"Volumes", &empty_map},
                                                {"WorkingDir", &go_string},
                                                {"Entrypoint", &str_slice},
                                                {"NetworkDisabled", &go_bool},
                                                {"MacAddress", &go_string},
                                                {"OnBuild", &go_strings},
                                                {"Labels", &go_string_map},
                                                {"StopSignal", &go_string},
                                                {"StopTimeout", &int_pointer},
                                                {"Shell", &str_slice},
                                                {NULL}};
POINTER(config, "*container.Config");

static const struct go_field network_address_fields[] = {
    {"Addr", &go_string}, {"PrefixLen", &go_int}, {NULL}};
STRUCT(network_address, "network.Address");
SLICE(network_address_slice, "[]network.Address", network_address);

static const struct go_field network_settings_base_fields[] = {
    {"Bridge", &go_string},
    {"SandboxID", &go_string},
    {"SandboxKey", &go_string},
    {"Ports", &port_map},
    {"HairpinMode", &go_bool},
    {"LinkLocalIPv6Address", &go_string},
    {"LinkLocalIPv6PrefixLen", &go_int},
    {"SecondaryIPAddresses", &network_address_slice},
    {"SecondaryIPv6Addresses", &network_address_slice},
    {NULL}};
STRUCT(network_settings_base, "container.NetworkSettingsBase");

static const struct go_field default_network_settings_fields[] = {
    {"EndpointID", &go_string},       {"Gateway", &go_string},    {"GlobalIPv6Address", &go_string},
    {"GlobalIPv6PrefixLen", &go_int}, {"IPAddress", &go_string},  {"IPPrefixLen", &go_int},
    {"IPv6Gateway", &go_string},      {"MacAddress", &go_string}, {NULL}};
STRUCT(default_network_settings, "container.DefaultNetworkSettings");

static const struct go_field network_endpoint_ipamconfig_fields[] = {{"IPv4Address", &go_string},
                                                                     {"IPv6Address", &go_string},
                                                                     {"LinkLocalIPs", &go_strings},
                                                                     {NULL}};
POINTER(network_endpoint_ipamconfig, "*network.EndpointIPAMConfig");

static const struct go_field network_endpoint_settings_fields[] = {
    {"IPAMConfig", &network_endpoint_ipamconfig_pointer},
    {"Links", &go_strings},
    {"Aliases", &go_strings},
    {"MacAddress", &go_string},
    {"DriverOpts", &go_string_map},
    {"GwPriority", &go_int},
    {"NetworkID", &go_string},
    {"EndpointID", &go_string},
    {"Gateway", &go_string},
    {"IPAddress", &go_string},
    {"IPPrefixLen", &go_int},
    {"IPv6Gateway", &go_string},
    {"GlobalIPv6Address", &go_string},
    {"GlobalIPv6PrefixLen", &go_int},
    {"DNSNames", &go_strings},
    {NULL}};
POINTER(network_endpoint_settings, "*network.EndpointSettings");
MAP(network_endpoint_settings_pointer_map, "map[string]*network.EndpointSettings",
    network_endpoint_settings_pointer);

static const struct go_field network_settings_fields[] = {
    {"NetworkSettingsBase", &network_settings_base, .embedded = true},
    {"DefaultNetworkSettings", &default_network_settings, .embedded = true},
    {"Networks", &network_endpoint_settings_pointer_map},
    {NULL}};
POINTER(network_settings, "*container.NetworkSettings");
SLICE(byte_slice, "[]uint8", go_int);

static const struct go_field v1_platform_fields[] = {
    {"Architecture", &go_string}, {"OS", &go_string},      {"OSVersion", &go_string},
    {"OSFeatures", &go_strings},  {"Variant", &go_string}, {NULL}};
POINTER(v1_platform, "*v1.Platform");

static const struct go_field v1_descriptor_fields[] = {{"MediaType", &go_string},
                                                       {"Digest", &go_string},
                                                       {"Size", &go_int},
                                                       {"URLs", &go_strings},
                                                       {"Annotations", &go_string_map},
                                                       {"Data", &byte_slice},
                                                       {"Platform", &v1_platform_pointer},
                                                       {"ArtifactType", &go_string},
                                                       {NULL}};
POINTER(v1_descriptor, "*v1.Descriptor");

static const struct go_field inspect_response_fields[] = {
    {"ContainerJSONBase", &container_jsonbase_pointer, .embedded = true},
    {"Mounts", &mount_point_slice},
    {"Config", &config_pointer},
    {"NetworkSettings", &network_settings_pointer},
    {"ImageManifestDescriptor", &v1_descriptor_pointer},
    {NULL}};
const struct go_type go_container_inspect = {
    .name = "container.InspectResponse", .kind = GO_STRUCT, .fields = inspect_response_fields};
