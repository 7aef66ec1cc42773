/* SPDX-License-Identifier: Apache-2.0 */
/* The Go types of the daemon: info and version. */
#include "client/types-table.h"

SLICE(strings_slice, "[][]string", go_strings);

static const struct go_field plugins_info_fields[] = {{"Volume", &go_strings},
                                                      {"Network", &go_strings},
                                                      {"Authorization", &go_strings},
                                                      {"Log", &go_strings},
                                                      {NULL}};
STRUCT(plugins_info, "system.PluginsInfo");
SLICE(net_slice, "[]*registry.NetIPNet", go_any);

static const struct go_field index_info_fields[] = {{"Name", &go_string},
                                                    {"Mirrors", &go_strings},
                                                    {"Secure", &go_bool},
                                                    {"Official", &go_bool},
                                                    {NULL}};
POINTER(index_info, "*registry.IndexInfo");
MAP(index_info_pointer_map, "map[string]*registry.IndexInfo", index_info_pointer);

static const struct go_field service_config_fields[] = {
    {"AllowNondistributableArtifactsCIDRs", &net_slice},
    {"AllowNondistributableArtifactsHostnames", &go_strings},
    {"InsecureRegistryCIDRs", &net_slice},
    {"IndexConfigs", &index_info_pointer_map},
    {"Mirrors", &go_strings},
    {"ExtraFields", &go_any_map},
    {NULL}};
POINTER(service_config, "*registry.ServiceConfig");

static const struct go_field generic_resource_fields[] = {
    {"NamedResourceSpec", &go_any}, {"DiscreteResourceSpec", &go_any}, {NULL}};
STRUCT(generic_resource, "swarm.GenericResource");
SLICE(generic_resource_slice, "[]swarm.GenericResource", generic_resource);

static const struct go_field runtime_fields[] = {{"Path", &go_string},
                                                 {"Args", &go_strings, "runtimeArgs"},
                                                 {"Type", &go_string},
                                                 {"Options", &go_any_map},
                                                 {NULL}};
STRUCT(runtime, "system.Runtime");

static const struct go_field runtime_with_status_fields[] = {
    {"Runtime", &runtime, .embedded = true}, {"Status", &go_string_map}, {NULL}};
STRUCT(runtime_with_status, "system.RuntimeWithStatus");
MAP(runtime_with_status_map, "map[string]system.RuntimeWithStatus", runtime_with_status);
SLICE(peer_slice, "[]swarm.Peer", go_any);

static const struct go_field swarm_info_fields[] = {{"NodeID", &go_string},
                                                    {"NodeAddr", &go_string},
                                                    {"LocalNodeState", &go_string},
                                                    {"ControlAvailable", &go_bool},
                                                    {"Error", &go_string},
                                                    {"RemoteManagers", &peer_slice},
                                                    {"Nodes", &go_int},
                                                    {"Managers", &go_int},
                                                    {"Cluster", &go_any},
                                                    {"Warnings", &go_strings},
                                                    {NULL}};
STRUCT(swarm_info, "swarm.Info");

static const struct go_field commit_fields[] = {
    {"ID", &go_string}, {"Expected", &go_string}, {NULL}};
STRUCT(commit, "system.Commit");

static const struct go_field network_address_pool_fields[] = {
    {"Base", &go_string}, {"Size", &go_int}, {NULL}};
STRUCT(network_address_pool, "system.NetworkAddressPool");
SLICE(network_address_pool_slice, "[]system.NetworkAddressPool", network_address_pool);

static const struct go_field firewall_info_fields[] = {
    {"Driver", &go_string}, {"Info", &strings_slice}, {NULL}};
POINTER(firewall_info, "*system.FirewallInfo");

static const struct go_field device_info_fields[] = {
    {"Source", &go_string}, {"ID", &go_string}, {NULL}};
STRUCT(device_info, "system.DeviceInfo");
SLICE(device_info_slice, "[]system.DeviceInfo", device_info);

static const struct go_field containerd_namespaces_fields[] = {
    {"Containers", &go_string}, {"Plugins", &go_string}, {NULL}};
STRUCT(containerd_namespaces, "system.ContainerdNamespaces");

static const struct go_field containerd_info_fields[] = {
    {"Address", &go_string}, {"Namespaces", &containerd_namespaces}, {NULL}};
POINTER(containerd_info, "*system.ContainerdInfo");

