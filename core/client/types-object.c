/* SPDX-License-Identifier: Apache-2.0 */
/* The Go types of networks, volumes and events. */
#include "client/types-table.h"

static const struct go_field network_ipamconfig_fields[] = {
    {"Subnet", &go_string},
    {"IPRange", &go_string},
    {"Gateway", &go_string},
    {"AuxAddress", &go_string_map, "AuxiliaryAddresses"},
    {NULL}};
STRUCT(network_ipamconfig, "network.IPAMConfig");
SLICE(network_ipamconfig_slice, "[]network.IPAMConfig", network_ipamconfig);

static const struct go_field network_ipam_fields[] = {{"Driver", &go_string},
                                                      {"Options", &go_string_map},
                                                      {"Config", &network_ipamconfig_slice},
                                                      {NULL}};
STRUCT(network_ipam, "network.IPAM");

static const struct go_field network_config_reference_fields[] = {{"Network", &go_string}, {NULL}};
STRUCT(network_config_reference, "network.ConfigReference");

static const struct go_field network_endpoint_resource_fields[] = {
    {"Name", &go_string},        {"EndpointID", &go_string},  {"MacAddress", &go_string},
    {"IPv4Address", &go_string}, {"IPv6Address", &go_string}, {NULL}};
STRUCT(network_endpoint_resource, "network.EndpointResource");
MAP(network_endpoint_resource_map, "map[string]network.EndpointResource",
    network_endpoint_resource);

static const struct go_field network_peer_info_fields[] = {
    {"Name", &go_string}, {"IP", &go_string}, {NULL}};
STRUCT(network_peer_info, "network.PeerInfo");
SLICE(network_peer_info_slice, "[]network.PeerInfo", network_peer_info);
SLICE(any_slice, "[]network.Task", go_any);

static const struct go_field network_service_info_fields[] = {{"VIP", &go_string},
                                                              {"Ports", &go_strings},
                                                              {"LocalLBIndex", &go_int},
                                                              {"Tasks", &any_slice},
                                                              {NULL}};
STRUCT(network_service_info, "network.ServiceInfo");
MAP(network_service_info_map, "map[string]network.ServiceInfo", network_service_info);

static const struct go_field network_inspect_fields[] = {
    {"Name", &go_string},
    {"ID", &go_string},
    {"Created", &go_time},
    {"Scope", &go_string},
    {"Driver", &go_string},
    {"EnableIPv4", &go_bool},
    {"EnableIPv6", &go_bool},
    {"IPAM", &network_ipam},
    {"Internal", &go_bool},
    {"Attachable", &go_bool},
    {"Ingress", &go_bool},
    {"ConfigFrom", &network_config_reference},
    {"ConfigOnly", &go_bool},
    {"Containers", &network_endpoint_resource_map},
    {"Options", &go_string_map},
    {"Labels", &go_string_map},
    {"Peers", &network_peer_info_slice},
    {"Services", &network_service_info_map},
    {NULL}};
const struct go_type go_network_inspect = {
    .name = "network.Inspect", .kind = GO_STRUCT, .fields = network_inspect_fields};

static const struct go_field volume_usage_data_fields[] = {
    {"RefCount", &go_int}, {"Size", &go_int}, {NULL}};
POINTER(volume_usage_data, "*volume.UsageData");

static const struct go_field volume_volume_fields[] = {{"ClusterVolume", &go_any},
                                                       {"CreatedAt", &go_string},
                                                       {"Driver", &go_string},
                                                       {"Labels", &go_string_map},
                                                       {"Mountpoint", &go_string},
                                                       {"Name", &go_string},
                                                       {"Options", &go_string_map},
                                                       {"Scope", &go_string},
                                                       {"Status", &go_any_map},
                                                       {"UsageData", &volume_usage_data_pointer},
                                                       {NULL}};
const struct go_type go_volume = {
    .name = "volume.Volume", .kind = GO_STRUCT, .fields = volume_volume_fields};

static const struct go_field actor_fields[] = {
    {"ID", &go_string}, {"Attributes", &go_string_map}, {NULL}};
STRUCT(actor, "events.Actor");

static const struct go_field message_fields[] = {{"Status", &go_string}, {"ID", &go_string},
                                                 {"From", &go_string},   {"Type", &go_string},
                                                 {"Action", &go_string}, {"Actor", &actor},
                                                 {"Scope", &go_string},  {"Time", &go_int},
                                                 {"TimeNano", &go_int},  {NULL}};
const struct go_type go_event = {
    .name = "events.Message", .kind = GO_STRUCT, .fields = message_fields};
