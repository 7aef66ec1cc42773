/* SPDX-License-Identifier: Apache-2.0 */
/* The handlers, by resource; routes.c says which path leads where. */
#pragma once

#include "api/request.h"

#define HANDLER(name) int name(struct request *r, struct err *err)

HANDLER(system_ping);
HANDLER(system_version);
HANDLER(system_info);
HANDLER(system_events);
HANDLER(system_df);
HANDLER(berth_check);
HANDLER(plugins_list);
HANDLER(plugins_inspect);
HANDLER(swarm_refuse);
HANDLER(swarm_leave);

HANDLER(config_get);
HANDLER(config_reload_post);

HANDLER(containers_create);
HANDLER(containers_list);
HANDLER(containers_inspect);
HANDLER(containers_start);
HANDLER(containers_stop);
HANDLER(containers_kill);
HANDLER(containers_restart);
HANDLER(containers_pause);
HANDLER(containers_unpause);
HANDLER(containers_rename);
HANDLER(containers_update);
HANDLER(containers_top);
HANDLER(containers_stats);
HANDLER(containers_prune);
HANDLER(containers_wait);
HANDLER(containers_remove);
HANDLER(containers_resize);
HANDLER(containers_logs);
HANDLER(containers_attach);

HANDLER(container_commit);
HANDLER(containers_changes);
HANDLER(containers_export);
HANDLER(containers_archive_head);
HANDLER(containers_archive_get);
HANDLER(containers_archive_put_begin);
HANDLER(containers_archive_put);

HANDLER(exec_create);
HANDLER(exec_start);
HANDLER(exec_inspect);
HANDLER(exec_resize);

HANDLER(images_list);
HANDLER(images_inspect);
HANDLER(images_create_begin);
HANDLER(images_create);
HANDLER(images_tag);
HANDLER(images_remove);
HANDLER(images_history);
HANDLER(images_load_begin);
HANDLER(images_load);
HANDLER(images_save);
HANDLER(images_save_one);
HANDLER(images_prune);
HANDLER(build_prune);

HANDLER(networks_list);
HANDLER(networks_inspect);
HANDLER(networks_prune);

HANDLER(volumes_create);
HANDLER(volumes_list);
HANDLER(volumes_inspect);
HANDLER(volumes_remove);
HANDLER(volumes_prune);
