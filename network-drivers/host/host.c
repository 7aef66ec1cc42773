/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Network driver: host
 *
 * Containers share the host's own network namespace; nothing is made.
 */
#include "berth/network.h"

#ifndef DRIVER_PREFIX
#define DRIVER_PREFIX ""
#endif

static int host_open(const struct berth_host *host, void **self, struct berth_err *err)
{
    (void)err;
    *self = (void *)host;
    return 0;
}

static void host_close(void *self)
{
    (void)self;
}

static int network_create(void *self, const struct berth_network_info *net, struct berth_plan *plan,
                          struct berth_err *err)
{
    (void)self, (void)net, (void)plan, (void)err;
    return 0;
}

static int endpoint_create(void *self, const struct berth_network_info *net,
                           const struct berth_endpoint_info *ep, struct berth_plan *plan,
                           struct berth_err *err)
{
    (void)self, (void)net, (void)ep;
    int r = plan->netns(plan, BERTH_NETNS_HOST);
    return r < 0 ? berth_err_set(err, r, "the plan was not taken") : 0;
}

static const struct berth_network_ops ops = {
    .size = sizeof(ops),
    .open = host_open,
    .close = host_close,
    .network_create = network_create,
    .endpoint_create = endpoint_create,
};

BERTH_PLUGIN(.kind = BERTH_NETWORK, .name = DRIVER_PREFIX "host", .version = "1.0.0",
             .license = "Apache-2.0", .summary = "The host's own network namespace", .ops = &ops);
