/* SPDX-License-Identifier: Apache-2.0 */
/* The Go types of an image. */
#include "client/types-table.h"

static const struct go_type empty = {.name = "struct {}", .kind = GO_STRUCT};

static const struct go_field v1_healthcheck_config_fields[] = {{"Test", &go_strings},
                                                               {"Interval", &go_duration},
                                                               {"Timeout", &go_duration},
                                                               {"StartPeriod", &go_duration},
                                                               {"StartInterval", &go_duration},
                                                               {"Retries", &go_int},
                                                               {NULL}};
POINTER(v1_healthcheck_config, "*v1.HealthcheckConfig");
MAP(empty_map, "map[string]struct {}", empty);

static const struct go_field v1_image_config_fields[] = {{"User", &go_string},
                                                         {"ExposedPorts", &empty_map},
                                                         {"Env", &go_strings},
                                                         {"Entrypoint", &go_strings},
                                                         {"Cmd", &go_strings},
                                                         {"Volumes", &empty_map},
                                                         {"WorkingDir", &go_string},
                                                         {"Labels", &go_string_map},
                                                         {"StopSignal", &go_string},
                                                         {"ArgsEscaped", &go_bool},
                                                         {NULL}};
STRUCT(v1_image_config, "v1.ImageConfig");

static const struct go_field v1_docker_oci_image_config_ext_fields[] = {
    {"Healthcheck", &v1_healthcheck_config_pointer},
    {"OnBuild", &go_strings},
    {"Shell", &go_strings},
    {NULL}};
STRUCT(v1_docker_oci_image_config_ext, "v1.DockerOCIImageConfigExt");

static const struct go_field v1_docker_oci_image_config_fields[] = {
    {"ImageConfig", &v1_image_config, .embedded = true},
    {"DockerOCIImageConfigExt", &v1_docker_oci_image_config_ext, .embedded = true},
    {NULL}};
POINTER(v1_docker_oci_image_config, "*v1.DockerOCIImageConfig");

static const struct go_field storage_driver_data_fields[] = {
    {"Data", &go_string_map}, {"Name", &go_string}, {NULL}};
STRUCT(storage_driver_data, "storage.DriverData");

static const struct go_field image_root_fs_fields[] = {
    {"Type", &go_string}, {"Layers", &go_strings}, {NULL}};
STRUCT(image_root_fs, "image.RootFS");

static const struct go_field image_metadata_fields[] = {{"LastTagTime", &go_time}, {NULL}};
STRUCT(image_metadata, "image.Metadata");
SLICE(int_slice, "[]uint8", go_int);

static const struct go_field v1_platform_fields[] = {
    {"Architecture", &go_string}, {"OS", &go_string},      {"OSVersion", &go_string},
    {"OSFeatures", &go_strings},  {"Variant", &go_string}, {NULL}};
POINTER(v1_platform, "*v1.Platform");

static const struct go_field v1_descriptor_fields[] = {{"MediaType", &go_string},
                                                       {"Digest", &go_string},
                                                       {"Size", &go_int},
                                                       {"URLs", &go_strings},
                                                       {"Annotations", &go_string_map},
                                                       {"Data", &int_slice},
                                                       {"Platform", &v1_platform_pointer},
                                                       {"ArtifactType", &go_string},
                                                       {NULL}};
STRUCT(v1_descriptor, "v1.Descriptor");
POINTER(v1_descriptor, "*v1.Descriptor");

static const struct go_field anon_content_total_fields[] = {
    {"Content", &go_int}, {"Total", &go_int}, {NULL}};
STRUCT(anon_content_total, "struct {}");

static const struct go_field image_manifest_summary_fields[] = {
    {"ID", &go_string},           {"Descriptor", &v1_descriptor},
    {"Available", &go_bool},      {"Size", &anon_content_total},
    {"Kind", &go_string},         {"ImageData", &go_any},
    {"AttestationData", &go_any}, {NULL}};
STRUCT(image_manifest_summary, "image.ManifestSummary");
SLICE(image_manifest_summary_slice, "[]image.ManifestSummary", image_manifest_summary);

static const struct go_field image_inspect_response_fields[] = {
    {"ID", &go_string},
    {"RepoTags", &go_strings},
    {"RepoDigests", &go_strings},
    {"Parent", &go_string},
    {"Comment", &go_string},
    {"Created", &go_string},
    {"Container", &go_string},
    {"ContainerConfig", &go_any},
    {"DockerVersion", &go_string},
    {"Author", &go_string},
    {"Config", &v1_docker_oci_image_config_pointer},
    {"Architecture", &go_string},
    {"Variant", &go_string},
    {"Os", &go_string},
    {"OsVersion", &go_string},
    {"Size", &go_int},
    {"VirtualSize", &go_int},
    {"GraphDriver", &storage_driver_data},
    {"RootFS", &image_root_fs},
    {"Metadata", &image_metadata},
    {"Descriptor", &v1_descriptor_pointer},
    {"Manifests", &image_manifest_summary_slice},
    {NULL}};
const struct go_type go_image_inspect = {
    .name = "image.InspectResponse", .kind = GO_STRUCT, .fields = image_inspect_response_fields};
