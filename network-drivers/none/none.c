/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Network driver: none
 *
 * Containers get a network namespace with nothing but lo.
 */
#include "berth/network.h"

#ifndef DRIVER_PREFIX
#define DRIVER_PREFIX ""
#endif

static int none_open(const struct berth_host *host, void **self, struct berth_err *err)
{
    (void)err;
    *self = (void *)host;
    return 0;
}

static void none_close(void *self)
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
    int r = plan->netns(plan, BERTH_NETNS_NEW);
    return r < 0 ? berth_err_set(err, r, "the plan was not taken") : 0;
}

static const struct berth_network_ops ops = {
    .size = sizeof(ops),
    .open = none_open,
    .close = none_close,
    .network_create = network_create,
    .endpoint_create = endpoint_create,
};

BERTH_PLUGIN(.kind = BERTH_NETWORK, .name = DRIVER_PREFIX "none", .aliases = DRIVER_PREFIX "null",
             .version = "1.0.0", .license = "Apache-2.0",
             .summary = "A network namespace with nothing but lo", .ops = &ops);
