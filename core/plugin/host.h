/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the host gives a driver
 *
 * Builds struct berth_host for one driver. What needs the rest of the engine (netlink, tar, events) comes in as
 * functions, so that this folder knows nobody; without them the slots are NULL, as in the shim.
 */
#pragma once

#include <berth/host.h>
#include <jansson.h>

#include "plugin/loader.h"

/* Given by the daemon; outlives every host. A slot that is NULL is NULL for drivers, too. */
struct host_services {
    void *ctx;
    int (*netlink)(void *ctx, const void *nlmsg, size_t n, struct err *err);
    int (*tar_unpack)(void *ctx, int tar_fd, int dir_fd, uint32_t whiteout_form, struct err *err);
    int (*tar_pack)(void *ctx, int dir_fd, int tar_fd, uint32_t whiteout_form, struct err *err);
    void (*event)(void *ctx, uint32_t kind, const char *driver, const char *action,
                  const char *actor, const char *const *attributes);
};

struct host_params {
    const struct plugin *plugin;      /* outlives the host */
    const char *data_root, *run_root; /* the driver's directories are <root>/<kind>/<name> */
    const char *instance;             /* 8 hex digits */
    const json_t *options; /* daemon.conf's for this driver: an object of strings, or NULL */
    const struct host_services *services;
};

struct plugin_host;

/* Makes the driver's directories (0700) and checks its options. Free after the driver's close(). */
int host_new(const struct host_params *params, struct plugin_host **out, struct err *err);
/* For the shim: log, alloc, options, timers, and a data_dir (borrowed text, copied; may be NULL) that is there or is
 * made. */
int host_new_minimal(const struct plugin *plugin, const char *data_dir, const char *instance,
                     const json_t *options, struct plugin_host **out, struct err *err);
void host_free(struct plugin_host *h);
DEFINE_CLEANUP(struct plugin_host *, host_free);

/* Borrowed; valid as long as `h`. */
const struct berth_host *host_table(const struct plugin_host *h);
