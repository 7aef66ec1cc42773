/* SPDX-License-Identifier: Apache-2.0 */
/* Log drivers as the engine needs them: options checked, the shim's plan.log, LogPath, and the reader. */
#pragma once

#include <berth/log.h>

#include "engine/internal.h"
#include "plugin/loader.h"

struct log_hosts;

/* A host for each log driver that is there. */
int log_hosts_open(struct engine *e, const struct config *cfg, struct log_hosts **out,
                   struct err *err);
void log_hosts_unref(struct log_hosts *h); /* NULL is fine */
/* The name of the driver of containers that ask for none, without aliases; borrowed, NULL: it is not there. */
const char *log_default_name(struct engine *e, const struct config *cfg);
/* Whether the default driver would take what daemon.conf alone gives it. -EINVAL in the driver's words. */
int log_defaults_check(struct engine *e, const struct config *cfg, struct err *err);

/* Docker's constant for "no log at all": it names the absence of a driver. */
#define LOG_NONE "none"

/* HostConfig.LogConfig {"Type","Config"}: fills in the configured driver, checks driver and options. -EINVAL, -ENOENT. */
int log_config_check(struct engine *e, json_t *host_config, struct err *err);
/* plan.log of a container, json null without a log. */
int log_plan(struct engine *e, const struct state_container *row, json_t **plan, struct err *err);
/* --- for log-read.c and log-status.c */
enum log_place { LOG_OWN, LOG_CACHE, LOG_FALLBACK };
struct plugin *log_driver_of(struct engine *e, const struct state_container *row, struct err *err);
/* A readable driver beside another: the configured one where it will do, else the first. NULL: there is none. */
struct plugin *log_second(struct engine *e, const struct plugin *but);
bool log_can_read(const struct plugin *p);
const struct berth_log_ops *log_ops(const struct plugin *p);
/* The hosts of now, a reference; NULL while the engine opens. */
struct log_hosts *log_hosts_ref(struct engine *e);
const struct plugin_host *log_host(const struct log_hosts *h, const struct plugin *p);
/* HostConfig.LogConfig */
const json_t *log_config(const struct state_container *row);
/* These are the caller's. */
json_t *log_daemon_options(struct engine *e, const struct plugin *p);
json_t *log_options_of(const struct state_container *row, enum log_place place);
json_t *log_info_json(struct engine *e, const struct state_container *row, const struct plugin *p,
                      enum log_place place);

/* --- log-read.c */
/* LogPath; "" where the driver has none. The caller frees. */
char *log_path(struct engine *e, const struct state_container *row);
/* The driver's own deletion of what it keeps, before the container's directory goes. */
void log_remove(struct engine *e, const struct state_container *row);
/* -ENOTSUP when there is nothing to read. */
int log_readable(struct engine *e, const struct state_container *row, struct err *err);
/* Whether every reader that may answer tells when it waits (BERTH_LOG_IDLE). */
bool log_tells_idle(struct engine *e, const struct state_container *row);
/* Whether the container's own driver can. */
bool log_has_reader(struct engine *e, const struct state_container *row);
/* As berth_log_ops.read of the container's driver, or of the cache beside it, with what a fallback has taken. */
int log_read(struct engine *e, const struct state_container *row,
             const struct berth_log_query *query,
             int (*each)(void *ctx, const struct berth_log_record *record), void *ctx,
             struct err *err);
