/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this folder share. */
#pragma once

#include "network/network.h"

struct network_ctx {
    char *instance;
    char *prefix; /* of host links */
    struct executor *exec;
    struct firewall *fw;
    struct netd_client *netd;
    struct netns_pool *pool;
};

/* Whether netd's answer says that a container holds ports. */
bool network_netd_holds(const json_t *netd, const char *container_id);
