/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Routes
 *
 * Every path of the Engine API 1.51, and ours below /berth. The first match wins, so literal paths stand before those with
 * a name.
 */
#include "api/resources.h"
#include "api/router.h"
#include "base/cleanup.h"

#define SWARM(path)                                                                                \
    {NULL, path, swarm_refuse},                                                                    \
    {                                                                                              \
        NULL, path "/{}", swarm_refuse                                                             \
    }

const struct route routes[] = {
    {"GET", "/_ping", system_ping},
    {"HEAD", "/_ping", system_ping},
    {"GET", "/version", system_version},
    {"GET", "/info", system_info},
    {"GET", "/events", system_events},
    {"GET", "/system/df", system_df},

    {"GET", "/berth/system/check", berth_check},
    {"POST", "/berth/system/check", berth_check},

    {"POST", "/containers/create", containers_create},
    {"GET", "/containers/json", containers_list},
    {"GET", "/containers/{}/json", containers_inspect},
    {"POST", "/containers/{}/start", containers_start},
    {"POST", "/containers/{}/stop", containers_stop},
    {"POST", "/containers/{}/kill", containers_kill},
    {"POST", "/containers/{}/restart", containers_restart},
    {"POST", "/containers/{}/pause", containers_pause},
    {"POST", "/containers/{}/unpause", containers_unpause},
    {"POST", "/containers/{}/rename", containers_rename},
    {"POST", "/containers/{}/update", containers_update},
    {"GET", "/containers/{}/top", containers_top},
    {"GET", "/containers/{}/stats", containers_stats},
    {"POST", "/containers/prune", containers_prune},
    {"POST", "/containers/{}/wait", containers_wait},
    {"POST", "/containers/{}/resize", containers_resize},
    {"GET", "/containers/{}/logs", containers_logs},
    {"POST", "/containers/{}/attach", containers_attach},
    {"GET", "/containers/{}/changes", containers_changes},
    {"GET", "/containers/{}/export", containers_export},
    {"HEAD", "/containers/{}/archive", containers_archive_head},
    {"GET", "/containers/{}/archive", containers_archive_get},
    {"PUT", "/containers/{}/archive", containers_archive_put, containers_archive_put_begin},
    {"POST", "/containers/{}/exec", exec_create},
    {"POST", "/exec/{}/start", exec_start},
    {"GET", "/exec/{}/json", exec_inspect},
    {"POST", "/exec/{}/resize", exec_resize},

    {"GET", "/images/json", images_list},
    {"POST", "/images/create", images_create, images_create_begin},
    {"GET", "/images/{}/json", images_inspect},
    {"GET", "/images/{}/history", images_history},
    {"POST", "/images/load", images_load, images_load_begin},
    {"POST", "/images/prune", images_prune},
    {"GET", "/images/get", images_save},
    {"GET", "/images/{}/get", images_save_one},
    {"POST", "/images/{}/tag", images_tag},
    {"DELETE", "/images/{}", images_remove},

    {"GET", "/networks", networks_list},
    {"GET", "/networks/", networks_list},
    {"GET", "/networks/{}", networks_inspect},

    {"GET", "/volumes", volumes_list},
    {"POST", "/volumes/create", volumes_create},
    {"POST", "/volumes/prune", volumes_prune},
    {"GET", "/volumes/{}", volumes_inspect},
    {"DELETE", "/volumes/{}", volumes_remove},

    {"POST", "/swarm/init", NULL, NULL, "swarm mode"},
    {"POST", "/swarm/join", NULL, NULL, "swarm mode"},
    {"POST", "/swarm/leave", swarm_leave},
    SWARM("/swarm"),
    SWARM("/services"),
    SWARM("/nodes"),
    SWARM("/tasks"),
    SWARM("/secrets"),
    SWARM("/configs"),

    {"GET", "/containers/{}/attach/ws", NULL, NULL, "attaching over a WebSocket"},
    {"DELETE", "/containers/{}", containers_remove},

    {"POST", "/build", NULL, NULL, "building images"},
    {"POST", "/build/prune", build_prune},
    {"POST", "/build/cancel", NULL, NULL, "cancelling builds"},
    {"POST", "/commit", container_commit},
    {"POST", "/images/{}/push", NULL, NULL, "pushing images"},
    {"GET", "/images/search", NULL, NULL, "searching registries"},
    {"GET", "/distribution/{}/json", NULL, NULL, "asking registries about images"},
    {"POST", "/auth", NULL, NULL, "logging in to registries"},

    {"POST", "/networks/create", NULL, NULL, "creating networks"},
    {"POST", "/networks/prune", networks_prune},
    {"POST", "/networks/{}/connect", NULL, NULL, "connecting containers to networks"},
    {"POST", "/networks/{}/disconnect", NULL, NULL, "disconnecting containers from networks"},
    {"DELETE", "/networks/{}", NULL, NULL, "removing networks"},
    {"PUT", "/volumes/{}", NULL, NULL, "updating cluster volumes"},

    {"GET", "/berth/config", config_get},
    {"POST", "/berth/config/reload", config_reload_post},

    {"GET", "/plugins", plugins_list},
    {"GET", "/plugins/{}/json", plugins_inspect},
    {NULL, "/plugins", NULL, NULL, "Docker's plugins"},
    {NULL, "/plugins/{}", NULL, NULL, "Docker's plugins"},
    {"POST", "/session", NULL, NULL, "BuildKit sessions"},
    {"POST", "/grpc", NULL, NULL, "BuildKit"},
};
const size_t routes_n = ARRAY_SIZE(routes);
