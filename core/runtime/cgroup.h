/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Control groups
 *
 * Finds the layout that this machine has (v1, v1 with a v2 tree beside it, v2) and keeps one group per container in each
 * hierarchy: `<parent>-<instance>/<id>`; the engine, its shims and netd live in `<parent>-<instance>/engine`. On v2 the tree
 * begins below the unit's own delegated group where there is one, otherwise at the root. All functions are thread-safe; a
 * struct cgroup does not change after cgroup_open().
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/str.h"

struct cgroup;

/* `parent`: daemon.conf's cgroup_parent. Makes nothing yet. A machine without any hierarchy is fine: every limit is then
 * unsupported. */
int cgroup_open(const char *parent, const char *instance, struct cgroup **out, struct err *err);
void cgroup_close(struct cgroup *cg);
DEFINE_CLEANUP(struct cgroup *, cgroup_close);

/* 1 (hybrid too) or 2. */
int cgroup_version(const struct cgroup *cg);
/* Docker's members for /info: CgroupDriver, CgroupVersion, MemoryLimit, SwapLimit, CpuCfsPeriod, CpuCfsQuota, CPUShares, CPUSet,
 * PidsLimit, OomKillDisable; Warnings are pushed to `warnings` in Docker's words ("WARNING: No swap limit support"). */
void cgroup_info(const struct cgroup *cg, json_t *info, json_t *warnings);

/* Moves the calling process, all its threads, into the engine's group of every hierarchy; before other threads start. */
int cgroup_enter_engine(struct cgroup *cg, struct err *err);
/* For an engine that ends with no container left: out of that group again, and cgroup_remove_parent(). */
void cgroup_leave_engine(struct cgroup *cg);

/* For create: checks the limits in `host_config` as Docker does (-EINVAL in Docker's words), and takes those away that this
 * kernel cannot enforce, with a warning each ("Your kernel does not support … Limitation discarded."). */
int cgroup_check(const struct cgroup *cg, json_t *host_config, json_t *warnings, struct err *err);

/* Makes the container's groups and sets its limits and devices. Groups of that id that are there already and empty are
 * used. On failure nothing is left. */
int cgroup_create(struct cgroup *cg, const char *id, const json_t *host_config, struct err *err);
/* Sets the limits in `host_config` (those that are not zero; PidsLimit -1: none) on a container that has its groups. On failure they are
 * as they were. -ENOENT without groups. */
int cgroup_update(struct cgroup *cg, const char *id, const json_t *host_config, struct err *err);
/* Removes the container's groups, with those made below them. Groups that are gone are fine. Processes that are left
 * are killed, and their end is waited for, at most kill_ms; 0: they are not, and that is -EBUSY. */
int cgroup_destroy(struct cgroup *cg, const char *id, int64_t kill_ms, struct err *err);
/* Freezes or thaws; returns when it is done (at most 10 s). -ENOTSUP without a freezer. */
int cgroup_freeze(struct cgroup *cg, const char *id, bool frozen, struct err *err);
/* Whether a container's group is frozen, or about to be. */
bool cgroup_is_frozen(const struct cgroup *cg, const char *id);
/* Every process in the container's groups, those in groups below too; *pids is the caller's. No groups: 0 pids. */
int cgroup_procs(struct cgroup *cg, const char *id, pid_t **pids, size_t *n, struct err *err);
/* Container ids (full) that have groups of this instance. */
int cgroup_list(struct cgroup *cg, struct strv *ids, struct err *err);
/* Removes `<parent>-<instance>` itself where nothing is left in it (the engine's group is left when processes are in it). */
void cgroup_remove_parent(struct cgroup *cg);

/* plan.cgroup and plan.oom of a container: new references. */
json_t *cgroup_plan(const struct cgroup *cg, const char *id);
json_t *cgroup_plan_oom(const struct cgroup *cg, const char *id);
/* Pushes the plan's mounts for /sys/fs/cgroup. `private_ns`: the container has a cgroup namespace of its own. */
void cgroup_plan_mounts(const struct cgroup *cg, const char *id, bool private_ns, bool writable,
                        json_t *mounts);
/* The container's group in the hierarchy of one v1 controller ("memory"), or the v2 group (controller NULL); NULL when
 * there is no such hierarchy. The caller frees. */
char *cgroup_path(const struct cgroup *cg, const char *id, const char *controller);
