/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The networks as they are loaded
 *
 * One entry per network with its driver, checked options and address pools; built at start-up from daemon.conf and the rows, read-only
 * afterwards.
 */
#pragma once

#include "engine/internal.h"
#include "network/ipam.h"
#include "network/network.h"
#include "plugin/host.h"
#include "plugin/options.h"
#include "state/network.h"

struct net_driver {
    struct plugin *plugin;
    struct plugin_host *host;
    struct network_driver api;
};

struct net_entry {
    char *id, *name;
    struct net_driver *driver;
    struct options *options;
    struct ipam *ipam; /* NULL: the driver has no addresses */
    struct network_def def;
};

struct netset;

/* Also on failure *out is what was brought about so far. */
int netset_open(struct engine *e, struct netset **out, struct err *err);
/* Takes away what was made for the networks; their rows stay, and netset_open() makes it again. */
void netset_take_down(struct netset *s);
void netset_close(struct netset *s);
/* Borrowed; NULL when there is none. */
struct net_entry *netset_get(struct netset *s, const char *id);