static const struct go_field info_fields[] = {{"ID", &go_string},
                                              {"Containers", &go_int},
                                              {"ContainersRunning", &go_int},
                                              {"ContainersPaused", &go_int},
                                              {"ContainersStopped", &go_int},
                                              {"Images", &go_int},
                                              {"Driver", &go_string},
                                              {"DriverStatus", &strings_slice},
                                              {"SystemStatus", &strings_slice},
                                              {"Plugins", &plugins_info},
                                              {"MemoryLimit", &go_bool},
                                              {"SwapLimit", &go_bool},
                                              {"KernelMemory", &go_bool},
                                              {"KernelMemoryTCP", &go_bool},
                                              {"CPUCfsPeriod", &go_bool},
                                              {"CPUCfsQuota", &go_bool},
                                              {"CPUShares", &go_bool},
                                              {"CPUSet", &go_bool},
                                              {"PidsLimit", &go_bool},
                                              {"IPv4Forwarding", &go_bool},
                                              {"Debug", &go_bool},
                                              {"NFd", &go_int},
                                              {"OomKillDisable", &go_bool},
                                              {"NGoroutines", &go_int},
                                              {"SystemTime", &go_string},
                                              {"LoggingDriver", &go_string},
                                              {"CgroupDriver", &go_string},
                                              {"CgroupVersion", &go_string},
                                              {"NEventsListener", &go_int},
                                              {"KernelVersion", &go_string},
                                              {"OperatingSystem", &go_string},
                                              {"OSVersion", &go_string},
                                              {"OSType", &go_string},
                                              {"Architecture", &go_string},
                                              {"IndexServerAddress", &go_string},
                                              {"RegistryConfig", &service_config_pointer},
                                              {"NCPU", &go_int},
                                              {"MemTotal", &go_int},
                                              {"GenericResources", &generic_resource_slice},
                                              {"DockerRootDir", &go_string},
                                              {"HTTPProxy", &go_string},
                                              {"HTTPSProxy", &go_string},
                                              {"NoProxy", &go_string},
                                              {"Name", &go_string},
                                              {"Labels", &go_strings},
                                              {"ExperimentalBuild", &go_bool},
                                              {"ServerVersion", &go_string},
                                              {"Runtimes", &runtime_with_status_map},
                                              {"DefaultRuntime", &go_string},
                                              {"Swarm", &swarm_info},
                                              {"LiveRestoreEnabled", &go_bool},
                                              {"Isolation", &go_string},
                                              {"InitBinary", &go_string},
                                              {"ContainerdCommit", &commit},
                                              {"RuncCommit", &commit},
                                              {"InitCommit", &commit},
                                              {"SecurityOptions", &go_strings},
                                              {"ProductLicense", &go_string},
                                              {"DefaultAddressPools", &network_address_pool_slice},
                                              {"FirewallBackend", &firewall_info_pointer},
                                              {"CDISpecDirs", &go_strings},
                                              {"DiscoveredDevices", &device_info_slice},
                                              {"Containerd", &containerd_info_pointer},
                                              {"Warnings", &go_strings},
                                              {NULL}};
POINTER(info, "*system.Info");

static const struct go_field client_version_fields[] = {{"Platform", &go_any},
                                                        {"Version", &go_string},
                                                        {"APIVersion", &go_string},
                                                        {"DefaultAPIVersion", &go_string},
                                                        {"GitCommit", &go_string},
                                                        {"GoVersion", &go_string},
                                                        {"Os", &go_string},
                                                        {"Arch", &go_string},
                                                        {"BuildTime", &go_string},
                                                        {"Context", &go_string},
                                                        {NULL}};
STRUCT(client_version, "system.clientVersion");
SLICE(plugin_slice, "[]manager.Plugin", go_any);

static const struct go_field client_info_fields[] = {
    {"Debug", &go_bool},
    {"clientVersion", &client_version, .embedded = true},
    {"Plugins", &plugin_slice},
    {"Warnings", &go_strings},
    {NULL}};
POINTER(client_info, "*system.clientInfo");

static const struct go_field docker_info_fields[] = {{"Info", &info_pointer, .embedded = true},
                                                     {"ServerErrors", &go_strings},
                                                     {"UserName", &go_string},
                                                     {"ClientInfo", &client_info_pointer},
                                                     {"ClientErrors", &go_strings},
                                                     {NULL}};
const struct go_type go_info = {
    .name = "system.dockerInfo", .kind = GO_STRUCT, .fields = docker_info_fields};

static const struct go_field anon_name_fields[] = {{"Name", &go_string}, {NULL}};
STRUCT(anon_name, "struct {}");

static const struct go_field component_version_fields[] = {
    {"Name", &go_string}, {"Version", &go_string}, {"Details", &go_string_map}, {NULL}};
STRUCT(component_version, "types.ComponentVersion");
SLICE(component_version_slice, "[]types.ComponentVersion", component_version);

static const struct go_field version_fields[] = {{"Platform", &anon_name},
                                                 {"Components", &component_version_slice},
                                                 {"Version", &go_string},
                                                 {"APIVersion", &go_string},
                                                 {"MinAPIVersion", &go_string},
                                                 {"GitCommit", &go_string},
                                                 {"GoVersion", &go_string},
                                                 {"Os", &go_string},
                                                 {"Arch", &go_string},
                                                 {"KernelVersion", &go_string},
                                                 {"Experimental", &go_bool},
                                                 {"BuildTime", &go_string},
                                                 {NULL}};
POINTER(version, "*types.Version");

static const struct go_field version_info_fields[] = {
    {"Client", &client_version}, {"Server", &version_pointer}, {NULL}};
const struct go_type go_version = {
    .name = "system.versionInfo", .kind = GO_STRUCT, .fields = version_info_fields};
