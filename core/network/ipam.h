/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IPAM
 *
 * Addresses of one subnet. Which are in use is kept in memory; the engine tells it at boot what its rows say. Addresses
 * go round: one that was just released comes last, so that nobody's cached neighbour is somebody else. Safe from any
 * thread.
 */
#pragma once

#include "base/err.h"
#include "base/str.h"
#include "network/addr.h"

struct ipam;

/* subnet "172.29.0.0/16" or "fd00::/64"; range (addresses are given out of it; NULL: the subnet); gateway NULL: the
 * subnet's first. Network and broadcast addresses and the gateway are never given out. -EINVAL in words. */
int ipam_new(const char *subnet, const char *range, const char *gateway, struct ipam **out,
             struct err *err);
void ipam_free(struct ipam *i);
DEFINE_CLEANUP(struct ipam *, ipam_free);

/* "172.29.0.1"; borrowed. */
const char *ipam_gateway(const struct ipam *i);
/* The subnet with its host bits zero; borrowed. */
const char *ipam_subnet(const struct ipam *i);

/* A free address with prefix length ("172.29.0.2/16"; the caller's). -ENOSPC names the subnet. */
int ipam_alloc(struct ipam *i, char **out, struct err *err);
/* Takes one address, with or without prefix length. -EADDRINUSE, -EINVAL (not in the subnet, or not to be given out);
 * *out as in ipam_alloc(), may be NULL. */
int ipam_reserve(struct ipam *i, const char *address, char **out, struct err *err);
/* Whether it is taken. */
bool ipam_is_used(struct ipam *i, const char *address);
/* Adds every address that is taken, the gateway's too, without prefix length. */
void ipam_list(struct ipam *i, struct strv *out);
/* One that is not taken is fine. */
void ipam_release(struct ipam *i, const char *address);

/* The first subnet of `size` bits in the pools that `taken` does not refuse; pools: base "172.30.0.0/15" and size 24,
 * pairwise. `taken` returns true for a subnet that may not be used. -ENOSPC. The caller frees *out. */
struct ipam_pool {
    const char *base;
    unsigned size;
};
int ipam_pool_pick(const struct ipam_pool *pools, size_t n,
                   bool (*taken)(void *ctx, const struct cidr *subnet), void *ctx, char **out,
                   struct err *err);
